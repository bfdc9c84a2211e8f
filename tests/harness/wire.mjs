// Bytes on a socket, without a client's good manners: what is sent is what the test says, what is read is what came.
import net from 'node:net';
import tls from 'node:tls';
import { within } from './wait.mjs';

const CRLF2 = Buffer.from('\r\n\r\n');

export class Message {
  constructor(text) {
    const [first, ...lines] = text.split('\r\n');
    this.first = first;
    this.raw = text;
    this.fields = lines.map((l) => [l.slice(0, l.indexOf(':')), l.slice(l.indexOf(':') + 1).trim()]);
    this.body = Buffer.alloc(0);
    this.trailers = [];
  }
  all(name) {
    return this.fields.filter(([n]) => n.toLowerCase() === name.toLowerCase()).map(([, v]) => v);
  }
  get(name) {
    const v = this.all(name);
    return v.length ? v.join(', ') : undefined;
  }
  has(name) {
    return this.all(name).length > 0;
  }
  get status() {
    return Number(this.first.split(' ')[1]);
  }
  get text() {
    return this.body.toString('utf8');
  }
  get json() {
    return JSON.parse(this.text);
  }
}

export class Wire {
  constructor(socket) {
    this.socket = socket;
    this.buffer = Buffer.alloc(0);
    this.seen = []; // everything that ever came
    this.ended = false; // the peer said it sends no more
    this.failed = undefined; // or broke off
    this.waiting = [];
    socket.on('data', (d) => {
      this.seen.push(d);
      this.buffer = this.buffer.length ? Buffer.concat([this.buffer, d]) : d;
      this.wake();
    });
    socket.on('end', () => this.over());
    socket.on('close', () => this.over());
    socket.on('error', (e) => {
      this.failed ??= e;
      this.over();
    });
  }
  over() {
    this.ended = true;
    this.wake();
  }
  wake() {
    for (const w of this.waiting.splice(0)) w();
  }
  get bytes() {
    return Buffer.concat(this.seen);
  }

  send(data) {
    return new Promise((resolve) => this.socket.write(data, resolve));
  }
  /** Half-close: no more of ours, still reading. */
  finish() {
    this.socket.end();
  }
  close() {
    this.socket.destroy();
  }
  pause() {
    this.socket.pause();
  }
  resume() {
    this.socket.resume();
  }

  async has(enough, what, ms) {
    while (!enough()) {
      if (this.ended) throw new Error(`connection ended before ${what}${this.failed ? ` (${this.failed.message})` : ''}`);
      await within(what, new Promise((r) => this.waiting.push(r)), ms);
    }
  }
  async take(n, ms) {
    await this.has(() => this.buffer.length >= n, `${n} bytes`, ms);
    const out = this.buffer.subarray(0, n);
    this.buffer = this.buffer.subarray(n);
    return out;
  }
  async line(ms) {
    await this.has(() => this.buffer.indexOf('\r\n') >= 0, 'a line', ms);
    const text = (await this.take(this.buffer.indexOf('\r\n') + 2)).toString('latin1');
    return text.slice(0, -2);
  }
  async head(ms) {
    await this.has(() => this.buffer.indexOf(CRLF2) >= 0, 'a head', ms);
    const text = (await this.take(this.buffer.indexOf(CRLF2) + 4)).toString('latin1');
    return new Message(text.slice(0, -4));
  }
  async chunked(message, ms) {
    const parts = [];
    for (;;) {
      const size = parseInt(await this.line(ms), 16);
      if (!Number.isFinite(size)) throw new Error('bad chunk size');
      if (size === 0) break;
      parts.push(await this.take(size, ms));
      if ((await this.line(ms)) !== '') throw new Error('no CRLF behind a chunk');
    }
    for (let l = await this.line(ms); l !== ''; l = await this.line(ms)) message.trailers.push(l);
    message.body = Buffer.concat(parts);
  }
  /** All that comes until the peer ends; `failed` is set when it broke off instead. */
  async rest(ms = 10000) {
    while (!this.ended) await within('the end of the connection', new Promise((r) => this.waiting.push(r)), ms);
    const out = this.buffer;
    this.buffer = Buffer.alloc(0);
    return out;
  }

  /** One final response; interim ones are in .interims. `to`: the request's method. */
  async response({ to = 'GET', ms = 10000 } = {}) {
    const interims = [];
    let m = await this.head(ms);
    while (m.status < 200 && m.status !== 101) {
      interims.push(m);
      m = await this.head(ms);
    }
    m.interims = interims;
    if (to === 'HEAD' || m.status === 101 || m.status === 204 || m.status === 304) return m;
    if (/chunked/i.test(m.get('transfer-encoding') ?? '')) await this.chunked(m, ms);
    else if (m.has('content-length')) m.body = await this.take(Number(m.get('content-length')), ms);
    else m.body = await this.rest(ms);
    return m;
  }

  /** The origin's side: one request with its body. */
  async request({ ms = 10000, body = true } = {}) {
    const m = await this.head(ms);
    [m.method, m.target] = m.first.split(' ');
    if (!body) return m;
    if (/chunked/i.test(m.get('transfer-encoding') ?? '')) await this.chunked(m, ms);
    else if (m.has('content-length')) m.body = await this.take(Number(m.get('content-length')), ms);
    return m;
  }
}

/** A TLS connection (or a plain one) to 127.0.0.1; half-closes stay half-closed. */
export function connect({ port, host = '127.0.0.1', servername, ca, plain = false, ms = 10000, ...more }) {
  const socket = plain
    ? net.connect({ port, host, allowHalfOpen: true, ...more })
    : tls.connect({ port, host, servername, ca, ALPNProtocols: ['http/1.1'], allowHalfOpen: true, ...more });
  const ready = new Promise((resolve, reject) => {
    socket.once(plain ? 'connect' : 'secureConnect', () => resolve(new Wire(socket)));
    socket.once('error', reject);
    socket.once('close', () => reject(new Error('closed before it was connected')));
  });
  return within('a connection', ready, ms).catch((e) => {
    socket.destroy();
    throw e;
  });
}

export const basic = (user, password) => `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}`;

/** The bytes of a request. headers: an object, a value may be a list; Host comes first unless the test names its own. */
export function requestBytes({ method = 'GET', path = '/', host, headers = {}, body = '', version = 'HTTP/1.1' }) {
  const payload = Buffer.isBuffer(body) ? body : Buffer.from(body);
  const lines = [`${method} ${path} ${version}`];
  const names = Object.keys(headers).map((n) => n.toLowerCase());
  if (host !== undefined && !names.includes('host')) lines.push(`Host: ${host}`);
  for (const [n, v] of Object.entries(headers)) for (const one of [v].flat()) lines.push(`${n}: ${one}`);
  const framed = names.includes('content-length') || names.includes('transfer-encoding');
  if (payload.length > 0 && !framed) lines.push(`Content-Length: ${payload.length}`);
  return Buffer.concat([Buffer.from(`${lines.join('\r\n')}\r\n\r\n`, 'latin1'), payload]);
}
