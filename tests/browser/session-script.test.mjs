// An app whose session ends under an open page: /.tiergate/session.js lets people sign in anew in a window while the page keeps its
// state, tells before the end, and stops an app that reloads for ever.
import assert from 'node:assert/strict';
import http from 'node:http';
import { after, before, describe, it } from 'node:test';
import { startChromium } from '../harness/parts.mjs';
import { startSigninSite, STG } from '../harness/signin-site.mjs';
import { endAll, until } from '../harness/wait.mjs';

const COOKIE = '__Secure-tiergate';
const page = (script) => `<!doctype html><link rel="icon" href="data:,"><title>app</title>
<script src="/.tiergate/session.js" ${script.attributes ?? ''}></script>
<input id="draft"><button id="renew">sign in</button><p id="said"></p><script src="${script.src}"></script>`;

const scripts = {
  // What docs/sign-in.md tells apps to do.
  '/open/app.js': `document.querySelector('#renew').onclick = async () => {
    const session = await tiergate.renew().catch((e) => ({ user: String(e) }));
    const data = await fetch('/data').then((r) => r.status);
    document.querySelector('#said').textContent = session.user + ' ' + data;
  };
  globalThis.told = [];
  for (const name of ['ending', 'ended']) tiergate.addEventListener(name, (e) => told.push(name + ' ' + e.detail.signed_in));`,
  '/open/loop.js': 'fetch("/data").then((r) => { if (r.status === 401) location.reload(); });'
};

/** An app with a strict policy; below /open everybody gets it. */
async function startApp() {
  const loads = [];
  const server = http.createServer((req, res) => {
    const at = new URL(req.url, 'http://origin.invalid');
    if (scripts[at.pathname]) return res.setHeader('Content-Type', 'text/javascript').end(scripts[at.pathname]);
    if (at.pathname === '/data') return res.end('{}');
    loads.push(at.pathname);
    res.setHeader('Content-Security-Policy', "default-src 'none'; script-src 'self'; connect-src 'self'; img-src data:");
    if (at.searchParams.has('coop')) res.setHeader('Cross-Origin-Opener-Policy', 'same-origin');
    res.setHeader('Content-Type', 'text/html');
    const attributes = at.searchParams.has('never') ? 'data-loads="0"' : '';
    return res.end(page({ attributes, src: /loop/.test(at.pathname) ? '/open/loop.js' : '/open/app.js' }));
  });
  await new Promise((r) => server.listen(0, '127.0.0.1', r));
  return {
    url: `http://127.0.0.1:${server.address().port}`,
    loads,
    close: () => (server.closeAllConnections(), new Promise((r) => server.close(r)))
  };
}

describe('session.js', () => {
  let app, site, chromium;
  before(async () => {
    app = await startApp();
    site = await startSigninSite({ more: { web: app.url, first: [{ path: '/open/*', action: 'bypass' }] } });
    chromium = await startChromium(['*.plyr.test', 'github.example.test']);
  });
  after(async () => {
    await chromium?.stop();
    await endAll(site, app);
  });

  const withProfile = async (run) => {
    const context = await chromium.browser.newContext();
    try {
      return await run(context, await context.newPage());
    } finally {
      await context.close();
    }
  };
  /** Presses what leads through GitHub's pages, in the window `p`. */
  const throughGithub = async (p, login) => {
    await p.getByRole('link', { name: /GitHub/ }).click();
    await p.getByRole('button', { name: `Authorize as ${login}`, exact: true }).click();
  };
  const signedIn = async (context, p, address) => {
    await p.goto(address);
    await throughGithub(p, 'alice');
    await p.waitForURL(address);
  };

  it('is small, kept, and the same for everybody', async () => {
    const ask = (headers = {}) => site.gate.request({ host: STG, path: '/.tiergate/session.js', headers });
    const first = await ask();
    assert.equal(first.status, 200);
    assert.ok(first.text.length <= 3072);
    assert.equal(first.get('content-type'), 'text/javascript; charset=utf-8');
    assert.equal(first.get('cache-control'), 'public, max-age=3600');
    assert.equal(first.has('set-cookie'), false);
    const again = await ask({ 'If-None-Match': first.get('etag') });
    assert.equal(again.status, 304);
    assert.equal(again.text, '');
    assert.equal((await ask({ 'If-None-Match': '"another"' })).status, 200);
    assert.equal((await site.gate.request({ host: STG, path: '/.tiergate/session.js', method: 'POST' })).status, 405);
  });

  for (const [name, query] of [['', ''], [', even when its policy cuts it off from the window', '?coop']]) {
    it(`a page signs in anew in a window and keeps its state${name}`, () => withProfile(async (context, p) => {
      await signedIn(context, p, site.url(STG, `/app${query}`));
      await p.fill('#draft', 'half a sentence');
      await context.clearCookies({ name: COOKIE });
      assert.equal(await p.evaluate(() => fetch('/data').then((r) => r.status)), 401);
      const opened = context.waitForEvent('page');
      await p.click('#renew');
      const shown = await opened;
      await throughGithub(shown, 'dan');
      await until('the page to hear of it', async () => /^\d+ 200$/.test(await p.textContent('#said')), 20000);
      assert.equal(await p.inputValue('#draft'), 'half a sentence');
      if (!query) await until('the window to be gone', () => shown.isClosed());
      else assert.match(await shown.textContent('h1'), /signed in/, 'what nobody can close says so');
    }));
  }

  it('a session that still holds is renewed, too', () => withProfile(async (context, p) => {
    await signedIn(context, p, site.url(STG, '/app'));
    const session = () => p.evaluate(() => tiergate.session());
    const before = await session();
    assert.ok(before.ends_in > 86000 && before.ends_in <= 86400);
    await until('another second', async () => Date.now() / 1000 > before.proven + 1.1);
    const opened = context.waitForEvent('page');
    await p.click('#renew');
    await throughGithub(await opened, 'alice');
    await until('the page to hear of it', async () => /^\d+ 200$/.test(await p.textContent('#said')), 20000);
    assert.ok((await session()).proven > before.proven);
  }));

  it('tells before a session ends, and when it has', () => withProfile(async (context, p) => {
    await signedIn(context, p, site.url(STG, '/app'));
    await p.evaluate(() => void tiergate.watch(1e6));
    await p.waitForFunction(() => told.length > 0);
    assert.deepEqual(await p.evaluate(() => told), ['ending true']);
    await context.clearCookies({ name: COOKIE });
    await p.evaluate(() => void tiergate.watch(300));
    await p.waitForFunction(() => told.length > 1);
    assert.deepEqual(await p.evaluate(() => told), ['ending true', 'ended false']);
  }));

  it('opens nothing but https', () => withProfile(async (context, p) => {
    await p.goto(site.url(STG, '/open/app'));
    for (const address of ['javascript:alert(1)', 'http://stg.plyr.test/', 'data:text/html,x'])
      assert.match(await p.evaluate((a) => tiergate.renew(a).catch(String), address), /TypeError/, address);
    assert.equal(context.pages().length, 1);
  }));

  it('takes one name of the page\'s, and nothing of it can be replaced', () => withProfile(async (context, p) => {
    await p.goto(site.url(STG, '/open/app'));
    const added = await p.evaluate(() => {
      const frame = document.createElement('iframe');
      document.body.append(frame);
      return Object.keys(globalThis).filter((k) => !(k in frame.contentWindow));
    });
    assert.deepEqual(added.filter((k) => !['told', '0'].includes(k)), ['tiergate']);
    assert.equal(await p.evaluate(() => Object.isFrozen(tiergate)), true);
  }));

  it('stops an app that reloads for ever', () => withProfile(async (context, p) => {
    const before = app.loads.length;
    await p.goto(site.url(STG, '/open/loop'), { waitUntil: 'commit' });
    await p.getByRole('heading', { name: 'This page keeps reloading' }).waitFor();
    const stopped = app.loads.length - before;
    assert.ok(stopped >= 8 && stopped <= 10, `${stopped} loads`);
    await new Promise((r) => setTimeout(r, 1500));
    assert.equal(app.loads.length - before, stopped, 'it went on');
    assert.match(await p.getByRole('link').getAttribute('href'), /^\/\.tiergate\/sign-in/);
  }));

  it('leaves an app alone that says so', () => withProfile(async (context, p) => {
    const before = app.loads.length;
    await p.goto(site.url(STG, '/open/loop?never'), { waitUntil: 'commit' });
    await until('more loads than that', () => app.loads.length - before > 14, 20000);
  }));

  it('lets somebody reload a page some times', () => withProfile(async (context, p) => {
    await p.goto(site.url(STG, '/open/app'));
    for (let i = 0; i < 5; i++) await p.reload();
    assert.equal(await p.title(), 'app');
  }));
});
