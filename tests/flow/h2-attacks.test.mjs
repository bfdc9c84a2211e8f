// Attacks that HTTP/2 makes cheap. Each: the connection ends within the stated frames, memory grows by less than 8 MiB, and somebody else's
// requests are answered as before.
import assert from 'node:assert/strict';
import { after, before, beforeEach, describe, it } from 'node:test';
import { authority } from '../harness/certs.mjs';
import { data, ERROR, field, FLAG, frame, Frames, indexedField, MAGIC, ping, rst, settings, TYPE, windowUpdate } from '../harness/frames.mjs';
import { ask, session } from '../harness/http2.mjs';
import { pathOrigin } from '../harness/origins.mjs';
import { memoryIsReal, residentKib } from '../harness/proc.mjs';
import { startSite } from '../harness/site.mjs';
import { endAll, sleep } from '../harness/wait.mjs';

const HOST = 'open.example.test';
const GROWTH_KIB = 8 * 1024;
const u32 = (n) => Buffer.from([n >>> 24, (n >>> 16) & 255, (n >>> 8) & 255, n & 255]);
const odd = (n) => Array.from({ length: n }, (_, i) => 2 * i + 1);

describe('attacks over HTTP/2', () => {
  let site, gate, origin, victim, base;
  const large = Buffer.alloc(1 << 20, 'x');

  before(async () => {
    origin = await pathOrigin({
      '/large': (wire) => wire.send(Buffer.concat([Buffer.from(`HTTP/1.1 200 OK\r\nContent-Length: ${large.length}\r\n\r\n`), large])),
      '/slow': async (wire) => {
        await sleep(300);
        return wire.send('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok');
      },
      '/never': () => new Promise(() => {}),
      '*': async (wire, req) => {
        if (req.has('content-length')) await wire.take(Number(req.get('content-length')), 60000).catch(() => {});
        await wire.send('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok');
      }
    });
    site = await startSite({ origin: origin.url, more: { limits: { drain_timeout: '1s', header_timeout: '2s', backpressure_timeout: '3s' } } });
    gate = site.gate;
    victim = await session({ port: gate.port, servername: HOST, ca: authority().pem });
    victim.on('error', () => {});
    for (let i = 0; i < 20; i++) await good();
    const f = await open(); // what a connection needs at first is no growth
    f.request(1);
    await f.until('an answer', () => f.answered(1));
    f.close();
  });
  after(() => {
    victim?.destroy();
    return endAll(site, origin);
  });
  beforeEach(async () => {
    await good();
    base = residentKib(gate.pid);
  });

  const good = () => ask(victim, { authority: gate.authority(HOST), path: '/good' });
  const open = (more) => Frames.open(gate, { host: HOST, ...more });

  /** While the attack runs somebody else asks on and on: each is answered, none waits for long. */
  async function beside(attack) {
    let running = true;
    const waits = [];
    const others = (async () => {
      while (running) {
        const at = performance.now();
        assert.equal((await good()).status, 200);
        waits.push(performance.now() - at);
        await sleep(5);
      }
    })();
    try {
      await attack();
    } finally {
      running = false;
      await others;
    }
    waits.sort((a, b) => a - b);
    assert.ok(waits[Math.floor(waits.length / 2)] < 500, `the median wait was ${waits[Math.floor(waits.length / 2)]} ms`);
    if (memoryIsReal) assert.ok(residentKib(gate.pid) - base < GROWTH_KIB, `memory grew by ${residentKib(gate.pid) - base} KiB`);
  }

  /** Sends until it is ended; no more than `most` of them. */
  async function untilItDies(f, each, most, codes = [ERROR.ENHANCE_YOUR_CALM]) {
    await beside(async () => {
      for (let i = 0; i < most && !f.ended && !f.goaway; i += 10) {
        for (let k = i; k < i + 10; k++) f.send(...[each(k)].flat());
        await sleep(1);
      }
      const code = await f.dies();
      assert.ok(codes.includes(code), `ended with ${code}`);
    });
    f.close();
  }

  it('rapid reset (CVE-2023-44487)', async () => {
    const f = await open();
    await untilItDies(f, (i) => [f.head(2 * i + 1, { path: '/never' }), rst(2 * i + 1)], 1000);
    // Ten in a breath, each reset in the same: what was reset before anybody looked is not asked for. TCP may cut one in two.
    assert.ok(origin.requests.filter((r) => r.target === '/never').length <= 60);
  });

  // MadeYouReset (CVE-2025-8671): the server is made to reset what goes on at the origin.
  for (const [name, provoke] of Object.entries({
    'window overflow': (f, id) => [f.head(id, { path: '/never' }), windowUpdate(id, 0x7fffffff)],
    'more than the announced length': (f, id) => [f.head(id, { path: '/never', method: 'POST', end: false, more: [['content-length', '1']] }), data(id, 'xx')],
    'less than the announced length': (f, id) => [f.head(id, { path: '/never', method: 'POST', end: false, more: [['content-length', '9']] }), data(id, 'xx', true)],
    'malformed head': (f, id) => f.head(id, { more: [['Upper', 'x']] }),
    'bad trailers': (f, id) => [f.head(id, { path: '/never', method: 'POST', end: false }), frame(TYPE.HEADERS, FLAG.END_HEADERS | FLAG.END_STREAM, id, field('content_length', '1'))],
    'connection field': (f, id) => f.head(id, { more: [['connection', 'close']] })
  })) it(`made to reset: ${name}`, async () => {
    const f = await open();
    // PROTOCOL_ERROR: the machine was slow, and a hundred were open at a time.
    await untilItDies(f, (i) => provoke(f, 2 * i + 1), 1000, [ERROR.ENHANCE_YOUR_CALM, ERROR.PROTOCOL_ERROR]);
    assert.ok(f.of(TYPE.RST_STREAM).length <= 260);
  });

  // These are errors of the connection at once.
  for (const [name, frames, code] of [
    ['WINDOW_UPDATE of 0', (f) => [f.head(1, { method: 'POST', end: false }), windowUpdate(1, 0)], ERROR.PROTOCOL_ERROR],
    ['WINDOW_UPDATE of 0 on the connection', () => windowUpdate(0, 0), ERROR.PROTOCOL_ERROR],
    ['HEADERS on a half-closed stream', (f) => [f.head(1, { path: '/never' }), f.head(1)], ERROR.STREAM_CLOSED],
    ['DATA on a half-closed stream', (f) => [f.head(1, { path: '/never' }), data(1, 'x')], ERROR.STREAM_CLOSED],
    ['PRIORITY of 4 bytes', (f) => [f.head(1, { path: '/never' }), frame(TYPE.PRIORITY, 0, 1, Buffer.alloc(4))], ERROR.FRAME_SIZE_ERROR],
    ['PRIORITY_UPDATE for the connection', () => frame(TYPE.PRIORITY_UPDATE, 0, 0, Buffer.concat([u32(0), Buffer.from('u=1')])), ERROR.PROTOCOL_ERROR]
  ]) it(`at once: ${name}`, async () => {
    const f = await open();
    await beside(async () => {
      f.send(...[frames(f)].flat());
      assert.equal(await f.dies(), code);
    });
  });

  it('CONTINUATION without end (CVE-2024-28182)', async () => {
    const f = await open();
    f.send(f.head(1, { flags: 0 }));
    await untilItDies(f, () => frame(TYPE.CONTINUATION, 0, 1, field('x', 'y')), 200);
  });

  it('CONTINUATION that never comes: the head has its time', async () => {
    const f = await open();
    await beside(async () => {
      f.send(f.head(1, { flags: 0 }));
      await f.dies(6000);
    });
  });

  it('a head of many large fields gets 431, a larger one ends the connection', async () => {
    const f = await open();
    const big = [['a', 'x'.repeat(8000)], ['b', 'x'.repeat(7000)]];
    f.send(f.head(1, { more: big, flags: 0 }), frame(TYPE.CONTINUATION, 0, 1, Buffer.concat(big.map(([n, v]) => field(n, v)))),
      frame(TYPE.CONTINUATION, FLAG.END_HEADERS, 1, field('c', 'x'.repeat(8000))));
    await f.until('431', () => f.answered(1));
    assert.ok(await f.lives());
    const parts = Array.from({ length: 8 }, (_, i) => frame(TYPE.CONTINUATION, i === 7 ? FLAG.END_HEADERS : 0, 3, Buffer.concat([field('a', 'x'.repeat(8000)), field('b', 'x'.repeat(8000))])));
    await beside(async () => {
      f.send(f.head(3, { more: big, flags: 0 }), ...parts);
      assert.equal(await f.dies(), ERROR.ENHANCE_YOUR_CALM);
    });
  });

  // HPACK bombs: one byte each stands for a large field that was said once (Calif 2026; CVE-2026-73550).
  for (const [name, entry] of Object.entries({
    'a large value': field('x', 'y'.repeat(3900), { indexed: true }), 'tiny fields': field('a', 'b', { indexed: true }),
    'cookie crumbs': field('cookie', 'a=b', { indexed: true }), 'hosts': field('host', HOST, { indexed: true })
  })) it(`HPACK bomb: ${name}`, async () => {
    const f = await open({ initial: { INITIAL_WINDOW_SIZE: 0 } });
    const start = Buffer.concat([field(':method', 'GET'), field(':scheme', 'https'), field(':authority', f.authority), field(':path', '/'), entry]);
    await beside(async () => {
      for (let i = 0; i < 300 && !f.goaway && !f.ended; i++) {
        const id = 2 * i + 1;
        f.send(frame(TYPE.HEADERS, FLAG.END_STREAM, id, i === 0 ? start : start.subarray(0, start.length - entry.length)),
          frame(TYPE.CONTINUATION, FLAG.END_HEADERS, id, Buffer.concat(Array(15000).fill(indexedField(62)))));
        await sleep(1);
      }
      const code = await f.dies();
      assert.ok(code === ERROR.ENHANCE_YOUR_CALM || code === ERROR.PROTOCOL_ERROR, `${code}`);
    });
  });

  for (const [name, one, most] of [
    ['SETTINGS', () => settings({ INITIAL_WINDOW_SIZE: 65535 }), 30], ['PING', () => ping(), 100],
    ['PRIORITY', () => frame(TYPE.PRIORITY, 0, 1, Buffer.alloc(5, 1)), 300],
    ['PRIORITY_UPDATE', () => frame(TYPE.PRIORITY_UPDATE, 0, 0, Buffer.concat([u32(1), Buffer.from('u=1')])), 300],
    ['WINDOW_UPDATE', () => windowUpdate(0, 1), 40], ['empty SETTINGS', () => settings(), 30]
  ]) it(`flood of ${name}`, async () => untilItDies(await open(), one, most));

  it('flood of empty DATA', async () => {
    const f = await open();
    f.request(1, { method: 'POST', end: false, path: '/never' });
    await untilItDies(f, () => data(1, ''), 10);
  });

  it('flood of frames that are nearly all padding', async () => {
    const f = await open();
    f.request(1, { method: 'POST', end: false });
    await untilItDies(f, () => frame(TYPE.DATA, FLAG.PADDED, 1, Buffer.concat([Buffer.from([255]), Buffer.alloc(255)])), 10);
  });

  it('a window that stays shut, while 100 large answers wait', async () => {
    const f = await open({ initial: { INITIAL_WINDOW_SIZE: 0 } });
    await beside(async () => {
      for (const id of odd(100)) f.request(id, { path: '/large' });
      await f.until('heads', () => f.of(TYPE.HEADERS).length >= 1);
      await f.until('all to be reset', () => odd(100).every((id) => f.reset(id) !== undefined), 15000);
      assert.ok(await f.lives(), 'the connection is not at fault');
    });
    f.close();
  });

  it('a window that drips', async () => {
    const f = await open({ initial: { INITIAL_WINDOW_SIZE: 1 } });
    await beside(async () => {
      for (const id of odd(20)) f.request(id, { path: '/large' });
      for (let i = 0; i < 30 && !f.ended; i++) {
        for (const id of odd(20)) f.send(windowUpdate(id, 1));
        await sleep(20);
      }
    });
    f.close();
  });

  it('one that never reads', async () => {
    const f = await open({ initial: { INITIAL_WINDOW_SIZE: 0x7fffffff } });
    f.send(windowUpdate(0, 0x7fff0000));
    f.socket.pause();
    await beside(async () => {
      for (const id of odd(100)) f.request(id, { path: '/large' });
      for (let i = 0; i < 50 && !f.socket.destroyed; i++) {
        f.send(ping());
        await sleep(20);
      }
    });
    f.close();
  });

  it('100 bodies that drip', async () => {
    const f = await open();
    await beside(async () => {
      for (const id of odd(100)) f.request(id, { method: 'POST', end: false, path: '/never', more: [['content-length', '1000']] });
      for (let i = 0; i < 10; i++) {
        for (const id of odd(100)) f.send(data(id, 'x'));
        await sleep(50);
      }
    });
    f.close();
  });

  it('the 101st stream is refused, the others go on', async () => {
    const f = await open({ ack: false }); // who has not read our SETTINGS yet knows no limit
    for (const id of odd(101)) f.request(id, { path: '/slow' });
    await f.until('all', () => odd(100).every((id) => f.answered(id)), 20000);
    assert.equal(f.reset(201), ERROR.REFUSED_STREAM);
    f.close();
  });

  it('the 101st stream of one who knows the limit is an error', async () => {
    const f = await open();
    for (const id of odd(101)) f.request(id, { path: '/slow' });
    assert.equal(await f.dies(), ERROR.PROTOCOL_ERROR);
  });

  it('stream identifiers run out', async () => {
    const f = await open();
    f.request(0x7fffffff);
    await f.until('an answer', () => f.answered(0x7fffffff));
    assert.ok(await f.lives());
    f.request(1);
    assert.equal(await f.dies(), ERROR.PROTOCOL_ERROR);
  });

  it('GOAWAY in the middle of a body', async () => {
    const f = await open();
    f.send(f.head(1, { method: 'POST', end: false, path: '/up', more: [['content-length', '4']] }), data(1, 'ab'),
      frame(TYPE.GOAWAY, 0, 0, Buffer.concat([u32(0), u32(0)])), data(1, 'cd', true));
    await f.until('an answer', () => f.answered(1));
    f.close();
  });

  it('garbage instead of a preface, and HTTP/1 over h2', async () => {
    for (const bytes of [Buffer.alloc(100, 0xff), Buffer.from('GET / HTTP/1.1\r\nHost: open.example.test\r\n\r\n'), MAGIC.subarray(0, 10)]) {
      const f = await open({ hello: false });
      f.send(bytes);
      await f.dies(6000);
    }
  });
});
