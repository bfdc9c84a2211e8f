// The worker is held by the kernel, and a reload that needs more than it may do still just works.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import http from 'node:http';
import os from 'node:os';
import path from 'node:path';
import { after, afterEach, before, describe, it } from 'node:test';
import { authority } from '../harness/certs.mjs';
import { Gate } from '../harness/gate.mjs';
import { WebSocket, WebSocketServer } from '../harness/lib.mjs';
import { isAlive } from '../harness/proc.mjs';
import { PASSWORD, secrets, siteRules } from '../harness/site.mjs';
import { endAll, sleep, until, within } from '../harness/wait.mjs';
import { basic, requestBytes } from '../harness/wire.mjs';

const lookup = (_, o, done) => (o.all ? done(null, [{ address: '127.0.0.1', family: 4 }]) : done(null, '127.0.0.1', 4));
const login = { Authorization: basic('beta', PASSWORD) };
const gammaLogin = { Authorization: basic('gamma', secrets.OTHER_PASSWORD) };
process.setMaxListeners(30); // each gate cleans up after itself

/** Answers with its name; /slow begins an answer and ends it when told; speaks WebSocket. */
async function namedOrigin(name) {
  const slow = [];
  const server = http.createServer((req, res) => {
    if (req.url !== '/slow') return res.end(name);
    res.write('begun');
    slow.push(() => res.end('-ended'));
  });
  const wss = new WebSocketServer({ server });
  wss.on('connection', (ws) => ws.on('message', (d) => ws.send(d)));
  await new Promise((r) => server.listen(0, '127.0.0.1', r));
  return {
    url: `http://127.0.0.1:${server.address().port}`,
    endSlow: () => slow.splice(0).forEach((end) => end()),
    close: async () => {
      server.closeAllConnections();
      server.close();
    }
  };
}

const tasks = (pid) => fs.readdirSync(`/proc/${pid}/task`).map((t) => fs.readFileSync(`/proc/${pid}/task/${t}/status`, 'utf8'));
const field = (status, name) => new RegExp(`^${name}:\\s*(\\S+)`, 'm').exec(status)?.[1];

describe('the sandbox', () => {
  let gate, origins, left;
  /** Rules with `first` behind all hosts and `second`, when there is one, behind new.example.test. */
  const rules = (change = (r) => r, second) => change(siteRules(origins[0].url, {
    gates: {
      app: {
        basic: { realm: 'app', users: { beta: 'env:APP_PASSWORD', gamma: 'env:OTHER_PASSWORD' } },
        session: { domain: 'app.example.test' }
      }
    },
    origins: second ? { second: { url: second.url } } : {},
    hosts: second ? [{ host: 'new.example.test', origin: 'second', public: true, rules: [{ path: '/*', action: 'bypass' }] }] : [],
    limits: { drain_timeout: '8s', tunnel_grace: '1s' }
  }));
  const start = async (options) => (gate = await Gate.start({ rules: rules(), env: secrets, ...options }));
  const open = (host, headers = {}) => {
    const ws = new WebSocket(`wss://${host}:${gate.port}/doc`, { headers, ca: authority().pem, servername: host, lookup });
    ws.on('error', () => {});
    ws.over = new Promise((r) => ws.once('close', (code) => r(code)));
    return within('open', new Promise((r, no) => { ws.once('open', () => r(ws)); ws.once('error', no); }));
  };
  const get = (host, more = {}) => gate.request({ host, path: '/', ...more });
  const handsOver = /another worker takes over/;
  const cannot = () => (/kernel has no Landlock/.test(gate.stderr) ? 'this kernel limits no ports' : undefined);

  before(async () => {
    origins = await Promise.all(['first', 'second', 'third', 'fourth', 'fifth', 'sixth', 'seventh'].map(namedOrigin));
  });
  after(() => endAll(...origins));
  afterEach(async () => {
    left = gate;
    gate = undefined;
    await endAll(left);
  });

  it('holds every thread of the worker', async (t) => {
    await start({ threads: 3 });
    await get('open.example.test');
    if (/kernel has no seccomp/.test(gate.stderr)) return t.skip('this kernel has no seccomp');
    const all = tasks(gate.workers[0]), ours = fs.readFileSync('/proc/self/status', 'utf8');
    assert.ok(all.length >= 6, `${all.length} threads: control, log, hash and three loops`);
    for (const status of all) {
      const what = Object.fromEntries(['NoNewPrivs', 'Seccomp', 'CapEff'].map((f) => [f, field(status, f)]));
      assert.deepEqual(what, { NoNewPrivs: '1', Seccomp: '2', CapEff: '0000000000000000' }, field(status, 'Name'));
      assert.ok(Number(field(status, 'Seccomp_filters')) > Number(field(ours, 'Seccomp_filters')));
    }
  });

  it('says nothing when all is well, and is off only loudly', async () => {
    await start();
    assert.doesNotMatch(gate.stderr, /--sandbox/);
    await gate.stop();
    await start({ args: ['--sandbox', 'off'] });
    assert.match(gate.stderr, /warning: --sandbox off/);
    const ours = fs.readFileSync('/proc/self/status', 'utf8');
    for (const status of tasks(gate.workers[0])) assert.equal(field(status, 'Seccomp'), field(ours, 'Seccomp'));
    const [worker] = gate.workers;
    assert.doesNotMatch(await gate.reload(rules(undefined, origins[1]), /reload: ok/), handsOver);
    assert.deepEqual(gate.workers, [worker]);
    assert.equal((await get('new.example.test')).text, 'second');
  });

  it('a reload within it keeps its worker', async () => {
    await start();
    const [worker] = gate.workers;
    assert.doesNotMatch(await gate.reload(rules((r) => { r.tier = 'renamed'; return r; }), /reload: ok/), handsOver);
    assert.deepEqual(gate.workers, [worker]);
  });

  it('a new origin port: nobody is refused, answers end, WebSockets are told 1012', async (t) => {
    await start();
    if (cannot()) return t.skip(cannot());
    const [old] = gate.workers;
    const load = { stop: false, good: 0, bad: [] };
    load.done = (async () => {
      while (!load.stop) {
        const r = await get('open.example.test', { ms: 20000 }).catch((e) => ({ status: e.code ?? e.message }));
        r.status === 200 ? load.good++ : load.bad.push(r.status);
      }
    })();
    const ws = await open('app.example.test', login);
    const wire = await gate.connect({ host: 'open.example.test' });
    await wire.send(requestBytes({ host: 'open.example.test', path: '/slow' }));
    await until('the answer to begin', () => wire.bytes.includes('begun'));
    const idle = await gate.connect({ host: 'open.example.test' });
    await until('some good ones', () => load.good > 3);
    assert.match(await gate.reload(rules(undefined, origins[1]), /reload: ok/), handsOver);
    assert.equal((await get('new.example.test')).text, 'second');
    assert.equal((await get('app.example.test', { headers: login })).status, 200);
    await idle.send(requestBytes({ host: 'open.example.test', path: '/' }));
    assert.equal((await idle.response()).text, 'first', 'a connection whose first request was still to come');
    assert.equal(await within('the WebSocket to be told', ws.over, 8000), 1012);
    origins[0].endSlow();
    assert.equal((await wire.response()).text, 'begun-ended');
    await until('the old worker to end', () => !isAlive(old), 10000);
    assert.equal(gate.workers.length, 1);
    load.stop = true;
    await load.done;
    assert.deepEqual(load.bad, []);
  });

  it('a new port and a user who is gone: that access ends everywhere at once', async (t) => {
    await start();
    if (cannot()) return t.skip(cannot());
    const mine = await open('app.example.test', login), theirs = await open('app.example.test', gammaLogin);
    const cookie = (await get('app.example.test', { headers: login })).get('set-cookie').split(';')[0];
    const wire = await gate.connect({ host: 'app.example.test' });
    await wire.send(requestBytes({ host: 'app.example.test', path: '/slow', headers: login }));
    await until('the answer to begin', () => wire.bytes.includes('begun'));
    const kept = await gate.connect({ host: 'app.example.test' });
    const without = (r) => { delete r.gates.app.basic.users.beta; return r; };
    assert.match(await gate.reload(rules(without, origins[1]), /reload: ok/), handsOver);
    assert.equal((await get('app.example.test', { headers: { Cookie: cookie } })).status, 401);
    assert.equal((await get('app.example.test', { headers: login })).status, 401);
    await kept.send(requestBytes({ host: 'app.example.test', path: '/', headers: { Cookie: cookie } }));
    assert.equal((await kept.response()).status, 401, 'on a connection of the old worker, too');
    assert.equal(await within('mine to end', mine.over, 3000), 4401);
    await within('the answer to be cut', wire.rest(), 3000).catch((e) => assert.match(String(e), /ECONNRESET|reset|closed/i));
    assert.ok(!wire.bytes.includes('-ended'));
    assert.equal((await get('app.example.test', { headers: gammaLogin })).status, 200);
    assert.equal(await within('theirs to be told', theirs.over, 8000), 1012);
  });

  it('those who part take later rules, too', async (t) => {
    await start({ rules: rules((r) => { r.limits.tunnel_grace = '20s'; r.limits.drain_timeout = '25s'; return r; }) });
    if (cannot()) return t.skip(cannot());
    const patient = (change) => (r) => { r.limits.tunnel_grace = '20s'; r.limits.drain_timeout = '25s'; return change(r); };
    const mine = await open('app.example.test', login), theirs = await open('app.example.test', gammaLogin);
    const [old] = gate.workers;
    await gate.reload(rules(patient((r) => r), origins[1]), /reload: ok/);
    assert.equal(gate.workers.length, 2);
    const without = patient((r) => { delete r.gates.app.basic.users.beta; return r; });
    assert.doesNotMatch(await gate.reload(rules(without, origins[1]), /reload: ok/), handsOver);
    assert.equal(await within('mine to end', mine.over, 3000), 4401);
    assert.ok(isAlive(old), 'it still has the other one');
    const echoed = new Promise((r) => theirs.once('message', (d) => r(d.toString())));
    theirs.send('still here');
    assert.equal(await within('the echo', echoed), 'still here');
    theirs.terminate();
    await until('the old worker to end', () => !isAlive(old), 8000);
  });

  it('no more than four part at a time: the oldest ends', async (t) => {
    const patient = (r) => { r.limits.tunnel_grace = '50s'; r.limits.drain_timeout = '55s'; return r; };
    await start({ rules: rules(patient) });
    if (cannot()) return t.skip(cannot());
    const sockets = [];
    for (const next of origins.slice(1)) {
      sockets.push(await open('open.example.test'));
      await gate.reload(rules(patient, next), /reload: ok/);
      assert.ok(gate.workers.length <= 5, String(gate.workers.length));
    }
    await within('the first ones to be cut', Promise.all(sockets.slice(0, 2).map((s) => s.over)), 8000);
    assert.equal(sockets[2].readyState, WebSocket.OPEN);
    sockets.forEach((s) => s.terminate());
    await until('the last to be alone', () => gate.workers.length === 1, 10000);
  });

  it('new rules that fail leave the old worker alone', async (t) => {
    await start();
    if (cannot()) return t.skip(cannot());
    const [worker] = gate.workers;
    await gate.reload(rules((r) => { r.hosts[0].origin = 'nowhere'; return r; }, origins[1]), /reload: refused/);
    assert.deepEqual(gate.workers, [worker]);
    assert.equal((await get('open.example.test')).status, 200);
  });

  it('files of the system that were replaced are read by another worker', async (t) => {
    const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'tiergate-sandbox-'));
    fs.chmodSync(folder, 0o755);
    const bundle = path.join(folder, 'bundle.pem');
    fs.writeFileSync(bundle, authority().pem);
    const withTls = (r) => { r.origins.secure = { url: origins[0].url.replace('http:', 'https:') }; return r; };
    await start({ rules: rules(withTls), env: { ...secrets, SSL_CERT_FILE: bundle } });
    t.after(() => fs.rmSync(folder, { recursive: true }));
    if (cannot()) return t.skip(cannot());
    assert.doesNotMatch(await gate.reload(rules(withTls), /reload: ok/), handsOver);
    fs.writeFileSync(`${bundle}.new`, authority().pem);
    fs.renameSync(`${bundle}.new`, bundle);
    assert.match(await gate.reload(rules(withTls), /reload: (ok|refused)/), handsOver);
    assert.match(gate.stderr, /reload: ok, generation 3/);
    await sleep(50);
    assert.equal((await get('open.example.test')).status, 200);
  });

  it('SIGTERM drains those who part as well', async (t) => {
    await start();
    if (cannot()) return t.skip(cannot());
    const ws = await open('open.example.test');
    await gate.reload(rules(undefined, origins[1]), /reload: ok/);
    assert.equal(gate.workers.length, 2);
    gate.process.kill('SIGTERM');
    assert.equal(await within('the WebSocket to be told', ws.over, 8000), 1012);
    assert.equal((await within('the end', gate.exited, 15000)).code, 0);
    gate = undefined;
  });
});
