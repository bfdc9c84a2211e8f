// Nobody is given what is another's: twenty thousand requests, each of which is known by its bytes, over pooled origin connections, with
// every kind of fault that origins and clients have. tests/long/mixup.test.mjs: a million.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { mixUp } from '../harness/mixup.mjs';

const requests = Number(process.env.TIERGATE_MIXUP ?? 20000);
const seed = process.env.TIERGATE_MIXUP_SEED ?? '7169657267617465';

describe('mix-up', () => {
  it(`${requests} requests, none of which is answered with another's`, { timeout: 900000 }, async (t) => {
    const r = await mixUp({ requests, seed });
    t.diagnostic(JSON.stringify({ ...r, told: undefined, stderr: undefined }));
    assert.ok(r.good, `seed ${r.seed}: ${JSON.stringify(r.wrong)}\n${r.told}`);
    const never = [...Object.entries(r.faults), ...Object.entries(r.clients)].filter(([, n]) => n === 0).map(([name]) => name);
    assert.deepEqual(never, [], 'each kind must have happened');
    assert.ok(r.retries > 0 && r.reused > requests / 4 && r.tls > requests / 8, 'retries, used connections, TLS');
  });
});
