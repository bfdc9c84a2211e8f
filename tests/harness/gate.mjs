// A running tiergate with a folder of its own.
import { spawn, execFile } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { authority } from './certs.mjs';
import * as http2 from './http2.mjs';
import { freePort } from './ports.mjs';
import { childrenOf, descendantsOf, isAlive } from './proc.mjs';
import { sleep, until, within } from './wait.mjs';
import { connect, requestBytes } from './wire.mjs';

export const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '../..');
export const program = process.env.TIERGATE ?? path.join(root, 'build/tiergate');

const run = promisify(execFile);

/** A command that ends by itself: {code, stdout, stderr}. */
export async function tiergate(args, { env = {}, cwd, input } = {}) {
  const child = run(program, args, { env: { ...process.env, ...env }, cwd, maxBuffer: 1 << 24, timeout: 60000 });
  // A command that refuses its arguments does not wait for what it would have read.
  child.child.stdin.on('error', () => {});
  child.child.stdin.end(input ?? '');
  try {
    return { code: 0, ...(await child) };
  } catch (e) {
    return { code: e.code, stdout: e.stdout, stderr: e.stderr };
  }
}

const SANITIZER = /ERROR: (Address|Leak|Thread)Sanitizer|WARNING: ThreadSanitizer|runtime error:/;

export class Gate {
  static async start({ rules, names, port, env = {}, threads = 2, redirect = false, pairs = [], args = [], under = [], listenMore = [] } = {}) {
    const gate = new Gate();
    gate.dir = fs.mkdtempSync(path.join(os.tmpdir(), 'tiergate-flow-'));
    process.on('exit', () => fs.rmSync(gate.dir, { recursive: true, force: true }));
    // The worker may run as another user: it needs its way to the state folder, not to anything else.
    fs.chmodSync(gate.dir, 0o755);
    gate.port = port ?? (await freePort());
    gate.redirectPort = redirect ? await freePort() : undefined;
    gate.names = names ?? ['example.test', '*.example.test', '*.app.example.test', '*.other.example.test'];
    gate.pair = authority().issue(gate.names);
    gate.pairs = [gate.pair, ...pairs];
    gate.rulesFile = path.join(gate.dir, 'rules.json');
    gate.logFile = path.join(gate.dir, 'access.log');
    gate.listenMore = listenMore;
    gate.stderr = '';
    gate.stdout = '';
    gate.write(rules);
    const argv = ['serve', gate.rulesFile, '--state', path.join(gate.dir, 'state'), '--threads', String(threads), ...args];
    // `under`: a program that becomes tiergate, as prlimit does.
    const [first, ...rest] = [...under, program, ...argv];
    gate.process = spawn(first, rest, { env: { ...process.env, ...env }, stdio: ['ignore', 'pipe', 'pipe'] });
    gate.process.stdout.on('data', (d) => (gate.stdout += d));
    gate.process.stderr.on('data', (d) => (gate.stderr += d));
    gate.exited = new Promise((resolve) => {
      gate.process.once('close', (code, signal) => resolve({ code, signal }));
      gate.process.once('error', (e) => resolve({ code: e.message }));
    });
    gate.exited.then((how) => (gate.how = how));
    try {
      await gate.ready();
    } catch (e) {
      gate.process.kill('SIGKILL');
      throw new Error(`${e.message}\n${gate.stderr}`);
    }
    return gate;
  }

  get pid() {
    return this.process.pid;
  }
  /** The supervisor's children; the worker is the one that stays. */
  get workers() {
    return childrenOf(this.pid);
  }

  /** The whole rules: the test's, in front of this gate's listeners, certificate and log. */
  write(rules) {
    const listen = [{ address: `127.0.0.1:${this.port}` }, ...this.listenMore];
    if (this.redirectPort) listen.push({ address: `127.0.0.1:${this.redirectPort}`, redirect_to_https: true });
    const whole = typeof rules === 'string' ? rules : JSON.stringify({
      listen, certificates: this.pairs, log: { to: this.logFile }, ...rules
    }, null, 2);
    fs.writeFileSync(this.rulesFile, whole);
  }

  async ready() {
    await until('tiergate to answer', async () => {
      if (this.how) throw new Error(`tiergate ended with ${JSON.stringify(this.how)}`);
      try {
        const r = await this.request({ host: this.names[0], path: '/.tiergate/health', ms: 2000 });
        return r.status === 200;
      } catch {
        return false;
      }
    }, 20000, 50);
  }

  connect({ host = this.names[0], ...more } = {}) {
    return connect({ port: this.port, servername: host, ca: authority().pem, ...more });
  }

  /** What a browser's Host field says: the port is not 443 here. */
  authority(host) {
    return host === undefined || host.includes(':') ? host : `${host}:${this.port}`;
  }

  /** One request on a connection of its own. */
  async request({ host, ms = 10000, sni = host, ...what }) {
    if (http2.preferred && http2.canSay(what) && host !== undefined)
      return http2.request2({ port: this.port, servername: sni, ca: authority().pem, authority: this.authority(host), ms, ...what });
    const wire = await this.connect({ host: sni, ms });
    try {
      await wire.send(requestBytes({ host: this.authority(host), ...what, headers: { ...what.headers, Connection: 'close' } }));
      return await wire.response({ to: what.method, ms });
    } finally {
      wire.close();
    }
  }

  url(host, at = '/', scheme = 'https') {
    return `${scheme}://${host}:${this.port}${at}`;
  }

  /** What the log says until now; of a line that is still being written there is nothing. */
  lines() {
    if (!fs.existsSync(this.logFile)) return [];
    return fs.readFileSync(this.logFile, 'utf8').split('\n').slice(0, -1).map((l) => JSON.parse(l));
  }
  /** The first log line that fits; lines are written off the hot path, so it may take a moment. */
  line(fits, ms = 5000) {
    return until('a log line', () => this.lines().find(fits), ms);
  }

  /** Writes new rules and asks for them; `told` is what stderr must then say. */
  async reload(rules, told) {
    const before = this.stderr.length;
    if (rules !== undefined) this.write(rules);
    this.process.kill('SIGHUP');
    if (told) await until(`stderr to say ${told}`, () => told.test(this.stderr.slice(before)));
    return this.stderr.slice(before);
  }

  async kill() {
    const all = [this.pid, ...descendantsOf(this.pid)];
    for (const p of all) {
      try {
        process.kill(p, 'SIGKILL');
      } catch {
        // gone already
      }
    }
    await this.exited;
  }

  /** SIGTERM must end it with 0, leave no process behind, and no sanitizer may have spoken. */
  async stop({ signal = 'SIGTERM', ms = 20000 } = {}) {
    const all = [this.pid, ...descendantsOf(this.pid)];
    this.process.kill(signal);
    let how;
    try {
      how = await within('tiergate to end', this.exited, ms);
    } catch (e) {
      await this.kill();
      throw new Error(`${e.message}\n${this.stderr}`);
    }
    await sleep(20);
    const left = all.filter(isAlive);
    if (SANITIZER.test(this.stderr)) throw new Error(`a sanitizer spoke:\n${this.stderr}`);
    if (how.code !== 0) throw new Error(`tiergate ended with ${JSON.stringify(how)}\n${this.stderr}`);
    if (left.length) throw new Error(`left behind: ${left}`);
    return how;
  }
}
