// WebSockets on a stream of an HTTP/2 connection (RFC 8441), with the same WebSocket class as over HTTP/1.
import http2 from 'node:http2';
import { authority } from './certs.mjs';
import { session } from './http2.mjs';
import { WebSocket } from './lib.mjs';
import { within } from './wait.mjs';

/** A connection that has read that WebSockets are served. */
export async function connect(gate, host) {
  const connection = await session({ port: gate.port, servername: host, ca: authority().pem });
  connection.on('error', () => {});
  if (!connection.remoteSettings?.enableConnectProtocol)
    await within('the settings', new Promise((r) => connection.once('remoteSettings', r)));
  if (!connection.remoteSettings.enableConnectProtocol) throw new Error('extended CONNECT is not offered');
  return connection;
}

/** The stream and the head of the answer. */
export function dialStream(connection, { authority: name, path = '/doc', headers = {}, fields }) {
  const stream = connection.request(fields ?? {
    ':method': 'CONNECT', ':protocol': 'websocket', ':scheme': 'https', ':authority': name, ':path': path, 'sec-websocket-version': '13', ...headers
  }, { endStream: false });
  const answer = new Promise((resolve, reject) => {
    stream.on('error', reject);
    stream.once('close', () => reject(new Error(`stream closed with ${stream.rstCode}`)));
    stream.once('response', (h) => resolve({ stream, status: h[':status'], headers: h }));
  });
  return within('the answer to CONNECT', answer);
}

function socketOn(stream) {
  const ws = new WebSocket(null, undefined, {});
  ws._isServer = false; // a client: its frames are masked
  ws._closeTimeout = 30000;
  ws.on('error', () => {});
  ws.over = new Promise((r) => ws.once('close', (code, reason) => r({ code, reason: reason.toString() })));
  ws.setSocket(stream, Buffer.alloc(0), { allowSynchronousEvents: true, maxPayload: 1 << 30, skipUTF8Validation: true });
  return ws;
}

/** An open WebSocket, or {status, headers, stream} of the refusal. */
export async function dial(connection, what) {
  const answer = await dialStream(connection, what);
  return answer.status === 200 ? Object.assign(socketOn(answer.stream), { stream: answer.stream, headers: answer.headers }) : answer;
}

export const codes = http2.constants;
