// An origin that speaks HTTP/2 and goes away, refuses, dies, is slow or hostile: the right answer, nothing twice, and nobody else harmed.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import fs from 'node:fs';
import { after, before, describe, it } from 'node:test';
import { authority } from '../harness/certs.mjs';
import { ERROR, FLAG, TYPE, block, data, field, frame, ping, rst, settings, windowUpdate } from '../harness/frames.mjs';
import { h2Origin, rawH2Origin } from '../harness/h2-origins.mjs';
import * as h2 from '../harness/http2.mjs';
import { Gate } from '../harness/gate.mjs';
import { secrets, siteRules, startSite } from '../harness/site.mjs';
import { endAll, sleep, until, within } from '../harness/wait.mjs';

const host = 'x.example.test';

/** A site in front of one origin, on one thread. */
async function siteOf(origin, { more = {}, limits } = {}) {
  return startSite({
    more: { limits, origins: { x: { url: origin.url, http: '2', ...more } }, hosts: [{ host, origin: 'x', public: true, rules: [{ path: '/*', action: 'bypass' }] }] },
    gate: { threads: 1 }
  });
}

const goaway = (last, code = 0) => {
  const b = Buffer.alloc(8);
  b.writeUInt32BE(last, 0);
  b.writeUInt32BE(code, 4);
  return frame(TYPE.GOAWAY, 0, 0, b);
};

/** Answers every request on the connection. */
async function serve(f, name = 'served') {
  for (let id = await f.request(60000); id !== undefined; id = await f.request(60000)) f.respond(id, [], { body: name });
}

async function withSite(script, test, options = {}) {
  const origin = await rawH2Origin(script, options);
  const site = await siteOf(origin, options);
  try {
    await test({ gate: site.gate, origin, ask: (path = '/', more = {}) => site.gate.request({ host, path, ...more }) });
    assert.deepEqual(origin.errors, []);
  } finally {
    await endAll(site, origin);
  }
}

const session = (gate) => h2.session({ port: gate.port, servername: host, ca: authority().pem });
const headsOn = (origin) => origin.connections.map((c) => c.of(TYPE.HEADERS).length);

describe('an origin that goes away', () => {
  it('loses no request: those that it did not look at are asked again, elsewhere', async () => {
    await withSite(async (f, n) => {
      f.hello();
      if (n > 0) return serve(f, 'second');
      const ids = [await f.request(), await f.request(), await f.request(), await f.request()];
      f.send(goaway(ids[1]));
      await sleep(100);
      f.respond(ids[0], [], { body: 'first' });
      f.respond(ids[1], [], { body: 'first' });
      return undefined;
    }, async ({ gate, origin }) => {
      const c = await session(gate);
      const all = await Promise.all([1, 2, 3, 4].map((n) => h2.ask(c, { authority: gate.authority(host), path: `/${n}`, method: n === 4 ? 'POST' : 'GET' })));
      c.destroy();
      assert.deepEqual(all.map((r) => r.text).sort(), ['first', 'first', 'second', 'second']);
      assert.deepEqual(headsOn(origin), [4, 2]);
    });
  });

  it('is asked again by a request that it refused, once', async () => {
    let refusals = 0;
    await withSite(async (f, n) => {
      f.hello();
      for (let id = await f.request(60000); id !== undefined; id = await f.request(60000))
        if (refusals-- > 0) f.send(rst(id, ERROR.REFUSED_STREAM));
        else f.respond(id, [], { body: `by ${n}` });
    }, async ({ ask, origin }) => {
      refusals = 1;
      assert.equal((await ask('/', { method: 'POST' })).text, 'by 1');
      refusals = 2;
      const r = await ask('/', { method: 'POST' });
      assert.equal(r.status, 502);
      assert.equal(r.get('tiergate'), 'origin-closed');
      assert.equal(headsOn(origin).reduce((a, b) => a + b), 4);
    });
  });

  it('is asked again with a body of which nothing had left', async () => {
    await withSite(async (f, n) => {
      f.hello({ INITIAL_WINDOW_SIZE: n === 0 ? 0 : 65535 });
      const id = await f.request();
      await sleep(100);
      if (n === 0) f.send(rst(id, ERROR.REFUSED_STREAM));
      else await f.until('the body', () => f.of(TYPE.DATA, id).some((d) => d.flags & FLAG.END_STREAM));
      if (n > 0) f.respond(id, [], { body: Buffer.concat(f.of(TYPE.DATA, id).map((d) => d.payload)) });
    }, async ({ ask, origin }) => {
      const r = await ask('/', { method: 'POST', body: 'x'.repeat(12000) });
      assert.equal(r.status, 200);
      assert.equal(r.text, 'x'.repeat(12000));
      assert.deepEqual(headsOn(origin), [1, 1]);
    });
  });

  it('is not asked again with a body that was sent', async () => {
    await withSite(async (f) => {
      f.hello();
      const id = await f.request();
      await f.until('the body', () => f.of(TYPE.DATA, id).length > 0);
      f.send(rst(id, ERROR.REFUSED_STREAM));
    }, async ({ ask, origin }) => {
      assert.equal((await ask('/', { method: 'POST', body: 'once' })).status, 502);
      assert.deepEqual(headsOn(origin), [1]);
    });
  });

  it('dies: GET is asked again on a connection that served before, POST never', async () => {
    let dies = false;
    await withSite(async (f) => {
      f.hello();
      for (let id = await f.request(60000); id !== undefined; id = await f.request(60000)) {
        if (dies) {
          dies = false;
          return f.close();
        }
        f.respond(id, [], { body: 'alive' });
      }
      return undefined;
    }, async ({ ask, origin }) => {
      assert.equal((await ask()).text, 'alive');
      dies = true;
      assert.equal((await ask()).text, 'alive');
      dies = true;
      const r = await ask('/', { method: 'POST' });
      assert.equal(r.status, 502);
      assert.equal(r.get('tiergate'), 'origin-closed');
      assert.equal(headsOn(origin).reduce((a, b) => a + b), 4);
    });
  });

  it('dies on all of its streams', async () => {
    const origin = await h2Origin({ '/slow': () => {}, '/begun': (s) => { s.respond({ ':status': 200 }); s.write('part'); } });
    const site = await siteOf(origin);
    try {
      const c = await session(site.gate);
      const ask = (path) => h2.ask(c, { authority: site.gate.authority(host), path, method: 'POST' });
      const all = Promise.allSettled(['/slow', '/slow', '/begun'].map(ask));
      await until('all requests at the origin', () => origin.requests.length === 3);
      await sleep(200);
      for (const s of origin.open) s.destroy();
      const [a, b, begun] = await all;
      assert.equal(a.value?.status, 502);
      assert.equal(b.value?.status, 502);
      assert.equal(begun.status, 'rejected');
      assert.equal((await ask('/echo')).status, 200);
      c.destroy();
    } finally {
      await endAll(site, origin);
    }
  });

  it('resets one stream, the others go on', async () => {
    await withSite(async (f) => {
      f.hello();
      const a = await f.request(), b = await f.request();
      f.send(rst(a, ERROR.INTERNAL_ERROR));
      await sleep(50);
      f.respond(b, [], { body: 'fine' });
    }, async ({ gate, origin }) => {
      const c = await session(gate);
      const [a, b] = await Promise.all(['/a', '/b'].map((path) => h2.ask(c, { authority: gate.authority(host), path })));
      c.destroy();
      assert.deepEqual([a.status, b.status].sort(), [200, 502]);
      assert.equal(origin.connections.length, 1);
    });
  });
});

describe('streams of one connection', () => {
  it('are reset when their client goes, and the connection goes on', async () => {
    await withSite(async (f) => {
      f.hello();
      const id = await f.request();
      f.respond(id, [], { body: 'begun', end: false });
      await f.until('the reset', () => f.reset(id) !== undefined);
      await serve(f, 'lives');
    }, async ({ gate, origin, ask }) => {
      const c = await session(gate);
      const s = c.request({ ':method': 'GET', ':path': '/', ':scheme': 'https', ':authority': gate.authority(host) });
      s.on('error', () => {});
      await once(s, 'data');
      s.close(8);
      await until('the reset at the origin', () => origin.connections[0].of(TYPE.RST_STREAM).length === 1);
      assert.equal(origin.connections[0].of(TYPE.RST_STREAM)[0].payload.readUInt32BE(0), ERROR.CANCEL);
      assert.equal((await ask()).text, 'lives');
      assert.equal(origin.connections.length, 1);
      c.destroy();
    });
  });

  it('do not wait for a client that does not read', async () => {
    const big = Buffer.alloc(20_000_000, 'x');
    let sent;
    const origin = await h2Origin({
      '/big': (s) => {
        s.respond({ ':status': 200 });
        s.write(big, () => s.end());
        sent = s;
      },
      '/quick': (s) => {
        s.respond({ ':status': 200 });
        s.end('quick');
      }
    }, { options: { maxSessionMemory: 100 } });
    const site = await siteOf(origin);
    try {
      const slow = await site.gate.connect({ host });
      slow.socket.pause();
      slow.socket.write(`GET /big HTTP/1.1\r\nHost: ${site.gate.authority(host)}\r\n\r\n`);
      await until('the slow request', () => sent);
      await sleep(500);
      for (let i = 0; i < 20; i++) assert.equal((await site.gate.request({ host, path: '/quick' })).text, 'quick');
      assert.equal(origin.sessions, 1);
      slow.socket.resume();
      const r = await slow.response({ ms: 30000 });
      assert.equal(r.body.length, big.length);
      slow.close();
    } finally {
      await endAll(site, origin);
    }
  });

  it('hold their own window’s worth for clients that do not read', async () => {
    const big = Buffer.alloc(8_000_000, 'x');
    let begun = 0;
    const origin = await h2Origin({
      '/big': (s) => {
        begun++;
        s.respond({ ':status': 200 });
        s.end(big);
      }
    }, { options: { maxSessionMemory: 1000 } });
    const site = await siteOf(origin);
    const rss = () => Number(/VmRSS:\s+(\d+)/.exec(fs.readFileSync(`/proc/${site.gate.workers[0]}/status`, 'utf8'))[1]);
    const clients = [];
    try {
      for (let i = 0; i < 31; i++) clients.push(await site.gate.connect({ host }));
      const before = rss();
      for (const c of clients.slice(1)) {
        c.socket.pause();
        c.socket.write(`GET /big HTTP/1.1\r\nHost: ${site.gate.authority(host)}\r\n\r\n`);
      }
      await until('all requests', () => begun === 30);
      await sleep(1500);
      const grown = rss() - before;
      // All of it would be 240 MB. A sanitizer keeps what was freed.
      const sanitized = /lib[at]san/.test(fs.readFileSync(`/proc/${site.gate.workers[0]}/maps`, 'utf8'));
      assert.ok(grown < 30 * (sanitized ? 6000 : 512), `${grown} KiB for 30 slow clients`);
      assert.equal(origin.sessions, 1);
      for (const c of clients.slice(1)) c.close();
      clients[0].socket.write(`GET /echo HTTP/1.1\r\nHost: ${site.gate.authority(host)}\r\n\r\n`);
      assert.equal((await clients[0].response()).status, 200);
      assert.equal(origin.sessions, 1);
    } finally {
      for (const c of clients) c.close();
      await endAll(site, origin);
    }
  });

  it('get more ahead of them when those beside them have ended', async () => {
    await withSite((f) => f.hello(), async ({ gate, origin }) => {
      const c = await session(gate);
      const get = () => c.request({ ':path': '/', ':authority': gate.authority(host) }).setEncoding('latin1');
      const ids = [], others = Array.from({ length: 60 }, get);
      await until('a connection', () => origin.connections.length > 0);
      const [f] = origin.connections;
      while (ids.length < others.length) ids.push(await f.request());
      const long = get(), id = await f.request();
      let text = '';
      long.on('error', () => {});
      long.on('data', (d) => (text += d));
      const pass = async (piece) => {
        const whole = text + piece;
        f.send(data(id, piece));
        await until(`${piece} to arrive`, () => text === whole);
      };
      f.respond(id, [], { end: false });
      await pass('beginning');
      const narrow = f.window(id) - text.length;
      const ends = others.map((s) => once(s.resume(), 'end'));
      for (const other of ids) f.respond(other, [], { body: 'x' });
      await within('the others', Promise.all(ends));
      await pass('middle');
      await until('a wide window', () => f.window(id) - text.length > 3 * narrow);
      f.send(data(id, 'end', true));
      await within('its end', once(long, 'end'));
      assert.equal(text, 'beginningmiddleend');
      c.destroy();
    });
  });

  it('leave a connection on which hundreds were reset, before its server ends it', async () => {
    await withSite(async (f) => {
      f.hello();
      for (let id = await f.request(60000); id !== undefined; id = await f.request(60000)) if (f.answers) f.respond(id, [], { body: 'served' });
      return undefined;
    }, async ({ gate, ask, origin }) => {
      const resets = () => origin.connections[0].of(TYPE.RST_STREAM).length;
      for (let round = 1; round <= 9; round++) {
        const c = await session(gate);
        c.on('error', () => {});
        for (let i = 0; i < 45; i++) {
          const s = c.request({ ':path': '/', ':authority': gate.authority(host) });
          s.on('error', () => {});
        }
        await until('all requests', () => headsOn(origin)[0] === round * 45 + (round - 1), 30000);
        c.destroy();
        await until('all resets', () => resets() === round * 45, 30000);
        if (round === 9) break;
        origin.connections[0].answers = true;
        assert.equal((await ask()).text, 'served');
        origin.connections[0].answers = false;
        assert.equal(origin.connections.length, 1, `after ${resets()} resets`);
        await sleep(200); // one that has news of the last exchange would not be lent, and the round begin on another
      }
      const last = ask();
      await until('another connection', () => origin.connections.length === 2);
      await until('the request there', () => headsOn(origin)[1] === 1);
      origin.connections[1].respond(1, [], { body: 'elsewhere' });
      assert.equal((await last).text, 'elsewhere');
      await until('the old one to end', () => origin.connections[0].ended);
      assert.equal(origin.connections[0].goaway?.code ?? 0, 0);
    });
  });

  it('do not wait for an origin that does not read another’s body', async () => {
    await withSite(async (f) => {
      f.hello({ INITIAL_WINDOW_SIZE: 1000 });
      await f.request();
      await serve(f, 'quick');
    }, async ({ gate, ask, origin }) => {
      const c = await session(gate);
      const s = c.request({ ':method': 'POST', ':path': '/', ':scheme': 'https', ':authority': gate.authority(host) });
      s.on('error', () => {});
      s.write(Buffer.alloc(500_000));
      await until('what the window lets through', () => origin.connections[0]?.of(TYPE.DATA).length > 0);
      assert.equal((await ask()).text, 'quick');
      assert.equal(origin.connections.length, 1);
      c.destroy();
    });
  });
});

describe('an origin that takes a body', () => {
  for (const [name, drip] of Object.entries({ 'not at all': 0, 'by a byte at a time': 1 }))
    it(`${name} is given up`, async () => {
      await withSite(async (f) => {
        f.hello({ INITIAL_WINDOW_SIZE: 100 });
        const id = await f.request();
        while (!f.ended && f.reset(id) === undefined) {
          await sleep(100);
          if (drip) f.send(windowUpdate(id, drip));
        }
      }, async ({ ask, origin }) => {
        const r = await ask('/', { method: 'POST', body: 'x'.repeat(5000), ms: 30000 });
        assert.equal(r.status, 504);
        assert.equal(r.get('tiergate'), 'origin-too-slow');
        await until('the reset', () => origin.connections[0].of(TYPE.RST_STREAM).length === 1);
      }, { more: { idle_timeout: '2s' } });
    });

  it('slowly, but not too slowly, gets it', async () => {
    await withSite(async (f) => {
      f.hello({ INITIAL_WINDOW_SIZE: 100 });
      const id = await f.request(), whole = () => f.of(TYPE.DATA, id).some((d) => d.flags & FLAG.END_STREAM);
      while (!f.ended && !whole()) {
        await sleep(50);
        f.send(windowUpdate(id, 100));
      }
      f.respond(id, [], { body: 'got it' });
    }, async ({ ask }) => {
      assert.equal((await ask('/', { method: 'POST', body: 'x'.repeat(8000), ms: 60000 })).text, 'got it');
    }, { more: { idle_timeout: '2s' } });
  });
});

describe('a reload while an origin is being greeted', () => {
  const rulesOf = (urls) => siteRules('http://localhost:1', {
    origins: { x: { url: urls[0], http: '2' } },
    hosts: [{ host, origin: 'x', public: true, rules: [{ path: '/*', action: 'bypass' }] }]
  });

  for (const name of ['of the same rules', 'of rules that send to another one', 'twice'])
    it(`${name} loses nobody`, async () => {
      let greets = false;
      const greet = async (f, as) => {
        await until('leave to greet', () => greets || f.ended, 60000);
        f.hello();
        await serve(f, as);
      };
      const [old, next] = await Promise.all(['old', 'next'].map((as) => rawH2Origin((f) => greet(f, as))));
      const gate = await Gate.start({ rules: rulesOf([old.url]), env: secrets, threads: 1 });
      try {
        const c = await session(gate);
        const ask = (on) => (path) => h2.ask(on, { authority: gate.authority(host), path, method: path === '/3' ? 'POST' : 'GET', body: path === '/3' ? 'body' : '', ms: 30000 });
        const before = ['/1', '/2', '/3', '/4'].map(ask(c));
        await until('a connection', () => old.connections.length === 1);
        await sleep(200);
        const other = name === 'of rules that send to another one';
        await gate.reload(rulesOf([other ? next.url : old.url]), /reload: ok/);
        if (name === 'twice') await gate.reload(rulesOf([old.url]), /reload: ok/);
        const late = await session(gate); // another worker has the new rules if they need a port of their own
        const after = ['/5', '/6'].map(ask(late));
        await sleep(200);
        greets = true;
        for (const r of await Promise.all(before)) assert.deepEqual([r.status, r.text], [200, 'old']);
        for (const r of await Promise.all(after)) assert.deepEqual([r.status, r.text], [200, other ? 'next' : 'old']);
        assert.equal(headsOn(old).reduce((a, b) => a + b), other ? 4 : 6);
        assert.equal(old.connections.length, 2, 'the first, and one for all the others');
        await until('the first to end', () => old.connections[0].ended);
        c.destroy();
        late.destroy();
      } finally {
        await endAll(gate, old, next);
      }
    });
});

const ok = (id, more = [], end = true) => frame(TYPE.HEADERS, FLAG.END_HEADERS | (end ? FLAG.END_STREAM : 0), id, block([[':status', '200'], ...more]));
const raw = (id, bytes, flags = FLAG.END_HEADERS | FLAG.END_STREAM) => frame(TYPE.HEADERS, flags, id, bytes);

/** What a hostile origin says to a request, and that the connection ends with it (else only the stream does). */
const hostile = {
  'no status': [(id) => raw(id, block([['x', 'y']]))],
  'status of four digits': [(id) => raw(id, block([[':status', '2000']]))],
  'status 99': [(id) => raw(id, block([[':status', '099']]))],
  'status 700': [(id) => raw(id, block([[':status', '700']]))],
  'status twice': [(id) => raw(id, block([[':status', '200'], [':status', '200']]))],
  'status behind a field': [(id) => raw(id, block([['x', 'y'], [':status', '200']]))],
  'a request’s pseudo field': [(id) => ok(id, [[':path', '/']])],
  '101': [(id) => raw(id, block([[':status', '101']]), FLAG.END_HEADERS)],
  'an interim head that ends the stream': [(id) => raw(id, block([[':status', '103']]))],
  'connection': [(id) => ok(id, [['connection', 'close']])],
  'transfer-encoding': [(id) => ok(id, [['transfer-encoding', 'chunked']])],
  'an upper-case name': [(id) => ok(id, [['X-Upper', 'y']])],
  'a name with a space': [(id) => ok(id, [['x y', 'z']])],
  'content_length': [(id) => ok(id, [['content_length', '5']])],
  'a line end in a value': [(id) => ok(id, [['x', 'a\r\nset-cookie: b']])],
  'NUL in a value': [(id) => ok(id, [['x', 'a\0b']])],
  'two lengths': [(id) => Buffer.concat([ok(id, [['content-length', '2'], ['content-length', '3']], false), data(id, 'ab', true)])],
  'a bad length': [(id) => Buffer.concat([ok(id, [['content-length', '+2']], false), data(id, 'ab', true)])],
  'no DATA for a length': [(id) => ok(id, [['content-length', '2']])],
  'a head far too large': [(id) => Buffer.concat(Array.from({ length: 30 }, (_, i) => frame(i === 0 ? TYPE.HEADERS : TYPE.CONTINUATION, i === 29 ? FLAG.END_HEADERS : 0, id, i === 0 ? block([[':status', '200'], ['x', 'y'.repeat(16000)]]) : field('x', 'y'.repeat(16000))))), true],
  'too many fields': [(id) => ok(id, Array.from({ length: 300 }, (_, i) => [`x${i}`, 'y']))],
  'DATA first': [(id) => data(id, 'x'), true],
  'endless CONTINUATION': [(id) => Buffer.concat([raw(id, field(':status', '200'), 0), ...Array.from({ length: 400 }, () => frame(TYPE.CONTINUATION, 0, id, field('x', 'y')))]), true],
  'PUSH_PROMISE': [(id) => frame(TYPE.PUSH_PROMISE, FLAG.END_HEADERS, id, Buffer.concat([Buffer.from([0, 0, 0, 2]), block([[':method', 'GET'], [':scheme', 'http'], [':authority', 'x'], [':path', '/']])])), true],
  'HEADERS of a stream that nobody opened': [() => ok(1001), true],
  'HEADERS of an even stream': [() => ok(2), true],
  'a broken block': [(id) => raw(id, Buffer.from([0xff, 0xff, 0xff, 0xff, 0xff, 0xff])), true],
  'a frame too large': [(id) => frame(TYPE.DATA, 0, id, Buffer.alloc(20000)), true],
  'a window beyond its bound': [() => windowUpdate(0, 0x7fffffff), true],
  'SETTINGS flood': [() => Buffer.concat(Array.from({ length: 100 }, () => settings())), true],
  'PING flood': [() => Buffer.concat(Array.from({ length: 300 }, () => ping())), true],
  'empty DATA flood': [(id) => Buffer.concat([ok(id, [], false), ...Array.from({ length: 1000 }, () => data(id, ''))]), true, 'cut'],
  'WINDOW_UPDATE flood': [() => Buffer.concat(Array.from({ length: 1000 }, () => windowUpdate(0, 1))), true],
  'GOAWAY flood': [() => Buffer.concat(Array.from({ length: 1000 }, () => goaway(0x7fffffff))), true],
  'interim heads without end': [(id) => Buffer.concat(Array.from({ length: 50 }, () => raw(id, block([[':status', '103']]), FLAG.END_HEADERS)))],
  'more DATA than its length': [(id) => Buffer.concat([ok(id, [['content-length', '2']], false), data(id, 'abc', true)]), false, 'cut'],
  'less DATA than its length': [(id) => Buffer.concat([ok(id, [['content-length', '5']], false), data(id, 'abc', true)]), false, 'cut'],
  'trailers with a pseudo field': [(id) => Buffer.concat([ok(id, [], false), data(id, 'abc'), raw(id, block([[':status', '200']]))]), false, 'cut'],
  'trailers with a line end': [(id) => Buffer.concat([ok(id, [], false), data(id, 'abc'), raw(id, block([['x', 'a\nb']]))]), false, 'cut']
};

describe('a hostile origin', () => {
  let origin, site, gate, next, asked; // the connection that had the hostile answer

  before(async () => {
    origin = await rawH2Origin(async (f) => {
      f.hello();
      for (let id = await f.request(60000); id !== undefined; id = await f.request(60000)) {
        if (next) (asked = f).send(hostile[next][0](id));
        else f.respond(id, [], { body: 'well' });
        next = undefined;
      }
    });
    site = await siteOf(origin, { more: { first_byte_timeout: '5s', idle_timeout: '5s' } });
    gate = site.gate;
  });
  after(() => endAll(site, origin));

  for (const [name, [, ends = false, cut]] of Object.entries(hostile))
    it(name, async () => {
      assert.equal((await gate.request({ host, path: '/well' })).text, 'well');
      const before = origin.connections.filter((c) => !c.ended);
      assert.ok(before.length >= 1);
      next = name;
      asked = undefined;
      const answer = gate.request({ host, path: '/' });
      if (cut) {
        await assert.rejects(answer.then((r) => assert.equal(r.status, 502)), (e) => !(e instanceof assert.AssertionError) || e.actual === 200);
      } else {
        const r = await answer;
        assert.equal(r.status, 502);
        assert.equal(r.get('tiergate'), 'origin-bad-response');
      }
      if (ends) await until('the connection to end', () => asked?.ended, 10000); // another may be idle beside it
      else assert.ok(before.every((c) => !c.ended)); // there may be another: one that still has news of the last exchange is not lent
      assert.equal((await gate.request({ host, path: '/well' })).text, 'well');
    });

  it('harms nobody else', async () => {
    assert.deepEqual(origin.errors, []);
    assert.equal((await gate.request({ host: 'open.example.test', path: '/' })).status, 200);
  });
});
