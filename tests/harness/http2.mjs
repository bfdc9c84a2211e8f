// The same request over HTTP/2: one connection, one stream. TIERGATE_HTTP=2 sends all of a gate's own requests this way, so that the flow
// tests hold for both; what a test writes byte by byte stays HTTP/1.
import http2 from 'node:http2';
import tls from 'node:tls';
import { within } from './wait.mjs';
import { Message } from './wire.mjs';

export const preferred = process.env.TIERGATE_HTTP === '2';

/** Fields that say something of one HTTP/1 connection cannot be said in HTTP/2 (RFC 9113 §8.2.2). */
const ONLY_HTTP1 = new Set(['connection', 'upgrade', 'keep-alive', 'proxy-connection', 'transfer-encoding', 'http2-settings', 'expect', 'te']);

/** Fields that Node's client refuses to say twice. */
const ONCE = new Set(['authorization', 'origin', 'host', 'referer']);

const isSayable = ([name, value]) => {
  const values = [value].flat().map(String), n = name.toLowerCase();
  return /^[a-z0-9_.-]+$/.test(n) && !ONLY_HTTP1.has(n) && !(ONCE.has(n) && values.length > 1) && values.every((v) => /^(?! )[\x20-\x7e]*(?<! )$/.test(v));
};

export function canSay({ version, method = 'GET', path = '/', headers = {} }) {
  return version === undefined && /^\/[\x21-\x7e]*$/.test(path) && !['CONNECT', 'TRACE'].includes(method) && Object.entries(headers).every(isSayable);
}

function fieldsOf(headers) {
  return Object.entries(headers).filter(([n]) => !n.startsWith(':')).flatMap(([n, v]) => [v].flat().map((one) => `${n}: ${one}`));
}

const message = (headers) => new Message([`HTTP/2 ${headers[':status']}`, ...fieldsOf(headers)].join('\r\n'));

function lowerCase(headers) {
  const out = {};
  for (const [n, v] of Object.entries(headers)) out[n.toLowerCase()] = v;
  return out;
}

/** A session to 127.0.0.1, for tests that send more than one request. */
export function session({ port, servername, ca, ms = 10000 }) {
  const connection = http2.connect(`https://${servername ?? '127.0.0.1'}`, {
    createConnection: () => tls.connect({ port, host: '127.0.0.1', servername, ca, ALPNProtocols: ['h2'] })
  });
  const ready = new Promise((resolve, reject) => {
    connection.once('connect', () => resolve(connection));
    connection.once('error', reject);
  });
  return within('an HTTP/2 connection', ready, ms);
}

/** One request on an open session: a Message, its status and fields as over HTTP/1. */
export function ask(connection, { authority, method = 'GET', path = '/', headers = {}, body = '', ms = 10000 }) {
  const { host, ...rest } = lowerCase(headers);
  const payload = Buffer.isBuffer(body) ? body : Buffer.from(body);
  if (payload.length > 0) rest['content-length'] ??= payload.length;
  const bare = payload.length === 0 && rest['content-length'] === undefined;
  const stream = connection.request(
    { ':method': method, ':scheme': 'https', ':authority': host ?? authority, ':path': path, ...rest }, { endStream: bare });
  const answer = new Promise((resolve, reject) => {
    const parts = [], interims = [];
    let m;
    stream.on('headers', (h) => interims.push(message(h)));
    stream.on('response', (h) => (m = message(h)));
    stream.on('data', (d) => parts.push(d));
    stream.on('end', () => {
      if (m) resolve(Object.assign(m, { interims, body: Buffer.concat(parts) }));
    });
    stream.on('error', reject);
    stream.on('close', () => reject(new Error(`stream closed with ${stream.rstCode}`)));
  });
  if (!bare) stream.end(payload);
  return within('a response over HTTP/2', answer, ms);
}

export async function request2({ port, servername, ca, ms, ...what }) {
  const connection = await session({ port, servername, ca, ms });
  connection.on('error', () => {});
  try {
    return await ask(connection, { ...what, ms });
  } finally {
    connection.destroy();
  }
}
