// The origin is asked by its own name and answers with it; the client sees the public one. With `host: "client"` nothing is translated.
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { startDns } from '../harness/dns.mjs';
import { pathOrigin } from '../harness/origins.mjs';
import { PASSWORD, startSite } from '../harness/site.mjs';
import { endAll } from '../harness/wait.mjs';
import { basic } from '../harness/wire.mjs';

const Authorization = basic('beta', PASSWORD);
const open = [{ path: '/*', action: 'bypass' }];

describe('the origin\'s name', () => {
  let site, gate, origin, dns, port;
  const say = {}; // what the origin answers, per path
  /** An app that knows itself by its Host field, as most do. */
  const handlers = {
    '*': async (wire, req) => {
      const fields = (say[req.target.split('?')[0]] ?? '').replaceAll('@HOST@', req.get('host'));
      const body = JSON.stringify(Object.fromEntries(req.fields.map(([n, v]) => [n.toLowerCase(), v])));
      await wire.send(`HTTP/1.1 ${/location/i.test(fields) ? '307 Moved' : '200 OK'}\r\nContent-Length: ${body.length}\r\n${fields}\r\n${body}`);
    }
  };
  before(async () => {
    origin = await pathOrigin(handlers);
    port = origin.port;
    dns = await startDns({ 'pr-7.origin.test': ['127.0.0.1'], 'site.origin.test': ['127.0.0.1'] });
    site = await startSite({
      origin: origin.url,
      more: {
        origins: {
          named: { url: `http://site.origin.test:${port}` },
          preview: { url: `http://pr-{n}.origin.test:${port}` },
          fixed: { url: origin.url, host: 'dev.localhost' },
          client: { url: origin.url, host: 'client' }
        },
        hosts: [
          { host: 'named.example.test', origin: 'named', public: true, rules: open },
          { host: 'pr-{n:int}.example.test', origin: 'preview', public: true, rules: open },
          { host: 'fixed.example.test', origin: 'fixed', public: true, rules: open },
          { host: 'client.example.test', origin: 'client', public: true, rules: open }
        ]
      },
      gate: { args: ['--resolver', dns.server] }
    });
    gate = site.gate;
  });
  after(() => endAll(site, origin, dns));

  const at = (name, path = '') => gate.url(`${name}.example.test`, path);
  const ask = (name, path, headers = {}, more = {}) =>
    gate.request({ host: `${name}.example.test`, path, headers: name === 'app' ? { Authorization, ...headers } : headers, ...more });

  // Host as the origin gets it, and its own root.
  const own = {
    app: () => `127.0.0.1:${port}`, open: () => `127.0.0.1:${port}`, named: () => `site.origin.test:${port}`, 'pr-7': () => `pr-7.origin.test:${port}`,
    fixed: () => 'dev.localhost'
  };

  for (const name of Object.keys(own)) {
    it(`${name}: Origin and Referer of the page itself become the origin's own`, async () => {
      const root = `http://${own[name]()}`;
      const got = (await ask(name, '/', { Origin: at(name), Referer: at(name, '/a?b=%2F') }, { method: 'POST', body: 'a=b' })).json;
      assert.equal(got.host, own[name]());
      assert.equal(got['x-forwarded-host'], `${name}.example.test:${gate.port}`);
      assert.equal(got.origin, root);
      assert.equal(got.referer, `${root}/a?b=%2F`);
    });
  }

  it('any other Origin or Referer stays, so that the app\'s own checks keep their meaning', async () => {
    const foreign = [
      'https://evil.test', 'null', at('sync.app'), at('other'), 'https://app.example.test', `http://app.example.test:${gate.port}`,
      `https://app.example.test:${gate.port + 1}`, `https://app.example.test.evil.test:${gate.port}`, `https://evil.test/${at('app')}`,
      `https://x@app.example.test:${gate.port}`, `https://app.example.test:${gate.port}@evil.test`
    ];
    for (const Origin of foreign) {
      const got = (await ask('app', '/', { Origin, Referer: `${Origin}/x` }, { method: 'POST', body: 'a=b' })).json;
      assert.equal(got.origin, Origin);
      assert.equal(got.referer, `${Origin}/x`);
      // What the app compares: its own idea of itself with what it is told.
      assert.notEqual(got.origin, `http://${got.host}`);
    }
  });

  it('two Origin fields never make a good one of a bad one', async () => {
    const r = await ask('app', '/', { Origin: [at('app'), 'https://evil.test'] }, { method: 'POST', body: 'a=b' });
    assert.ok(r.status === 400 || r.json.origin === 'https://evil.test', `${r.status}`);
  });

  it('a slash redirect that the app makes from its Host stays on the public name', async () => {
    say['/items'] = 'Location: http://@HOST@/items/?q=%20\r\n';
    for (const name of Object.keys(own)) {
      if (name === 'fixed') continue; // another name than the port it listens on: see below
      const r = await ask(name, '/items?q=%20', {}, { method: 'POST', body: 'a=b' });
      assert.equal(r.status, 307);
      assert.equal(r.get('location'), at(name, '/items/?q=%20'));
    }
    assert.equal((await ask('fixed', '/items')).get('location'), at('fixed', '/items/?q=%20'));
  });

  it('every field that holds a url comes back with the public name', async () => {
    say['/all'] = [
      'Content-Location: http://@HOST@/c', 'Refresh: 3; url="http://@HOST@/r"', 'Access-Control-Allow-Origin: http://@HOST@',
      'Set-Cookie: a=1; Domain=site.origin.test; Path=/; HttpOnly', 'Set-Cookie: b=2; domain=.SITE.origin.test', 'Set-Cookie: c=3; Path=/',
      'Set-Cookie: d=4; Domain=origin.test'
    ].map((f) => `${f}\r\n`).join('');
    const r = await ask('named', '/all');
    assert.equal(r.get('content-location'), at('named', '/c'));
    assert.equal(r.get('refresh'), `3; url="${at('named', '/r')}"`);
    assert.equal(r.get('access-control-allow-origin'), at('named'));
    assert.deepEqual(r.all('set-cookie'), ['a=1; Path=/; HttpOnly', 'b=2', 'c=3; Path=/', 'd=4; Domain=origin.test']);
  });

  it('what names another server stays to the byte', async () => {
    const others = [
      'https://elsewhere.test/x', 'http://site.origin.test/x', `http://site.origin.test:${port + 1}/x`, `http://site.origin.test:${port}@evil.test/`,
      `http://site.origin.test:${port}.evil.test/`, '/next?u=http://site.origin.test/', 'next', '?a', '', 'mailto:a@site.origin.test'
    ];
    for (const [i, url] of others.entries()) {
      say[`/other${i}`] = `Location: ${url}\r\n`;
      assert.equal((await ask('named', `/other${i}`)).get('location'), url, url);
    }
    say['/body'] = 'Link: <http://@HOST@/style.css>; rel=preload\r\n';
    assert.equal((await ask('named', '/body')).get('link'), `<http://site.origin.test:${port}/style.css>; rel=preload`);
  });

  it('host "client": asked by the public name, and nothing is translated', async () => {
    say['/client'] = `Location: http://127.0.0.1:${port}/x\r\nSet-Cookie: a=1; Domain=127.0.0.1\r\n`;
    const r = await ask('client', '/client', { Origin: at('client'), Referer: at('client', '/a') });
    assert.equal(r.json.host, `client.example.test:${gate.port}`);
    assert.equal(r.json.origin, at('client'));
    assert.equal(r.json.referer, at('client', '/a'));
    assert.equal(r.get('location'), `http://127.0.0.1:${port}/x`);
    assert.deepEqual(r.all('set-cookie'), ['a=1; Domain=127.0.0.1']);
  });
});
