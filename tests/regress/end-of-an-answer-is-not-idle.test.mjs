// A connection with HTTP/2 whose answers lay complete in their queues counted as idle, however much of them was still to be sent: when memory was
// short it was the first to be let go, and what its client had not yet taken was lost.
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { Frames, TYPE, windowUpdate } from '../harness/frames.mjs';
import { answer, pathOrigin } from '../harness/origins.mjs';
import { startSite } from '../harness/site.mjs';
import { endAll, sleep, until } from '../harness/wait.mjs';

const host = 'open.example.test';
const LENGTH = 60000, PIECE = 100, EVERY_MS = 100; // four times what must be taken of one that moves

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
    const got = () => f.of(TYPE.DATA, 1).reduce((n, { payload }) => n + payload.length, 0), tight = () => gate.lines().some((l) => l.event === 'memory' && l.level !== 'calm');
    const heads = [], drip = setInterval(() => f.send(windowUpdate(1, PIECE)), EVERY_MS);
    try {
      f.request(1, { path: '/page' });
      await gate.line((l) => l.path === '/page'); // the exchange is over
      await sleep(1500); // no connection is idle for less
      while (!tight()) {
        assert.ok(heads.length < 300, 'memory is not short');
        const wire = await gate.connect({ host });
        heads.push(wire);
        await wire.send('GET / HTTP/1.1\r\nX');
        await sleep(15); // the level is looked at four times a second, and beyond tight nobody is let in
      }
      await sleep(1000); // looked for what can go, four times
      assert.ok(!f.ended, `let go with ${got()} bytes sent`);
      assert.ok(got() < LENGTH / 2);
      f.send(windowUpdate(1, LENGTH));
      await until('all of it', () => got() === LENGTH);
    } finally {
      clearInterval(drip);
      for (const c of [f, ...heads]) c.close();
    }
  });
});
