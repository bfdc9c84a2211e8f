// The verifier of access.md as it stands: a module of its own with jose, which is told the gate's address and what `explain` says of the audience.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { after, before, describe, it } from 'node:test';
import { authority } from '../harness/certs.mjs';
import { Gate, tiergate } from '../harness/gate.mjs';
import { echoOrigin } from '../harness/origins.mjs';
import { endAll } from '../harness/wait.mjs';
import { basic } from '../harness/wire.mjs';
import { block, run, withLocal, workshop } from './lib.mjs';

const env = { PASSWORD: 'a good password' };

describe('access.md', () => {
  let origin, gate, dir;
  before(async () => {
    origin = await echoOrigin('app');
    const rules = [{ path: '/open', action: 'bypass' }, { path: '/*', action: 'allow' }];
    gate = await Gate.start({
      names: ['localhost'], env,
      rules: {
        gates: { team: { basic: { users: { beta: 'env:PASSWORD' } } } }, origins: { web: { url: origin.url } }, hosts: [{ host: 'localhost', origin: 'web', gate: 'team', rules }]
      }
    });
    dir = workshop('access');
    fs.writeFileSync(path.join(dir, 'verifier.mjs'), withLocal(block('access.md', 'access-verifier'), ['https://stg.example.com', `https://localhost:${gate.port}`]));
  });
  after(() => endAll(gate, origin));

  const ask = async (headers, at = '/x') => {
    assert.equal((await gate.request({ host: 'localhost', path: at, headers })).status, 200);
    return origin.requests.at(-1).headers['cf-access-jwt-assertion'];
  };
  const verify = (token, audience) => {
    const headers = JSON.stringify(token ? { 'cf-access-jwt-assertion': token } : {});
    const text = `import { whoAsks } from './verifier.mjs'; console.log(JSON.stringify(await whoAsks(new Request('http://app.invalid/', { headers: ${headers} }))));`;
    fs.writeFileSync(path.join(dir, 'ask.mjs'), text);
    return run([process.execPath, 'ask.mjs'], { cwd: dir, env: { ACCESS_AUD: audience, NODE_EXTRA_CA_CERTS: authority().certFile } });
  };

  it('the verifier takes what the origin gets, with the audience that explain tells, and nothing else', async () => {
    const { stdout } = await tiergate(['explain', `https://localhost:${gate.port}/`, '--rules', gate.rulesFile], { env });
    const [, iss, aud] = /^assertion iss (\S+), aud (\S+)$/m.exec(stdout) ?? assert.fail(stdout);
    assert.equal(iss, `https://localhost:${gate.port}`);
    const token = await ask({ Authorization: basic('beta', env.PASSWORD) });
    const good = await verify(token, aud);
    assert.equal(good.code, 0, good.out);
    assert.deepEqual(JSON.parse(good.out).tiergate, { way: 'basic', gate: 'team', subject: 'beta' });
    for (const [what, other, audience] of [['another audience', token, 'f'.repeat(64)], ['none', undefined, aud], ['changed', token.replace(/\.[^.]{8}/, '.AAAAAAAA'), aud]])
      assert.notEqual((await verify(other, audience)).code, 0, what);
    assert.equal(await ask({ 'Cf-Access-Jwt-Assertion': token }, '/open'), undefined, 'nobody is told on an open path');
  });
});
