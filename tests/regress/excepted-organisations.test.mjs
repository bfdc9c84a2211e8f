// Members of an organisation that a rule excepts came in all the same: where the organisation does not let the application look (403), they were as
// good as no members; and a rule that was written while they had a session meant nobody until the next look, a quarter of an hour later.
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { people, signinRules, startSigninSite, STG } from '../harness/signin-site.mjs';

describe('whom a rule excepts by organisation', () => {
  const but = (...except) => ({ rule: { except } });
  let site;
  before(async () => {
    const both = { orgs: { 'plyr-fm': 'active', rivals: 'active', shut: 'active' }, teams: { 'rivals/spies': 'active', 'shut/any': 'active' } };
    site = await startSigninSite({ users: { ...people(), both, fair: { orgs: { 'plyr-fm': 'active' } } } });
  });
  after(() => site?.stop());
  const into = async (login) => (await site.byGithub(site.visitor(), login)).status;
  const reload = (more) => site.gate.reload(signinRules(site, more), /reload: ok/);

  it('is not let in for having an organisation that lets nobody look', async () => {
    assert.equal(await into('both'), 200);
    await reload(but('github_org:shut'));
    assert.equal(await into('both'), 403);
    await reload(but('github_team:shut/any'));
    assert.equal(await into('both'), 403);
  });
  for (const name of ['github_org:rivals', 'github_team:rivals/spies'])
    it(`is out as soon as the rules say so: ${name}`, async () => {
      await reload();
      const both = site.visitor(), fair = site.visitor(), byMail = site.visitor();
      for (const [v, login] of [[both, 'both'], [fair, 'fair']]) assert.equal((await site.byGithub(v, login)).status, 200);
      assert.equal((await site.byPin(byMail, `${name.length}@plyr.test`)).status, 200);
      await reload(but(name));
      assert.equal(await site.isIn(both, STG), false);
      assert.equal((await site.byGithub(both, 'both')).status, 403);
      assert.equal((await site.byGithub(fair, 'fair')).status, 200, 'signs in anew');
      assert.ok(await site.isIn(byMail, STG));
      await reload({ ...but(name), first: [{ path: '/other', action: 'block' }] });
      assert.ok(await site.isIn(fair, STG), 'nothing else ends it');
    });
});
