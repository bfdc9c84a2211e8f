// A loop thread that hangs, in a worker that otherwise runs.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import fs from 'node:fs';
import { afterEach, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { isAlive } from '../harness/proc.mjs';
import { startSite } from '../harness/site.mjs';
import { sleep, until, within } from '../harness/wait.mjs';

const host = 'open.example.test';
const tool = fileURLToPath(new URL('../harness/stop-thread.py', import.meta.url));

const threadOf = (pid, name) =>
  fs.readdirSync(`/proc/${pid}/task`).map(Number).find((tid) => fs.readFileSync(`/proc/${pid}/task/${tid}/comm`, 'latin1').trim() === name);

/** Holds one thread still; resolves with the process that does, or the reason why it cannot. */
async function stopThread(tid) {
  const holder = spawn('python3', [tool, String(tid)], { stdio: ['pipe', 'pipe', 'pipe'] });
  let out = '', err = '';
  holder.stdout.on('data', (d) => (out += d));
  holder.stderr.on('data', (d) => (err += d));
  holder.stdin.on('error', () => {});
  const ended = new Promise((r) => holder.once('close', r));
  await Promise.race([ended, until('the thread to stop', () => out.includes('stopped'))]);
  return out.includes('stopped') ? { ended, release: () => holder.stdin.end() } : { reason: err.trim() || 'python3 is missing' };
}

describe('watchdog', () => {
  let site;
  afterEach(() => site?.stop());
  const get = (ms = 3000) => site.gate.request({ host, path: '/', ms }).then((r) => r.status, (e) => e.message);

  it('a worker with a thread that hangs is replaced, and says which thread it was', async (t) => {
    if (process.getuid() !== 0) return t.skip('only root may stop a thread of another process');
    site = await startSite({ gate: { threads: 2 } });
    const { gate } = site;
    const [worker] = gate.workers;
    assert.equal(await get(), 200);
    const held = await stopThread(threadOf(worker, 'tg-loop-1'));
    if (held.reason) return t.skip(held.reason);
    try {
      await sleep(2500); // a long turn is no hang
      assert.ok(isAlive(worker), gate.stderr);
      await until('the worker to end', () => !isAlive(worker), 15000);
      assert.match(gate.stderr, /loop thread 1 \(tg-loop-1\) has not turned for 5 s/);
      assert.doesNotMatch(gate.stderr, /loop thread 0/);
      await until('serving', async () => (await get()) === 200, 10000);
      // Connections go to either thread: both must serve.
      for (let i = 0; i < 12; i++) assert.equal(await get(10000), 200);
      assert.notEqual(gate.workers[0], worker);
    } finally {
      held.release();
      await within('the holder to end', held.ended, 5000);
    }
  });

  it('a worker that was stopped as a whole, or a machine that slept, is no alarm', async () => {
    site = await startSite({ gate: { threads: 2 } });
    const { gate } = site;
    const [worker] = gate.workers;
    process.kill(worker, 'SIGSTOP');
    await sleep(7000);
    process.kill(worker, 'SIGCONT');
    await sleep(2000);
    assert.equal(await get(10000), 200);
    assert.deepEqual(gate.workers, [worker], gate.stderr);
    assert.doesNotMatch(gate.stderr, /has not turned/);
  });
});
