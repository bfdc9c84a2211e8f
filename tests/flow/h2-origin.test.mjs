// HTTP/2 towards origins: every kind of body, many streams on one connection, what is asked and what is not.
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { after, before, describe, it } from 'node:test';
import { authority } from '../harness/certs.mjs';
import { echo, h2Origin } from '../harness/h2-origins.mjs';
import * as http2 from '../harness/http2.mjs';
import { WebSocketServer } from '../harness/lib.mjs';
import { echoOrigin } from '../harness/origins.mjs';
import { startSite } from '../harness/site.mjs';
import { endAll, until } from '../harness/wait.mjs';
import { requestBytes } from '../harness/wire.mjs';

const BIG = Buffer.alloc(3_000_000, 'tiergate ');
const sha256 = (b) => createHash('sha256').update(b).digest('hex');

const handlers = {
  '/length': (s) => {
    s.respond({ ':status': 200, 'content-length': 5, 'x-a': 'b' });
    s.end('hello');
  },
  '/unknown': (s) => {
    s.respond({ ':status': 200 });
    s.write('hel');
    setTimeout(() => s.end('lo'), 20);
  },
  '/empty': (s) => s.respond({ ':status': 200 }, { endStream: true }),
  '/204': (s) => s.respond({ ':status': 204 }, { endStream: true }),
  '/304': (s) => s.respond({ ':status': 304, etag: '"x"' }, { endStream: true }),
  '/head': (s) => s.respond({ ':status': 200, 'content-length': 12345 }, { endStream: true }),
  '/big': (s) => {
    s.respond({ ':status': 200 });
    s.end(BIG);
  },
  '/interim': (s) => {
    s.additionalHeaders({ ':status': 103, link: '</a.css>; rel=preload' });
    s.respond({ ':status': 200 });
    s.end('after');
  },
  '/early': (s) => {
    s.respond({ ':status': 413 });
    s.end('too much');
  },
  '/cookies': (s) => {
    s.respond({ ':status': 200, 'set-cookie': ['a=1', 'b=2'] });
    s.end();
  },
  '/slowly': (s) => setTimeout(() => {
    s.respond({ ':status': 200 });
    s.end('late');
  }, 300),
  '*': echo
};

describe('an origin with HTTP/2', () => {
  let site, gate, plain, secure, both, one, oneTls;

  before(async () => {
    const pair = authority().issue(['localhost']);
    const http1 = (req, res) => res.end(`http1 ${req.url}`);
    plain = await h2Origin(handlers);
    secure = await h2Origin(handlers, { pair });
    both = await h2Origin(handlers, { pair, http1 });
    const wss = new WebSocketServer({ noServer: true });
    both.server.on('upgrade', (req, socket, head) => wss.handleUpgrade(req, socket, head, () => both.http1.push('websocket')));
    one = await echoOrigin('one');
    const { default: https } = await import('node:https');
    const { readFileSync } = await import('node:fs');
    const server = https.createServer({ cert: readFileSync(pair.cert), key: readFileSync(pair.key) }, (req, res) => res.end(`only http1 ${req.url}`));
    await new Promise((r) => server.listen(0, '127.0.0.1', r));
    oneTls = { port: server.address().port, close: () => (server.closeAllConnections(), new Promise((r) => server.close(r))) };
    const tls = { ca: authority().certFile };
    const origins = {
      plain: { url: plain.url, http: '2' },
      secure: { url: secure.url, http: '2', tls },
      auto: { url: both.url, http: 'auto', tls },
      prefers1: { url: `https://localhost:${oneTls.port}`, http: 'auto', tls },
      wrong: { url: `https://localhost:${oneTls.port}`, http: '2', tls },
      wrongplain: { url: one.url, http: '2', connect_timeout: '3s' },
      autoplain: { url: one.url, http: 'auto' },
      usual: { url: both.url, tls },
      unsaid: { url: plain.url },
      both: { url: both.url, http: '2', tls }
    };
    const hosts = Object.keys(origins).map((n) => ({ host: `${n}.example.test`, origin: n, public: true, rules: [{ path: '/*', action: 'bypass' }] }));
    site = await startSite({ more: { origins, hosts }, gate: { threads: 1 } });
    gate = site.gate;
  });
  after(() => endAll(site, plain, secure, both, one, oneTls));

  const ask = (host, path, more = {}) => gate.request({ host: `${host}.example.test`, path, ...more });

  for (const host of ['plain', 'secure', 'auto'])
    describe(host, () => {
      it('answers with a length', async () => {
        const r = await ask(host, '/length');
        assert.equal(r.status, 200);
        assert.equal(r.get('content-length'), '5');
        assert.equal(r.get('x-a'), 'b');
        assert.equal(r.text, 'hello');
      });
      it('answers without', async () => assert.equal((await ask(host, '/unknown')).text, 'hello'));
      it('answers with nothing', async () => {
        const r = await ask(host, '/empty');
        assert.equal(r.status, 200);
        assert.equal(r.body.length, 0);
      });
      it('answers 204 and 304', async () => {
        assert.equal((await ask(host, '/204')).status, 204);
        const r = await ask(host, '/304');
        assert.equal(r.status, 304);
        assert.equal(r.get('etag'), '"x"');
      });
      it('answers HEAD', async () => {
        const r = await ask(host, '/head', { method: 'HEAD' });
        assert.equal(r.status, 200);
        assert.equal(r.get('content-length'), '12345');
      });
      it('answers at length', async () => assert.equal(sha256((await ask(host, '/big')).body), sha256(BIG)));
      it('takes a body', async () => {
        const seen = JSON.parse((await ask(host, '/up', { method: 'POST', body: BIG })).text);
        assert.equal(seen.length, BIG.length);
        assert.equal(seen.sha256, sha256(BIG));
        assert.equal(seen.headers['content-length'], String(BIG.length));
      });
      it('takes a body of nothing', async () => {
        const seen = JSON.parse((await ask(host, '/up', { method: 'POST', headers: { 'Content-Length': '0' } })).text);
        assert.equal(seen.length, 0);
      });
      it('passes interim heads on', async () => {
        const wire = await gate.connect({ host: `${host}.example.test` });
        await wire.send(requestBytes({ host: gate.authority(`${host}.example.test`), path: '/interim' }));
        const r = await wire.response();
        wire.close();
        assert.equal(r.text, 'after');
        assert.equal(r.interims.length, 1);
        assert.equal(r.interims[0].status, 103);
      });
      it('keeps several cookies apart', async () => {
        const r = await ask(host, '/cookies');
        assert.deepEqual(r.all('set-cookie'), ['a=1', 'b=2']);
      });
      it('is asked in its own words', async () => {
        const seen = JSON.parse((await ask(host, '/words?a=%20b', { headers: { 'X-Mixed-Case': 'Yes', Cookie: 'a=1; b=2', TE: 'trailers', 'X-Forwarded-For': '6.6.6.6' } })).text);
        assert.equal(seen.headers[':method'], 'GET');
        assert.equal(seen.headers[':path'], '/words?a=%20b');
        assert.equal(seen.headers[':scheme'], host === 'plain' ? 'http' : 'https');
        assert.match(seen.headers[':authority'], /^localhost:\d+$/);
        assert.equal(seen.headers.host, undefined);
        assert.equal(seen.headers['x-mixed-case'], 'Yes');
        assert.equal(seen.headers.cookie, 'a=1; b=2');
        assert.equal(seen.headers.te, undefined);
        assert.equal(seen.headers['x-forwarded-for'], '127.0.0.1');
        assert.equal(seen.headers['x-forwarded-proto'], 'https');
        assert.equal(seen.headers['x-forwarded-host'], gate.authority(`${host}.example.test`));
      });
      it('may answer before it has read', async () => {
        const r = await ask(host, '/early', { method: 'POST', body: 'x'.repeat(200000) });
        assert.equal(r.status, 413);
        assert.equal(r.text, 'too much');
        assert.equal((await ask(host, '/length')).text, 'hello');
      });
    });

  it('serves a hundred streams by one connection', async () => {
    for (const s of plain.open) s.close();
    await until('the connections to end', () => plain.open.size === 0);
    const before = plain.sessions;
    const c = await http2.session({ port: gate.port, servername: 'plain.example.test', ca: authority().pem });
    const all = await Promise.all(Array.from({ length: 100 }, () => http2.ask(c, { authority: gate.authority('plain.example.test'), path: '/slowly' })));
    c.destroy();
    assert.ok(all.every((r) => r.status === 200 && r.text === 'late'));
    assert.equal(plain.sessions - before, 1);
  });

  it('opens another connection when all are full', async () => {
    const few = await h2Origin({ '*': handlers['/slowly'] }, { options: { settings: { maxConcurrentStreams: 10 } } });
    const more = await startSite({ more: { origins: { few: { url: few.url, http: '2' } }, hosts: [{ host: 'few.example.test', origin: 'few', public: true, rules: [{ path: '/*', action: 'bypass' }] }] }, gate: { threads: 1 } });
    try {
      const c = await http2.session({ port: more.gate.port, servername: 'few.example.test', ca: authority().pem });
      const all = await Promise.all(Array.from({ length: 25 }, () => http2.ask(c, { authority: more.gate.authority('few.example.test') })));
      c.destroy();
      assert.ok(all.every((r) => r.status === 200 && r.text === 'late'));
      assert.ok(few.sessions >= 3 && few.sessions <= 4, `${few.sessions} connections`);
    } finally {
      await endAll(more, few);
    }
  });

  it('is asked by HTTP/1.1 when it chooses that', async () => {
    assert.equal((await ask('prefers1', '/a')).text, 'only http1 /a');
    assert.equal((await ask('autoplain', '/b')).status, 200);
    assert.equal((await ask('usual', '/c')).text, 'http1 /c');
  });

  it('is not asked when it does not speak it', async () => {
    for (const host of ['wrong', 'wrongplain']) {
      const r = await ask(host, '/x');
      assert.equal(r.status, 502);
      assert.equal(r.get('tiergate'), 'origin-no-http2');
    }
    const line = await gate.line((l) => l.host === 'wrongplain.example.test' && l.status === 502);
    assert.equal(line.detail, 'what it answers with is not HTTP/2');
  });

  it('is said to speak it where nobody said so', async () => {
    const r = await ask('unsaid', '/x');
    assert.equal(r.status, 502);
    const line = await gate.line((l) => l.host === 'unsaid.example.test' && l.status === 502);
    assert.equal(line.detail, 'it speaks HTTP/2, so its `http` should be "2"');
  });

  it('gets WebSockets by HTTP/1.1', async () => {
    for (const host of ['both', 'auto']) {
      const before = both.http1.length;
      assert.equal((await upgrade(gate, `${host}.example.test`)).status, 101);
      assert.deepEqual(both.http1.slice(before), ['websocket']);
    }
    assert.equal((await upgrade(gate, 'secure.example.test')).status, 502); // speaks no HTTP/1.1
  });

  it('gets no WebSocket without TLS', async () => {
    const r = await upgrade(gate, 'plain.example.test');
    assert.equal(r.status, 502);
    assert.equal(r.get('tiergate'), 'origin-http2-only');
  });
});

async function upgrade(gate, host) {
  const wire = await gate.connect({ host });
  await wire.send(requestBytes({ host: gate.authority(host), path: '/ws', headers: { Connection: 'Upgrade', Upgrade: 'websocket', 'Sec-WebSocket-Version': '13', 'Sec-WebSocket-Key': 'dGhlIHNhbXBsZSBub25jZQ==' } }));
  const r = await wire.response();
  wire.close();
  return r;
}
