// What RFC 9113 §3 to §8, RFC 7541, RFC 9218 and RFC 9110 demand of an HTTP/2 server, frame by frame: each row names the section and the
// demand, says what a client does, and what it then must see.
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { block, data, ERROR, field, FLAG, frame, Frames, hpackInt, indexedField, MAGIC, NO_TABLE, ping, rst, settings, TYPE, windowUpdate } from '../harness/frames.mjs';
import { pathOrigin } from '../harness/origins.mjs';
import { startSite } from '../harness/site.mjs';
import { endAll, sleep } from '../harness/wait.mjs';

const HOST = 'open.example.test';
const hex = (text) => Buffer.from(text.replaceAll(' ', ''), 'hex');
const u32 = (n) => hex((n >>> 0).toString(16).padStart(8, '0'));
const zeros = (n) => Buffer.alloc(n);
const { END_STREAM, END_HEADERS, PADDED, PRIORITY, ACK } = FLAG;

// --- what must be seen -------------------------------------------------------------------------------------------------

/** A connection error: GOAWAY with one of these codes, then the end. */
const ends = (...codes) => async (f) => {
  const code = await f.dies();
  assert.ok(codes.includes(code), `ended with ${code}, not ${codes}`);
  assert.ok(f.goaway.last <= 0x7fffffff);
};
/** A stream error, and the connection lives. */
const resets = (id, ...codes) => async (f) => {
  await f.until('a reset', () => f.reset(id) !== undefined || f.ended);
  assert.ok(codes.includes(f.reset(id)), `reset with ${f.reset(id)}, the connection with ${f.goaway?.code}`);
  await still(f);
};
/** An error of the stream, or, as it may be (§5.4), of the connection. */
const fails = (id, ...codes) => async (f) => {
  await f.until('an error', () => f.reset(id) !== undefined || f.goaway);
  const code = f.reset(id) ?? f.goaway.code;
  assert.ok(codes.includes(code), `${code}`);
  if (f.goaway) await f.dies();
  else await still(f);
};
/** A malformed request: reset, or refused by an answer (§8.1.1), and no origin ever saw it. */
const malformed = (id) => async (f, { reached }) => {
  await f.until('a refusal', () => f.reset(id) !== undefined || f.answered(id) || f.ended);
  const status = f.status(id);
  assert.ok(status === undefined ? f.reset(id) === ERROR.PROTOCOL_ERROR : status >= 400 && status < 500, `${status} ${f.reset(id)}`);
  await still(f);
  assert.equal(reached().length, 1, 'an origin was asked'); // by still()
};
const answers = (id, status = 200) => async (f) => {
  await f.until('an answer', () => f.answered(id) || f.ended);
  assert.equal(f.status(id), status);
  await still(f);
};
/** Alive, and good for a request. */
const still = async (f) => {
  assert.ok(await f.lives(), `ended with ${f.goaway?.code}`);
  assert.equal(f.goaway, undefined);
  f.request(0x7ffffff1, { path: '/still' });
  await f.until('an answer to one more request', () => f.answered(0x7ffffff1) || f.ended);
  assert.equal(f.status(0x7ffffff1), 200);
};
/** Nothing comes of it. */
const ignored = async (f) => {
  await still(f);
  assert.equal(f.of(TYPE.RST_STREAM).length, 0);
};

// --- what is sent --------------------------------------------------------------------------------------------------------

const get = (f, id = 1, what = {}) => f.head(id, what);
const post = (f, id = 1, what = {}) => f.head(id, { method: 'POST', end: false, path: '/read', ...what });
/** Its answer does not come by itself. */
const held = (f, id = 1, what = {}) => f.head(id, { path: '/held', ...what });
/** A WebSocket whose origin has not switched: what is sent to it stays with the gate. */
const unopened = (f) => f.head(1, {
  end: false, pseudo: [[':method', 'CONNECT'], [':protocol', 'websocket'], ...pseudo(f, { ':method': undefined, ':path': '/held' })], more: [['sec-websocket-version', '13']]
});
const headers = (id, bytes, flags = END_HEADERS | END_STREAM) => frame(TYPE.HEADERS, flags, id, bytes);
const request = (f, path = '/') => block([[':method', 'GET'], [':scheme', 'https'], [':authority', f.authority], [':path', path]]);
const continuation = (id, bytes, flags = END_HEADERS) => frame(TYPE.CONTINUATION, flags, id, bytes);
/** A literal whose value is given raw: flags of the length included. */
const literal = (name, ...value) => Buffer.concat([hex('00'), hpackInt(name.length, 7, 0), Buffer.from(name), ...value]);
const padded = (n, bytes) => Buffer.concat([Buffer.from([n]), bytes]);
const reserved = (bytes) => {
  const out = Buffer.from(bytes);
  out[5] |= 0x80;
  return out;
};
const pseudo = (f, change) => {
  const p = { ':method': 'GET', ':scheme': 'https', ':authority': f.authority, ':path': '/', ...change };
  return Object.entries(p).filter(([, v]) => v !== undefined);
};
const asks = (change, more = []) => (f) => [f.head(1, { pseudo: pseudo(f, change), more })];

const bytesOf = (f, id) => f.of(TYPE.DATA, id).reduce((n, d) => n + d.payload.length, 0);
/** Asks for a long answer, ends it when its first ten bytes have come, then opens every window. */
const cutAt10 = async (f, asks, what) => {
  f.send(asks);
  await f.until('10 bytes', () => bytesOf(f, 1) === 10);
  return [what, windowUpdate(0, 1 << 20), settings({ INITIAL_WINDOW_SIZE: 1 << 20 })];
};

const { PROTOCOL_ERROR, FRAME_SIZE_ERROR, FLOW_CONTROL_ERROR, STREAM_CLOSED, COMPRESSION_ERROR, CANCEL } = ERROR;
const SECTIONS = {
  '§3.4 preface': [
    ['no SETTINGS first', (f) => [MAGIC, ping()], ends(PROTOCOL_ERROR), { hello: false }],
    ['HEADERS first', (f) => [MAGIC, get(f)], ends(PROTOCOL_ERROR), { hello: false }],
    ['an ACK first', () => [MAGIC, frame(TYPE.SETTINGS, ACK, 0)], ends(PROTOCOL_ERROR), { hello: false }],
    ['empty SETTINGS', (f) => [MAGIC, settings(), get(f)], async (f) => f.until('an answer', () => f.answered(1)), { hello: false }],
    ['a request before our SETTINGS came', (f) => [MAGIC, settings(), get(f)], async (f) => f.until('an answer', () => f.answered(1)), { hello: false }],
    ['wrong magic', () => [Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\r'), settings()], async (f) => f.dies(), { hello: false }],
    ['ours: SETTINGS come first, and the client\'s are acknowledged', () => [], async (f) => {
      await f.until('both', () => f.of(TYPE.SETTINGS).length === 2);
      assert.deepEqual([f.frames[0].type, f.frames[0].flags & ACK], [TYPE.SETTINGS, 0]);
      assert.deepEqual(f.of(TYPE.SETTINGS).map((s) => s.flags), [0, ACK]);
    }]
  ],
  '§4.1 frame format': [
    ['unknown types are ignored', () => [frame(0x0b, 0, 0, zeros(9)), frame(0xfe, 255, 0, zeros(100))], ignored],
    ['unknown types on a stream are ignored', (f) => [post(f), frame(0x0c, 255, 1, zeros(20)), data(1, '', true)], answers(1)],
    ['unknown types on an idle stream are ignored', () => [frame(0x0c, 0, 77, zeros(4))], ignored],
    ['unknown flags of PING', () => [frame(TYPE.PING, 0xfe, 0, zeros(8))], ignored],
    ['unknown flags of SETTINGS', () => [frame(TYPE.SETTINGS, 0xfe, 0)], ignored],
    ['unknown flags of HEADERS and DATA', (f) => [frame(TYPE.HEADERS, 0xd2 | END_HEADERS, 1, request(f)), frame(TYPE.DATA, 0xf6 | END_STREAM, 1, 'x')], answers(1)],
    ['unknown flags of WINDOW_UPDATE', (f) => [frame(TYPE.WINDOW_UPDATE, 255, 0, u32(1))], ignored],
    ['the reserved bit of an identifier', (f) => [reserved(get(f))], answers(1)],
    ['the reserved bit of stream 0', () => [reserved(ping())], ignored],
    ['the reserved bit of an increment', () => [windowUpdate(0, 0x80000001)], ignored]
  ],
  '§4.2 frame size': [
    ['DATA of 16384 bytes', (f) => [post(f), data(1, zeros(16384), true)], answers(1)],
    ['DATA of 16385 bytes', (f) => [post(f), data(1, zeros(16385), true)], ends(FRAME_SIZE_ERROR)],
    ['HEADERS of 16385 bytes', (f) => [headers(1, Buffer.concat([request(f), field('x', 'y'.repeat(16000)), zeros(1000)]))], ends(FRAME_SIZE_ERROR)],
    ['SETTINGS of 16386 bytes', () => [frame(TYPE.SETTINGS, 0, 0, zeros(16386))], ends(FRAME_SIZE_ERROR)],
    ['an unknown type of 16385 bytes', () => [frame(0x0b, 0, 0, zeros(16385))], ends(FRAME_SIZE_ERROR)],
    ['ours are no longer than the client allows', (f) => [get(f, 1, { path: '/large' })], async (f) => {
      await f.until('a window full', () => f.of(TYPE.DATA, 1).reduce((n, d) => n + d.payload.length, 0) === 65535);
      assert.ok(f.of(TYPE.DATA).every((d) => d.payload.length <= 16384));
    }]
  ],
  '§4.3 field blocks': [
    ['PING between HEADERS and CONTINUATION', (f) => [headers(1, request(f), END_STREAM), ping(), continuation(1, field('x', 'y'))], ends(PROTOCOL_ERROR)],
    ['another stream\'s HEADERS', (f) => [headers(1, request(f), END_STREAM), get(f, 3)], ends(PROTOCOL_ERROR)],
    ['DATA of the same stream', (f) => [headers(1, request(f), 0), data(1, 'x', true)], ends(PROTOCOL_ERROR)],
    ['another stream\'s CONTINUATION', (f) => [headers(1, request(f), END_STREAM), continuation(3, field('x', 'y'))], ends(PROTOCOL_ERROR)],
    ['an unknown type within (§5.5)', (f) => [headers(1, request(f), END_STREAM), frame(0x0b, 0, 0, zeros(4)), continuation(1, '')], ends(PROTOCOL_ERROR)],
    ['PRIORITY within', (f) => [headers(1, request(f), END_STREAM), frame(TYPE.PRIORITY, 0, 1, zeros(5)), continuation(1, '')], ends(PROTOCOL_ERROR)],
    ['SETTINGS within', (f) => [headers(1, request(f), END_STREAM), settings(), continuation(1, '')], ends(PROTOCOL_ERROR)],
    ['cut anywhere, also within a field', (f) => {
      const all = Buffer.concat([request(f), field('x-cut', 'here')]);
      return [headers(1, all.subarray(0, 3), END_STREAM), continuation(1, all.subarray(3, 30), 0), continuation(1, all.subarray(30, 31), 0), continuation(1, all.subarray(31))];
    }, answers(1)],
    ['an empty HEADERS, then all in CONTINUATION', (f) => [headers(1, '', END_STREAM), continuation(1, request(f))], answers(1)],
    ['a block that ends within a field', (f) => [headers(1, request(f).subarray(0, -1))], ends(COMPRESSION_ERROR)],
    ['a broken block on a stream that was reset still ends all', (f) => [held(f), rst(1), headers(3, hex('ff ff ff ff ff ff ff ff ff'))], ends(COMPRESSION_ERROR)]
  ],
  '§5.1 stream states': [
    ['idle: DATA', () => [data(1, 'x')], ends(PROTOCOL_ERROR)],
    ['idle: RST_STREAM', () => [rst(1)], ends(PROTOCOL_ERROR)],
    ['idle: WINDOW_UPDATE', () => [windowUpdate(1, 1)], ends(PROTOCOL_ERROR)],
    ['idle: CONTINUATION', (f) => [continuation(1, request(f))], ends(PROTOCOL_ERROR)],
    ['idle, beyond those in use: DATA', (f) => [get(f), data(5, 'x')], ends(PROTOCOL_ERROR)],
    ['idle: PRIORITY', () => [frame(TYPE.PRIORITY, 0, 1, zeros(5))], ignored],
    ['idle, of the server: WINDOW_UPDATE', () => [windowUpdate(2, 1)], ends(PROTOCOL_ERROR)],
    ['half-closed: DATA', (f) => [held(f), data(1, 'x')], fails(1, STREAM_CLOSED)],
    ['half-closed: HEADERS', (f) => [held(f), headers(1, field('x', 'y'))], fails(1, STREAM_CLOSED)],
    ['half-closed: CONTINUATION', (f) => [held(f), continuation(1, field('x', 'y'))], ends(PROTOCOL_ERROR, STREAM_CLOSED)],
    ['half-closed: WINDOW_UPDATE, PRIORITY', (f) => [held(f), windowUpdate(1, 5), frame(TYPE.PRIORITY, 0, 1, zeros(5))], ignored],
    ['half-closed: RST_STREAM', (f) => [held(f), rst(1)], ignored],
    ['closed by both: WINDOW_UPDATE, RST_STREAM, PRIORITY', async (f) => {
      f.send(get(f));
      await f.until('an answer', () => f.answered(1));
      return [windowUpdate(1, 5), rst(1), frame(TYPE.PRIORITY, 0, 1, zeros(5))];
    }, ignored],
    ['closed by both: DATA', async (f) => {
      f.send(get(f));
      await f.until('an answer', () => f.answered(1));
      return [data(1, 'x')];
    }, async (f) => (await f.lives()) || assert.equal(f.goaway.code, STREAM_CLOSED)],
    ['closed by both: HEADERS', async (f) => {
      f.send(get(f));
      await f.until('an answer', () => f.answered(1));
      return [get(f, 1)];
    }, async (f) => (await f.lives()) ? assert.equal(f.of(TYPE.HEADERS, 1).length, 1) : assert.ok([STREAM_CLOSED, PROTOCOL_ERROR].includes(f.goaway.code))],
    ['closed by us: what was on its way is discarded', (f) => [f.head(1, { method: 'POST', end: false, path: '/early' }), data(1, 'x'), data(1, 'y', true)], async (f) => {
      await f.until('an answer', () => f.answered(1));
      await still(f);
    }],
    ['closed by us: HEADERS still feed the table', async (f) => {
      f.send(post(f, 1, { more: [['Upper', 'x']] }));
      await f.until('a reset', () => f.reset(1) !== undefined);
      return [headers(1, field('x-kept', 'in the table', { indexed: true })), headers(3, Buffer.concat([request(f, '/echo'), indexedField(62)]))];
    }, async (f, { reached }) => {
      await f.until('an answer', () => f.answered(3) || f.ended);
      assert.equal(reached().at(-1).get('x-kept'), 'in the table');
    }],
    ['ours: nothing follows the client\'s RST_STREAM', (f) => cutAt10(f, get(f, 1, { path: '/large' }), rst(1)), async (f) => {
      await ignored(f);
      assert.equal(bytesOf(f, 1), 10);
    }, { initial: { INITIAL_WINDOW_SIZE: 10 } }],
    ['ours: nothing follows our RST_STREAM (§5.4.2)', (f) => cutAt10(f, post(f, 1, { path: '/large' }), headers(1, field('X-Sum', '1'))), async (f) => {
      await resets(1, PROTOCOL_ERROR)(f);
      assert.deepEqual([bytesOf(f, 1), f.of(TYPE.RST_STREAM).length, f.frames.findLast((one) => one.id === 1).type], [10, 1, TYPE.RST_STREAM]);
    }, { initial: { INITIAL_WINDOW_SIZE: 10 } }]
  ],
  '§5.1.2 concurrency': [
    ['more streams than we allow', async (f) => {
      await f.until('our SETTINGS', () => f.of(TYPE.SETTINGS).length > 0);
      return Array.from({ length: 101 }, (_, i) => held(f, 2 * i + 1));
    }, async (f) => {
      await f.until('an error', () => f.of(TYPE.RST_STREAM).length > 0 || f.goaway);
      const [first] = f.of(TYPE.RST_STREAM), code = first ? first.payload.readUInt32BE(0) : f.goaway.code;
      assert.ok([PROTOCOL_ERROR, ERROR.REFUSED_STREAM].includes(code), `${code}`);
    }]
  ],
  '§5.1.1 identifiers': [
    ['even', (f) => [get(f, 2)], ends(PROTOCOL_ERROR)],
    ['0', (f) => [get(f, 0)], ends(PROTOCOL_ERROR)],
    ['going back', (f) => [get(f, 5), get(f, 3)], ends(PROTOCOL_ERROR, STREAM_CLOSED)],
    ['going back by much, after others', (f) => [get(f, 5), get(f, 101), get(f, 103), get(f, 7)], ends(PROTOCOL_ERROR, STREAM_CLOSED)],
    ['twice', (f) => [held(f, 5), held(f, 5)], fails(5, PROTOCOL_ERROR, STREAM_CLOSED)],
    ['with gaps', (f) => [get(f, 11), get(f, 333)], answers(333)],
    ['DATA to one that was passed over', (f) => [get(f, 11), data(9, 'x')], async (f) => (await f.lives()) || assert.ok([PROTOCOL_ERROR, STREAM_CLOSED].includes(f.goaway.code))]
  ],
  '§5.2, §6.9 flow control': [
    ['WINDOW_UPDATE of 0 on a stream', (f) => [held(f), windowUpdate(1, 0)], fails(1, PROTOCOL_ERROR)],
    ['WINDOW_UPDATE of 0 on the connection', () => [windowUpdate(0, 0)], ends(PROTOCOL_ERROR)],
    ['WINDOW_UPDATE of 3 bytes', () => [frame(TYPE.WINDOW_UPDATE, 0, 0, zeros(3))], ends(FRAME_SIZE_ERROR)],
    ['WINDOW_UPDATE of 5 bytes', (f) => [held(f), frame(TYPE.WINDOW_UPDATE, 0, 1, hex('00 00 00 01 00'))], ends(FRAME_SIZE_ERROR)],
    ['a stream\'s window above 2³¹-1', (f) => [held(f), windowUpdate(1, 0x7fffffff)], resets(1, FLOW_CONTROL_ERROR)],
    ['the connection\'s window above 2³¹-1', () => [windowUpdate(0, 0x7fffffff)], ends(FLOW_CONTROL_ERROR)],
    ['the connection\'s window above 2³¹-1 in two steps', () => [windowUpdate(0, 0x7fff0000), windowUpdate(0, 1)], ends(FLOW_CONTROL_ERROR)],
    ['windows of exactly 2³¹-1', (f) => [held(f), windowUpdate(0, 0x7fff0000), windowUpdate(1, 0x7fff0000)], ignored],
    ['a stream\'s window above 2³¹-1 by SETTINGS', (f) => [held(f), windowUpdate(1, 0x7fff0000), settings({ INITIAL_WINDOW_SIZE: 65536 })], ends(FLOW_CONTROL_ERROR)],
    ['more DATA than the stream\'s window', (f) => [unopened(f), data(1, zeros(16384)), data(1, zeros(1))], fails(1, FLOW_CONTROL_ERROR)],
    ['padding counts', (f) => [unopened(f), data(1, zeros(16300)), frame(TYPE.DATA, PADDED, 1, padded(84, zeros(84)))],
      fails(1, FLOW_CONTROL_ERROR)],
    ['all of the window can be used', (f) => [unopened(f), data(1, zeros(16384))], ignored],
    ['padding is given back', async (f) => {
      const widened = 65536 - 16384; // once the origin reads it
      f.send(post(f));
      for (let i = 0; i < 6; i++) {
        f.send(...Array.from({ length: 12 }, () => frame(TYPE.DATA, PADDED, 1, padded(255, zeros(255 + 1000)))));
        await f.until('the window', () => f.of(TYPE.WINDOW_UPDATE, 1).reduce((n, w) => n + w.payload.readUInt32BE(0), 0) >= widened + 12 * (i + 1) * 1256 - 33000);
      }
      return [data(1, '', true)];
    }, answers(1)],
    ['what goes to streams that are over is given back to the connection', async (f) => {
      const sum = () => f.of(TYPE.WINDOW_UPDATE, 0).reduce((n, w) => n + w.payload.readUInt32BE(0), 0) - 983041;
      for (let i = 0, sent = 0; i < 40; i++) {
        const id = 2 * i + 1;
        f.send(post(f, id, { path: '/held' }), rst(id), data(id, zeros(16384)), data(id, zeros(16384)), data(id, zeros(16384)));
        sent += 3 * 16384;
        await f.until('the window', () => sum() >= sent - (1 << 19) - 16384);
      }
      return [];
    }, ignored],
    ['ours: no byte beyond the stream\'s window', async (f) => {
      f.send(get(f, 1, { path: '/large' }));
      await f.until('10 bytes', () => f.of(TYPE.DATA, 1).length > 0);
      await sleep(100);
      f.send(windowUpdate(1, 7));
      await sleep(100);
      return [];
    }, (f) => assert.equal(f.of(TYPE.DATA, 1).reduce((n, d) => n + d.payload.length, 0), 17), { initial: { INITIAL_WINDOW_SIZE: 10 } }],
    ['ours: no byte while a window is 0, an empty answer all the same', (f) => [get(f, 1, { path: '/large' }), get(f, 3, { path: '/empty' })], async (f) => {
      await f.until('the empty one', () => f.answered(3));
      await sleep(100);
      assert.equal(f.of(TYPE.DATA, 1).length, 0);
    }, { initial: { INITIAL_WINDOW_SIZE: 0 } }],
    ['ours: a window that SETTINGS make negative', async (f) => {
      const got = () => f.of(TYPE.DATA, 1).reduce((n, d) => n + d.payload.length, 0);
      f.send(get(f, 1, { path: '/large' }));
      await f.until('a window full', () => got() === 1000);
      f.send(settings({ INITIAL_WINDOW_SIZE: 100 }), windowUpdate(1, 900)); // -900, then 0
      await sleep(150);
      assert.equal(got(), 1000);
      f.send(windowUpdate(1, 5));
      await f.until('five', () => got() === 1005);
      f.send(settings({ INITIAL_WINDOW_SIZE: 200 }));
      return [];
    }, async (f) => f.until('a hundred', () => f.of(TYPE.DATA, 1).reduce((n, d) => n + d.payload.length, 0) === 1105), { initial: { INITIAL_WINDOW_SIZE: 1000 } }],
    ['ours: no byte beyond the connection\'s window, which SETTINGS do not change', (f) => [get(f, 1, { path: '/large' })], async (f) => {
      const got = () => f.of(TYPE.DATA).reduce((n, d) => n + d.payload.length, 0);
      await f.until('a window full', () => got() === 65535);
      await sleep(100);
      f.send(windowUpdate(0, 1));
      await f.until('one more', () => got() === 65536);
    }, { initial: { INITIAL_WINDOW_SIZE: 1 << 20 } }]
  ],
  '§5.3, RFC 9218 priorities': [
    ['PRIORITY on stream 0', () => [frame(TYPE.PRIORITY, 0, 0, zeros(5))], ends(PROTOCOL_ERROR)],
    ['PRIORITY of 4 bytes', (f) => [held(f), frame(TYPE.PRIORITY, 0, 1, zeros(4))], fails(1, FRAME_SIZE_ERROR)],
    ['PRIORITY of 6 bytes', (f) => [held(f), frame(TYPE.PRIORITY, 0, 1, zeros(6))], fails(1, FRAME_SIZE_ERROR)],
    ['HEADERS with the old priority fields', (f) => [headers(1, Buffer.concat([hex('80 00 00 00 ff'), request(f)]), END_HEADERS | END_STREAM | PRIORITY)], answers(1)],
    ['HEADERS whose priority fields are cut', () => [headers(1, hex('00 00 00 00'), END_HEADERS | END_STREAM | PRIORITY)], ends(FRAME_SIZE_ERROR, PROTOCOL_ERROR)],
    ['PRIORITY_UPDATE for an open stream, and before it', (f) => [frame(TYPE.PRIORITY_UPDATE, 0, 0, Buffer.concat([u32(1), Buffer.from('u=0')])), held(f), frame(TYPE.PRIORITY_UPDATE, 0, 0, Buffer.concat([u32(1), Buffer.from('u=7, i')]))], ignored],
    ['PRIORITY_UPDATE with what is no priority', (f) => [held(f), frame(TYPE.PRIORITY_UPDATE, 0, 0, Buffer.concat([u32(1), Buffer.from('u=99,,;;\x00\xff', 'latin1')]))], ignored],
    ['PRIORITY_UPDATE for a stream that is over', async (f) => {
      f.send(get(f));
      await f.until('an answer', () => f.answered(1));
      return [frame(TYPE.PRIORITY_UPDATE, 0, 0, Buffer.concat([u32(1), Buffer.from('u=0')]))];
    }, ignored],
    ['PRIORITY_UPDATE on a stream', (f) => [held(f), frame(TYPE.PRIORITY_UPDATE, 0, 1, Buffer.concat([u32(1), Buffer.from('u=0')]))], ends(PROTOCOL_ERROR)],
    ['PRIORITY_UPDATE for stream 0', () => [frame(TYPE.PRIORITY_UPDATE, 0, 0, Buffer.concat([u32(0), Buffer.from('u=0')]))], ends(PROTOCOL_ERROR)],
    ['PRIORITY_UPDATE for a pushed stream that was never promised', () => [frame(TYPE.PRIORITY_UPDATE, 0, 0, Buffer.concat([u32(2), Buffer.from('u=0')]))], ends(PROTOCOL_ERROR)],
    ['PRIORITY_UPDATE of 3 bytes', () => [frame(TYPE.PRIORITY_UPDATE, 0, 0, zeros(3))], ends(FRAME_SIZE_ERROR)],
    ['NO_RFC7540_PRIORITIES of 2', () => [settings({ 9: 2 })], ends(PROTOCOL_ERROR)],
    ['NO_RFC7540_PRIORITIES that changes its mind', () => [settings({ 9: 1 })], ends(PROTOCOL_ERROR)],
    ['NO_RFC7540_PRIORITIES from the beginning', () => [settings({ 9: 1 })], ignored, { initial: { 9: 1 } }]
  ],
  '§5.4 errors': [
    ['GOAWAY names the last stream that was taken', (f) => [get(f, 1), get(f, 7), ping(), frame(TYPE.PING, 0, 1, zeros(8))], async (f) => {
      await f.dies();
      assert.equal(f.goaway.last, 7);
    }],
    ['RST_STREAM is not answered by RST_STREAM', (f) => [held(f), rst(1), rst(1)], ignored]
  ],
  '§6.1 DATA': [
    ['on stream 0', () => [data(0, 'x')], ends(PROTOCOL_ERROR)],
    ['padding', (f) => [post(f), frame(TYPE.DATA, PADDED | END_STREAM, 1, padded(5, Buffer.concat([Buffer.from('abc'), zeros(5)])))], async (f, { reached }) => {
      await answers(1)(f);
      assert.equal(reached()[0].body, 'abc');
    }],
    ['nothing but padding', (f) => [post(f), frame(TYPE.DATA, PADDED | END_STREAM, 1, padded(5, zeros(5)))], answers(1)],
    ['padding as long as the payload', (f) => [post(f), frame(TYPE.DATA, PADDED | END_STREAM, 1, padded(6, zeros(5)))], ends(PROTOCOL_ERROR)],
    ['PADDED without a length', (f) => [post(f), frame(TYPE.DATA, PADDED | END_STREAM, 1, '')], ends(PROTOCOL_ERROR, FRAME_SIZE_ERROR)]
  ],
  '§6.2 HEADERS': [
    ['on stream 0', (f) => [headers(0, request(f))], ends(PROTOCOL_ERROR)],
    ['padding', (f) => [headers(1, padded(9, Buffer.concat([request(f), zeros(9)])), END_HEADERS | END_STREAM | PADDED)], answers(1)],
    ['padding longer than the rest', (f) => [headers(1, padded(250, request(f)), END_HEADERS | END_STREAM | PADDED)], ends(PROTOCOL_ERROR, FRAME_SIZE_ERROR)],
    ['PADDED without a length', () => [headers(1, '', END_HEADERS | END_STREAM | PADDED)], ends(PROTOCOL_ERROR, FRAME_SIZE_ERROR)],
    ['padding and priority', (f) => [headers(1, padded(3, Buffer.concat([hex('00 00 00 00 10'), request(f), zeros(3)])), END_HEADERS | END_STREAM | PADDED | PRIORITY)], answers(1)]
  ],
  '§6.4 RST_STREAM': [
    ['on stream 0', () => [rst(0)], ends(PROTOCOL_ERROR)],
    ['of 3 bytes', (f) => [held(f), frame(TYPE.RST_STREAM, 0, 1, zeros(3))], ends(FRAME_SIZE_ERROR)],
    ['of 5 bytes', (f) => [held(f), frame(TYPE.RST_STREAM, 0, 1, zeros(5))], ends(FRAME_SIZE_ERROR)],
    ['with a code that nobody knows (§7)', (f) => [held(f), rst(1, 0xdeadbeef)], ignored]
  ],
  '§6.5 SETTINGS': [
    ['on a stream', () => [frame(TYPE.SETTINGS, 0, 1, zeros(6))], ends(PROTOCOL_ERROR)],
    ['on a stream, empty', () => [frame(TYPE.SETTINGS, 0, 1)], ends(PROTOCOL_ERROR)],
    ['ACK with a payload', () => [frame(TYPE.SETTINGS, ACK, 0, zeros(6))], ends(FRAME_SIZE_ERROR)],
    ['of 5 bytes', () => [frame(TYPE.SETTINGS, 0, 0, zeros(5))], ends(FRAME_SIZE_ERROR)],
    ['of 7 bytes', () => [frame(TYPE.SETTINGS, 0, 0, hex('00 03 00 00 00 01 00'))], ends(FRAME_SIZE_ERROR)],
    ['ENABLE_PUSH of 2', () => [settings({ ENABLE_PUSH: 2 })], ends(PROTOCOL_ERROR)],
    ['ENABLE_PUSH of 0 and of 1', () => [settings({ ENABLE_PUSH: 0 }), settings({ ENABLE_PUSH: 1 })], ignored],
    ['INITIAL_WINDOW_SIZE of 2³¹', () => [settings({ INITIAL_WINDOW_SIZE: 0x80000000 })], ends(FLOW_CONTROL_ERROR)],
    ['INITIAL_WINDOW_SIZE of 2³¹-1', () => [settings({ INITIAL_WINDOW_SIZE: 0x7fffffff })], ignored],
    ['MAX_FRAME_SIZE of 16383', () => [settings({ MAX_FRAME_SIZE: 16383 })], ends(PROTOCOL_ERROR)],
    ['MAX_FRAME_SIZE of 2²⁴', () => [settings({ MAX_FRAME_SIZE: 1 << 24 })], ends(PROTOCOL_ERROR)],
    ['MAX_FRAME_SIZE of 2²⁴-1', () => [settings({ MAX_FRAME_SIZE: (1 << 24) - 1 })], ignored],
    ['ENABLE_CONNECT_PROTOCOL of 2 (RFC 8441 §3)', () => [settings({ ENABLE_CONNECT_PROTOCOL: 2 })], ends(PROTOCOL_ERROR)],
    ['unknown settings', () => [settings({ 0: 5, 10: 1, 0xfe: 0xffffffff })], ignored],
    ['MAX_CONCURRENT_STREAMS of 0 forbids nothing to the client', (f) => [settings({ MAX_CONCURRENT_STREAMS: 0 }), get(f)], answers(1)],
    ['values in their order: the last counts', (f) => [frame(TYPE.SETTINGS, 0, 0, hex('0004 00000001 0004 00000000 0004 00000005')), get(f, 1, { path: '/large' })], async (f) => {
      await f.until('five bytes', () => f.of(TYPE.DATA, 1).length > 0);
      await sleep(50);
      assert.equal(f.of(TYPE.DATA, 1).reduce((n, d) => n + d.payload.length, 0), 5);
    }],
    ['ours: each is acknowledged', () => [settings(), settings({ 10: 3 }), settings()], (f) => f.until('the acknowledgements', () => f.of(TYPE.SETTINGS).filter((s) => s.flags & ACK).length === 4)],
    ['ours are in range, push is not spoken of', () => [], async (f) => {
      await f.until('SETTINGS', () => f.of(TYPE.SETTINGS).length > 0);
      const p = f.of(TYPE.SETTINGS)[0].payload, values = {};
      for (let i = 0; i < p.length; i += 6) values[p.readUInt16BE(i)] = p.readUInt32BE(i + 2);
      assert.deepEqual([values[2] ?? 0, values[3], values[8], values[9]], [0, 100, 1, 1]);
    }]
  ],
  '§6.6 PUSH_PROMISE': [
    ['from a client', (f) => [held(f), frame(TYPE.PUSH_PROMISE, END_HEADERS, 1, Buffer.concat([u32(2), request(f)]))], ends(PROTOCOL_ERROR)],
    ['from a client, on stream 0', (f) => [frame(TYPE.PUSH_PROMISE, END_HEADERS, 0, Buffer.concat([u32(2), request(f)]))], ends(PROTOCOL_ERROR)]
  ],
  '§6.7 PING': [
    ['is answered with the same eight bytes', () => [frame(TYPE.PING, 0, 0, Buffer.from('opaque!!'))], async (f) => {
      await f.until('an answer', () => f.of(TYPE.PING).length > 0);
      assert.deepEqual([f.of(TYPE.PING)[0].flags, f.of(TYPE.PING)[0].payload.toString()], [ACK, 'opaque!!']);
    }],
    ['an answer is not answered', () => [ping(true)], async (f) => {
      await ignored(f);
      assert.equal(f.of(TYPE.PING).length, 1); // lives()
    }],
    ['on a stream', (f) => [held(f), frame(TYPE.PING, 0, 1, zeros(8))], ends(PROTOCOL_ERROR)],
    ['of 7 bytes', () => [frame(TYPE.PING, 0, 0, zeros(7))], ends(FRAME_SIZE_ERROR)],
    ['of 9 bytes', () => [frame(TYPE.PING, 0, 0, zeros(9))], ends(FRAME_SIZE_ERROR)],
    ['of no bytes, an answer', () => [frame(TYPE.PING, ACK, 0)], ends(FRAME_SIZE_ERROR)]
  ],
  '§6.8 GOAWAY': [
    ['on a stream', (f) => [held(f), frame(TYPE.GOAWAY, 0, 1, zeros(8))], ends(PROTOCOL_ERROR)],
    ['of 7 bytes', () => [frame(TYPE.GOAWAY, 0, 0, zeros(7))], ends(FRAME_SIZE_ERROR, PROTOCOL_ERROR)],
    ['from the client: what it asked is still answered', (f) => [post(f), frame(TYPE.GOAWAY, 0, 0, Buffer.concat([u32(0), u32(0), Buffer.from('debug')])), data(1, 'x', true)], (f) => f.until('an answer', () => f.answered(1))],
    ['with a code that nobody knows (§7)', (f) => [post(f), frame(TYPE.GOAWAY, 0, 0, Buffer.concat([u32(0), u32(0xdeadbeef)])), data(1, 'x', true)], (f) => f.until('an answer', () => f.answered(1))]
  ],
  '§6.10 CONTINUATION': [
    ['without HEADERS', (f) => [continuation(1, request(f))], ends(PROTOCOL_ERROR)],
    ['behind END_HEADERS', (f) => [held(f), continuation(1, field('x', 'y'))], ends(PROTOCOL_ERROR, STREAM_CLOSED)],
    ['behind DATA', (f) => [post(f), data(1, 'x'), continuation(1, field('x', 'y'))], ends(PROTOCOL_ERROR)],
    ['on stream 0', (f) => [headers(1, request(f), END_STREAM), continuation(0, field('x', 'y'))], ends(PROTOCOL_ERROR)]
  ],
  '§8.1 messages': [
    ['trailers', (f) => [post(f), data(1, 'x'), headers(1, field('x-sum', '1'))], answers(1)],
    ['trailers without END_STREAM', (f) => [post(f), data(1, 'x'), headers(1, field('x-sum', '1'), END_HEADERS), data(1, 'y', true)], fails(1, PROTOCOL_ERROR)],
    ['pseudo fields in trailers', (f) => [post(f), data(1, 'x'), headers(1, field(':path', '/other'))], resets(1, PROTOCOL_ERROR)],
    ['upper case in trailers', (f) => [post(f), data(1, 'x'), headers(1, field('X-Sum', '1'))], resets(1, PROTOCOL_ERROR)],
    ['connection in trailers', (f) => [post(f), data(1, 'x'), headers(1, field('connection', 'close'))], resets(1, PROTOCOL_ERROR)],
    ['no DATA behind trailers', (f) => [post(f, 1, { path: '/held' }), headers(1, field('x-sum', '1')), data(1, 'x')], fails(1, STREAM_CLOSED)],
    ['Content-Length above the payload (§8.1.1)', (f) => [post(f, 1, { more: [['content-length', '3']] }), data(1, 'xx', true)], resets(1, PROTOCOL_ERROR)],
    ['Content-Length below the payload', (f) => [post(f, 1, { more: [['content-length', '1']] }), data(1, 'xx', true)], resets(1, PROTOCOL_ERROR)],
    ['Content-Length and no payload', (f) => [post(f, 1, { more: [['content-length', '3']], end: true })], malformed(1)],
    ['Content-Length above the payload, ended by trailers', (f) => [post(f, 1, { more: [['content-length', '3']] }), data(1, 'xx'), headers(1, field('x', 'y'))], resets(1, PROTOCOL_ERROR)],
    ['two Content-Lengths', (f) => [post(f, 1, { more: [['content-length', '2'], ['content-length', '2']] }), data(1, 'xx', true)], malformed(1)],
    ['a Content-Length that is none', (f) => [post(f, 1, { more: [['content-length', '+2']] }), data(1, 'xx', true)], malformed(1)],
    ['a Content-Length that is empty', (f) => [post(f, 1, { more: [['content-length', '']] }), data(1, 'xx', true)], malformed(1)],
    ['a Content-Length beyond 64 bits', (f) => [post(f, 1, { more: [['content-length', '18446744073709551618']] }), data(1, 'xx', true)], malformed(1)],
    ['ours: to HEAD, and with 204 and 304, the head is all', (f) => [f.head(1, { method: 'HEAD', path: '/head' }), get(f, 3, { path: '/204' }), get(f, 5, { path: '/304' })], async (f) => {
      await f.until('all three', () => [1, 3, 5].every((id) => f.answered(id)));
      assert.deepEqual([1, 3, 5].map((id) => [f.status(id), bytesOf(f, id), f.of(TYPE.HEADERS, id)[0].flags & END_STREAM]), [[200, 0, 1], [204, 0, 1], [304, 0, 1]]);
      await still(f);
    }],
    ['ours: an interim head does not end its stream', (f) => [get(f, 1, { path: '/hints' })], async (f) => {
      await answers(1)(f);
      assert.deepEqual(f.of(TYPE.HEADERS, 1).map((h) => h.flags & (END_STREAM | END_HEADERS)), [END_HEADERS, END_HEADERS]);
    }],
    ['ours: an answer that breaks off at the origin is reset, not ended', (f) => [get(f, 1, { path: '/broken' })], async (f) => {
      await resets(1, ERROR.INTERNAL_ERROR)(f);
      assert.deepEqual([f.answered(1), bytesOf(f, 1) < 10], [false, true]);
    }],
    ['an answer before the request has ended: the rest is declined without an error', (f) => [f.head(1, { method: 'POST', end: false, path: '/early' })], async (f) => {
      await f.until('a reset', () => f.reset(1) !== undefined);
      assert.deepEqual([f.status(1), f.answered(1), f.reset(1)], [200, true, ERROR.NO_ERROR]);
    }]
  ],
  '§8.2 fields': [
    ...['Upper', 'a b', 'a\x00', 'a:b', '', ':', 'a\x7f', 'a\xe9', 'a"', 'a\r\nb', 'a\t'].map((name) => [`the name ${JSON.stringify(name)}`, asks({}, [[name, 'x']]), malformed(1)]),
    ...['a\r', 'a\n', 'a\x00b', '\ta', ' a', 'a ', 'a\t', 'a\r\nHost: b', '\x01', '\x7f'].map((value) => [`the value ${JSON.stringify(value)}`, asks({}, [['x', value]]), malformed(1)]),
    ['obs-text in a value', asks({}, [['x', 'caf\xe9']]), answers(1)],
    ['an empty value', asks({}, [['x', '']]), answers(1)],
    ...[['connection', 'close'], ['connection', ''], ['keep-alive', 'timeout=5'], ['proxy-connection', 'keep-alive'], ['transfer-encoding', 'chunked'], ['upgrade', 'h2c'], ['te', 'gzip'], ['te', 'trailers, gzip'], ['te', '']]
      .map(([n, v]) => [`${n}: ${v} (§8.2.2)`, asks({}, [[n, v]]), malformed(1)]),
    ['te: trailers', asks({}, [['te', 'trailers']]), answers(1)],
    ['cookie crumbs are one field (§8.2.3)', asks({ ':path': '/echo' }, [['cookie', 'a=1'], ['x', 'y'], ['cookie', 'b=2']]), async (f, { reached }) => {
      await answers(1)(f);
      assert.deepEqual(reached()[0].all('cookie'), ['a=1; b=2']);
    }]
  ],
  '§8.3 pseudo fields': [
    ['no :method', asks({ ':method': undefined }), malformed(1)],
    ['no :scheme', asks({ ':scheme': undefined }), malformed(1)],
    ['no :path', asks({ ':path': undefined }), malformed(1)],
    ['no :authority and no Host', asks({ ':authority': undefined }), malformed(1)],
    ['an empty :path', asks({ ':path': '' }), malformed(1)],
    ['an empty :method', asks({ ':method': '' }), malformed(1)],
    ['an empty :scheme', asks({ ':scheme': '' }), malformed(1)],
    ['an empty :authority', asks({ ':authority': '' }), malformed(1)],
    ['a :path without a slash', asks({ ':path': 'x' }), malformed(1)],
    ['a :path with a fragment', asks({ ':path': '/#x' }), malformed(1)],
    ['a :path with a space', asks({ ':path': '/ HTTP/1.1' }), malformed(1)],
    ['a :path with CRLF', asks({ ':path': '/\r\nX: y' }), malformed(1)],
    ['a :method with a space', asks({ ':method': 'GET /x' }), malformed(1)],
    ['a :method with CRLF', asks({ ':method': 'GET\r\n' }), malformed(1)],
    ['an :authority with a user', asks({ ':authority': `user@${HOST}` }), malformed(1)],
    ['an :authority with a path', asks({ ':authority': `${HOST}/x` }), malformed(1)],
    ['an :authority with CRLF', asks({ ':authority': `${HOST}\r\nX: y` }), malformed(1)],
    ['a scheme that nobody serves', asks({ ':scheme': 'ftp' }), malformed(1)],
    ['* with GET', asks({ ':path': '*' }), malformed(1)],
    ['an unknown one', (f) => [headers(1, block([...pseudo(f), [':version', '2']]))], malformed(1)],
    ['a response\'s', (f) => [headers(1, block([...pseudo(f), [':status', '200']]))], malformed(1)],
    ['behind another field', (f) => [headers(1, block([...pseudo(f, { ':path': undefined }), ['x', 'y'], [':path', '/']]))], malformed(1)],
    ...[':method', ':scheme', ':path', ':authority'].map((name) => [`two of ${name}`, (f) => [headers(1, block([...pseudo(f), pseudo(f).find(([n]) => n === name)]))], malformed(1)]),
    ['Host instead of :authority', (f) => [headers(1, block([...pseudo(f, { ':authority': undefined }), ['host', f.authority]]))], answers(1)],
    ['Host that agrees', asks({}, [['host', HOST]]), malformed(1)], // it lacks the port that :authority has
    ['Host that differs', asks({}, [['host', 'other.example.test']]), malformed(1)],
    ['CONNECT with :path (§8.5)', asks({ ':method': 'CONNECT' }), malformed(1)],
    ['CONNECT without :authority', (f) => [headers(1, block([[':method', 'CONNECT']]), END_HEADERS)], malformed(1)],
    ['CONNECT with :scheme', (f) => [headers(1, block([[':method', 'CONNECT'], [':scheme', 'https'], [':authority', f.authority]]), END_HEADERS)], malformed(1)],
    ['CONNECT', (f) => [headers(1, block([[':method', 'CONNECT'], [':authority', f.authority]]), END_HEADERS)], malformed(1)],
    ['OPTIONS *', asks({ ':method': 'OPTIONS', ':path': '*' }), async (f) => f.until('an answer', () => f.answered(1))]
  ],
  'RFC 7541 HPACK': [
    ['§2.3.3 index 0', (f) => [headers(1, Buffer.concat([request(f), hex('80')]))], ends(COMPRESSION_ERROR)],
    ['§2.3.3 an index beyond the table', (f) => [headers(1, Buffer.concat([request(f), indexedField(62)]))], ends(COMPRESSION_ERROR)],
    ['§2.3.3 a name\'s index beyond the table', (f) => [headers(1, Buffer.concat([request(f), hex('7e 01 78')]))], ends(COMPRESSION_ERROR)],
    ['§4.2 a table size above the limit', (f) => [headers(1, Buffer.concat([hpackInt(4097, 5, 0x20), request(f)]))], ends(COMPRESSION_ERROR)],
    ['§4.2 a table size at the limit', (f) => [headers(1, Buffer.concat([hpackInt(4096, 5, 0x20), request(f)]))], answers(1)],
    ['§4.2 two sizes, the smaller first', (f) => [headers(1, Buffer.concat([hex('20'), hpackInt(4096, 5, 0x20), request(f)]))], answers(1)],
    ['§4.2 a table size behind a field', (f) => [headers(1, Buffer.concat([request(f), hex('20')]))], ends(COMPRESSION_ERROR)],
    ['§4.3 a smaller table forgets', (f) => [headers(1, Buffer.concat([request(f), field('x', 'y', { indexed: true })])), headers(3, Buffer.concat([hex('20'), request(f), indexedField(62)]))], ends(COMPRESSION_ERROR)],
    ['§4.4 an entry larger than the table empties it', (f) => [
      headers(1, Buffer.concat([request(f), field('x', 'y', { indexed: true })])),
      headers(3, Buffer.concat([request(f), field('x', 'y'.repeat(4100), { indexed: true })])), headers(5, Buffer.concat([request(f), indexedField(62)]))], ends(COMPRESSION_ERROR)],
    ['§4.4 the oldest entry goes first', (f) => [
      headers(1, Buffer.concat([request(f, '/echo'), field('x-a', 'a'.repeat(2000), { indexed: true }), field('x-b', 'b'.repeat(2000), { indexed: true })])),
      headers(3, Buffer.concat([request(f, '/echo'), field('x-c', 'c'.repeat(100), { indexed: true }), indexedField(62), indexedField(63)]))], async (f, { reached }) => {
      await f.until('an answer', () => f.answered(3) || f.ended);
      const r = reached().find((one) => one.has('x-c') && one.has('x-b'));
      assert.deepEqual([r.get('x-b').length, r.all('x-c').length, r.has('x-a')], [2000, 2, false]);
    }],
    ['§5.1 an integer without end', (f) => [headers(1, Buffer.concat([request(f), hex('ff ff ff ff ff ff ff ff ff ff ff ff 01')]))], ends(COMPRESSION_ERROR)],
    ['§5.1 an integer above 32 bits', (f) => [headers(1, Buffer.concat([request(f), literal('x', hex('7f ff ff ff ff 7f'))]))], ends(COMPRESSION_ERROR)],
    ['§5.2 a string beyond the block', (f) => [headers(1, Buffer.concat([request(f), literal('x', hex('10 61 62'))]))], ends(COMPRESSION_ERROR)],
    ['§5.2 Huffman', (f) => [headers(1, Buffer.concat([request(f), literal('x', hex('82 1c 7f'))]))], answers(1)], // 00011 is a, 100011 is b, then ones
    ['§5.2 padding of more than 7 bits', (f) => [headers(1, Buffer.concat([request(f), literal('x', hex('82 1f ff'))]))], ends(COMPRESSION_ERROR)],
    ['§5.2 padding that is no beginning of EOS', (f) => [headers(1, Buffer.concat([request(f), literal('x', hex('81 18'))]))], ends(COMPRESSION_ERROR)],
    ['§5.2 EOS', (f) => [headers(1, Buffer.concat([request(f), literal('x', hex('84 ff ff ff ff'))]))], ends(COMPRESSION_ERROR)],
    ['§5.2 an empty name', (f) => [headers(1, Buffer.concat([request(f), hex('00 00 01 61')]))], malformed(1)],
    ['§6.2.3 never indexed', (f) => [headers(1, Buffer.concat([request(f), hex('10'), field('x', 'y').subarray(1)]))], answers(1)],
    ['§6.2.1 the table lives as long as the connection', (f) => [
      headers(1, Buffer.concat([request(f, '/echo'), field('x-kept', 'said once', { indexed: true })])), headers(3, Buffer.concat([request(f, '/echo'), indexedField(62)]))], async (f, { reached }) => {
      await f.until('both answers', () => (f.answered(1) && f.answered(3)) || f.ended);
      assert.deepEqual(reached().map((r) => r.get('x-kept')), ['said once', 'said once']);
    }],
    ['§4.2 ours: a table that became smaller and larger again: both are said', async (f) => {
      f.send(get(f));
      await f.until('an answer', () => f.answered(1));
      return [settings({ HEADER_TABLE_SIZE: 0 }), settings({ HEADER_TABLE_SIZE: 4096 }), get(f, 3)];
    }, async (f) => {
      await f.until('an answer', () => f.answered(3));
      assert.equal(f.of(TYPE.HEADERS, 3)[0].payload.subarray(0, 4).toString('hex'), '203fe11f');
    }, { initial: { HEADER_TABLE_SIZE: 4096 } }],
    ['ours: a table of the size that the client allows', (f) => [get(f)], async (f) => {
      await f.until('an answer', () => f.answered(1));
      assert.equal(f.of(TYPE.HEADERS, 1)[0].payload[0], 0x20);
      assert.ok(![...f.of(TYPE.HEADERS, 1)[0].payload].slice(1, 2).some((b) => b >= 0x80 + 62));
    }]
  ]
};

describe('HTTP/2, strictly', () => {
  let site, gate, origin;

  before(async () => {
    const ok = 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok';
    const body = async (wire, req) => {
      if (req.has('content-length')) req.body = (await wire.take(Number(req.get('content-length')), 60000)).toString();
      else if (req.has('transfer-encoding')) await wire.chunked(req, 60000).then(() => (req.body = req.body.toString()));
    };
    origin = await pathOrigin({
      '/held': () => new Promise(() => {}),
      '/early': async (wire) => {
        await wire.send('HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok');
        return false;
      },
      '/head': (wire) => wire.send('HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n'),
      '/204': (wire) => wire.send('HTTP/1.1 204 No Content\r\n\r\n'),
      '/304': (wire) => wire.send('HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\n'),
      '/hints': (wire) => wire.send(`HTTP/1.1 103 Early Hints\r\nLink: </a>; rel=preload\r\n\r\n${ok}`),
      '/broken': async (wire) => {
        await wire.send('HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nab');
        return false;
      },
      '/empty': (wire) => wire.send('HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n'),
      '/large': (wire) => wire.send(Buffer.concat([Buffer.from('HTTP/1.1 200 OK\r\nContent-Length: 200000\r\n\r\n'), zeros(200000)])),
      '*': async (wire, req) => {
        await body(wire, req).catch(() => {});
        await wire.send(ok);
      }
    });
    site = await startSite({ origin: origin.url, more: { limits: { drain_timeout: '1s' } } });
    gate = site.gate;
  });
  after(() => endAll(site, origin));

  for (const [section, cases] of Object.entries(SECTIONS)) {
    describe(section, () => {
      for (const [name, sends, sees, options = {}] of cases) {
        it(name, async () => {
          const from = origin.requests.length;
          const f = await Frames.open(gate, { host: HOST, ...options, initial: { ...NO_TABLE, ...options.initial } });
          try {
            f.send(...(await sends(f)));
            await sees(f, { reached: () => origin.requests.slice(from) });
          } finally {
            f.close();
          }
        });
      }
    });
  }
});
