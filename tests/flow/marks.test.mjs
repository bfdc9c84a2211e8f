// What the gate changes in answers, and what it must not change.
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { answer, pathOrigin } from '../harness/origins.mjs';
import { PASSWORD, startSite } from '../harness/site.mjs';
import { endAll } from '../harness/wait.mjs';
import { basic } from '../harness/wire.mjs';

const host = 'app.example.test';
const Authorization = basic('beta', PASSWORD);
const CACHE = 'public, max-age=60, s-maxage=600, stale-while-revalidate=5';
const fields = [
  `Cache-Control: ${CACHE}`, 'CDN-Cache-Control: max-age=9', 'Cloudflare-CDN-Cache-Control: max-age=9', 'Surrogate-Control: max-age=9', 'ETag: "e"',
  'Tiergate: forged', 'TIERGATE: forged', 'Set-Cookie: app=1; Path=/', 'Set-Cookie: __Host-tiergate=stolen; Secure; Path=/',
  'Set-Cookie: __Secure-tiergate=stolen; Secure; Path=/', 'Vary: Accept-Language', 'Server: origin'
].map((f) => `${f}\r\n`).join('');

describe('marks', () => {
  let site, origin, gate, at;
  const handlers = {
    '*': (wire) => wire.send(answer('ok', fields)),
    '/plain': (wire) => wire.send(answer('ok')),
    '/location': (wire, req) =>
      wire.send(answer('', `Location: http://${req.get('host')}/next?a=1\r\nContent-Location: http://${req.get('host')}/c\r\nRefresh: 5; url=http://${req.get('host')}/r\r\n`
        + `Access-Control-Allow-Origin: http://${req.get('host')}\r\nSet-Cookie: d=1; Domain=127.0.0.1; Path=/\r\n`).replace('200 OK', '302 Found')),
    '/elsewhere': (wire) => wire.send(answer('', 'Location: https://elsewhere.test/x\r\nSet-Cookie: d=1; Domain=elsewhere.test\r\n').replace('200 OK', '302 Found')),
    '/relative': (wire) => wire.send(answer('', 'Location: /next?b=2\r\n').replace('200 OK', '302 Found')),
    '/cors': (wire) => wire.send(answer('ok', 'Access-Control-Allow-Origin: *\r\n'))
  };
  before(async () => {
    origin = await pathOrigin(handlers);
    site = await startSite({ origin: origin.url });
    gate = site.gate;
    at = gate.url(host, '');
  });
  after(() => endAll(site, origin));
  const signedIn = (path, more = {}) => gate.request({ host, path, headers: { Authorization, ...more } });
  const directives = (r) => r.get('cache-control').split(',').map((d) => d.trim().toLowerCase());

  it('gated: shared caches are told off, private ones not', async () => {
    const r = await signedIn('/page');
    const d = directives(r);
    assert.ok(d.includes('private') && d.includes('max-age=60') && d.includes('stale-while-revalidate=5'), d.join());
    assert.ok(!d.includes('public') && !d.some((x) => x.startsWith('s-maxage')), d.join());
    for (const f of ['cdn-cache-control', 'surrogate-control', 'cloudflare-cdn-cache-control']) assert.equal(r.has(f), false, f);
    assert.equal(r.get('etag'), '"e"');
  });

  it('gated: an answer that says nothing of caching becomes private', async () => {
    assert.ok(directives(await signedIn('/plain')).includes('private'));
  });

  it('bypassed: the origin\'s caching stays', async () => {
    const r = await gate.request({ host, path: '/docs/x' });
    assert.equal(r.get('cache-control'), CACHE);
    assert.equal(r.get('cdn-cache-control'), 'max-age=9');
    assert.equal(r.get('surrogate-control'), 'max-age=9');
  });

  it('gated hosts are not indexed, open ones may be', async () => {
    assert.match((await signedIn('/page')).get('x-robots-tag'), /noindex/);
    assert.match((await gate.request({ host, path: '/docs/x' })).get('x-robots-tag'), /noindex/);
    assert.equal((await gate.request({ host: 'open.example.test', path: '/page' })).has('x-robots-tag'), false);
  });

  it('an origin cannot forge the mark or set the gate\'s cookie', async () => {
    for (const r of [await signedIn('/page'), await gate.request({ host, path: '/docs/x' })]) {
      assert.ok(!/forged/.test(r.raw));
      assert.ok(!/stolen/.test(r.raw));
      assert.ok(r.all('set-cookie').includes('app=1; Path=/'));
    }
  });

  it('what names the origin comes back with the public host', async () => {
    const r = await signedIn('/location');
    assert.equal(r.get('location'), `${at}/next?a=1`);
    assert.equal(r.get('content-location'), `${at}/c`);
    assert.match(r.get('refresh'), new RegExp(`^5; ?url=${at}/r$`));
    assert.equal(r.get('access-control-allow-origin'), at);
    const cookie = r.all('set-cookie').find((c) => c.startsWith('d=1'));
    assert.ok(!/domain/i.test(cookie), cookie);
  });

  it('what names another host or none stays', async () => {
    const r = await signedIn('/elsewhere');
    assert.equal(r.get('location'), 'https://elsewhere.test/x');
    assert.ok(r.all('set-cookie').some((c) => /Domain=elsewhere\.test/.test(c)));
    assert.equal((await signedIn('/relative')).get('location'), '/next?b=2');
  });

  it('the origin\'s own CORS fields are never changed', async () => {
    const r = await signedIn('/cors', { Origin: gate.url('sync.app.example.test', '') });
    assert.equal(r.get('access-control-allow-origin'), '*');
  });
});
