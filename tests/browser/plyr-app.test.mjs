// The installed app of rules/plyr.json, and browsers that come with a past: a window of its own, the service worker, old cookies of Access, cookies that
// are blocked.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { after, before, describe, it } from 'node:test';
import { playwright } from '../harness/lib.mjs';
import { chromiumOptions, startChromium } from '../harness/parts.mjs';
import { API, startPlyr, STG } from '../harness/plyr.mjs';
import { endAll, until } from '../harness/wait.mjs';

const SESSION = '__Secure-tiergate';
const shots = process.env.TIERGATE_SCREENSHOTS;

describe('plyr, installed', () => {
  let site, chromium;
  before(async () => {
    site = await startPlyr();
    chromium = await startChromium(site.names);
  });
  after(async () => {
    await chromium?.stop();
    await endAll(site);
  });
  const shoot = (p, name) => shots && p.screenshot({ path: path.join(shots, `${name}.png`), fullPage: true });
  const start = () => site.url(STG, '/?source=pwa');
  const said = (p, words) => p.waitForFunction((w) => document.querySelector('#said')?.textContent === w, words);

  /** run(context) with a Chromium of its own, that begins with `args` and knows `preferences`. */
  const withBrowser = async ({ args = [], preferences }, run) => {
    const { home, launch } = chromiumOptions(site.names.map((h) => `MAP ${h} 127.0.0.1`).join(', '));
    const data = path.join(home, 'data');
    if (preferences) {
      fs.mkdirSync(path.join(data, 'Default'), { recursive: true });
      fs.writeFileSync(path.join(data, 'Default/Preferences'), JSON.stringify(preferences));
    }
    const context = await playwright().chromium.launchPersistentContext(data, { ...launch, args: [...launch.args, ...args], viewport: null });
    context.setDefaultTimeout(30000);
    try {
      return await run(context);
    } finally {
      await context.close();
      fs.rmSync(home, { recursive: true, force: true });
    }
  };
  const withProfile = async (run) => {
    const context = await chromium.browser.newContext();
    context.setDefaultTimeout(30000);
    try {
      return await run(await context.newPage(), context);
    } finally {
      await context.close();
    }
  };
  const controlled = (p) => p.waitForFunction(() => navigator.serviceWorker.controller?.state === 'activated');
  // undefined: what was asked has ended meanwhile.
  const version = (p) => p.evaluate(() => new Promise((resolve) => {
    const { port1, port2 } = new MessageChannel();
    setTimeout(resolve, 1000);
    port1.onmessage = (m) => resolve(m.data);
    navigator.serviceWorker.controller.postMessage('version', [port2]);
  }));

  for (const [way, signIn] of [['GitHub', (p) => site.byGithub(p)], ['a code by mail', (p) => site.byPin(p, 'app@plyr.fm')]])
    it(`starts in a window of its own, signs in by ${way}, and is back in the app`, () => withBrowser({ args: [`--app=${start()}`, '--window-size=390,844'] }, async (context) => {
      const p = context.pages()[0] ?? (await context.waitForEvent('page'));
      await p.getByRole('heading', { name: 'Sign in' }).waitFor();
      assert.ok(await p.evaluate(() => matchMedia('(display-mode: standalone)').matches), 'a window as an installed app has it');
      await shoot(p, `app-${way.split(' ')[0]}`);
      await signIn(p);
      await p.waitForURL(start());
      await said(p, 'tracks');
      assert.equal(context.pages().length, 1, 'all of it in the one window');
      assert.ok(await p.evaluate(() => matchMedia('(display-mode: standalone)').matches));
      assert.equal(await p.textContent('#path'), '/?source=pwa');
      // Started once more, now with its worker and its session.
      await controlled(p);
      await p.goto(start());
      await said(p, 'tracks');
    }));

  it('can be installed: Chromium finds nothing amiss with its manifest, before and after the sign-in', () => withProfile(async (p, context) => {
    await p.goto(start());
    await site.byGithub(p);
    await p.waitForURL(start());
    const cdp = await context.newCDPSession(p);
    const { url, errors, data } = await cdp.send('Page.getAppManifest');
    assert.equal(url, site.url(STG, '/manifest.webmanifest'));
    assert.deepEqual(errors, []);
    assert.equal(JSON.parse(data).start_url, '/?source=pwa');
    const { installabilityErrors } = await cdp.send('Page.getInstallabilityErrors');
    // A context of tests is as an incognito window, where nothing is installed.
    assert.deepEqual(installabilityErrors.map((e) => e.errorId).filter((e) => e !== 'in-incognito'), []);
    const line = await site.gate.line((l) => l.path === '/manifest.webmanifest');
    assert.deepEqual([line.status, line.decision], [200, 'bypass']);
  }));

  it('starts without a network; back on it with a session that is over, it signs in and is back', () => withProfile(async (p, context) => {
    await p.goto(start());
    await site.byGithub(p);
    await p.waitForURL(start());
    await controlled(p);
    await context.setOffline(true);
    await p.goto(start());
    assert.equal(await p.title(), 'plyr, without a network');
    await p.fill('#draft', 'written on a train');
    await context.clearCookies({ name: SESSION });
    await context.setOffline(false);
    const asked = await p.evaluate(() => ask('/tracks'));
    assert.deepEqual([asked.status, asked.redirected, asked.body.error], [401, false, 'sign_in_required']);
    // The worker fetches the page, is redirected to sign in, and hands that on.
    await p.goto(start());
    await site.byGithub(p);
    await p.waitForURL(start());
    assert.equal(await p.title(), 'plyr');
    assert.equal(await p.inputValue('#draft'), 'written on a train');
    await said(p, 'tracks');
  }));

  it('the worker\'s update meets a session that is over: 401, no redirect, and the app goes on with the worker that it has', () => withProfile(async (p, context) => {
    await p.goto(start());
    await site.byGithub(p);
    await p.waitForURL(start());
    await controlled(p);
    const had = await version(p);
    site.front.version++;
    await context.clearCookies({ name: SESSION });
    const update = () => p.evaluate(() => navigator.serviceWorker.ready.then((r) => r.update()).then(() => 'updated', (e) => e.name));
    assert.notEqual(await update(), 'updated');
    // Lines are written a little later: one of before may still come.
    const line = await site.gate.line((l) => l.path === '/sw.js' && l.status !== 200);
    assert.deepEqual([line.status, line.decision, line.reason], [401, 'gate', 'sign-in']);
    assert.equal(await version(p), had);
    await p.goto(start());
    await site.byGithub(p);
    await p.waitForURL(start());
    // When the new one takes over is Chromium's affair; that it came through is the gate's.
    const came = site.front.requests.filter((r) => r.url === '/sw.js').length;
    assert.equal(await update(), 'updated');
    assert.equal(site.front.requests.filter((r) => r.url === '/sw.js').length, came + 1);
  }));

  it('renews in a window while it is controlled by its worker, and shows its page again', () => withProfile(async (p, context) => {
    await p.goto(start());
    await site.byGithub(p);
    await p.waitForURL(start());
    await controlled(p);
    await p.fill('#draft', 'kept');
    await context.clearCookies({ name: SESSION });
    const opened = context.waitForEvent('page');
    await p.click('#renew');
    const shown = await opened;
    await site.byGithub(shown);
    await until('the window to be gone', () => shown.isClosed(), 20000);
    assert.equal((await p.evaluate(() => ask('/tracks'))).status, 200);
    assert.equal(await p.inputValue('#draft'), 'kept');
  }));

  describe('after a cut-over from Access', () => {
    // As Access sets them: on each host by itself, for a day, with a token that nobody here can read.
    const token = (host) => ['{"alg":"RS256","kid":"0"}', JSON.stringify({ aud: ['0'.repeat(64)], email: 'alice@example.com', iss: 'https://team.example', host, pad: 'x'.repeat(700) }), 'y'.repeat(256)].map((s) => Buffer.from(s).toString('base64url')).join('.');
    const left = async (context) => {
      await context.addCookies([STG, API].flatMap((host) => ['CF_Authorization', 'CF_AppSession', 'CF_Binding'].map((name) => ({
        name, value: name === 'CF_Authorization' ? token(host) : 'n0123456789abcdef', url: site.url(host), httpOnly: true, sameSite: 'None', secure: true
      }))));
      for (const c of await context.cookies()) assert.doesNotMatch(c.domain, /^\./, 'host-only');
    };
    const CASES = [['its own name', undefined, SESSION], ['the name that Access used', 'CF_Authorization', 'CF_Authorization']];

    for (const [what, cookie, name] of CASES)
      describe(`the gate's cookie has ${what}`, () => {
        before(async () => {
          const rules = structuredClone(site.rules);
          if (cookie) rules.session.cookie = cookie;
          await site.gate.reload(rules, /reload: ok/);
        });
        for (const [way, signIn] of [['GitHub', (p) => site.byGithub(p)], ['a code by mail', (p) => site.byPin(p, `${cookie ? 'old' : 'new'}@plyr.fm`)]])
          it(`nobody loops: signs in by ${way}, both hosts are open, and signs out`, () => withProfile(async (p, context) => {
            await left(context);
            const redirects = [];
            p.on('response', (r) => r.status() >= 300 && r.status() < 400 && redirects.push(`${r.status()} ${r.url()}`));
            await p.goto(site.url(STG, '/first'));
            await signIn(p);
            await p.waitForURL(site.url(STG, '/first'));
            await said(p, 'tracks');
            const { body } = await p.evaluate(() => ask('/tracks'));
            assert.equal(/CF_Authorization/.test(body.headers.cookie), !cookie, 'the app gets cookies that are not the gate\'s');
            assert.match(body.headers.cookie, /CF_AppSession=/);
            await p.goto(site.url(API, '/tracks'));
            assert.match(await p.textContent('body'), /"path":"\/tracks"/);
            await p.goto(site.url(STG, '/second'));
            await said(p, 'tracks');
            assert.ok((await context.cookies()).some((c) => c.name === name && c.domain === '.plyr.fm'));
            // And out again; what Access left is in nobody's way on the next day either.
            await p.goto(site.url(STG, '/.tiergate/sign-out'));
            await p.getByRole('button', { name: 'Sign out', exact: true }).click();
            await p.getByRole('heading', { name: /signed out/i }).waitFor();
            assert.ok(!(await context.cookies()).some((c) => c.name === name && c.domain === '.plyr.fm'));
            await p.goto(site.url(API, '/tracks?again'));
            assert.equal(await p.getByRole('alert').count(), 0);
            await site.byGithub(p);
            await p.waitForURL(site.url(API, '/tracks?again'));
            assert.ok(redirects.length <= 10, redirects.join('\n'));
          }));
      });
  });

  it('a browser that keeps no cookie gets a page that says so, not one redirect after the other', () => withBrowser({ preferences: { profile: { default_content_setting_values: { cookies: 2 } } } }, async (context) => {
    const p = context.pages()[0] ?? (await context.newPage());
    const redirects = [], mails = site.post.mails.length;
    p.on('response', (r) => r.status() >= 300 && r.status() < 400 && redirects.push(r.url()));
    await p.goto(site.url(STG, '/'));
    await site.byGithub(p);
    await p.getByRole('alert').waitFor();
    assert.match(await p.textContent('main'), /did not keep this site's cookie/);
    await shoot(p, 'no-cookies');
    assert.ok(redirects.length < 8, redirects.join('\n'));
    assert.deepEqual(await context.cookies(), []);
    await p.goto(site.url(STG, '/'));
    assert.equal(await p.getByRole('alert').count(), 0);
    await p.getByLabel('E-mail address').fill('blocked@plyr.fm');
    await p.getByRole('button', { name: 'Send me a code' }).click();
    await p.getByRole('alert').waitFor();
    assert.match(await p.textContent('main'), /did not keep this site's cookie/);
    assert.equal(site.post.mails.length, mails, 'it could not be used');
  }));
});
