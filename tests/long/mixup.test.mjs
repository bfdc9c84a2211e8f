// Nobody is given what is another's: a million requests with faults on both sides; and while the rules change and workers die.
// TIERGATE_MIXUP=N and TIERGATE_MIXUP_SEED=HEX run another number, or what has failed once more.
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { describe, it } from 'node:test';
import { figures, mixUp, never } from '../harness/mixup.mjs';

const million = Number(process.env.TIERGATE_MIXUP ?? 1000000);
const seed = process.env.TIERGATE_MIXUP_SEED ?? randomBytes(8).toString('hex');
const timeout = 3600000;

function isGood(t, r) {
  t.diagnostic(figures(r));
  assert.ok(r.good, `seed ${r.seed}: ${JSON.stringify(r.wrong)}\n${r.told}`);
  assert.deepEqual(never(r), [], 'each kind has come up');
}

describe(`mix-up, seed ${seed}`, () => {
  it(`${million} requests`, { timeout }, async (t) => {
    const r = await mixUp({ requests: million, seed, ms: timeout });
    isGood(t, r);
    assert.ok(r.retries > million / 1000 && r.reused > million / 4 && r.tls > million / 8, 'retries, used connections, TLS');
  });

  it(`${million / 5} requests while the rules change a hundred times`, { timeout }, async (t) => {
    let reloads = 0;
    const r = await mixUp({
      requests: million / 5, seed, ms: timeout,
      during: (gate, done, rules) => {
        gate.write(rules({ tier: `change ${++reloads}` }));
        gate.process.kill('SIGHUP');
      }
    });
    isGood(t, r);
    t.diagnostic(`${reloads} reloads, ${r.stderr.match(/reload: ok/g)?.length} commits`);
    assert.ok(reloads >= 95 && r.stderr.match(/reload: ok/g).length >= reloads / 2, r.stderr);
    assert.doesNotMatch(r.stderr, /reload: (?!ok)/);
  });

  it(`${million / 10} requests while the worker is killed three times`, { timeout }, async (t) => {
    const at = [0.25, 0.5, 0.75];
    let kills = 0;
    const r = await mixUp({
      requests: million / 10, seed, ms: timeout, lenient: true,
      during: (gate, done) => {
        if (done < (at[0] ?? 2)) return;
        at.shift();
        for (const pid of gate.workers) process.kill(pid, 'SIGKILL');
        kills++;
      }
    });
    isGood(t, r);
    assert.equal(kills, 3);
  });
});
