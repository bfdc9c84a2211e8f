// Upgrades: gated, held until the origin's 101, then bytes both ways, and let go with the client.
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { after, before, describe, it } from 'node:test';
import { authority } from '../harness/certs.mjs';
import { WebSocket } from '../harness/lib.mjs';
import { rawOrigin } from '../harness/origins.mjs';
import { PASSWORD, startSite } from '../harness/site.mjs';
import { endAll, sleep, until, within } from '../harness/wait.mjs';
import { basic, requestBytes } from '../harness/wire.mjs';

const host = 'sync.app.example.test';
const upgrade = {
  Connection: 'Upgrade', Upgrade: 'websocket', 'Sec-WebSocket-Version': '13', 'Sec-WebSocket-Key': 'dGhlIHNhbXBsZSBub25jZQ=='
};
const SWITCH = 'HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n';

describe('WebSockets', () => {
  let site, gate, cookie, slow, held;
  before(async () => {
    slow = await rawOrigin(async (wire) => {
      await wire.request();
      held = { wire, early: await sleep(300).then(() => wire.buffer.toString()) };
      await wire.send(SWITCH);
    });
    site = await startSite({
      more: {
        origins: { slow: { url: slow.url } },
        hosts: [{ host: 'slow.example.test', origin: 'slow', public: true, rules: [{ path: '/*', action: 'bypass' }] }]
      }
    });
    gate = site.gate;
    const r = await gate.request({ host: 'app.example.test', path: '/', headers: { Authorization: basic('beta', PASSWORD) } });
    cookie = r.get('set-cookie').split(';')[0];
  });
  after(() => endAll(site, slow));

  /** A real client; resolves with the open socket, or the status of the refusal. */
  const dial = (headers = {}, { at = host, path = '/doc', origin } = {}) =>
    within('the handshake', new Promise((resolve, reject) => {
      const ws = new WebSocket(`wss://${at}:${gate.port}${path}`, {
        headers, origin, ca: authority().pem, servername: at, lookup: (_, o, done) => (o.all ? done(null, [{ address: '127.0.0.1', family: 4 }]) : done(null, '127.0.0.1', 4))
      });
      ws.once('open', () => resolve(ws));
      ws.once('unexpected-response', (_, res) => {
        resolve({ status: res.statusCode, headers: res.headers });
        res.destroy();
      });
      ws.once('error', reject);
    }));
  const echo = (ws, data) =>
    within('the echo', new Promise((resolve) => {
      ws.once('message', (d) => resolve(d));
      ws.send(data);
    }));

  it('opens with a cookie and echoes', async () => {
    const ws = await dial({ Cookie: cookie }, { origin: gate.url('app.example.test', '') });
    assert.equal((await echo(ws, 'hello')).toString(), 'hello');
    for (const n of [0, 1, 125, 126, 65535, 65536, 1 << 20]) {
      const data = randomBytes(n);
      assert.deepEqual(await echo(ws, data), data, `${n} bytes`);
    }
    ws.close();
  });

  it('opens with Basic', async () => {
    const ws = await dial({ Authorization: basic('beta', PASSWORD) });
    assert.equal((await echo(ws, 'hello')).toString(), 'hello');
    ws.close();
    assert.equal(site.echo.upgrades.at(-1).headers.authorization, undefined);
  });

  it('is refused without either', async () => {
    const before = site.echo.upgrades.length;
    for (const origin of [undefined, gate.url('app.example.test', '')]) assert.equal((await dial({}, { origin })).status, 401);
    assert.equal(site.echo.upgrades.length, before);
  });

  it('by cookie only from a page of the circle, or from none', async () => {
    for (const origin of ['https://evil.test', gate.url('other.example.test', ''), 'null']) {
      const r = await dial({ Cookie: cookie }, { origin });
      assert.ok(r.status === 403 || r.status === 401, `${origin} ${r.status}`);
    }
    const ws = await dial({ Cookie: cookie });
    assert.ok(ws.readyState === WebSocket.OPEN);
    ws.close();
  });

  it('passes the origin\'s refusal on', async () => {
    const r = await dial({ Cookie: cookie }, { path: '/deny' });
    assert.equal(r.status, 403);
    assert.equal(r.headers['x-origin'], 'web');
  });

  it('holds what the client sends too early until the origin has switched, or refuses it', async () => {
    const at = 'slow.example.test';
    const wire = await gate.connect({ host: at });
    await wire.send(Buffer.concat([requestBytes({ host: at, path: '/', headers: upgrade }), Buffer.from('EARLY')]));
    const first = await wire.head().catch(() => undefined);
    assert.ok(!slow.seen.split('\r\n\r\n')[1]?.includes('EARLY') || held.early === '', 'bytes reached the origin before its 101');
    if (held) assert.equal(held.early, '');
    assert.ok(first === undefined || [101, 400].includes(first.status));
    wire.close();
  });

  it('an origin that does not switch gets no tunnel', async () => {
    const wire = await gate.connect({ host });
    await wire.send(requestBytes({ host, path: '/deny', headers: { ...upgrade, Cookie: cookie } }));
    assert.equal((await wire.response()).status, 403);
    const before = site.echo.requests.length;
    await wire.send(requestBytes({ host, path: '/docs/after' })).catch(() => {});
    await sleep(100);
    // Either the connection is over, or the bytes are a request like any other; never a tunnel to the origin.
    assert.ok(wire.ended || site.echo.requests.length === before + 1);
    wire.close();
  });

  it('a client that is gone frees the origin within a second', async () => {
    const before = site.echo.websockets.size;
    const all = await Promise.all(Array.from({ length: 4 }, () => dial({ Cookie: cookie })));
    await until('four at the origin', () => site.echo.websockets.size === before + 4);
    for (const ws of all) ws.terminate();
    await until('the origin to be let go', () => site.echo.websockets.size === before, 1000);
  });

  it('an origin that is gone frees the client', async () => {
    const ws = await dial({ Cookie: cookie });
    const closed = new Promise((r) => ws.once('close', r));
    await until('one at the origin', () => site.echo.websockets.size > 0);
    for (const s of site.echo.websockets) s.terminate();
    await within('the client to be told', closed, 2000);
  });

  it('a close handshake passes with its code', async () => {
    const ws = await dial({ Cookie: cookie });
    const closed = new Promise((r) => ws.once('close', (code) => r(code)));
    for (const s of site.echo.websockets) s.close(4000, 'bye');
    assert.equal(await within('the close', closed), 4000);
  });

  it('is logged', async () => {
    const line = await gate.line((l) => l.host === host && l.status === 101);
    assert.equal(line.decision, 'allow');
    assert.equal(line.identity, 'beta');
  });

  it('many at once', async () => {
    const all = await Promise.all(Array.from({ length: 60 }, () => dial({ Cookie: cookie })));
    const answers = await Promise.all(all.map((ws, i) => echo(ws, `number ${i}`)));
    assert.deepEqual(answers.map(String), all.map((_, i) => `number ${i}`));
    for (const ws of all) ws.terminate();
  });
});
