// A Hocuspocus server behind tiergate: upgrades and requests without the key are refused, before any document is touched.
// The same variables as the other two: ORIGIN_KEY, ORIGIN_LOCK. usage: node hocuspocus.mjs PORT [ADDRESS]
import { Server } from '@hocuspocus/server';
import { createHash, timingSafeEqual } from 'node:crypto';

const digest = (text) => createHash('sha256').update(text).digest();
const keys = (process.env.ORIGIN_KEY ?? '').split(' ').filter(Boolean).map(digest);

function isLockedOut(request) {
  if (process.env.ORIGIN_LOCK === 'off') return false;
  const sent = digest(request.headers['x-origin-key'] ?? '');
  if (keys.map((key) => timingSafeEqual(key, sent)).includes(true)) return false;
  if (process.env.ORIGIN_LOCK !== 'report') return true;
  console.warn(`origin lock: without the key: ${request.method} ${request.url}`);
  return false;
}

const server = new Server({
  port: Number(process.argv[2]),
  address: process.argv[3] ?? '0.0.0.0',
  quiet: true,
  async onUpgrade({ request, socket }) {
    if (!isLockedOut(request)) return;
    socket.end('HTTP/1.1 403 Forbidden\r\nConnection: close\r\nContent-Length: 0\r\n\r\n');
    throw null; // Hocuspocus: go no further, and say nothing
  },
  // Fly's own check may ask /health on the machine.
  async onRequest({ request, response }) {
    const open = request.url === '/health' && ['GET', 'HEAD'].includes(request.method);
    const status = open ? 200 : isLockedOut(request) ? 403 : 0;
    if (!status) return;
    response.writeHead(status, { 'content-type': 'text/plain', 'cache-control': 'no-store' });
    response.end(status === 200 ? 'ok\n' : 'This address is closed. Use the public name.\n');
    throw null;
  },
  // Your own: the app's token is checked here as before.
  async onAuthenticate({ token }) {
    if (token !== 'app-token') throw new Error('unknown token');
  }
});
await server.listen();
console.log('listening');
