// The verifier of the tests asks for keys where Access has them, follows a change of keys, and takes nothing else.
import assert from 'node:assert/strict';
import crypto from 'node:crypto';
import { createRequire } from 'node:module';
import { it } from 'node:test';
import { Service } from '../harness/service.mjs';
import { accessVerifier } from '../harness/verifier.mjs';

const jose = createRequire(new URL('../parts/package.json', import.meta.url))('jose');

it('verifies as origins behind Access do', async () => {
  const make = (kid) => ({ kid, ...crypto.generateKeyPairSync('rsa', { modulusLength: 2048 }) });
  let keys = [make('a')];
  const team = await new Service(['stg.plyr.test'], () => ({ body: { keys: keys.map((k) => ({ ...k.publicKey.export({ format: 'jwk' }), kid: k.kid, alg: 'RS256', use: 'sig' })) } })).listen();
  try {
    const token = (key, more = {}) => new jose.SignJWT({ email: 'a@example.com', ...more }).setProtectedHeader({ alg: 'RS256', kid: key.kid }).setIssuer(team.url).setAudience(['aud']).setExpirationTime('1m').sign(key.privateKey);
    const verify = accessVerifier(team.url);
    const [old] = keys, first = await token(old);
    assert.equal((await verify(first, 'aud')).email, 'a@example.com');
    assert.equal(team.requests[0].path, '/cdn-cgi/access/certs');
    keys = [make('b'), old];
    assert.equal((await verify(await token(keys[0]), 'aud')).email, 'a@example.com');
    assert.equal((await verify(first, 'aud')).email, 'a@example.com');
    await assert.rejects(verify(first, 'another'));
    await assert.rejects(verify(await token(make('a')), 'aud'));
    await assert.rejects(verify(await token(old, { iss: 'x' }).then((t) => `${t.slice(0, -4)}AAAA`), 'aud'));
  } finally {
    await team.close();
  }
});
