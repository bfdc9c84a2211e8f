// An origin that reads nothing, behind a client that is gone: what the client sent filled all buffers on the way, so that its end was
// seen only when the kernel gave up after 40 s, and the origin's side was kept until then.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import net from 'node:net';
import { after, before, describe, it } from 'node:test';
import { rawOrigin } from '../harness/origins.mjs';
import { startSite } from '../harness/site.mjs';
import { endAll, sleep, until } from '../harness/wait.mjs';
import { requestBytes } from '../harness/wire.mjs';

const host = 'stuck.example.test';
const upgrade = {
  Connection: 'Upgrade', Upgrade: 'websocket', 'Sec-WebSocket-Version': '13', 'Sec-WebSocket-Key': 'dGhlIHNhbXBsZSBub25jZQ=='
};
const SWITCH = 'HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n';
/** Far below the kernel's 40 s, and far above the second that is promised: machines may be busy. */
const SOON = 15000;

/** How many connections of this port are open on its own side, as the kernel sees it: ESTABLISHED or CLOSE_WAIT. */
const openAt = (port) => fs.readFileSync('/proc/net/tcp', 'latin1').split('\n').filter((line) => {
  const [, local, , state] = line.trim().split(/\s+/);
  return local?.endsWith(`:${port.toString(16).toUpperCase().padStart(4, '0')}`) && (state === '01' || state === '08');
}).length;

describe('a client that is gone behind an origin that takes nothing', () => {
  let site, origin, tunnels;
  before(async () => {
    tunnels = [];
    origin = await rawOrigin(async (wire) => {
      await wire.request();
      tunnels.push(wire);
      wire.pause();
      await wire.send(SWITCH);
    });
    site = await startSite({
      more: {
        origins: { stuck: { url: origin.url } },
        hosts: [{ host, origin: 'stuck', public: true, rules: [{ path: '/*', action: 'bypass' }] }]
      }
    });
  });
  after(() => endAll(site, origin));

  /** A tunnel whose buffers are full up to the client. */
  const full = async () => {
    const socket = net.connect(site.gate.port, '127.0.0.1');
    const wire = await site.gate.connect({ host, socket });
    wire.reset = () => socket.resetAndDestroy();
    await wire.send(requestBytes({ host, headers: upgrade }));
    assert.equal((await wire.head()).status, 101);
    let last = performance.now(), sent = 0;
    wire.socket.on('error', () => {});
    const more = () => {
      wire.begun = (wire.begun ?? 0) + 65536;
      wire.socket.write(Buffer.alloc(65536), () => {
        last = performance.now();
        sent += 65536;
        if (!wire.enough && sent < 1 << 26) more();
      });
    };
    more();
    await until('nothing to go any more', () => performance.now() - last > 500, 30000);
    wire.enough = true;
    assert.ok(sent > 0 && sent < 1 << 26, `${sent} bytes went`);
    assert.equal(openAt(origin.port), 1);
    return wire;
  };

  it('breaks off: the origin is free soon', async () => {
    const wire = await full();
    wire.reset();
    await until('the origin to be free', () => openAt(origin.port) === 0, SOON);
    const line = await site.gate.line((l) => l.host === host && l.status === 101);
    assert.equal(line.detail, 'client went away');
  });

  it('an origin that does read gets all of it, although the client has left', async () => {
    const wire = await full();
    const read = tunnels.at(-1);
    const head = read.bytes.indexOf('\r\n\r\n') + 4;
    await sleep(1000);
    assert.equal(openAt(origin.port), 1, 'while the client is there it may wait');
    read.resume();
    wire.socket.end();
    await until('all to be read', () => read.bytes.length - head === wire.begun, SOON);
    await until('the origin to be free', () => read.ended, SOON);
  });
});
