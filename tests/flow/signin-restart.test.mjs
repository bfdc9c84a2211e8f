// In the middle of a sign-in: the worker dies, the rules are read anew, the session secret gets a successor. What was begun ends well; what was
// used up stays used up.
import assert from 'node:assert/strict';
import crypto from 'node:crypto';
import { after, before, describe, it } from 'node:test';
import { API, signinRules, SOLO, startSigninSite, STG } from '../harness/signin-site.mjs';
import { until } from '../harness/wait.mjs';

const SESSION = '__Secure-tiergate';
const mints = (r) => r.all('set-cookie').some((c) => /^__Secure-tiergate=[^;]{20}/.test(c));

describe('a sign-in that something comes between', () => {
  const secrets = Object.fromEntries(['ONE', 'TWO', 'THREE'].map((n) => [n, crypto.randomBytes(32).toString('base64url')]));
  let site;
  before(async () => (site = await startSigninSite({ more: { session: { secret: ['env:ONE'] } }, gate: { env: secrets } })));
  after(() => site?.stop());
  const rotate = (...secret) => site.gate.reload(signinRules(site, { session: { secret: secret.map((s) => `env:${s}`) } }), /reload: ok/);

  async function restart() {
    const old = site.gate.workers;
    for (const w of old) process.kill(w, 'SIGKILL');
    await until('another worker', () => site.gate.workers.some((w) => !old.includes(w)), 15000);
    await site.gate.ready();
  }

  let nth = 0;
  const begin = async () => {
    const gh = site.visitor(), mail = site.visitor(), far = site.visitor(), used = site.visitor(), tried = site.visitor();
    const [to, to2] = [`dev${++nth}@plyr.test`, `dev${++nth}@plyr.test`];
    const back = await site.github.decide(await site.toGithub(gh, site.url(STG, '/gh')), 'alice');
    const step = await site.toPin(mail, to, site.url(STG, '/mail'));
    const hand = await far.go(await site.github.decide(await site.toGithub(far, site.url(SOLO, '/far')), 'alice'), { from: site.github.url });
    const taken = await site.github.decide(await site.toGithub(used, site.url(STG)), 'alice');
    assert.ok(mints(await used.go(taken, { from: site.github.url })));
    const stepTried = await site.toPin(tried, to2);
    for (let i = 0; i < 5; i++) await site.enterPin(tried, stepTried, '00000000');
    return {
      gh, back, mail, step, pin: site.pinIn(await site.post.next(to)), far, hand: hand.get('location'), used, taken, tried, stepTried, pinTried: site.pinIn(await site.post.next(to2))
    };
  };
  const end = async (b) => {
    assert.equal((await b.gh.follow(await b.gh.go(b.back, { from: site.github.url }), [STG])).url, site.url(STG, '/gh'));
    assert.equal((await site.enterPin(b.mail, b.step, b.pin)).url, site.url(STG, '/mail'));
    assert.equal((await b.far.follow(await b.far.go(b.hand, { from: site.github.url }), [SOLO])).url, site.url(SOLO, '/far'), 'handed over');
    assert.ok(await site.isIn(b.used, API), 'a session from before');
    const copy = b.used.copy();
    copy.cookies = copy.cookies.filter((c) => c.name !== SESSION);
    assert.equal(mints(await copy.go(b.taken, { from: site.github.url })), false, 'a state that was used');
    await site.enterPin(b.tried, b.stepTried, b.pinTried);
    assert.equal(b.tried.cookie(SESSION), undefined, 'five tries were made');
  };

  it('the worker is killed', async () => {
    const b = await begin();
    await restart();
    await end(b);
  });
  it('the rules are read anew', async () => {
    const b = await begin();
    await site.gate.reload(undefined, /reload: ok/);
    await end(b);
  });
  it('a new session secret comes, the old one holds for a while', async () => {
    const b = await begin();
    await rotate('TWO', 'ONE');
    await end(b);
  });
  it('a session secret goes: nothing by it holds any more, and everything begins anew', async () => {
    const b = await begin();
    await rotate('THREE');
    assert.equal(mints(await b.gh.go(b.back, { from: site.github.url })), false);
    await site.enterPin(b.mail, b.step, b.pin);
    assert.equal(b.mail.cookie(SESSION), undefined);
    assert.equal(await site.isIn(b.used, API), false);
    assert.equal((await site.byGithub(b.used, 'alice')).status, 200);
    assert.equal((await site.byPin(b.mail, `dev${++nth}@plyr.test`)).status, 200);
  });
  it('GitHub answers when the worker that asked is gone', async () => {
    const v = site.visitor(), back = await site.github.decide(await site.toGithub(v, site.url(STG, '/slow')), 'alice');
    site.github.fault('/api/v3/user', 'slow', { ms: 1500, times: 1 });
    const going = v.go(back, { from: site.github.url }).catch((e) => e);
    await until('GitHub to be asked', () => site.github.requests.some((r) => r.fault === 'slow'));
    await restart();
    assert.ok((await going) instanceof Error, 'the connection ended');
    assert.equal(v.cookie(SESSION), undefined);
    assert.equal((await site.byGithub(v, 'alice', site.url(STG, '/slow'))).url, site.url(STG, '/slow'));
  });
  it('the visitor goes away in the middle, many of them', async () => {
    site.github.fault('/api/v3/user', 'slow', { ms: 300, times: 20 });
    await Promise.all(Array.from({ length: 20 }, async () => {
      const v = site.visitor(), back = await site.github.decide(await site.toGithub(v, site.url(STG)), 'dan');
      await v.go(back, { from: site.github.url, ms: 100 }).catch(() => {});
    }));
    assert.equal((await site.byGithub(site.visitor(), 'alice')).status, 200);
  });
});
