// GitHub: who comes in, who does not and is told why, and what happens when GitHub itself does not do well.
import assert from 'node:assert/strict';
import { after, afterEach, before, describe, it } from 'node:test';
import { API, HOSTS, LOGIN, SOLO, startSigninSite, STG, TEAM } from '../harness/signin-site.mjs';
import { until } from '../harness/wait.mjs';

describe('sign-in by GitHub', () => {
  let site;
  before(async () => (site = await startSigninSite()));
  after(() => site?.stop());
  afterEach(() => {
    site.github.faults = [];
    site.github.limited = undefined;
    site.github.certificate('good');
  });
  const signIn = async (login, address) => {
    const v = site.visitor();
    return { v, last: await site.byGithub(v, login, address ?? site.url(STG, '/a?b=c%20d&e=%2F')) };
  };

  it('lets a member in, back to where they wanted to go, byte by byte', async () => {
    const { v, last } = await signIn('alice');
    assert.equal(last.status, 200);
    assert.equal(last.url, site.url(STG, '/a?b=c%20d&e=%2F'));
    assert.equal(site.echo.requests.at(-1).target, '/a?b=c%20d&e=%2F');
    assert.ok(await site.isIn(v, API), 'one sign-in for both hosts');
    assert.ok(await site.isIn(v, TEAM));
    assert.deepEqual(site.github.complaints, []);
  });
  it('asks with PKCE and a state, and GitHub for no more than it needs', async () => {
    const asked = new URL(await site.toGithub(site.visitor(), site.url(STG)));
    assert.equal(asked.searchParams.get('code_challenge_method'), 'S256');
    assert.equal(asked.searchParams.get('redirect_uri'), site.url(STG, '/.tiergate/github/callback'));
    assert.deepEqual(asked.searchParams.get('scope').split(' ').sort(), ['read:org', 'user:email']);
    assert.doesNotMatch(asked.searchParams.get('state'), /plyr|stg/, 'sealed');
  });
  it('hands a sign-in over to a host outside the domain, once', async () => {
    const { v, last } = await signIn('alice', site.url(SOLO, '/there?x=1'));
    assert.equal(last.url, site.url(SOLO, '/there?x=1'));
    assert.equal(last.status, 200);
    const handed = v.trail.find((t) => t.url.includes('/.tiergate/hand-off'));
    const again = await site.visitor().go(handed.url);
    assert.notEqual(again.status, 200);
    assert.equal(again.all('set-cookie').some((c) => /tiergate=[^;]{20}/.test(c)), false);
  });

  for (const [login, at, words] of [
    ['mallory', STG, /not a member/i], ['paul', STG, /invitation/i], ['shy', STG, /scope|permission/i], ['dan', TEAM, /not a member|team/i], ['liar', STG, /not a member/i],
    ['second', STG, /not a member/i], ['alice', LOGIN, undefined]
  ]) it(`keeps ${login} from ${at}`, async () => {
    const { v, last } = await signIn(login, site.url(at, '/private'));
    assert.equal(last.status, 403);
    if (words) assert.match(last.text, words);
    assert.equal(await site.isIn(v, at), false);
  });
  it('has GitHub ask which account, for who wants to use another', async () => {
    const { v, last } = await signIn('mallory', site.url(STG, '/private'));
    const hrefs = (text) => [...text.matchAll(/<a\b[^>]* href="([^"]*)"/g)].map((m) => m[1].replaceAll('&amp;', '&'));
    const again = await v.go(new URL(hrefs(last.text).find((h) => h.startsWith('/.tiergate/sign-in?')), last.url).href, { from: last.url });
    const sent = await v.go(new URL(hrefs(again.text).find((h) => h.startsWith('/.tiergate/github?')), again.url).href, { from: again.url });
    const there = new URL(sent.get('location'));
    assert.deepEqual(there.searchParams.getAll('prompt'), ['select_account']);
    assert.equal((await v.follow(await v.go(await site.github.decide(there.href, 'alice'), { from: site.github.url }), HOSTS)).url, site.url(STG, '/private'));
    assert.ok(!new URL(await site.toGithub(site.visitor(), site.url(STG))).searchParams.has('prompt'));
  });
  it('leads who was invited to the invitation', async () => {
    const { last } = await signIn('paul', site.url(STG, '/private'));
    assert.ok(last.text.includes(`href="${site.github.url}/orgs/plyr-fm/invitation"`), last.text);
  });
  for (const what of ['blocksApps', 'saml']) it(`says so when the organisation keeps apps out: ${what}`, async () => {
    const org = site.github.world.findOrg('plyr-fm');
    org[what] = true;
    try {
      const { v, last } = await signIn('dan', site.url(STG, '/private'));
      assert.equal(last.status, 403);
      assert.match(last.text, /organi[sz]ation[^<]*(?:block|approve|allow)/i);
      assert.doesNotMatch(last.text, /not a member/i);
      assert.equal(await site.isIn(v, STG), false);
    } finally {
      org[what] = false;
    }
    assert.equal((await signIn('dan')).last.status, 200);
  });
  it('lets a proven primary address of the domain in', async () => assert.equal((await signIn('good')).last.status, 200));

  const faults = [
    ['/login/oauth/access_token', ['status', { status: 500 }]], ['/login/oauth/access_token', ['reset']], ['/login/oauth/access_token', ['broken']],
    ['/login/oauth/access_token', ['types']], ['/login/oauth/access_token', ['empty']], ['/login/oauth/access_token', ['html']], ['/login/oauth/access_token', ['redirect', { to: 'https://evil.test/' }]],
    ['/login/oauth/access_token', ['change', { make: (a) => ({ ...a, body: { error: 'bad_verification_code' } }) }]], ['/login/oauth/access_token', ['change', { make: (a) => ({ ...a, body: { ...a.body, token_type: 'mac' } }) }]],
    ...['/api/v3/user', '/api/v3/user/memberships/orgs/plyr-fm'].flatMap((p) => [
      ['status', { status: 503 }], ['reset'], ['broken'], ['types'], ['huge'], ['hugeHeader'], ['deep'], ['truncated'], ['noHttp'], ['redirect', { to: '/api/v3/other' }],
      ['status', { status: 200, body: '[]' }], ['status', { status: 204 }], ['change', { make: (a) => ({ ...a, body: { ...a.body, state: 'ACTIVE', id: -1 } }) }]
    ].map((f) => [p, f])),
    ['/api/v3/user', ['change', { make: (a) => ({ ...a, body: { ...a.body, id: 0 } }) }]], ['/api/v3/user', ['change', { make: (a) => ({ ...a, body: { ...a.body, id: 1.5 } }) }]],
    ['/api/v3/user', ['change', { make: (a) => ({ ...a, body: { ...a.body, login: 'a"b\\c\0' } }) }]]
  ];
  it('lets nobody in while GitHub says nothing', async () => {
    const waiting = [];
    for (const path of ['/login/oauth/access_token', '/api/v3/user', '/api/v3/user/memberships/orgs/plyr-fm']) {
      const v = site.visitor(), back = await site.github.decide(await site.toGithub(v, site.url(STG)), 'dan');
      site.github.fault(path, 'silence', { times: 1 });
      const asked = site.github.asked(path).length;
      waiting.push(v.go(back, { from: site.github.url, ms: 40000 }));
      await until('GitHub to be asked', () => site.github.asked(path).length > asked);
    }
    const also = site.visitor();
    assert.equal((await site.byGithub(also, 'alice')).status, 200, 'others do not wait for that');
    for (const last of await Promise.all(waiting)) {
      assert.equal(last.status, 503);
      assert.match(last.text, /GitHub does not answer/);
    }
  });
  for (const [path, [kind, more]] of faults) it(`lets nobody in while ${path} fails: ${kind} ${JSON.stringify(more ?? {})}`, async () => {
    site.github.fault(path, kind, more);
    const { v, last } = await signIn('dan');
    assert.notEqual(last.status, 200);
    assert.notEqual(last.status, 500);
    assert.match(last.text, /<h1/, 'a page, not a redirect');
    assert.equal(await site.isIn(v, STG), false);
  });
  for (const kind of ['expired', 'name', 'stranger']) it(`trusts no GitHub with a certificate: ${kind}`, async () => {
    const v = site.visitor();
    const back = await site.github.decide(await site.toGithub(v, site.url(STG)), 'alice');
    const why = /^certificate verify failed: (?:expired|hostname mismatch|unknown CA)/;
    const told = () => site.gate.lines().filter((l) => l.event === 'sign-in-refused' && l.way === 'github' && why.test(l.detail)).length;
    const before_ = site.github.requests.length, toldBefore = told();
    site.github.certificate(kind);
    const last = await v.follow(await v.go(back, { from: site.github.url }), [STG]);
    assert.notEqual(last.status, 200);
    assert.match(last.text, /GitHub does not answer/);
    assert.equal(site.github.requests.length, before_, 'nothing was said to it');
    await until('a line that says why', () => told() > toldBefore);
  });
  for (const limited of [{ kind: 'primary' }, { kind: 'secondary', status: 429, retryAfter: 5 }]) it(`says so when GitHub has had enough: ${limited.kind}`, async () => {
    site.github.limited = limited;
    const { last } = await signIn('dan');
    assert.equal(last.status, 503);
    site.github.limited = undefined;
    site.github.rates.clear();
  });

  it('says as whom one is signed in, where the rules of a host do not mean that one', async () => {
    const v = site.visitor();
    await site.byGithub(v, 'dan');
    const r = await v.go(site.url(TEAM));
    assert.equal(r.status, 403);
    assert.match(r.text, /You are signed in as <strong>dan<\/strong>, who may not see this page/);
  });

  it('does well with several tabs at a time, in any order', async () => {
    const v = site.visitor();
    const asked = [];
    for (const n of [1, 2, 3]) asked.push([n, await site.toGithub(v, site.url(STG, `/tab${n}`))]);
    for (const [n, location] of asked.reverse()) {
      const back = await site.github.decide(location, 'alice');
      assert.equal((await v.follow(await v.go(back, { from: site.github.url }), [STG])).url, site.url(STG, `/tab${n}`));
    }
  });
  it('asks nobody anew who is signed in: a stale state leads back', async () => {
    const v = site.visitor(), old = await site.github.decide(await site.toGithub(v, site.url(STG, '/late')), 'alice');
    await site.byGithub(v, 'alice');
    for (const time of ['first', 'again']) assert.equal((await v.follow(await v.go(old, { from: site.github.url }), [STG])).url, site.url(STG, '/late'), time);
  });
  it('ends in a page where the browser keeps no cookies', async () => {
    const last = await site.byGithub(site.visitor({ keepsCookies: false }), 'alice').catch((e) => e);
    assert.ok(last.status >= 400 && last.status < 500, `${last.status ?? last.message}`);
    assert.match(last.text, /cookie/i);
  });
  it('says no, in a page, to those who say no', async () => {
    const v = site.visitor(), back = await site.github.decide(await site.toGithub(v, site.url(STG)));
    const last = await v.go(back, { from: site.github.url });
    assert.equal(last.status >= 400 && last.status < 500, true);
    assert.equal(await site.isIn(v, STG), false);
  });
  it('leaves a line for each, and no secret in any', async () => {
    await signIn('alice');
    await signIn('mallory');
    await until('lines', () => /signed-in/.test(site.gate.stderr + JSON.stringify(site.gate.lines())));
    const all = site.gate.stderr + site.gate.stdout + JSON.stringify(site.gate.lines());
    for (const t of site.github.world.tokens.keys()) assert.equal(all.includes(t), false, 'a token in the log');
    for (const c of site.github.world.codes.keys()) assert.equal(all.includes(c), false, 'a code in the log');
    assert.equal(all.includes('client-secret-of-the-gate'), false);
  });
});
