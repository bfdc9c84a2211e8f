// Nobody is given what is another's: twenty thousand requests, each of which is known by its bytes, over pooled origin connections, with
// every kind of fault that origins and clients have. tests/long/mixup.test.mjs: a million.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { figures, mixUp, never } from '../harness/mixup.mjs';

const requests = 20000;

describe('mix-up', () => {
  it(`${requests} requests, none of which is given another's answer`, { timeout: 900000 }, async (t) => {
    const r = await mixUp({ requests, seed: '7169657267617465' });
    t.diagnostic(figures(r));
    assert.ok(r.good, `seed ${r.seed}: ${JSON.stringify(r.wrong)}\n${r.told}`);
    assert.deepEqual(never(r), [], 'each kind has come up');
    assert.ok(r.retries > 0 && r.reused > requests / 4 && r.tls > requests / 8, 'retries, used connections, TLS');
  });
});
