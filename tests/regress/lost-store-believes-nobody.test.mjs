// A store that was lost took the list of people along. As soon as somebody else signed in, and was looked at again and again, the memberships of
// everybody were believed, also of those who were on no list any more: who left the organisation stayed in to the end of the session.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { after, before, describe, it } from 'node:test';
import { authority } from '../harness/certs.mjs';
import { Fault, missing } from '../harness/fault.mjs';
import { Gate } from '../harness/gate.mjs';
import { people, startSigninSite, STG } from '../harness/signin-site.mjs';
import { until } from '../harness/wait.mjs';

const RECHECK_S = 900, STALE_S = 3600;

describe('a store that was lost', { skip: missing }, () => {
  let site, fault, dir, later = 0;
  before(async () => {
    dir = fs.mkdtempSync(path.join(os.tmpdir(), 'tiergate-lost-'));
    fs.chmodSync(dir, 0o755);
    fault = new Fault(dir);
    site = await startSigninSite({ users: { ...people(), gone: { orgs: { 'plyr-fm': 'active' } } }, gate: { env: fault.env } });
  });
  after(async () => {
    await site?.stop();
    fault?.close();
    if (dir) fs.rmSync(dir, { recursive: true, force: true });
  });
  const wait = (seconds) => {
    later += seconds;
    fault.setClock(later);
    site.github.world.skewMs = later * 1000;
  };
  const status = async (v) => (await v.go(site.url(STG, '/private'), { mode: 'cors' })).status;
  const signedIn = async (login) => {
    const v = site.visitor();
    assert.equal((await site.byGithub(v, login)).status, 200);
    return v;
  };
  const looks = () => site.github.asked('/api/v3/user').length;

  it('lets nobody stay whom it does not look at', async () => {
    const gone = await signedIn('gone'), { port, names } = site.gate;
    await site.gate.stop();
    site.github.world.leave('gone', 'plyr-fm');
    site.gate = await Gate.start({
      rules: site.rules, port, names, env: { ...site.secrets, SSL_CERT_FILE: authority().certFile, ...fault.env }, args: ['--resolver', site.dns.server]
    });
    wait(60);
    const dan = await signedIn('dan');
    assert.equal(await status(gone), 200, 'for an hour it is believed');
    for (let passed = 0; passed <= STALE_S; passed += RECHECK_S) {
      const before = looks();
      wait(RECHECK_S);
      await until('dan to be looked at', () => looks() > before, 15000);
    }
    assert.equal(await status(dan), 200);
    await until('gone to be out', async () => (await status(gone)) === 403, 15000);
    assert.equal((await site.byGithub(site.visitor(), 'gone')).status, 403);
  });
});
