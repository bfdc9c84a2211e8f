// WebSockets over HTTP/2 (RFC 8441): as over HTTP/1, on streams that share a connection with others.
import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { after, afterEach, before, describe, it } from 'node:test';
import { data, ERROR, Frames, NO_TABLE, rst, TYPE, windowUpdate } from '../harness/frames.mjs';
import { Gate } from '../harness/gate.mjs';
import * as h2ws from '../harness/h2ws.mjs';
import { ask } from '../harness/http2.mjs';
import { echoOrigin, rawOrigin } from '../harness/origins.mjs';
import { PASSWORD, secrets, siteRules, startSite } from '../harness/site.mjs';
import { endAll, sleep, until, within } from '../harness/wait.mjs';
import { basic } from '../harness/wire.mjs';

const OPEN = 'open.example.test', APP = 'app.example.test', SYNC = 'sync.app.example.test', RAW = 'raw.example.test';
const login = basic('beta', PASSWORD);
const accept = (request) => createHash('sha1').update(`${request.get('sec-websocket-key')}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`).digest('base64');
const switching = (request) => `HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: ${accept(request)}\r\n\r\n`;

const echoed = (ws, payload) =>
  within('the echo', new Promise((resolve) => {
    ws.once('message', (d) => resolve(d));
    ws.send(payload);
  }), 30000);

describe('WebSockets over HTTP/2', () => {
  let site, gate, raw, script, cookie;
  const open = [];

  before(async () => {
    // What it does with a connection is each test's own script.
    raw = await rawOrigin(async (wire) => {
      const request = await wire.request({ body: false });
      await script(wire, request);
    });
    site = await startSite({
      more: {
        origins: { raw: { url: raw.url } },
        hosts: [
          { host: RAW, origin: 'raw', public: true, rules: [{ path: '/*', action: 'bypass' }] },
          {
            host: 'methods.example.test', origin: 'web', public: true,
            rules: [{ path: '/get', methods: ['GET'], action: 'bypass' }, { path: '/connect', methods: ['CONNECT', 'POST'], action: 'bypass' }]
          }
        ]
      }
    });
    gate = site.gate;
    const r = await gate.request({ host: APP, path: '/', headers: { Authorization: login } });
    cookie = r.get('set-cookie').split(';')[0];
  });
  after(() => endAll(site, raw));
  afterEach(() => {
    for (const c of open.splice(0)) (c.destroy ? c.destroy() : c.close());
  });

  const connect = async (host) => {
    const c = await h2ws.connect(gate, host);
    open.push(c);
    return c;
  };
  const dial = async (host, what = {}, connection) => h2ws.dial(connection ?? (await connect(host)), { authority: gate.authority(host), ...what });
  const frames = async (host) => {
    const f = await Frames.open(gate, { host, initial: NO_TABLE });
    open.push(f);
    return f;
  };
  const extended = (f, id, { protocol = 'websocket', version = '13', more = [], end = false, pseudo } = {}) =>
    f.head(id, {
      end, more: [...(version ? [['sec-websocket-version', version]] : []), ...more],
      pseudo: pseudo ?? [[':method', 'CONNECT'], [':protocol', protocol], [':scheme', 'https'], [':authority', f.authority], [':path', '/doc']]
    });

  it('echoes, small and large', async () => {
    const ws = await dial(OPEN);
    for (const n of [0, 1, 125, 126, 65535, 65536, 1 << 20]) {
      const payload = randomBytes(n);
      assert.deepEqual(await echoed(ws, payload), payload, `${n} bytes`);
    }
    const seen = site.echo.upgrades.at(-1).headers;
    assert.equal(seen['sec-websocket-version'], '13');
    assert.match(seen['sec-websocket-key'], /^[A-Za-z0-9+/]{22}==$/);
    assert.equal(seen.host, new URL(site.echo.url).host);
    assert.equal(ws.headers['sec-websocket-accept'], undefined, 'that is HTTP/1\'s');
    assert.equal(ws.headers.upgrade, undefined);
    ws.close(4000, 'bye');
    assert.equal((await within('the close', ws.over)).code, 4000);
  });

  it('makes up another key for each', async () => {
    const c = await connect(OPEN), before = site.echo.upgrades.length;
    for (let i = 0; i < 5; i++) (await dial(OPEN, {}, c)).terminate();
    const keys = site.echo.upgrades.slice(before).map((u) => u.headers['sec-websocket-key']);
    assert.equal(new Set(keys).size, 5);
  });

  it('large messages both ways at once, past every window', async () => {
    const ws = await dial(OPEN);
    const sent = Array.from({ length: 12 }, () => randomBytes(3 << 20)), got = [];
    ws.on('message', (d) => got.push(d));
    for (const d of sent) ws.send(d);
    await until('all of them', () => got.length === sent.length, 60000);
    assert.ok(sent.every((d, i) => d.equals(got[i])));
    ws.terminate();
  });

  it('a reader that pauses holds its origin, and nobody else', async () => {
    let written = 0;
    script = async (wire, request) => {
      await wire.send(switching(request));
      const chunk = Buffer.alloc(65536, 'x');
      while (!wire.ended && !wire.socket.destroyed && written < 64 << 20) {
        if (!wire.socket.write(chunk)) await Promise.race([new Promise((r) => wire.socket.once('drain', r)), sleep(1000)]);
        written += chunk.length;
        if (wire.socket.writableLength > 1 << 20) await sleep(50);
      }
    };
    const c = await connect(RAW);
    const answer = await h2ws.dialStream(c, { authority: gate.authority(RAW) });
    answer.stream.pause();
    await until('the origin to be held', async () => {
      const before = written;
      await sleep(400);
      return before > 0 && written === before;
    });
    assert.ok(written < 24 << 20, `${written} bytes were taken for one that reads nothing`);
    // Its neighbours on the connection do not notice.
    const ws = await h2ws.dial(c, { authority: gate.authority(OPEN) });
    assert.equal((await echoed(ws, 'beside')).toString(), 'beside');
    const held = written;
    let read = 0;
    answer.stream.on('data', (d) => (read += d.length));
    answer.stream.resume();
    await until('it to go on', () => written > held + (4 << 20) && read > 4 << 20, 20000);
  });

  it('a writer is held by an origin that does not read', async () => {
    let origin;
    script = async (wire, request) => {
      wire.pause();
      origin = wire;
      await wire.send(switching(request));
    };
    const f = await frames(RAW);
    f.send(extended(f, 1));
    await f.until('the answer', () => f.of(TYPE.HEADERS, 1).length > 0);
    const chunk = Buffer.alloc(16384, 'x');
    for (let i = 0; i < 4; i++) f.send(data(1, i === 3 ? chunk.subarray(0, 16383) : chunk)); // the window, but for a byte
    await until('bytes at the origin', () => origin);
    let sum = 65535, opened = 0;
    const room = () => {
      const all = f.of(TYPE.WINDOW_UPDATE, 1).reduce((n, w) => n + w.payload.readUInt32BE(0), 0);
      const now = all - opened;
      opened = all;
      return now;
    };
    // As much as the window allows, until it opens no more.
    for (let quiet = 0; quiet < 20 && sum < 64 << 20;) {
      const n = room();
      quiet = n === 0 ? quiet + 1 : 0;
      for (let left = n; left > 0; left -= 16384) f.send(data(1, chunk.subarray(0, Math.min(left, 16384))));
      sum += n;
      await sleep(20);
    }
    assert.ok(sum < 32 << 20, `${sum} bytes were taken for an origin that reads nothing`);
    f.request(3, { pseudo: [[':method', 'GET'], [':scheme', 'https'], [':authority', gate.authority(OPEN)], [':path', '/']] });
    await f.until('a neighbour\'s answer', () => f.answered(3));
  });

  it('many of them and plain requests on one connection at a time', async () => {
    const c = await connect(OPEN), name = gate.authority(OPEN);
    const all = await Promise.all(Array.from({ length: 30 }, () => h2ws.dial(c, { authority: name })));
    const rounds = all.map(async (ws, i) => {
      for (let k = 0; k < 5; k++) assert.equal((await echoed(ws, `${i} ${k}`)).toString(), `${i} ${k}`);
    });
    const plain = Array.from({ length: 60 }, async (_, i) => {
      const payload = randomBytes(i * 1000);
      const r = await ask(c, { authority: name, method: 'POST', path: `/n${i}`, body: payload });
      assert.equal(r.json.sha256, createHash('sha256').update(payload).digest('hex'));
    });
    await Promise.all([...rounds, ...plain]);
    const held = site.echo.websockets.size;
    for (const ws of all.slice(0, 10)) ws.terminate();
    await until('ten to be let go', () => site.echo.websockets.size === held - 10, 2000);
    for (const [i, ws] of all.slice(10).entries()) assert.equal((await echoed(ws, `still ${i}`)).toString(), `still ${i}`);
  });

  describe('an origin that refuses', () => {
    for (const [code, reason] of [[200, 'OK'], [403, 'Forbidden'], [404, 'Not Found'], [426, 'Upgrade Required'], [500, 'Oops'], [302, 'Found']]) {
      it(`with ${code}: ${code === 200 ? '502, since a 200 would open one' : 'the same status'}, and no tunnel`, async () => {
        let later;
        script = async (wire, request) => {
          await wire.send(`HTTP/1.1 ${code} ${reason}\r\nContent-Length: 2\r\nX-Origin: raw\r\n\r\nno`);
          later = wire;
        };
        const f = await frames(RAW);
        f.send(extended(f, 1), data(1, 'not yet yours'));
        await f.until('the end of the stream', () => f.answered(1) || f.reset(1) !== undefined);
        await f.until('the rest to be declined', () => f.reset(1) !== undefined);
        assert.equal(f.status(1), code === 200 ? 502 : code); // any 2xx would open a WebSocket
        f.send(data(1, 'nor now'));
        assert.ok(await f.lives());
        await until('the origin\'s connection to end', () => later.ended);
        assert.ok(!later.bytes.includes('yours') && !later.bytes.includes('nor now'), 'bytes of a tunnel that never was');
      });
    }

    for (const [name, bytes] of [
      ['a wrong accept', () => 'HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n'],
      ['no accept', () => 'HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n'],
      ['another protocol', (r) => switching(r).replace('Upgrade: websocket', 'Upgrade: h2c')]
    ]) {
      it(`to speak WebSocket: ${name} is 502`, async () => {
        script = (wire, request) => wire.send(bytes(request));
        assert.equal((await dial(RAW)).status, 502);
      });
    }
    it('to answer at all', async () => {
      script = (wire) => wire.close();
      assert.equal((await dial(RAW)).status, 502);
    });
  });

  it('holds what comes before the 200', async () => {
    let early, all;
    script = async (wire, request) => {
      await sleep(300);
      early = wire.buffer.toString();
      await wire.send(switching(request));
      all = await wire.take(5).then(String);
      await wire.send('later');
    };
    const f = await frames(RAW);
    f.send(extended(f, 1), data(1, 'early'));
    await f.until('bytes of the tunnel', () => Buffer.concat(f.of(TYPE.DATA, 1).map((d) => d.payload)).toString() === 'later');
    assert.deepEqual([early, all, f.status(1)], ['', 'early', 200]);
  });

  describe('the gate answers', () => {
    const origin = (host) => gate.url(host, '');
    it('401 without a challenge to a page\'s, with the challenge to others', async () => {
      const before = site.echo.upgrades.length;
      const page = await dial(SYNC, { headers: { origin: origin(APP) } });
      assert.equal(page.status, 401);
      assert.equal(page.headers['www-authenticate'], undefined);
      const script_ = await dial(SYNC);
      assert.equal(script_.status, 401);
      assert.equal(script_.headers['www-authenticate'], 'Basic realm="app", charset="UTF-8"');
      for (const r of [page, script_]) assert.equal(r.headers['cache-control'], 'no-store');
      assert.ok(page.headers.tiergate);
      assert.equal((await dial(SYNC, { headers: { authorization: basic('beta', 'wrong') } })).status, 401);
      assert.equal((await dial(SYNC, { path: '/closed/x', headers: { cookie } })).status, 403);
      assert.equal(site.echo.upgrades.length, before);
    });
    it('by Basic, and by a cookie from a page of the circle or from none', async () => {
      for (const headers of [{ authorization: login }, { cookie, origin: origin(APP) }, { cookie, origin: origin(SYNC) }, { cookie }]) {
        const ws = await dial(SYNC, { headers });
        assert.equal((await echoed(ws, 'in')).toString(), 'in', JSON.stringify(headers));
        ws.terminate();
      }
      assert.equal(site.echo.upgrades.at(-2).headers.cookie, undefined, 'the gate\'s cookie stays here');
      assert.equal(site.echo.upgrades.at(-1).headers.authorization, undefined);
      for (const other of ['https://evil.test', origin('other.example.test'), 'null']) {
        const r = await dial(SYNC, { headers: { cookie, origin: other } });
        assert.ok(r.status === 401 || r.status === 403, `${other} ${r.status}`);
      }
      const other = await dial('other.example.test', { headers: { cookie } });
      assert.equal(other.status, 401);
    });
    it('421 for a host that nobody serves here', async () => {
      const c = await connect(OPEN);
      assert.equal((await h2ws.dial(c, { authority: gate.authority('nobody.example.test') })).status, 421);
    });
    it('by the rules for GET', async () => {
      const c = await connect('methods.example.test'), name = gate.authority('methods.example.test');
      const ws = await h2ws.dial(c, { authority: name, path: '/get' });
      assert.equal((await echoed(ws, 'get')).toString(), 'get');
      assert.equal((await h2ws.dial(c, { authority: name, path: '/connect' })).status, 403);
    });
    it('and logs it as any WebSocket', async () => {
      const ws = await dial(SYNC, { path: '/logged', headers: { authorization: login } });
      await echoed(ws, 'x');
      ws.close();
      const line = await gate.line((l) => l.path === '/logged');
      assert.deepEqual([line.status, line.method, line.decision, line.identity], [101, 'GET', 'allow', 'beta']);
    });
  });

  describe('refuses', () => {
    const connect_ = (host, ...more) => [[':method', 'CONNECT'], ...more.filter(Boolean), [':authority', host]];
    const scheme = [':scheme', 'https'], at = [':path', '/doc'], protocol = [':protocol', 'websocket'];
    // A number: an answer with this status. A code: the stream's, or the connection's, error (malformed, RFC 9113 §8.1.1).
    for (const [name, what, want] of [
      ['version 8', { version: '8' }, 400],
      ['no version', { version: '' }, 400],
      ['two versions', { more: [['sec-websocket-version', '13']] }, 400],
      ['a key of the client\'s', { more: [['sec-websocket-key', 'dGhlIHNhbXBsZSBub25jZQ==']] }, 400],
      ['a Content-Length', { more: [['content-length', '0']] }, 'malformed'],
      ['an end before the beginning', { end: true }, 400],
      ['another protocol', { protocol: 'connect-udp' }, 501],
      ['WebSocket in capitals', { protocol: 'WebSocket' }, 501],
      ['an empty protocol', { protocol: '' }, 'malformed'],
      ['no :path', { pseudo: (h) => connect_(h, protocol, scheme) }, 'malformed'],
      ['no :scheme', { pseudo: (h) => connect_(h, protocol, at) }, 'malformed'],
      ['no :authority', { pseudo: () => [[':method', 'CONNECT'], protocol, scheme, at] }, 'malformed'],
      ['two protocols', { pseudo: (h) => connect_(h, protocol, protocol, scheme, at) }, 'malformed'],
      ['GET with :protocol', { pseudo: (h) => [[':method', 'GET'], protocol, scheme, [':authority', h], at] }, 'malformed'],
      ['CONNECT as a proxy\'s', { pseudo: (h) => connect_(h) }, 405],
      ['CONNECT with a :path', { pseudo: (h) => connect_(h, scheme, at) }, 'malformed'],
      ['Upgrade', { more: [['upgrade', 'websocket']] }, 'malformed'],
      ['Connection', { more: [['connection', 'upgrade']] }, 'malformed'],
      ['a bad path', { pseudo: (h) => connect_(h, protocol, scheme, [':path', '/a b']) }, 'malformed'],
      ['a path that is none', { pseudo: (h) => connect_(h, protocol, scheme, [':path', '*']) }, 'malformed'],
      ['one of the gate\'s own endpoints', { pseudo: (h) => connect_(h, protocol, scheme, [':path', '/.tiergate/health']) }, 400]
    ]) {
      it(name, async () => {
        const before = site.echo.upgrades.length;
        const f = await frames(OPEN);
        f.send(extended(f, 1, { ...what, pseudo: what.pseudo?.(f.authority) }), ...(what.end ? [] : [data(1, 'x')]));
        await f.until('its end', () => f.answered(1) || f.reset(1) !== undefined || f.ended);
        const got = f.status(1);
        if (want === 'malformed') assert.ok(got === undefined ? f.reset(1) === ERROR.PROTOCOL_ERROR : got === 400, `${got} ${f.reset(1)}`);
        else assert.equal(got, want);
        assert.ok(await f.lives());
        assert.equal(site.echo.upgrades.length, before);
      });
    }
  });

  describe('ends', () => {
    const held = () => site.echo.websockets.size;
    const opened = async (before = held()) => {
      const f = await frames(OPEN);
      f.send(extended(f, 1));
      await until('one more at the origin', () => held() === before + 1);
      return f;
    };
    it('the client resets its stream', async () => {
      const before = held(), f = await opened();
      f.send(rst(1));
      await until('the origin to be let go', () => held() === before, 1000);
      assert.ok(await f.lives(), 'the connection goes on');
    });
    it('the client ends its half', async () => {
      const before = held(), f = await opened();
      f.send(data(1, '', true));
      await until('the origin to be let go', () => held() === before, 1000);
      await f.until('our half to end', () => f.answered(1) || f.reset(1) !== undefined);
      assert.ok(await f.lives());
    });
    it('the client is gone', async () => {
      const before = held(), f = await opened();
      f.close();
      await until('the origin to be let go', () => held() === before, 1000);
    });
    it('the client resets before the origin has switched', async () => {
      let origin;
      script = (wire) => new Promise(() => (origin = wire));
      const f = await frames(RAW);
      f.send(extended(f, 1));
      await until('the request at the origin', () => origin);
      f.send(rst(1));
      await until('the origin to be let go', () => origin.ended, 1000);
    });
    for (const [name, ending] of [['ends its half', (w) => w.finish()], ['is gone', (w) => w.socket.resetAndDestroy()]]) {
      it(`the origin ${name}: so does the stream, and one that goes on is reset`, async () => {
        script = async (wire, request) => {
          await wire.send(switching(request));
          await wire.take(3);
          await wire.send('end');
          ending(wire);
        };
        const f = await frames(RAW);
        f.send(extended(f, 1), data(1, 'now'));
        await f.until('its end', () => f.answered(1) || f.reset(1) !== undefined);
        await f.until('a reset, since we did not end ours', () => f.reset(1) !== undefined, 3000);
        assert.equal(f.reset(1), ERROR.CANCEL);
        assert.ok(await f.lives());
      });
    }
    it('the origin ends while the client\'s window is shut: what it said still comes, then the end', async () => {
      const said = randomBytes(100000);
      let origin;
      script = async (wire, request) => {
        await wire.send(switching(request));
        await wire.send(said);
        wire.finish();
        origin = wire;
      };
      const f = await frames(RAW);
      f.send(extended(f, 1));
      const got = () => Buffer.concat(f.of(TYPE.DATA, 1).map((d) => d.payload));
      await f.until('a window full', () => got().length === 65535);
      await sleep(300);
      f.send(windowUpdate(0, 1 << 20), windowUpdate(1, 1 << 20));
      await f.until('the end', () => f.answered(1) || f.reset(1) !== undefined);
      assert.ok(got().equals(said), 'all of it');
      await f.until('a reset, since we did not end ours', () => f.reset(1) !== undefined, 3000);
      await until('the origin to be let go', () => origin.ended, 3000);
    });
    it('both sides, cleanly: nothing is reset', async () => {
      script = async (wire, request) => {
        await wire.send(switching(request));
        await wire.rest();
        await wire.send('bye');
        wire.finish();
      };
      const f = await frames(RAW);
      f.send(extended(f, 1), data(1, 'hello', true));
      await f.until('the end', () => f.answered(1));
      assert.equal(Buffer.concat(f.of(TYPE.DATA, 1).map((d) => d.payload)).toString(), 'bye');
      assert.ok(await f.lives());
      assert.equal(f.reset(1), undefined);
    });
    it('its place among the streams is free again', async () => {
      const f = await frames(OPEN);
      for (let id = 1; id < 2 * 150; id += 2) {
        f.send(extended(f, id));
        await f.until('an answer', () => f.of(TYPE.HEADERS, id).length > 0);
        f.send(id % 4 === 1 ? rst(id) : data(id, '', true));
        if (id % 4 === 3) await f.until('the end', () => f.answered(id) || f.reset(id) !== undefined);
      }
      assert.ok(await f.lives());
    });
  });
});

describe('WebSockets over HTTP/2 at the gate\'s own doing', () => {
  let gate, origin, folder, connection;
  const start = async (limits = {}) => {
    folder = fs.mkdtempSync(path.join(os.tmpdir(), 'tiergate-h2ws-'));
    fs.writeFileSync(path.join(folder, 'beta'), PASSWORD);
    origin ??= await echoOrigin('web');
    gate = await Gate.start({ rules: rules({ limits }), env: secrets });
    connection = await h2ws.connect(gate, APP);
  };
  const rules = ({ limits = {}, change = (r) => r } = {}) => change(siteRules(origin.url, {
    gates: { app: { basic: { realm: 'app', users: { beta: `file:${folder}/beta` } }, session: { domain: APP } } },
    limits: { tunnel_grace: '300ms', drain_timeout: '4s', ...limits }
  }));
  const dial = (headers = { authorization: login }, at = APP) => h2ws.dial(connection, { authority: gate.authority(at), headers });
  const ended = async () => {
    assert.equal((await within('the end', gate.exited, 8000)).code, 0);
    gate = undefined;
  };
  afterEach(async () => {
    connection?.destroy();
    const all = [gate, origin];
    gate = origin = undefined;
    await endAll(...all);
    fs.rmSync(folder, { recursive: true, force: true });
  });

  it('a drain says 1012', async () => {
    await start();
    const all = await Promise.all(Array.from({ length: 8 }, () => dial()));
    gate.process.kill('SIGTERM');
    const ends = await within('all to be told', Promise.all(all.map((ws) => ws.over)), 6000);
    assert.deepEqual(ends.map((e) => e.code), Array(8).fill(1012));
    await ended();
  });

  it('a drain says it at a frame\'s boundary, or not at all', async () => {
    origin = await rawOrigin(async (wire) => {
      const request = await wire.request({ body: false });
      await wire.send(switching(request));
      // One frame of 5000 bytes that begins and never ends.
      await wire.send(Buffer.concat([Buffer.from([0x82, 126, 5000 >> 8, 5000 & 255]), Buffer.alloc(100)]));
      await wire.rest(20000).catch(() => {});
    });
    await start();
    const { stream } = await h2ws.dialStream(connection, { authority: gate.authority(OPEN) });
    const bytes = [];
    let over = false;
    stream.on('data', (d) => bytes.push(d));
    stream.on('close', () => (over = true));
    await until('part of a frame', () => Buffer.concat(bytes).length === 104);
    gate.process.kill('SIGTERM');
    await until('the end', () => over, 6000);
    assert.equal(Buffer.concat(bytes).length, 104, 'nothing was put into the middle of a frame');
    await ended();
  });

  it('a reload says 4401 and 4403, and leaves others alone', async () => {
    await start();
    const [mine, blocked, open] = [await dial(), await dial({ authorization: login }, 'pr-7.app.example.test'), await dial({}, OPEN)];
    fs.writeFileSync(path.join(folder, 'beta'), 'another password');
    await gate.reload(rules({ change: (r) => (r.hosts = r.hosts.filter((h) => !h.host.startsWith('pr-')), r) }), /reload: ok/);
    assert.equal((await within('4401', mine.over, 2000)).code, 4401);
    assert.equal((await within('4403', blocked.over, 2000)).code, 4403);
    assert.equal((await echoed(open, 'still here')).toString(), 'still here');
  });

  it('a slow reader still gets what was said, Close included, and then its stream is over', async () => {
    await start();
    const f = await Frames.open(gate, { host: OPEN, initial: { ...NO_TABLE, INITIAL_WINDOW_SIZE: 10 } });
    f.send(f.head(1, {
      end: false, more: [['sec-websocket-version', '13']],
      pseudo: [[':method', 'CONNECT'], [':protocol', 'websocket'], [':scheme', 'https'], [':authority', f.authority], [':path', '/doc']]
    }), data(1, Buffer.concat([Buffer.from([0x82, 0x80 | 100, 0, 0, 0, 0]), Buffer.alloc(100, 'x')])));
    const got = () => Buffer.concat(f.of(TYPE.DATA, 1).map((d) => d.payload));
    await f.until('a window full', () => got().length === 10);
    const blocked = (r) => (Object.assign(r.hosts.find((h) => h.host === OPEN), { public: false, rules: [{ path: '/*', action: 'block' }] }), r);
    await gate.reload(rules({ change: blocked }), /reload: ok/);
    await sleep(1500); // it had its moment to answer the Close
    f.send(windowUpdate(1, 1000));
    await f.until('the rest', () => f.answered(1) || f.reset(1) !== undefined);
    assert.deepEqual([...got().subarray(102, 106)], [0x88, 2 + 'rules changed'.length, 4403 >> 8, 4403 & 255]);
    await f.until('its end, since we do not end ours', () => f.reset(1) !== undefined, 5000);
    assert.ok(await f.lives());
    f.close();
  });

  it('one that is silent for too long ends, the connection does not', async () => {
    await start({ tunnel_idle_timeout: '10s' });
    const [silent, busy] = [await dial(), await dial()];
    const ends = within('the silent one to end', silent.over, 20000);
    for (let i = 0; silent.readyState <= 1; i++) {
      assert.equal((await echoed(busy, `${i}`)).toString(), `${i}`);
      await sleep(100);
    }
    assert.equal((await ends).code, 1006);
    assert.equal((await echoed(busy, 'on')).toString(), 'on');
  });
});
