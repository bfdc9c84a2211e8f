// Memory is short: who is let go, who is refused, who goes on. The bound is tiny here, so that a hundred connections fill it.
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { after, afterEach, before, describe, it } from 'node:test';
import { preferred } from '../harness/http2.mjs';
import { WebSocket } from '../harness/lib.mjs';
import { pathOrigin } from '../harness/origins.mjs';
import { authority } from '../harness/certs.mjs';
import { ERROR, Frames, data } from '../harness/frames.mjs';
import { rawH2Origin } from '../harness/h2-origins.mjs';
import { PASSWORD, startSite } from '../harness/site.mjs';
import { endAll, sleep, until, within } from '../harness/wait.mjs';
import { basic, requestBytes } from '../harness/wire.mjs';

const open = 'open.example.test';
const app = 'app.example.test';
const LIMIT = 4 << 20;
const IDLE = 2048 + 15 * 1024; // what src/net/stream_impl.h says of a TLS connection …
const HEAD = IDLE + 16640; // … and with a part of a head
/** How many connections with half a head hold so much of the limit. */
const heads = (share) => Math.ceil((LIMIT * share) / HEAD);

describe('shedding', () => {
  let site, gate, cookie;
  let wires = [];
  before(async () => {
    site = await startSite({ more: { limits: { memory: '4MiB', header_timeout: '2m' } }, gate: { threads: 1 } });
    gate = site.gate;
    const r = await gate.request({ host: app, path: '/', headers: { Authorization: basic('beta', PASSWORD) } });
    cookie = r.get('set-cookie').split(';')[0];
  });
  after(() => site?.stop());
  afterEach(async () => {
    leave();
    await levelIs('calm');
  });

  const levels = () => gate.lines().filter((l) => l.event === 'memory').map((l) => l.level);
  const levelIs = (level) => until(`the level ${level}`, () => (levels().at(-1) ?? 'calm') === level, 20000);
  const leave = () => {
    for (const w of wires) w.close();
    wires = [];
  };
  const connected = async (n) => {
    const some = [];
    while (some.length < n) {
      // Few at a time: while it lasts, a handshake holds more than what it leads to.
      const batch = await Promise.all(Array.from({ length: Math.min(5, n - some.length) }, () => gate.connect({ host: open, ms: 20000 })));
      some.push(...batch);
      wires.push(...batch);
    }
    return some;
  };
  /** Fills so much of the limit: all connections first, then half a head on each. They may stay for 5 s. */
  const fill = async (share) => {
    const some = await connected(heads(share));
    await Promise.all(some.map((w) => w.send('GET / HTTP/1.1\r\nX')));
    return some;
  };
  const anonymous = (more) => gate.request({ host: open, path: '/x', ...more });
  const signedIn = (more) => gate.request({ host: app, path: '/x', headers: { Cookie: cookie }, ...more });
  const health = () => gate.request({ host: open, path: '/.tiergate/health' });

  it('tight: everybody is served, idle connections go, the oldest first', async () => {
    const old = await connected(20);
    await sleep(300);
    const young = await connected(40);
    await sleep(1200);
    const some = await connected(60);
    await Promise.all(some.map((w) => w.send('GET / HTTP/1.1\r\nX')));
    await until('some to be closed', () => old.every((w) => w.ended), 10000);
    assert.equal((await anonymous()).status, 200);
    assert.equal((await signedIn()).status, 200);
    await sleep(600);
    const left = young.filter((w) => !w.ended).length;
    assert.ok(left > 10 && left < 40, `${left} of the younger ones are left`);
    assert.ok(some.every((w) => !w.ended), 'who has begun a request waits');
    assert.ok(levels().includes('tight'));
  });

  it('short: strangers are asked to come again, people who are signed in go on', async () => {
    await fill(0.89);
    await levelIs('short');
    const r = await anonymous();
    assert.deepEqual([r.status, r.get('tiergate')], [503, 'overloaded']);
    assert.ok(Number(r.get('retry-after')) >= 1);
    assert.equal((await signedIn()).status, 200);
    assert.equal((await gate.request({ host: app, path: '/x' })).status, 401, 'an answer of our own costs nothing');
    assert.equal((await health()).status, 200);
    assert.equal((await gate.line((l) => l.reason === 'overloaded')).status, 503);
    leave();
    await until('room', async () => (await anonymous()).status === 200, 3000);
  });

  it('full: no new work, but what is under way goes on, and health is answered', async () => {
    const socket = new WebSocket(gate.url(app, '/ws').replace('https', 'wss'), { ca: authority().pem, headers: { Cookie: cookie }, lookup: (h, o, cb) => (o.all ? cb(null, [{ address: '127.0.0.1', family: 4 }]) : cb(null, '127.0.0.1', 4)) });
    await within('the socket', new Promise((r, no) => { socket.once('open', r); socket.once('error', no); }));
    const echo = async (text) => {
      socket.send(text);
      const [d] = await within('an echo', new Promise((r) => socket.once('message', (...a) => r(a))));
      assert.equal(d.toString(), text);
    };
    try {
      await echo('before');
      await fill(1.03);
      await levelIs('full');
      const r = await signedIn();
      assert.deepEqual([r.status, r.get('tiergate')], [503, 'overloaded']);
      assert.equal((await anonymous()).status, 503);
      if (!preferred) assert.match((await health()).get('connection'), /close/);
      for (let i = 0; i < 5; i++) assert.equal((await health()).status, 200);
      await echo('meanwhile');
      leave();
      await until('room', async () => (await signedIn()).status === 200, 3000);
      await echo('after');
    } finally {
      socket.terminate();
    }
  });

  it('guests with HTTP/2 have as little time as others', async () => {
    await fill(1.03);
    await levelIs('full');
    const open2 = () => Frames.open(gate, { host: open });
    const idle = await open2(), half = await open2();
    try {
      half.send(half.head(1, { flags: 0 }));
      leave();
      await levelIs('calm'); // nobody is let go for want of memory
      for (const f of [idle, half]) assert.equal(await f.dies(20000), ERROR.NO_ERROR);
    } finally {
      idle.close();
      half.close();
    }
  });

  it('half heads are let go after a while, and everybody is served again although they stay', async () => {
    const some = await fill(1.03);
    await until('a stranger to be served', async () => (await anonymous().catch(() => undefined))?.status === 200, 15000, 100);
    assert.ok(some.some((w) => w.ended));
    assert.ok(some.some((w) => !w.ended), 'no more go than have to');
  });

  it('one line for each change of the level', async () => {
    const l = gate.lines().filter((x) => x.event === 'memory');
    for (let i = 1; i < l.length; i++) assert.notEqual(l[i].level, l[i - 1].level);
    assert.ok(l.every((x) => x.limit === LIMIT && x.held >= 0 && x.time));
  });
});

describe('shedding of payload whose origin does not answer', () => {
  const mute = 'mute.app.example.test';
  let site, origin, gate, cookie;
  before(async () => {
    origin = await rawH2Origin(() => {}); // never says a word
    site = await startSite({
      more: {
        limits: { memory: '4MiB' },
        origins: { mute: { url: origin.url, http: '2', connect_timeout: '5m' } },
        hosts: [{ host: mute, origin: 'mute', gate: 'app', rules: 'gated' }]
      },
      gate: { threads: 1 }
    });
    gate = site.gate;
    const r = await gate.request({ host: app, path: '/', headers: { Authorization: basic('beta', PASSWORD) } });
    cookie = r.get('set-cookie').split(';')[0];
  });
  after(() => endAll(site, origin));

  it('takes little of each stream, and lets go of who sent it', async () => {
    const clients = [], ids = [1, 3, 5, 7, 9, 11], piece = Buffer.alloc(16384, 'x'), post = { method: 'POST', end: false, more: [['cookie', cookie]] };
    try {
      for (let i = 0; i < 40; i++) {
        const f = await Frames.open(gate, { host: mute });
        clients.push(f);
        for (const id of ids) f.request(id, post);
        assert.ok(await f.lives());
      }
      clients[0].send(data(1, piece), data(1, 'x'));
      await clients[0].until('a window that is full', () => clients[0].reset(1) !== undefined);
      assert.equal(clients[0].reset(1), ERROR.FLOW_CONTROL_ERROR);
      for (const f of clients) for (const id of ids.slice(1)) f.send(data(id, piece));
      await gate.line((l) => l.detail === 'memory is short' && l.host === mute, 40000);
      assert.ok(clients.some((f) => f.ended));
      assert.ok(clients.some((f) => !f.ended), 'no more go than have to');
    } finally {
      for (const f of clients) f.close();
    }
  });
});

describe('shedding of who does not read', () => {
  let site, origin, gate, cookie;
  const block = Buffer.alloc(1 << 16, 'x');
  before(async () => {
    origin = await pathOrigin({
      '*': async (wire) => {
        await wire.send('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n');
        while (!wire.socket.destroyed) {
          const chunk = Buffer.concat([Buffer.from(`${block.length.toString(16)}\r\n`), block, Buffer.from('\r\n')]);
          await wire.send(chunk);
        }
      },
      '/small': (wire) => wire.send('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok')
    });
    site = await startSite({ origin: origin.url, more: { limits: { memory: '4MiB' } }, gate: { threads: 1 } });
    gate = site.gate;
    const r = await gate.request({ host: app, path: '/small', headers: { Authorization: basic('beta', PASSWORD) } });
    cookie = r.get('set-cookie').split(';')[0];
  });
  after(() => endAll(site, origin));

  const stuck = async (host, { headers = {}, localAddress } = {}) => {
    const wire = await gate.connect({ host, localAddress });
    await wire.send(requestBytes({ host, path: '/endless', headers }));
    await wire.head();
    wire.pause();
    return wire;
  };
  /** One address has half of the places of strangers at most: these come from several. */
  const crowd = async (n) => {
    const some = [];
    for (let i = 0; i < n; i++) some.push(await stuck(open, { localAddress: `127.0.0.${2 + (i % 4)}` }).catch(() => undefined)); // 503 in time
    return some.filter((w) => w);
  };
  const levels = () => gate.lines().filter((l) => l.event === 'memory').map((l) => l.level);
  /** So many people who are signed in that one more makes memory tight: it is not short with them alone, and does not end to be tight. */
  const fillWithPeople = async (people) => {
    for (;;) {
      const one = await stuck(app, { headers: { Cookie: cookie } });
      if (people.length > 7) await sleep(400); // the level is told four times a second
      if (levels().at(-1) === 'tight') return one.close();
      people.push(one);
      assert.ok(people.length < 40, 'memory is not tight with forty');
    }
  };
  const served = () => until('a stranger to be served', async () => (await gate.request({ host: open, path: '/small' })).status === 200, 30000, 200);

  it('where others find no place at the origins, strangers who do not move give up theirs', async () => {
    const theirs = await crowd(24);
    try {
      const ask = async () => {
        const wire = await gate.connect({ host: open, localAddress: '127.0.0.2' });
        await wire.send(requestBytes({ host: open, path: '/small' }));
        return wire.response().finally(() => wire.close());
      };
      assert.equal((await gate.request({ host: open, path: '/small' })).status, 200, 'another address finds one at once');
      assert.equal((await ask()).status, 503);
      await until('one of them to be served', async () => (await ask()).status === 200, 30000, 200);
      const gone = gate.lines().filter((l) => l.detail === 'its place was wanted');
      assert.ok(gone.length > 0 && gone.every((l) => l.host === open && l.path === '/endless'));
      assert.ok(!gate.lines().some((l) => l.detail === 'memory is short'));
    } finally {
      for (const w of theirs) w.close();
    }
  });

  it('strangers are let go, and who is signed in is not', async () => {
    const ours = [], theirs = [];
    try {
      await fillWithPeople(ours);
      // From other addresses than before, no two from one: nobody is refused for want of a place.
      for (let i = 0; i < 12; i++) await stuck(open, { localAddress: `127.0.0.${10 + i}` }).then((w) => theirs.push(w), () => {}); // 503 in time
      await until('memory to be short', () => levels().includes('short'));
      const gone = await gate.line((l) => l.detail === 'memory is short', 30000);
      assert.equal(gone.host, open);
      await served();
      await sleep(8000); // it is tight still, and they have stood still for so long that they were next
      assert.equal(levels().at(-1), 'tight');
      assert.ok(!gate.lines().some((l) => l.detail === 'memory is short' && l.identity));
      const [mine] = ours;
      let more = 0;
      mine.socket.removeAllListeners('data');
      mine.socket.on('data', (d) => (more += d.length));
      mine.resume();
      await until('the rest to flow', () => more > 64 << 20, 60000);
    } finally {
      for (const w of [...ours, ...theirs]) w.close();
    }
  });
});

describe('the pace of readers', () => {
  let site, origin, gate;
  const state = {};
  before(async () => {
    origin = await pathOrigin({
      '/much': async (wire) => {
        const n = 64 << 20;
        await wire.send(`HTTP/1.1 200 OK\r\nContent-Length: ${n}\r\n\r\n`);
        await wire.send(Buffer.alloc(n));
      },
      '/silent': async (wire) => {
        await wire.send('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n');
        await new Promise((r) => (state.speak = r));
        await wire.send('1\r\nb\r\n0\r\n\r\n');
      },
      '/socket': async (wire, req) => {
        const accept = createHash('sha1').update(`${req.get('sec-websocket-key')}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`).digest('base64');
        await wire.send(`HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ${accept}\r\n\r\n`);
        const frame = Buffer.concat([Buffer.from([0x82, 126, 0xff, 0xff]), Buffer.alloc(65535)]);
        state.talks = wire;
        while (!wire.socket.destroyed) await wire.send(frame);
      },
      '/stuck': async (wire) => {
        wire.pause();
        await new Promise((r) => wire.socket.once('close', r));
      }
    });
    site = await startSite({
      origin: origin.url,
      more: {
        limits: { write_rate: 100000, write_rate_after: '1s', write_timeout: '1s', backpressure_timeout: '6s' },
        origins: { stuck: { url: origin.url, idle_timeout: '4s' } },
        hosts: [{ host: 'stuck.example.test', origin: 'stuck', public: true, rules: [{ path: '/*', action: 'bypass' }] }]
      },
      gate: { threads: 1 }
    });
    gate = site.gate;
  });
  after(() => endAll(site, origin));
  const much = async () => {
    const wire = await gate.connect({ host: open });
    await wire.send(requestBytes({ host: open, path: '/much', headers: { Connection: 'close' } }));
    let n = 0;
    wire.socket.removeAllListeners('data');
    wire.socket.on('data', (d) => (n += d.length));
    wire.pause();
    return { wire, got: () => n };
  };

  it('a paused player goes on where it was', async () => {
    const { wire, got } = await much();
    await sleep(5200); // longer than write_rate_after, its grace, and write_timeout
    wire.resume();
    await until('all of it', () => got() > 64 << 20, 60000);
    wire.close();
  });

  it('one that never goes on is ended', async () => {
    const { wire } = await much();
    const l = await gate.line((x) => x.detail === 'reads nothing for too long', 30000);
    assert.equal(l.path, '/much');
    assert.ok(l.duration_us > 6e6);
    wire.close();
  });

  it('so is a WebSocket whose client reads nothing, and its origin is free', async () => {
    const wire = await gate.connect({ host: open });
    const upgrade = { Connection: 'Upgrade', Upgrade: 'websocket', 'Sec-WebSocket-Version': '13', 'Sec-WebSocket-Key': 'dGhlIHNhbXBsZSBub25jZQ==' };
    await wire.send(requestBytes({ host: open, path: '/socket', headers: upgrade }));
    assert.equal((await wire.head()).status, 101);
    wire.pause();
    const l = await gate.line((x) => x.path === '/socket', 30000);
    assert.equal(l.detail, 'reads nothing for too long');
    await until('the origin to be told', () => state.talks.socket.destroyed, 10000);
    wire.close();
  });

  it('a stream that its origin keeps silent is not', async () => {
    const wire = await gate.connect({ host: open });
    await wire.send(requestBytes({ host: open, path: '/silent' }));
    const r = wire.response({ ms: 30000 });
    await sleep(8000);
    state.speak();
    assert.equal((await r).text, 'ab');
    wire.close();
  });

  it('an origin that does not take a body is left', async () => {
    const host = 'stuck.example.test';
    const wire = await gate.connect({ host });
    await wire.send(requestBytes({ host, path: '/stuck', method: 'POST', headers: { 'Content-Length': String(256 << 20) } }));
    wire.socket.write(Buffer.alloc(64 << 20));
    const r = await wire.response({ ms: 30000 });
    assert.ok([['504', 'origin-too-slow'], ['504', 'origin-idle']].some(([, reason]) => r.get('tiergate') === reason), r.get('tiergate'));
    assert.equal(r.status, 504);
    wire.close();
  });
});
