// Five thousand connections that only pretend, of each of the four kinds that slowhttptest knows, on the memory of the smallest machine;
// beside them somebody signed in works on, a stranger looks in, and a neighbour from another address. All the rest comes from one address, so its
// limit is raised.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import fs from 'node:fs';
import { fileURLToPath } from 'node:url';
import { after, before, describe, it } from 'node:test';
import { PASSWORD, siteRules, secrets } from '../harness/site.mjs';
import { Gate } from '../harness/gate.mjs';
import { memoryIsReal } from '../harness/proc.mjs';
import { endAll, sleep, within } from '../harness/wait.mjs';
import { basic, requestBytes } from '../harness/wire.mjs';

const CONNECTIONS = 5000;
const SECONDS = 40;
const P99_MS = 1000;
const MEMORY_KIB = 256 * 1024;
const app = 'app.example.test';
const open = 'open.example.test';
const attacked = 'localhost'; // slowhttptest resolves the name that it asks for

const attacks = [
  { name: 'heads that never end (-H)', args: ['-H', '-i', '10', '-x', '24'], path: '/small' },
  { name: 'bodies that never end (-B)', args: ['-B', '-i', '10', '-s', '8192', '-t', 'POST'], path: '/post' },
  { name: 'ranges without number (-R)', args: ['-R', '-a', '1', '-b', '3000'], path: '/small' },
  { name: 'readers that do not read (-X)', args: ['-X', '-w', '512', '-y', '1024', '-n', '5', '-z', '32', '-k', '3'], path: '/big', placesOfAddress: true }
];

const status = (pid, field) => Number(new RegExp(`${field}:\\s+(\\d+)`).exec(fs.readFileSync(`/proc/${pid}/status`, 'latin1'))?.[1]);
const p99 = (times) => times.toSorted((a, b) => a - b)[Math.floor(times.length * 0.99)];
const has = (program) => (process.env.PATH ?? '').split(':').some((d) => fs.existsSync(`${d}/${program}`));

describe('slowhttptest', { skip: !has('slowhttptest') && 'slowhttptest is not installed', concurrency: false }, () => {
  let origin, gate, cookie;
  before(async () => {
    const child = spawn(process.execPath, [fileURLToPath(new URL('../harness/plain-origin.mjs', import.meta.url))], { stdio: ['pipe', 'pipe', 'inherit'] });
    const port = await within('the origin', new Promise((r) => child.stdout.once('data', (d) => r(Number(d)))));
    origin = { url: `http://127.0.0.1:${port}`, close: () => child.kill() };
  });
  after(() => origin?.close());

  const start = async () => {
    gate = await Gate.start({
      env: secrets,
      names: ['example.test', '*.example.test', '*.app.example.test', '*.other.example.test', attacked],
      rules: siteRules(origin.url, {
        hosts: [{ host: attacked, origin: 'web', public: true, rules: [{ path: '/*', action: 'bypass' }] }],
        // Half of what a machine of 256 MB has.
        limits: { memory: '112MiB', connections: 15000, connections_per_address: 15000 }
      })
    });
    const r = await gate.request({ host: app, path: '/small', headers: { Authorization: basic('beta', PASSWORD) } });
    cookie = r.get('set-cookie').split(';')[0];
  };

  const attack = ({ args, path }) => {
    const all = [...args, '-c', String(CONNECTIONS), '-r', '1000', '-l', String(SECONDS), '-p', '5', '-v', '1', '-u', `https://${attacked}:${gate.port}${path}`];
    const child = spawn('slowhttptest', all, { stdio: ['ignore', 'pipe', 'pipe'] });
    let said = '';
    for (const s of [child.stdout, child.stderr]) s.on('data', (d) => (said = (said + d).slice(-4000)));
    return { child, ended: new Promise((r) => child.once('close', () => r(said))) };
  };

  /** Asks again and again until `over`; {times, statuses}. */
  const client = async (over, ask) => {
    const seen = { times: [], statuses: {} };
    while (!over()) {
      const began = performance.now();
      const s = await ask().then((r) => r.status, (e) => e.code ?? e.message);
      seen.times.push(performance.now() - began);
      seen.statuses[s] = (seen.statuses[s] ?? 0) + 1;
      await sleep(20);
    }
    return seen;
  };

  for (const one of attacks) {
    it(one.name, { timeout: (SECONDS + 60) * 1000 }, async () => {
      await start();
      try {
        const worker = gate.workers[0];
        const kept = await gate.connect({ host: app });
        const fields = { headers: { Cookie: cookie } };
        const until = Date.now() + 3000;
        const calm = await client(() => Date.now() > until, () => gate.request({ host: app, path: '/small', ...fields, ms: 5000 }));
        const { child, ended } = attack(one);
        let over = false, most = 0, conns = 0;
        ended.then(() => (over = true));
        const watch = setInterval(() => {
          most = Math.max(most, status(worker, 'VmRSS'));
          conns = Math.max(conns, fs.readdirSync(`/proc/${worker}/fd`).length);
        }, 500);
        const [held, fresh, stranger, neighbour, health] = await Promise.all([
          client(() => over, async () => {
            await kept.send(requestBytes({ host: gate.authority(app), path: '/small', ...fields }));
            return kept.response({ ms: 5000 });
          }),
          client(() => over, () => gate.request({ host: app, path: '/small', ...fields, ms: 5000 })),
          client(() => over, () => gate.request({ host: open, path: '/small', ms: 5000 })),
          client(() => over, async () => {
            const wire = await gate.connect({ host: open, localAddress: '127.0.0.2', ms: 5000 });
            await wire.send(requestBytes({ host: gate.authority(open), path: '/small' }));
            return wire.response({ ms: 5000 }).finally(() => wire.close());
          }),
          client(() => over, () => gate.request({ host: app, path: '/.tiergate/health', ms: 5000 }))
        ]);
        clearInterval(watch);
        const said = (await ended).replace(/\x1b\[[0-9;]*m/g, '');
        child.kill();
        kept.close();
        const hwm = status(worker, 'VmHWM');
        const levels = gate.lines().filter((l) => l.event === 'memory').map((l) => l.level);
        const figures = Object.entries({ calm, held, fresh, stranger, neighbour, health }).map(([n, c]) => `${n}: ${c.times.length} requests, p99 ${p99(c.times)?.toFixed(0)} ms, ${JSON.stringify(c.statuses)}`);
        console.log([one.name, ...figures, `memory ${(hwm / 1024).toFixed(0)} MiB, descriptors ${conns}, levels ${levels.join(' ') || 'calm'}`, said.split('\n').filter((l) => /closed|connected|error/.test(l)).slice(-3).join(', ')].join('\n  '));
        for (const [name, c] of Object.entries({ held, fresh, health })) {
          assert.deepEqual(Object.keys(c.statuses), ['200'], `${name}: ${JSON.stringify(c.statuses)}`);
          // A machine that is busy with others before anybody attacks says nothing of who attacks.
          assert.ok(p99(c.times) < P99_MS || p99(calm.times) > P99_MS / 5, `${name}: p99 ${p99(c.times)} ms`);
        }
        for (const c of [stranger, neighbour])
          assert.deepEqual(Object.keys(c.statuses).filter((k) => k !== '200' && k !== '503'), [], 'a stranger is served or asked to come again');
        if (one.placesOfAddress) assert.ok(neighbour.statuses['200'] > neighbour.times.length * 0.95, JSON.stringify(neighbour.statuses));
        assert.ok(hwm < MEMORY_KIB || !memoryIsReal, `${hwm} KiB`);
      } finally {
        await endAll(gate);
      }
    });
  }
});
