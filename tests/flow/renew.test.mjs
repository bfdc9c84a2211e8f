// A session that still holds is proven anew, because a page asked for it in a window (session.js) before its end.
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { HOSTS, startSigninSite, STG } from '../harness/signin-site.mjs';
import { until } from '../harness/wait.mjs';
import { basic } from '../harness/wire.mjs';

const WINDOW = '/.tiergate/sign-in?window=1';

describe('signing in anew in a window', () => {
  let site;
  before(async () => {
    site = await startSigninSite({ more: { gate: { basic: { realm: 'team', users: { beta: 'a good password' } } } } });
  });
  after(() => site?.stop());

  const session = async (v) => JSON.parse((await v.go(site.url(STG, '/.tiergate/session'), { mode: 'cors' })).text);
  const signedIn = async () => {
    const v = site.visitor();
    assert.equal((await site.byGithub(v, 'alice')).status, 200);
    const { proven } = await session(v);
    await until('the second to be over in which it was proven', () => Date.now() / 1000 > proven + 1);
    return v;
  };

  it('shows the page although a session holds, and ends on one that can be closed', async () => {
    const v = await signedIn();
    const shown = await v.follow(await v.go(site.url(STG, WINDOW)), HOSTS);
    assert.equal(shown.status, 200);
    assert.match(shown.text, /Continue with GitHub/);
    const end = await site.byGithub(v, 'dan', site.url(STG, WINDOW));
    assert.equal(new URL(end.url).pathname, '/.tiergate/signed-in');
    assert.equal((await session(v)).way, 'github');
  });

  it('without the question, who has a session goes on', async () => {
    const v = await signedIn();
    const r = await v.go(site.url(STG, '/.tiergate/sign-in'));
    assert.deepEqual([r.status, v.whereTo(r).pathname], [302, '/']);
  });

  it('takes a password beside the old cookie', async () => {
    const v = await signedIn();
    const shown = await v.follow(await v.go(site.url(STG, WINDOW)), HOSTS);
    const withBasic = `${shown.url}&with=basic`;
    const asked = await v.go(withBasic);
    assert.equal(asked.status, 401);
    assert.match(asked.get('www-authenticate'), /^Basic /);
    assert.equal((await v.go(withBasic, { headers: { Authorization: basic('beta', 'wrong') } })).status, 401);
    assert.equal((await session(v)).way, 'github', 'a wrong password takes nothing away');
    const end = await v.go(withBasic, { headers: { Authorization: basic('beta', 'a good password') } });
    assert.deepEqual([end.status, v.whereTo(end)?.pathname], [302, '/.tiergate/signed-in'], end.text);
    const now = await session(v);
    assert.deepEqual([now.way, now.user], ['basic', 'beta']);
  });

  it('a gate without pages asks nobody twice', async () => {
    const rules = structuredClone(site.rules);
    rules.gates.beta = { basic: { realm: 'beta', users: { beta: 'a good password' } } };
    rules.hosts.push({ host: 'beta.plyr.test', origin: 'web', gate: 'beta', rules: [{ path: '/*', action: 'allow' }] });
    rules.gates.beta.session = { domain: 'beta.plyr.test', cookie: '__Secure-beta' };
    await site.gate.reload(rules, /reload: ok/);
    const v = site.visitor();
    const at = site.url('beta.plyr.test', WINDOW);
    assert.equal((await v.go(at)).status, 401);
    const end = await v.go(at, { headers: { Authorization: basic('beta', 'a good password') } });
    assert.deepEqual([end.status, v.whereTo(end)?.pathname], [302, '/.tiergate/signed-in']);
    const again = await v.go(at);
    assert.deepEqual([again.status, v.whereTo(again)?.pathname], [302, '/.tiergate/signed-in']);
  });
});
