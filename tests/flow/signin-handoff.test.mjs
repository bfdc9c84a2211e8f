// What goes along to a host outside the session domain: a person's session, the same one, for as long as it holds and to nobody else.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { after, before, describe, it } from 'node:test';
import { Fault, missing } from '../harness/fault.mjs';
import { tiergate } from '../harness/gate.mjs';
import { pullRequest } from '../harness/oidc.mjs';
import { HOSTS, SOLO, startSigninSite, STG } from '../harness/signin-site.mjs';
import { until } from '../harness/wait.mjs';
import { requestBytes } from '../harness/wire.mjs';

const P7 = 'pr-7.plyr.test', P8 = 'pr-8.plyr.test';
const page = { 'Sec-Fetch-Mode': 'navigate', Accept: 'text/html' };
const cookieOf = (r, name) => r.all('set-cookie').map((c) => c.split(';')[0]).find((c) => new RegExp(`^__(Host|Secure)-${name}=[^;]{20}`).test(c));
const sessionOf = (v, host) => v.cookies.find((c) => /^__(Host|Secure)-tiergate$/.test(c.name) && (c.host === host || host.endsWith(`.${c.host}`))).value;

/** Asks `host`, is sent to sign in, and comes there with what a machine has: what it gets, on the way and in the end. */
async function goOver(site, host, from, headers) {
  const sent = await site.gate.request({ host, path: '/private', headers: page });
  const to = new URL(sent.get('location')), browser = cookieOf(sent, 'tiergate-browser');
  const there = await site.gate.request({ host: from, path: to.pathname + to.search, headers: { ...page, ...headers } });
  const location = there.get('location') ?? '', at = location && new URL(location, to);
  const end = /hand-off/.test(location) ? await site.gate.request({ host, path: at.pathname + at.search, headers: { ...page, Cookie: browser } }) : there;
  return { location, minted: cookieOf(end, 'tiergate') };
}

describe('machines and the way to another host', () => {
  let site;
  before(async () => {
    const previews = { host: 'pr-{n:int}.plyr.test', origin: 'web', gate: 'team', rules: [{ path: '/*', action: 'allow', who: ['github_actions:plyr-fm/site', 'service_token:smoke'] }] };
    site = await startSigninSite({ more: { hosts: [previews], actions: { own_preview_only: true, lifetime: '5m' }, gate: { session: { domain: '' } } } });
  });
  after(() => site?.stop());

  it('a job\'s session of one preview becomes none of another, and none of a day', async () => {
    const token = site.issuer.token({ repository: 'plyr-fm/site', ...pullRequest(7) }, `https://${STG}`);
    const bought = await site.gate.request({ host: P7, path: '/.tiergate/github-actions', method: 'POST', headers: { Authorization: `Bearer ${token}` } });
    const Cookie = cookieOf(bought, 'tiergate');
    assert.equal((await site.gate.request({ host: P7, path: '/x', headers: { Cookie } })).status, 200);
    for (const host of [P8, SOLO]) {
      const got = await goOver(site, host, P7, { Cookie });
      assert.doesNotMatch(got.location, /hand-off/, host);
      assert.equal(got.minted, undefined, host);
    }
  });
  it('a service token becomes none either: not by its fields, not by its cookie', async () => {
    const given = await site.gate.request({ host: STG, path: '/x', headers: { 'x-vercel-protection-bypass': site.tokens.smoke, 'x-vercel-set-bypass-cookie': 'true' } });
    const Cookie = cookieOf(given, 'tiergate');
    assert.equal((await site.gate.request({ host: STG, path: '/x', headers: { Cookie } })).status, 200);
    for (const headers of [{ Cookie }, { 'CF-Access-Client-Id': 'smoke', 'CF-Access-Client-Secret': site.tokens.smoke }, { 'x-vercel-protection-bypass': site.tokens.smoke }])
      for (const host of [P8, SOLO]) {
        const got = await goOver(site, host, STG, headers);
        assert.doesNotMatch(got.location, /hand-off/, `${Object.keys(headers)} ${host}`);
        assert.equal(got.minted, undefined);
      }
  });
});

describe('people and the way to another host', () => {
  let site;
  before(async () => (site = await startSigninSite()));
  after(() => site?.stop());
  const both = async (v) => [await site.isIn(v, STG), await site.isIn(v, SOLO)];
  const signOut = (v, host) => v.go(site.url(host, '/.tiergate/sign-out'), { method: 'POST', from: site.url(host, '/.tiergate/sign-out') });
  const ask = async (host, port, headers, target = '/private') => {
    const wire = await site.gate.connect({ host });
    await wire.send(requestBytes({ path: target, host: `${host}:${port}`, headers: { ...page, ...headers } }));
    const r = await wire.response();
    wire.close();
    return r;
  };

  it('leads to no other port than the one that was asked', async () => {
    const v = site.visitor();
    await site.byGithub(v, 'alice');
    for (const host of [STG, SOLO]) for (const port of [8443, 443, site.gate.port ^ 1]) {
      const sent = await ask(host, port);
      const back = await v.go(site.url(STG, `/.tiergate/sign-in${new URL(sent.get('location')).search}`));
      assert.equal(back.get('location'), site.url(STG, '/'), `${host}:${port}`);
    }
  });
  it('is one session everywhere: signing out on one of the hosts ends it on the other', async () => {
    for (const host of [STG, SOLO]) {
      const v = site.visitor(), other = site.visitor();
      for (const one of [v, other]) await site.byGithub(one, 'alice', site.url(SOLO));
      const copies = { [STG]: sessionOf(v, STG), [SOLO]: sessionOf(v, SOLO) };
      assert.deepEqual(await both(v), [true, true]);
      assert.equal((await signOut(v, host)).status, 200);
      assert.deepEqual(await both(v), [false, false], host);
      for (const [h, value] of Object.entries(copies))
        assert.equal((await site.gate.request({ host: h, path: '/x', headers: { Cookie: `__Secure-tiergate=${value}`, 'Sec-Fetch-Mode': 'cors' } })).status, 401, h);
      assert.match((await v.follow(await v.go(site.url(host)), HOSTS)).url, /\/\.tiergate\/sign-in\?/, 'nor is one signed in again without being asked');
      assert.deepEqual(await both(other), [true, true], 'another session of the same person stays');
    }
  });
  it('has one name in the log, by which both are taken back', async () => {
    const v = site.visitor();
    await site.byGithub(v, 'dan', site.url(SOLO));
    await v.go(site.url(SOLO, '/named-there'), { mode: 'cors' });
    await v.go(site.url(STG, '/named-here'), { mode: 'cors' });
    const nameAt = async (target) => (await site.gate.line((l) => JSON.stringify(l).includes(target) && l.session)).session;
    const name = await nameAt('/named-there');
    assert.equal(name, await nameAt('/named-here'));
    const { code, stderr } = await tiergate(['revoke', `session:${name}`, '--state', path.join(site.gate.dir, 'state')]);
    assert.equal(code, 0, stderr);
    assert.deepEqual(await both(v), [false, false]);
  });
});

describe('facts that are too old', { skip: missing }, () => {
  let site, fault, dir, later = 0;
  before(async () => {
    dir = fs.mkdtempSync(path.join(os.tmpdir(), 'tiergate-facts-'));
    fs.chmodSync(dir, 0o755);
    fault = new Fault(dir);
    site = await startSigninSite({ more: { session: { idle: '4h' } }, gate: { env: fault.env } });
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
  /** On every thread: one that remembers the session hears of the new clock by the next ledger. */
  const becomes = (v, wanted) => until(`${wanted} for good`, async () => {
    for (let i = 0; i < 12; i++) if ((await v.go(site.url(STG, '/private'), { mode: 'cors' })).status !== wanted) return false;
    return true;
  }, 20000);

  it('are neither written into a renewed session nor handed on, so that all is as before when GitHub is back', async () => {
    const v = site.visitor();
    assert.equal((await site.byGithub(v, 'alice')).status, 200);
    site.github.fault(/^\/api\/v3\//, 'status', { status: 503 });
    wait(3700);
    await becomes(v, 403);
    const token = sessionOf(v, STG);
    await v.go(site.url(STG, '/private'));
    assert.equal(sessionOf(v, STG), token);
    const end = await v.follow(await v.go(site.url(SOLO, '/private')), HOSTS);
    assert.match(end.url, /\/\.tiergate\/sign-in\?/);
    site.github.faults = [];
    wait(900);
    await becomes(v, 200);
    assert.equal((await v.follow(await v.go(site.url(SOLO, '/private')), HOSTS)).url, site.url(SOLO, '/private'));
    await v.go(site.url(STG, '/private'));
    assert.notEqual(sessionOf(v, STG), token, 'it is renewed');
    assert.ok(await site.isIn(v, STG));
  });
});
