// Machines: service tokens as Access has them, and Vercel's bypass.
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { API, startSigninSite, STG } from '../harness/signin-site.mjs';

const mints = (r) => r.all('set-cookie').some((c) => /tiergate=[^;]{20}/.test(c));

describe('service tokens', () => {
  let site, gate;
  before(async () => ({ gate } = site = await startSigninSite()));
  after(() => site?.stop());
  const ask = (host, headers, path = '/private', more = {}) => gate.request({ host, path, headers, ...more });
  const pair = (name, secret = site.tokens[name]) => ({ 'CF-Access-Client-Id': name, 'CF-Access-Client-Secret': secret });
  const reached = async (host, headers, path) => {
    const before_ = site.echo.requests.length, got = await ask(host, headers, path);
    return [got.status, site.echo.requests.length - before_];
  };

  it('let in where the rules name them, beside the app\'s own Bearer, and stay here', async () => {
    const r = await ask(API, { ...pair('ssr'), Authorization: 'Bearer app-token' });
    assert.equal(r.status, 200);
    const seen = site.echo.requests.at(-1);
    assert.equal(seen.headers.authorization, 'Bearer app-token');
    assert.doesNotMatch(JSON.stringify(seen.rawHeaders), /tgs_|client-secret|client-id/i);
    assert.equal(r.has('set-cookie'), false);
  });
  it('403 where the rules do not name them, 401 where they are wrong, and never a page', async () => {
    assert.deepEqual(await reached(STG, pair('ssr')), [403, 0]);
    for (const headers of [
      pair('ssr', 'tgs_wrong'), pair('nobody', 'tgs_wrong'), pair('ssr', ''), pair('ssr', site.tokens.smoke), pair('SSR', site.tokens.ssr), { 'CF-Access-Client-Id': 'ssr' }, { 'CF-Access-Client-Secret': site.tokens.ssr },
      { ...pair('ssr'), 'CF-Access-Client-Id': ['ssr', 'ssr'] }, { ...pair('ssr'), 'CF-Access-Client-Secret': [site.tokens.ssr, site.tokens.ssr] },
      pair('ssr', site.tokens.ssr.slice(0, -1)), pair('ssr', `${site.tokens.ssr}x`), pair('ssr', 'x'.repeat(6000))
    ]) {
      const before_ = site.echo.requests.length, r = await ask(API, { ...headers, 'Sec-Fetch-Mode': 'navigate', Accept: 'text/html' });
      assert.deepEqual([r.status, site.echo.requests.length - before_], [401, 0], JSON.stringify(headers));
      assert.equal(r.has('location'), false);
    }
  });
  it('count alone: a good session beside a wrong token is refused', async () => {
    const v = site.visitor();
    await v.go(site.url(STG, `/?x-vercel-protection-bypass=${site.tokens.smoke}&x-vercel-set-bypass-cookie=true`));
    assert.ok(await site.isIn(v, STG));
    assert.equal((await v.go(site.url(API, '/private'), { mode: 'cors', headers: pair('ssr', 'tgs_wrong') })).status, 401);
    assert.equal((await v.go(site.url(STG, '/private'), { mode: 'cors', headers: pair('ssr') })).status, 403);
  });
  it('in another spelling are nothing, and do not reach the origin', async () => {
    for (const name of ['cf_access_client_secret', 'CF.Access.Client.Secret', 'cf_access_client-secret']) {
      assert.equal((await ask(API, { 'CF-Access-Client-Id': 'ssr', [name]: site.tokens.ssr })).status, 401, name);
      await ask(API, { ...pair('ssr'), [name]: 'tgs_other' });
      assert.doesNotMatch(JSON.stringify(site.echo.requests.at(-1).rawHeaders), /tgs_/, name);
    }
  });
  it('are taken away on bypassed paths too', async () => {
    await ask(API, pair('ssr'), '/health');
    assert.doesNotMatch(JSON.stringify(site.echo.requests.at(-1).rawHeaders), /tgs_/);
  });
  it('stand in Authorization only where the rules ask for it', async () => {
    const Authorization = JSON.stringify({ 'cf-access-client-id': 'ssr', 'cf-access-client-secret': site.tokens.ssr });
    assert.equal((await ask(API, { Authorization })).status, 401);
  });

  describe('by Vercel\'s names', () => {
    const secret = () => site.tokens.smoke;
    it('in a header, and in a query that the origin does not see', async () => {
      assert.equal((await ask(STG, { 'x-vercel-protection-bypass': secret() })).status, 200);
      assert.doesNotMatch(JSON.stringify(site.echo.requests.at(-1)), /tgs_|x-vercel/i);
      assert.equal((await ask(STG, {}, `/p?a=%2f&x-vercel-protection-bypass=${secret()}&b=2`)).status, 200);
      assert.equal(site.echo.requests.at(-1).target, '/p?a=%2f&b=2');
    });
    it('becomes a cookie and a clean address', async () => {
      const v = site.visitor();
      const r = await v.go(site.url(STG, `/p?a=1&x-vercel-protection-bypass=${secret()}&x-vercel-set-bypass-cookie=true`));
      assert.ok([302, 307].includes(r.status));
      assert.equal(new URL(r.get('location'), r.url).href, site.url(STG, '/p?a=1'));
      assert.ok(mints(r));
      assert.ok(await site.isIn(v, STG));
      assert.match((await site.visitor().go(site.url(STG, '/p'), { headers: { 'x-vercel-protection-bypass': secret(), 'x-vercel-set-bypass-cookie': 'samesitenone' } })).get('set-cookie'), /SameSite=None/i);
    });
    it('stays on this host, whatever the address looks like', async () => {
      // As bytes: a URL of the test's own would tidy them.
      for (const target of ['//evil.test/', '//evil.test', '///evil.test/', '/\\\\evil.test/', '//evil.test\\@x/', '//user@evil.test/..']) {
        const r = await ask(STG, { 'Sec-Fetch-Mode': 'navigate', Accept: 'text/html' }, `${target}?x-vercel-protection-bypass=${secret()}&x-vercel-set-bypass-cookie=true`);
        if (r.has('location')) assert.equal(new URL(r.get('location'), site.url(STG)).hostname, STG, `${target} → ${r.get('location')}`);
      }
      const led = await ask(STG, { 'Sec-Fetch-Mode': 'navigate', Accept: 'text/html' }, `//evil.test/?x-vercel-protection-bypass=${secret()}&x-vercel-set-bypass-cookie=true`);
      assert.ok([302, 403].includes(led.status), `${led.status}`);
    });
    it('does nothing with a wrong secret', async () => {
      for (const wrong of ['x', '', 'true', site.tokens.smoke.toLowerCase()]) {
        const r = await ask(STG, {}, `/p?x-vercel-protection-bypass=${wrong}&x-vercel-set-bypass-cookie=true`);
        assert.equal(r.status, 401);
        assert.equal(mints(r), false);
      }
    });
  });

  it('are in no log', async () => {
    await ask(STG, {}, `/p?x-vercel-protection-bypass=${site.tokens.smoke}`);
    await gate.line((l) => JSON.stringify(l).includes('/p'));
    assert.doesNotMatch(gate.stderr + JSON.stringify(gate.lines()), /tgs_/);
  });
});
