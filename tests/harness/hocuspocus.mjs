// A Hocuspocus of the test's own, with a limit of four per document as real ones have, and providers that come through the gate.
import { createRequire } from 'node:module';
import { authority } from './certs.mjs';
import { WebSocket, yjs } from './lib.mjs';
import { freePort } from './ports.mjs';

const require = createRequire(new URL('../parts/package.json', import.meta.url));
export const PER_DOCUMENT = 4;

export async function startSync({ ...more } = {}) {
  const { Server } = require('@hocuspocus/server');
  const port = await freePort();
  const server = new Server({
    port,
    address: '127.0.0.1',
    quiet: true,
    stopOnSignals: false,
    async onAuthenticate({ token, instance, documentName }) {
      if (token !== 'app-token') throw new Error('unknown token');
      if ((instance.documents.get(documentName)?.getConnectionsCount() ?? 0) >= PER_DOCUMENT) throw new Error('document is full');
    },
    ...more
  });
  await server.listen();
  return {
    port,
    url: `http://127.0.0.1:${port}`,
    connections: (name) => server.hocuspocus.documents.get(name)?.getConnectionsCount() ?? 0,
    stop: () => server.destroy()
  };
}

/** An editor: a document with a provider that reconnects by itself. `address`: where the gate is. */
export function editor({ url, name, headers = {}, address = '127.0.0.1', onAuthenticationFailed = () => {}, onClose = () => {} }) {
  const { HocuspocusProvider, HocuspocusProviderWebsocket } = require('@hocuspocus/provider');
  const { hostname } = new URL(url);
  class Socket extends WebSocket {
    constructor(to, protocols) {
      const found = [{ address, family: 4 }];
      super(to, protocols, {
        headers, ca: authority().pem, servername: hostname, lookup: (_, o, done) => (o.all ? done(null, found) : done(null, address, 4))
      });
    }
  }
  const { Doc } = yjs();
  const document = new Doc();
  const websocketProvider = new HocuspocusProviderWebsocket({ url, WebSocketPolyfill: Socket, delay: 100, minDelay: 50, maxDelay: 500 });
  const provider = new HocuspocusProvider({ websocketProvider, name, document, token: 'app-token', onAuthenticationFailed, onClose });
  provider.attach();
  return {
    document,
    provider,
    stop() {
      provider.destroy();
      websocketProvider.destroy();
    }
  };
}
