// A worker whose threads did not start let its sign-in service go while the store was still reading for it: the answers were written into memory that
// was given back.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { after, before, describe, it } from 'node:test';
import { Fault, missing } from '../harness/fault.mjs';
import { startSigninSite } from '../harness/signin-site.mjs';

describe('a worker whose threads do not start', { skip: missing }, () => {
  let fault, dir;
  before(() => {
    dir = fs.mkdtempSync(path.join(os.tmpdir(), 'tiergate-threads-'));
    fs.chmodSync(dir, 0o755);
    fault = new Fault(dir);
  });
  after(() => {
    fault?.close();
    if (dir) fs.rmSync(dir, { recursive: true, force: true });
  });

  it('says so and ends, whichever it is', async () => {
    let hit = 0;
    for (let nth = 1; nth <= 12; nth++) {
      fault.arm({ what: 'thread', nth });
      const site = await startSigninSite({ gate: { env: fault.env } }).catch((e) => e);
      if (!(site instanceof Error)) { // one that it can do without
        await site.stop();
        break;
      }
      hit++;
      assert.match(site.message, /the worker failed: |ended/);
      assert.doesNotMatch(site.message, /Sanitizer|runtime error|signal (4|6|7|11)\b|exited with status 1/);
    }
    assert.ok(hit > 2, `${hit}`);
  });
});
