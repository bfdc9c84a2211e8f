// A connection with HTTP/2 whose answers lay complete in their queues counted as idle, however much of them was still to be sent: when memory was
// short it was the first to be let go, and what its client had not yet taken was lost.
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { Frames, TYPE, windowUpdate } from '../harness/frames.mjs';
import { answer, pathOrigin } from '../harness/origins.mjs';
import { startSite } from '../harness/site.mjs';
import { endAll, sleep, until } from '../harness/wait.mjs';

const host = 'open.example.test';
const LENGTH = 20000, PIECE = 1000; // each is more a second than one that does not move

describe('memory is short while the end of an answer is on its way', () => {
  let origin, site, gate;
  before(async () => {
    origin = await pathOrigin({ '/page': (wire) => wire.send(answer('x'.repeat(LENGTH))) });
    site = await startSite({ origin: origin.url, more: { limits: { memory: '4MiB', header_timeout: '2m' } }, gate: { threads: 1 } });
    gate = site.gate;
  });
  after(() => endAll(site, origin));

  it('it arrives whole', async () => {
    const f = await Frames.open(gate, { host, initial: { INITIAL_WINDOW_SIZE: PIECE } });
    const heads = [], got = () => f.of(TYPE.DATA, 1).reduce((n, { payload }) => n + payload.length, 0);
    try {
      f.request(1, { path: '/page' });
      await f.until('its first piece', () => got() === PIECE);
      await sleep(1500); // no connection is idle for less
      f.send(windowUpdate(1, PIECE));
      const tight = () => gate.lines().some((l) => l.event === 'memory' && l.level !== 'calm');
      while (!tight()) {
        assert.ok(heads.length < 200, 'memory is not short');
        const wire = await gate.connect({ host });
        heads.push(wire);
        await wire.send('GET / HTTP/1.1\r\nX');
        await sleep(5);
      }
      for (let due = 3; due <= LENGTH / PIECE; due++) {
        f.send(windowUpdate(1, PIECE));
        await until(`${due} pieces`, () => got() === due * PIECE || f.ended);
        assert.ok(!f.ended, `ended with ${got()} bytes`);
        await sleep(150);
      }
      assert.ok(f.answered(1));
    } finally {
      for (const c of [f, ...heads]) c.close();
    }
  });
});
