// A job of GitHub Actions buys a short session by what it is, without a secret.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import { after, before, describe, it } from 'node:test';
import { jobClaims, pullRequest, WRONG } from '../harness/oidc.mjs';
import { startSigninSite, STG } from '../harness/signin-site.mjs';

const mints = (r) => r.all('set-cookie').some((c) => /tiergate=[^;]{20}/.test(c));
const AUDIENCE = `https://${STG}`;
const job = (more = {}) => ({ repository: 'plyr-fm/site', ...more });
const previews = { host: 'pr-{n:int}.plyr.test', origin: 'web', gate: 'team', rules: [{ path: '/*', action: 'allow', who: ['github_actions:plyr-fm/site'] }] };
// A host whose name holds any label: no number that a pull request could have.
const branches = { ...previews, host: 'branch-{name}.plyr.test' };

/** A site, and how a job asks it. */
async function shop(more) {
  const site = await startSigninSite({ more });
  const buy = (token, host = 'pr-7.plyr.test', extra = {}) =>
    site.gate.request({ host, path: '/.tiergate/github-actions', method: 'POST', headers: { Authorization: `Bearer ${token}`, ...extra } });
  const enters = async (r, host, path = '/x') => {
    const cookie = r.get('set-cookie').split(';')[0];
    return (await site.gate.request({ host, path, headers: { Cookie: cookie } })).status === 200;
  };
  return { site, buy, enters };
}

describe('jobs of GitHub Actions', () => {
  let site, buy, enters;
  before(async () => ({ site, buy, enters } = await shop({ hosts: [previews, branches], actions: { own_preview_only: true, lifetime: '5m' } })));
  after(() => site?.stop());

  it('buy a short session', async () => {
    const r = await buy(site.issuer.token(job(pullRequest(7)), AUDIENCE));
    assert.equal(r.status, 200, r.text);
    assert.ok(mints(r));
    assert.doesNotMatch(r.get('set-cookie'), /domain=/i);
    assert.match(r.get('set-cookie'), /max-age=(300|299)/i);
    assert.equal(r.get('cache-control'), 'no-store');
    assert.equal(`${r.json.name}=${r.json.value}`, r.get('set-cookie').split(';')[0]);
    assert.ok(Math.abs(r.json.expires - Date.now() / 1000 - 300) < 60);
    assert.ok(await enters(r, 'pr-7.plyr.test'));
    assert.equal(await enters(r, 'pr-8.plyr.test'), false, 'its own host alone');
    assert.equal(await enters(r, STG), false);
  });
  it('are told to the origin as Access tells of machines', async () => {
    const r = await buy(site.issuer.token(job(pullRequest(7)), AUDIENCE));
    assert.ok(await enters(r, 'pr-7.plyr.test'));
    const headers = site.echo.requests.at(-1).headers, claims = JSON.parse(Buffer.from(headers['cf-access-jwt-assertion'].split('.')[1], 'base64url'));
    assert.deepEqual([claims.common_name, claims.sub, claims.tiergate.way, claims.email], ['plyr-fm/site', '', 'github-actions', undefined]);
    assert.equal(headers['x-forwarded-user'], 'plyr-fm/site');
  });
  for (const name of Object.keys(WRONG)) it(`get nothing for a token that is wrong: ${name}`, async () => {
    const r = await buy(site.issuer.token(job(pullRequest(7)), AUDIENCE, name)).catch(() => undefined);
    assert.ok(!r || (r.status >= 400 && r.status < 500), `${r?.status}`);
    assert.ok(!r || !mints(r));
  });
  for (const [what, more] of [
    ['another repository', pullRequest(7, { repository: 'plyr-fm/site2' })], ['a repository of another owner', pullRequest(7, { repository: 'evil/site' })],
    ['a repository with more in front', pullRequest(7, { repository: 'x/plyr-fm/site' })], ['a repository with more behind', pullRequest(7, { repository: 'plyr-fm/site/x' })],
    ['the name in other letters of other scripts', pullRequest(7, { repository: 'plyr-fm/s\u0456te' })], ['a fork that names its head so', pullRequest(7, { repository: 'evil/site', head_ref: 'plyr-fm/site' })],
    ['another pull request', pullRequest(8)], ['a number with a zero in front', pullRequest('07')], ['a number that goes on', pullRequest(77)], ['no number', pullRequest('')],
    ['its head instead of its merge', pullRequest(7, { ref: 'refs/pull/7/head' })], ['a branch of that name', pullRequest(7, { ref: 'refs/heads/refs/pull/7/merge' })],
    ['a ref that goes on', pullRequest(7, { ref: 'refs/pull/7/merge/x' })], ['a branch', { ref: 'refs/heads/main' }],
    ['a job that runs on behalf of a pull request', pullRequest(7, { event_name: 'pull_request_target', ref: 'refs/heads/main' })], ['another event with that ref', pullRequest(7, { event_name: 'push' })],
    ['no number of its own', pullRequest(7, { jti: undefined })], ['an empty one', pullRequest(7, { jti: '' })]
  ]) it(`get nothing for ${what}`, async () => {
    const r = await buy(site.issuer.token(job(more), AUDIENCE));
    assert.ok([401, 403].includes(r.status), `${r.status}`);
    assert.equal(mints(r), false);
  });
  it('get nothing where the name of the host is no number', async () => {
    assert.equal((await buy(site.issuer.token(job(pullRequest(7)), AUDIENCE), 'branch-7.plyr.test')).status, 403);
    assert.equal((await buy(site.issuer.token(job(pullRequest(7)), AUDIENCE), STG)).status, 403);
  });
  it('use a token once', async () => {
    const token = site.issuer.token(job(pullRequest(7)), AUDIENCE);
    const all = await Promise.all(Array.from({ length: 20 }, () => buy(token)));
    assert.equal(all.filter(mints).length, 1);
    // Nor a second time by another text that says the same.
    const claims = jobClaims(site.issuer.issuer, job(pullRequest(7, { jti: 'one' })), AUDIENCE);
    const more = [{}, { sha: 'another' }].map((change) => site.issuer.token({ ...claims, ...change }, AUDIENCE));
    assert.deepEqual((await Promise.all(more.map((t) => buy(t)))).filter(mints).length, 1);
  });
  it('are heard by POST and in Authorization alone', async () => {
    const token = site.issuer.token(job(pullRequest(7)), AUDIENCE), path = '/.tiergate/github-actions', host = 'pr-7.plyr.test';
    const got = [];
    got.push(await site.gate.request({ host, path, headers: { Authorization: `Bearer ${token}` } }));
    got.push(await site.gate.request({ host, path: `${path}?token=${token}`, method: 'POST' }));
    got.push(await site.gate.request({ host, path, method: 'POST', headers: { Authorization: `Basic ${token}` } }));
    got.push(await site.gate.request({ host, path, method: 'POST', headers: { Authorization: [`Bearer ${token}`, `Bearer ${token}`] } }));
    assert.deepEqual(got.map((r) => [r.status, mints(r)]), [[405, false], [401, false], [401, false], [401, false]]);
    assert.equal((await buy(token)).status, 200, 'and it is not used up by that');
  });
  it('are in the log by who they are, never by their token', async () => {
    const token = site.issuer.token(job(pullRequest(7)), AUDIENCE), r = await buy(token);
    await buy(token);
    assert.ok(r.json.value);
    await site.gate.line((l) => l.event === 'signed-in' && l.way === 'github-actions' && l.identity === 'plyr-fm/site' && l.host === 'pr-7.plyr.test');
    await site.gate.line((l) => l.event === 'sign-in-refused' && l.detail === 'the token was used before');
    const text = fs.readFileSync(site.gate.logFile, 'utf8');
    assert.ok(!text.includes(token.split('.')[2]) && !text.includes(r.json.value));
  });
});

describe('jobs, and their issuer', () => {
  let site, buy, ends;
  before(async () => ({ site, buy } = await shop({ hosts: [previews] })));
  after(() => site?.stop());
  const asked = () => site.issuer.asked('/.well-known/jwks').length;
  const good = () => buy(site.issuer.token(job(), AUDIENCE));

  it('get nothing while it is silent', async () => {
    ends = site.issuer.fault('/.well-known/jwks', 'silence');
    const slow = await buy(site.issuer.token(job(), AUDIENCE));
    assert.deepEqual([slow.status, mints(slow)], [503, false]);
  });
  it('are let in when it is back, have its keys fetched once for all, and follow a change of keys', async () => {
    ends();
    let first;
    for (const end = Date.now() + 60000; Date.now() < end && first?.status !== 200; await new Promise((r) => setTimeout(r, 500))) first = await good();
    assert.equal(first.status, 200);
    const before_ = asked();
    assert.deepEqual((await Promise.all([good(), good(), good()])).map((r) => r.status), [200, 200, 200]);
    assert.equal(asked(), before_);
    site.issuer.rotate();
    assert.equal((await good()).status, 200);
    assert.equal(asked(), before_ + 1);
  });
  it('cannot make us ask by names of keys that they make up', async () => {
    const before_ = asked();
    const all = await Promise.all(Array.from({ length: 30 }, () => buy(site.issuer.token(job(), AUDIENCE, 'an unknown kid'))));
    assert.deepEqual([...new Set(all.map((r) => r.status))], [401]);
    assert.ok(asked() - before_ <= 1, 'strangers cannot make us ask');
  });
});

describe('jobs that are limited', () => {
  let site, buy, enters;
  before(async () => ({ site, buy, enters } = await shop({ hosts: [previews], actions: { ref: ['refs/heads/main'], environment: ['staging'] } })));
  after(() => site?.stop());
  it('must run on the branch and in the environment that the rules name', async () => {
    const r = await buy(site.issuer.token(job({ environment: 'staging' }), AUDIENCE));
    assert.equal(r.status, 200, r.text);
    assert.ok(await enters(r, 'pr-9.plyr.test'), 'on every host of the gate');
    for (const more of [{}, { environment: 'Staging' }, { environment: 'staging', ref: 'refs/heads/main2' }, { environment: 'staging', ref: 'refs/tags/main' }, { environment: '', ref: 'refs/heads/main' }])
      assert.equal((await buy(site.issuer.token(job(more), AUDIENCE))).status, 403, JSON.stringify(more));
  });
});
