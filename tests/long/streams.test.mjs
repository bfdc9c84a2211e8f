// What takes minutes: silence on an event stream, and a large upload at a slow rate.
import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import { after, before, describe, it } from 'node:test';
import { pathOrigin } from '../harness/origins.mjs';
import { memoryIsReal, residentKib } from '../harness/proc.mjs';
import { PASSWORD, startSite } from '../harness/site.mjs';
import { endAll, sleep, until } from '../harness/wait.mjs';
import { basic, requestBytes } from '../harness/wire.mjs';

const host = 'app.example.test';
const MIB = 1 << 20;
const UPLOAD = 500 * MIB;
const RATE = 5 * MIB; // per second

describe('minutes', { concurrency: true }, () => {
  let site, gate, origin, Cookie;
  const state = { got: 0, hash: createHash('sha256') };
  before(async () => {
    origin = await pathOrigin({
      '*': (wire) => wire.send('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok'),
      '/events': async (wire) => {
        await wire.send('HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n10\r\ndata: the first\n\r\n');
        await sleep(125000);
        await wire.send('11\r\ndata: the second\n\r\n0\r\n\r\n');
      },
      '/upload': async (wire, req) => {
        const length = Number(req.get('content-length'));
        const count = (d) => {
          state.got += d.length;
          state.hash.update(d);
        };
        count(wire.buffer);
        wire.buffer = Buffer.alloc(0);
        wire.socket.removeAllListeners('data');
        wire.socket.on('data', count);
        await until('the upload', () => state.got >= length, 300000, 50);
        const text = state.hash.digest('hex');
        await wire.send(`HTTP/1.1 200 OK\r\nContent-Length: ${text.length}\r\n\r\n${text}`);
      }
    });
    site = await startSite({ origin: origin.url });
    gate = site.gate;
    Cookie = (await gate.request({ host, path: '/', headers: { Authorization: basic('beta', PASSWORD) } })).get('set-cookie').split(';')[0];
  });
  after(() => endAll(site, origin));
  const open = async (path, more = {}) => {
    const wire = await gate.connect({ host });
    await wire.send(requestBytes({ host, path, ...more, headers: { Cookie, ...more.headers } }));
    return wire;
  };

  it('server-sent events live through two minutes of silence', { timeout: 180000 }, async () => {
    const wire = await open('/events');
    const r = await wire.response({ ms: 150000 });
    assert.equal(r.status, 200);
    assert.equal(r.text, 'data: the first\ndata: the second\n');
    await wire.send(requestBytes({ host, path: '/after', headers: { Cookie } }));
    assert.equal((await wire.response()).text, 'ok');
    wire.close();
  });

  it('500 MB at a slow rate arrive whole, in bounded memory', { timeout: 300000 }, async () => {
    const before = residentKib(gate.pid);
    const hash = createHash('sha256');
    const wire = await open('/upload', { method: 'POST', headers: { 'Content-Length': String(UPLOAD) } });
    const begun = performance.now();
    let sent = 0;
    let most = 0;
    while (sent < UPLOAD) {
      const block = randomBytes(MIB / 2);
      hash.update(block);
      sent += block.length;
      await wire.send(block);
      most = Math.max(most, residentKib(gate.pid));
      const ahead = (sent / RATE) * 1000 - (performance.now() - begun);
      if (ahead > 0) await sleep(ahead);
    }
    const r = await wire.response({ ms: 60000 });
    assert.equal(r.text, hash.digest('hex'));
    assert.ok(performance.now() - begun > 90000, 'slowly');
    assert.ok(most - before < 4096 || !memoryIsReal, `memory grew by ${most - before} KiB`);
    wire.close();
  });
});
