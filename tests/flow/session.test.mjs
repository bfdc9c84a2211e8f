// Basic once, cookie afterwards.
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { OTHER_PASSWORD, PASSWORD, startSite } from '../harness/site.mjs';
import { basic, requestBytes } from '../harness/wire.mjs';

const host = 'app.example.test';
const good = basic('beta', PASSWORD);
const pairOf = (setCookie) => setCookie.split(';')[0];

describe('session', () => {
  let site, gate;
  before(async () => {
    site = await startSite();
    gate = site.gate;
  });
  after(() => site?.stop());

  const ask = (headers, more = {}) => gate.request({ host, path: '/private', headers, ...more });
  const login = async (at = host, credentials = good) => {
    const r = await gate.request({ host: at, path: '/private', headers: { Authorization: credentials } });
    assert.equal(r.status, 200);
    assert.equal(r.all('set-cookie').length, 1, 'exactly one Set-Cookie');
    return pairOf(r.get('set-cookie'));
  };
  const lastSeen = () => site.echo.requests.at(-1).headers;

  it('one good Basic login mints exactly one cookie, of the right shape', async () => {
    const r = await ask({ Authorization: good });
    assert.equal(r.status, 200);
    const [cookie, ...rest] = r.all('set-cookie');
    assert.equal(rest.length, 0);
    assert.match(cookie, /^__Secure-tiergate=[\w.~-]+(;|$)/);
    for (const part of [/;\s*Path=\/(;|$)/i, /;\s*Secure(;|$)/i, /;\s*HttpOnly(;|$)/i, /;\s*SameSite=Lax(;|$)/i, /;\s*Max-Age=\d+(;|$)/i, /;\s*Domain=\.?app\.example\.test(;|$)/i])
      assert.match(cookie, part);
  });

  it('without a session domain the cookie is the host\'s own', async () => {
    const r = await gate.request({ host: 'solo.example.test', path: '/private', headers: { Authorization: good } });
    assert.match(r.get('set-cookie'), /^__Host-tiergate=/);
    assert.doesNotMatch(r.get('set-cookie'), /Domain/i);
  });

  it('the cookie alone lets in, and is not minted again', async () => {
    const cookie = await login();
    const r = await ask({ Cookie: cookie });
    assert.equal(r.status, 200);
    assert.equal(r.has('set-cookie'), false);
  });

  it('a cookie and Basic together mint nothing', async () => {
    const cookie = await login();
    assert.equal((await ask({ Cookie: cookie, Authorization: good })).has('set-cookie'), false);
    assert.equal((await ask({ Cookie: cookie, Authorization: basic('beta', 'wrong') })).status, 200, 'Basic is not checked');
  });

  it('the cookie opens the siblings of its circle', async () => {
    const cookie = await login();
    for (const at of ['sync.app.example.test', 'pr-42.app.example.test']) {
      assert.equal((await gate.request({ host: at, path: '/private', headers: { Cookie: cookie } })).status, 200, at);
    }
  });

  it('one tier\'s cookie or password does not open the other', async () => {
    const cookie = await login();
    const theirs = await login('other.example.test', basic('beta', OTHER_PASSWORD));
    for (const [at, headers] of [
      ['other.example.test', { Cookie: cookie }], ['other.example.test', { Authorization: good }],
      [host, { Cookie: theirs }], [host, { Authorization: basic('beta', OTHER_PASSWORD) }], ['solo.example.test', { Cookie: cookie }]
    ]) {
      assert.equal((await gate.request({ host: at, path: '/private', headers })).status, 401, `${at} ${JSON.stringify(headers)}`);
    }
    // The same bytes under the name that the other circle would use.
    const renamed = cookie.replace('__Secure-', '__Host-');
    assert.equal((await gate.request({ host: 'solo.example.test', path: '/private', headers: { Cookie: renamed } })).status, 401);
  });

  it('the app\'s own Bearer passes beside the cookie', async () => {
    const cookie = await login();
    const r = await ask({ Cookie: cookie, Authorization: 'Bearer app-token' });
    assert.equal(r.status, 200);
    assert.equal(lastSeen().authorization, 'Bearer app-token');
  });

  it('Bearer alone does not let in', async () => {
    assert.equal((await ask({ Authorization: 'Bearer x' })).status, 401);
    assert.equal((await ask({ Authorization: [good, 'Bearer x'] })).status === 200, false);
  });

  for (const field of ['Tiergate-Authorization', 'Proxy-Authorization']) {
    it(`${field} is another place for Basic`, async () => {
      const r = await ask({ [field]: good, Authorization: 'Bearer app' });
      assert.equal(r.status, 200);
      assert.equal(lastSeen().authorization, 'Bearer app');
      assert.equal(lastSeen()[field.toLowerCase()], undefined);
      assert.equal((await ask({ [field]: basic('beta', 'wrong') })).status, 401);
    });
  }

  it('neither cookie nor password reach the origin, on any path, right or wrong', async () => {
    const cookie = await login();
    const name = cookie.split('=')[0];
    for (const [path, headers] of [
      ['/private', { Cookie: `a=1; ${cookie}; b=2` }], ['/docs/x', { Cookie: `a=1; ${cookie}; b=2` }],
      ['/docs/x', { Cookie: 'a=1; __Host-tiergate=x; b=2; __Secure-tiergate=y', Authorization: basic('beta', 'wrong') }],
      ['/docs/x', { Authorization: good, Cookie: 'a=1; b=2' }], ['/private', { Authorization: good, Cookie: ['a=1', 'b=2'] }]
    ]) {
      const r = await ask(headers, { path });
      assert.equal(r.status, 200);
      const seen = lastSeen();
      assert.equal(seen.authorization, undefined);
      assert.ok(!JSON.stringify(site.echo.requests.at(-1)).includes(name), 'the cookie\'s name');
      assert.deepEqual((seen.cookie ?? '').split(/;\s*/).sort(), ['a=1', 'b=2'], path);
    }
    await ask({ Cookie: cookie });
    assert.equal(lastSeen().cookie, undefined, 'no empty Cookie');
  });

  it('Basic on a host without that gate is the app\'s', async () => {
    const r = await gate.request({ host: 'open.example.test', path: '/', headers: { Authorization: basic('app', 'own') } });
    assert.equal(r.json.headers.authorization, basic('app', 'own'));
  });

  it('the same login gives the same cookie for a while', async () => {
    const cookies = new Set();
    for (let i = 0; i < 10; i++) cookies.add(await login());
    assert.ok(cookies.size <= 2, 'one each of the two loop threads at most');
  });

  it('altered cookies are ignored', async () => {
    const cookie = await login();
    const [name, value] = [cookie.slice(0, cookie.indexOf('=')), cookie.slice(cookie.indexOf('=') + 1)];
    const flip = (at) => value.slice(0, at) + (value[at] === 'A' ? 'B' : 'A') + value.slice(at + 1);
    const bad = [value.slice(0, -1), `${value}A`, '', `"${value}"`, value.slice(1), `.${value}`, 'null', 'a.b.c'];
    for (let at = 0; at < value.length; at += 7) bad.push(flip(at));
    for (const v of bad) assert.equal((await ask({ Cookie: `${name}=${v}` })).status, 401, v);
    for (const n of ['tiergate', '__secure-tiergate', ' __Secure-tiergate2', '\u00a0__Secure-tiergate'])
      assert.equal((await ask({ Cookie: `${n}=${value}` })).status, 401, n);
    assert.equal((await ask({ Cookie: `${name}=broken; ${cookie}` })).status, 200, 'one that does not verify is ignored');
    assert.equal((await ask({ Cookie: `${cookie}; ${cookie}` })).status, 200, 'twice the same');
  });

  it('a bypassed or refused request mints nothing', async () => {
    for (const [path, headers] of [['/docs/x', { Authorization: good }], ['/closed/x', { Authorization: good }], ['/private', {}]])
      assert.equal((await ask(headers, { path })).has('set-cookie'), false, path);
  });

  it('/.tiergate/session tells who is signed in', async () => {
    const cookie = await login();
    const r = await ask({ Cookie: cookie }, { path: '/.tiergate/session' });
    assert.equal(r.status, 200);
    assert.equal(r.json.signed_in, true);
    assert.equal(r.json.user, 'beta');
    assert.equal((await ask({}, { path: '/.tiergate/session' })).json.signed_in, false);
  });

  it('sign-out asks first, then deletes both variants of the cookie', async () => {
    const cookie = await login();
    const navigation = { 'Sec-Fetch-Mode': 'navigate', 'Sec-Fetch-Site': 'same-origin', 'Sec-Fetch-Dest': 'document', Cookie: cookie };
    const form = await ask(navigation, { path: '/.tiergate/sign-out' });
    assert.equal(form.status, 200);
    assert.equal(form.has('set-cookie'), false, 'GET changes nothing');
    assert.match(form.text, /<form/i);
    const r = await ask({ ...navigation, Origin: gate.url(host, '') }, { path: '/.tiergate/sign-out', method: 'POST' });
    assert.equal(r.status, 200);
    const cleared = r.all('set-cookie');
    assert.ok(cleared.length >= 1);
    for (const c of cleared) assert.match(c, /Max-Age=0/i);
    assert.ok(cleared.some((c) => /Domain=/i.test(c)));
  });

  it('a foreign page cannot sign anybody out', async () => {
    const cookie = await login();
    const r = await ask({ Cookie: cookie, Origin: 'https://evil.test', 'Sec-Fetch-Site': 'cross-site', 'Sec-Fetch-Mode': 'navigate' },
      { path: '/.tiergate/sign-out', method: 'POST' });
    assert.equal(r.has('set-cookie'), false);
    assert.notEqual(r.status, 200);
  });

  it('no rule shadows the own endpoints, and unknown ones are 404', async () => {
    assert.equal((await ask({}, { path: '/.tiergate/nothing-here' })).status, 404);
    assert.equal((await ask({}, { path: '/.tiergate/health' })).status, 200);
  });

  it('the identity reaches the origin', async () => {
    await ask({ Authorization: good });
    assert.equal(lastSeen()['x-forwarded-user'], 'beta');
    await ask({ Authorization: good }, { path: '/docs/x' });
    assert.equal(lastSeen()['x-forwarded-user'], undefined, 'bypassed: no identity is passed on');
  });

  it('each request of a connection is judged by itself', async () => {
    const wire = await gate.connect({ host });
    const statuses = [];
    for (const headers of [{ Authorization: good }, {}, { Authorization: basic('beta', 'wrong') }, { Authorization: good }]) {
      await wire.send(requestBytes({ host, path: '/private', headers }));
      statuses.push((await wire.response()).status);
    }
    assert.deepEqual(statuses, [200, 401, 401, 200]);
    wire.close();
  });
});
