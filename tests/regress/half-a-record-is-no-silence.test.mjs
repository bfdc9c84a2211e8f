// Of an answer that nobody asked for, half a TLS record had been read and the socket was silent: the connection was lent all the
// same, and with the other half the next request was given what belonged to nobody.
import assert from 'node:assert/strict';
import net from 'node:net';
import { after, before, describe, it } from 'node:test';
import { authority } from '../harness/certs.mjs';
import { answer, pathOrigin } from '../harness/origins.mjs';
import { startSite } from '../harness/site.mjs';
import { endAll, sleep, until } from '../harness/wait.mjs';

const host = 'sealed.example.test';

/** Hands on what comes, but what `port` says while a line is held: of that the first half, and the other half when the gate speaks again. */
async function holdingFront(port) {
  const lines = [];
  const server = net.createServer({ noDelay: true }, (gate) => {
    const origin = net.connect({ port, host: '127.0.0.1', noDelay: true });
    const line = { held: false, rest: undefined, ended: false };
    lines.push(line);
    origin.on('data', (d) => {
      if (!line.held) return gate.write(d);
      const half = d.length >> 1;
      line.rest = d.subarray(half);
      return gate.write(d.subarray(0, half));
    });
    gate.on('data', (d) => {
      if (line.rest) gate.write(line.rest);
      line.rest = undefined;
      origin.write(d);
    });
    for (const socket of [gate, origin]) {
      socket.on('error', () => {});
      socket.on('close', () => {
        line.ended = true;
        gate.destroy();
        origin.destroy();
      });
    }
  });
  await new Promise((r) => server.listen(0, '127.0.0.1', r));
  return { port: server.address().port, lines, close: () => new Promise((r) => server.close(r)) };
}

describe('an origin with TLS that has begun to say what nobody asked', () => {
  let site, origin, front;
  before(async () => {
    origin = await pathOrigin({ '*': (wire, req) => wire.send(answer(req.target)) }, { tls: authority().issue(['localhost']) });
    front = await holdingFront(origin.port);
    const sealed = { url: `https://localhost:${front.port}`, tls: { ca: authority().certFile } };
    const hosts = [{ host, origin: 'sealed', public: true, rules: [{ path: '/*', action: 'bypass' }] }];
    site = await startSite({ more: { origins: { sealed }, hosts }, gate: { threads: 1 } });
  });
  after(() => endAll(site, origin, front));

  it('is asked by nobody on that connection', async () => {
    assert.equal((await site.gate.request({ host, path: '/first' })).text, '/first');
    assert.equal((await site.gate.request({ host, path: '/again' })).text, '/again');
    assert.equal(front.lines.length, 1, 'whole records leave a connection as it was');
    const [line] = front.lines;
    line.held = true;
    await origin.wires[0].send(answer('poison'));
    await until('half a record to leave', () => line.rest);
    await sleep(100);
    assert.equal((await site.gate.request({ host, path: '/mine' })).text, '/mine');
    assert.equal(front.lines.length, 2);
  });
});
