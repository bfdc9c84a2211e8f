// The origin of the attacked host, a process of its own.
import process from 'node:process';
import { pathOrigin, answer } from '../harness/origins.mjs';

const LARGE = 1 << 20, PIECE = 1 << 10;
const piece = `${PIECE.toString(16)}\r\n${'x'.repeat(PIECE)}\r\n`;
const chunked = `HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n${piece.repeat(LARGE / PIECE)}0\r\n\r\n`;

process.on('message', async () => {
  const large = answer('x'.repeat(LARGE));
  const origin = await pathOrigin({
    '/large': (wire) => wire.send(large).catch(() => false),
    '/chunked': (wire) => wire.send(chunked).catch(() => false),
    '/never': () => new Promise(() => {}),
    '*': (wire) => wire.send(answer('ok'))
  });
  process.send({ done: { port: origin.port } });
});
process.on('disconnect', () => process.exit());
