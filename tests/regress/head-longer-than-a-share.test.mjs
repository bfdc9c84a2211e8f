// An answer's head that is longer than what its stream might hold when it was asked for. Reading stopped there; others had ended meanwhile, so that the
// stream might hold more by then and did not look full: nothing read on, and it ended as 504.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Frames, NO_TABLE } from '../harness/frames.mjs';
import { answer, pathOrigin } from '../harness/origins.mjs';
import { startSite } from '../harness/site.mjs';
import { endAll, sleep } from '../harness/wait.mjs';

const OTHERS = 45, LONG = 'abc'.split('').map((n) => `X-${n}: ${'x'.repeat(5000)}\r\n`).join('');

describe('a head that is longer than its share of many streams', () => {
  for (const pieces of [1, 2, 7])
    it(`in ${pieces} ${pieces === 1 ? 'piece' : 'pieces'}`, async () => {
      let release, speak, waiting = 0;
      const released = new Promise((r) => (release = r)), spoken = new Promise((r) => (speak = r));
      const held = async (when) => {
        waiting++;
        await when;
      };
      const origin = await pathOrigin({
        '/soon': async (wire) => {
          await held(released);
          await wire.send(answer('ok'));
        },
        '/late': async (wire) => {
          await held(spoken);
          const text = Buffer.from(answer('late', LONG)), size = Math.ceil(text.length / pieces);
          for (let i = 0; i < text.length; i += size) {
            await wire.send(text.subarray(i, i + size));
            await sleep(50);
          }
        }
      });
      const site = await startSite({ origin: origin.url });
      const f = await Frames.open(site.gate, { host: 'open.example.test', initial: NO_TABLE });
      try {
        const ids = Array.from({ length: OTHERS }, (_, i) => 2 * i + 3);
        f.send(f.head(1, { path: '/late' }), ...ids.map((id) => f.head(id, { path: '/soon' })));
        await f.until('all to be at the origin', () => waiting === OTHERS + 1);
        release();
        await f.until('the others to be answered', () => ids.every((id) => f.answered(id)));
        speak();
        await f.until('the long head', () => f.answered(1));
        assert.equal(f.status(1), 200);
      } finally {
        f.close();
        await endAll(site, origin);
      }
    });
});
