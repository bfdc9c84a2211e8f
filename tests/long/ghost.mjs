// The clients that will vanish; run inside the namespace. usage: node ghost.mjs JSON
import fs from 'node:fs';
import { createRequire } from 'node:module';

const require = createRequire(new URL('../parts/package.json', import.meta.url));
const { WebSocket } = require('ws');
const { HocuspocusProvider, HocuspocusProviderWebsocket } = require('@hocuspocus/provider');
const { Doc } = require('yjs');
const job = JSON.parse(process.argv[2]);
const found = [{ address: job.address, family: 4 }];
const lookup = (_, o, done) => (o.all ? done(null, found) : done(null, job.address, 4));

process.on('uncaughtException', () => {}); // providers that find no way back are what this is about

class Socket extends WebSocket {
  constructor(url, protocols) {
    super(url, protocols, { headers: { Cookie: job.Cookie }, ca: fs.readFileSync(job.ca), servername: new URL(url).hostname, lookup });
  }
}
for (let i = 0; i < job.count; i++) {
  const websocketProvider = new HocuspocusProviderWebsocket({ url: job.url, WebSocketPolyfill: Socket });
  new HocuspocusProvider({ websocketProvider, name: 'shared', document: new Doc(), token: 'app-token' }).attach();
}
for (let i = 0; i < 3; i++) new Socket(job.talks).on('error', () => {});
