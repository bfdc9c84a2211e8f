// Ranges, conditions and redirects belong to the client and the origin: through the gate they arrive to the byte.
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import fs from 'node:fs';
import http from 'node:http';
import path from 'node:path';
import { after, before, describe, it } from 'node:test';
import { promisify } from 'node:util';
import { authority } from '../harness/certs.mjs';
import { PASSWORD, startSite } from '../harness/site.mjs';
import { endAll } from '../harness/wait.mjs';
import { basic, connect, requestBytes } from '../harness/wire.mjs';

const host = 'app.example.test';
const run = promisify(execFile);
const file = randomBytes(300000);
const ETAG = 'W/"it\'s;odd, but=legal\\"';
const STRONG = `"${createHash('sha1').update(file).digest('base64')}"`;
const MODIFIED = 'Tue, 17 Nov 2026 11:22:33 GMT';
const BOUNDARY = 'a:b.c-0123456789';

/** RFC 9110 §14.1.2: [first, last] per range; undefined: not satisfiable. */
function rangesOf(text) {
  const all = text.slice('bytes='.length).split(',').map((r) => {
    const [a, b] = r.trim().split('-');
    if (a === '') return [Math.max(0, file.length - Number(b)), file.length - 1];
    return [Number(a), b === '' ? file.length - 1 : Math.min(Number(b), file.length - 1)];
  });
  const good = all.filter(([a, b]) => a <= b && a < file.length);
  return good.length ? good : undefined;
}

function multipart(list) {
  const parts = list.map(([a, b]) => Buffer.concat([
    Buffer.from(`\r\n--${BOUNDARY}\r\nContent-Type: audio/ogg\r\nContent-Range: bytes ${a}-${b}/${file.length}\r\n\r\n`), file.subarray(a, b + 1)
  ]));
  return Buffer.concat([...parts, Buffer.from(`\r\n--${BOUNDARY}--\r\n`)]);
}

function serveFile(req, res) {
  const fields = { ETag: STRONG, 'Last-Modified': MODIFIED, 'Accept-Ranges': 'bytes', 'Content-Type': 'audio/ogg', 'Cache-Control': 'max-age=60' };
  const send = (status, more, body) => {
    res.writeHead(status, { ...fields, ...more, ...(status === 304 ? {} : { 'Content-Length': body.length }) });
    res.end(req.method === 'HEAD' || status === 304 ? undefined : body);
  };
  if (req.headers['if-none-match']?.split(', ').includes(STRONG)) return send(304, {}, '');
  const useful = req.headers['if-range'] === undefined || [STRONG, MODIFIED].includes(req.headers['if-range']);
  if (req.headers.range === undefined || !useful || req.method === 'HEAD') return send(200, {}, file);
  const list = rangesOf(req.headers.range);
  if (!list) return send(416, { 'Content-Range': `bytes */${file.length}` }, Buffer.from('no'));
  if (list.length > 1) return send(206, { 'Content-Type': `multipart/byteranges; boundary="${BOUNDARY}"` }, multipart(list));
  const [[a, b]] = list;
  return send(206, { 'Content-Range': `bytes ${a}-${b}/${file.length}` }, file.subarray(a, b + 1));
}

describe('ranges, conditions and redirects', () => {
  let site, gate, server, port, foreign, Cookie;
  const seen = [];
  const listen = (handler) => new Promise((resolve) => {
    const s = http.createServer(handler);
    s.listen(0, '127.0.0.1', () => resolve(s));
  });
  before(async () => {
    foreign = await listen((req, res) => {
      let body = '';
      req.on('data', (d) => (body += d));
      req.on('end', () => {
        seen.push({ headers: req.headers, method: req.method, url: req.url, body });
        res.end('elsewhere');
      });
    });
    server = await listen((req, res) => {
      if (req.url.startsWith('/file')) return serveFile(req, res);
      if (req.url === '/weak') {
        res.writeHead(200, { ETag: ETAG, 'Content-Length': 2 });
        return res.end('ok');
      }
      if (req.url.startsWith('/away')) {
        req.resume();
        res.writeHead(Number(req.url.slice(-3)), { Location: `http://127.0.0.1:${foreign.address().port}/taken?a=%2F`, 'Content-Length': 0, 'Set-Cookie': 'app=1; Path=/' });
        return res.end();
      }
      return res.end('ok');
    });
    port = server.address().port;
    site = await startSite({ origin: `http://127.0.0.1:${port}` });
    gate = site.gate;
    Cookie = (await gate.request({ host, path: '/', headers: { Authorization: basic('beta', PASSWORD) } })).get('set-cookie').split(';')[0];
  });
  after(() => {
    server?.closeAllConnections();
    foreign?.closeAllConnections();
    return endAll(site, server && { close: () => server.close() }, foreign && { close: () => foreign.close() });
  });

  const through = (path, headers = {}, more = {}) => gate.request({ host, path, headers: { Cookie, ...headers }, ...more });
  const direct = async (path, headers = {}, { method } = {}) => {
    const wire = await connect({ port, plain: true });
    await wire.send(requestBytes({ host: 'origin', path, method, headers: { ...headers, Connection: 'close' } }));
    const r = await wire.response({ to: method });
    wire.close();
    return r;
  };
  const kept = ['etag', 'last-modified', 'accept-ranges', 'content-type', 'content-range', 'content-length'];

  const cases = [
    ['the whole', {}, 200], ['first bytes', { Range: 'bytes=0-99' }, 206], ['one byte', { Range: 'bytes=0-0' }, 206], ['the middle', { Range: 'bytes=1000-200000' }, 206],
    ['open end', { Range: 'bytes=299000-' }, 206], ['the last 500', { Range: 'bytes=-500' }, 206], ['beyond the end', { Range: 'bytes=299999-400000' }, 206],
    ['several', { Range: 'bytes=0-9, 100-199,-5' }, 206], ['large parts', { Range: 'bytes=0-99999,100000-299999' }, 206], ['not satisfiable', { Range: 'bytes=300000-' }, 416],
    ['If-Range that holds', { Range: 'bytes=5-9', 'If-Range': STRONG }, 206], ['If-Range by date', { Range: 'bytes=5-9', 'If-Range': MODIFIED }, 206],
    ['If-Range that does not', { Range: 'bytes=5-9', 'If-Range': '"old"' }, 200], ['If-None-Match', { 'If-None-Match': `"x", ${STRONG}` }, 304]
  ];
  for (const [name, headers, status] of cases) {
    for (const method of ['GET', 'HEAD']) {
      it(`${method}: ${name}`, async () => {
        const ours = await through('/file.ogg', headers, { method });
        const theirs = await direct('/file.ogg', headers, { method });
        if (method === 'GET') assert.equal(ours.status, status);
        assert.equal(ours.status, theirs.status);
        for (const f of kept) assert.deepEqual(ours.all(f), theirs.all(f), f);
        assert.ok(ours.body.equals(theirs.body), 'the body');
        assert.match(ours.get('cache-control'), /private/);
      });
    }
  }

  it('an odd ETag to the byte, both ways', async () => {
    assert.equal((await through('/weak')).get('etag'), ETAG);
  });

  it('HEAD, 304 and 206 leave the connection clean for what follows', async () => {
    const wire = await gate.connect({ host });
    const one = async (method, headers) => {
      await wire.send(requestBytes({ host, path: '/file.ogg', method, headers: { Cookie, ...headers } }));
      return wire.response({ to: method });
    };
    for (let i = 0; i < 20; i++) {
      assert.equal((await one('HEAD', {})).body.length, 0);
      assert.equal((await one('GET', { 'If-None-Match': STRONG })).status, 304);
      const at = (i * 7919) % 290000;
      const r = await one('GET', { Range: `bytes=${at}-${at + 99}` });
      assert.ok(r.body.equals(file.subarray(at, at + 100)));
    }
    wire.close();
  });

  for (const status of [301, 302, 303, 307, 308]) {
    it(`a ${status} to a foreign host says nothing of the gate`, async () => {
      for (const headers of [{ Cookie }, { Authorization: basic('beta', PASSWORD) }, { 'Tiergate-Authorization': basic('beta', PASSWORD) }]) {
        const r = await gate.request({ host, path: `/away${status}`, headers, method: 'POST', body: 'a=b' });
        assert.equal(r.status, status);
        assert.equal(r.get('location'), `http://127.0.0.1:${foreign.address().port}/taken?a=%2F`);
        const ours = r.fields.filter(([n]) => /^(tiergate|cf-access|x-forwarded|x-auth|authorization|cookie)/i.test(n));
        assert.deepEqual(ours, []);
        // A session that begins here is for this circle alone.
        const cookies = r.all('set-cookie').filter((c) => c !== 'app=1; Path=/');
        assert.equal(cookies.length, headers.Cookie ? 0 : 1);
        for (const c of cookies) assert.match(c, /; Domain=app\.example\.test(;|$)/);
      }
    });
  }

  it('a client that follows a 307 takes its body there, and nothing of the gate', async () => {
    const jar = path.join(gate.dir, 'jar');
    const curl = (...more) => run('curl', [
      '-sS', '--max-time', '10', '--cacert', authority().certFile, '--resolve', `${host}:${gate.port}:127.0.0.1`, '--noproxy', '*', '-L', '-b', jar, '-c', jar, ...more,
      gate.url(host, '/away307')
    ]);
    seen.length = 0;
    assert.equal((await curl('-u', `beta:${PASSWORD}`, '-d', 'secret=form')).stdout, 'elsewhere');
    assert.match(fs.readFileSync(jar, 'utf8'), /__Secure-tiergate/);
    assert.equal((await curl('-d', 'secret=form')).stdout, 'elsewhere');
    assert.equal(seen.length, 2);
    for (const r of seen) {
      assert.equal(r.method, 'POST');
      assert.equal(r.body, 'secret=form');
      assert.ok(!/tiergate|beta|authorization/i.test(JSON.stringify(r.headers)), JSON.stringify(r.headers));
    }
  });
});
