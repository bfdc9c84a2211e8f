// The vectors as a suite; how many cuts each gets is the caller's choice.
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import {
  acceptedCases, chunkCases, cookieCases, headerCases, hostCases, pathCases, refusedCases, sequenceCases
} from '../vectors/cases.mjs';
import { runAll, shotsOf } from './vector-runs.mjs';
import { identitiesOf, startVectorSite } from './vector-site.mjs';

const sets = {
  'requests that must be refused': refusedCases,
  'requests that are good': acceptedCases,
  'chunked bodies': chunkCases,
  paths: pathCases,
  hosts: hostCases,
  fields: headerCases,
  sequences: sequenceCases
};

export function describeVectors({ depth }) {
  for (const open of [true, false])
    describe(`vectors, ${open ? 'all open' : 'gated'}`, { timeout: 3600000 }, () => {
      const counter = { next: 1 };
      let site, identities;
      before(async () => {
        site = await startVectorSite({ open });
        identities = await identitiesOf(site);
        site.recorder.runs.clear();
      });
      after(() => site?.stop());

      const run = async (t, cases) => {
        const start = Date.now();
        const { count, problems } = await runAll(site, shotsOf(site, cases, { identities, depth, counter }));
        t.diagnostic(`${cases.length} vectors, ${count} runs, ${Date.now() - start} ms`);
        assert.equal(problems.length, 0, `${problems.length} of ${count}:\n${problems.slice(0, 10).join('\n')}`);
      };
      for (const [name, make] of Object.entries(sets)) it(name, (t) => run(t, make(site)));
      if (!open) it('cookies', (t) => run(t, cookieCases(site, identities.find((i) => i.cookie).cookie.split('=')[1])));
    });
}
