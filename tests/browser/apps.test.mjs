// Apps as teams have them, in daily use behind the gate: SvelteKit on the local Pages runtime over https, and an API that builds its
// redirects from what it takes for its own name.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import http from 'node:http';
import path from 'node:path';
import { after, before, describe, it } from 'node:test';
import { authority } from '../harness/certs.mjs';
import { Gate, root } from '../harness/gate.mjs';
import { startChromium, startPages } from '../harness/parts.mjs';
import { endAll, until } from '../harness/wait.mjs';
import { basic } from '../harness/wire.mjs';
import { sendRanged, wav } from './site.mjs';

const APP = 'app.example.test';
const CLOSED = 'closed.app.example.test'; // the same app, with its assets gated too
const API = 'api.app.example.test';
const PASSWORD = 'correct horse';
const SONG_SECONDS = 3600;
const BUILD = path.join(root, 'tests/parts/web/.svelte-kit/cloudflare');

const rules = (kit, api) => ({
  tier: 'test',
  gates: { app: { basic: { realm: 'app', users: { beta: 'env:APP_PASSWORD' } }, session: { domain: APP } } },
  origins: { kit: { url: kit.url, tls: { ca: authority().certFile } }, api: { url: api.url } },
  hosts: [
    {
      host: APP, origin: 'kit', gate: 'app',
      rules: [
        { path: '/api/health', methods: ['GET', 'HEAD'], action: 'bypass' },
        { path: ['/docs', '/docs/*'], methods: ['GET', 'HEAD'], action: 'bypass' },
        { path: ['preset:sveltekit-assets', 'preset:pwa'], methods: ['GET', 'HEAD'], action: 'bypass' },
        { path: '/*', action: 'allow' }
      ]
    },
    { host: CLOSED, origin: 'kit', gate: 'app', rules: [{ path: '/*', action: 'allow' }] },
    { host: API, origin: 'api', gate: 'app', rules: [{ path: '/*', action: 'allow' }] }
  ]
});

/** /items has a slash redirect, absolute as Starlette makes it; ?believes says what the app takes its name from. */
const SLASH = {
  host: (h) => `http://${h.host}`,
  proto: (h) => `${h['x-forwarded-proto']}://${h.host}`,
  forwarded: (h) => `${h['x-forwarded-proto']}://${h['x-forwarded-host']}`
};

async function startApi() {
  const song = wav(SONG_SECONDS);
  const ranges = [];
  const server = http.createServer((req, res) => {
    const at = new URL(req.url, 'http://origin.invalid');
    if (at.pathname === '/items') {
      res.writeHead(307, { Location: `${SLASH[at.searchParams.get('believes')](req.headers)}/items/` }).end();
    } else if (at.pathname === '/song.wav') {
      ranges.push(req.headers.range);
      sendRanged(req, res, 'audio/wav', song);
    } else if (at.pathname === '/form') {
      res.setHeader('Content-Type', 'text/html');
      res.end(`<form method="POST" action="${at.searchParams.get('to')}"><input name="note" value="forged"><button id="send">send</button></form>`);
    } else {
      res.setHeader('Content-Type', 'application/json').end(JSON.stringify({ api: at.pathname }));
    }
  });
  await new Promise((r) => server.listen(0, '127.0.0.1', r));
  const url = `http://127.0.0.1:${server.address().port}`;
  return { url, ranges, close: () => (server.closeAllConnections(), new Promise((r) => server.close(r))) };
}

describe('apps', () => {
  let gate, kit, api, chromium, cookie;

  before(async () => {
    api = await startApi();
    kit = await startPages({ marker: 'kit', tls: authority().issue(['localhost']) });
    gate = await Gate.start({ rules: rules(kit, api), env: { APP_PASSWORD: PASSWORD } });
    chromium = await startChromium(['*.example.test']);
    const r = await gate.request({ host: APP, path: '/', headers: { Authorization: basic('beta', PASSWORD) } });
    cookie = r.get('set-cookie').split(';')[0];
  });
  after(async () => {
    await chromium?.stop();
    await endAll(gate, kit, api);
  });

  /** A profile that signed in some time ago. Not by httpCredentials: Playwright turns the cache off for those. */
  const withProfile = async (signedIn, run) => {
    const context = await chromium.browser.newContext();
    const [name, value] = cookie.split('=');
    if (signedIn) await context.addCookies([{ name, value, domain: `.${APP}`, path: '/', secure: true, httpOnly: true, sameSite: 'Lax' }]);
    try {
      return await run(await context.newPage(), context);
    } finally {
      await context.close();
    }
  };
  const isApps = (r) => assert.equal(r.get?.('tiergate') ?? r.headers?.().tiergate, undefined, 'the gate itself answered');

  describe('a SvelteKit form action', () => {
    it('posted on the public name succeeds', () => withProfile(true, async (page) => {
      assert.equal((await page.goto(gate.url(APP, '/note'))).status(), 200);
      const posted = page.waitForResponse((r) => r.request().method() === 'POST');
      await page.click('#send');
      assert.equal((await posted).status(), 200);
      await page.waitForFunction(() => document.querySelector('#note')?.textContent === 'hello');
    }));

    it('posted by a sibling\'s page is refused by the app', () => withProfile(true, async (page) => {
      await page.goto(gate.url(API, `/form?to=${encodeURIComponent(gate.url(APP, '/note'))}`));
      const posted = page.waitForResponse((r) => r.request().method() === 'POST');
      await page.click('#send');
      const r = await posted;
      assert.equal(r.status(), 403);
      isApps(r);
      assert.match(await r.text(), /Cross-site POST/);
    }));

    const post = (origin, more = { Cookie: cookie }) => gate.request({
      host: APP, path: '/note', method: 'POST', body: 'note=x',
      headers: { 'Content-Type': 'application/x-www-form-urlencoded', ...(origin ? { Origin: origin } : {}), ...more }
    });
    for (const origin of ['https://evil.test', 'null', `https://${APP}.evil.test`, undefined]) {
      it(`with Origin ${origin} is refused by the app`, async () => {
        const r = await post(origin);
        assert.equal(r.status, 403);
        isApps(r);
        assert.match(r.text, /Cross-site POST/);
      });
    }
    it('with the public name of another port is refused by the app', async () => {
      assert.equal((await post(`https://${APP}`)).status, 403);
    });
    it('with its own Origin but nobody signed in ends at the gate', async () => {
      const r = await post(gate.url(APP, ''), {});
      assert.equal(r.status, 401);
      assert.equal(r.get('tiergate') !== undefined, true);
    });
  });

  describe('an absolute redirect of the app', () => {
    for (const believes of Object.keys(SLASH)) {
      it(`built from ${believes} stays on the public name`, () => withProfile(true, async (page) => {
        const r = await page.goto(gate.url(API, `/items?believes=${believes}`));
        assert.equal(r.status(), 200);
        assert.equal(page.url(), gate.url(API, '/items/'));
      }));
      it(`built from ${believes} is followed by a fetch of a sibling's page`, () => withProfile(true, async (page) => {
        await page.goto(gate.url(APP, '/'));
        const got = await page.evaluate((url) => fetch(url, { credentials: 'include' }).then((r) => r.json()), gate.url(API, `/items?believes=${believes}`));
        assert.deepEqual(got, { api: '/items/' });
      }));
    }
  });

  describe('the browser\'s cache', () => {
    for (const host of [APP, CLOSED]) {
      it(`fetches no immutable asset of ${host} again after another cookie changed`, () => withProfile(true, async (page, context) => {
        const load = async (p) => {
          assert.equal((await p.goto(gate.url(host, '/'), { waitUntil: 'networkidle' })).status(), 200);
          await p.click('#call');
          await p.waitForFunction(() => document.querySelector('#answer')?.textContent === 'Bearer x');
        };
        const of = (at) => gate.lines().filter((l) => l.host === host && l.status !== 0 && l.path?.startsWith(at)).length;
        // Lines are in order, so that the last request's tells that all are there.
        const loaded = async (p) => {
          const calls = of('/api/echo');
          await load(p);
          await until('the last line', () => of('/api/echo') > calls);
          return of('/_app/immutable/');
        };
        const before = of('/_app/immutable/');
        const first = await loaded(page);
        assert.ok(first >= before + 5, 'the first load brought its assets through the gate');
        await page.evaluate(() => (document.cookie = 'theme=dark; path=/'));
        assert.equal(await loaded(await context.newPage()), first);
      }));
    }
  });

  describe('the open docs', () => {
    it('render whole for an anonymous browser, and only they', () => withProfile(false, async (page) => {
      const bad = [];
      page.on('response', (r) => r.status() !== 200 && bad.push(`${r.status()} ${r.url()}`));
      // SvelteKit stops reading __data.json as soon as it has what it wanted, which Chromium calls aborted, without a gate too.
      page.on('requestfailed', (r) => r.url().includes('__data.json') || bad.push(`${r.failure().errorText} ${r.url()}`));
      await page.goto(gate.url(APP, '/docs/a/b'), { waitUntil: 'networkidle' });
      assert.equal(await page.textContent('#path'), 'a/b');
      assert.equal(await page.evaluate(() => document.querySelector('#picture').naturalWidth), 24);
      assert.equal(await page.evaluate(() => getComputedStyle(document.querySelector('nav')).borderBottomColor), 'rgb(1, 2, 3)');
      const cdp = await page.context().newCDPSession(page);
      assert.match((await cdp.send('Page.getAppManifest')).data, /Studio/);

      const data = page.waitForResponse((r) => r.url().includes('/docs/two/three/__data.json'));
      await page.click('text=three');
      assert.equal((await data).status(), 200);
      await page.waitForFunction(() => document.querySelector('#path')?.textContent === 'two/three');
      assert.deepEqual(bad, []);

      await page.click('#out', { noWaitAfter: true });
      const line = await gate.line((l) => l.host === APP && l.path === '/' && l.status === 401);
      assert.equal(line.identity, undefined);
      assert.equal(await page.locator('h1', { hasText: 'Studio' }).count(), 0);
    }));

    const files = fs.readdirSync(BUILD, { recursive: true, withFileTypes: true }).filter((f) => f.isFile())
      .map((f) => `/${path.relative(BUILD, path.join(f.parentPath, f.name))}`);
    const isOpen = (at) => /^\/(_app\/(immutable\/|version\.json$)|icons\/|manifest\.webmanifest$)/.test(at);
    it('every file of the build is open or not as its rule says', async () => {
      assert.ok(files.filter(isOpen).length > 10);
      for (const at of files) {
        const r = await gate.request({ host: APP, path: at });
        assert.equal(r.status, isOpen(at) ? 200 : 401, at);
      }
    });

    for (const [method, at] of [
      ['GET', '/'], ['GET', '/doc'], ['GET', '/note'], ['GET', '/docsecret'], ['GET', '/docs.json'], ['GET', '/DOCS/a'], ['GET', '/__data.json'],
      ['GET', '/doc/__data.json'], ['GET', '/api/echo'], ['GET', '/_app/remote/x/y'], ['GET', '/_app/env.js'], ['POST', '/docs/a'], ['PUT', '/docs/a'],
      ['GET', '/docs/../note'], ['GET', '/docs/%2e%2e/note'], ['GET', '/docs/..%2fnote'], ['GET', '/docs//../note'], ['GET', '/docs;/../note'],
      ['GET', '/docs/a%2f..%2f..%2fnote'], ['GET', '/_app/immutable/../../note'], ['GET', '/icons/%2e%2e/note'], ['GET', '/docs\\..\\note']
    ]) {
      it(`${method} ${at} is not of them`, async () => {
        const r = await gate.request({ host: APP, method, path: at });
        assert.equal(r.status, 401);
        assert.ok(r.get('tiergate'));
      });
    }
  });

  it('<audio> seeks in a song of a sibling host', () => withProfile(true, async (page) => {
    await page.goto(gate.url(APP, '/note'));
    const at = await page.evaluate((src) => new Promise((resolve) => {
      const audio = Object.assign(document.createElement('audio'), { preload: 'metadata', src });
      audio.onerror = () => resolve(`error ${audio.error.message}`);
      audio.onloadedmetadata = () => (audio.currentTime = 3000);
      audio.onseeked = () => resolve([audio.duration, audio.currentTime, audio.readyState >= HTMLMediaElement.HAVE_CURRENT_DATA]);
      document.body.append(audio);
    }), gate.url(API, '/song.wav'));
    assert.deepEqual(at, [SONG_SECONDS, 3000, true]);
    const started = api.ranges.map((r) => Number(/^bytes=(\d+)-/.exec(r)?.[1]));
    assert.ok(started.some((from) => from > 2900 * 8000 && from <= 44 + 3000 * 8000), `asked from ${started}`);
  }));
});
