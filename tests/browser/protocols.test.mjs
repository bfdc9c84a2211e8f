// Chromium's own choice: everything goes over one HTTP/2 connection, WebSockets too (RFC 8441); with TIERGATE_HTTP=1 nothing does.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { after, before, describe, it } from 'node:test';
import { chromiumVersion, startChromium } from '../harness/parts.mjs';
import { PASSWORD, siteRules, startSite } from '../harness/site.mjs';
import { endAll, until, within } from '../harness/wait.mjs';
import { basic } from '../harness/wire.mjs';

const two = chromiumVersion === '2';
const OPEN = 'open.example.test', APP = 'app.example.test', SYNC = 'sync.app.example.test';

/** In the page: a WebSocket that tells what happened to it. */
const dialInPage = (url) => {
  globalThis.sockets ??= {};
  const s = (globalThis.sockets[url] = { got: [] });
  return new Promise((resolve) => {
    s.ws = new WebSocket(url);
    s.ws.binaryType = 'arraybuffer';
    s.ws.onopen = () => resolve('open');
    s.ws.onmessage = (m) => s.got.push(typeof m.data === 'string' ? m.data : m.data.byteLength);
    s.over = new Promise((r) => (s.ws.onclose = (e) => r([e.code, e.reason])));
    s.over.then(([code]) => resolve(code));
  });
};

describe(`the protocols of a browser: HTTP/${two ? 2 : '1.1'}`, () => {
  let site, gate, chromium, context, page, seen;

  const start = async () => {
    site = await startSite({ more: { limits: { tunnel_grace: '300ms', drain_timeout: '5s' } } });
    gate = site.gate;
    const r = await gate.request({ host: APP, path: '/', headers: { Authorization: basic('beta', PASSWORD) } });
    const [name, value] = r.get('set-cookie').split(';')[0].split('=');
    context = await chromium.browser.newContext();
    await context.addCookies([{ name, value, domain: `.${APP}`, path: '/', secure: true, httpOnly: true, sameSite: 'Lax' }]);
    page = await context.newPage();
    seen = { sockets: [], responses: [] };
    const cdp = await context.newCDPSession(page);
    await cdp.send('Network.enable');
    cdp.on('Network.webSocketHandshakeResponseReceived', (e) => seen.sockets.push(e.response.status));
    cdp.on('Network.responseReceived', (e) => seen.responses.push([e.response.protocol, e.response.connectionId]));
  };
  before(async () => {
    chromium = await startChromium(['*.example.test']);
    await start();
  });
  after(async () => {
    await chromium?.stop();
    await endAll(site);
  });

  const connections = () => execFileSync('ss', ['-tnH', 'state', 'established', `dport = :${gate.port}`]).toString().trim().split('\n').length;
  const dial = (host, at = '/doc') => within('the handshake', page.evaluate(dialInPage, gate.url(host, at, 'wss')));
  const got = (host, what, at = '/doc') =>
    page.waitForFunction(([url, want]) => globalThis.sockets[url].got.includes(want), [gate.url(host, at, 'wss'), what], { timeout: 15000 });
  const send = (host, what, at = '/doc') =>
    page.evaluate(([url, n]) => globalThis.sockets[url].ws.send(typeof n === 'string' ? n : new Uint8Array(n)), [gate.url(host, at, 'wss'), what]);
  const over = (host, at = '/doc') => page.evaluate((url) => globalThis.sockets[url].over, gate.url(host, at, 'wss'));

  it('a page, its fetches and a large upload', async () => {
    assert.equal((await page.goto(gate.url(APP, '/page'))).status(), 200);
    const back = await page.evaluate(async () => {
      const many = await Promise.all(Array.from({ length: 20 }, (_, i) => fetch(`/many${i}`).then((r) => r.json())));
      const up = await fetch('/up', { method: 'POST', body: new Uint8Array(5 << 20) }).then((r) => r.json());
      return [many.map((m) => m.target), up.length];
    });
    assert.deepEqual(back, [Array.from({ length: 20 }, (_, i) => `/many${i}`), 5 << 20]);
    assert.deepEqual([...new Set(seen.responses.map(([protocol]) => protocol))], [two ? 'h2' : 'http/1.1']);
    if (two) assert.equal(new Set(seen.responses.map(([, connection]) => connection)).size, 1);
  });

  it('its WebSockets, to its own host and to a sibling, on the same connection', async () => {
    const before = connections();
    for (const host of [APP, SYNC]) {
      assert.equal(await dial(host), 'open');
      await send(host, `hello ${host}`);
      await got(host, `hello ${host}`);
      await send(host, 3 << 20);
      await got(host, 3 << 20);
    }
    assert.deepEqual(seen.sockets, two ? [200, 200] : [101, 101]);
    if (two) assert.ok(connections() <= before, 'another one was made'); // what Chromium opens in advance may go meanwhile
    const { headers } = site.echo.upgrades.at(-1);
    assert.match(headers['sec-websocket-key'], /^[A-Za-z0-9+/]{22}==$/);
    assert.equal(headers.cookie, undefined);
  });

  it('a WebSocket that is refused, by the gate and by the origin', async () => {
    assert.equal(await dial(SYNC, '/closed/doc'), 1006);
    assert.equal(await dial(SYNC, '/deny'), 1006);
    assert.equal(await dial('other.example.test'), 1006);
    assert.equal(await dial(APP, '/after'), 'open', 'its neighbours are not harmed');
  });

  it('a close by the page passes with its code, and so does the origin\'s', async () => {
    assert.equal(await dial(SYNC, '/mine'), 'open');
    await page.evaluate((url) => globalThis.sockets[url].ws.close(4123, 'enough'), gate.url(SYNC, '/mine', 'wss'));
    assert.deepEqual(await within('the close', over(SYNC, '/mine')), [4123, 'enough']);
    assert.equal(await dial(SYNC, '/theirs'), 'open');
    [...site.echo.websockets].at(-1).close(4321, 'done');
    assert.deepEqual(await within('the close', over(SYNC, '/theirs')), [4321, 'done']);
  });

  it('rules that changed end it with 4403', async () => {
    assert.equal(await dial(SYNC, '/forbidden'), 'open');
    const rules = siteRules(site.echo.url, { limits: { tunnel_grace: '300ms', drain_timeout: '5s' } });
    rules.rulesets.gated.unshift({ path: '/forbidden', action: 'block' });
    await gate.reload(rules, /reload: ok/);
    assert.deepEqual(await within('the close', over(SYNC, '/forbidden')), [4403, 'rules changed']);
  });

  it('a page that goes frees the origin', async () => {
    assert.equal(await dial(APP, '/left'), 'open');
    assert.ok(site.echo.websockets.size > 0);
    await page.goto('about:blank');
    await until('the origin to be let go', () => site.echo.websockets.size === 0, 2000);
  });

  it('a restart ends it with 1012', async () => {
    await page.goto(gate.url(APP, '/page'));
    assert.equal(await dial(SYNC), 'open');
    gate.process.kill('SIGTERM');
    assert.deepEqual(await within('the close', over(SYNC)), [1012, 'restart']);
    assert.equal((await within('the end', gate.exited, 8000)).code, 0);
    await site.echo.close();
    site = undefined;
  });
});
