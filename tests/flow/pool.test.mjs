// Origin connections are used again, but only from a clean state; a request that may have had an effect is never sent twice.
import assert from 'node:assert/strict';
import { after, before, beforeEach, describe, it } from 'node:test';
import { answer, pathOrigin } from '../harness/origins.mjs';
import { startSite } from '../harness/site.mjs';
import { endAll, sleep, until } from '../harness/wait.mjs';
import { requestBytes } from '../harness/wire.mjs';

const host = 'open.example.test';

describe('origin connections', () => {
  let site, origin, gate;
  const handlers = {
    '*': (wire, req) => wire.send(answer(req.target)),
    '/read': async (wire, req) => {
      req.body = await wire.take(Number(req.get('content-length') ?? 0));
      await wire.send(answer('read'));
    },
    '/extra': (wire) => wire.send(`${answer('ok')}HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\npoison`),
    '/closing': (wire) => wire.send(answer('ok', 'Connection: close\r\n')),
    '/http10': (wire) => wire.send('HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok'),
    '/unread': (wire) => wire.send(answer('early'))
  };
  before(async () => {
    origin = await pathOrigin(handlers);
    site = await startSite({ origin: origin.url, gate: { threads: 1 } });
    gate = site.gate;
  });
  after(() => endAll(site, origin));
  const ask = (path, more = {}) => gate.request({ host, path, ...more });
  const open = () => origin.wires.filter((w) => !w.ended).length;
  /** Ends all connections of the origin, as a restart of it does; the gate may or may not have noticed. */
  const dropAll = async () => {
    for (const w of origin.wires) w.close();
    await sleep(50);
  };
  beforeEach(dropAll);

  it('one after the other share one', async () => {
    const before = origin.wires.length;
    for (let i = 0; i < 10; i++) assert.equal((await ask(`/${i}`)).text, `/${i}`);
    assert.equal(origin.wires.length - before, 1);
  });

  it('at once take several, and keep them', async () => {
    await Promise.all(Array.from({ length: 8 }, (_, i) => ask(`/${i}`)));
    const before = origin.wires.length;
    await Promise.all(Array.from({ length: 8 }, (_, i) => ask(`/${i}`)));
    assert.ok(origin.wires.length - before <= 8);
    assert.ok(open() <= 16);
  });

  for (const path of ['/extra', '/closing', '/http10']) {
    it(`after ${path} the connection is not used again`, async () => {
      assert.equal((await ask(path)).status, 200);
      const used = origin.wires.length;
      await sleep(50);
      assert.equal((await ask('/next')).text, '/next', 'no poisoned answer');
      assert.equal(origin.wires.length, used + 1);
    });
  }

  it('an answer before the whole request was taken ends the connection', async () => {
    const wire = await gate.connect({ host });
    await wire.send(requestBytes({ host, path: '/unread', method: 'POST', headers: { 'Content-Length': '100' } }) + 'x'.repeat(10));
    assert.equal((await wire.response()).text, 'early');
    const used = origin.wires.length;
    wire.close();
    await sleep(50);
    assert.equal((await ask('/next')).text, '/next');
    assert.equal(origin.wires.length, used + 1);
  });

  it('a connection that the origin closed while idle does no harm', async () => {
    await ask('/a');
    await dropAll();
    assert.equal((await ask('/b')).status, 200);
    assert.equal((await ask('/read', { method: 'POST', body: 'x' })).status, 200);
  });

  it('GET on a connection that dies under it is sent again, once, and POST never', async () => {
    let mode = 'serve';
    const counts = {};
    handlers['/die'] = async (wire, req) => {
      counts[req.method] = (counts[req.method] ?? 0) + 1;
      if (mode === 'die' || (mode === 'die-once' && counts[req.method] === 1)) return false;
      if (req.has('content-length')) await wire.take(Number(req.get('content-length')));
      await wire.send(answer('served'));
    };
    await ask('/warm');
    mode = 'die-once';
    assert.equal((await ask('/die')).text, 'served');
    assert.equal(counts.GET, 2);
    await ask('/warm');
    const r = await ask('/die', { method: 'POST', body: 'x' });
    assert.equal(r.status, 502);
    assert.equal(counts.POST, 1);
    await ask('/warm');
    mode = 'die';
    counts.GET = 0;
    assert.equal((await ask('/die')).status, 502);
    assert.equal(counts.GET, 2, 'once and no more');
  });

  it('GET on a fresh connection that dies is not sent again', async () => {
    let count = 0;
    handlers['/die-fresh'] = async () => {
      count++;
      return false;
    };
    assert.equal((await ask('/die-fresh')).status, 502);
    assert.equal(count, 1);
  });

  it('a client that goes away takes its origin connection with it', async () => {
    handlers['/hang'] = () => new Promise(() => {});
    const wire = await gate.connect({ host });
    await wire.send(requestBytes({ host, path: '/hang' }));
    await until('the request to arrive', () => origin.requests.some((r) => r.target === '/hang'));
    const theirs = origin.wires[origin.requests.find((r) => r.target === '/hang').connection];
    wire.close();
    await until('the origin to be let go', () => theirs.ended, 1500);
  });
});
