// A WebSocket over HTTP/2 beside many others, to an origin that reads late: what one of them might hold was less than where the origin's stream tells
// that it has room again, so that the rest waited for ever.
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { describe, it } from 'node:test';
import * as h2ws from '../harness/h2ws.mjs';
import { pathOrigin } from '../harness/origins.mjs';
import { startSite } from '../harness/site.mjs';
import { endAll, sleep, until } from '../harness/wait.mjs';

const HOST = 'open.example.test', OTHERS = 60, MESSAGE = 16000, MESSAGES = 1000;

describe('a WebSocket among many streams', () => {
  it('loses nothing to an origin that reads late', async () => {
    let late, got = 0;
    const origin = await pathOrigin({
      '*': async (wire, req) => {
        const accept = createHash('sha1').update(`${req.get('sec-websocket-key')}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`).digest('base64');
        await wire.send(`HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ${accept}\r\n\r\n`);
        if (req.target === '/late') {
          wire.socket.removeAllListeners('data');
          wire.socket.on('data', (d) => (got += d.length));
          wire.socket.pause();
          late = wire.socket;
        }
        await new Promise((r) => wire.socket.once('close', r));
      }
    });
    const site = await startSite({ origin: origin.url });
    const connection = await h2ws.connect(site.gate, HOST);
    try {
      const authority = site.gate.authority(HOST), sockets = [];
      for (let i = 0; i < OTHERS; i++) sockets.push(await h2ws.dial(connection, { authority }));
      const ws = await h2ws.dial(connection, { authority, path: '/late' });
      for (let i = 0; i < MESSAGES; i++) ws.send(Buffer.alloc(MESSAGE, 'x'));
      await sleep(1500);
      assert.ok(late && got === 0);
      late.resume();
      await until('all of it', () => got >= MESSAGES * MESSAGE, 15000);
      for (const s of [...sockets, ws]) s.terminate();
    } finally {
      connection.destroy();
      await endAll(site, origin);
    }
  });
});
