// Once each finished exchange sent RST_STREAM to an HTTP/2 origin, whose server then ended the connection with what others had on it.
import assert from 'node:assert/strict';
import { it } from 'node:test';
import { data, Frames, TYPE } from '../harness/frames.mjs';
import { rawH2Origin } from '../harness/h2-origins.mjs';
import { startSite } from '../harness/site.mjs';
import { endAll, sleep } from '../harness/wait.mjs';

const host = 'x.example.test';

it('exchanges that ended whole reset nothing at an HTTP/2 origin', async () => {
  const next = (f) => f.request(60000).catch(() => undefined);
  const origin = await rawH2Origin(async (f) => {
    f.hello();
    for (let id = await next(f); id !== undefined; id = await next(f)) f.respond(id, [], { body: 'served' });
  });
  const site = await startSite({
    more: { origins: { x: { url: origin.url, http: '2' } }, hosts: [{ host, origin: 'x', public: true, rules: [{ path: '/*', action: 'bypass' }] }] },
    gate: { threads: 1 }
  });
  try {
    const f = await Frames.open(site.gate, { host });
    for (let id = 1; id < 20; id += 2) {
      f.request(id, { path: '/' });
      await f.until('an answer', () => f.answered(id));
    }
    for (let id = 21; id < 30; id += 2) {
      f.send(f.head(id, { method: 'POST', path: '/', end: false }), data(id, 'abc', true));
      await f.until('an answer', () => f.answered(id));
    }
    await sleep(300);
    assert.equal(origin.connections.length, 1);
    assert.equal(origin.connections[0].of(TYPE.HEADERS).length, 15);
    assert.equal(origin.connections[0].of(TYPE.RST_STREAM).length, 0);
  } finally {
    await endAll(site, origin);
  }
});
