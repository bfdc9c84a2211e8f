// Bodies of any size, both ways, whole, in bounded memory.
import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import { after, before, describe, it } from 'node:test';
import { pathOrigin } from '../harness/origins.mjs';
import { memoryIsReal, residentKib } from '../harness/proc.mjs';
import { startSite } from '../harness/site.mjs';
import { endAll, sleep, until } from '../harness/wait.mjs';
import { requestBytes } from '../harness/wire.mjs';

const host = 'open.example.test';
const MIB = 1 << 20;
const sha = (b) => createHash('sha256').update(b).digest('hex');
const block = randomBytes(MIB);

describe('bodies', () => {
  let site, origin, gate;
  const state = {};
  const size = (req) => Number(new URL(req.target, 'http://x').searchParams.get('n'));
  /** Sends n bytes as fast as they are taken. */
  const pour = async (wire, n) => {
    for (let left = n; left > 0; left -= block.length) {
      const part = left < block.length ? block.subarray(0, left) : block;
      if (wire.socket.destroyed) return;
      if (!wire.socket.write(part)) await new Promise((r) => { wire.socket.once('drain', r); wire.socket.once('close', r); });
      state.poured = (state.poured ?? 0) + part.length;
    }
  };
  const handlers = {
    '/down': async (wire, req) => {
      await wire.send(`HTTP/1.1 200 OK\r\nContent-Length: ${size(req)}\r\n\r\n`);
      await pour(wire, size(req));
    },
    '/chunks': async (wire, req) => {
      await wire.send('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n');
      for (let at = 0, n = size(req); at < n; ) {
        const part = block.subarray(at, Math.min(n, at + 1 + ((at * 7919) % 20000)));
        at += part.length;
        await wire.send(Buffer.concat([Buffer.from(`${part.length.toString(16)}\r\n`), part, Buffer.from('\r\n')]));
      }
      await wire.send('0\r\n\r\n');
    },
    '/up': async (wire, req) => {
      if (/chunked/.test(req.get('transfer-encoding') ?? '')) await wire.chunked(req, 60000);
      else req.body = await wire.take(Number(req.get('content-length')), 60000);
      const text = `${req.body.length} ${sha(req.body)}`;
      await wire.send(`HTTP/1.1 200 OK\r\nContent-Length: ${text.length}\r\n\r\n${text}`);
    },
    '/stuck': async (wire) => {
      wire.pause();
      state.stuck = wire;
      await new Promise(() => {});
    }
  };
  before(async () => {
    origin = await pathOrigin(handlers);
    site = await startSite({ origin: origin.url, gate: { threads: 1 } });
    gate = site.gate;
  });
  after(() => endAll(site, origin));

  for (const n of [0, 1, 16383, 16384, 16385, 65536, MIB]) {
    it(`${n} bytes up and down, by length and in chunks`, async () => {
      const body = block.subarray(0, n);
      const up = await gate.request({ host, path: '/up', method: 'POST', body, headers: { 'Content-Length': String(n) } });
      assert.equal(up.text, `${n} ${sha(body)}`);
      const chunked = Buffer.concat(n ? [Buffer.from(`${n.toString(16)}\r\n`), body, Buffer.from('\r\n0\r\n\r\n')] : [Buffer.from('0\r\n\r\n')]);
      assert.equal((await gate.request({ host, path: '/up', method: 'POST', body: chunked, headers: { 'Transfer-Encoding': 'chunked' } })).text, `${n} ${sha(body)}`);
      assert.equal(sha((await gate.request({ host, path: `/down?n=${n}` })).body), sha(body));
      assert.equal(sha((await gate.request({ host, path: `/chunks?n=${n}` })).body), sha(body));
    });
  }

  it('many tiny chunks arrive whole', async () => {
    const one = Buffer.from('3\r\nabc\r\n');
    const n = 40000;
    const r = await gate.request({ host, path: '/up', method: 'POST', body: Buffer.concat([...Array(n).fill(one), Buffer.from('0\r\n\r\n')]), headers: { 'Transfer-Encoding': 'chunked' }, ms: 60000 });
    assert.equal(r.text, `${3 * n} ${sha(Buffer.from('abc'.repeat(n)))}`);
  });

  it('a client that reads slowly holds the origin back, and memory stays', async () => {
    const n = 512 * MIB;
    const before = residentKib(gate.pid);
    const wires = [];
    state.poured = 0;
    for (let i = 0; i < 4; i++) {
      const wire = await gate.connect({ host });
      await wire.send(requestBytes({ host, path: `/down?n=${n}` }));
      wire.pause();
      wires.push(wire);
    }
    await sleep(1500);
    const poured = state.poured;
    const grown = residentKib(gate.pid) - before;
    assert.ok(poured < 4 * 24 * MIB, `${poured} bytes were taken from the origin`);
    assert.ok(grown < 8 * 1024 || !memoryIsReal, `memory grew by ${grown} KiB`);
    for (const w of wires) w.close();
  });

  it('an origin that reads slowly holds the client back, and memory stays', async () => {
    const before = residentKib(gate.pid);
    const wire = await gate.connect({ host });
    await wire.send(requestBytes({ host, path: '/stuck', method: 'POST', headers: { 'Content-Length': String(512 * MIB) } }));
    await until('the origin to be asked', () => state.stuck);
    let sent = 0;
    const end = Date.now() + 1500;
    while (Date.now() < end) {
      if (wire.socket.writableLength > 4 * MIB) await sleep(20);
      else {
        wire.socket.write(block);
        sent += block.length;
      }
    }
    const taken = sent - wire.socket.writableLength;
    assert.ok(taken < 32 * MIB, `${taken} bytes were taken from the client`);
    const grown = residentKib(gate.pid) - before;
    assert.ok(grown < 8 * 1024 || !memoryIsReal, `memory grew by ${grown} KiB`);
    wire.close();
    state.stuck.close();
  });

  it('256 MiB go through without memory growing', async () => {
    await gate.request({ host, path: `/down?n=${8 * MIB}` });
    const before = residentKib(gate.pid);
    let most = 0;
    const wire = await gate.connect({ host });
    let got = 0;
    wire.socket.removeAllListeners('data');
    wire.socket.on('data', (d) => (got += d.length));
    await wire.send(requestBytes({ host, path: `/down?n=${256 * MIB}`, headers: { Connection: 'close' } }));
    await until('all of it', () => {
      most = Math.max(most, residentKib(gate.pid));
      return got > 256 * MIB;
    }, 60000, 50);
    assert.ok(most - before < 4 * 1024 || !memoryIsReal, `memory grew by ${most - before} KiB`);
    wire.close();
  });
});
