// The worker had the standard input and output of its supervisor: one that was taken over could read what is typed into that terminal, and
// write into whatever file a shell had opened.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import { it } from 'node:test';
import { hidesFiles } from '../harness/proc.mjs';
import { startSite } from '../harness/site.mjs';

it('the worker has no standard input or output', async (t) => {
  const { gate, stop } = await startSite();
  t.after(stop);
  const [worker] = gate.workers;
  const hidden = hidesFiles(worker);
  if (hidden) return t.skip(hidden);
  const at = (pid, fd) => fs.readlinkSync(`/proc/${pid}/fd/${fd}`);
  assert.notEqual(at(gate.pid, 1), '/dev/null', 'else this proves nothing');
  for (const fd of [0, 1]) assert.equal(at(worker, fd), '/dev/null');
  assert.equal(at(worker, 2), at(gate.pid, 2), 'errors are still told');
});
