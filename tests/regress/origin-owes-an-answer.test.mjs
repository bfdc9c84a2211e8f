// An origin that still owes an answer must never get another request on that connection: whoever asks next would be
// given what belongs to somebody else. An interim response (1xx) had made such a connection look clean.
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { answer, pathOrigin } from '../harness/origins.mjs';
import { startSite } from '../harness/site.mjs';
import { sleep } from '../harness/wait.mjs';

const HINTS = 'HTTP/1.1 103 Early Hints\r\nLink: </a.css>\r\n\r\n';

describe('after an answer of ours to a request that the origin has begun to answer', () => {
  let site, origin;
  const owed = [];
  const handlers = {
    '*': async (wire, req) => {
      await wire.send(answer(req.target));
    },
    '/hints-then-slow': async (wire) => {
      owed.push(wire);
      await wire.send(HINTS);
    },
    '/hints-without-end': async (wire) => {
      owed.push(wire);
      await wire.send(HINTS.repeat(17));
    }
  };
  before(async () => {
    origin = await pathOrigin(handlers);
    site = await startSite({
      more: { origins: { web: { url: origin.url, first_byte_timeout: '1s' } } },
      origin: origin.url,
      gate: { threads: 1 }
    });
  });
  after(async () => {
    await site?.stop();
    await origin?.close();
  });

  for (const [path, status] of [['/hints-then-slow', 504], ['/hints-without-end', 502]]) {
    it(`${path}: the connection is not used again`, async () => {
      const host = 'open.example.test';
      const first = await site.gate.request({ host, path });
      assert.equal(first.status, status);
      const used = origin.wires.length;
      const next = site.gate.request({ host, path: '/mine' });
      await sleep(20);
      await owed.at(-1).send(answer('the answer that belongs to somebody else'));
      assert.equal((await next).text, '/mine');
      assert.equal(origin.wires.length, used + 1);
    });
  }
});
