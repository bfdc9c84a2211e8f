// HTTP/1.1 through the gate, seen from both sides to the byte.
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { answer, pathOrigin } from '../harness/origins.mjs';
import { startSite } from '../harness/site.mjs';
import { endAll, sleep, until } from '../harness/wait.mjs';
import { requestBytes } from '../harness/wire.mjs';

const host = 'open.example.test';
const release = {};

const handlers = {
  '*': (wire, req) => wire.send(answer(req.target)),
  '/head': (wire) => wire.send('HTTP/1.1 200 OK\r\nContent-Length: 1234\r\nX-Kind: head\r\n\r\n'),
  '/204': (wire) => wire.send('HTTP/1.1 204 No Content\r\nX-Kind: empty\r\n\r\n'),
  '/304': (wire) => wire.send('HTTP/1.1 304 Not Modified\r\nETag: "a"\r\nContent-Length: 77\r\n\r\n'),
  '/chunks': (wire) => wire.send('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\nA;x=y\r\n0123456789\r\n0\r\nX-Trailer: secret\r\n\r\n'),
  '/close-delimited': async (wire) => {
    await wire.send('HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nuntil the end');
    return false;
  },
  '/early-hints': (wire) =>
    wire.send(`HTTP/1.1 103 Early Hints\r\nLink: </a.css>; rel=preload\r\n\r\nHTTP/1.1 102 Processing\r\n\r\n${answer('late')}`),
  '/continue': async (wire, req) => {
    await wire.send('HTTP/1.1 100 Continue\r\n\r\n');
    const body = await wire.take(Number(req.get('content-length')));
    await wire.send(answer(body.toString()));
  },
  '/upload': async (wire, req) => {
    if (/chunked/.test(req.get('transfer-encoding') ?? '')) await wire.chunked(req);
    else req.body = await wire.take(Number(req.get('content-length') ?? 0));
    req.left = wire.buffer.length;
    await wire.send(answer(`${req.body.length} ${req.trailers.length}`));
  },
  '/early': async (wire) => {
    await wire.send('HTTP/1.1 413 Content Too Large\r\nContent-Length: 5\r\nConnection: close\r\n\r\nenoug');
    await sleep(50);
    return false;
  },
  '/slow-first': async (wire) => {
    await new Promise((r) => (release.first = r));
    await wire.send(answer('first'));
  },
  '/nominated': (wire) =>
    wire.send('HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: X-Hop, keep-alive\r\nX-Hop: 1\r\nKeep-Alive: timeout=5\r\nX-Stay: 1\r\n\r\nok'),
  '/reason': (wire) => wire.send('HTTP/1.1 299 Strange But True\r\nContent-Length: 0\r\n\r\n')
};

describe('HTTP/1.1', () => {
  let site, origin, gate;
  before(async () => {
    origin = await pathOrigin(handlers);
    site = await startSite({ origin: origin.url });
    gate = site.gate;
  });
  after(() => endAll(site, origin));
  const last = () => origin.requests.at(-1);
  const ask = (path, more = {}) => gate.request({ host, path, ...more });

  it('passes a request and its answer', async () => {
    const r = await ask('/page?q=a%20b&x=[1]');
    assert.equal(r.status, 200);
    assert.equal(r.text, '/page?q=a%20b&x=[1]');
    assert.equal(last().first, 'GET /page?q=a%20b&x=[1] HTTP/1.1');
  });

  it('keeps a connection for the next request', async () => {
    const wire = await gate.connect({ host });
    for (const path of ['/one', '/two', '/three']) {
      await wire.send(requestBytes({ host, path }));
      assert.equal((await wire.response()).text, path);
    }
    wire.close();
  });

  it('closes after Connection: close, and after HTTP/1.0', async () => {
    for (const [version, headers] of [['HTTP/1.1', { Connection: 'close' }], ['HTTP/1.0', {}]]) {
      const wire = await gate.connect({ host });
      await wire.send(requestBytes({ host, path: '/bye', headers, version }));
      const r = await wire.response();
      assert.equal(r.text, '/bye', version);
      assert.match(r.get('connection'), /close/, version);
      assert.equal((await wire.rest()).length, 0, version);
    }
  });

  it('answers pipelined requests in order', async () => {
    const wire = await gate.connect({ host });
    await wire.send(Buffer.concat(['/slow-first', '/b', '/c'].map((path) => requestBytes({ host, path }))));
    await until('the first to arrive', () => release.first);
    release.first();
    assert.equal((await wire.response()).text, 'first');
    assert.equal((await wire.response()).text, '/b');
    assert.equal((await wire.response()).text, '/c');
    wire.close();
  });

  it('gives one answer, however the request is cut', async () => {
    const bytes = requestBytes({ host, path: '/upload', method: 'POST', body: '5\r\nhello\r\n0\r\n\r\n', headers: { 'Transfer-Encoding': 'chunked' } });
    const wires = await Promise.all(Array.from(bytes.keys(), () => gate.connect({ host })));
    await Promise.all(wires.map(async (wire, at) => {
      await wire.send(bytes.subarray(0, at));
      await sleep(5);
      await wire.send(bytes.subarray(at));
      assert.equal((await wire.response()).text, '5 0', `cut at ${at}`);
      wire.close();
    }));
  });

  it('takes a request byte by byte', async () => {
    const wire = await gate.connect({ host });
    for (const b of requestBytes({ host, path: '/drip' })) await wire.send(Buffer.from([b]));
    assert.equal((await wire.response()).text, '/drip');
    wire.close();
  });

  for (const [path, method, status, kind] of [['/head', 'HEAD', 200, 'head'], ['/204', 'GET', 204, 'empty'], ['/304', 'GET', 304]]) {
    it(`${method} ${status} has no body and the connection goes on`, async () => {
      const wire = await gate.connect({ host });
      await wire.send(requestBytes({ host, path, method }));
      const r = await wire.response({ to: method });
      assert.equal(r.status, status);
      if (kind) assert.equal(r.get('x-kind'), kind);
      if (path === '/head') assert.equal(r.get('content-length'), '1234');
      if (status === 204) assert.equal(r.has('content-length') || r.has('transfer-encoding'), false);
      await wire.send(requestBytes({ host, path: '/after' }));
      assert.equal((await wire.response()).text, '/after');
      wire.close();
    });
  }

  it('passes a chunked answer, without extensions and trailers', async () => {
    const wire = await gate.connect({ host });
    await wire.send(requestBytes({ host, path: '/chunks' }));
    const r = await wire.response();
    assert.equal(r.text, 'abc0123456789');
    assert.deepEqual(r.trailers, []);
    assert.ok(!wire.bytes.includes('x=y'));
    wire.close();
  });

  it('passes a chunked answer to HTTP/1.0 without chunks', async () => {
    const wire = await gate.connect({ host });
    await wire.send(requestBytes({ host, path: '/chunks', version: 'HTTP/1.0' }));
    const r = await wire.response();
    assert.equal(r.has('transfer-encoding'), false);
    assert.equal(r.text, 'abc0123456789');
    wire.close();
  });

  it('passes an answer that ends with the connection', async () => {
    assert.equal((await ask('/close-delimited')).text, 'until the end');
  });

  it('passes a chunked request, re-framed, without trailers', async () => {
    const r = await ask('/upload', { method: 'POST', headers: { 'Transfer-Encoding': 'chunked' }, body: '4;ext=1\r\nWiki\r\n0\r\nX-Evil: 1\r\n\r\n' });
    assert.equal(r.text, '4 0');
    assert.equal(last().left, 0);
    assert.ok(!origin.seen.includes('X-Evil') && !origin.seen.includes('ext=1'));
  });

  it('passes a request with Content-Length', async () => {
    assert.equal((await ask('/upload', { method: 'PUT', body: 'x'.repeat(100000) })).text, '100000 0');
    assert.equal(last().get('content-length'), '100000');
  });

  it('passes 103 and other interim answers', async () => {
    const r = await ask('/early-hints');
    assert.equal(r.text, 'late');
    assert.deepEqual(r.interims.map((i) => i.status).filter((s) => s === 103), [103]);
    assert.equal(r.interims.find((i) => i.status === 103).get('link'), '</a.css>; rel=preload');
  });

  it('sends no interim answers to HTTP/1.0', async () => {
    const wire = await gate.connect({ host });
    await wire.send(requestBytes({ host, path: '/early-hints', version: 'HTTP/1.0' }));
    assert.equal((await wire.response()).interims.length, 0);
    wire.close();
  });

  it('lets a client that expects 100 send its body, once', async () => {
    const wire = await gate.connect({ host });
    await wire.send(requestBytes({ host, path: '/continue', method: 'POST', headers: { Expect: '100-continue', 'Content-Length': '5' } }));
    assert.equal((await wire.head()).status, 100);
    await wire.send('hello');
    const r = await wire.response();
    assert.equal(r.text, 'hello');
    assert.deepEqual(r.interims.map((i) => i.status), []);
    wire.close();
  });

  it('answers 417 to another expectation', async () => {
    assert.equal((await ask('/x', { headers: { Expect: 'the-unexpected' } })).status, 417);
  });

  it('passes an answer that comes before the body is sent', async () => {
    const wire = await gate.connect({ host });
    await wire.send(requestBytes({ host, path: '/early', method: 'POST', headers: { 'Content-Length': String(50e6) } }));
    const pump = (async () => {
      for (let i = 0; i < 200 && !wire.socket.destroyed; i++) {
        wire.socket.write(Buffer.alloc(65536));
        await sleep(1);
      }
    })();
    const r = await wire.response();
    assert.equal(r.status, 413);
    assert.equal(r.text, 'enoug');
    wire.close();
    await pump;
    assert.equal((await ask('/next')).text, '/next');
  });

  it('answers a client that has half-closed', async () => {
    const wire = await gate.connect({ host });
    await wire.send(requestBytes({ host, path: '/half' }));
    wire.finish();
    assert.equal((await wire.response()).text, '/half');
    assert.equal((await wire.rest()).length, 0);
    assert.equal(wire.failed, undefined);
  });

  it('takes an absolute-form target that matches, and no other', async () => {
    const r = await ask(`https://${host}:${gate.port}/absolute?x=1`);
    assert.equal(r.text, '/absolute?x=1');
    assert.equal((await ask('https://app.example.test/absolute')).status, 400);
    assert.equal((await ask(`ftp://${host}/absolute`)).status, 400);
    assert.equal((await ask(`https://a:b@${host}/absolute`)).status, 400);
  });

  it('takes nominated fields off, in both directions, but never end-to-end ones', async () => {
    const wire = await gate.connect({ host });
    await wire.send(requestBytes({ host, path: '/nominated', headers: {
      Connection: 'keep-alive, X-Mine, Host, X-Forwarded-For', 'X-Mine': '1', 'Keep-Alive': 'timeout=9', TE: 'trailers', 'Proxy-Connection': 'keep-alive', 'X-Other': '2'
    } }));
    const r = await wire.response();
    const seen = last();
    assert.equal(seen.has('x-mine') || seen.has('keep-alive') || seen.has('te') || seen.has('proxy-connection'), false);
    assert.equal(seen.get('x-other'), '2');
    assert.ok(seen.has('host') && seen.has('x-forwarded-for'));
    assert.equal(r.has('x-hop') || r.has('keep-alive'), false);
    assert.equal(r.get('x-stay'), '1');
    wire.close();
  });

  it('passes an unusual status and its reason', async () => {
    assert.equal((await ask('/reason')).status, 299);
  });

  it('answers its own health before it looks at the host', async () => {
    for (const [host, version] of [['nobody.example.test', 'HTTP/1.1'], [undefined, 'HTTP/1.0']]) {
      const wire = await gate.connect({ host: 'open.example.test' });
      await wire.send(requestBytes({ host, path: '/.tiergate/health', version }));
      const r = await wire.response();
      assert.equal(r.status, 200, version);
      assert.ok(r.has('tiergate'));
      wire.close();
    }
  });
});
