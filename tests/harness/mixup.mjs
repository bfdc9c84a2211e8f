// tests/mixup around a gate: clients and faulty origins that hold what each side sees against what the other one did.
import { spawn } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import readline from 'node:readline';
import { authority } from './certs.mjs';
import { Gate, program } from './gate.mjs';
import { freePort } from './ports.mjs';
import { endAll } from './wait.mjs';

const tool = path.join(path.dirname(program), 'tests/mixup/mixup');

/** One host of each group; its origin has less time than late answers take. `more`: further top keys. */
function rulesFor(groups, { port, plainPort, more }) {
  const url = (g) => `${g.tls ? 'https://localhost' : 'http://127.0.0.1'}:${g.port}`;
  const origin = (g) => [g.host, { url: url(g), first_byte_timeout: '10s', ...(g.tls ? { tls: { ca: authority().certFile } } : {}) }];
  const site = (g) => ({
    host: g.host, origin: g.host,
    ...(g.gated ? { gate: 'team', rules: [{ path: '/*', action: 'allow' }] } : { public: true, rules: [{ path: '/*', action: 'bypass' }] })
  });
  return {
    listen: [{ address: `127.0.0.1:${port}` }, { address: `127.0.0.1:${plainPort}`, plain: true }],
    client_address: { trusted_proxies: ['127.0.0.1'], header: 'Fly-Client-IP' },
    gates: { team: { basic: { realm: 'team', users: Object.fromEntries([0, 1, 2, 3].map((n) => [`u${n}`, 'env:MIXUP_PASSWORD'])) } } },
    origins: Object.fromEntries(groups.map(origin)),
    hosts: groups.map(site),
    limits: { drain_timeout: '1s' },
    log: { to: 'none' },
    ...more
  };
}

/** Each kind of fault and of client that has not come up. */
export const never = (r) => [...Object.entries(r.faults), ...Object.entries(r.clients)].filter(([, n]) => n === 0).map(([name]) => name);

/** The report in one line. */
export const figures = (r) => JSON.stringify({ ...r, told: undefined, stderr: undefined });

/** Starts the tool, a gate before its origins, runs; `during(gate, done, rules)` is told the share of requests that have ended, at each
 *  hundredth; `rules(more)` are the gate's, with further top keys. What comes back: the report, with what either said. */
export async function mixUp({ requests, seed, lanes = 4, lenient = false, during = () => {}, ms = 600000 }) {
  if (!fs.existsSync(tool)) throw new Error(`${tool} is not built: meson compile -C ${path.dirname(program)}`);
  const pair = authority().issue(['localhost']);
  const args = ['--requests', String(requests), '--seed', seed, '--lanes', String(lanes), '--cert', pair.cert, '--key', pair.key];
  const child = spawn(tool, lenient ? [...args, '--lenient'] : args, { stdio: ['pipe', 'pipe', 'pipe'] });
  const timer = setTimeout(() => child.kill('SIGKILL'), ms);
  const ended = new Promise((resolve) => child.once('close', (code, signal) => resolve(code ?? signal)));
  let told = '', report = '', gate, rules;
  child.stderr.on('data', (d) => (told += d));
  try {
    for await (const line of readline.createInterface({ input: child.stdout })) {
      if (!gate) {
        const port = await freePort(), plainPort = await freePort(), groups = JSON.parse(line);
        rules = (more) => rulesFor(groups, { port, plainPort, more });
        gate = await Gate.start({ port, names: ['example.test', '*.example.test'], env: { MIXUP_PASSWORD: 'mixup' }, rules: rules() });
        child.stdin.end(`${plainPort} ${port}\n`);
      } else if (report || line === '{') {
        report += `${line}\n`;
      } else {
        during(gate, JSON.parse(line).ended / requests, rules);
      }
    }
    const code = await ended;
    if (!report) throw new Error(`no report, ended with ${code} (seed ${seed})\n${told}`);
    return { ...JSON.parse(report), told, stderr: gate.stderr };
  } finally {
    clearTimeout(timer);
    child.kill('SIGKILL');
    await endAll(gate);
  }
}
