// Origins that speak HTTP/2: Node's server, with or without TLS, and one that is written frame by frame.
import { createHash } from 'node:crypto';
import fs from 'node:fs';
import http2 from 'node:http2';
import net from 'node:net';
import tls from 'node:tls';
import { FLAG, Frames, MAGIC, SETTING, TYPE, block, data, frame, settings } from './frames.mjs';

const listen = (server, port = 0) => new Promise((resolve, reject) => {
  server.once('error', reject);
  server.listen(port, '127.0.0.1', () => resolve(server.address().port));
});

/** Reads all of a request and tells what it was, as JSON. */
export function echo(stream, headers) {
  const hash = createHash('sha256');
  let length = 0, trailers;
  stream.on('trailers', (t) => (trailers = { ...t }));
  stream.on('data', (d) => {
    length += d.length;
    hash.update(d);
  });
  stream.on('end', () => {
    if (stream.destroyed) return;
    stream.respond({ ':status': 200, 'content-type': 'application/json' });
    stream.end(JSON.stringify({ headers: { ...headers }, trailers, length, sha256: hash.digest('hex') }));
  });
}

/**
 * Node's server. handlers[path](stream, headers, session) answers, '*' the others. `pair`: TLS. `http1(req, res)`: HTTP/1.1 by ALPN too.
 * .sessions counts connections ever made, .open holds those that are.
 */
export async function h2Origin(handlers = {}, { pair, port, http1, options = {} } = {}) {
  const server = pair
    ? http2.createSecureServer({ cert: fs.readFileSync(pair.cert), key: fs.readFileSync(pair.key), allowHTTP1: http1 !== undefined, ...options })
    : http2.createServer(options);
  const origin = { sessions: 0, open: new Set(), requests: [], http1: [], server };
  server.on('session', (s) => {
    origin.sessions++;
    origin.open.add(s);
    s.on('close', () => origin.open.delete(s));
    s.on('error', () => {});
  });
  const sockets = new Set();
  for (const e of ['connection', 'secureConnection'])
    server.on(e, (s) => {
      sockets.add(s);
      s.on('close', () => sockets.delete(s));
      s.on('error', () => {});
    });
  server.on('sessionError', () => {});
  server.on('stream', (stream, headers) => {
    origin.requests.push(headers);
    stream.on('error', () => {});
    const handler = handlers[headers[':path'].split('?')[0]] ?? handlers['*'] ?? echo;
    handler(stream, headers, stream.session);
  });
  if (http1)
    server.on('request', (req, res) => {
      if (req.httpVersionMajor !== 1) return;
      origin.http1.push(req.url);
      http1(req, res);
    });
  origin.port = await listen(server, port);
  origin.url = `${pair ? 'https' : 'http'}://localhost:${origin.port}`;
  origin.close = () => {
    for (const s of origin.open) s.destroy();
    for (const s of sockets) s.destroy();
    return new Promise((r) => server.close(r));
  };
  return origin;
}

/** The server's end of a connection, frame by frame. */
export class OriginFrames extends Frames {
  constructor(socket) {
    super(socket, '');
    this.left = MAGIC.length;
  }
  take(d) {
    const n = Math.min(this.left, d.length);
    this.left -= n;
    super.take(d.subarray(n));
  }
  hello(values = {}) {
    this.send(settings(values), frame(TYPE.SETTINGS, FLAG.ACK, 0));
  }
  /** The next request's stream that was not returned before. */
  async request(ms = 20000) {
    this.seen ??= new Set();
    const next = () => this.of(TYPE.HEADERS).find((f) => !this.seen.has(f.id));
    await this.until('a request on the origin’s connection', () => next() || this.ended, ms);
    const f = next();
    if (!f) return undefined;
    this.seen.add(f.id);
    return f.id;
  }
  /** How much payload the peer has allowed on that stream, from its beginning on. */
  window(id) {
    const values = this.of(TYPE.SETTINGS).find((f) => !(f.flags & FLAG.ACK)).payload;
    let n = 65535;
    for (let at = 0; at < values.length; at += 6)
      if (values.readUInt16BE(at) === SETTING.INITIAL_WINDOW_SIZE) n = values.readUInt32BE(at + 2);
    return this.of(TYPE.WINDOW_UPDATE, id).reduce((sum, f) => sum + f.payload.readUInt32BE(0), n);
  }
  respond(id, fields = [], { status = '200', body, end = true } = {}) {
    const head = frame(TYPE.HEADERS, FLAG.END_HEADERS | (end && body === undefined ? FLAG.END_STREAM : 0), id, block([[':status', status], ...fields]));
    this.send(head, ...(body === undefined ? [] : [data(id, body, end)]));
  }
}

/** script(frames, n) runs for each connection. */
export async function rawH2Origin(script, { pair, port } = {}) {
  const errors = [], connections = [], sockets = new Set();
  const onSocket = (socket) => {
    socket.on('error', () => {});
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
    const f = new OriginFrames(socket);
    connections.push(f);
    Promise.resolve(script(f, connections.length - 1)).catch((e) => errors.push(e));
  };
  const server = pair
    ? tls.createServer({ cert: fs.readFileSync(pair.cert), key: fs.readFileSync(pair.key), ALPNProtocols: ['h2'] }, onSocket)
    : net.createServer({ noDelay: true }, onSocket);
  const at = await listen(server, port);
  return {
    port: at,
    url: `${pair ? 'https' : 'http'}://localhost:${at}`,
    errors,
    connections,
    close() {
      for (const s of sockets) s.destroy();
      return new Promise((r) => server.close(r));
    }
  };
}
