// What origins behind Access rely on: the assertion, its keys, its claims; and what scripts of people rely on.
import assert from 'node:assert/strict';
import crypto from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';
import { after, before, describe, it } from 'node:test';
import { authority } from '../harness/certs.mjs';
import { tiergate } from '../harness/gate.mjs';
import { WebSocket } from '../harness/lib.mjs';
import { API, HOSTS, SOLO, startSigninSite, STG } from '../harness/signin-site.mjs';
import { accessVerifier } from '../harness/verifier.mjs';
import { until } from '../harness/wait.mjs';

const ASSERTION = 'cf-access-jwt-assertion';
const claimsOf = (jwt) => JSON.parse(Buffer.from(jwt.split('.')[1], 'base64url').toString());
const kidOf = (jwt) => JSON.parse(Buffer.from(jwt.split('.')[0], 'base64url').toString()).kid;
const lookup = (n, o, done) => (o.all ? done(null, [{ address: '127.0.0.1', family: 4 }]) : done(null, '127.0.0.1', 4));

describe('a drop-in for Access', () => {
  let site, alice, team;
  before(async () => {
    site = await startSigninSite();
    team = `https://${STG}:${site.gate.port}`;
    alice = site.visitor();
    await site.byGithub(alice, 'alice');
    await alice.follow(await alice.go(site.url(SOLO)), HOSTS); // a host outside the domain: the session comes by itself
  });
  after(() => site?.stop());
  const last = () => site.echo.requests.at(-1).headers;
  const assertionAt = async (v, host) => {
    assert.ok(await site.isIn(v, host));
    return last()[ASSERTION];
  };
  const certs = async (host = STG) => (await site.gate.request({ host, path: '/cdn-cgi/access/certs' })).json;

  it('gives the origin an assertion that a verifier made for Access takes', async () => {
    const verify = accessVerifier(team);
    for (const host of [STG, API, SOLO]) {
      const jwt = await assertionAt(alice, host), [aud] = [claimsOf(jwt).aud].flat();
      const claims = await verify(jwt, aud);
      assert.deepEqual([claims.email, claims.type, claims.iss], ['alice@example.com', 'app', team]);
      assert.match(claims.sub, /^[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
      assert.match(aud, /^[0-9a-f]{64}$/);
      assert.ok(claims.exp > claims.iat && claims.nbf <= claims.iat && claims.identity_nonce);
      assert.ok(claims.exp - claims.iat <= 86400);
      assert.ok(Array.isArray(claims.aud));
      assert.deepEqual(claims.tiergate, { way: 'github', gate: 'team', subject: last()['x-forwarded-user'], login: 'alice' });
      assert.equal(last()['cf-access-authenticated-user-email'], 'alice@example.com');
      await assert.rejects(verify(jwt, `${aud.slice(1)}0`));
      await assert.rejects(verify(jwt.replace(/.$/, (c) => (c === 'A' ? 'Q' : 'A')), aud));
    }
  });
  it('has another audience for each host, and the same subject', async () => {
    const [a, b] = [claimsOf(await assertionAt(alice, STG)), claimsOf(await assertionAt(alice, API))];
    assert.notDeepEqual(a.aud, b.aud);
    assert.equal(a.sub, b.sub);
    const other = site.visitor();
    await site.byGithub(other, 'dan');
    const c = claimsOf(await assertionAt(other, STG));
    assert.deepEqual(c.aud, a.aud);
    assert.notEqual(c.sub, a.sub);
    assert.notEqual(c.identity_nonce, a.identity_nonce);
  });
  it('says beforehand, by explain, whom and what a verifier is to expect', async () => {
    for (const host of [STG, SOLO]) {
      const { iss, aud } = claimsOf(await assertionAt(alice, host));
      const told = await tiergate(['explain', site.url(host, '/private'), '--rules', site.gate.rulesFile], { env: site.secrets });
      assert.match(told.stdout, new RegExp(`^assertion iss ${iss}, aud ${[aud].flat()[0]}$`, 'm'), told.stdout + told.stderr);
      const open = await tiergate(['explain', site.url(host, '/health'), '--rules', site.gate.rulesFile], { env: site.secrets });
      assert.doesNotMatch(open.stdout, /assertion/);
    }
  });
  it('signs once for each session and host, on each of its threads', async () => {
    const all = new Set();
    for (let second = 0; second < 4; second++) {
      for (let i = 0; i < 4; i++) all.add(await assertionAt(alice, STG)), await assertionAt(alice, API);
      await new Promise((resolve) => setTimeout(resolve, 1100)); // what is signed anew says another time
    }
    assert.ok(all.size <= 2, `${all.size} were signed`);
  });
  it('says of a token what Access says of it', async () => {
    await site.gate.request({ host: API, path: '/x', headers: { 'CF-Access-Client-Id': 'ssr', 'CF-Access-Client-Secret': site.tokens.ssr } });
    const claims = claimsOf(last()[ASSERTION]);
    assert.deepEqual([claims.common_name, claims.sub, claims.email], ['ssr', '', undefined]);
    assert.equal(last()['cf-access-authenticated-user-email'], undefined);
  });
  it('says nothing on a bypassed path, and nothing that a client said', async () => {
    const forged = { 'Cf-Access-Jwt-Assertion': 'eyJ.forged.x', 'cf_access_jwt_assertion': 'eyJ.forged.y', 'Cf-Access-Authenticated-User-Email': 'eve@example.com' };
    await alice.go(site.url(STG, '/health'), { mode: 'cors', headers: forged });
    assert.equal(last()['x-forwarded-host'], `${STG}:${site.gate.port}`);
    assert.doesNotMatch(JSON.stringify(site.echo.requests.at(-1).rawHeaders), /cf.access|forged|eve@/i);
    await alice.go(site.url(STG, '/x'), { mode: 'cors', headers: forged });
    assert.doesNotMatch(JSON.stringify(site.echo.requests.at(-1).rawHeaders), /forged|eve@/i);
    assert.equal(site.echo.requests.at(-1).rawHeaders.filter((n) => /^cf.access.jwt/i.test(n)).length, 1);
  });
  it('shows its keys to everybody, on every host with a gate, as both names', async () => {
    const all = await Promise.all(HOSTS.flatMap((host) => ['/cdn-cgi/access/certs', '/.tiergate/certs'].map((p) => site.gate.request({ host, path: p }))));
    assert.deepEqual([...new Set(all.map((r) => r.status))], [200]);
    assert.equal(new Set(all.map((r) => r.text)).size, 1);
    const [{ json, get }] = [{ json: all[0].json, get: (n) => all[0].get(n) }];
    assert.match(get('content-type'), /^application\/json/);
    assert.match(get('cache-control'), /max-age=300/);
    for (const k of json.keys) assert.deepEqual(Object.keys(k).sort(), ['alg', 'e', 'kid', 'kty', 'n', 'use']);
    assert.deepEqual(json.keys.map((k) => [k.kty, k.alg, k.use]), [['RSA', 'RS256', 'sig']]);
    assert.equal(json.public_cert.kid, json.keys[0].kid);
    assert.deepEqual(json.public_certs.map((c) => c.kid), json.keys.map((k) => k.kid));
    for (const c of json.public_certs) assert.ok(new crypto.X509Certificate(c.cert).publicKey.equals(crypto.createPublicKey({ key: json.keys.find((k) => k.kid === c.kid), format: 'jwk' })));
    const head = await site.gate.request({ host: STG, path: '/.tiergate/certs', method: 'HEAD' });
    assert.deepEqual([head.status, head.text], [200, '']);
    assert.equal((await site.gate.request({ host: STG, path: '/.tiergate/certs', method: 'POST' })).status, 405);
  });
  it('says who one is, and nobody to others', async () => {
    const r = await alice.go(site.url(STG, '/cdn-cgi/access/get-identity'), { mode: 'cors' });
    const claims = claimsOf(await assertionAt(alice, STG));
    assert.deepEqual([r.json.email, r.json.user_uuid, r.json.idp.type, r.json.is_warp], ['alice@example.com', claims.sub, 'github', false]);
    assert.ok(r.json.iat <= Date.now() / 1000);
    assert.equal((await site.visitor().go(site.url(STG, '/cdn-cgi/access/get-identity'), { mode: 'cors' })).status, 401);
  });
  it('an old cookie of Access does not make anybody loop', async () => {
    const v = site.visitor({ headers: {} });
    v.cookies.push({ name: 'CF_Authorization', value: 'eyJhbGciOiJSUzI1NiJ9.e30.x', host: STG, hostOnly: true, path: '/', ends: Infinity, sameSite: 'none' });
    assert.equal((await site.byGithub(v, 'alice')).status, 200);
    assert.ok(await site.isIn(v, STG));
  });
  for (const out of ['/.tiergate/sign-out', '/cdn-cgi/access/logout']) it(`${out} ends it, on every host and for good`, async () => {
    const v = site.visitor();
    await site.byGithub(v, 'alice');
    const stolen = v.copy();
    const Cookie = v.cookiesFor(new URL(site.url(API))).map((c) => `${c.name}=${c.value}`).join('; ');
    const ws = new WebSocket(`wss://${API}:${site.gate.port}/live`, { lookup, ca: authority().pem, headers: { Cookie, Origin: team } });
    await new Promise((resolve, reject) => ws.once('open', resolve).once('error', reject));
    let code;
    ws.once('close', (c) => (code = c));
    // A link that somebody is made to follow does not sign out: it asks.
    assert.match((await v.go(site.url(STG, out))).text, /<form[^>]*method="?post/i);
    assert.ok(await site.isIn(v, STG));
    await v.go(site.url(STG, out), { method: 'POST', form: {}, from: site.url(STG) });
    assert.equal(v.cookie('__Secure-tiergate'), undefined);
    assert.equal(await site.isIn(stolen, STG), false);
    assert.equal(await site.isIn(stolen, API), false);
    await until('the socket to be closed', () => code !== undefined);
    assert.equal(code, 4401);
  });

  it('changes its key when that is six weeks old, and the one before still verifies', async () => {
    const file = path.join(site.gate.dir, 'state', 'access.keys');
    assert.equal(fs.statSync(file).mode & 0o777, 0o600);
    const verify = accessVerifier(team), old = await assertionAt(alice, STG), [aud] = claimsOf(old).aud;
    await verify(old, aud);
    const kept = JSON.parse(fs.readFileSync(file, 'utf8'));
    kept.keys[0].made -= 43 * 86400;
    fs.writeFileSync(file, JSON.stringify(kept));
    await site.gate.reload(undefined, /reload: ok/);
    const fresh = await assertionAt(alice, STG), set = await certs();
    assert.notEqual(kidOf(fresh), kidOf(old));
    assert.deepEqual(set.keys.map((k) => k.kid), [kidOf(fresh), kidOf(old)]);
    assert.equal(set.public_certs.length, 2);
    assert.equal(claimsOf(fresh).sub, claimsOf(old).sub, 'people stay who they are');
    await verify(fresh, aud); // the verifier comes for the new key by itself
    await verify(old, aud);
    await accessVerifier(team)(old, aud);
    // A restart keeps both.
    const now = JSON.parse(fs.readFileSync(file, 'utf8'));
    assert.deepEqual(now.keys.length, 2);
    assert.ok(now.keys[1].until > Date.now() / 1000 + 6 * 86400);
    // A week later the old one goes.
    now.keys[1].until = 1;
    fs.writeFileSync(file, JSON.stringify(now));
    await site.gate.reload(undefined, /reload: ok/);
    assert.deepEqual((await certs()).keys.map((k) => k.kid), [kidOf(fresh)]);
    await assert.rejects(accessVerifier(team)(old, aud));
  });
  it('refuses a damaged file of keys, and goes on with those that it has', async () => {
    const file = path.join(site.gate.dir, 'state', 'access.keys'), good = fs.readFileSync(file, 'utf8');
    fs.writeFileSync(file, good.slice(0, -200));
    const before_ = await certs();
    await site.gate.reload(undefined, /access\.keys in this state folder: it is damaged/);
    assert.deepEqual(await certs(), before_);
    fs.writeFileSync(file, good);
    await site.gate.reload(undefined, /reload: ok/);
  });
});
