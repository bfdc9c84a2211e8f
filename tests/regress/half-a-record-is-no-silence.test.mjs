// Of an answer that nobody asked for, part of a TLS record had been read and the socket was silent: the connection was lent all the
// same, and with the rest the next request was given what belonged to nobody. Of a header alone libssl says nothing either.
import assert from 'node:assert/strict';
import net from 'node:net';
import { after, before, describe, it } from 'node:test';
import { authority } from '../harness/certs.mjs';
import { answer, pathOrigin } from '../harness/origins.mjs';
import { startSite } from '../harness/site.mjs';
import { endAll, sleep, until } from '../harness/wait.mjs';

const host = 'sealed.example.test';

/** Hands on what comes, but what `port` says once a line has a `cut`: of that so many bytes, and the rest when the gate speaks again. */
async function holdingFront(port) {
  const lines = [];
  const server = net.createServer({ noDelay: true }, (gate) => {
    const origin = net.connect({ port, host: '127.0.0.1', noDelay: true });
    const line = { cut: 0, rest: undefined, ended: false };
    lines.push(line);
    origin.on('data', (d) => {
      if (!line.cut) return gate.write(d);
      line.rest = d.subarray(line.cut);
      return gate.write(d.subarray(0, line.cut));
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

  it('is asked by nobody on that connection, wherever the record is cut', async () => {
    const poison = answer('poison');
    const bytes = 5 + poison.length + 1 + 16; // header, what it seals, type, tag
    assert.equal((await site.gate.request({ host, path: '/first' })).text, '/first');
    for (let cut = 1; cut < bytes; cut++) {
      assert.equal(front.lines.length, cut, 'whole records leave a connection as it was');
      const line = front.lines.at(-1);
      line.cut = cut;
      await origin.wires.at(-1).send(poison);
      await until('the first part to leave', () => line.rest);
      assert.equal(line.rest.length, bytes - cut, 'one record');
      await sleep(20);
      assert.equal((await site.gate.request({ host, path: '/mine' })).text, '/mine', `after ${cut} bytes`);
      assert.ok(line.rest && !line.ended, 'the line is there, and nobody asked on it');
      assert.equal((await site.gate.request({ host, path: '/again' })).text, '/again');
    }
  });
});
