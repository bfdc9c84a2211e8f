// A service of somebody else's over HTTPS, by the test authority: keeps what it was asked, and fails as it is told to. What it says when all is
// well is its owner's: answer(request) → {status, headers, body}, a body that is no text or bytes being JSON.
import fs from 'node:fs';
import https from 'node:https';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { Authority, authority } from './certs.mjs';
import { sleep } from './wait.mjs';

const readPem = (file) => fs.readFileSync(file, 'utf8');

const MAX_BODY = 1 << 20;

function bodyOf(incoming) {
  return new Promise((resolve, reject) => {
    const parts = [];
    let size = 0;
    incoming.on('data', (d) => ((size += d.length) > MAX_BODY ? incoming.destroy() : parts.push(d)));
    incoming.on('end', () => resolve(Buffer.concat(parts).toString()));
    incoming.on('error', reject);
    incoming.on('close', () => reject(new Error('the client went')));
  });
}

async function read(incoming, base) {
  const url = new URL(incoming.url, base);
  return {
    at: Date.now(),
    method: incoming.method,
    host: incoming.headers.host ?? '',
    path: url.pathname,
    query: url.searchParams,
    target: incoming.url,
    headers: incoming.headers,
    body: await bodyOf(incoming)
  };
}

const isText = (body) => typeof body === 'string' || Buffer.isBuffer(body);

/** The bytes and fields that an answer becomes. */
function pack({ status = 200, headers = {}, body = '' }) {
  const text = isText(body);
  const bytes = Buffer.from(text ? body : JSON.stringify(body));
  const fields = { ...(text ? {} : { 'content-type': 'application/json; charset=utf-8' }), ...headers };
  return { status, bytes, fields };
}

function send(out, answer) {
  const { status, bytes, fields } = pack(answer);
  out.writeHead(status, status === 204 || status === 304 ? fields : { 'content-length': bytes.length, ...fields });
  out.end(bytes);
}

/** Every value of another type than it was; arrays and objects change places. */
export function wrongTypes(value) {
  if (Array.isArray(value)) return { list: value };
  if (value && typeof value === 'object')
    return Object.fromEntries(Object.entries(value).map(([k, v]) => [k, typeof v === 'object' && v !== null ? wrongTypes(v) : otherType(v)]));
  return otherType(value);
}
const otherType = (v) => (typeof v === 'string' ? { text: v } : typeof v === 'number' ? `${v}` : typeof v === 'boolean' ? 'true' : 7);

const json = { 'content-type': 'application/json; charset=utf-8' };

function* hugeObject(bytes) {
  const piece = Buffer.alloc(1 << 16, 'x');
  yield Buffer.from('{"login":"alice","id":1,"padding":"');
  for (let sent = 0; sent < bytes; sent += piece.length) yield piece;
  yield Buffer.from('"}');
}

/** What can go wrong, by name: (out, answer, fault, service) → nothing. `answer` is what would have been said. */
const FAULTS = {
  status: (out, _, f) => send(out, { status: f.status, headers: f.headers, body: f.body ?? { message: 'Server Error' } }),
  // The connection stays open, and that is all.
  silence: () => {},
  // The socket below TLS alone can say RST.
  reset: (out, _, f, service) => service.sockets.get(out.socket.remotePort).resetAndDestroy(),
  close: (out) => out.socket.destroy(),
  slow: async (out, answer, f) => {
    await sleep(f.ms, undefined, { ref: false });
    send(out, answer);
  },
  trickle: async (out, answer, f) => {
    const { status, bytes, fields } = pack(answer);
    out.writeHead(status, { ...fields, 'content-length': bytes.length });
    for (let i = 0; i < bytes.length && !out.destroyed; i++) {
      out.write(bytes.subarray(i, i + 1));
      await sleep(f.ms ?? 200, undefined, { ref: false });
    }
    out.end();
  },
  // Good JSON, and ever more of it, for as long as somebody reads.
  huge: async (out, _, f) => {
    out.writeHead(200, json);
    await pipeline(Readable.from(hugeObject(f.bytes ?? 64 << 20)), out).catch(() => {});
  },
  hugeHeader: (out, answer) => send(out, { ...answer, headers: { ...answer.headers, 'x-padding': 'x'.repeat(1 << 20) } }),
  deep: (out) => send(out, { headers: json, body: `${'{"a":['.repeat(50000)}1${']}'.repeat(50000)}` }),
  broken: (out, answer) => send(out, { status: answer.status, headers: { ...json, ...answer.headers }, body: pack(answer).bytes.subarray(0, pack(answer).bytes.length / 2) }),
  truncated: (out, answer) => {
    const { status, bytes, fields } = pack(answer);
    out.writeHead(status, { ...fields, 'content-length': bytes.length + 10 });
    out.write(bytes, () => out.socket.end());
  },
  types: (out, answer) => send(out, { ...answer, body: wrongTypes(isText(answer.body) ? {} : answer.body) }),
  html: (out) => send(out, { headers: { 'content-type': 'text/html' }, body: '<!doctype html><title>Unicorn!</title>' }),
  empty: (out, answer) => send(out, { status: answer.status ?? 200, headers: json, body: '' }),
  redirect: (out, _, f) => send(out, { status: f.status ?? 302, headers: { location: f.to } }),
  noHttp: (out) => out.socket.end('this is no HTTP\r\n\r\n'),
  // Whatever the test makes of it.
  change: async (out, answer, f) => send(out, await f.make(structuredClone(answer)))
};

const fits = (where, path) => (where instanceof RegExp ? where.test(path) : where === path);

export class Service {
  constructor(names, answer) {
    this.names = names;
    this.answer = answer;
    this.requests = [];
    this.faults = [];
    this.certificates = { good: authority().issue(names) };
  }

  async listen() {
    this.server = https.createServer(this.files('good'), (incoming, out) => this.take(incoming, out));
    this.sockets = new Map();
    this.server.on('connection', (socket) => {
      const { remotePort } = socket;
      this.sockets.set(remotePort, socket);
      socket.once('close', () => this.sockets.delete(remotePort));
    });
    this.server.on('tlsClientError', () => {});
    this.server.on('clientError', (_, socket) => socket.destroy());
    await new Promise((resolve, reject) => {
      this.server.once('error', reject);
      this.server.listen(0, '127.0.0.1', resolve);
    });
    this.port = this.server.address().port;
    this.host = `${this.names[0]}:${this.port}`;
    this.url = `https://${this.host}`;
    return this;
  }

  async take(incoming, out) {
    out.on('error', () => {});
    try {
      const request = await read(incoming, this.url);
      this.requests.push(request);
      const fault = this.faultFor(request);
      const answer = { status: 200, headers: {}, body: '', ...(await this.answer(request)) };
      Object.assign(request, { answer, fault: fault?.kind });
      await (fault ? FAULTS[fault.kind](out, answer, fault, this) : send(out, answer));
    } catch (e) {
      // A fake that breaks must not look like a service that says no.
      this.broken ??= e;
      out.destroy();
    }
  }

  faultFor(request) {
    const fault = this.faults.find((f) => f.times > 0 && fits(f.where, request.path) && (!f.when || f.when(request)));
    if (fault) fault.times--;
    return fault;
  }

  /** From now on what is asked at `where` (a path or an expression) fails like this, so many `times`; the function returned ends it. */
  fault(where, kind, more = {}) {
    if (!FAULTS[kind]) throw new Error(`no such fault: ${kind}`);
    const fault = { where, kind, times: Infinity, ...more };
    this.faults.unshift(fault);
    return () => (this.faults = this.faults.filter((f) => f !== fault));
  }

  /** New connections get another certificate: 'good', 'expired', 'name' (of another host), 'stranger' (of an authority that nobody knows). */
  certificate(kind) {
    this.server.setSecureContext(this.files(kind));
    this.server.closeAllConnections();
  }

  files(kind) {
    const make = {
      expired: () => authority().issue(this.names, { expired: true }),
      name: () => authority().issue(['elsewhere.test']),
      stranger: () => (this.stranger = new Authority('a stranger')).issue(this.names)
    };
    const pair = (this.certificates[kind] ??= make[kind]());
    return { key: pair.keyPem ??= readPem(pair.key), cert: pair.certPem ??= readPem(pair.cert) };
  }

  /** What was asked at a path, in order. */
  asked(where) {
    return this.requests.filter((r) => fits(where, r.path));
  }

  async close() {
    this.server.closeAllConnections();
    await new Promise((r) => this.server.close(r));
    this.stranger?.remove();
    if (this.broken) throw this.broken;
  }
}
