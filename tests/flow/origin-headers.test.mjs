// What the origin is told: nothing that a client claims of itself, and what the gate knows.
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { echoOrigin } from '../harness/origins.mjs';
import { PASSWORD, secrets, startSite } from '../harness/site.mjs';
import { endAll } from '../harness/wait.mjs';
import { basic } from '../harness/wire.mjs';

const host = 'app.example.test';
const claims = [
  'X-Forwarded-For', 'X-Forwarded-Host', 'X-Forwarded-Proto', 'X-Forwarded-Port', 'X-Forwarded-User', 'X-Forwarded-Email', 'X-Forwarded-Anything', 'Forwarded',
  'X-Real-IP', 'Fly-Client-IP', 'CF-Connecting-IP', 'True-Client-IP', 'Cf-Access-Jwt-Assertion', 'Cf-Access-Authenticated-User-Email', 'Cf-Access-Anything',
  'X-Auth-Request-User', 'X-Auth-Request-Email', 'X-Original-URL', 'X-Original-URI', 'X-Rewrite-URL', 'Tiergate', 'Tiergate-User', 'X-Origin-Key'
];
const overrides = ['X-HTTP-Method', 'X-HTTP-Method-Override', 'X-Method-Override', 'X-Middleware-Subrequest'];
const spellings = (name) => [name, name.toLowerCase(), name.toUpperCase(), name.replaceAll('-', '_'), name.replaceAll('-', '.'), name.replace('-', '_')];

describe('fields to the origin', () => {
  let site, keyed, gate;
  before(async () => {
    keyed = await echoOrigin('keyed');
    site = await startSite({
      more: {
        origins: { keyed: { url: keyed.url, headers: { 'X-Origin-Key': 'env:ORIGIN_KEY' } }, named: { url: keyed.url, host: 'client' } },
        hosts: [
          { host: 'keyed.example.test', origin: 'keyed', public: true, rules: [{ path: '/*', action: 'bypass' }] },
          { host: 'named.example.test', origin: 'named', public: true, rules: [{ path: '/*', action: 'bypass' }] }
        ]
      },
      gate: { env: { ...secrets, ORIGIN_KEY: 'lock and key' } }
    });
    gate = site.gate;
  });
  after(() => endAll(site, keyed));
  const seen = async (headers, more = {}) => {
    const r = await gate.request({ host, path: '/docs/x', headers, ...more });
    // A spelling that could frame a message or that no honest client sends may be refused outright.
    if (r.status === 400) return undefined;
    assert.equal(r.status, 200);
    return r.json;
  };

  for (const name of [...claims, ...overrides]) {
    it(`${name} never arrives, however it is spelled`, async () => {
      for (const spelled of spellings(name)) {
        for (const at of [host, 'keyed.example.test']) {
          const got = await seen({ [spelled]: 'forged-value' }, { host: at, path: '/docs/x' });
          if (got && name !== 'X-Origin-Key') assert.ok(!JSON.stringify(got.headers).includes('forged-value'), spelled);
          if (got && at.startsWith('keyed')) {
            assert.ok(!JSON.stringify(got.headers).includes('forged-value'), spelled);
            assert.equal(got.headers['x-origin-key'], 'lock and key');
          }
        }
      }
    });
  }

  it('with an identity, too', async () => {
    const headers = { Authorization: basic('beta', PASSWORD) };
    for (const name of claims.filter((n) => n !== 'X-Origin-Key')) headers[name] = 'forged-value';
    const got = await seen(headers, { path: '/private' });
    assert.ok(!JSON.stringify(got.headers).includes('forged-value'));
    assert.equal(got.headers['x-forwarded-user'], 'beta');
  });

  it('ours say who, what and where', async () => {
    const { headers } = await seen({});
    assert.equal(headers['x-forwarded-for'], '127.0.0.1');
    assert.equal(headers['x-forwarded-proto'], 'https');
    assert.equal(headers['x-forwarded-host'], `${host}:${gate.port}`);
    assert.match(headers.traceparent, /^00-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}$/);
  });

  it('by default the origin gets its own name, and an Origin of its own', async () => {
    const own = `127.0.0.1:${site.echo.port}`;
    const { headers } = await seen({ Origin: gate.url(host, ''), Referer: gate.url(host, '/page?a=1') });
    assert.equal(headers.host, own);
    assert.equal(headers.origin, `http://${own}`);
    assert.equal(headers.referer, `http://${own}/page?a=1`);
  });

  it('a foreign Origin stays, so that its checks keep their meaning', async () => {
    for (const Origin of ['https://evil.test', 'null', gate.url('other.example.test', ''), `http://${host}`, `https://${host}.evil.test`]) {
      assert.equal((await seen({ Origin, Referer: `${Origin}/x` })).headers.origin, Origin);
    }
  });

  it('host: "client" passes the client\'s name on and rewrites nothing', async () => {
    const at = 'named.example.test';
    const { headers } = await seen({ Origin: gate.url(at, '') }, { host: at, path: '/' });
    assert.equal(headers.host, `${at}:${gate.port}`);
    assert.equal(headers.origin, gate.url(at, ''));
  });

  it('fields that occur twice stay twice, in order, and others untouched', async () => {
    const { rawHeaders } = await seen({ 'X-Many': ['1', '2'], 'X-Empty': '', 'X-Long': 'y'.repeat(7000), 'Accept-Encoding': 'br, gzip' });
    const all = (n) => rawHeaders.filter((_, i) => i % 2 === 1 && rawHeaders[i - 1].toLowerCase() === n);
    assert.deepEqual(all('x-many'), ['1', '2']);
    assert.deepEqual(all('x-empty'), ['']);
    assert.deepEqual(all('x-long'), ['y'.repeat(7000)]);
    assert.deepEqual(all('accept-encoding'), ['br, gzip']);
  });
});
