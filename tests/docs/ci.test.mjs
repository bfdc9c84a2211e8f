// The recipe of ci.md as a runner of GitHub Actions has it: its steps, one after the other, with an issuer of the test's own.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import http from 'node:http';
import path from 'node:path';
import { after, before, describe, it } from 'node:test';
import { authority } from '../harness/certs.mjs';
import { pullRequest } from '../harness/oidc.mjs';
import { startSigninSite, STG } from '../harness/signin-site.mjs';
import { block, checked, run, withLocal, workshop } from './lib.mjs';

const REPOSITORY = 'plyr-fm/site'; // that of the site's rules
const PREVIEW = 'pr-7.plyr.test';

/** What the steps of a workflow run, in their order. */
const stepsOf = (yaml) => [...yaml.matchAll(/^ +(?:- )?run: (?:\|\n((?: {6}.*\n)+)|(.*)\n)/gm)].map(([, lines, line]) => lines?.replace(/^ {6}/gm, '') ?? `${line}\n`);

describe('ci.md', () => {
  let site, runner, dir, job;
  before(async () => {
    const only = (who) => [{ path: '/*', action: 'allow', who: [who] }];
    const previews = { host: 'pr-{n:int}.plyr.test', origin: 'web', gate: 'previews', rules: only(`github_actions:${REPOSITORY}`) };
    const ci = { host: 'ci.plyr.test', origin: 'web', gate: 'team', rules: only(`github_actions:${REPOSITORY}`) };
    site = await startSigninSite({ more: { hosts: [ci] } });
    const { github_actions } = site.rules.gates.team;
    const own = { ...github_actions, own_preview_only: true, audience: 'https://pr.plyr.test' };
    const gates = { ...site.rules.gates, previews: { github_actions: own, session: { cookie: '__Secure-previews' } } };
    await site.gate.reload({ ...site.rules, gates, hosts: [...site.rules.hosts, previews] }, /reload: ok/);
    runner = http.createServer((req, res) => {
      const wanted = new URL(req.url, 'http://runner.invalid').searchParams;
      assert.equal(req.headers.authorization, 'bearer of-the-runner');
      assert.ok(wanted.has('api-version'));
      res.end(JSON.stringify({ count: 1, value: site.issuer.token(job, wanted.get('audience')) }));
    });
    await new Promise((r) => runner.listen(0, '127.0.0.1', r));
    dir = workshop('ci');
    const names = [STG, 'ci.plyr.test', PREVIEW].map((n) => `connect-to = "${n}:443:127.0.0.1:${site.gate.port}"`);
    fs.writeFileSync(path.join(dir, '.curlrc'), [...names, `cacert = "${authority().certFile}"`, ''].join('\n'));
  });
  after(async () => {
    runner?.close();
    await site?.stop();
  });

  const step = (text, env = {}) => run(['bash', '-eo', 'pipefail', '-c', text], {
    cwd: dir,
    env: {
      CURL_HOME: dir, GITHUB_ENV: path.join(dir, 'github.env'), ACTIONS_ID_TOKEN_REQUEST_TOKEN: 'of-the-runner',
      ACTIONS_ID_TOKEN_REQUEST_URL: `http://127.0.0.1:${runner.address().port}/token?api-version=2.0`, ...env
    }
  });
  const steps = () => stepsOf(withLocal(block('ci.md', 'actions-job'), ['stg.example.com/.tiergate', `${STG}/.tiergate`], ['audience=https://stg.example.com', `audience=https://${STG}`],
    ['https://stg.example.com/api', 'https://ci.plyr.test/api']));

  it('the rules are good', async () => {
    const part = JSON.parse(`{${block('ci.md', 'actions-rules')}}`);
    const rules = {
      listen: [{ address: '127.0.0.1:8443' }], certificates: [authority().issue(['stg.example.com'])], ...part, origins: { web: { url: 'http://127.0.0.1:1' } },
      hosts: [{ host: 'stg.example.com', origin: 'web', gate: 'team', rules: [{ path: '/*', action: 'allow', who: ['github_actions:example/web'] }] }]
    };
    await checked(workshop('ci-rules'), 'rules.json', JSON.stringify(rules));
  });

  it('a job signs in, hides its session, and asks with it', async () => {
    job = { repository: REPOSITORY };
    const [signIn, ask, ...more] = steps();
    assert.deepEqual(more, []);
    const first = await step(signIn);
    assert.equal(first.code, 0, first.out);
    const [, value] = /^::add-mask::([\w-]{80,})$/m.exec(first.out) ?? assert.fail(first.out);
    const env = fs.readFileSync(path.join(dir, 'github.env'), 'utf8');
    assert.equal(env, `GATE_COOKIE=__Secure-tiergate=${value}\n`);
    const second = await step(ask, { GATE_COOKIE: env.trim().slice('GATE_COOKIE='.length) });
    assert.equal(second.code, 0, second.out);
    assert.match(second.out, /\/api\/version/);
    assert.ok(!second.out.includes(value), 'its cookie did not reach the origin');
  });

  it('a job that is not meant fails, and says why', async () => {
    job = { repository: 'plyr-fm/other' };
    const { code, out } = await step(steps()[0]);
    assert.notEqual(code, 0);
    assert.match(out, /"error":"job-not-allowed","detail":"/);
  });

  it('a pull request gets into its own preview', async () => {
    job = pullRequest(7, { repository: REPOSITORY });
    const text = withLocal(block('ci.md', 'actions-preview'), ['pr-7.preview.example.com', PREVIEW]);
    const good = await step(text, { token: site.issuer.token(job, 'https://pr.plyr.test') });
    assert.match(good.out, /"name":"__Secure-previews"/);
    const other = await step(text, { token: site.issuer.token(pullRequest(8, { repository: REPOSITORY }), 'https://pr.plyr.test') });
    assert.match(other.out, /"error":"job-not-allowed"/);
  });
});
