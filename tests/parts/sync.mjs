// The sync origin: a real Hocuspocus server. usage: node sync.mjs PORT
import { Server } from '@hocuspocus/server';

const server = new Server({
  port: Number(process.argv[2]),
  address: '127.0.0.1',
  quiet: true,
  async onAuthenticate({ token }) {
    if (token !== 'app-token') throw new Error('unknown token');
  }
});
await server.listen();
console.log('listening');
