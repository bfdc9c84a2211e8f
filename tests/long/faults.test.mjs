// Every call of every scenario fails in turn, in every way that it can; of reloads and starts some thousands. See tests/fault/.
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { ERRORS, missing } from '../harness/fault.mjs';
import { sweepReloads, sweepStarts } from '../fault/reload.mjs';
import { FaultSite } from '../fault/site.mjs';
import { scenarios, sweep } from '../fault/sweep.mjs';

const AN_HOUR = 3600000;
const IN_EXCHANGES = [
  'alloc', 'accept', 'recv', 'send', 'connect', 'socket', 'sockopt', 'epoll', 'wait', 'event', 'ssl', 'crypto', 'random', 'crypt', 'regex', 'fd', 'file'
];
const AT_RELOADS = {
  loader: ['alloc', 'fd', 'file', 'send', 'crypto', 'random', 'regex', 'ssl', 'sockopt', 'socket'],
  worker: ['alloc', 'fd', 'file', 'recv', 'send', 'crypto', 'random', 'regex', 'ssl', 'sockopt', 'socket', 'epoll', 'event', 'thread'],
  supervisor: ['alloc', 'fd', 'fork', 'socket', 'sockopt', 'send']
};
/** Tens of thousands of allocations: most are the system's certificates. Another first one each time. */
const RELOAD_STRIDE = { alloc: 11, crypto: 5 };
const AT_STARTS = { loader: ['fd', 'file'], worker: ['alloc', 'fd', 'thread', 'epoll', 'event', 'crypto', 'random', 'ssl'], supervisor: ['alloc', 'fd', 'fork', 'socket', 'sockopt', 'send'] };
const START_STRIDE = { worker: { alloc: 41, crypto: 29 } };
/** Blocks that each try may leave in caches, which are bounded: a new login is remembered as a session and as an assertion. */
const REMEMBERED = { 'a login with bcrypt, and its cookie': 2 };
const strided = (every = 1) => ({ every, from: 1 + Math.floor(Math.random() * every) });

describe('every call that fails', { skip: missing, concurrency: false }, () => {
  let site;
  before(async () => {
    site = await FaultSite.start();
  });
  after(() => site?.stop());

  for (const name of Object.keys(scenarios)) {
    it(`in ${name}`, { timeout: AN_HOUR }, async (t) => {
      for (const what of IN_EXCHANGES) {
        for (const error of ERRORS[what]) {
          const r = await sweep(site, name, { what, error });
          t.diagnostic(`${what} ${error}: ${r.tries}`);
          assert.deepEqual(r.wrong, []);
          // Caches and tables fill; what leaks grows with each try.
          assert.ok(r.grown < 64 + (REMEMBERED[name] ?? 1) * r.tries, `${r.grown} blocks more after ${r.tries} tries`);
        }
      }
      const lasting = await sweep(site, name, { what: 'alloc', lasting: true }, { every: 3 });
      assert.deepEqual(lasting.wrong, []);
    });
  }

  for (const [role, kinds] of Object.entries(AT_RELOADS)) {
    it(`of the ${role} at a reload`, { timeout: AN_HOUR }, async (t) => {
      for (const what of kinds) {
        const r = await sweepReloads(site, { role, what }, strided(role === 'supervisor' ? 1 : RELOAD_STRIDE[what]));
        t.diagnostic(`${what}: ${r.tries}, ${r.ok} served, ${r.refused} refused, ${r.workers} other workers`);
        assert.deepEqual(r.wrong, []);
      }
    });
  }

  it('at a start', { timeout: AN_HOUR }, async (t) => {
    await site.gate.stop();
    for (const [role, kinds] of Object.entries(AT_STARTS)) {
      for (const what of kinds) {
        const r = await sweepStarts(site, { role, what }, strided(START_STRIDE[role]?.[what]));
        t.diagnostic(`${role}, ${what}: ${r.tries}, ${r.served} served, ${r.ended} ended`);
        assert.deepEqual(r.wrong, []);
      }
    }
    site.gate.stop = async () => {}; // it has ended
  });
});
