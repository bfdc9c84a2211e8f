// Trailers both ways between HTTP/2 and HTTP/2, and a call as gRPC makes it: a conversation, its outcome behind the payload.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import http2 from 'node:http2';
import { after, before, describe, it } from 'node:test';
import { authority } from '../harness/certs.mjs';
import { echo, h2Origin } from '../harness/h2-origins.mjs';
import * as h2 from '../harness/http2.mjs';
import { echoOrigin, pathOrigin } from '../harness/origins.mjs';
import { startSite } from '../harness/site.mjs';
import { endAll, until, within } from '../harness/wait.mjs';

/** What gRPC frames a message by. */
const message = (text) => {
  const head = Buffer.alloc(5);
  head.writeUInt32BE(Buffer.byteLength(text), 1);
  return Buffer.concat([head, Buffer.from(text)]);
};

function withTrailers(stream, trailers, body = 'payload') {
  stream.respond({ ':status': 200, trailer: Object.keys(trailers).join(', ') }, { waitForTrailers: true });
  stream.on('wantTrailers', () => stream.sendTrailers(trailers));
  stream.end(body);
}

const handlers = {
  '/trailers': (s) => withTrailers(s, { 'x-checksum': 'abc', 'grpc-status': '0' }),
  '/nothing-but': (s) => withTrailers(s, { 'x-checksum': 'abc' }, ''),
  '/forbidden': (s) =>
    withTrailers(s, { 'x-good': '1', 'set-cookie': 'a=b', location: '/x', 'cache-control': 'public', tiergate: 'ok', 'www-authenticate': 'Basic', 'content-range': 'bytes 0-1/2', x_forwarded_for: '1' }),
  '/only': (s) => s.respond({ ':status': 200, 'content-type': 'application/grpc', 'grpc-status': '12' }, { endStream: true }),
  '/test.Echo/Chat': (s, headers) => {
    if (headers.te !== 'trailers' || headers['content-type'] !== 'application/grpc') return s.respond({ ':status': 400 }, { endStream: true });
    s.respond({ ':status': 200, 'content-type': 'application/grpc' }, { waitForTrailers: true });
    s.on('wantTrailers', () => s.sendTrailers({ 'grpc-status': '0', 'grpc-message': 'done' }));
    s.on('data', (d) => s.write(d));
    s.on('end', () => s.end());
    return undefined;
  },
  '*': echo
};

const chunks = (trailers, extra = '') => async (wire) => {
  await wire.send(`HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n${extra}\r\n7\r\npayload\r\n`);
  for (const c of `0\r\n${trailers}\r\n`) await wire.send(c); // however they come
};
const oldHandlers = {
  '/trailers': chunks('Server-Timing: db;dur=1\r\nX-Checksum: abc\r\n', 'Trailer: Server-Timing\r\n'),
  '/forbidden': chunks('X-Good: 1\r\nSet-Cookie: a=b\r\nLocation: /x\r\nContent-Length: 3\r\nCache-Control: public\r\nTiergate: ok\r\nX-Forwarded-For: 1\r\nConnection: close\r\n'),
  '/alias': chunks('X-Good: 1\r\nTransfer_Encoding: chunked\r\n'),
  '/none': chunks('')
};

describe('trailers', () => {
  let site, gate, origin, one, chunked, client;

  before(async () => {
    origin = await h2Origin(handlers, { pair: authority().issue(['localhost']) });
    one = await echoOrigin('one');
    chunked = await pathOrigin(oldHandlers);
    const origins = { two: { url: origin.url, http: '2', tls: { ca: authority().certFile }, headers: { 'X-Origin-Key': 'env:APP_PASSWORD' } }, one: { url: one.url }, chunked: { url: chunked.url } };
    const hosts = Object.keys(origins).map((n) => ({ host: `${n}.example.test`, origin: n, public: true, rules: [{ path: '/*', action: 'bypass' }] }));
    site = await startSite({ more: { origins, hosts } });
    gate = site.gate;
    client = await h2.session({ port: gate.port, servername: 'two.example.test', ca: authority().pem });
    client.on('error', () => {});
  });
  after(() => {
    client?.destroy();
    return endAll(site, origin, one, chunked);
  });

  async function ask(path, { host = 'two', headers = {}, body, trailers } = {}) {
    const all = { ':method': body === undefined ? 'GET' : 'POST', ':path': path, ':scheme': 'https', ':authority': gate.authority(`${host}.example.test`), ...headers };
    const s = client.request(all, { endStream: body === undefined, waitForTrailers: trailers !== undefined });
    const got = { parts: [], trailers: undefined };
    s.on('response', (h) => (got.headers = h));
    s.on('trailers', (t) => (got.trailers = Object.fromEntries(Object.entries(t))));
    s.on('data', (d) => got.parts.push(d));
    if (trailers) s.on('wantTrailers', () => s.sendTrailers(trailers));
    if (body !== undefined) s.end(body);
    await within('an answer', once(s, 'close'));
    return { ...got, text: Buffer.concat(got.parts).toString(), code: s.rstCode };
  }

  it('reach the client', async () => {
    const r = await ask('/trailers');
    assert.equal(r.text, 'payload');
    assert.deepEqual(r.trailers, { 'x-checksum': 'abc', 'grpc-status': '0' });
  });

  it('reach it behind nothing', async () => {
    const r = await ask('/nothing-but');
    assert.equal(r.text, '');
    assert.deepEqual(r.trailers, { 'x-checksum': 'abc' });
  });

  it('say nothing there that decides anything', async () => {
    const r = await ask('/forbidden');
    assert.deepEqual(r.trailers, { 'x-good': '1' });
  });

  it('reach the origin', async () => {
    const r = await ask('/up', { body: 'hello', trailers: { 'x-checksum': 'def' } });
    const seen = JSON.parse(r.text);
    assert.equal(seen.length, 5);
    assert.deepEqual(seen.trailers, { 'x-checksum': 'def' });
  });

  it('say nothing there that decides anything either', async () => {
    const evil = { 'x-good': '1', authorization: 'Basic x', cookie: 'a=b', host: 'evil.test', 'x-forwarded-for': '6.6.6.6', 'x-real-ip': '6.6.6.6', 'x-origin-key': 'guess', x_origin_key: 'guess', range: 'bytes=0-1', 'x-http-method-override': 'DELETE' };
    const r = await ask('/up', { body: 'hello', trailers: evil });
    assert.deepEqual(JSON.parse(r.text).trailers, { 'x-good': '1' });
  });

  it('of a chunked answer reach a client with HTTP/2', async () => {
    const r = await ask('/trailers', { host: 'chunked' });
    assert.equal(r.text, 'payload');
    assert.deepEqual(r.trailers, { 'server-timing': 'db;dur=1', 'x-checksum': 'abc' });
    const again = await ask('/none', { host: 'chunked' });
    assert.deepEqual([again.text, again.trailers], ['payload', undefined]);
  });

  it('of a chunked answer decide nothing', async () => {
    const r = await ask('/forbidden', { host: 'chunked' });
    assert.deepEqual([r.text, r.trailers], ['payload', { 'x-good': '1' }]);
    const alias = await ask('/alias', { host: 'chunked' });
    assert.deepEqual([alias.text, alias.trailers], ['payload', undefined]);
  });

  it('of a chunked answer do not reach a client with HTTP/1', async () => {
    const wire = await gate.connect({ host: 'chunked.example.test' });
    await wire.send(`GET /trailers HTTP/1.1\r\nHost: ${gate.authority('chunked.example.test')}\r\nTE: trailers\r\n\r\n`);
    const r = await wire.response();
    wire.close();
    assert.deepEqual([r.text, r.trailers], ['payload', []]);
  });

  it('are dropped on the way to HTTP/1', async () => {
    const r = await ask('/up', { host: 'one', body: 'hello', trailers: { 'x-checksum': 'def' } });
    assert.deepEqual(JSON.parse(r.text).trailers, []);
    const wire = await gate.request({ host: 'two.example.test', path: '/trailers', headers: { TE: 'trailers' } });
    assert.equal(wire.text, 'payload');
    assert.equal(wire.get('x-checksum'), undefined);
  });

  it('carry the outcome of a gRPC call', async () => {
    const r = await ask('/test.Echo/Chat', { headers: { te: 'trailers', 'content-type': 'application/grpc' }, body: message('hi') });
    assert.equal(r.headers[':status'], 200);
    assert.equal(r.headers['content-type'], 'application/grpc');
    assert.deepEqual(Buffer.concat(r.parts), message('hi'));
    assert.deepEqual(r.trailers, { 'grpc-status': '0', 'grpc-message': 'done' });
  });

  it('are all that a failed call has', async () => {
    const r = await ask('/only', { headers: { te: 'trailers', 'content-type': 'application/grpc' }, body: message('hi') });
    assert.equal(r.headers['grpc-status'], '12');
    assert.equal(r.text, '');
  });

  it('end a conversation', async () => {
    const s = client.request({ ':method': 'POST', ':path': '/test.Echo/Chat', ':scheme': 'https', ':authority': gate.authority('two.example.test'), te: 'trailers', 'content-type': 'application/grpc' });
    let got = Buffer.alloc(0), trailers;
    s.on('data', (d) => (got = Buffer.concat([got, d])));
    s.on('trailers', (t) => (trailers = Object.fromEntries(Object.entries(t))));
    const said = [];
    for (const text of ['one', 'two', 'three']) {
      said.push(message(text));
      s.write(message(text));
      await until(`${text} to come back`, () => got.length === Buffer.concat(said).length);
    }
    s.end();
    await within('the end', once(s, 'close'));
    assert.deepEqual(got, Buffer.concat(said));
    assert.deepEqual(trailers, { 'grpc-status': '0', 'grpc-message': 'done' });
    assert.equal(s.rstCode, http2.constants.NGHTTP2_NO_ERROR);
  });
});
