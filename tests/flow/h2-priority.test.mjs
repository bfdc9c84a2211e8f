// RFC 9218: whose bytes go first when the client's window does not take all, from the origins' answers to the frames that leave.
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { frame, Frames, TYPE, windowUpdate } from '../harness/frames.mjs';
import { answer, pathOrigin } from '../harness/origins.mjs';
import { startSite } from '../harness/site.mjs';
import { endAll, sleep } from '../harness/wait.mjs';

const HOST = 'open.example.test';
const WINDOW = 65535; // of a connection, at first (RFC 9113 §6.9.2)
const BODY = 30000;

describe('priorities between streams', () => {
  let site, gate, origin;
  before(async () => {
    origin = await pathOrigin({
      '/fill': (wire) => wire.send(answer('x'.repeat(WINDOW))),
      '/empty': (wire) => wire.send(answer('')),
      '*': (wire) => wire.send(answer('x'.repeat(BODY)))
    });
    site = await startSite({ origin: origin.url, more: { limits: { drain_timeout: '1s' } } });
    gate = site.gate;
  });
  after(() => endAll(site, origin));

  const update = (id, value) => {
    const name = Buffer.alloc(4);
    name.writeUInt32BE(id);
    return frame(TYPE.PRIORITY_UPDATE, 0, 0, Buffer.concat([name, Buffer.from(value)]));
  };
  const taken = (f, id) => f.of(TYPE.DATA, id).reduce((n, d) => n + d.payload.length, 0);

  /** Uses up the connection's window, then asks: one stream for each priority (null: no field), from 3 on. All bodies wait at the gate then. */
  async function asked(priorities) {
    const f = await Frames.open(gate, { host: HOST, initial: { INITIAL_WINDOW_SIZE: 1 << 20 } });
    f.request(1, { path: '/fill' });
    await f.until('the window to be used up', () => taken(f, 1) === WINDOW);
    const ids = priorities.map((_, i) => 2 * i + 3);
    ids.forEach((id, i) => f.request(id, { path: `/${id}`, more: priorities[i] === null ? [] : [['priority', priorities[i]]] }));
    await f.until('the heads', () => ids.every((id) => f.of(TYPE.HEADERS, id).length > 0));
    const last = ids.at(-1) + 2; // one more way to the origin and back
    f.request(last, { path: '/empty' });
    await f.until('an empty answer', () => f.answered(last));
    await sleep(100);
    return { f, ids };
  }

  /** Lets everything come, and returns whose DATA came in which order, runs of one stream said once. */
  async function order({ f, ids }) {
    f.send(windowUpdate(0, 1 << 20));
    await f.until('all', () => ids.every((id) => taken(f, id) === BODY));
    const all = f.of(TYPE.DATA).map((d) => d.id).filter((id) => ids.includes(id));
    f.close();
    return all.filter((id, i) => id !== all[i - 1]);
  }

  it('the urgent one first, whenever it was asked', async () => {
    assert.deepEqual(await order(await asked(['u=5', 'u=7', 'u=1', 'u=3'])), [7, 9, 3, 5]);
  });

  it('of the same urgency one behind the other', async () => {
    assert.deepEqual(await order(await asked(['u=2', 'u=2', 'u=2'])), [3, 5, 7]);
  });

  it('incremental ones in turns', async () => {
    const runs = await order(await asked(['u=3, i', 'i', 'u=1']));
    assert.deepEqual(runs.slice(0, 5), [7, 3, 5, 3, 5]);
  });

  it('PRIORITY_UPDATE sets those right that wait', async () => {
    const waiting = await asked(['u=2', 'u=3', 'u=4']);
    waiting.f.send(update(7, 'u=0'), update(3, 'u=6'));
    assert.deepEqual(await order(waiting), [7, 5, 3]);
  });

  it('a client that says nothing of priorities gets all in turns', async () => {
    assert.deepEqual((await order(await asked([null, null]))).slice(0, 4), [3, 5, 3, 5]);
  });
});
