// A head that the HTTP/2 session refuses (a name in upper case) never becomes a request: it reaches no origin half-read, takes no other
// request's turn, and leaves no deadline behind that ends the connection.
import assert from 'node:assert/strict';
import { after, afterEach, before, describe, it } from 'node:test';
import { Frames, NO_TABLE, windowUpdate } from '../harness/frames.mjs';
import { answer, pathOrigin } from '../harness/origins.mjs';
import { startSite } from '../harness/site.mjs';
import { endAll, sleep, until } from '../harness/wait.mjs';

const host = 'open.example.test';
const BAD = [['Upper', 'x']];
const HEADER_TIMEOUT_S = 2;

describe('a refused head over HTTP/2', { concurrency: false }, () => {
  let origin, site, wire;
  before(async () => {
    const chunk = Buffer.concat([Buffer.from('10000\r\n'), Buffer.alloc(1 << 16, 'x'), Buffer.from('\r\n')]);
    origin = await pathOrigin({
      '/endless': async (w) => {
        await w.send('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n');
        while (!w.socket.destroyed) await w.send(chunk);
      },
      '/slow': async (w) => {
        await sleep((HEADER_TIMEOUT_S + 2) * 1000);
        await w.send(answer('slow'));
      },
      '*': (w) => w.send(answer('ok'))
    });
    site = await startSite({ origin: origin.url, gate: { threads: 1 }, more: { limits: { header_timeout: `${HEADER_TIMEOUT_S}s` } } });
  });
  afterEach(() => wire?.close?.());
  after(async () => {
    await endAll(site);
    await endAll(origin);
  });

  const open = async (initial = NO_TABLE) => {
    wire = await Frames.open(site.gate, { host, initial });
    await wire.lives();
    return wire;
  };

  it('takes no turn of the request behind it', async () => {
    const f = await open();
    f.send(f.head(1, { more: BAD }), f.head(3));
    await until('the second to be answered', () => f.status(3) === 200);
    f.request(5);
    await until('a later one to be answered', () => f.status(5) === 200);
  });

  it('leaves no deadline to the requests that run', async () => {
    const f = await open();
    f.send(f.head(1, { more: BAD }), f.head(3));
    await until('the second to be answered', () => f.status(3) === 200);
    f.request(5, { path: '/slow' });
    await until('the slow one to be answered', () => f.status(5) === 200, 30000);
    assert.equal(f.ended, false);
  });

  it('reaches no origin, also while its reset cannot leave', async () => {
    const f = await open({ HEADER_TABLE_SIZE: 0, INITIAL_WINDOW_SIZE: 0x7fffffff });
    f.send(windowUpdate(0, 0x7fff0000 - 65535));
    f.request(1, { path: '/endless' });
    await until('the endless one to be asked for', () => origin.requests.some((r) => r.target === '/endless'));
    f.socket.pause();
    await sleep(2500); // until nothing more fits into the way to this client
    const evil = [[':method', 'TRACE'], [':scheme', 'gopher'], [':authority', f.authority], [':path', '/evil']];
    f.send(f.head(3, { pseudo: evil, more: BAD }), f.head(5, { path: '/good' }));
    await until('the good one to be asked for', () => origin.requests.some((r) => r.target === '/good'));
    assert.deepEqual(origin.requests.filter((r) => r.target === '/evil'), []);
    f.socket.destroy();
  });
});
