// Two kinds of process of the test beside it, each told by messages what to do: one attacks over HTTP/2 without a pause, one asks and measures.
import http2 from 'node:http2';
import process from 'node:process';
import tls from 'node:tls';
import { block, data, ERROR, field, FLAG, frame, indexedField, MAGIC, ping, rst, settings, TYPE, windowUpdate } from '../harness/frames.mjs';

const many = (n, each) => Array.from({ length: n }, (_, i) => each(2 * i + 1, i)).flat();
const u32 = (n) => Buffer.from([n >>> 24, (n >>> 16) & 255, (n >>> 8) & 255, n & 255]);
const ALL = FLAG.END_STREAM | FLAG.END_HEADERS;

/** Frames of one attacked host. */
class Writer {
  constructor(authority) {
    this.authority = authority;
  }
  fields({ method = 'GET', path = '/', more = [] } = {}) {
    return block([[':method', method], [':scheme', 'https'], [':authority', this.authority], [':path', path], ...more]);
  }
  get(id, what) {
    return frame(TYPE.HEADERS, ALL, id, this.fields(what));
  }
  post(id, what) {
    return frame(TYPE.HEADERS, FLAG.END_HEADERS, id, this.fields({ method: 'POST', path: '/never', ...what }));
  }
  raw(id, fields) {
    return frame(TYPE.HEADERS, ALL, id, block(fields));
  }
  /** An entry of the compressor's table that is said once and meant 15,000 times, in each of ten requests. */
  bomb(entry) {
    const rest = frame(TYPE.CONTINUATION, FLAG.END_HEADERS, 0, Buffer.concat(Array(15000).fill(indexedField(62))));
    return many(10, (id, i) => {
      const more = Buffer.from(rest);
      more.writeUInt32BE(id, 5);
      return [frame(TYPE.HEADERS, FLAG.END_STREAM, id, Buffer.concat([this.fields(), ...(i ? [] : [entry])])), more];
    });
  }
  /** Heads that are malformed, each in another way, as often as it takes. */
  malformed(ways) {
    const base = [[':method', 'GET'], [':scheme', 'https'], [':authority', this.authority], [':path', '/']];
    return many(700, (id, i) => this.raw(id, ways[i % ways.length](base)));
  }
}

const SHUT = { settings: { INITIAL_WINDOW_SIZE: 0 } };
/** Bytes of a hundred bodies. */
const DRIPPING = {
  sends: (w) => many(100, (id) => w.post(id, { more: [['content-length', '9999']] })), drip: () => many(100, (id) => data(id, 'x')), connections: 4
};
const WIDE = { settings: { INITIAL_WINDOW_SIZE: 0x7fffffff } };
const shut = (path) => ({ ...SHUT, sends: (w) => many(100, (id) => w.get(id, { path })), connections: 4 });
const deaf = (path) => ({
  ...WIDE, sends: (w) => [windowUpdate(0, 0x7fff0000), ...many(100, (id) => w.get(id, { path }))], drip: () => ping(), every: 20, deaf: true, connections: 4
});

/** What each connection sends at once; more than it takes to be ended, where it is ended. `drip`: sent again and again while it lives,
 *  all of it or one frame after the other, `every`: milliseconds between them, `from`: before the first, so that there is something to
 *  let through. `leavesAt`: the frame with which it ends its connection. `beyond`: milliseconds that it may take of others beyond the
 *  double. */
const attacks = {
  'no attack: connections alone': { sends: () => [], leavesAt: TYPE.SETTINGS },
  'no attack: one question each': { sends: (w) => [w.get(1)], leavesAt: TYPE.DATA },
  'rapid reset': { sends: (w) => many(400, (id) => [w.get(id, { path: '/never' }), rst(id)]) },
  'made to reset: window overflow': { sends: (w) => many(400, (id) => [w.get(id, { path: '/never' }), windowUpdate(id, 0x7fffffff)]) },
  'made to reset: more than its length': { sends: (w) => many(400, (id) => [w.post(id, { more: [['content-length', '1']] }), data(id, 'xx')]) },
  'made to reset: less than its length': { sends: (w) => many(400, (id) => [w.post(id, { more: [['content-length', '9']] }), data(id, 'xx', true)]) },
  'made to reset: malformed head': { sends: (w) => many(400, (id) => w.get(id, { more: [['Upper', 'x']] })) },
  'made to reset: bad trailers': { sends: (w) => many(400, (id) => [w.post(id), frame(TYPE.HEADERS, ALL, id, field('content_length', '1'))]) },
  'made to reset: window update of 0': { sends: (w) => [w.post(1), windowUpdate(1, 0)] },
  'made to reset: DATA when half-closed': { sends: (w) => [w.get(1, { path: '/never' }), data(1, 'x')] },
  'made to reset: PRIORITY of 4 bytes': { sends: (w) => [w.get(1, { path: '/never' }), frame(TYPE.PRIORITY, 0, 1, Buffer.alloc(4))] },
  'CONTINUATION without end': { sends: (w) => [frame(TYPE.HEADERS, FLAG.END_STREAM, 1, w.fields()), ...many(200, () => frame(TYPE.CONTINUATION, 0, 1, field('x', 'y')))] },
  'HPACK bomb: a large value': { sends: (w) => w.bomb(field('x', 'y'.repeat(3900), { indexed: true })) },
  'HPACK bomb: tiny fields': { sends: (w) => w.bomb(field('a', 'b', { indexed: true })) },
  'HPACK bomb: cookie crumbs': { sends: (w) => w.bomb(field('cookie', 'a=b', { indexed: true })) },
  'HPACK bomb: hosts': { sends: (w) => w.bomb(field('host', 'open.example.test', { indexed: true })) },
  'flood of SETTINGS': { sends: () => many(200, () => settings({ INITIAL_WINDOW_SIZE: 65535 })) },
  'flood of PING': { sends: () => many(400, () => ping()) },
  'flood of PRIORITY': { sends: () => many(400, () => frame(TYPE.PRIORITY, 0, 1, Buffer.alloc(5, 1))) },
  'flood of PRIORITY_UPDATE': { sends: () => many(400, () => frame(TYPE.PRIORITY_UPDATE, 0, 0, Buffer.concat([u32(1), Buffer.from('u=1')]))) },
  'flood of empty DATA': { sends: (w) => [w.post(1), ...many(400, () => data(1, ''))] },
  'flood of WINDOW_UPDATE': { sends: () => many(400, () => windowUpdate(0, 1)) },
  'windows that stay shut': shut('/large'),
  'windows that stay shut: chunked': shut('/chunked'),
  'windows that drip': { ...SHUT, sends: (w) => many(100, (id) => w.get(id, { path: '/large' })), drip: () => many(100, (id) => windowUpdate(id, 1)), every: 20, from: 500, connections: 4 },
  'one that never reads': deaf('/large'),
  'one that never reads: chunked': deaf('/chunked'),
  'bodies that drip': { ...DRIPPING, inTurns: true, every: 3 },
  'bodies that drip in bursts': { ...DRIPPING, every: 50, beyond: 4 },
  'identifiers run out': { sends: (w) => [w.get(0x7fffffff), w.get(1)] },
  'malformed pseudo fields': {
    sends: (w) => w.malformed([
      (b) => b.slice(1), (b) => [...b, b[0]], (b) => [...b, [':what', 'x']], (b) => [...b, [':status', '200']], (b) => [['x', 'y'], ...b], (b) => b.with(3, [':path', '']),
      (b) => b.with(1, [':scheme', 'ftp']), (b) => b.with(0, [':method', 'GET /'])
    ])
  },
  'smuggling to HTTP/1.1': {
    sends: (w) => w.malformed([
      ['transfer-encoding', 'chunked'], ['connection', 'close'], ['upgrade', 'h2c'], ['te', 'gzip'], ['x', 'a\r\nHost: b'], ['x\r\ny', 'a'], ['', 'x'], ['content-length', '0,'],
      ['content-length', ''], ['content-length', '5'], ['a:b', 'c'], ['transfer_encoding', 'chunked'], ['host', 'b'], ['x', ' a']
    ].map((bad) => (b) => [...b, bad]))
  }
};

/** Of each by its name: nothing, but for four hundred frames at a moment that are a write to an origin each. */
export const BEYOND = Object.fromEntries(Object.entries(attacks).map(([name, { beyond = 0 }]) => [name, beyond]));

/** How many connections those have that are not ended. */
export const STAY = Object.fromEntries(Object.entries(attacks).filter(([, a]) => a.connections).map(([name, a]) => [name, a.connections]));

function endAt(socket, type) {
  let rest = Buffer.alloc(0);
  socket.on('data', (d) => {
    rest = Buffer.concat([rest, d]);
    for (let n; rest.length >= 9 && rest.length >= (n = 9 + rest.readUIntBE(0, 3)); rest = rest.subarray(n))
      if (rest[3] === type) socket.end();
  });
}

/** One attack, until it is told to stop: as many connections at a time as it may have, a new one for each that ends. */
class Attack {
  constructor({ name, port, host, connections }) {
    const what = attacks[name], w = new Writer(`${host}:${port}`);
    Object.assign(this, { what, port, host, running: true, made: 0, open: new Set() });
    this.first = Buffer.concat([MAGIC, settings(what.settings), frame(TYPE.SETTINGS, FLAG.ACK, 0), ...what.sends(w)]);
    const drip = [what.drip?.(w) ?? []].flat();
    this.drops = what.inTurns ? drip : [Buffer.concat(drip)];
    for (let i = 0; i < Math.min(connections, what.connections ?? Infinity); i++) this.dial();
  }
  dial() {
    if (!this.running) return;
    const socket = tls.connect({ port: this.port, host: '127.0.0.1', servername: this.host, rejectUnauthorized: false, ALPNProtocols: ['h2'] });
    let timer, turn = 0;
    this.open.add(socket);
    socket.on('error', () => {});
    socket.once('secureConnect', () => {
      this.made++;
      socket.write(this.first);
      if (this.what.deaf) socket.pause();
      else socket.resume();
      if (this.what.leavesAt !== undefined) endAt(socket, this.what.leavesAt);
      const drip = () => (timer = setInterval(() => socket.write(this.drops[turn++ % this.drops.length]), this.what.every));
      if (this.what.every) timer = setTimeout(drip, this.what.from ?? 0);
    });
    socket.on('end', () => socket.destroy());
    socket.once('close', () => {
      clearTimeout(timer);
      this.open.delete(socket);
      setImmediate(() => this.dial());
    });
  }
  stop() {
    this.running = false;
    for (const s of this.open) s.destroy();
  }
}

/** Asks one after the other, on a connection that it keeps and on fresh ones. */
class Client {
  constructor({ port, host, ca }) {
    Object.assign(this, { port, host, ca });
  }
  connect() {
    const socket = tls.connect({ port: this.port, host: '127.0.0.1', localAddress: '127.0.0.2', servername: this.host, ca: this.ca, ALPNProtocols: ['h2'] });
    socket.setNoDelay(true);
    const connection = http2.connect(`https://${this.host}`, { createConnection: () => socket });
    connection.on('error', () => {});
    return connection;
  }
  ask(connection) {
    return new Promise((resolve, reject) => {
      const stream = connection.request({ ':authority': `${this.host}:${this.port}`, ':path': '/' });
      let status;
      stream.on('response', (h) => (status = h[':status']));
      stream.on('end', () => (status === 200 ? resolve() : reject(new Error(`answered ${status}`))));
      stream.on('error', reject);
      stream.on('close', () => reject(new Error(`closed with ${stream.rstCode}`)));
      stream.setTimeout(20000, () => reject(new Error('no answer for 20 s')));
      stream.resume();
    });
  }
  /** Milliseconds of each: `kept` on one connection, `fresh` on one each, in turns. */
  async measure({ kept, fresh }) {
    this.kept ??= this.connect();
    const out = { kept: [], fresh: [] }, per = Math.round(kept / fresh);
    for (let i = 0; i < kept; i++) {
      await timed(out.kept, () => this.ask(this.kept));
      if (i % per === 0) await this.onFresh(out.fresh);
    }
    return out;
  }
  async onFresh(times) {
    let connection;
    await timed(times, () => this.ask((connection = this.connect())));
    connection.destroy();
  }
}

async function timed(times, what) {
  const at = performance.now();
  await what();
  times.push(performance.now() - at);
  await new Promise((r) => setTimeout(r, 1));
}

if (process.send) {
  let attack, client;
  const does = {
    attack: (m) => void (attack = new Attack(m)),
    stop: () => (attack.stop(), { made: attack.made }),
    client: (m) => void (client = new Client(m)),
    measure: (m) => client.measure(m)
  };
  process.on('message', async (m) => {
    try {
      process.send({ done: await does[m.do](m) });
    } catch (e) {
      process.send({ failed: e.message });
    }
  });
  process.on('disconnect', () => process.exit());
}
