// Descriptors run out: nobody spins, who is in is served, who comes is refused, and it is over when it is over.
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import fs from 'node:fs';
import net from 'node:net';
import { afterEach, describe, it } from 'node:test';
import { promisify } from 'node:util';
import { startDns } from '../harness/dns.mjs';
import { answer, pathOrigin } from '../harness/origins.mjs';
import { cpuSeconds, hidesFiles, openFiles } from '../harness/proc.mjs';
import { startSite } from '../harness/site.mjs';
import { endAll, sleep, until } from '../harness/wait.mjs';
import { requestBytes } from '../harness/wire.mjs';

const host = 'open.example.test', second = 'second.example.test', third = 'third.example.test', named = 'named.example.test';
const run = promisify(execFile);
const STORM = 3000;

/** Sockets that say nothing; those that are closed by the gate stay closed. */
class Storm {
  constructor(port) {
    this.port = port;
    this.sockets = [];
    this.closed = 0;
  }
  async open(n) {
    for (let i = 0; i < n; i++) {
      const s = net.connect({ port: this.port, host: '127.0.0.1', localAddress: `127.0.0.${2 + (i % 50)}` });
      s.on('error', () => {});
      s.on('data', () => {});
      s.once('close', () => this.closed++);
      this.sockets.push(s);
      if (i % 100 === 99) await sleep(5);
    }
  }
  stop() {
    for (const s of this.sockets) s.destroy();
  }
}

/** Takes descriptors away from a process that runs, as its own user; resolves with what went wrong. */
async function lowerLimit(pid, n) {
  const status = fs.readFileSync(`/proc/${pid}/status`, 'latin1');
  const [uid, gid] = [/^Uid:\s+(\d+)/m, /^Gid:\s+(\d+)/m].map((id) => Number(id.exec(status)[1]));
  return run('prlimit', ['--pid', String(pid), `--nofile=${n}:`], { uid, gid }).then(() => undefined, (e) => e.message);
}

describe('descriptors', () => {
  let site, storm, more = [];
  afterEach(async () => {
    storm?.stop();
    const left = [site, ...more];
    site = storm = undefined;
    more = [];
    await endAll(...left);
  });

  /** Two more origins; what asks for /busy waits for `release`. */
  let release;
  const start = async (gate) => {
    const released = new Promise((r) => (release = r));
    const handlers = {
      '*': (wire) => wire.send(answer('ok')),
      '/busy': async (wire) => {
        await released;
        await wire.send(answer('late'));
      }
    };
    more = [await pathOrigin(handlers), await pathOrigin(handlers), await startDns({ 'named.origin.test': ['127.0.0.1'] })];
    const open = [{ path: '/*', action: 'bypass' }];
    site = await startSite({
      more: {
        limits: { handshake_timeout: '60s', keepalive_timeout: '60s' },
        origins: { second: { url: more[0].url }, third: { url: more[1].url }, named: { url: `http://named.origin.test:${more[1].port}` } },
        hosts: [second, third, named].map((h) => ({ host: h, origin: h.split('.')[0], public: true, rules: open }))
      },
      gate: { threads: 1, args: ['--resolver', more[2].server], ...gate }
    });
    return site.gate;
  };
  const ask = async (wire, at, path = '/old') => {
    await wire.send(requestBytes({ host: at, path }));
    return wire.response();
  };
  /** A share of one CPU, over some seconds of doing nothing. */
  const idleLoad = async (pid, seconds = 3) => {
    const before = cpuSeconds(pid);
    await sleep(seconds * 1000);
    return (cpuSeconds(pid) - before) / seconds;
  };
  const recovers = async (gate) => {
    const began = Date.now();
    await until('room again', async () => (await gate.request({ host, ms: 3000 }).catch(() => undefined))?.status === 200, 20000);
    return Date.now() - began;
  };

  it('64 descriptors: a storm is refused at the door, and leaves no request without an origin', async (t) => {
    const gate = await start({ under: ['prlimit', '--nofile=64'] });
    assert.match(gate.stderr, /warning: 64 descriptors \(ulimit -n, LimitNOFILE\) hold 11 client connections .* limits\.connections \(10000\) would need 32026/);
    const good = await gate.connect({ host });
    assert.equal((await ask(good, host)).status, 200);
    const [worker] = gate.workers;
    storm = new Storm(gate.port);
    await storm.open(STORM);
    await until('all but a few to be refused', () => storm.closed >= STORM - 11, 20000);
    assert.ok(storm.closed < STORM, 'some have a place');
    // To origins that no connection waits for yet: each needs descriptors of its own.
    for (const at of [host, second, third]) assert.equal((await ask(good, at)).status, 200, at);
    const load = await idleLoad(worker);
    assert.ok(load < 0.05, `${load * 100} % of a CPU`);
    await gate.reload(undefined, /reload: ok/);
    assert.equal(gate.stderr.match(/warning: 64 descriptors/g).length, 1, 'a reload that changes nothing of it does not say it again');
    assert.equal((await ask(good, second)).status, 200);
    storm.stop();
    const took = await recovers(gate);
    t.diagnostic(`idle and full: ${(load * 100).toFixed(1)} % of a CPU; room again after ${took} ms`);
    assert.deepEqual(gate.workers, [worker], gate.stderr);
    good.close();
  });

  it('none left at all: the worker rests, what waits in pools gives way, the rest is 503, and then it goes on', async (t) => {
    const gate = await start({});
    const [worker] = gate.workers;
    const hidden = hidesFiles(worker);
    if (hidden) return t.skip(hidden);
    const good = await gate.connect({ host }), other = await gate.connect({ host });
    assert.equal((await ask(good, host)).status, 200);
    assert.equal((await ask(other, host)).status, 200);
    const told = await lowerLimit(worker, openFiles(worker) + 20);
    if (told) return t.skip(told);
    storm = new Storm(gate.port);
    await storm.open(STORM);
    await sleep(500);
    const closed = storm.closed;
    const load = await idleLoad(worker);
    assert.ok(load < 0.05, `${load * 100} % of a CPU`);
    // Few are turned away, one at a time; the others wait in the kernel's queue.
    assert.ok(storm.closed > closed && storm.closed < STORM / 2, `${closed}, then ${storm.closed}`);
    // The connection that waits for its origin gives way to one that somebody waits for …
    assert.equal((await ask(good, second)).status, 200);
    // … and when all are in use, the answer says so at once.
    const late = ask(good, second, '/busy');
    await until('the origin to be asked', () => more[0].requests.some((r) => r.target === '/busy'));
    const refused = await ask(other, third);
    assert.deepEqual([refused.status, refused.get('tiergate')], [503, 'out-of-descriptors']);
    // A question to a name server needs one too.
    const before = cpuSeconds(worker);
    const unnamed = await ask(other, named);
    assert.deepEqual([unnamed.status, unnamed.get('tiergate')], [502, 'origin-dns']);
    assert.ok(cpuSeconds(worker) - before < 0.2, 'it does not spin');
    release();
    assert.equal((await late).text, 'late');
    assert.equal((await ask(other, third)).status, 200);
    storm.stop();
    const took = await recovers(gate);
    t.diagnostic(`idle and full: ${(load * 100).toFixed(1)} % of a CPU; room again after ${took} ms`);
    assert.deepEqual(gate.workers, [worker], gate.stderr);
    await until('the name', async () => (await ask(other, named)).status === 200);
    good.close();
    other.close();
  });
});
