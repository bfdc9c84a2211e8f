// A connection with HTTP/2 whose answers lay complete in their queues counted as idle, however much of them was still to be sent: when memory was
// short it was the first to be let go, and what its client had not yet taken was lost. Later it counted as standing still as soon as one answer had to
// wait for its turn; and with a request that its origin did not answer it could hold what it did not read.
import assert from 'node:assert/strict';
import { after, afterEach, before, describe, it } from 'node:test';
import { ERROR, Frames, TYPE, windowUpdate } from '../harness/frames.mjs';
import { answer, pathOrigin } from '../harness/origins.mjs';
import { startSite } from '../harness/site.mjs';
import { endAll, sleep, until } from '../harness/wait.mjs';

const host = 'open.example.test';
const LENGTH = 60000, PIECE = 100, EVERY_MS = 100; // four times what must be taken of one that moves

describe('memory is short while the end of an answer is on its way', () => {
  let origin, site, gate, drip, heads = [], f;
  before(async () => {
    origin = await pathOrigin({
      '/page': (wire) => wire.send(answer('x'.repeat(LENGTH))),
      '/end': (wire) => wire.send('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n'),
      '/silent': (wire) => new Promise((r) => wire.socket.once('close', r))
    });
    site = await startSite({ origin: origin.url, more: { limits: { memory: '4MiB', header_timeout: '2m', write_rate_after: '1s', write_timeout: '1s', backpressure_timeout: '12s' } }, gate: { threads: 1 } });
    gate = site.gate;
  });
  after(() => endAll(site, origin));
  afterEach(async () => {
    clearInterval(drip);
    for (const c of [f, ...heads]) c.close();
    heads = [];
    await until('room', () => !tight(), 20000);
  });
  const got = (id) => f.of(TYPE.DATA, id).reduce((n, { payload }) => n + payload.length, 0);
  const ended = (path) => gate.lines().filter((l) => l.path === path).length;
  const tight = () => (gate.lines().filter((l) => l.event === 'memory').at(-1)?.level ?? 'calm') !== 'calm';
  /** Pages whose exchange is over. */
  const askFor = async (n, { path = '/page', more = () => [] } = {}) => {
    const ids = Array.from({ length: n }, (_, i) => 2 * i + 1), were = ended(path);
    for (const id of ids) f.request(id, { path, more: more(id) });
    await until('the exchanges to be over', () => ended(path) === were + n);
    return ids;
  };
  const makeTight = async () => {
    while (!tight()) {
      heads = heads.filter((w) => !w.ended);
      assert.ok(heads.length < 300, 'memory is not short');
      const wire = await gate.connect({ host });
      heads.push(wire);
      await wire.send('GET / HTTP/1.1\r\nX');
      await sleep(15); // the level is looked at four times a second, and beyond tight nobody is let in
    }
  };

  it('it arrives whole', async () => {
    f = await Frames.open(gate, { host, initial: { INITIAL_WINDOW_SIZE: PIECE } });
    drip = setInterval(() => f.send(windowUpdate(1, PIECE)), EVERY_MS);
    await askFor(1);
    await sleep(1500); // no connection is idle for less
    await makeTight();
    await sleep(1000); // looked for what can go, four times
    assert.ok(!f.ended, `let go with ${got(1)} bytes sent`);
    assert.ok(got(1) < LENGTH / 2);
    f.send(windowUpdate(1, LENGTH));
    await until('all of it', () => got(1) === LENGTH);
  });

  it('and so do those that wait for their turn', async () => {
    f = await Frames.open(gate, { host, initial: { INITIAL_WINDOW_SIZE: LENGTH } });
    drip = setInterval(() => f.send(windowUpdate(0, 400)), EVERY_MS); // the first one's leaves at once, the second's in 14 s
    const ids = await askFor(3, { more: (id) => [['priority', `u=${(id - 1) / 2}`]] });
    await sleep(3500); // nobody stands still for less
    await makeTight();
    await sleep(1000);
    assert.ok(!f.ended, `let go with ${ids.map(got)} bytes sent`);
    assert.equal(got(ids.at(-1)), 0);
    f.send(windowUpdate(0, 3 * LENGTH));
    for (const id of ids) await until('all of it', () => got(id) === LENGTH);
  });

  const shut = { 'a stream’s window': [0, '/page'], 'the connection’s window': [LENGTH, '/page'], 'the end of an answer': [0, '/end'] };
  for (const [name, [window, path]] of Object.entries(shut))
    it(`who holds up ${name} is let go, whatever else is asked for there`, async () => {
      f = await Frames.open(gate, { host, initial: { INITIAL_WINDOW_SIZE: window } });
      const [last] = (await askFor(2, { path })).slice(-1), were = ended('/silent');
      f.request(last + 2, { path: '/silent' });
      await sleep(3500);
      assert.ok(!f.ended);
      await until('the end', async () => {
        await makeTight();
        return f.ended;
      });
      await until('its line', () => ended('/silent') > were);
      assert.equal(gate.lines().filter((l) => l.path === '/silent').at(-1).detail, 'memory is short');
    });

  it('and by and by also when memory is not short', async () => {
    f = await Frames.open(gate, { host, initial: { INITIAL_WINDOW_SIZE: 0 } });
    const [id] = await askFor(1, { path: '/end' });
    await until('the reset', () => f.reset(id) !== undefined, 20000);
    assert.equal(f.reset(id), ERROR.CANCEL);
    assert.ok(!tight());
  });
});
