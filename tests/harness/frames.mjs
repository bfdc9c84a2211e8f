// HTTP/2 frame by frame, without a client's good manners.
import tls from 'node:tls';
import { authority } from './certs.mjs';
import { until, within } from './wait.mjs';

export const TYPE = { DATA: 0, HEADERS: 1, PRIORITY: 2, RST_STREAM: 3, SETTINGS: 4, PUSH_PROMISE: 5, PING: 6, GOAWAY: 7, WINDOW_UPDATE: 8, CONTINUATION: 9, PRIORITY_UPDATE: 16 };
export const FLAG = { END_STREAM: 1, ACK: 1, END_HEADERS: 4, PADDED: 8, PRIORITY: 32 };
export const ERROR = {
  NO_ERROR: 0, PROTOCOL_ERROR: 1, INTERNAL_ERROR: 2, FLOW_CONTROL_ERROR: 3, SETTINGS_TIMEOUT: 4, STREAM_CLOSED: 5, FRAME_SIZE_ERROR: 6,
  REFUSED_STREAM: 7, CANCEL: 8, COMPRESSION_ERROR: 9, CONNECT_ERROR: 10, ENHANCE_YOUR_CALM: 11
};
export const MAGIC = Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n');
export const SETTING = { HEADER_TABLE_SIZE: 1, ENABLE_PUSH: 2, MAX_CONCURRENT_STREAMS: 3, INITIAL_WINDOW_SIZE: 4, MAX_FRAME_SIZE: 5, MAX_HEADER_LIST_SIZE: 6, ENABLE_CONNECT_PROTOCOL: 8 };

const u32 = (n) => {
  const b = Buffer.alloc(4);
  b.writeUInt32BE(n >>> 0);
  return b;
};

export function frame(type, flags, id, payload = Buffer.alloc(0)) {
  const head = Buffer.alloc(9), body = Buffer.from(payload);
  head.writeUIntBE(body.length, 0, 3);
  head[3] = type;
  head[4] = flags;
  head.writeUInt32BE(id >>> 0, 5);
  return Buffer.concat([head, body]);
}

/** RFC 7541 §5.1, without Huffman. */
export function hpackInt(n, prefix, first) {
  const most = (1 << prefix) - 1;
  if (n < most) return Buffer.from([first | n]);
  const bytes = [first | most];
  for (n -= most; n >= 128; n = Math.floor(n / 128)) bytes.push((n % 128) | 128);
  bytes.push(n);
  return Buffer.from(bytes);
}
const text = (s) => {
  const b = Buffer.isBuffer(s) ? s : Buffer.from(s, 'latin1');
  return Buffer.concat([hpackInt(b.length, 7, 0), b]);
};
/** A literal; `indexed` puts it into the table. */
export const field = (name, value, { indexed = false } = {}) => Buffer.concat([Buffer.from([indexed ? 0x40 : 0]), text(name), text(value)]);
export const indexedField = (n) => hpackInt(n, 7, 0x80);
export const block = (fields) => Buffer.concat(fields.map(([n, v]) => field(n, v)));

export const settings = (values = {}) =>
  frame(TYPE.SETTINGS, 0, 0, Buffer.concat(Object.entries(values).map(([k, v]) => Buffer.concat([Buffer.from([0, SETTING[k] ?? Number(k)]), u32(v)]))));
export const rst = (id, code = ERROR.CANCEL) => frame(TYPE.RST_STREAM, 0, id, u32(code));
export const windowUpdate = (id, n) => frame(TYPE.WINDOW_UPDATE, 0, id, u32(n));
export const ping = (ack = false) => frame(TYPE.PING, ack ? FLAG.ACK : 0, 0, Buffer.alloc(8));
export const data = (id, payload, end = false) => frame(TYPE.DATA, end ? FLAG.END_STREAM : 0, id, payload);

/** RFC 7541, appendix B: the digits. */
const HUFFMAN_DIGITS = new Map(['00000', '00001', '00010', '011001', '011010', '011011', '011100', '011101', '011110', '011111'].map((code, i) => [code, i]));
function huffmanDigits(bytes) {
  const bits = [...bytes].map((b) => b.toString(2).padStart(8, '0')).join('');
  let out = '', code = '';
  for (const bit of bits) {
    code += bit;
    if (!HUFFMAN_DIGITS.has(code)) continue;
    out += HUFFMAN_DIGITS.get(code);
    code = '';
  }
  return Number(out);
}
/** The status that a response's block begins with; for connections that keep no table (HEADER_TABLE_SIZE 0). */
export function statusOf(block_) {
  const at = (block_[0] & 0xe0) === 0x20 ? 1 : 0; // the table's new size
  if (block_[at] & 0x80) return [200, 204, 206, 304, 400, 404, 500][(block_[at] & 0x7f) - 8];
  const value = block_.subarray(at + 2, at + 2 + (block_[at + 1] & 0x7f));
  return block_[at + 1] & 0x80 ? huffmanDigits(value) : Number(value.toString());
}
/** What `status()` of a connection needs. */
export const NO_TABLE = { HEADER_TABLE_SIZE: 0 };

/** One connection; `frames` holds what came. */
export class Frames {
  static async open(gate, { host = gate.names[0], hello = true, ack = true, initial = {} } = {}) {
    const socket = tls.connect({ port: gate.port, host: '127.0.0.1', servername: host, ca: authority().pem, ALPNProtocols: ['h2'] });
    await within('an HTTP/2 connection', new Promise((resolve, reject) => {
      socket.once('secureConnect', resolve);
      socket.once('error', reject);
    }));
    const f = new Frames(socket, gate.authority(host));
    if (hello) f.send(MAGIC, settings(initial));
    if (hello && ack) f.send(frame(TYPE.SETTINGS, FLAG.ACK, 0));
    return f;
  }
  constructor(socket, authorityName) {
    this.socket = socket;
    this.authority = authorityName;
    this.buffer = Buffer.alloc(0);
    this.frames = [];
    this.ended = false;
    this.received = 0;
    socket.on('data', (d) => this.take(d));
    for (const e of ['end', 'close', 'error']) socket.on(e, () => (this.ended = true));
  }
  take(d) {
    this.received += d.length;
    this.buffer = Buffer.concat([this.buffer, d]);
    while (this.buffer.length >= 9) {
      const n = this.buffer.readUIntBE(0, 3);
      if (this.buffer.length < 9 + n) break;
      const payload = this.buffer.subarray(9, 9 + n);
      this.frames.push({ type: this.buffer[3], flags: this.buffer[4], id: this.buffer.readUInt32BE(5) & 0x7fffffff, payload: Buffer.from(payload) });
      this.buffer = this.buffer.subarray(9 + n);
    }
  }
  send(...parts) {
    if (!this.socket.destroyed) this.socket.write(Buffer.concat(parts));
  }
  head(id, { method = 'GET', path = '/', more = [], end = true, pseudo, flags = FLAG.END_HEADERS } = {}) {
    const first = pseudo ?? [[':method', method], [':scheme', 'https'], [':authority', this.authority], [':path', path]];
    return frame(TYPE.HEADERS, flags | (end ? FLAG.END_STREAM : 0), id, block([...first, ...more]));
  }
  request(id, what) {
    this.send(this.head(id, what));
  }
  of(type, id) {
    return this.frames.filter((f) => f.type === type && (id === undefined || f.id === id));
  }
  get goaway() {
    const g = this.of(TYPE.GOAWAY).at(-1);
    return g && { last: g.payload.readUInt32BE(0), code: g.payload.readUInt32BE(4) };
  }
  reset(id) {
    const r = this.of(TYPE.RST_STREAM, id)[0];
    return r && r.payload.readUInt32BE(0);
  }
  /** Of the final answer; the connection keeps no table. */
  status(id) {
    const all = this.of(TYPE.HEADERS, id).map((f) => statusOf(f.payload));
    return all.find((s) => s >= 200);
  }
  /** Does a response, whatever it says, stand complete? */
  answered(id) {
    return this.frames.some((f) => (f.type === TYPE.HEADERS || f.type === TYPE.DATA) && f.id === id && f.flags & FLAG.END_STREAM);
  }
  until(what, fits, ms = 10000) {
    return until(what, () => fits(this), ms, 5);
  }
  /** Alive: a PING comes back. */
  async lives() {
    const before = this.of(TYPE.PING).length;
    this.send(ping());
    await this.until('a PING to come back', () => this.of(TYPE.PING).length > before || this.ended);
    return !this.ended && this.of(TYPE.PING).length > before;
  }
  /** The connection error that it came to: its code. */
  async dies(ms = 10000) {
    await this.until('the connection to end', () => this.ended, ms);
    return this.goaway?.code;
  }
  close() {
    this.socket.destroy();
  }
}
