// Processes beside a test, so that what they do costs it nothing.
import { execFileSync, fork } from 'node:child_process';
import os from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { within } from '../harness/wait.mjs';

const here = path.dirname(fileURLToPath(import.meta.url));

/** A process that does what it is told. */
export class Helper {
  static async start(file, { nice = 0, cpu } = {}) {
    const h = new Helper();
    h.child = fork(path.join(here, file), { stdio: ['ignore', 'ignore', 'inherit', 'ipc'] });
    h.child.on('message', (m) => (m.failed ? h.failed(new Error(m.failed)) : h.done(m.done)));
    if (nice) os.setPriority(h.child.pid, nice);
    if (cpu !== undefined) pin(h.child.pid, cpu);
    return h;
  }
  tell(what, more = {}, ms = 120000) {
    const said = new Promise((done, failed) => Object.assign(this, { done, failed }));
    this.child.send({ do: what, ...more });
    return within(`${what} to be done`, said, ms);
  }
  close() {
    this.child.disconnect();
    return new Promise((r) => this.child.once('exit', r));
  }
}

/** All threads of a process, to one processor. */
export function pin(pid, cpu) {
  if (os.availableParallelism() > 1) execFileSync('taskset', ['-a', '-c', '-p', String(cpu), String(pid)]);
}
