// What about signing in takes minutes.
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { cpuSeconds, memoryIsReal, residentKib } from '../harness/proc.mjs';
import { startSigninSite, STG } from '../harness/signin-site.mjs';
import { Visitor } from '../harness/visitor.mjs';
import { requestBytes } from '../harness/wire.mjs';

const SESSION = '__Secure-tiergate', FEW = 200, SESSIONS = 10000, ASKED = 20000;

describe('signing in, ten thousand times', () => {
  const users = Object.fromEntries(Array.from({ length: SESSIONS }, (_, i) => [`dev${i}`, { orgs: { 'plyr-fm': 'active' } }]));
  let site;
  before(async () => (site = await startSigninSite({ users, gate: { threads: 1 }, more: { limits: { requests_per_connection: 10000000 } } })));
  after(() => site?.stop());
  const cookies = [];
  /** What somebody gets who says yes at GitHub, without the way there and back. */
  const codeFor = (login, asked) => {
    const { world } = site.github;
    return world.makeCode(byLogin.get(login), asked.get('client_id'), { redirectUri: asked.get('redirect_uri'), scopes: asked.get('scope').split(' '), challenge: asked.get('code_challenge') });
  };
  let byLogin;
  before(() => (byLogin = new Map([...site.github.world.users.values()].map((u) => [u.login, u]))));

  /** Each on one connection of its own, kept for all of its requests. */
  async function signInSome(count) {
    const wire = await site.gate.connect({ host: STG });
    const ask = async ({ path, method, headers, body }) => {
      await wire.send(requestBytes({ path, method, host: site.gate.authority(STG), headers, body }));
      return wire.response();
    };
    for (let i = 0; i < count; i++) {
      const n = cookies.length, v = new Visitor(ask, { headers: { 'X-Forwarded-For': `10.${n >> 16}.${(n >> 8) & 255}.${n & 255}` } });
      cookies.push('');
      const asked = new URL((await v.go(site.url(STG, '/.tiergate/github'))).get('location')).searchParams;
      await v.go(`${asked.get('redirect_uri')}?${new URLSearchParams({ code: codeFor(`dev${n}`, asked), state: asked.get('state') })}`, { from: site.github.url });
      cookies[n] = v.cookie(SESSION).value;
    }
    wire.close();
  }

  /** CPU of the worker for so many requests, by sessions all over the list. */
  async function cost() {
    const wire = await site.gate.connect({ host: STG }), from = cpuSeconds(site.gate.workers[0]);
    for (let i = 0; i < ASKED; i++) {
      const cookie = cookies[(i * 7919) % cookies.length];
      await wire.send(requestBytes({ path: '/private', host: site.gate.authority(STG), headers: { Cookie: `${SESSION}=${cookie}`, 'Sec-Fetch-Mode': 'cors' } }));
      assert.equal((await wire.response()).status, 200);
    }
    wire.close();
    return cpuSeconds(site.gate.workers[0]) - from;
  }

  it('costs a request no more, and 4 KiB of memory for each at the most', async () => {
    await signInSome(FEW);
    await cost();
    const before_ = { memory: residentKib(site.gate.pid), cpu: await cost() };
    while (cookies.length < SESSIONS) await Promise.all(Array.from({ length: 8 }, () => signInSome(25)));
    await cost();
    const after_ = { memory: residentKib(site.gate.pid), cpu: await cost() };
    const told = JSON.stringify([before_, after_]);
    assert.equal(new Set(cookies).size, cookies.length);
    // What is kept of each: that there is such a person, to be looked at again, and what was signed for an origin.
    if (memoryIsReal) assert.ok(after_.memory - before_.memory < 4 * SESSIONS, told);
    assert.ok(after_.cpu < before_.cpu * 1.3 + 0.2, told);
    console.log(told);
  });
});
