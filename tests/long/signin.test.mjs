// What about signing in takes minutes.
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { cpuSeconds, memoryIsReal, residentKib } from '../harness/proc.mjs';
import { startSigninSite, STG } from '../harness/signin-site.mjs';
import { Visitor } from '../harness/visitor.mjs';
import { requestBytes } from '../harness/wire.mjs';

const SESSION = '__Secure-tiergate', FEW = 200, SESSIONS = 10000, ASKED = 20000, WIRES = 16, ROUNDS = 5;

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

  /** CPU of the worker for so many requests, by sessions all over the list; some at a time, for what it takes to wake it is not the question. */
  async function cost(of) {
    const from = cpuSeconds(site.gate.workers[0]);
    let asked = 0;
    await Promise.all(Array.from({ length: WIRES }, async () => {
      const wire = await site.gate.connect({ host: STG });
      while (asked < ASKED) {
        const cookie = of[(asked++ * 7919) % of.length];
        await wire.send(requestBytes({ path: '/private', host: site.gate.authority(STG), headers: { Cookie: `${SESSION}=${cookie}`, 'Sec-Fetch-Mode': 'cors' } }));
        assert.equal((await wire.response()).status, 200);
      }
      wire.close();
    }));
    return cpuSeconds(site.gate.workers[0]) - from;
  }

  /** The least of some rounds of each, taken in turns: the machine is not as fast all the time. */
  async function leastCosts(...lists) {
    const least = lists.map(() => Infinity);
    for (let round = 0; round < ROUNDS; round++) for (const [i, list] of lists.entries()) least[i] = Math.min(least[i], await cost(list));
    return least;
  }

  it('costs a request no more, and 4 KiB of memory for each at the most', async () => {
    await signInSome(FEW);
    const [alone] = await leastCosts(cookies);
    const before_ = residentKib(site.gate.pid);
    while (cookies.length < SESSIONS) await Promise.all(Array.from({ length: 8 }, () => signInSome(25)));
    const [few, all] = await leastCosts(cookies.slice(0, FEW), cookies);
    const memory = [before_, residentKib(site.gate.pid)], told = JSON.stringify({ memory, cpu: { alone, few, all } });
    assert.equal(new Set(cookies).size, cookies.length);
    // What is kept of each: that there is such a person, to be looked at again, and what was signed for an origin.
    if (memoryIsReal) assert.ok(memory[1] - memory[0] < 4 * SESSIONS, told);
    assert.ok(all < few * 1.1 + 0.02, told); // a clock that ticks a hundred times a second
    assert.ok(all < alone * 1.5, told); // minutes lie between the two
    console.log(told);
  });
});
