// The patchtogether deployment as a team's browser tests meet it: a SvelteKit build on the local Pages runtime, a real
// Hocuspocus behind a host of its own, Chromium with nothing but httpCredentials, and the uptime probes.
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { after, before, describe, it } from 'node:test';
import { promisify } from 'node:util';
import { authority } from '../harness/certs.mjs';
import { Gate } from '../harness/gate.mjs';
import { chromiumVersion, startBlackbox, startChromium, startHocuspocus, startPages } from '../harness/parts.mjs';
import { freePort } from '../harness/ports.mjs';
import { endAll } from '../harness/wait.mjs';

const DOMAIN = 'patchtogether.test';
const secrets = { AUTOTEST_PASSWORD: 'robotsonly-1', DEV_PASSWORD: '2600hz-1' };
const beta = { username: 'beta', password: secrets.AUTOTEST_PASSWORD };

function rulesFor(pages, sync) {
  const web = [
    { name: 'uptime and live smoke', path: '/api/health', methods: ['GET', 'HEAD'], action: 'bypass' },
    { name: 'docs', path: ['/docs', '/docs/*'], methods: ['GET', 'HEAD'], action: 'bypass' },
    { name: 'docs assets', path: 'preset:sveltekit-assets', methods: ['GET', 'HEAD'], action: 'bypass' },
    { name: 'everything else', path: '/*', action: 'allow' }
  ];
  const gate = (realm, variable) => ({
    basic: { realm, users: { beta: `env:${variable}` } }, session: { domain: `${realm}.${DOMAIN}` }
  });
  return {
    tier: 'patchtogether',
    gates: { robots: gate('autotest', 'AUTOTEST_PASSWORD'), beta: gate('dev', 'DEV_PASSWORD') },
    origins: {
      'autotest-web': { url: pages.url }, 'dev-web': { url: pages.url },
      'preview-web': { url: `http://pr-{n}.autotest.localhost:${pages.port}` },
      'autotest-sync': { url: sync.url }, 'dev-sync': { url: sync.url }
    },
    rulesets: { web, sync: [{ path: '/*', action: 'allow' }] },
    hosts: [
      { host: `autotest.${DOMAIN}`, origin: 'autotest-web', gate: 'robots', rules: 'web' },
      { host: `sync.autotest.${DOMAIN}`, origin: 'autotest-sync', gate: 'robots', rules: 'sync' },
      { host: `pr-{n:int}.autotest.${DOMAIN}`, origin: 'preview-web', gate: 'robots', rules: 'web' },
      { host: `dev.${DOMAIN}`, origin: 'dev-web', gate: 'beta', rules: 'web' },
      { host: `sync.dev.${DOMAIN}`, origin: 'dev-sync', gate: 'beta', rules: 'sync' }
    ]
  };
}

describe('browser', () => {
  let gate, pages, sync, chromium, blackbox;
  const url = (name, at = '/') => `https://${name}.${DOMAIN}:${gate.port}${at}`;

  before(async () => {
    sync = await startHocuspocus();
    // The page's sync url is fixed when the origin starts, as a build-time variable is: the gate's port must be known by then.
    const port = await freePort();
    pages = await startPages({ marker: 'web', sync: `wss://sync.autotest.${DOMAIN}:${port}/` });
    gate = await Gate.start({
      rules: rulesFor(pages, sync), port, env: secrets,
      names: [`autotest.${DOMAIN}`, `*.${DOMAIN}`, `*.autotest.${DOMAIN}`, `*.dev.${DOMAIN}`]
    });
    [chromium, blackbox] = await Promise.all([startChromium([`*.${DOMAIN}`]), startBlackbox()]);
  });
  after(async () => {
    await chromium?.stop();
    await endAll(blackbox, gate, pages, sync);
  });

  /** A fresh profile; pages are closed with it. */
  const withProfile = async (options, run) => {
    const context = await chromium.browser.newContext(options);
    try {
      return await run(context);
    } finally {
      await context.close();
    }
  };
  const handshakes = []; // statuses: 101 over HTTP/1.1, 200 over HTTP/2 (RFC 8441)
  const open = async (context, at) => {
    const page = await context.newPage();
    const cdp = await context.newCDPSession(page);
    cdp.on('Network.webSocketHandshakeResponseReceived', (e) => handshakes.push(e.response.status));
    await cdp.send('Network.enable');
    const response = await page.goto(at);
    return { page, response };
  };
  const synced = (page) => page.waitForFunction(() => document.querySelector('#status')?.textContent === 'synced', null, { timeout: 15000 });
  const textIs = (page, want) => page.waitForFunction((w) => document.querySelector('#text')?.textContent === w, want, { timeout: 10000 });

  it('with httpCredentials alone two tabs of autotest sync through sync.autotest', async () => {
    await withProfile({ httpCredentials: beta }, async (context) => {
      const tabs = [];
      for (let i = 0; i < 2; i++) {
        const { page, response } = await open(context, url('autotest', '/doc'));
        assert.equal(response.status(), 200);
        tabs.push(page);
      }
      await Promise.all(tabs.map(synced));
      assert.deepEqual(handshakes, Array(2).fill(chromiumVersion === '1' ? 101 : 200));
      const had = await tabs[0].textContent('#text');
      await tabs[0].click('#add');
      await textIs(tabs[1], `${had}x`);
      await tabs[1].click('#add');
      await textIs(tabs[0], `${had}xx`);
    });
    const line = await gate.line((l) => l.host === `sync.autotest.${DOMAIN}` && l.status === 101);
    assert.equal(line.identity, 'beta');
  });

  it('a preview syncs with autotest', async () => {
    await withProfile({ httpCredentials: beta }, async (context) => {
      const a = await open(context, url('pr-42.autotest', '/doc'));
      assert.equal(a.response.status(), 200);
      const b = await open(context, url('autotest', '/doc'));
      await Promise.all([synced(a.page), synced(b.page)]);
      const had = await b.page.textContent('#text');
      await a.page.click('#add');
      await textIs(b.page, `${had}x`);
    });
  });

  it('a preview alone opens its socket, with no other page before it', async () => {
    await withProfile({ httpCredentials: beta }, async (context) => {
      const { page } = await open(context, url('pr-7.autotest', '/doc'));
      await synced(page);
    });
  });

  it('without the login neither the page nor the socket opens', async () => {
    await withProfile({}, async (context) => {
      for (const name of ['autotest', 'pr-42.autotest']) {
        const page = await context.newPage();
        const status = await page.goto(url(name, '/doc')).then((r) => r.status(), (e) => e.message);
        assert.ok(status === 401 || /ERR_INVALID_AUTH_CREDENTIALS/.test(status), String(status));
      }
      const { page } = await open(context, url('autotest', '/docs/modules'));
      const outcome = await page.evaluate((at) => new Promise((resolve) => {
        const ws = new WebSocket(at);
        ws.onopen = () => resolve('open');
        ws.onclose = (e) => resolve(e.code);
      }), `wss://sync.autotest.${DOMAIN}:${gate.port}/`);
      assert.equal(outcome, 1006);
    });
  });

  it('one tier\'s password does not open the other', async () => {
    await withProfile({ httpCredentials: beta }, async (context) => {
      const page = await context.newPage();
      const status = await page.goto(url('dev')).then((r) => r.status(), (e) => e.message);
      assert.ok(status === 401 || /ERR_INVALID_AUTH_CREDENTIALS/.test(status), String(status));
    });
  });

  it('one tier\'s cookie does not open the other, not even by hand', async () => {
    const cookies = await withProfile({ httpCredentials: beta }, async (context) => {
      await open(context, url('autotest'));
      return context.cookies();
    });
    const ours = cookies.filter((c) => /tiergate/.test(c.name));
    assert.equal(ours.length, 1);
    assert.ok(ours[0].secure && ours[0].httpOnly && ours[0].sameSite === 'Lax');
    await withProfile({ extraHTTPHeaders: { cookie: `${ours[0].name}=${ours[0].value}` } }, async (context) => {
      assert.equal((await open(context, url('autotest'))).response.status(), 200, 'it is good at home');
    });
    await withProfile({ extraHTTPHeaders: { cookie: `${ours[0].name}=${ours[0].value}` } }, async (context) => {
      const page = await context.newPage();
      const status = await page.goto(url('dev')).then((r) => r.status(), (e) => e.message);
      assert.ok(status === 401 || /ERR_INVALID_AUTH_CREDENTIALS/.test(status), String(status));
    });
  });

  it('a fetch with the app\'s own Bearer passes, and what comes after it too', async () => {
    await withProfile({ httpCredentials: beta }, async (context) => {
      const { page } = await open(context, url('autotest'));
      await page.waitForLoadState('networkidle'); // a click before the page's own script runs would be lost
      await page.click('#call');
      await page.waitForFunction(() => document.querySelector('#answer').textContent !== '');
      assert.equal(await page.textContent('#answer'), 'Bearer x');
      assert.equal((await page.goto(url('autotest', '/note'))).status(), 200);
    });
  });

  it('a form post passes the app\'s own check of where it came from', async () => {
    await withProfile({ httpCredentials: beta }, async (context) => {
      const { page } = await open(context, url('autotest', '/note'));
      await page.click('#send');
      await page.waitForFunction(() => document.querySelector('#note')?.textContent === 'hello');
    });
  });

  it('the open docs render whole without a login', async () => {
    await withProfile({}, async (context) => {
      const page = await context.newPage();
      const failed = [];
      page.on('response', (r) => r.url().includes('/_app/') && r.status() !== 200 && failed.push(`${r.status()} ${r.url()}`));
      const r = await page.goto(url('autotest', '/docs/a/b'), { waitUntil: 'networkidle' });
      assert.equal(r.status(), 200);
      assert.equal(await page.textContent('#path'), 'a/b');
      assert.deepEqual(failed, []);
    });
  });

  it('signed out is signed out', async () => {
    await withProfile({ httpCredentials: beta }, async (context) => {
      const ours = async () => (await context.cookies()).filter((c) => /tiergate/.test(c.name)).length;
      const { page } = await open(context, url('autotest', '/'));
      assert.equal(await ours(), 1);
      await page.goto(url('autotest', '/.tiergate/sign-out'));
      await Promise.all([page.waitForResponse((r) => r.request().method() === 'POST' && r.status() === 200), page.click('button, input[type=submit]')]);
      await page.waitForLoadState();
      assert.equal(await ours(), 0);
    });
  });

  describe('probes', () => {
    const success = (text) => Number(/^probe_success (\d)/m.exec(text)?.[1]);
    // blackbox asks this machine for the name that it is told in `hostname`.
    const probe = (module, name, at) => blackbox.probe(module, `https://127.0.0.1:${gate.port}${at}`, `${name}.${DOMAIN}`);

    for (const name of ['autotest', 'pr-42.autotest', 'dev']) {
      it(`blackbox is green on ${name}'s health, and proves that the answer is the origin's`, async () => {
        assert.equal(success(await probe('health', name, '/api/health')), 1);
      });
      it(`blackbox is red on a gated page of ${name}`, async () => {
        const text = await probe('ok', name, '/');
        assert.equal(success(text), 0);
        assert.match(text, /^probe_http_status_code 401/m);
      });
    }
    it('blackbox is green on the docs', async () => assert.equal(success(await probe('ok', 'autotest', '/docs/x')), 1));

    it('curl\'s health check sees the origin\'s marker', async () => {
      const at = `autotest.${DOMAIN}:${gate.port}`;
      const { stdout } = await promisify(execFile)('curl', [
        '-sS', '--fail', '--cacert', authority().certFile, '--resolve', `${at}:127.0.0.1`, `https://${at}/api/health`
      ]);
      assert.deepEqual(JSON.parse(stdout), { ok: true, marker: 'web' });
    });

    it('curl passes with its own login, and is told how without', async () => {
      const at = `autotest.${DOMAIN}:${gate.port}`;
      const curl = (...args) => promisify(execFile)('curl', [
        '-sS', '-o', '/dev/null', '-w', '%{http_code} %header{www-authenticate}', '--cacert', authority().certFile, '--resolve', `${at}:127.0.0.1`, ...args, `https://${at}/`
      ]).then((r) => r.stdout);
      assert.match(await curl('-u', `beta:${secrets.AUTOTEST_PASSWORD}`), /^200/);
      assert.equal(await curl(), '401 Basic realm="autotest", charset="UTF-8"');
    });
  });
});
