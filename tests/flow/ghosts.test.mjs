// Tunnels at their end: a restart is said between two frames, close codes pass, editors come back and lose nothing.
import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import { after, afterEach, before, describe, it } from 'node:test';
import { authority } from '../harness/certs.mjs';
import { Gate } from '../harness/gate.mjs';
import { editor, startSync } from '../harness/hocuspocus.mjs';
import { WebSocket, WebSocketServer } from '../harness/lib.mjs';
import { rawOrigin } from '../harness/origins.mjs';
import { PASSWORD, secrets, siteRules } from '../harness/site.mjs';
import { endAll, sleep, until, within } from '../harness/wait.mjs';
import { basic, requestBytes } from '../harness/wire.mjs';

const host = 'open.example.test';
const gated = 'sync.app.example.test';
const GRACE = 300;
const upgrade = {
  Connection: 'Upgrade', Upgrade: 'websocket', 'Sec-WebSocket-Version': '13', 'Sec-WebSocket-Key': 'dGhlIHNhbXBsZSBub25jZQ=='
};
const SWITCH = 'HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n';

/** A server's frame: FIN, binary, not masked. */
function frame(payload) {
  const n = payload.length;
  const head = n < 126 ? Buffer.from([0x82, n]) : n < 65536 ? Buffer.from([0x82, 126, n >> 8, n & 255]) : Buffer.concat([Buffer.from([0x82, 127, 0, 0, 0, 0]), Buffer.from([n >>> 24, (n >> 16) & 255, (n >> 8) & 255, n & 255])]);
  return Buffer.concat([head, payload]);
}

const lookup = (_, o, done) => (o.all ? done(null, [{ address: '127.0.0.1', family: 4 }]) : done(null, '127.0.0.1', 4));

describe('the end of tunnels', () => {
  let gate, origin, server;
  const start = (url, more = {}, options = {}) =>
    Gate.start({
      rules: siteRules(url, { limits: { tunnel_grace: `${GRACE}ms`, drain_timeout: '4s' }, ...more }), env: { ...secrets, SESSION_SECRET: 'a secret of a session, long enough' }, ...options
    });
  const dial = (at = host, headers = {}) => {
    const ws = new WebSocket(`wss://${at}:${gate.port}/doc`, { headers, ca: authority().pem, servername: at, lookup });
    ws.seen = [];
    ws.on('message', (d) => ws.seen.push(d));
    ws.on('error', (e) => (ws.failed = e));
    ws.over = new Promise((r) => ws.once('close', (code, reason) => r({ code, reason: reason.toString() })));
    return within('open', new Promise((r, no) => { ws.once('open', () => r(ws)); ws.once('error', no); }));
  };
  afterEach(async () => {
    const all = [gate, origin, server];
    gate = origin = server = undefined;
    await endAll(...all);
  });

  it('a drain says 1012 between two frames, however the origin cuts them', async () => {
    const sent = [];
    origin = await rawOrigin(async (wire, n) => {
      await wire.request();
      // Signed by hand: each client's key differs.
      const key = /sec-websocket-key: *(\S+)/i.exec(wire.bytes.toString('latin1'))[1];
      const accept = createHash('sha1').update(`${key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`).digest('base64');
      await wire.send(SWITCH.replace(/Accept: .*\r/, `Accept: ${accept}\r`));
      const messages = (sent[n] = []);
      const sizes = [0, 1, 125, 126, 1000, 65535, 65536, 70000];
      for (let i = 0; !wire.ended && !wire.socket.destroyed; i++) {
        const payload = randomBytes(sizes[(i + n) % sizes.length]);
        messages.push(payload);
        const bytes = frame(payload);
        const cut = Math.floor(Math.random() * bytes.length);
        wire.socket.write(bytes.subarray(0, cut));
        await sleep(Math.random() * 4);
        wire.socket.write(bytes.subarray(cut));
        await sleep(5 + Math.random() * 5);
      }
    });
    gate = await start(origin.url);
    const all = await Promise.all(Array.from({ length: 16 }, () => dial()));
    await until('all of them to get something', () => all.every((ws) => ws.seen.length > 20));
    const begun = performance.now();
    gate.process.kill('SIGTERM');
    const ends = await within('all of them to be told', Promise.all(all.map((ws) => ws.over)), 5000);
    assert.ok(performance.now() - begun < GRACE + 2500, `${performance.now() - begun} ms`);
    // On a busy machine a boundary may come too late; that is the exception, and then nothing is said at all.
    const cut = ends.filter((e) => e.code === 1006).length;
    assert.ok(cut <= ends.length / 2, `${cut} were cut`);
    for (const [i, end] of ends.entries()) {
      if (end.code !== 1006) assert.deepEqual(end, { code: 1012, reason: 'restart' }, `${i}`);
      assert.equal(all[i].failed, undefined);
      // Which of the origin's connections it was is told by the first bytes.
      const theirs = sent.find((m) => m.length >= all[i].seen.length && m.slice(0, 8).every((p, k) => p.equals(all[i].seen[k])));
      assert.ok(theirs, 'what came is what was sent');
      for (const [k, got] of all[i].seen.entries()) assert.ok(got.equals(theirs[k]), `message ${k}`);
    }
    assert.equal((await within('the end', gate.exited, 5000)).code, 0);
  });

  it('where no boundary comes it is cut, in time, and nothing is said inside the frame', async () => {
    const half = frame(Buffer.alloc(1000, 'h')).subarray(0, 500);
    origin = await rawOrigin(async (wire) => {
      await wire.request();
      await wire.send(Buffer.concat([Buffer.from(SWITCH), half]));
    });
    gate = await start(origin.url);
    const wire = await gate.connect({ host });
    await wire.send(requestBytes({ host, headers: upgrade }));
    assert.equal((await wire.head()).status, 101);
    assert.ok((await wire.take(half.length)).equals(half));
    const begun = performance.now();
    gate.process.kill('SIGTERM');
    const rest = await wire.rest(5000);
    assert.ok(performance.now() - begun < GRACE + 2500, `${performance.now() - begun} ms`);
    assert.equal(rest.length, 0);
    assert.equal((await within('the end', gate.exited, 5000)).code, 0);
  });

  it('where the origin does not speak frames nothing is said either', async () => {
    const bytes = Buffer.from('these are not the frames of a server');
    origin = await rawOrigin(async (wire) => {
      await wire.request();
      await wire.send(Buffer.concat([Buffer.from(SWITCH), bytes]));
    });
    gate = await start(origin.url);
    const wire = await gate.connect({ host });
    await wire.send(requestBytes({ host, headers: upgrade }));
    await wire.head();
    assert.ok((await wire.take(bytes.length)).equals(bytes));
    gate.process.kill('SIGTERM');
    assert.equal((await wire.rest(5000)).length, 0);
    assert.equal((await within('the end', gate.exited, 5000)).code, 0);
  });

  it('close codes pass both ways, with their reasons', async () => {
    const wss = new WebSocketServer({ port: 0, host: '127.0.0.1' });
    server = { stop: () => new Promise((r) => wss.close(r)) };
    await new Promise((r) => wss.once('listening', r));
    const told = [];
    wss.on('connection', (ws) => ws.on('close', (code, reason) => told.push({ code, reason: reason.toString() })));
    gate = await start(`http://127.0.0.1:${wss.address().port}`);
    for (const [code, reason] of [[1000, ''], [1001, 'going away'], [1011, 'broke'], [1012, 'theirs'], [3000, 'lib'], [4001, 'app'], [4409, 'x'.repeat(123)]]) {
      const ws = await dial();
      await until('the origin', () => wss.clients.size === 1);
      for (const c of wss.clients) c.close(code, reason);
      assert.deepEqual(await within('the close', ws.over), { code, reason });
      await until('both to be done', () => wss.clients.size === 0);
      const back = await dial();
      await until('the origin', () => wss.clients.size === 1);
      told.length = 0;
      back.close(code, reason);
      await until('the origin to be told', () => told.length === 1);
      assert.deepEqual(told[0], { code, reason });
      assert.deepEqual(await within('the answer', back.over), { code, reason });
      await until('both to be done', () => wss.clients.size === 0);
    }
    const bare = await dial();
    await until('the origin', () => wss.clients.size === 1);
    for (const c of wss.clients) c.close();
    assert.equal((await within('the close', bare.over)).code, 1005);
    const cut = await dial();
    await until('the origin', () => wss.clients.size === 1);
    for (const c of wss.clients) c.terminate();
    assert.equal((await within('the end', cut.over)).code, 1006);
  });

  it('extensions and subprotocols are the origin\'s', async () => {
    const wss = new WebSocketServer({ port: 0, host: '127.0.0.1', perMessageDeflate: { threshold: 0 }, handleProtocols: (all) => [...all].at(-1) });
    server = { stop: () => new Promise((r) => wss.close(r)) };
    await new Promise((r) => wss.once('listening', r));
    wss.on('connection', (ws) => ws.on('message', (d, isBinary) => ws.send(d, { binary: isBinary })));
    gate = await start(`http://127.0.0.1:${wss.address().port}`);
    const ws = new WebSocket(`wss://${host}:${gate.port}/doc`, ['a', 'b.v2'], { ca: authority().pem, servername: host, lookup });
    ws.seen = [];
    ws.on('message', (d) => ws.seen.push(d));
    await within('open', new Promise((r) => ws.once('open', r)));
    assert.equal(ws.protocol, 'b.v2');
    assert.match(ws.extensions, /permessage-deflate/);
    const text = 'compress me '.repeat(1000);
    ws.send(text);
    await until('the echo', () => ws.seen.length === 1);
    assert.equal(ws.seen[0].toString(), text);
    const over = new Promise((r) => ws.once('close', r));
    gate.process.kill('SIGTERM');
    assert.equal(await within('the restart', over, 4000), 1012);
    assert.equal((await within('the end', gate.exited, 5000)).code, 0);
  });
});

describe('Hocuspocus behind the gate', () => {
  let gate, sync, Cookie;
  const editors = [];
  const rules = () =>
    siteRules(sync.url, { limits: { tunnel_grace: `${GRACE}ms`, drain_timeout: '4s' }, top: { session: { secret: 'env:SESSION_SECRET' } } });
  const env = { ...secrets, SESSION_SECRET: 'a secret of a session, long enough' };
  before(async () => {
    sync = await startSync();
    gate = await Gate.start({ rules: rules(), env });
    // Asks the gate alone: Hocuspocus would not answer this path.
    Cookie = (await gate.request({ host: gated, path: '/.tiergate/sign-in', headers: { Authorization: basic('beta', PASSWORD) } })).get('set-cookie').split(';')[0];
  });
  after(() => {
    for (const e of editors) e.stop();
    return endAll(gate, sync);
  });
  const edit = (name, more = {}) => {
    const e = editor({ url: `wss://${gated}:${gate.port}/`, name, headers: { Cookie }, ...more });
    editors.push(e);
    return e;
  };
  const leave = (...all) => all.forEach((e) => e.stop());
  const text = (e) => e.document.getText('t').toString();
  const lines = (e) => text(e).split('\n').filter(Boolean);

  /** Two editors type all the while that `disturb` runs; both must end with every line of both. */
  const typeThrough = async (name, disturb) => {
    const closes = [];
    const a = edit(name, { onClose: ({ event }) => closes.push(event.code) });
    const b = edit(name);
    await until('both to be in step', () => a.provider.isSynced && b.provider.isSynced);
    let typed = 0;
    const typing = setInterval(() => {
      a.document.getText('t').insert(0, `a${typed}\n`);
      b.document.getText('t').insert(text(b).length, `b${typed}\n`);
      typed++;
    }, 10);
    try {
      await sleep(300);
      await disturb();
      await until('both to be back', () => a.provider.isSynced && b.provider.isSynced, 15000);
      await sleep(300);
    } finally {
      clearInterval(typing);
    }
    await until('all of it on both sides', () => lines(a).length === 2 * typed && text(a) === text(b), 10000);
    const all = new Set(lines(a));
    for (let i = 0; i < typed; i++) assert.ok(all.has(`a${i}`) && all.has(`b${i}`), `line ${i}`);
    assert.ok(typed > 20, `${typed} lines`);
    leave(a, b);
    await until('the places to be free', () => sync.connections(name) === 0, 2000);
    return closes;
  };

  it('editors reconnect through a drain and a new gate, and lose no update', async () => {
    const closes = await typeThrough('drained', async () => {
      const { port } = gate;
      gate.process.kill('SIGTERM');
      assert.equal((await within('the end', gate.exited, 8000)).code, 0);
      gate = await Gate.start({ rules: rules(), env, port });
    });
    assert.equal(closes[0], 1012);
  });

  it('editors reconnect through the death of the worker, and lose no update', async () => {
    await typeThrough('killed', async () => {
      const [old] = gate.workers;
      process.kill(old, 'SIGKILL');
      await until('another worker', () => gate.workers.length && gate.workers[0] !== old);
    });
  });

  it('four share a document; when they leave or break off a fifth gets in at once', async () => {
    for (const how of ['stop', 'terminate']) {
      const name = `full-${how}`;
      const four = Array.from({ length: 4 }, () => edit(name));
      await until('four in step', () => four.every((e) => e.provider.isSynced));
      let refused = 0;
      const fifth = edit(name, { onAuthenticationFailed: () => refused++ });
      await until('the fifth to be refused', () => refused > 0);
      fifth.stop();
      for (const e of four) {
        if (how === 'terminate') e.provider.configuration.websocketProvider.webSocket.terminate();
        e.stop();
      }
      await until('room', () => sync.connections(name) === 0, 1500);
      const next = edit(name);
      await until('the next to be in step', () => next.provider.isSynced, 3000);
      next.stop();
    }
  });
});
