// A head that alone fills the queue it is written to, in one that is kept short: it left at once, nobody told that there was room again, and what
// followed it waited until a deadline. And an interim head, which nothing follows for a while: it lay there, at times for half a second only, at
// times until the request's deadline.
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { answer, pathOrigin } from '../harness/origins.mjs';
import { startSite } from '../harness/site.mjs';
import { endAll, until } from '../harness/wait.mjs';
import { requestBytes } from '../harness/wire.mjs';

const host = 'open.example.test';
const INTERIMS = 12;
const long = (n) => Object.fromEntries(Array.from({ length: n }, (_, i) => [`X-${i}`, 'x'.repeat(3000)]));
const lines = (fields) => Object.entries(fields).map(([k, v]) => `${k}: ${v}\r\n`).join('');

describe('heads as long as a queue', () => {
  let origin, site, gate;
  const held = [];
  before(async () => {
    let waiting = 0;
    origin = await pathOrigin({
      '/hold': async (wire) => {
        waiting++;
        await new Promise((r) => wire.socket.once('close', r));
      },
      '/long': (wire) => wire.send(answer('behind it', lines(long(8)))),
      '/long-empty': (wire) => wire.send(`HTTP/1.1 204 No Content\r\n${lines(long(8))}\r\n`),
      '/take': async (wire, request) => {
        await wire.take(5);
        await wire.send(answer(request.method));
      },
      '/hint': async (wire) => {
        for (let i = 0; i < INTERIMS; i++) {
          const arrived = new Promise((r) => (origin.goOn = r));
          await wire.send(`HTTP/1.1 103 Early Hints\r\nLink: </${i}.css>; rel=preload\r\n\r\n`);
          await arrived;
        }
        await wire.send(answer('late'));
      }
    });
    site = await startSite({ origin: origin.url, more: { limits: { memory: '4MiB' } }, gate: { threads: 1 } });
    gate = site.gate;
    // The first quarter of strangers' places have whole queues: these take them.
    for (let i = 0; i < 4; i++) {
      const wire = await gate.connect({ host, localAddress: `127.0.0.${2 + i}` });
      held.push(wire);
      await wire.send(requestBytes({ host, path: '/hold' }));
    }
    await until('them to be there', () => waiting === held.length);
  });
  after(() => {
    for (const w of held) w.close();
    return endAll(site, origin);
  });

  const ask = async (what) => {
    const wire = await gate.connect({ host });
    try {
      await wire.send(requestBytes({ host, ...what }));
      return await wire.response();
    } finally {
      wire.close();
    }
  };

  it('of an answer', async () => {
    const r = await ask({ path: '/long' });
    assert.equal(r.text, 'behind it');
    assert.equal(r.get('x-7').length, 3000);
  });
  it('of an answer that has no body', async () => assert.equal((await ask({ path: '/long-empty' })).status, 204));
  it('of a request', async () => {
    const r = await ask({ method: 'POST', path: '/take', headers: { ...long(8), 'Content-Length': '5' }, body: 'hello' });
    assert.equal(r.text, 'POST');
  });
  it('and interim heads, each sent when the one before has come', async () => {
    const wire = await gate.connect({ host });
    await wire.send(requestBytes({ host, path: '/hint' }));
    for (let i = 0; i < INTERIMS; i++) {
      const head = await wire.head();
      assert.deepEqual([head.status, head.get('link')], [103, `</${i}.css>; rel=preload`]);
      origin.goOn();
    }
    assert.equal((await wire.response()).text, 'late');
    wire.close();
  });
});
