// Where one comes from and gets back to: hosts of a template, hosts outside the domain, long addresses, POSTs, browsers that do not keep what they are given.
import assert from 'node:assert/strict';
import path from 'node:path';
import { after, before, describe, it } from 'node:test';
import { tiergate } from '../harness/gate.mjs';
import { API, HOSTS, SOLO, startSigninSite, STG } from '../harness/signin-site.mjs';
import { sleep } from '../harness/wait.mjs';

const SESSION = '__Secure-tiergate';
const PR = 'pr-7.plyr.test', OTHER_PR = 'pr-8.plyr.test', FAR = 'pr-7.previews.test', FAR_TOO = 'pr-8.previews.test';
const ALL = [...HOSTS, PR, OTHER_PR, FAR, FAR_TOO];
const mints = (r) => r.all('set-cookie').some((c) => /^__Secure-tiergate=[^;]{20}/.test(c));

describe('the way through signing in', () => {
  let site;
  before(async () => {
    const rules = [{ path: '/health', action: 'bypass' }, { path: '/*', action: 'allow', who: ['developers'] }];
    const hosts = ['pr-{n:int}.plyr.test', 'pr-{n:int}.previews.test'].map((host) => ({ host, origin: 'web', gate: 'team', rules }));
    site = await startSigninSite({ more: { hosts }, gate: { names: [STG, '*.plyr.test', SOLO, '*.previews.test'] } });
  });
  after(() => site?.stop());
  const through = async (v, address) => {
    const back = await site.github.decide(await to(v, address), 'alice');
    return v.follow(await v.go(back, { from: site.github.url }), ALL);
  };
  const to = async (v, address) => {
    const page = await v.follow(await v.go(address), ALL);
    const link = /href="(\/\.tiergate\/github[^"]*)"/.exec(page.text)[1].replaceAll('&amp;', '&');
    return v.whereTo(await v.go(new URL(link, page.url).href, { from: page.url })).href;
  };
  const last = () => site.echo.requests.at(-1).target;

  it('leads to a host of a template below the domain, and one sign-in is for all of them', async () => {
    const v = site.visitor(), r = await through(v, site.url(PR, '/a?b'));
    assert.deepEqual([r.status, r.url, last()], [200, site.url(PR, '/a?b'), '/a?b']);
    for (const host of [OTHER_PR, STG]) assert.ok(await site.isIn(v, host), host);
  });
  it('leads to a host of a template outside, and each of those is signed in by itself, without asking again', async () => {
    const v = site.visitor(), r = await through(v, site.url(FAR, '/a?b=%2e%2E'));
    assert.deepEqual([r.status, r.url, last()], [200, site.url(FAR, '/a?b=%2e%2E'), '/a?b=%2e%2E']);
    assert.equal(await site.isIn(v, FAR_TOO), false);
    const asked = site.github.requests.length;
    const there = await v.follow(await v.go(site.url(FAR_TOO, '/c')), ALL);
    assert.deepEqual([there.status, there.url, site.github.requests.length], [200, site.url(FAR_TOO, '/c'), asked]);
    const [one, two] = [FAR, FAR_TOO].map((h) => v.cookies.find((c) => c.name === SESSION && c.host === h));
    assert.ok(one.hostOnly && two.hostOnly && one.value !== two.value);
    for (const [host, c] of [[FAR, two], [FAR_TOO, one], [SOLO, one]])
      assert.equal((await site.gate.request({ host, path: '/x', headers: { Cookie: `${SESSION}=${c.value}`, 'Sec-Fetch-Mode': 'cors' } })).status, 401, host);
  });
  it('takes a code for one host of a template on no other', async () => {
    const v = site.visitor();
    await v.go(site.url(FAR_TOO, '/x'));
    const handed = await v.go(await site.github.decide(await to(v, site.url(FAR, '/x')), 'alice'), { from: site.github.url });
    const url = new URL(handed.get('location'));
    assert.equal(url.hostname, FAR);
    assert.equal(mints(await v.go(site.url(FAR_TOO, url.pathname + url.search), { from: site.url(STG) })), false);
  });
  it('keeps the address as it was, whatever it looks like', async () => {
    const all = ['/?', '/a?', '/?a=b&a=c&&=', '/%7Ea/%c3%A9?x=%zz', '/a?x=%E2%80%AE+%2B%20', '/x?to=https://evil.test&state=1&code=2', '/x?y=a?b?c', "/!$&'()*+,=:@", '/x?%00%0d%0a', '/é'.replace('é', '%C3%A9'), '/x?a|b^c`{}"<>\\[]'];
    for (const target of all) for (const host of [STG, SOLO]) {
      const v = site.visitor();
      // As bytes: a URL of the test's own would tidy them.
      const first = await site.gate.request({ host, path: target, headers: { 'Sec-Fetch-Mode': 'navigate', Accept: 'text/html', 'X-Forwarded-For': '198.51.100.77' } });
      if (first.status === 400) continue;
      assert.equal(first.status, 302, target);
      v.keep(first, new URL(site.url(host)));
      const back = await v.go(await site.github.decide(await to(v, first.get('location')), 'alice'), { from: site.github.url });
      const there = back.get('location').includes('hand-off') ? await v.go(back.get('location'), { from: back.url }) : back;
      assert.equal(there.get('location').replace(`https://${host}:${site.gate.port}`, ''), target);
    }
  });
  for (const [n, kept] of [[4000, true], [4001, false], [6000, false], [8000, false]]) for (const host of [STG, SOLO]) it(`keeps ${n} bytes on ${host}: ${kept}`, async () => {
    const target = `/x?${'q'.repeat(n - 3)}`, r = await through(site.visitor(), site.url(host, target));
    assert.equal(r.status, 200);
    assert.equal(new URL(r.url).pathname + new URL(r.url).search, kept ? target : '/');
  });
  it('asks GitHub in no more than an address of 8 KiB, and needs no more itself', async () => {
    const v = site.visitor(), asked = await to(v, site.url(STG, `/x?${'q'.repeat(3997)}`));
    assert.ok(asked.length < 8192, `${asked.length}`);
    assert.ok((await site.github.decide(asked, 'alice')).length < 8192);
  });
  it('forgets more where requests must be short', async () => {
    await site.gate.reload({ ...site.rules, limits: { ...site.rules.limits, header_bytes: '4KiB' } }, /reload: ok/);
    for (const [n, kept] of [[1024, true], [1025, false]]) for (const host of [STG, SOLO])
      assert.equal((await through(site.visitor(), site.url(host, `/${'q'.repeat(n - 1)}`))).url.length > 1000, kept, `${host} ${n}`);
    await site.gate.reload(site.rules, /reload: ok/);
  });
  it('answers a form of the app by a page with a link that leads back to the form\'s address', async () => {
    const v = site.visitor(), before_ = site.echo.requests.length;
    const r = await v.go(site.url(STG, '/save?draft=1'), { method: 'POST', form: { text: 'long' }, from: site.url(STG, '/edit') });
    assert.equal(r.status, 401);
    assert.equal(site.echo.requests.length, before_);
    const link = /href="([^"]*\/\.tiergate\/sign-in\?[^"]*)"/.exec(r.text)[1].replaceAll('&amp;', '&');
    const end = await through(v, new URL(link, r.url).href);
    assert.deepEqual([end.status, end.url], [200, site.url(STG, '/save?draft=1')]);
    assert.equal(site.echo.requests.at(-1).method, 'GET');
  });
  it('lets the callback of the app\'s own sign-in through, code and state and all', async () => {
    const v = site.visitor(), own = '/.auth/callback?code=their%2Bcode&state=their.state';
    const first = await v.go(site.url(STG, own), { from: 'https://idp.elsewhere.test/' });
    assert.equal(first.status, 302);
    assert.equal((await through(v, first.get('location'))).url, site.url(STG, own));
    assert.equal(last(), own);
  });
  it('ends in a page where the browser drops the session alone', async () => {
    for (const host of [STG, SOLO]) {
      const v = site.visitor(), keep = v.keep.bind(v);
      v.keep = (r, url) => {
        keep(r, url);
        v.cookies = v.cookies.filter((c) => c.name !== SESSION);
      };
      const r = await through(v, site.url(host, '/x'));
      assert.equal(r.status, 400, `${host}: ${r.url}`);
      assert.match(r.text, /cookie/i);
      assert.ok(v.trail.length < 12, v.trail.map((t) => t.url).join('\n'));
    }
  });
  it('ends in a page where the session of one host alone is dropped, and the sign-in host\'s holds', async () => {
    const v = site.visitor(), keep = v.keep.bind(v);
    v.keep = (r, url) => {
      keep(r, url);
      v.cookies = v.cookies.filter((c) => c.host !== SOLO || /browser|signed-in/.test(c.name));
    };
    const r = await through(v, site.url(SOLO, '/x'));
    assert.match(r.url, /\/\.tiergate\/sign-in\?/);
    assert.ok(v.trail.length < 12, v.trail.map((t) => t.url).join('\n'));
  });
  it('ends in a page where sessions were taken back on one host alone, and leads on from there', async () => {
    for (const host of [API, SOLO]) {
      const v = site.visitor();
      await through(v, site.url(host, '/x'));
      const { code, stderr } = await tiergate(['revoke', `host:${host}`, '--state', path.join(site.gate.dir, 'state')]);
      assert.equal(code, 0, stderr);
      await sleep(1100); // what is proven in the very second is taken back with the rest
      const shown = await v.follow(await v.go(site.url(host, '/x')), ALL);
      assert.match(shown.url, /\/\.tiergate\/sign-in\?/, host);
      assert.ok(await site.isIn(v, STG), 'nothing else was taken back');
      assert.equal((await through(v, site.url(host, '/x'))).url, site.url(host, '/x'));
    }
  });
  it('blames nobody\'s cookies when somebody signed out, or was, a moment after', async () => {
    for (const host of [STG, API]) {
      const v = site.visitor();
      await through(v, site.url(host, '/x'));
      if (host === STG) await v.go(site.url(STG, '/.tiergate/sign-out'), { method: 'POST', from: site.url(STG) });
      else v.cookie(SESSION).value = `${v.cookie(SESSION).value.slice(0, -4)}AAAA`;
      const { shown } = await site.signInPage(v, site.url(host, '/x'));
      assert.equal(shown.status, 200, host);
      assert.doesNotMatch(shown.text, /cookie/i);
    }
  });
  it('minds no cookie that Access left behind', async () => {
    const v = site.visitor();
    const left = { secure: true, httpOnly: true, sameSite: 'none', path: '/', ends: Infinity, hostOnly: true };
    v.cookies.push({ ...left, name: 'CF_Authorization', value: 'eyJhbGciOiJSUzI1NiJ9.e30.x', host: STG }, { ...left, name: 'CF_Authorization', value: 'eyJh.e30.y', host: API });
    assert.equal((await through(v, site.url(STG, '/x'))).url, site.url(STG, '/x'));
    assert.ok(await site.isIn(v, API));
  });
  it('leads to no host that is none of the gate\'s any more', async () => {
    const v = site.visitor(), first = site.visitor();
    await through(first, site.url(STG));
    const sealed = (await v.go(site.url(SOLO, '/x'))).get('location');
    const left = { ...site.rules, hosts: site.rules.hosts.filter((h) => h.host !== SOLO) };
    await site.gate.reload(left, /reload: ok/);
    assert.equal((await through(v, sealed)).url, site.url(STG, '/'));
    assert.equal((await first.follow(await first.go(sealed), ALL)).url, site.url(STG, '/'));
    await site.gate.reload(site.rules, /reload: ok/);
  });
  it('leads who is signed in on, and never asks GitHub again', async () => {
    const v = site.visitor();
    await through(v, site.url(STG));
    const asked = site.github.requests.length;
    for (const path of ['/.tiergate/sign-in', '/.tiergate/github', '/cdn-cgi/access/login', '/cdn-cgi/access/login?redirect_url=/x']) {
      const r = await v.follow(await v.go(site.url(STG, path)), ALL);
      assert.equal(r.status, 200, path);
      assert.doesNotMatch(r.url, /\.tiergate|cdn-cgi/);
    }
    assert.equal(site.github.requests.length, asked);
  });
});
