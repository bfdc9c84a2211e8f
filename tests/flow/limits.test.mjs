// Too much, too slow, too many.
import assert from 'node:assert/strict';
import net from 'node:net';
import { after, before, describe, it } from 'node:test';
import { hidesFiles, openFiles } from '../harness/proc.mjs';
import { startSite } from '../harness/site.mjs';
import { sleep, until, within } from '../harness/wait.mjs';
import { requestBytes } from '../harness/wire.mjs';

const host = 'open.example.test';

describe('limits', () => {
  let site, gate;
  before(async () => {
    site = await startSite({
      more: { limits: { header_timeout: '1s', body_timeout: '1s', handshake_timeout: '1s', keepalive_timeout: '1s', connections_per_address: 200, connections: 400 } },
      gate: { threads: 1 }
    });
    gate = site.gate;
  });
  after(() => site?.stop());
  const many = (n) => Object.fromEntries(Array.from({ length: n }, (_, i) => [`X-${i}`, 'v']));
  const ask = (more) => gate.request({ host, path: '/', ...more });

  it('header section: what fits passes, more is 431', async () => {
    assert.equal((await ask({ headers: { 'X-Big': 'x'.repeat(15000) } })).status, 200);
    const r = await ask({ headers: { 'X-Big': 'x'.repeat(33000) } });
    assert.deepEqual([r.status, r.get('tiergate')], [431, 'head-too-large']);
    assert.equal((await ask({ headers: many(90) })).status, 200);
    assert.equal((await ask({ headers: many(101) })).status, 431);
    assert.equal((await ask({ headers: { Cookie: Array.from({ length: 120 }, (_, i) => `c${i}=1`) } })).status, 431);
  });

  it('a target that is too long is refused', async () => {
    assert.ok([414, 431].includes((await ask({ path: `/${'a'.repeat(40000)}` })).status));
  });

  it('an endless header section is cut', async () => {
    const wire = await gate.connect({ host });
    await wire.send(`GET / HTTP/1.1\r\nHost: ${host}\r\n`);
    for (let i = 0; i < 100 && !wire.ended; i++) {
      wire.socket.write(`X-${i}: ${'x'.repeat(1000)}\r\n`);
      await sleep(1);
    }
    assert.equal((await wire.response()).status, 431);
    wire.close();
  });

  it('a slow header section: 408', async () => {
    const wire = await gate.connect({ host });
    await wire.send('GET / HTTP/1.1\r\n');
    const drip = setInterval(() => wire.ended || wire.socket.write('X-Slow: 1\r\n'), 200);
    try {
      const r = await wire.response({ ms: 5000 });
      assert.equal(r.status, 408);
      assert.match(r.get('connection'), /close/);
    } finally {
      clearInterval(drip);
      wire.close();
    }
  });

  it('a slow body: 408 or closed', async () => {
    const wire = await gate.connect({ host });
    await wire.send(requestBytes({ host, method: 'POST', path: '/', headers: { 'Content-Length': '10' } }));
    const r = await wire.response({ ms: 5000 }).catch(() => undefined);
    assert.ok(r === undefined || r.status === 408);
    await within('the end', wire.rest(), 3000);
    wire.close();
  });

  it('a handshake that never comes is ended', async () => {
    const socket = net.connect({ port: gate.port, host: '127.0.0.1' });
    socket.on('error', () => {});
    await within('the end', new Promise((r) => socket.once('close', r)), 4000);
  });

  it('plain HTTP on the TLS port gets nothing', async () => {
    const socket = net.connect({ port: gate.port, host: '127.0.0.1' });
    let got = '';
    socket.on('error', () => {});
    socket.on('data', (d) => (got += d.toString('latin1')));
    socket.write('GET / HTTP/1.1\r\nHost: open.example.test\r\n\r\n');
    await within('the end', new Promise((r) => socket.once('close', r)), 4000);
    assert.ok(!got.startsWith('HTTP/1.1 200'));
  });

  it('an idle connection is ended without a word', async () => {
    const wire = await gate.connect({ host });
    await wire.send(requestBytes({ host }));
    await wire.response();
    assert.equal((await wire.rest(4000)).length, 0);
  });

  it('too many connections of one address are refused, the old ones served, and room comes back', async () => {
    await sleep(1500); // those of the tests above are gone
    const held = (await Promise.allSettled(Array.from({ length: 230 }, () => gate.connect({ host, ms: 8000 })))).filter((r) => r.status === 'fulfilled').map((r) => r.value);
    await sleep(100);
    const open = held.filter((w) => !w.ended);
    assert.ok(open.length <= 200 && open.length >= 150, String(open.length));
    await open[0].send(requestBytes({ host, path: '/old' }));
    assert.equal((await open[0].response()).json.target, '/old');
    const other = await gate.connect({ host, localAddress: '127.0.0.3' });
    await other.send(requestBytes({ host, path: '/other' }));
    assert.equal((await other.response()).json.target, '/other');
    for (const w of [...held, other]) w.close();
    await until('room again', async () => (await ask({ ms: 1000 }).catch(() => undefined))?.status === 200, 5000);
  });

  it('no descriptor is lost', async (t) => {
    const worker = gate.workers[0];
    const hidden = hidesFiles(worker);
    if (hidden) return t.skip(hidden);
    await sleep(1500);
    await ask({});
    await sleep(1500);
    const before = openFiles(worker);
    for (let i = 0; i < 50; i++) await ask({ headers: i % 2 ? { 'X A': 'bad' } : {} });
    await sleep(1500);
    assert.ok(openFiles(worker) <= before + 2, `${before} -> ${openFiles(worker)}`);
  });
});

describe('the rate of a body', () => {
  let site, gate;
  before(async () => {
    site = await startSite({ more: { limits: { body_rate: 250, body_rate_after: '1s' } }, gate: { threads: 1 } });
    gate = site.gate;
  });
  after(() => site?.stop());
  /** Sends `piece` bytes ten times a second, `times` times; resolves with the answer and how long it took. */
  const drip = async (piece, times) => {
    const wire = await gate.connect({ host });
    const began = Date.now();
    let sent = 0;
    await wire.send(requestBytes({ host, method: 'POST', path: '/', headers: { 'Content-Length': String(piece * times) } }));
    const timer = setInterval(() => {
      if (wire.ended || sent === times) return;
      wire.socket.write(Buffer.alloc(piece, 'x'));
      sent++;
    }, 100);
    try {
      const r = await wire.response({ ms: 8000 });
      return { status: r.status, reason: r.get('tiergate'), took: Date.now() - began };
    } finally {
      clearInterval(timer);
      wire.close();
    }
  };

  it('too low: 408, although bytes keep coming', async () => {
    const r = await drip(10, 60);
    assert.deepEqual([r.status, r.reason], [408, 'body-too-slow']);
    assert.ok(r.took < 4000, `${r.took} ms`);
  });

  it('slow but steady: served', async () => {
    const r = await drip(100, 30);
    assert.equal(r.status, 200);
  });
});
