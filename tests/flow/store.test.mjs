// What outlives a worker: the folder that it is kept in, and a file in it that is not what it should be.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { afterEach, describe, it } from 'node:test';
import { Gate, tiergate } from '../harness/gate.mjs';
import { secrets, siteRules } from '../harness/site.mjs';
import { until } from '../harness/wait.mjs';

const isRoot = process.getuid() === 0;

describe('the store', () => {
  let gate;
  const rules = siteRules('http://127.0.0.1:9');
  const start = async (options) => (gate = await Gate.start({ rules, env: secrets, ...options }));
  const at = (...names) => path.join(gate.dir, 'state/store', ...names);
  const file = () => at('tiergate.db');
  /** As it would be started again: what it says when it does not. */
  const refused = async () => {
    const r = await tiergate(['serve', gate.rulesFile, '--state', path.join(gate.dir, 'state')], { env: secrets });
    assert.notEqual(r.code, 0);
    return r.stderr;
  };
  const healthy = async () => (await gate.request({ host: 'open.example.test', path: '/.tiergate/health' })).status === 200;
  afterEach(async () => {
    const left = gate;
    gate = undefined;
    await left?.stop().catch(() => {});
  });

  it('lies in a folder of the worker alone', async () => {
    await start();
    const folder = fs.statSync(at());
    assert.equal(folder.mode & 0o7777, 0o700);
    assert.equal(fs.statSync(file()).mode & 0o777, 0o600);
    assert.equal(fs.statSync(file()).uid, folder.uid);
    if (isRoot) assert.notEqual(folder.uid, 0);
    assert.equal(fs.statSync(path.join(gate.dir, 'state')).uid, process.getuid());
    assert.doesNotMatch(gate.stderr, /store/);
  });

  it('that is damaged, emptied or newer is never replaced: nothing starts, and it is said what to do', async () => {
    await start();
    await gate.stop();
    const whole = fs.readFileSync(file());
    const cases = [
      [() => fs.writeFileSync(file(), Buffer.concat([whole.subarray(0, 4096), Buffer.alloc(whole.length - 4096, 0x5a)])), /is damaged: bring one back/],
      [() => fs.writeFileSync(file(), 'not a store'), /is damaged: bring one back/],
      [() => fs.truncateSync(file(), 0), /is empty, and was not/]
    ];
    // All of it in the one file.
    for (const name of ['tiergate.db-wal', 'tiergate.db-shm']) fs.rmSync(at(name), { force: true });
    for (const [spoil, says] of cases) {
      spoil();
      const spoiled = fs.readFileSync(file());
      assert.match(await refused(), says);
      assert.deepEqual(fs.readFileSync(file()), spoiled);
    }
    assert.match(await refused(), /session\.key/, 'what goes with it');
  });

  it('a worker that dies finds it again', async () => {
    await start();
    const [worker] = gate.workers;
    process.kill(worker, 'SIGKILL');
    await until('another worker', async () => gate.workers.length === 1 && gate.workers[0] !== worker && (await healthy().catch(() => false)));
    assert.doesNotMatch(gate.stderr, /store/);
  });

  it('that cannot be made keeps nobody out who needs none', async () => {
    await start();
    await gate.stop();
    const state = path.join(gate.dir, 'state');
    for (const name of fs.readdirSync(at())) fs.unlinkSync(at(name));
    fs.mkdirSync(at('making')); // where it would note that it makes one
    await start({ args: ['--state', state] });
    assert.ok(await healthy());
    assert.match(gate.stderr, /warning: the store cannot be made: .*; what needs the store is refused/);
  });

  it('a folder that is a link, or somebody else\'s, is refused', async (t) => {
    await start();
    await gate.stop();
    fs.renameSync(at(), `${at()}-elsewhere`);
    fs.symlinkSync(`${at()}-elsewhere`, at());
    assert.match(await refused(), /"store" in the state folder is a symbolic link/);
    if (!isRoot) return t.skip('only root can make somebody else\'s');
    fs.unlinkSync(at());
    fs.renameSync(`${at()}-elsewhere`, at());
    fs.chownSync(at(), 12345, 12345);
    assert.match(await refused(), /belongs to another user: chown -R/);
  });

  it('a root that may do no more than become another user serves from a folder that was made ready', async (t) => {
    if (!isRoot) return t.skip('needs root');
    await start();
    await gate.stop();
    const { dir } = gate;
    const caps = 'cap_setuid,cap_setgid,cap_kill,cap_net_bind_service'.split(',').map((c) => `+${c.slice(4)}`).join();
    const under = ['setpriv', '--bounding-set', `-all,${caps}`, '--inh-caps', '-all'];
    await start({ under, args: ['--state', path.join(dir, 'state')] });
    assert.ok(await healthy());
    assert.doesNotMatch(gate.stderr, /store/);
    const held = /^CapEff:\s*(\w+)/m.exec(fs.readFileSync(`/proc/${gate.pid}/status`, 'utf8'))[1];
    assert.equal(BigInt(`0x${held}`), (1n << 5n) | (1n << 6n) | (1n << 7n) | (1n << 10n), 'else this proves nothing');
  });
});
