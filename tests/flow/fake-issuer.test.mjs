// The issuer of the tests: a verifier that many use takes what it makes, and none of what it makes wrong.
import assert from 'node:assert/strict';
import { createRequire } from 'node:module';
import { after, before, describe, it } from 'node:test';
import https from 'node:https';
import { authority } from '../harness/certs.mjs';
import { pullRequest, startIssuer, WRONG } from '../harness/oidc.mjs';

const jose = createRequire(new URL('../parts/package.json', import.meta.url))('jose');

const audience = 'https://stg.example.test';

describe('the issuer of the tests', () => {
  let issuer;
  before(async () => (issuer = await startIssuer()));
  after(() => issuer?.close());

  const get = (path) => new Promise((resolve, reject) => {
    https.get({ host: '127.0.0.1', port: issuer.port, servername: issuer.names[0], ca: authority().pem, path, agent: false }, (r) => {
      let text = '';
      r.on('data', (d) => (text += d)).on('end', () => resolve(JSON.parse(text)));
    }).on('error', reject);
  });
  const verify = async (token) => {
    const keys = await get(new URL((await get('/.well-known/openid-configuration')).jwks_uri).pathname);
    return (await jose.jwtVerify(token, jose.createLocalJWKSet(keys), { issuer: issuer.issuer, audience, algorithms: ['RS256'], requiredClaims: ['exp'], clockTolerance: 5 })).payload;
  };

  it('says what a job is', async () => {
    const claims = await verify(issuer.token({ repository: 'acme/site', environment: 'staging' }, audience));
    assert.equal(claims.sub, 'repo:acme/site:environment:staging');
    assert.equal((await verify(issuer.token({}, audience))).sub, 'repo:acme/site:ref:refs/heads/main');
    const pr = await verify(issuer.token(pullRequest(7), audience));
    assert.deepEqual([pr.sub, pr.ref, pr.event_name, pr.base_ref], ['repo:acme/site:pull_request', 'refs/pull/7/merge', 'pull_request', 'main']);
  });

  it('changes keys, the one before staying for a while', async () => {
    const old = issuer.token({}, audience);
    issuer.rotate();
    await verify(old);
    await verify(issuer.token({}, audience));
    issuer.drop();
    await assert.rejects(verify(old), { code: 'ERR_JWKS_NO_MATCHING_KEY' });
  });

  // jose is lax on these, which a gate need not be: what a claim holds is its owner's business.
  const LAX = new Set(['repository twice', 'no repository', 'repository as list', 'repository null', 'NUL in the repository', 'a megabyte', 'made in the future', 'exp too large', 'a space inside']);
  for (const name of Object.keys(WRONG)) it(`makes a token wrong: ${name}`, async () => {
    const token = issuer.token({}, audience, name);
    assert.notEqual(token, issuer.token({}, audience));
    const taken = await verify(token).then(() => true, () => false);
    assert.equal(taken, LAX.has(name));
  });
});
