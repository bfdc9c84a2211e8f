// Calls that fail, each n-th that is chosen of each scenario: nobody gets in, nothing crashes, hangs or stays behind. tests/long/ has all n.
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { missing } from '../harness/fault.mjs';
import { sweepReloads } from '../fault/reload.mjs';
import { FaultSite } from '../fault/site.mjs';
import { scenarios, sweep } from '../fault/sweep.mjs';

const slow = process.env.TIERGATE_SANITIZED ? 4 : 1;

/** Kind of call: how far apart those are that fail. Another first one each time, so that in the end all have their turn. */
const STRIDES = { alloc: 53, recv: 5, send: 5, ssl: 5, crypto: 7, event: 3, epoll: 2, sockopt: 3, accept: 1, connect: 1, socket: 1, random: 1, crypt: 1, regex: 4 };

describe('a call that fails', { skip: missing }, () => {
  let site;
  let hits = 0;
  before(async () => {
    site = await FaultSite.start();
  });
  after(() => site?.stop());

  for (const name of Object.keys(scenarios)) {
    it(`in ${name}`, { timeout: 120000 }, async () => {
      for (const [what, stride] of Object.entries(STRIDES)) {
        const every = stride * slow;
        const r = await sweep(site, name, { what }, { every, from: 1 + Math.floor(Math.random() * every) });
        assert.deepEqual(r.wrong, []);
        hits += r.tries;
      }
    });
  }

  it('there were some', () => assert.ok(hits > 80, `only ${hits}`));

  it('while memory stays short', { timeout: 120000 }, async () => {
    for (const name of Object.keys(scenarios)) {
      const r = await sweep(site, name, { what: 'alloc', lasting: true }, { every: 151 * slow, from: 1 + Math.floor(Math.random() * 20) });
      assert.deepEqual(r.wrong, []);
    }
  });

  for (const role of ['loader', 'worker']) {
    it(`of the ${role} at a reload: the rules that are told are served`, { timeout: 120000 }, async () => {
      for (const [what, every] of [['alloc', 307], ['file', 5], ['fd', 2]]) {
        const r = await sweepReloads(site, { role, what }, { every: every * slow, from: 1 + Math.floor(Math.random() * every) });
        assert.deepEqual(r.wrong, []);
      }
    });
  }
});
