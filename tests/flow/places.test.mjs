// Places at the origins: who asks for much at once, or reads slowly what many requests bring, takes them from himself and from nobody else.
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { afterEach, describe, it } from 'node:test';
import { Frames, NO_TABLE, SETTING, TYPE } from '../harness/frames.mjs';
import { authority } from '../harness/certs.mjs';
import { h2Origin } from '../harness/h2-origins.mjs';
import { answer, pathOrigin } from '../harness/origins.mjs';
import { freePort } from '../harness/ports.mjs';
import { PASSWORD, startSite } from '../harness/site.mjs';
import { endAll, sleep, until } from '../harness/wait.mjs';
import { basic, connect, requestBytes } from '../harness/wire.mjs';

const open = 'open.example.test';
const app = 'app.example.test';
const ELSEWHERE = '127.0.0.2';
const UPGRADE = { Connection: 'Upgrade', Upgrade: 'websocket', 'Sec-WebSocket-Version': '13', 'Sec-WebSocket-Key': 'dGhlIHNhbXBsZSBub25jZQ==' };
/** Of limits.memory: places for strangers (tests/unit/edge/places.c), of which one address alone gets half. */
const SMALL = { memory: '4MiB', alone: 6, all: 12 };
const LARGER = { memory: '16MiB', alone: 25 };

describe('places at origins', () => {
  let site, gate, origin, cookie, wires = [], release;
  afterEach(async () => {
    release?.(); // who has only said that he sends no more still gets his answer
    for (const w of wires) w.close();
    wires = [];
    await endAll(site).finally(() => endAll(origin)); // the origin last: for one that has gone, requests are patient
    site = origin = undefined;
  });

  const start = async ({ limits, gate: options = {}, more = {} }) => {
    const held = new Promise((r) => (release = r));
    const block = Buffer.concat([Buffer.from('10000\r\n'), Buffer.alloc(1 << 16, 'x'), Buffer.from('\r\n')]);
    origin = await pathOrigin({
      '*': (wire) => wire.send(answer('ok')),
      '/silent': (wire) => new Promise((r) => wire.socket.once('close', r)),
      '/held': async (wire) => {
        await held;
        await wire.send(answer('late'));
      },
      '/endless': async (wire) => {
        await wire.send('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n');
        while (!wire.socket.destroyed) await wire.send(block);
      },
      '/broken': async (wire) => {
        await wire.send('HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nshort');
        return false;
      },
      '/gone': () => false,
      '/wrong': (wire) => wire.send('nonsense\r\n\r\n'),
      '/socket': async (wire, req) => {
        const accept = createHash('sha1').update(`${req.get('sec-websocket-key')}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`).digest('base64');
        await wire.send(`HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ${accept}\r\n\r\n`);
        await new Promise((r) => wire.socket.once('close', r));
        return false;
      }
    });
    site = await startSite({ origin: origin.url, more: { limits, ...more }, gate: { threads: 1, ...options } });
    gate = site.gate;
    const r = await gate.request({ host: app, path: '/', headers: { Authorization: basic('beta', PASSWORD) } });
    cookie = r.get('set-cookie').split(';')[0];
  };

  const dial = async (how = {}) => {
    const wire = await gate.connect({ host: open, ...how });
    wires.push(wire);
    return wire;
  };
  const send = (wire, path, { host = open, headers = {} } = {}) => wire.send(requestBytes({ host: gate.authority(host), path, headers }));
  /** One bypassed request on a connection of its own, from that address. */
  const stranger = async (localAddress, path = '/') => {
    const wire = await dial({ localAddress });
    await send(wire, path);
    const r = await wire.response();
    wire.close();
    return r;
  };
  const signedIn = (path = '/') => gate.request({ host: app, path, headers: { Cookie: cookie } });
  const held = () => origin.requests.filter((r) => r.target === '/held').length;
  /** Asks for what does not end, until it is refused: how many were let through. */
  const fill = async (localAddress, most = 40) => {
    for (let n = 0; n < most; n++) {
      const wire = await dial({ localAddress }), before = held();
      await send(wire, '/held');
      let r;
      wire.head().then((h) => (r = h), () => {});
      await until('the origin, or an answer', () => r || held() > before, 10000, 2);
      if (r) {
        assert.deepEqual([r.status, r.get('tiergate')], [503, 'overloaded']);
        return n;
      }
    }
    return most;
  };

  it('connections with HTTP/2, and a hundred requests on one, leave descriptors to others', async () => {
    await start({ gate: { under: ['prlimit', '--nofile=128'] } });
    const many = [];
    for (let i = 0; i < 10; i++) many.push(await Frames.open(gate, { host: open, initial: NO_TABLE }));
    wires.push(...many);
    const asked = () => origin.requests.filter((r) => r.target === '/silent').length;
    const ids = [1, 3, 5, 7];
    for (const f of many) for (const id of ids) f.request(id, { path: '/silent' });
    const refused = () => many.reduce((n, f) => n + ids.filter((id) => f.status(id) === 503).length, 0);
    await until('all to have been judged', () => asked() + refused() === many.length * ids.length);
    assert.equal(refused(), 10 * 3 - 4, 'each has one, and beside that the address half of what there is');
    const eager = await Frames.open(gate, { host: open, initial: NO_TABLE, ack: false });
    wires.push(eager);
    for (let i = 0; i < 100; i++) eager.request(2 * i + 1, { path: '/silent' });
    await eager.until('most to be refused', () => eager.ended || eager.of(TYPE.RST_STREAM).length >= 96);
    for (let i = 0; i < 3; i++) {
      assert.equal((await stranger(ELSEWHERE)).status, 200, 'another address');
      assert.equal((await stranger()).status, 200, 'the same address, with a request of its own');
      assert.equal((await signedIn()).status, 200, 'somebody who is signed in');
    }
    assert.ok(asked() <= 10 + 4 + 1, `${asked()} are at the origin`);
    const lines = gate.lines();
    assert.ok(!lines.some((l) => l.reason === 'out-of-descriptors'));
    assert.ok(lines.some((l) => l.reason === 'overloaded' && l.status === 503 && /many requests/.test(l.detail)));
    assert.deepEqual(gate.workers.length, 1, gate.stderr);
  });

  it('somebody signed in with many requests at a time takes nothing from strangers, nor from who has one', async () => {
    await start({ gate: { under: ['prlimit', '--nofile=128'] } });
    const many = [];
    for (let i = 0; i < 8; i++) many.push(await Frames.open(gate, { host: app, initial: NO_TABLE }));
    wires.push(...many);
    const ids = [1, 3, 5, 7];
    for (const f of many) for (const id of ids) f.request(id, { path: '/silent', more: [['cookie', cookie]] });
    await until('some to be refused', () => many.some((f) => ids.some((id) => f.status(id) === 503)), 10000);
    assert.equal((await signedIn()).status, 200);
    assert.equal((await stranger()).status, 200);
    assert.equal((await stranger(ELSEWHERE)).status, 200);
    for (const f of many) f.close();
    const again = await Frames.open(gate, { host: app, initial: NO_TABLE });
    wires.push(again);
    for (const id of ids) again.request(id, { path: '/', more: [['cookie', cookie]] });
    await until('all answered', () => ids.every((id) => again.answered(id)));
    assert.deepEqual(ids.map((id) => again.status(id)), ids.map(() => 200));
  });

  it('where its origin is asked over HTTP/2 too, no descriptor is counted', async () => {
    const shared = await h2Origin({ '/silent': () => {} }, { pair: authority().issue(['localhost']) });
    try {
      const tls = { ca: authority().certFile };
      const hosts = ['2', 'auto'].map((http) => ({ host: `h${http}.example.test`, origin: `h${http}`, public: true, rules: [{ path: '/*', action: 'bypass' }] }));
      await start({
        gate: { under: ['prlimit', '--nofile=128'] },
        more: { origins: { h2: { url: shared.url, http: '2', tls }, hauto: { url: shared.url, http: 'auto', tls } }, hosts }
      });
      for (const { host } of hosts) {
        const many = [], ids = [1, 3, 5, 7], before = shared.requests.length;
        for (let i = 0; i < 8; i++) {
          const f = await Frames.open(gate, { host, initial: NO_TABLE });
          wires.push(f);
          many.push(f);
          // At once: those of the first connection wait for one to the origin, and have a place each until it is there.
          f.send(...ids.map((id) => f.head(id, { path: '/silent' })));
          await until('the origin to be asked', () => shared.requests.length === before + ids.length * (i + 1));
        }
        for (const f of many) f.close();
      }
      // What they gave back was theirs alone: the pool is what it was.
      const many = [];
      for (let i = 0; i < 10; i++) many.push(await Frames.open(gate, { host: open, initial: NO_TABLE }));
      wires.push(...many);
      for (const f of many) for (const id of [1, 3, 5, 7]) f.request(id, { path: '/silent' });
      const refused = () => many.reduce((n, f) => n + [1, 3, 5, 7].filter((id) => f.status(id) === 503).length, 0);
      await until('all to have been judged', () => origin.requests.filter((r) => r.target === '/silent').length + refused() === 40);
      assert.equal(refused(), 26);
    } finally {
      await shared.close();
    }
  });

  it('a browser is told how much it may ask for at a time', async () => {
    await start({ gate: { under: ['prlimit', '--nofile=128'] } });
    const of = (f) => {
      const p = f.of(TYPE.SETTINGS)[0].payload;
      for (let i = 0; i < p.length; i += 6) if (p.readUInt16BE(i) === SETTING.MAX_CONCURRENT_STREAMS) return p.readUInt32BE(i + 2);
    };
    const f = await Frames.open(gate, { host: open });
    wires.push(f);
    await f.until('SETTINGS', () => f.of(TYPE.SETTINGS).length > 0);
    assert.equal(of(f), 4);
  });

  it('a crowd behind one router, each with all that a browser asks for at a time, is served', async () => {
    await start({ limits: { memory: '1GiB' }, gate: { under: ['prlimit', '--nofile=16384'] } });
    const crowd = [], ids = Array.from({ length: 100 }, (_, i) => 2 * i + 1);
    for (let i = 0; i < 5; i++) crowd.push(await Frames.open(gate, { host: open, initial: NO_TABLE }));
    wires.push(...crowd);
    for (const f of crowd) {
      await f.until('SETTINGS', () => f.of(TYPE.SETTINGS).length > 0);
      f.send(...ids.map((id) => f.head(id, { path: '/held' })));
    }
    await until('all to be at the origin', () => held() === crowd.length * ids.length, 60000);
    release();
    await until('all to be answered', () => crowd.every((f) => ids.every((id) => f.answered(id))), 60000);
    assert.ok(crowd.every((f) => ids.every((id) => f.status(id) === 200)));
  });

  it('one address whose readers are stuck leaves others theirs', async () => {
    await start({ limits: { memory: LARGER.memory } });
    let refused = 0;
    for (let i = 0; i < LARGER.alone + 20; i++) {
      const wire = await dial();
      await send(wire, '/endless');
      const { status } = await wire.head();
      wire.pause();
      refused += status === 503;
    }
    assert.equal(refused, 20);
    for (let i = 0; i < 20; i++) {
      assert.equal((await stranger(ELSEWHERE)).status, 200);
      assert.equal((await signedIn()).status, 200);
    }
    const r = await stranger();
    assert.deepEqual([r.status, r.get('tiergate')], [503, 'overloaded']);
    assert.ok(Number(r.get('retry-after')) >= 1);
    assert.equal((await gate.request({ host: open, path: '/.tiergate/health' })).status, 200);
    assert.equal((await gate.request({ host: app, path: '/' })).status, 401, 'an answer of our own');
    assert.ok(!gate.lines().some((l) => l.event === 'memory' && l.level !== 'calm' && l.level !== 'tight'), 'memory is not short');
  });

  it('what is free is shared among those who come', async () => {
    await start({ limits: { memory: SMALL.memory } });
    assert.deepEqual([await fill('127.0.0.2'), await fill('127.0.0.3'), await fill('127.0.0.4')], [6, 3, 2]);
    assert.equal((await signedIn()).status, 200);
    release();
    await until('room', async () => (await stranger('127.0.0.2')).status === 200);
  });

  it('whatever an exchange ends by, its place comes back, once', async () => {
    await start({ limits: { memory: SMALL.memory } });
    const ends = {
      'an answer': () => stranger(),
      'a refusal before the origin': () => gate.request({ host: app, path: '/' }),
      'an origin that goes': () => stranger(undefined, '/gone'),
      'an origin that speaks nonsense': () => stranger(undefined, '/wrong'),
      'an answer cut short': () => stranger(undefined, '/broken').catch(() => {}),
      'a client that goes': async () => {
        const wire = await dial(), before = origin.requests.length;
        await send(wire, '/silent');
        await until('the origin to be asked', () => origin.requests.length > before);
        wire.close();
      },
      'a tunnel': async () => {
        const wire = await dial();
        await send(wire, '/socket', { headers: UPGRADE });
        assert.equal((await wire.head()).status, 101);
        wire.close();
      },
      'several on one connection': async () => {
        const wire = await dial();
        await send(wire, '/a');
        await send(wire, '/b');
        await wire.response();
        await wire.response();
        wire.close();
      },
      'HTTP/2, some of them reset': async () => {
        const f = await Frames.open(gate, { host: open, initial: NO_TABLE });
        for (const id of [1, 3, 5, 7]) f.request(id, { path: id % 4 === 1 ? '/' : '/silent' });
        await f.until('answers', () => f.answered(1) && f.answered(5));
        f.close();
      }
    };
    for (const [name, end] of Object.entries(ends)) {
      for (let i = 0; i < 4; i++) await end();
      let n;
      await until(`all places again after ${name}`, async () => {
        n = await fill();
        for (const w of wires) w.close();
        wires = [];
        return n >= SMALL.alone;
      }, 10000, 100).catch(() => {});
      assert.equal(n, SMALL.alone, name);
      await until('those to be gone', async () => (await stranger()).status === 200);
    }
  });

  it('a WebSocket has its place as long as it is open', async () => {
    await start({ limits: { memory: SMALL.memory } });
    const sockets = [];
    for (let i = 0; i < SMALL.alone; i++) {
      const wire = await dial();
      await send(wire, '/socket', { headers: UPGRADE });
      assert.equal((await wire.head()).status, 101);
      sockets.push(wire);
    }
    assert.equal((await stranger()).status, 503);
    assert.equal((await stranger(ELSEWHERE)).status, 200);
    sockets[0].close();
    await until('room', async () => (await stranger()).status === 200);
  });

  describe('behind a trusted proxy', () => {
    let port;
    const startPlain = async (header) => {
      port = await freePort();
      const top = {
        listen: [{ address: `127.0.0.1:${site?.gate.port ?? (await freePort())}` }, { address: `127.0.0.1:${port}`, plain: true }],
        client_address: { trusted_proxies: ['127.0.0.9/32'], ...(header ? { header } : {}) }
      };
      const tlsPort = Number(top.listen[0].address.split(':')[1]);
      await start({ limits: { memory: SMALL.memory }, more: { top }, gate: { port: tlsPort } });
    };
    const proxied = async (client) => {
      const wire = await connect({ port, plain: true, localAddress: '127.0.0.9' });
      wires.push(wire);
      const before = held();
      let r;
      await wire.send(requestBytes({ host: open, path: '/held', headers: client ? { 'X-Real-IP': client } : {} }));
      wire.head().then((h) => (r = h.status), () => {});
      await until('the origin, or an answer', () => r || held() > before, 10000, 2);
      return r ?? 'waits';
    };
    const times = async (n, client) => {
      const all = [];
      for (let i = 0; i < n; i++) all.push(await proxied(client));
      return all.filter((s) => s === 'waits').length;
    };

    it('each client that it names has its share', async () => {
      await startPlain('X-Real-IP');
      assert.deepEqual([await times(8, '192.0.2.1'), await times(8, '192.0.2.2'), await times(8, '192.0.2.3')], [6, 3, 2]);
    });

    it('of clients that nobody names, none is held to be the others', async () => {
      await startPlain();
      assert.equal(await times(14), SMALL.all);
      assert.equal((await signedIn()).status, 200);
    });
  });
});
