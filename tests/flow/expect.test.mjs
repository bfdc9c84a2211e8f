// What `check` makes of expectations, and how `explain` tells a decision.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { after, before, describe, it } from 'node:test';
import { Gate, tiergate } from '../harness/gate.mjs';
import { secrets, siteRules } from '../harness/site.mjs';

describe('expectations and explanations', () => {
  let dir;
  before(() => (dir = fs.mkdtempSync(path.join(os.tmpdir(), 'tiergate-expect-'))));
  after(() => fs.rmSync(dir, { recursive: true, force: true }));
  const rules = (rulesOfHost, expect = []) => {
    const file = path.join(dir, 'rules.json');
    const site = siteRules('http://127.0.0.1:1');
    const gate = Object.keys(site.gates)[0];
    const hosts = [{ host: 'one.example.test', origin: Object.keys(site.origins)[0], gate, rules: rulesOfHost }];
    const gates = { [gate]: { basic: { realm: 'r', users: { ann: 'env:ANN', bob: 'env:BOB' } } } };
    const whole = { listen: [{ address: '127.0.0.1:8443' }], certificates: [{ cert: 'none.pem', key: 'none.key' }], gates, origins: site.origins, hosts, expect };
    fs.writeFileSync(file, JSON.stringify(whole, null, 2));
    return { file, gate };
  };
  const tree = [
    { name: 'inner', path: '/open/team/*', action: 'allow', who: ['basic:ann'] },
    { path: '/open/*', action: 'bypass' },
    { path: '/probe', methods: ['GET'], action: 'bypass', require: ['ip:192.0.2.0/24'] },
    { path: '/*', action: 'allow' },
  ];
  const url = (p) => `https://one.example.test${p}`;

  it('expectations that hold are counted', async () => {
    const { gate } = rules(tree);
    const { file } = rules(tree, [
      { request: `GET ${url('/open/x')}`, as: 'anonymous', is: 'bypass' },
      { request: `GET ${url('/open/TEAM/x')}`, is: 'gate' },
      { request: `GET ${url('/open/team/x')}`, as: `basic:${gate}/bob`, is: 'block' },
      { request: `GET ${url('/open/team')}`, as: `basic:${gate}/ann`, is: 'allow' },
      { request: `GET ${url('/probe')}`, is: 'gate' },
    ]);
    const r = await tiergate(['check', file]);
    assert.equal(r.code, 0, r.stderr);
    assert.match(r.stdout, /^ok: 1 host, 4 rules, 5 expectations hold$/m);
  });

  it('each that does not hold is an error that says what decides', async () => {
    const { file } = rules(tree, [
      { request: `GET ${url('/open/x')}`, is: 'gate' },
      { request: `GET ${url('/open/x')}`, is: 'bypass' },
      { request: `GET ${url('/open/Team/x')}`, is: 'bypass' },
      { request: `GET ${url('/.tiergate/session')}`, is: 'gate' },
    ]);
    const r = await tiergate(['check', file]);
    assert.equal(r.code, 1);
    assert.equal(r.stdout, '');
    assert.match(r.stderr, /rules\.json:\d+: error: expect\[0\]: .*is bypass, not gate: rules\[1\]/);
    assert.doesNotMatch(r.stderr, /expect\[1\]/);
    assert.match(r.stderr, /expect\[2\]: .*is gate, not bypass: an earlier rule/);
    assert.match(r.stderr, /expect\[3\]: .*answers this path itself/);
  });

  it('rules that do not do what they expect are not served, nor taken at a reload', async () => {
    const gate = await Gate.start({ rules: siteRules('http://127.0.0.1:1'), env: secrets });
    const wrong = (is) => ({
      ...siteRules('http://127.0.0.1:1', { top: { tier: 'changed' } }), expect: [{ request: 'GET https://app.example.test/docs/x', is }]
    });
    try {
      const said = await gate.reload(wrong('gate'), /the running rules stay|reload: (failed|refused)/);
      assert.match(said, /expect\[0\]: .*is bypass, not gate: rules\[1\] "docs" decides/);
      assert.doesNotMatch(said, /reload: ok/);
      const refused = await tiergate(['serve', gate.rulesFile, '--state', `${gate.dir}/second`], { env: secrets });
      assert.equal(refused.code, 1);
      assert.match(refused.stderr, /error: expect\[0\]: .*is bypass, not gate/);
      await gate.reload(wrong('bypass'), /reload: ok/);
    } finally {
      await gate.stop();
    }
  });

  const explained = async (...args) => {
    const { file } = rules(tree);
    const r = await tiergate(['explain', ...args, '--rules', file]);
    return { ...r, verdict: /^verdict +(.*)$/m.exec(r.stdout)?.[1], lines: r.stdout };
  };

  it('explain: address, other gates, ambiguity, unknown hosts', async () => {
    const { gate } = rules(tree);
    assert.match((await explained(url('/probe'), '--ip', '192.0.2.9')).verdict, /^bypass.*rules\[2\]/);
    assert.match((await explained(url('/probe'))).verdict, /^gate.*rules\[3\]/);
    assert.match((await explained('POST', url('/probe'), '--ip', '192.0.2.9')).lines, /\[2\] +bypass +method does not match/);
    assert.match((await explained(url('/x'), '--as', `basic:${gate}/bob`)).verdict, /^allow/);
    assert.match((await explained(url('/x'), '--as', 'basic:other/bob')).verdict, /^gate/);
    assert.match((await explained(url('/x%2fy'), '--as', 'basic:bob')).verdict, /^block.*ambiguous-path/);
    assert.match((await explained(url('/x%2fy'), '--as', 'basic:ann')).verdict, /^allow.*ambiguous-path/);
    assert.match((await explained('https://two.example.test/')).verdict, /^421/);
  });

  it('explain: exit codes', async () => {
    assert.equal((await explained(url('/open/x'))).code, 0);
    assert.equal((await explained(url('/%zz'))).code, 1);
    assert.equal((await explained('ftp://one.example.test/')).code, 1);
    assert.equal((await explained(url('/'), '--ip', 'here')).code, 2);
    assert.equal((await explained()).code, 2);
  });
});
