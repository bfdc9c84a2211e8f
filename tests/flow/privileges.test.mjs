// What the process that meets the world is left with: another user, no capabilities, no secrets around it, no files.
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { after, before, describe, it } from 'node:test';
import { promisify } from 'node:util';
import { tiergate } from '../harness/gate.mjs';
import { hidesFiles, isAlive, memoryIsReal, openPaths } from '../harness/proc.mjs';
import { OTHER_PASSWORD, PASSWORD, secrets, startSite } from '../harness/site.mjs';
import { until } from '../harness/wait.mjs';

const isRoot = process.getuid() === 0;
const run = promisify(execFile);

const statusOf = (pid) =>
  Object.fromEntries(fs.readFileSync(`/proc/${pid}/status`, 'utf8').split('\n').filter(Boolean).map((l) => l.split(/:\s*/, 2)));

describe('what the worker is left with', () => {
  let site, gate, worker, ids;
  before(async () => {
    site = await startSite();
    gate = site.gate;
    [worker] = gate.workers;
    ids = statusOf(worker);
  });
  after(() => site?.stop());

  /** Reads a file as the worker's user would: the code of what stops it, or undefined. */
  const readAsWorker = async (file) => {
    const [uid, gid] = [Number(ids.Uid.split('\t')[0]), Number(ids.Gid.split('\t')[0])];
    try {
      await run('head', ['-c', '1', file], { uid, gid });
      return undefined;
    } catch (e) {
      return /denied|not permitted/.exec(e.stderr)?.[0] ?? e.message;
    }
  };

  it('no capability, and none to come by exec', () => {
    const { CapInh, CapPrm, CapEff, CapAmb, NoNewPrivs } = ids;
    for (const set of [CapInh, CapPrm, CapEff, CapAmb]) assert.match(set, /^0+$/, JSON.stringify(ids));
    assert.equal(NoNewPrivs, '1');
  });

  it('started by root it is another user, in no group of root', (t) => {
    if (!isRoot) return t.skip('only root can become somebody else');
    for (const field of ['Uid', 'Gid']) assert.ok(ids[field].split('\t').every((id) => id !== '0'), `${field} ${ids[field]}`);
    assert.equal(ids.Groups.trim(), ids.Gid.split('\t')[0]);
  });

  it('no secret in its environment or on its command line', (t) => {
    const hidden = hidesFiles(worker);
    if (hidden) return t.skip(hidden);
    const around = ['environ', 'cmdline'].map((f) => fs.readFileSync(`/proc/${worker}/${f}`, 'latin1')).join('\0');
    for (const secret of [PASSWORD, OTHER_PASSWORD, 'APP_PASSWORD']) assert.ok(!around.includes(secret), around);
    assert.ok(fs.readFileSync(`/proc/${gate.pid}/environ`, 'latin1').includes(PASSWORD), 'else this proves nothing');
  });

  it('no file open but the log and the store', async (t) => {
    const hidden = hidesFiles(worker);
    if (hidden) return t.skip(hidden);
    await gate.request({ host: 'open.example.test', path: '/' });
    const files = openPaths(worker).filter((at) => at.startsWith('/') && !at.startsWith('/dev/'));
    assert.deepEqual([...new Set(files)].filter((at) => at !== gate.logFile && !at.startsWith(path.join(gate.dir, 'state/store/tiergate.db')) && !at.startsWith('/memfd:tiergate-bundle')), []);
    assert.ok(files.includes(gate.logFile), 'else this proves nothing');
  });

  it('others of its user cannot look into it', async (t) => {
    if (!isRoot || !memoryIsReal) return t.skip('needs root, and no leak checker, which attaches to its own process');
    for (const file of ['environ', 'mem', 'maps', 'fd/0']) assert.match(await readAsWorker(`/proc/${worker}/${file}`) ?? 'readable', /denied/, file);
    assert.equal(await readAsWorker('/proc/self/status'), undefined, 'else this proves nothing');
  });

  it('keys of root stay with root', async (t) => {
    if (!isRoot) return t.skip('without root both are one user');
    const state = path.join(gate.dir, 'state');
    assert.equal(fs.statSync(state).mode & 0o777, 0o700);
    assert.equal(fs.statSync(state).uid, 0);
    for (const file of [path.join(state, 'session.key'), gate.pair.key]) {
      assert.equal(fs.statSync(file).mode & 0o077, 0, file);
      assert.match(await readAsWorker(file) ?? 'readable', /denied/, file);
    }
  });

  it('what its user could have written is no session key', async (t) => {
    if (!isRoot) return t.skip('without root both are one user');
    const [uid, gid] = [Number(ids.Uid.split('\t')[0]), Number(ids.Gid.split('\t')[0])];
    const state = path.join(gate.dir, 'theirs');
    fs.mkdirSync(state, { mode: 0o700 });
    fs.chownSync(state, uid, gid);
    await run('sh', ['-c', `umask 077; head -c 32 /dev/zero >${state}/session.key`], { uid, gid });
    const refused = await tiergate(['serve', gate.rulesFile, '--state', state], { env: secrets });
    assert.notEqual(refused.code, 0);
    assert.match(refused.stderr, /session\.key .* belongs to another user/);
    assert.doesNotMatch(refused.stderr, /no session secret/, 'one fault, told once');
    const { uid: owner, gid: group, mode } = fs.statSync(state);
    assert.deepEqual([owner, group, mode & 0o777], [0, 0, 0o700], 'it was taken back');
    fs.symlinkSync(state, `${state}.link`);
    assert.match((await tiergate(['serve', gate.rulesFile, '--state', `${state}.link`], { env: secrets })).stderr, /symbolic link/);
  });

  it('it does not outlive the supervisor', async () => {
    const lonely = await startSite();
    const workers = lonely.gate.workers;
    lonely.gate.process.kill('SIGKILL');
    await until('the worker to end', () => !workers.some(isAlive), 5000);
    await lonely.echo.close();
  });
});
