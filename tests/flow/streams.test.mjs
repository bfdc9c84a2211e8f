// What takes long: server-sent events, long polls, uploads that trickle, and uploads that are refused halfway.
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { after, before, describe, it } from 'node:test';
import { promisify } from 'node:util';
import { authority } from '../harness/certs.mjs';
import { answer, pathOrigin } from '../harness/origins.mjs';
import { PASSWORD, startSite } from '../harness/site.mjs';
import { endAll, sleep, until } from '../harness/wait.mjs';
import { basic, requestBytes } from '../harness/wire.mjs';

const host = 'app.example.test';
const MIB = 1 << 20;
const UPLOAD = 50 * MIB;
const run = promisify(execFile);
const TOO_LARGE = 'HTTP/1.1 413 Payload Too Large\r\nContent-Length: 9\r\nX-App: yes\r\n';

describe('streams', () => {
  let site, gate, origin, Cookie;
  const state = {};
  const handlers = {
    '/events': async (wire) => {
      await wire.send('HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nCache-Control: no-cache\r\nTransfer-Encoding: chunked\r\n\r\n');
      state.events = wire;
    },
    '/until-close': async (wire) => {
      await wire.send('HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n');
      state.events = wire;
    },
    '/poll': async (wire) => {
      await sleep(2500);
      await wire.send(answer('news'));
    },
    '/trickle': async (wire, req) => {
      state.got = [];
      const length = Number(req.get('content-length'));
      for (let n = 0; n < length; n++) state.got.push([(await wire.take(1, 10000)).toString(), Date.now()]);
      await wire.send(answer('all of it'));
    },
    // Refuses and goes on reading: what is polite.
    '/polite': async (wire, req) => {
      await wire.send(`${TOO_LARGE}\r\ntoo large`);
      wire.socket.removeAllListeners('data');
      wire.socket.resume();
      await new Promise((r) => wire.socket.once('close', r));
    },
    // Refuses, ends its side, reads on for a while.
    '/ends': async (wire) => {
      await wire.send(`${TOO_LARGE}Connection: close\r\n\r\ntoo large`);
      wire.socket.end();
      wire.socket.removeAllListeners('data');
      wire.socket.resume();
      await new Promise((r) => wire.socket.once('close', r));
    },
    // Refuses and drops the connection with bytes unread in it: what many servers do.
    '/rude': async (wire) => {
      wire.socket.pause();
      await wire.send(`${TOO_LARGE}Connection: close\r\n\r\ntoo large`);
      wire.socket.destroy();
      return false;
    },
    // Reads some of it first.
    '/late': async (wire) => {
      await wire.take(MIB / 2, 20000);
      await wire.send(`${TOO_LARGE}Connection: close\r\n\r\ntoo large`);
      wire.socket.destroy();
      return false;
    }
  };
  before(async () => {
    origin = await pathOrigin(handlers);
    site = await startSite({ origin: origin.url, gate: { threads: 1 } });
    gate = site.gate;
    fs.writeFileSync(path.join(gate.dir, 'upload'), Buffer.alloc(UPLOAD));
    handlers['/'] = (wire) => wire.send(answer('hello'));
    Cookie = (await gate.request({ host, path: '/', headers: { Authorization: basic('beta', PASSWORD) } })).get('set-cookie').split(';')[0];
  });
  after(() => endAll(site, origin));

  const open = async (at, more = {}) => {
    const wire = await gate.connect({ host });
    await wire.send(requestBytes({ host, path: at, ...more, headers: { Cookie, ...more.headers } }));
    return wire;
  };

  it('server-sent events arrive one by one, at once', async () => {
    for (const at of ['/events', '/until-close']) {
      state.events = undefined;
      const wire = await open(at);
      assert.equal((await wire.head()).get('content-type'), 'text/event-stream');
      await until('the origin', () => state.events);
      for (let i = 0; i < 20; i++) {
        const event = `data: number ${i}\n\n`;
        const start = performance.now();
        await state.events.send(at === '/events' ? `${event.length.toString(16)}\r\n${event}\r\n` : event);
        await until('the event', () => wire.buffer.includes(event), 1000, 1);
        assert.ok(performance.now() - start < 500);
        await sleep(i % 5 === 4 ? 200 : 1);
      }
      const theirs = state.events;
      wire.close();
      await until('the origin to be told that nobody listens', () => theirs.ended, 1500);
    }
  });

  it('a long poll is waited for, and others go on meanwhile', async () => {
    const slow = gate.request({ host, path: '/poll', headers: { Cookie } });
    for (let i = 0; i < 20; i++) assert.equal((await gate.request({ host, path: '/', headers: { Cookie } })).text, 'hello');
    assert.equal((await slow).text, 'news');
  });

  it('a slow upload is passed on as it comes', async () => {
    const text = 'trickled';
    const wire = await open('/trickle', { method: 'POST', headers: { 'Content-Length': String(text.length) } });
    const sent = [];
    for (const c of text) {
      sent.push(Date.now());
      await wire.send(c);
      await sleep(150);
    }
    assert.equal((await wire.response()).text, 'all of it');
    assert.equal(state.got.map(([c]) => c).join(''), text);
    for (const [i, [, at]] of state.got.entries()) assert.ok(at - sent[i] < 120, `byte ${i} took ${at - sent[i]} ms`);
    wire.close();
  });

  /** Uploads UPLOAD bytes; a client that looks reads meanwhile and stops at an answer, one that does not reads when it is done. */
  const block = Buffer.alloc(256 * 1024, 'x');
  const upload = async (at, headers, looks) => {
    const chunked = headers['Transfer-Encoding'] !== undefined;
    const part = chunked ? Buffer.concat([Buffer.from(`${block.length.toString(16)}\r\n`), block, Buffer.from('\r\n')]) : block;
    const wire = await open(at, { method: 'POST', headers });
    if (!looks) wire.pause();
    let go = () => {};
    wire.socket.on('drain', () => go());
    wire.socket.on('close', () => go());
    let sent = 0;
    for (; sent < UPLOAD && !wire.ended && !wire.socket.destroyed && !(looks && wire.seen.length); sent += block.length)
      if (!wire.socket.write(part)) await new Promise((r) => (go = r));
    wire.resume();
    const r = await wire.response({ ms: 20000 }).catch((e) => e);
    wire.close();
    r.sent = sent;
    return r;
  };

  for (const at of ['/polite', '/ends', '/rude', '/late']) {
    for (const looks of [true, false]) {
      it(`${at}: an early 413 is read by an uploader that ${looks ? 'looks for it' : 'does not look'}, each time`, async () => {
        const lost = [];
        const times = looks ? 30 : 6;
        for (let i = 0; i < times; i++) {
          const r = await upload(at, i % 3 === 2 ? { 'Transfer-Encoding': 'chunked' } : { 'Content-Length': String(UPLOAD) }, looks);
          if (r instanceof Error || r.status !== 413 || r.text !== 'too large' || r.get('x-app') !== 'yes' || (!looks && r.sent < UPLOAD))
            lost.push(`${i}: ${r instanceof Error ? r.message : `${r.status} ${r.get('tiergate')} ${r.text} after ${r.sent}`}`);
        }
        assert.deepEqual(lost, []);
      });
    }
  }

  it('the gate\'s own early refusal is read, too', async () => {
    const lost = [];
    for (let i = 0; i < 12; i++) {
      const r = await upload('/closed/x', { 'Content-Length': String(UPLOAD) }, i % 2 === 0);
      if (r instanceof Error || r.status !== 403) lost.push(r instanceof Error ? r.message : r.status);
    }
    assert.deepEqual(lost, []);
  });

  it('curl reads the early 413 as well, with Expect and without', async () => {
    for (const expect of ['Expect:', 'Expect: 100-continue']) {
      for (const at of ['/polite', '/ends', '/rude', '/late']) {
        const { stdout } = await run('curl', [
          '-sS', '--http1.1', '--max-time', '20', '--cacert', authority().certFile, '--resolve', `${host}:${gate.port}:127.0.0.1`, '--noproxy', '*', '-b', Cookie, '-H', expect,
          '--data-binary', `@${path.join(gate.dir, 'upload')}`, '-w', ' %{http_code}', gate.url(host, at)
        ]);
        assert.equal(stdout, 'too large 413', `${at} ${expect}`);
      }
    }
  });

  it('and the gate is whole after all that', async () => {
    const r = await gate.request({ host, path: '/', headers: { Cookie } });
    assert.equal(r.text, 'hello');
    assert.equal(r.get('x-app'), undefined);
  });
});
