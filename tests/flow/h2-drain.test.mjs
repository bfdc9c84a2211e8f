// The end of HTTP/2 connections, and what does not end them: restarts, reloads, limits, idleness; and one connection for several hosts.
import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import { afterEach, describe, it } from 'node:test';
import { authority } from '../harness/certs.mjs';
import { block, data, ERROR, field, FLAG, frame, Frames, indexedField, NO_TABLE, ping, TYPE, windowUpdate } from '../harness/frames.mjs';
import { h2Origin } from '../harness/h2-origins.mjs';
import { ask, session } from '../harness/http2.mjs';
import { pathOrigin } from '../harness/origins.mjs';
import { PASSWORD, OTHER_PASSWORD, siteRules, startSite } from '../harness/site.mjs';
import { endAll, sleep, until, within } from '../harness/wait.mjs';
import { basic } from '../harness/wire.mjs';

const OPEN = 'open.example.test', APP = 'app.example.test';
const NOTICE = 0x7fffffff;
const PIECES = 12, PIECE = 20000;

describe('HTTP/2 connections', () => {
  let site, origin, connection, f;
  const song = randomBytes(PIECES * PIECE);

  const startOrigin = async () => {
    origin = await pathOrigin({
      '/slow': async (wire) => {
        await wire.send(`HTTP/1.1 200 OK\r\nContent-Length: ${song.length}\r\n\r\n`);
        for (let i = 0; i < PIECES; i++) {
          await wire.send(song.subarray(i * PIECE, (i + 1) * PIECE));
          await sleep(120);
        }
      },
      '/late': async (wire) => {
        await sleep(1200);
        await wire.send('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok');
      },
      '/held': () => new Promise(() => {}),
      '*': async (wire, req) => {
        if (req.has('content-length')) req.body = await wire.take(Number(req.get('content-length')), 60000);
        else if (req.has('transfer-encoding')) await wire.chunked(req, 60000);
        const sum = createHash('sha256').update(req.body ?? '').digest('hex');
        await wire.send(`HTTP/1.1 200 OK\r\nContent-Length: ${sum.length}\r\n\r\n${sum}`);
      }
    });
  };
  const start = async (limits = {}, more = {}) => {
    await startOrigin();
    site = await startSite({ origin: origin.url, more: { limits: { drain_timeout: '10s', ...limits }, ...more } });
  };
  const connect = async (host = OPEN) => {
    connection = await session({ port: site.gate.port, servername: host, ca: authority().pem });
    connection.on('error', () => {});
    return connection;
  };
  const frames = async (host = OPEN) => (f = await Frames.open(site.gate, { host, initial: NO_TABLE }));
  const goaways = () => f.of(TYPE.GOAWAY).map((g) => [g.payload.readUInt32BE(0), g.payload.readUInt32BE(4)]);
  const exits = async () => assert.equal((await within('the end', site.gate.exited, 12000)).code, 0);

  afterEach(async () => {
    connection?.destroy();
    f?.close();
    const gate = site?.gate;
    const all = [gate?.how ? undefined : site, origin];
    site = origin = connection = f = undefined;
    await endAll(...all);
  });

  /** Fifty streams of all kinds; resolves when each has been answered whole. */
  const fifty = (c) => {
    const name = site.gate.authority(OPEN);
    const down = Array.from({ length: 20 }, async () => {
      const r = await ask(c, { authority: name, path: '/slow', ms: 30000 });
      assert.ok(r.body.equals(song));
    });
    const late = Array.from({ length: 10 }, async () => assert.equal((await ask(c, { authority: name, path: '/late', ms: 30000 })).text, 'ok'));
    const up = Array.from({ length: 20 }, async () => {
      const s = c.request({ ':method': 'POST', ':authority': name, ':path': '/up' });
      const sum = createHash('sha256'), parts = [];
      s.on('data', (d) => parts.push(d));
      const over = new Promise((resolve, reject) => {
        s.on('end', resolve);
        s.on('error', reject);
      });
      for (let i = 0; i < 12; i++) {
        const piece = randomBytes(5000);
        sum.update(piece);
        s.write(piece);
        await sleep(120);
      }
      s.end();
      await within('the answer to an upload', over, 30000);
      assert.equal(Buffer.concat(parts).toString(), sum.digest('hex'));
    });
    return Promise.all([...down, ...late, ...up]);
  };

  it('a restart lets fifty streams end', async () => {
    await start();
    const c = await connect();
    const all = fifty(c);
    await until('all to be under way', () => origin.requests.length === 50);
    site.gate.process.kill('SIGTERM');
    await all;
    await exits();
  });

  it('twenty reloads lose none of fifty streams, and none that begins meanwhile', async () => {
    await start();
    const c = await connect();
    let away = false;
    c.on('goaway', () => (away = true));
    const all = fifty(c);
    await until('all to be under way', () => origin.requests.length === 50);
    for (let i = 0; i < 20; i++) {
      const rules = siteRules(origin.url, { limits: { drain_timeout: '10s' }, top: { tier: `after ${i}` } });
      const asked = ask(c, { authority: site.gate.authority(OPEN), path: '/beside' });
      await site.gate.reload(rules, /reload: ok/);
      assert.equal((await asked).status, 200);
    }
    await all;
    assert.equal(away, false);
    assert.equal((await ask(c, { authority: site.gate.authority(OPEN) })).status, 200);
  });

  it('a restart is announced first; what crosses the notice is answered, what comes behind the last word is not taken', async () => {
    await start();
    await frames();
    f.send(f.head(1, { method: 'POST', end: false, path: '/up' }), data(1, 'be'));
    await until('it to be under way', () => origin.requests.length === 1);
    site.gate.process.kill('SIGTERM');
    await f.until('the notice', () => f.goaway);
    assert.deepEqual(goaways(), [[NOTICE, ERROR.NO_ERROR]]);
    f.request(3, { path: '/crossed' });
    await f.until('the answer to what crossed', () => f.answered(3));
    assert.equal(f.status(3), 200);
    await f.until('the last word', () => f.of(TYPE.GOAWAY).length === 2);
    assert.deepEqual(goaways()[1], [3, ERROR.NO_ERROR]);
    f.request(5, { path: '/too-late' });
    await sleep(200);
    assert.equal(f.answered(5), false);
    f.send(data(1, 'gun', true));
    await f.until('the answer to what was under way', () => f.answered(1));
    assert.equal(f.status(1), 200);
    await f.until('the end', () => f.ended);
    assert.ok(!origin.requests.some((r) => r.target === '/too-late'));
    await exits();
  });

  describe('that have said their last word, with a request still open (RFC 9113 §6.8)', () => {
    const away = async () => {
      origin = await h2Origin();
      site = await startSite({
        origin: origin.url, // or it would have one of its own
        more: {
          limits: { drain_timeout: '10s' }, origins: { two: { url: origin.url, http: '2' } },
          hosts: [{ host: 'two.example.test', origin: 'two', public: true, rules: [{ path: '/*', action: 'bypass' }] }]
        }
      });
      await frames('two.example.test');
      f.send(f.head(1, { method: 'POST', end: false, path: '/up' }), data(1, 'be'));
      await until('it to be under way', () => origin.requests.length === 1);
      site.gate.process.kill('SIGTERM');
      await f.until('the last word', () => f.of(TYPE.GOAWAY).length === 2);
    };
    const answer = async (end) => {
      f.send(end);
      await f.until('the answer to what was under way', () => f.answered(1));
      assert.equal(f.status(1), 200);
      return JSON.parse(Buffer.concat(f.of(TYPE.DATA, 1).map((d) => d.payload)).toString());
    };
    const over = async () => {
      await f.until('the end', () => f.ended);
      assert.deepEqual(goaways(), [[NOTICE, ERROR.NO_ERROR], [1, ERROR.NO_ERROR]]);
      assert.deepEqual(origin.requests.map((h) => h[':path']), ['/up']);
      await exits();
    };

    it('what a request that is not taken puts into the table of fields is there for others', async () => {
      await away();
      const pseudo = block([[':method', 'POST'], [':scheme', 'https'], [':authority', f.authority], [':path', '/too-late']]);
      f.send(frame(TYPE.HEADERS, 0, 3, Buffer.concat([pseudo, field('x-first', 'one', { indexed: true })])),
        frame(TYPE.CONTINUATION, FLAG.END_HEADERS, 3, field('x-second', 'two', { indexed: true })),
        frame(TYPE.HEADERS, FLAG.END_HEADERS | FLAG.END_STREAM, 3, field('x-third', 'three', { indexed: true })));
      const said = await answer(frame(TYPE.HEADERS, FLAG.END_HEADERS | FLAG.END_STREAM, 1, Buffer.concat([62, 63, 64].map(indexedField))));
      assert.deepEqual(said.trailers, { 'x-first': 'one', 'x-second': 'two', 'x-third': 'three' });
      await over();
    });

    it('payload that is not taken counts for the window of the connection, which is given back', async () => {
      await away();
      const piece = Buffer.alloc(16000), late = 80;
      const window = () => f.of(TYPE.WINDOW_UPDATE, 0).reduce((sum, u) => sum + u.payload.readUInt32BE(0), 65535);
      let sent = 2;
      for (let i = 0; i < late; i++) {
        await f.until('the window to open', () => window() >= sent + piece.length || f.ended);
        f.send(f.head(3 + 2 * i, { method: 'POST', end: false, path: '/too-late' }), data(3 + 2 * i, piece));
        sent += piece.length;
      }
      assert.ok(sent > 1 << 20 && window() > 1 << 20);
      assert.equal((await answer(data(1, 'gun', true))).length, 5);
      await over();
    });

    it('what else is said about requests that are not taken is no flood', async () => {
      await away();
      for (let id = 3; id < 83; id += 2) f.send(f.head(id, { path: '/too-late' }), windowUpdate(id, 1000));
      assert.equal((await answer(data(1, 'gun', true))).length, 5);
      await over();
    });
  });

  it('an idle one ends with a restart, in two steps all the same', async () => {
    await start();
    await frames();
    f.request(1);
    await f.until('an answer', () => f.answered(1));
    site.gate.process.kill('SIGTERM');
    await f.until('the end', () => f.ended, 5000);
    assert.deepEqual(goaways(), [[NOTICE, ERROR.NO_ERROR], [1, ERROR.NO_ERROR]]);
    await exits();
  });

  it('streams that never end are cut when the drain\'s time is over', async () => {
    await start({ drain_timeout: '2s' });
    await frames();
    f.request(1, { path: '/held' });
    await until('it to be under way', () => origin.requests.length === 1);
    const begun = performance.now();
    site.gate.process.kill('SIGTERM');
    await f.until('the end', () => f.ended, 10000);
    assert.ok(performance.now() - begun > 1500);
    assert.equal(f.answered(1), false);
    await exits();
  });

  it('have so many requests, then go away without losing one', async () => {
    await start({ requests_per_connection: 5 });
    await frames();
    for (let id = 1; id <= 7; id += 2) {
      f.request(id);
      await f.until('an answer', () => f.answered(id));
    }
    assert.equal(f.goaway, undefined);
    f.send(f.head(9, { path: '/late' }), f.head(11));
    await f.until('the notice', () => f.goaway);
    f.request(13);
    await f.until('the end', () => f.ended, 8000);
    assert.deepEqual([9, 11, 13].map((id) => f.status(id)), [200, 200, 200]);
    assert.deepEqual(goaways(), [[NOTICE, ERROR.NO_ERROR], [13, ERROR.NO_ERROR]]);
  });

  it('a client of one that goes away asks on another, and loses nothing', async () => {
    await start({ requests_per_connection: 20 });
    let c = await connect(), opened = 1;
    const seen = new Set();
    for (let i = 0; i < 100; i++) {
      if (c.closed || c.destroyed || c.goingAway) {
        c = await connect();
        opened++;
      }
      const one = c;
      one.once('goaway', () => (one.goingAway = true));
      seen.add((await ask(one, { authority: site.gate.authority(OPEN), path: `/${i}` })).status);
    }
    assert.deepEqual([...seen], [200]);
    assert.ok(opened >= 4, `${opened} connections`);
    assert.equal(origin.requests.length, 100);
  });

  describe('that are idle', () => {
    const idle = { keepalive_timeout: '1s', header_timeout: '3s' };
    it('after answers of every kind end in peace', async () => {
      await start(idle);
      for (const [name, what] of [['an origin\'s', { path: '/' }], ['the gate\'s own', { path: '/.tiergate/health' }], ['a refusal', { pseudo: [[':method', 'TRACE'], [':scheme', 'https'], [':authority', site.gate.authority(OPEN)], [':path', '/']] }]]) {
        await frames();
        f.request(1, what);
        await f.until(`${name} answer`, () => f.answered(1));
        const at = performance.now();
        await f.until(`the end after ${name} answer`, () => f.ended, 4000);
        assert.deepEqual(goaways(), [[1, ERROR.NO_ERROR]], name);
        assert.ok(performance.now() - at > 700, name);
      }
    });
    it('however much they ping', async () => {
      await start(idle);
      await frames();
      f.request(1);
      await f.until('an answer', () => f.answered(1));
      for (let i = 0; i < 20 && !f.ended; i++) {
        f.send(ping());
        await sleep(200);
      }
      assert.ok(f.ended);
    });
    it('without ever a request', async () => {
      await start(idle);
      await frames();
      await f.until('the end', () => f.ended, 8000);
      assert.deepEqual(goaways(), [[0, ERROR.NO_ERROR]]);
    });
    it('are not those with a stream, nor those between two requests', async () => {
      await start(idle);
      await frames();
      for (let i = 0; i < 4; i++) {
        f.request(2 * i + 1);
        await f.until('an answer', () => f.answered(2 * i + 1));
        await sleep(500);
      }
      f.request(101, { path: '/late' });
      await f.until('the late answer', () => f.answered(101));
      f.request(103, { path: '/held' });
      await sleep(2500);
      assert.equal(f.goaway, undefined);
      assert.ok(await f.lives());
    });
  });

  describe('for several hosts (coalescing)', () => {
    const over = (c, host, headers = {}, path = '/') => ask(c, { authority: site.gate.authority(host), path, headers });
    it('each request is decided by its own :authority alone', async () => {
      await start();
      const c = await connect(OPEN);
      const mine = { authorization: basic('beta', PASSWORD) }, theirs = { authorization: basic('beta', OTHER_PASSWORD) };
      const r = await Promise.all([
        over(c, OPEN), over(c, APP), over(c, APP, mine), over(c, 'other.example.test', mine), over(c, 'other.example.test', theirs),
        over(c, APP, {}, '/docs/x'), over(c, APP, mine, '/closed/x'), over(c, 'pr-7.app.example.test'), over(c, 'sync.app.example.test', mine)
      ]);
      assert.deepEqual(r.map((one) => one.status), [200, 401, 200, 401, 200, 200, 403, 401, 200]);
      assert.match(r[1].get('www-authenticate'), /realm="app"/);
      assert.match(r[3].get('www-authenticate'), /realm="other"/);
      // A session that one stream began says nothing for its neighbours.
      assert.equal((await over(c, APP)).status, 401);
      const cookie = r[2].get('set-cookie').split(';')[0];
      assert.deepEqual((await Promise.all(['sync.app.example.test', 'other.example.test', 'solo.example.test'].map((h) => over(c, h, { cookie })))).map((one) => one.status), [200, 401, 401]);
    });
    it('421 for a host of another certificate, and for one that nobody serves; the connection goes on', async () => {
      await startOrigin();
      const second = authority().issue(['second.test', '*.second.test']);
      site = await startSite({ origin: origin.url, more: { hosts: [{ host: 'www.second.test', origin: 'web', public: true, rules: [{ path: '/*', action: 'bypass' }] }], top: {} }, gate: { pairs: [second] } });
      const c = await connect(OPEN);
      const r = await over(c, 'www.second.test');
      assert.deepEqual([r.status, r.get('tiergate') !== undefined], [421, true]);
      assert.equal((await over(c, 'nobody.example.test')).status, 421);
      assert.equal((await over(c, OPEN)).status, 200);
      c.destroy();
      const d = await connect('www.second.test');
      assert.equal((await over(d, 'www.second.test')).status, 200);
      assert.equal((await over(d, OPEN)).status, 421);
      assert.equal((await over(d, APP, { authorization: basic('beta', PASSWORD) })).status, 421);
      assert.ok(!origin.requests.some((q) => q.get('authorization')));
    });
  });
});
