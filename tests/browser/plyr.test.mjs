// rules/plyr.json end to end in Chromium: both hosts, both ways, one sign-in; what the origins get; refusals; tabs, the way back, sign-out.
import assert from 'node:assert/strict';
import path from 'node:path';
import { after, before, describe, it } from 'node:test';
import { axe } from '../harness/axe.mjs';
import { startChromium } from '../harness/parts.mjs';
import { API, ORIGIN_KEY, startPlyr, STG } from '../harness/plyr.mjs';
import { accessVerifier } from '../harness/verifier.mjs';
import { endAll, sleep, until } from '../harness/wait.mjs';

const SESSION = '__Secure-tiergate';
const shots = process.env.TIERGATE_SCREENSHOTS;
const phone = { viewport: { width: 390, height: 844 }, isMobile: true, hasTouch: true };
const PUT = { method: 'PUT', headers: { 'Content-Type': 'application/json', Authorization: 'Bearer of the app' }, body: '{}' };

describe('plyr in Chromium', () => {
  let site, chromium;
  before(async () => {
    site = await startPlyr();
    chromium = await startChromium([...site.names, 'elsewhere.example.test']);
  });
  after(async () => {
    await chromium?.stop();
    await endAll(site);
  });

  const withProfile = async (run, options) => {
    const context = await chromium.browser.newContext(options);
    context.setDefaultTimeout(30000);
    try {
      return await run(await context.newPage(), context);
    } finally {
      await context.close();
    }
  };
  const shoot = (p, name) => shots && p.screenshot({ path: path.join(shots, `${name}.png`), fullPage: true });
  const heading = (p, words) => p.getByRole('heading', { name: words }).waitFor();
  const arrives = (p, host, at) => p.waitForURL(site.url(host, at));
  const WAYS = [['GitHub', (p) => site.byGithub(p), 'alice@example.com'], ['a code by mail', (p) => site.byPin(p, 'dev@plyr.fm'), 'dev@plyr.fm']];

  for (const [way, signIn, email] of WAYS)
    it(`one sign-in by ${way} is good for both hosts, and leads back`, () => withProfile(async (p, context) => {
      await p.goto(site.url(STG, '/tracks?x=1%2F2&y=a+b#there'));
      assert.equal(new URL(p.url()).host, `${STG}:${site.gate.port}`);
      await signIn(p);
      await p.waitForURL((u) => u.pathname === '/tracks');
      assert.equal(p.url().replace(/#.*/, ''), site.url(STG, '/tracks?x=1%2F2&y=a+b'));
      assert.equal(await p.textContent('#who'), email);
      const [cookie, ...more] = (await context.cookies()).filter((c) => c.name === SESSION);
      assert.deepEqual(more, []);
      assert.deepEqual([cookie.domain, cookie.path, cookie.secure, cookie.httpOnly, cookie.sameSite], ['.plyr.fm', '/', true, true, 'Lax']);
      for (const cors of [false, true]) {
        site.api.cors = cors;
        const got = await p.evaluate(() => ask('/tracks'));
        assert.equal(got.status, 200, JSON.stringify(got));
        const put = await p.evaluate((init) => ask('/tracks/1', init), PUT);
        assert.equal(put.status, 200, JSON.stringify(put));
        const { headers } = put.body;
        assert.equal(headers.authorization, PUT.headers.Authorization);
        assert.equal(headers['x-origin-key'], ORIGIN_KEY);
        assert.equal(headers['cf-access-authenticated-user-email'], email);
        assert.doesNotMatch(headers.cookie ?? '', /tiergate/);
      }
      assert.equal(site.api.requests.some((r) => r.method === 'OPTIONS'), false, 'preflights are answered at the edge');
      await p.goto(site.url(API, '/tracks'));
      assert.match(await p.textContent('body'), /"path":"\/tracks"/);
    }));

  it('a sign-in that began at the API ends there, and opens the front', () => withProfile(async (p) => {
    await p.goto(site.url(API, '/tracks?page=2'));
    assert.equal(new URL(p.url()).hostname, STG, 'people sign in on one host');
    await site.byGithub(p);
    await arrives(p, API, '/tracks?page=2');
    assert.match(await p.textContent('body'), /"path":"\/tracks\?page=2"/);
    await p.goto(site.url(STG, '/'));
    assert.equal(await p.title(), 'plyr');
  }));

  it('what the origins get is what Access gave them: jose believes it, by host', () => withProfile(async (p) => {
    await p.goto(site.url(STG, '/asserted'));
    await site.byGithub(p);
    await arrives(p, STG, '/asserted');
    const { body } = await p.evaluate(() => ask('/asserted'));
    const verify = accessVerifier(`https://${STG}:${site.gate.port}`);
    const tokens = [site.front.requests.find((r) => r.url === '/asserted').headers, body.headers].map((h) => h['cf-access-jwt-assertion']);
    const auds = tokens.map((t) => JSON.parse(Buffer.from(t.split('.')[1], 'base64url')).aud[0]);
    assert.notEqual(auds[0], auds[1]);
    for (const i of [0, 1]) {
      const claims = await verify(tokens[i], auds[i]);
      assert.equal(claims.email, 'alice@example.com');
      assert.equal(claims.type, 'app');
      await assert.rejects(verify(tokens[i], auds[1 - i]), /aud/);
    }
  }));

  it('the rules above the wildcard let anybody pass, with no sign-in and no identity', async () => {
    const open = [[STG, '/manifest.webmanifest'], [STG, '/icons/icon-192.png'], ...['/health', '/docs', '/openapi.json', '/oauth-client-metadata.json', '/.well-known/jwks.json'].map((at) => [API, at])];
    for (const [host, at] of open)
      for (const method of ['GET', 'HEAD']) {
        const r = await site.gate.request({ host, path: at, method, headers: { 'Cf-Access-Jwt-Assertion': 'made up' } });
        assert.deepEqual([r.status, r.has('tiergate'), r.has('set-cookie')], [200, false, false], `${method} ${host}${at}`);
        const came = (host === STG ? site.front : site.api).requests.findLast((q) => q.url === at);
        assert.equal(came.headers['cf-access-jwt-assertion'], undefined);
        assert.equal(came.headers['x-origin-key'], ORIGIN_KEY);
      }
    const came = site.front.requests.length + site.api.requests.length;
    for (const [host, at, method = 'GET'] of [[API, '/health', 'DELETE'], [API, '/docs/x'], [API, '/Health'], [API, '/health/'], [API, '//health'], [STG, '/icons/../'], [STG, '/icons/%2e%2e/x'], [STG, '/sw.js']]) {
      const r = await site.gate.request({ host, path: at, method, headers: { 'Sec-Fetch-Mode': 'cors' } });
      assert.ok([401, 403].includes(r.status), `${method} ${at}: ${r.status}`);
    }
    assert.equal(site.front.requests.length + site.api.requests.length, came, 'no origin saw any of it');
  });

  it('a page of the API that is open to all reads 401 in JSON, and is never redirected', () => withProfile(async (p) => {
    await p.goto(site.url(API, '/health'));
    const r = await p.evaluate(async (u) => {
      const got = await fetch(u, { credentials: 'include' });
      return { status: got.status, redirected: got.redirected, body: await got.json() };
    }, site.url(API, '/tracks'));
    assert.deepEqual([r.status, r.redirected], [401, false]);
    assert.ok(r.body.sign_in.startsWith(site.url(STG, '/.tiergate/sign-in?')));
  }));

  it('the front\'s own server renders from the gated API by the token ssr, which opens nothing else', () => withProfile(async (p) => {
    await p.goto(site.url(STG, '/rendered'));
    await site.byGithub(p);
    await arrives(p, STG, '/rendered');
    const got = JSON.parse(await p.textContent('#rendered'));
    assert.deepEqual([got.status, got.cookies], [200, undefined]);
    const { headers } = JSON.parse(got.text);
    assert.equal(headers.authorization, 'Bearer of the app');
    assert.equal(headers['cf-access-client-secret'], undefined);
    const by = (host, id, secret) => site.gate.request({ host, path: '/tracks', headers: { 'CF-Access-Client-Id': id, 'CF-Access-Client-Secret': secret } });
    for (const [host, id, want] of [[API, 'ssr', 200], [STG, 'ssr', 403], [API, 'smoke', 200], [STG, 'smoke', 200]]) {
      const r = await by(host, id, site.tokens[id]);
      assert.deepEqual([r.status, r.has('set-cookie')], [want, false], `${host} ${id}`);
    }
    assert.equal((await by(API, 'smoke', site.tokens.ssr)).status, 401);
  }));

  it('who is of no organisation, or waits for it, is told so in plain words', async () => {
    for (const [who, words] of [['mallory', /Not a member/], ['someone', /Not a member/], ['paul', /Your invitation waits/]])
      await withProfile(async (p, context) => {
        await p.goto(site.url(STG, '/'));
        await site.byGithub(p, who);
        await heading(p, words);
        assert.match(await p.textContent('main'), new RegExp(`You signed in with ${who}`));
        assert.deepEqual(await axe(p), []);
        await shoot(p, `denied-${who}`);
        assert.deepEqual((await context.cookies()).filter((c) => c.name === SESSION), []);
        const there = p.getByRole('link', { name: 'Go to the invitation' });
        if (who === 'paul') assert.equal(await there.getAttribute('href'), `${site.github.url}/orgs/plyr-fm/invitation`);
        else assert.equal(await there.count(), 0);
        // Another account, from that very page.
        await p.getByRole('link', { name: who === 'paul' ? 'Sign in again' : 'Use another account' }).click();
        await site.byGithub(p, 'alice');
        await arrives(p, STG, '/');
        const asked = site.github.requests.findLast((r) => r.path === '/login/oauth/authorize' && r.method === 'GET');
        assert.equal(asked.query.get('prompt'), who === 'paul' ? null : 'select_account', 'else GitHub would send the same account back at once');
      }, phone);
  });

  it('someone@example.com reads what everybody reads, and gets no mail', () => withProfile(async (p, context) => {
    await p.goto(site.url(STG, '/'));
    await site.askForCode(p, 'someone@example.com');
    assert.match(await p.textContent('main'), /If someone@example\.com may come in, a code is on its way/);
    await site.enter(p, '1234 5678');
    await p.getByRole('alert').waitFor();
    assert.equal(site.post.to?.('someone@example.com')?.length ?? site.post.mails.filter((m) => m.to.includes('someone@example.com')).length, 0);
    assert.deepEqual((await context.cookies()).filter((c) => c.name === SESSION), []);
    const tell = (l) => /pin-not-sent/.test(JSON.stringify(l));
    assert.ok(site.gate.lines().some(tell) || /pin-not-sent/.test(site.gate.stdout + site.gate.stderr));
  }));

  it('a wrong code, one more mail, the right one', () => withProfile(async (p) => {
    await p.goto(site.url(STG, '/after-all'));
    await site.askForCode(p, 'resend@plyr.fm');
    await shoot(p, 'code');
    const first = await site.code('resend@plyr.fm');
    await site.enter(p, first.startsWith('0') ? '9999 9999' : '0000 0000');
    await p.getByRole('alert').waitFor();
    assert.deepEqual(await axe(p), []);
    await shoot(p, 'wrong-code');
    await p.getByRole('button', { name: 'Send another code' }).click();
    await p.getByLabel('Code from the mail').waitFor();
    await shoot(p, 'resend-too-soon');
    let code = first;
    if (!site.withoutClock) {
      site.wait(31);
      await p.getByRole('button', { name: 'Send another code' }).click();
      code = await site.code('resend@plyr.fm');
      assert.notEqual(code, first);
      await shoot(p, 'resent');
    }
    await site.enter(p, code);
    await arrives(p, STG, '/after-all');
  }, phone));

  it('several tabs sign in at the same time, each to its own end', () => withProfile(async (p, context) => {
    const tabs = [p, ...(await Promise.all([1, 2, 3].map(() => context.newPage())))];
    await Promise.all(tabs.map((t, i) => t.goto(site.url(i % 2 ? API : STG, `/tab/${i}`))));
    await site.askForCode(tabs[3], 'tabs@plyr.fm');
    const code = await site.code('tabs@plyr.fm');
    for (const t of tabs.slice(0, 3)) await t.getByRole('link', { name: 'Continue with GitHub' }).click();
    await Promise.all(tabs.slice(0, 3).map((t) => t.getByRole('button', { name: 'Authorize as alice', exact: true }).waitFor()));
    await Promise.all([...tabs.slice(0, 3).map((t) => t.getByRole('button', { name: 'Authorize as alice', exact: true }).click()), site.enter(tabs[3], code)]);
    await Promise.all(tabs.map((t, i) => arrives(t, i % 2 ? API : STG, `/tab/${i}`)));
    for (const [i, t] of tabs.entries()) assert.match(await t.textContent('body'), new RegExp(`/tab/${i}`));
    assert.equal((await context.cookies()).filter((c) => c.name === SESSION).length, 1);
  }));

  for (const [way, signIn] of [['GitHub', (p) => site.byGithub(p)], ['a code by mail', (p) => site.byPin(p, 'back@plyr.fm')]])
    it(`Back after a sign-in by ${way} ends in the app or at a page that helps, never in a loop`, () => withProfile(async (p) => {
      let redirects = 0;
      await p.goto(site.url(STG, '/.tiergate/health'));
      await p.goto(site.url(STG, '/deep?x=1'));
      await signIn(p);
      await arrives(p, STG, '/deep?x=1');
      p.on('response', (r) => (redirects += r.status() >= 300 && r.status() < 400));
      const seen = [];
      // The page of the code answered a POST: there Chromium asks whether to send it again, and one step further is the page before it.
      for (let i = 0; i < 6 && !p.url().endsWith('/health'); i++) {
        await p.goBack().catch((e) => assert.match(e.message, /ERR_CACHE_MISS|interrupted by another navigation/));
        await sleep(300);
        await p.waitForLoadState().catch(() => {});
        seen.push(`${p.url()} ${await p.textContent('body').catch((e) => e.message)}`);
      }
      assert.ok(p.url().endsWith('/health'), 'there is a way back to where one came from');
      assert.ok(redirects < 12, `${redirects} redirects: ${seen.join('\n')}`);
      for (const s of seen) assert.doesNotMatch(s, /did not keep|begin again|did not work/i);
      await p.goto(site.url(STG, '/deep?x=1'));
      assert.equal(await p.title(), 'plyr');
    }));

  it('signed out here: this browser\'s session, on both hosts', () => withProfile(async (p, context) => {
    await p.goto(site.url(STG, '/'));
    await site.byGithub(p);
    await arrives(p, STG, '/');
    const old = (await context.cookies()).find((c) => c.name === SESSION);
    await p.goto(site.url(STG, '/.tiergate/sign-out'));
    await shoot(p, 'sign-out');
    await p.getByRole('button', { name: 'Sign out', exact: true }).click();
    await heading(p, /signed out/i);
    await shoot(p, 'signed-out');
    assert.deepEqual((await context.cookies()).filter((c) => c.name === SESSION), []);
    for (const host of [STG, API]) {
      const r = await site.gate.request({ host, path: '/x', headers: { Cookie: `${SESSION}=${old.value}`, 'Sec-Fetch-Mode': 'cors' } });
      assert.equal(r.status, 401, 'a copy of the cookie is worth nothing');
    }
    await p.goto(site.url(API, '/x'));
    await heading(p, 'Sign in');
    assert.equal(await p.getByRole('alert').count(), 0);
  }, phone));

  it('signed out everywhere: the other browser too, which then signs in again where it was, with its draft', () => withProfile((p) => withProfile(async (other) => {
    for (const one of [p, other]) {
      await one.goto(site.url(STG, '/write?x=1'));
      await site.byGithub(one);
      await arrives(one, STG, '/write?x=1');
    }
    await other.fill('#draft', 'half a sentence');
    await other.waitForFunction(() => document.querySelector('#said').textContent === 'tracks');
    await p.goto(site.url(STG, '/.tiergate/sign-out'));
    await p.getByRole('button', { name: /everywhere/i }).click();
    await heading(p, /signed out/i);
    const r = await other.evaluate(() => ask('/tracks'));
    assert.deepEqual([r.status, r.redirected, r.body.error], [401, false, 'sign_in_required']);
    assert.equal(await other.inputValue('#draft'), 'half a sentence');
    await sleep(1100); // what is proven in the very second of a revocation is taken back with the rest
    await other.reload();
    await heading(other, 'Sign in');
    assert.doesNotMatch(await other.textContent('main'), /cookie/i);
    await site.byGithub(other);
    await arrives(other, STG, '/write?x=1');
    assert.equal(await other.inputValue('#draft'), 'half a sentence');
  })));

  it('a session that is a day old ends; the page keeps its state while a window signs in anew', async (t) => {
    if (site.withoutClock) return t.skip(site.withoutClock);
    await withProfile(async (p, context) => {
      await p.goto(site.url(STG, '/long'));
      await site.byGithub(p);
      await arrives(p, STG, '/long');
      await p.fill('#draft', 'a sentence');
      site.wait(86400 - 60);
      await until('GitHub to be looked at again', async () => (await p.evaluate(() => ask('/tracks'))).status === 200, 20000);
      site.wait(61);
      const r = await p.evaluate(() => ask('/tracks'));
      assert.deepEqual([r.status, r.body.error], [401, 'sign_in_required']);
      const opened = context.waitForEvent('page');
      await p.click('#renew');
      const shown = await opened;
      await site.byPin(shown, 'later@plyr.fm');
      await p.waitForFunction(() => document.querySelector('#said').textContent === 'tracks');
      assert.equal(await p.inputValue('#draft'), 'a sentence');
      await until('the window to be gone', () => shown.isClosed());
    });
  });

  it('the pages are right: axe, phone, light and dark, no script needed', async () => {
    for (const [look, options] of [['phone', phone], ['dark', { ...phone, colorScheme: 'dark' }], ['plain', { javaScriptEnabled: false }]])
      await withProfile(async (p) => {
        const judge = async (name) => {
          await shoot(p, `${name}-${look}`);
          if (options.javaScriptEnabled === false) return;
          assert.deepEqual(await axe(p), [], name);
          assert.ok(await p.evaluate(() => document.documentElement.scrollWidth <= innerWidth), `${name} is too wide`);
        };
        const shown = await p.goto(site.url(STG, '/'));
        assert.match(shown.headers()['content-security-policy'], /default-src 'none'.*frame-ancestors 'none'/s);
        assert.equal(shown.headers()['cache-control'], 'no-store');
        await judge('sign-in');
        await p.goto(site.url(STG, '/.tiergate/github/callback?code=x&state=x'));
        await judge('begin-again');
        await p.goto(site.url(STG, '/.tiergate/sign-out'));
        await judge('sign-out-nobody');
        await p.goto(site.url(STG, '/.tiergate/sign-in'));
        await site.byGithub(p);
        await p.waitForURL((u) => u.hostname === STG && !u.pathname.startsWith('/.tiergate/github'));
        await p.goto(site.url(STG, '/.tiergate/signed-in'));
        await judge('signed-in');
      }, options);
  });
});
