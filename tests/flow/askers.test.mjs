// The answer fits the asker: who comes to a gated path without a good identity, and what each can use.
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { startSite } from '../harness/site.mjs';
import { basic } from '../harness/wire.mjs';

const host = 'app.example.test';
const CHALLENGE = 'Basic realm="app", charset="UTF-8"';
const browser = { 'Sec-Fetch-Site': 'none', 'Sec-Fetch-Mode': 'navigate', 'Sec-Fetch-Dest': 'document', Accept: 'text/html,*/*;q=0.8' };
const script = { 'Sec-Fetch-Site': 'same-origin', 'Sec-Fetch-Mode': 'cors', 'Sec-Fetch-Dest': 'empty', Accept: '*/*' };
const upgrade = {
  Connection: 'Upgrade', Upgrade: 'websocket', 'Sec-WebSocket-Version': '13', 'Sec-WebSocket-Key': 'dGhlIHNhbXBsZSBub25jZQ=='
};

describe('askers', () => {
  let site, gate, mine, sibling;
  before(async () => {
    site = await startSite();
    gate = site.gate;
    mine = gate.url(host, '');
    sibling = gate.url('sync.app.example.test', '');
  });
  after(() => site?.stop());

  const ask = (headers, more = {}) => gate.request({ host, path: '/private', headers, ...more });
  const marked = (r) => {
    assert.ok(r.get('tiergate'), 'Tiergate');
    assert.equal(r.get('cache-control'), 'no-store');
    assert.match(r.get('vary'), /Cookie/i);
    assert.match(r.get('vary'), /Authorization/i);
    assert.equal(r.has('set-cookie'), false);
  };
  const untouched = (n) => assert.equal(site.echo.requests.length, n, 'the origin was asked');

  it('a navigation gets 401, the challenge and a page', async () => {
    const before = site.echo.requests.length;
    const r = await ask(browser);
    assert.equal(r.status, 401);
    assert.equal(r.get('www-authenticate'), CHALLENGE);
    assert.match(r.get('content-type'), /^text\/html/);
    assert.match(r.text, /<html/i);
    marked(r);
    untouched(before);
  });

  it('an old browser without Sec-Fetch fields counts as a navigation', async () => {
    const r = await ask({ Accept: 'text/html,application/xhtml+xml' });
    assert.equal(r.status, 401);
    assert.match(r.get('content-type'), /^text\/html/);
  });

  it('a POST navigation gets a 401 page with a link', async () => {
    const r = await ask({ ...browser, 'Content-Type': 'application/x-www-form-urlencoded' }, { method: 'POST', body: 'a=1' });
    assert.equal(r.status, 401);
    assert.match(r.get('content-type'), /^text\/html/);
    assert.match(r.text, /<a /);
  });

  it('a fetch gets 401 JSON, with a challenge where it brought no Authorization', async () => {
    const r = await ask(script);
    assert.equal(r.status, 401);
    assert.match(r.get('content-type'), /^application\/json/);
    assert.ok(r.json.error);
    assert.ok('sign_in' in r.json);
    assert.equal(r.get('www-authenticate'), CHALLENGE);
    marked(r);
  });

  it('a fetch with a token of the app gets 401 without a challenge, which would pop a dialog', async () => {
    const r = await ask({ ...script, Authorization: 'Bearer x' });
    assert.equal(r.status, 401);
    assert.equal(r.has('www-authenticate'), false);
    assert.match(r.get('content-type'), /^application\/json/);
  });

  for (const dest of ['manifest', 'serviceworker', 'image', 'script']) {
    it(`a ${dest} gets 401 JSON and is never redirected`, async () => {
      const r = await ask({ ...script, 'Sec-Fetch-Dest': dest, 'Sec-Fetch-Mode': 'no-cors' });
      assert.equal(r.status, 401);
      assert.equal(r.has('location'), false);
      assert.match(r.get('content-type'), /^application\/json/);
    });
  }

  it('a fetch from a page of the circle can read the refusal', async () => {
    const r = await ask({ ...script, 'Sec-Fetch-Site': 'same-site', Origin: sibling });
    assert.equal(r.status, 401);
    assert.equal(r.get('access-control-allow-origin'), sibling);
    assert.equal(r.get('access-control-allow-credentials'), 'true');
    assert.match(r.get('vary'), /Origin/i);
  });

  it('a page outside of the circle cannot', async () => {
    for (const Origin of [gate.url('other.example.test', ''), 'https://evil.test', 'null', 'https://app.example.test.evil.test']) {
      const r = await ask({ ...script, 'Sec-Fetch-Site': 'cross-site', Origin });
      assert.equal(r.status, 401);
      assert.equal(r.has('access-control-allow-origin'), false, Origin);
    }
  });

  it('a preflight from the circle is answered at the edge', async () => {
    const before = site.echo.requests.length;
    const r = await ask({
      Origin: sibling, 'Access-Control-Request-Method': 'PUT', 'Access-Control-Request-Headers': 'authorization, x-custom'
    }, { method: 'OPTIONS' });
    assert.ok(r.status === 204 || r.status === 200);
    assert.equal(r.get('access-control-allow-origin'), sibling);
    assert.equal(r.get('access-control-allow-credentials'), 'true');
    assert.match(r.get('access-control-allow-methods'), /PUT/);
    assert.match(r.get('access-control-allow-headers'), /x-custom/);
    marked(r);
    untouched(before);
  });

  it('a preflight from elsewhere gets no grant', async () => {
    const r = await ask({ Origin: 'https://evil.test', 'Access-Control-Request-Method': 'PUT' }, { method: 'OPTIONS' });
    assert.equal(r.has('access-control-allow-origin'), false);
  });

  it('a preflight of a bypassed path reaches the origin, of a blocked one nothing', async () => {
    const preflight = { Origin: sibling, 'Access-Control-Request-Method': 'GET' };
    const before = site.echo.requests.length;
    const r = await gate.request({ host: 'open.example.test', path: '/x', method: 'OPTIONS', headers: preflight });
    assert.equal(r.status, 200);
    assert.equal(site.echo.requests.length, before + 1);
    assert.equal((await ask(preflight, { method: 'OPTIONS', path: '/closed/x' })).status, 403);
    untouched(before + 1);
  });

  it('what only looks like a preflight is gated', async () => {
    const genuine = { Origin: sibling, 'Access-Control-Request-Method': 'GET' };
    for (const [name, headers, more] of [
      ['no method asked', { Origin: sibling }, {}],
      ['no origin', { 'Access-Control-Request-Method': 'GET' }, {}],
      ['a body', genuine, { body: 'x' }]
    ]) {
      const r = await ask(headers, { method: 'OPTIONS', ...more });
      assert.equal(r.status, 401, name);
    }
    // Here a block rule refuses whatever is ambiguous.
    assert.equal((await ask(genuine, { method: 'OPTIONS', path: '/a/../private' })).status, 403);
  });

  it('a WebSocket with an Origin gets 401 without a challenge', async () => {
    const r = await ask({ ...upgrade, Connection: 'Upgrade', Origin: mine });
    assert.equal(r.status, 401);
    assert.equal(r.has('www-authenticate'), false);
  });

  it('curl gets 401 with the challenge, first and alone', async () => {
    const r = await ask({ Accept: '*/*', 'User-Agent': 'curl/8' });
    assert.equal(r.status, 401);
    assert.deepEqual(r.all('www-authenticate'), [CHALLENGE]);
    marked(r);
  });

  it('HEAD gets the same head and no body', async () => {
    const wire = await gate.connect({ host });
    await wire.send(`HEAD /private HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n\r\n`);
    const r = await wire.response({ to: 'HEAD' });
    assert.equal(r.status, 401);
    assert.equal((await wire.rest()).length, 0);
  });

  it('wrong credentials get 401 and another chance', async () => {
    for (const password of ['wrong', '', 'correct horse ', 'Correct horse']) {
      const r = await ask({ Authorization: basic('beta', password) });
      assert.equal(r.status, 401, password);
      assert.equal(r.get('www-authenticate'), CHALLENGE);
      assert.equal(r.has('set-cookie'), false);
    }
  });

  it('a blocked path is refused to all', async () => {
    assert.equal((await ask({}, { path: '/closed/x' })).status, 403);
    assert.equal((await ask({ Authorization: basic('beta', 'correct horse') }, { path: '/closed/x' })).status, 403);
  });

  it('a refused body leaves the connection in order', async () => {
    const wire = await gate.connect({ host });
    const before = site.echo.requests.length;
    const body = 'GET /api/health HTTP/1.1\r\nX: y\r\n';
    await wire.send(`POST /private HTTP/1.1\r\nHost: ${host}\r\nContent-Length: ${body.length}\r\n\r\n${body}`);
    assert.equal((await wire.response()).status, 401);
    await wire.send(`GET /api/health HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n\r\n`).catch(() => {});
    const rest = (await wire.rest()).toString();
    assert.ok(rest === '' || rest.startsWith('HTTP/1.1 200'), rest);
    assert.ok(site.echo.requests.length - before <= 1);
    wire.close();
  });
});
