// Ambiguous paths never use the side door. Open: /api/health, /docs, /docs/*; everything else is gated, on one host also blocked.
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { PASSWORD, startSite } from '../harness/site.mjs';
import { basic } from '../harness/wire.mjs';

const host = 'plain.example.test';
const blocking = 'app.example.test'; // the same rules and one that blocks /closed/*

const open = ['/api/health', '/api/health?x=/../private', '/docs', '/docs/', '/docs/a/b/c', '/docs/a%20b', '/docs/caf%C3%A9', '/docs/@x', '/docs/%40x', '/docs/a?b=//c;d'];

const gated = [
  '/', '/private', '/docsecret', '/docs.', '/docs../private', '/DOCS/x', '/Docs', '/api/health/', '/api/health/x', '/api/Health', '/api/health.', '/api/health%20',
  '/docs/../private', '/docs/./x', '/docs/..', '/docs/x/../../private', '/docs/%2e%2e/private', '/docs/.%2e/private', '/docs/%2E/x',
  '/docs%2f..%2fprivate', '/docs/..%2fprivate', '/docs/x%2fy', '/docs%5c..%5cprivate', '/docs/a%5cb',
  '/docs/..;/private', '/docs;x/', '/docs/a;b', '/docs/a%3bb', '/api/health;/../private',
  '//docs/x', '/docs//x', '///', '/docs/%252e%252e/private', '/docs/%25', '/docs/a%3fb', '/docs/a%23b',
  '/docs/%c0%ae%c0%ae/private', '/docs/%ff', '/docs/%e0%80%af', '/docs/%0a', '/docs/%09', '/docs/%7f',
  '/docs/%41', '/%64ocs/x', '/docs/%2d', '/docs/%7e', '/docs/x.', '/docs/x%20/y', '/docs/a|b', '/docs/a^b', '/docs/a"b', '/docs/<a>', '/docs/{a}', '/docs/a`b',
  '/docs/%e2%80%a4%e2%80%a4/private', '/docs/%ef%bc%8f..', '/docs/%ef%bc%8e%ef%bc%8e/private',
  '/private?x=/docs/', '/private?/api/health'
];

// A backslash or other raw byte may be called malformed by the codec, too: what counts is that nobody gets in.
const closed = ['/docs/\\..\\private', '/docs\\x', '/docs/%', '/docs/%1', '/docs/%zz', '/docs/%00', '/private#/docs/', '/docs/ /x', '*', 'docs/x', '/docs/\tx', '/docs/\xe9'];

describe('paths', () => {
  let site, gate;
  before(async () => {
    const rules = [
      { path: '/api/health', methods: ['GET', 'HEAD'], action: 'bypass' },
      { path: ['/docs', '/docs/*'], methods: ['GET', 'HEAD'], action: 'bypass' },
      { path: '/*', action: 'allow' }
    ];
    site = await startSite({ more: { hosts: [{ host, origin: 'web', gate: 'solo', rules }] } });
    gate = site.gate;
  });
  after(() => site?.stop());
  const ask = (path, more = {}) => gate.request({ host, path, ...more });

  for (const path of open) {
    it(`open: ${path}`, async () => {
      const r = await ask(path);
      assert.equal(r.status, 200);
      assert.equal(r.json.target, path, 'the bytes received are the bytes forwarded');
    });
  }
  for (const path of gated) {
    it(`gated: ${path}`, async () => {
      const before = site.echo.requests.length;
      const r = await ask(path);
      assert.equal(r.status, 401);
      assert.equal(site.echo.requests.length, before);
    });
  }
  for (const path of closed) {
    it(`closed: ${JSON.stringify(path)}`, async () => {
      const before = site.echo.requests.length;
      const r = await ask(path);
      assert.ok(r.status === 400 || r.status === 401, `status ${r.status}`);
      assert.equal(site.echo.requests.length, before);
    });
  }

  it('a method that no bypass names is gated', async () => {
    for (const method of ['POST', 'PUT', 'DELETE', 'OPTIONS', 'get', 'FOO']) {
      const r = await ask('/api/health', { method });
      assert.ok([400, 401, 501].includes(r.status), `${method} ${r.status}`);
    }
    assert.equal((await ask('/api/health', { method: 'HEAD' })).status, 200);
  });

  it('fields that claim another path, method or host decide nothing', async () => {
    const claims = {
      'X-Original-URL': '/docs/x', 'X-Rewrite-URL': '/docs/x', 'X-Forwarded-Uri': '/docs/x', 'X-HTTP-Method-Override': 'GET',
      'X-Forwarded-Host': 'open.example.test', Forwarded: 'host=open.example.test', 'User-Agent': 'kube-probe', 'X-Forwarded-For': '127.0.0.1'
    };
    for (const [name, value] of Object.entries(claims)) {
      assert.equal((await ask('/private', { headers: { [name]: value } })).status, 401, name);
    }
  });

  it('people who are signed in keep their ambiguous paths, byte for byte', async () => {
    for (const path of ['/x%2Fy', '/a//b', '/docs/%41', '/files/a;b']) {
      const r = await ask(path, { headers: { Authorization: basic('beta', PASSWORD) } });
      assert.equal(r.status, 200, path);
      assert.equal(r.json.target, path);
    }
  });

  it('where a rule blocks anything, no ambiguous path passes, signed in or not', async () => {
    for (const path of ['/closed//x', '/closed/%41', '/docs/%41', '/x%2Fy', '/docs/../closed/x']) {
      for (const headers of [{}, { Authorization: basic('beta', PASSWORD) }]) {
        assert.equal((await gate.request({ host: blocking, path, headers })).status, 403, path);
      }
    }
  });
});
