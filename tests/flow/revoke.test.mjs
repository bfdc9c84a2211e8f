// What is taken back is gone: on every thread, connection, stream and socket, in every worker, and after a restart.
import assert from 'node:assert/strict';
import { execFile, spawn } from 'node:child_process';
import fs from 'node:fs';
import http from 'node:http';
import path from 'node:path';
import { after, afterEach, before, describe, it } from 'node:test';
import { authority } from '../harness/certs.mjs';
import { Gate, tiergate } from '../harness/gate.mjs';
import * as h2ws from '../harness/h2ws.mjs';
import { ask as ask2 } from '../harness/http2.mjs';
import { WebSocket, WebSocketServer } from '../harness/lib.mjs';
import { descendantsOf, isAlive } from '../harness/proc.mjs';
import { PASSWORD, secrets, siteRules } from '../harness/site.mjs';
import { endAll, sleep, until, within } from '../harness/wait.mjs';
import { basic, requestBytes } from '../harness/wire.mjs';

const lookup = (_, o, done) => (o.all ? done(null, [{ address: '127.0.0.1', family: 4 }]) : done(null, '127.0.0.1', 4));
const host = 'app.example.test', sibling = 'sync.app.example.test', other = 'solo.example.test';
const passwords = { beta: PASSWORD, gamma: secrets.OTHER_PASSWORD };
const isRoot = process.getuid() === 0;
process.setMaxListeners(40); // each gate cleans up after itself

async function origin() {
  const server = http.createServer((req, res) => {
    if (req.url !== '/slow') return res.end('here');
    res.write('begun'); // and never ends
  });
  const wss = new WebSocketServer({ server });
  wss.on('connection', (ws) => ws.on('message', (d) => ws.send(d)).on('error', () => {}));
  await new Promise((r) => server.listen(0, '127.0.0.1', r));
  return {
    url: `http://127.0.0.1:${server.address().port}`,
    close: async () => {
      server.closeAllConnections();
      server.close();
    }
  };
}

describe('revoke', () => {
  let gate, origins;
  before(async () => (origins = [await origin(), await origin()]));
  after(() => endAll(...origins));
  afterEach(async () => {
    const left = gate;
    gate = undefined;
    await endAll(left);
  });

  /** `second`: behind a host of its own, on a port that the worker's sandbox does not know. */
  const rules = ({ second, users = ['beta', 'gamma'] } = {}) => {
    const all = Object.fromEntries(users.map((u) => [u, u === 'beta' ? 'env:APP_PASSWORD' : 'env:OTHER_PASSWORD']));
    return siteRules(origins[0].url, {
      gates: {
        app: { basic: { realm: 'app', users: all }, session: { domain: 'app.example.test' } },
        solo: { basic: { realm: 'solo', users: all } }
      },
      origins: second ? { second: { url: origins[1].url } } : {},
      hosts: second ? [{ host: 'new.example.test', origin: 'second', public: true, rules: [{ path: '/*', action: 'bypass' }] }] : [],
      limits: { drain_timeout: '25s', tunnel_grace: '20s' }
    });
  };
  const start = async (options) => (gate = await Gate.start({ rules: rules(), env: secrets, threads: 2, ...options }));
  let state; // of the gate that was started last
  const revoke = (...args) => tiergate(['revoke', ...args, '--state', state ?? path.join(gate.dir, 'state')]);
  afterEach(() => (state = undefined));
  const revoked = async (...args) => {
    const r = await revoke(...args);
    assert.equal(r.code, 0, r.stderr);
    const m = /^revoked: effective on (\d+) threads? of (\d+) workers?, (\d+) open connections? or streams? ended, ([\d.]+) ms\n$/.exec(r.stdout);
    assert.ok(m, r.stdout);
    return { threads: +m[1], workers: +m[2], ended: +m[3], ms: +m[4] };
  };
  const signIn = async (user = 'beta', at = host) => {
    const r = await gate.request({ host: at, path: '/in', headers: { Authorization: basic(user, passwords[user]) } });
    assert.equal(r.status, 200);
    return { Cookie: r.get('set-cookie').split(';')[0] };
  };
  const statusOf = async (headers, at = host) => (await gate.request({ host: at, path: '/private', headers })).status;
  const isIn = async (headers, at) => {
    const status = await statusOf(headers, at);
    assert.ok(status === 200 || status === 401, `${status}`);
    return status === 200;
  };
  const shortId = async (headers) => {
    const at = `/who-${Math.random()}`;
    await gate.request({ host, path: at, headers });
    const { session } = await gate.line((l) => l.path === at);
    assert.match(session, /^[0-9a-f]{8}$/);
    return session;
  };
  const socket = (headers, at = host) => {
    const ws = new WebSocket(`wss://${at}:${gate.port}/doc`, { headers, ca: authority().pem, servername: at, lookup });
    ws.on('error', () => {});
    ws.over = new Promise((r) => ws.once('close', (code) => r(code)));
    return within('open', new Promise((r, no) => { ws.once('open', () => r(ws)); ws.once('error', no); }));
  };
  const answers = async (ws) => {
    const back = new Promise((r) => ws.once('message', (d) => r(d.toString())));
    ws.send('?');
    assert.equal(await within('the echo', back), '?');
  };

  /** Everything that a session can have open; on enough connections that both threads have some. */
  async function openAll(headers, at = host) {
    const say = requestBytes({ host: gate.authority(at), path: '/x', headers });
    const wires = await Promise.all(Array.from({ length: 6 }, () => gate.connect({ host: at })));
    const asks = async (w) => (await w.send(say), (await w.response()).status);
    for (const w of wires) assert.equal(await asks(w), 200);
    const sockets = await Promise.all(Array.from({ length: 6 }, () => socket(headers, at)));
    const two = await h2ws.connect(gate, at);
    const stream = await h2ws.dial(two, { authority: gate.authority(at), headers: { cookie: headers.Cookie } });
    const slow = await gate.connect({ host: at });
    await slow.send(requestBytes({ host: gate.authority(at), path: '/slow', headers }));
    await until('the answer to begin', () => slow.buffer.includes('begun'));
    return {
      count: 6 + 1 + 1, // sockets, the one on a stream, the answer that never ends
      async gone() {
        for (const s of sockets) assert.equal(await within('4401', s.over), 4401);
        assert.equal((await within('4401', stream.over)).code, 4401);
        await until('the answer to be cut', () => slow.ended);
        for (const w of wires) assert.equal(await asks(w), 401);
        assert.equal((await ask2(two, { authority: gate.authority(at), path: '/x', headers: { cookie: headers.Cookie } })).status, 401);
      },
      async stays() {
        for (const s of [...sockets, stream]) await answers(s);
        for (const w of wires) assert.equal(await asks(w), 200);
        assert.equal((await ask2(two, { authority: gate.authority(at), path: '/x', headers: { cookie: headers.Cookie } })).status, 200);
        assert.equal(slow.ended, false);
      },
      close() {
        for (const w of [...wires, slow]) w.close();
        for (const s of sockets) s.terminate();
        two.destroy();
      }
    };
  }

  it('a session, by the beginning of its name in the log: that one alone', async () => {
    await start();
    const mine = await signIn(), theirs = await signIn('gamma');
    const [a, b] = [await openAll(mine), await openAll(theirs)];
    const receipt = await revoked(`session:${await shortId(mine)}`);
    assert.deepEqual([receipt.threads, receipt.workers, receipt.ended], [2, 1, a.count]);
    await a.gone();
    await b.stays();
    assert.equal((await revoked(`session:${'f'.repeat(32)}`)).ended, 0, 'nobody has that one');
    await b.stays();
    a.close();
    b.close();
  });

  it('a person: all sessions, at the gate that is named or at every one', async () => {
    await start();
    const [one, two, alone, theirs] = [await signIn(), await signIn(), await signIn('beta', other), await signIn('gamma')];
    const [a, b] = [await openAll(one), await openAll(theirs)];
    assert.equal((await revoked('basic:beta', '--gate', 'app')).ended, a.count);
    await a.gone();
    await b.stays();
    assert.equal(await isIn(two), false);
    assert.ok(await isIn(alone, other), 'the same name at another gate');
    await revoked('basic:beta');
    assert.equal(await isIn(alone, other), false);
    await b.stays();
    a.close();
    b.close();
  });

  it('locks nobody out: who proves himself anew is in', async () => {
    await start();
    const old = await signIn();
    await revoked('all');
    assert.equal(await isIn(old), false);
    await until('the next second', async () => {
      const anew = await signIn();
      return isIn(anew);
    }, 5000, 300);
    assert.equal(await isIn(old), false);
  });

  it('a host: whoever uses it, there and not beside it', async () => {
    await start();
    const mine = await signIn(), theirs = await signIn('gamma');
    const here = await openAll(mine, sibling), there = await openAll(theirs);
    assert.equal((await revoked(`host:${sibling}`)).ended, here.count);
    await here.gone();
    await there.stays();
    assert.ok(await isIn(mine), 'the same session at its other host');
    assert.equal(await isIn(theirs, sibling), false);
    here.close();
    there.close();
  });

  it('all', async () => {
    await start();
    const sessions = [await signIn(), await signIn('gamma')];
    const open = [await openAll(sessions[0]), await openAll(sessions[1])];
    assert.equal((await revoked('all')).ended, open[0].count + open[1].count);
    for (const o of open) {
      await o.gone();
      o.close();
    }
    assert.equal((await gate.request({ host: 'open.example.test', path: '/' })).status, 200);
  });

  it('holds after a reload, another worker, and a start from nothing', async () => {
    await start();
    const gone = await signIn(), kept = await signIn('gamma');
    await revoked('basic:beta');
    await gate.reload(undefined, /reload: ok/);
    assert.deepEqual([await isIn(gone), await isIn(kept)], [false, true]);
    const [worker] = gate.workers;
    process.kill(worker, 'SIGKILL');
    await until('another worker', () => gate.workers.length === 1 && gate.workers[0] !== worker);
    await gate.ready();
    assert.deepEqual([await isIn(gone), await isIn(kept)], [false, true]);
    const first = gate;
    await gate.kill();
    await start({ args: ['--state', path.join(first.dir, 'state')] });
    assert.deepEqual([await isIn(gone), await isIn(kept)], [false, true]);
    assert.doesNotMatch(gate.stderr, /admin\.sock/, 'the socket that was left behind is replaced');
    state = path.join(first.dir, 'state');
    await revoked('basic:gamma');
    assert.equal(await isIn(kept), false);
  });

  it('reaches a worker that parts, and the one that took over', async (t) => {
    await start();
    if (/kernel has no Landlock/.test(gate.stderr)) return t.skip('this kernel limits no ports');
    const mine = await signIn(), theirs = await signIn('gamma');
    const before = [await socket(mine), await socket(theirs)];
    assert.match(await gate.reload(rules({ second: true }), /reload: ok/), /another worker takes over/);
    assert.equal(gate.workers.length, 2);
    const since = [await socket(mine), await socket(theirs)];
    const receipt = await revoked('basic:beta');
    assert.deepEqual([receipt.workers, receipt.threads, receipt.ended], [2, 4, 2]);
    for (const s of [before[0], since[0]]) assert.equal(await within('4401', s.over), 4401);
    for (const s of [before[1], since[1]]) {
      await answers(s);
      s.terminate();
    }
    assert.equal(await isIn(mine), false);
    assert.ok(await isIn(theirs));
  });

  it('an audit line says what was taken back, and nothing that lets anybody in', async () => {
    await start();
    const mine = await signIn(), id = await shortId(mine);
    await revoked(`session:${id}`);
    await revoked('basic:gamma', '--gate', 'app');
    const line = await gate.line((l) => l.event === 'revoked' && l.what === 'session');
    assert.equal(line.session, id);
    const person = await gate.line((l) => l.event === 'revoked' && l.what === 'identity');
    assert.deepEqual([person.gate, person.way, person.identity], ['app', 'basic', 'gamma']);
    assert.ok(!fs.readFileSync(gate.logFile, 'utf8').includes(mine.Cookie.split('=')[1]));
  });

  it('what cannot be kept is effective, and said not to last', async () => {
    await start();
    await gate.stop();
    const first = gate, folder = path.join(first.dir, 'state/store');
    for (const name of fs.readdirSync(folder)) fs.unlinkSync(path.join(folder, name));
    fs.mkdirSync(path.join(folder, 'making')); // where a store would note that it makes one
    await start({ args: ['--state', path.join(first.dir, 'state')] });
    state = path.join(first.dir, 'state');
    const mine = await signIn(), open = await openAll(mine);
    const r = await revoke('all');
    assert.equal(r.code, 1);
    assert.match(r.stderr, /it holds until the next start: the store could not keep it/);
    await open.gone();
    open.close();
  });

  it('nobody is let in while it cannot be read what was taken back', async () => {
    await start();
    const mine = await signIn();
    await revoked('basic:gamma');
    await gate.stop();
    const first = gate, file = path.join(first.dir, 'state/store/tiergate.db');
    gate = undefined;
    const sql = (text) => new Promise((resolve, reject) => execFile('python3', ['-c',
      `import sqlite3, sys\nc = sqlite3.connect(sys.argv[1])\nprint(c.execute(sys.argv[2]).rowcount)\nc.commit()\nc.close()`, file, text],
    (error, stdout) => (error ? reject(error) : resolve(stdout.trim()))));
    // One byte of the record: its version, which no reader of today knows.
    assert.equal(await sql(`UPDATE record SET value = CAST(X'07' || substr(value, 2) AS BLOB) WHERE kind = 0`), '3', 'one at each gate');
    const r = await tiergate(['serve', first.rulesFile, '--state', path.join(first.dir, 'state')], { env: secrets });
    assert.notEqual(r.code, 0);
    assert.match(r.stderr, /what takes sessions back cannot be read: a record is damaged/);
    assert.match(r.stderr, /the store does not say whose sessions were taken back, and so nobody is let in/);
    await sql(`UPDATE record SET value = CAST(X'01' || substr(value, 2) AS BLOB) WHERE kind = 0`);
    await start({ args: ['--state', path.join(first.dir, 'state')] });
    assert.ok(await isIn(mine));
  });

  it('a slip of the pen is told, and takes nothing back', async () => {
    await start();
    const mine = await signIn();
    for (const [args, code, says] of [
      [[], 2, /needs one argument/], [['all', 'basic:beta'], 2, /one argument/], [['basic:'], 2, /no name behind it/], [['beta'], 2, /name session:/], [['basic'], 2, /no name behind it/],
      [['session:12'], 2, /8 hex digits/], [['session:zzzzzzzz'], 2, /hex digits/], [['session:00000000'], 2, /zeros/], [['email:a@b@c'], 2, /no e-mail/],
      [['email:@'], 2, /no e-mail/], [['github:octocat'], 2, /by their number/], [['host:a b'], 2, /no host name/], [['host:app.example.test:443'], 2, /no host name/],
      [['all', '--gate', 'app'], 2, /all gates/], [['host:app.example.test', '--gate', 'app'], 2, /people and tokens/], [[`basic:${'x'.repeat(600)}`], 2, /too long/],
      [['basic:be\nta'], 2, /control/], [['host:nobody.test'], 1, /no host of that name/], [['basic:beta', '--gate', 'ap'], 1, /no gate of that name/],
      [['basic:bet'], 1, /let nobody of that name in/], [['service_token:smoke'], 1, /nobody of that name/],
      [['github:1001'], 1, /nobody of that name/], [['share_link:customer'], 2, /32 hex digits/], [[`share_link:${'A'.repeat(32)}`], 2, /32 hex digits/]
    ]) {
      const r = await revoke(...args);
      assert.equal(r.code, code, `${args}: ${r.stdout}${r.stderr}`);
      assert.match(r.stderr, says);
      assert.equal(r.stdout, '');
    }
    assert.ok(await isIn(mine));
  });

  it('nobody is there: exit 1, and why', async () => {
    await start();
    const first = gate;
    await gate.stop();
    gate = undefined;
    state = path.join(first.dir, 'state');
    assert.equal(fs.existsSync(path.join(state, 'admin.sock')), false, 'it takes its socket along');
    for (const command of [['revoke', 'all'], ['status'], ['reload'], ['drain']]) {
      const r = await tiergate([...command, '--state', state]);
      assert.equal(r.code, 1);
      assert.match(r.stderr, /no tiergate runs with this state folder/);
      assert.match((await tiergate([...command, '--state', '/nonexistent'])).stderr, /no such state folder/);
    }
  });

  /** What a program of our own says to the socket. Prints what came back, in hex. */
  const raw = (script) => new Promise((resolve) => {
    const text = `import socket, time, sys\np = ${JSON.stringify(path.join(gate.dir, 'state/admin.sock'))}\n` +
      `def dial():\n  s = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)\n  s.settimeout(15)\n  s.connect(p)\n  return s\n${script}`;
    execFile('python3', ['-c', text], (error, stdout, stderr) => resolve({ code: error?.code ?? 0, stdout, stderr }));
  });

  it('the socket is for who started it alone', async () => {
    await start();
    const at = path.join(gate.dir, 'state/admin.sock');
    assert.equal(fs.statSync(at).mode & 0o777, 0o600);
    assert.equal(fs.statSync(at).uid, process.getuid());
    if (!isRoot) return;
    // Even where folder and file let somebody through, he is asked who he is.
    fs.chmodSync(path.dirname(at), 0o711);
    fs.chmodSync(at, 0o666);
    const mine = await signIn();
    const r = await new Promise((resolve) => {
      execFile(process.env.TIERGATE ?? 'build/tiergate', ['revoke', 'all', '--state', path.dirname(at)], { uid: 65534, gid: 65534 },
        (error, stdout, stderr) => resolve({ code: error?.code ?? 0, stdout, stderr }));
    });
    assert.equal(r.code, 1, r.stdout);
    assert.match(r.stderr, /you may not ask/);
    assert.ok(await isIn(mine));
    fs.chmodSync(path.dirname(at), 0o700);
  });

  it('who hangs, or talks nonsense, keeps nobody waiting for long', async () => {
    await start();
    const mine = await signIn();
    const silent = spawn('python3', ['-c', `import socket, time
l = []
for i in range(8):
  s = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
  s.connect(${JSON.stringify(path.join(gate.dir, 'state/admin.sock'))})
  l.append(s)
print("there", flush=True)
time.sleep(60)`], { stdio: ['ignore', 'pipe', 'inherit'] });
    await within('them to be there', new Promise((r) => silent.stdout.once('data', r)));
    assert.equal((await gate.request({ host: 'open.example.test', path: '/' })).status, 200);
    await revoked('all');
    assert.equal(await isIn(mine), false);
    silent.kill();
    const nonsense = await raw(`
for m in [b"x", b"\\0" * 16, b"1CGT" + b"\\x0b\\0\\0\\0" + b"\\xff" * 8, b"1CGT" + b"\\x05\\0\\0\\0" + b"\\0" * 8, b"x" * 5000]:
  s = dial()
  try:
    s.send(m)
    print(len(s.recv(5000)))
  except OSError as e:
    print("reset")`);
    assert.equal(nonsense.code, 0, nonsense.stderr);
    assert.deepEqual(nonsense.stdout.trim().split('\n').filter((l) => l !== '0' && l !== 'reset'), []);
    assert.equal((await tiergate(['status', '--state', path.join(gate.dir, 'state')])).code, 0);
  });

  it('a worker that does not answer is told of, and obeys when it does', async () => {
    await start();
    const mine = await signIn(), open = await openAll(mine);
    const [worker] = gate.workers;
    process.kill(worker, 'SIGSTOP');
    const r = await revoke('all');
    process.kill(worker, 'SIGCONT');
    assert.equal(r.code, 1);
    assert.match(r.stderr, /1 of 1 worker did not do it\n.*no answer in time/s);
    await open.gone();
    open.close();
    assert.equal(await isIn(mine), false);
    await revoked('all');
  });

  it('status, reload and drain', async () => {
    await start();
    const at = ['--state', path.join(gate.dir, 'state')];
    const status = await tiergate(['status', ...at]);
    assert.equal(status.code, 0);
    assert.match(status.stdout, new RegExp(`^supervisor ${gate.pid}: running, generation 1, 6 hosts\nworker ${gate.workers[0]}: serving\n`));
    const load = /: serves, generation 1, (\d+) of \d+ connections, memory calm \(\d+ of \d+ MiB\), store open, lines of the log dropped: 0\n$/;
    const isOpen = (n) => until(`${n} open connections in the status`, async () => Number(load.exec((await tiergate(['status', ...at])).stdout)?.[1]) === n);
    await isOpen(0);
    const idle = [await gate.connect(), await gate.connect()];
    await isOpen(2);
    for (const c of idle) c.close();
    await isOpen(0);
    assert.deepEqual(await tiergate(['reload', ...at]), { code: 0, stdout: 'reload: ok, generation 2\n', stderr: '' });
    gate.write({ hosts: [] });
    const refused = await tiergate(['reload', ...at]);
    assert.equal(refused.code, 1);
    assert.match(refused.stderr, /refused, the running rules stay: generation 2/);
    assert.equal((await gate.request({ host: 'open.example.test', path: '/' })).status, 200);
    const all = [gate.pid, ...descendantsOf(gate.pid)];
    assert.equal((await tiergate(['drain', ...at])).code, 0);
    assert.equal((await within('the end', gate.exited, 30000)).code, 0);
    await sleep(20);
    assert.deepEqual(all.filter(isAlive), []);
    gate = undefined;
  });
});
