// Many short connections at once: bytes out, whole or in two pieces, and all that comes back until the peer ends.
import net from 'node:net';
import { sleep } from './wait.mjs';

/** Between two pieces: long enough that the first is read before the second comes, nearly always. */
const GAP_MS = 3;

class Shot {
  constructor(shot, port, ms) {
    this.shot = shot;
    this.seen = [];
    this.socket = net.connect({ port, host: '127.0.0.1', allowHalfOpen: true, noDelay: true });
    this.socket.on('data', (d) => this.seen.push(d));
    this.done = new Promise((resolve) => {
      const end = (how) => () => {
        clearTimeout(timer);
        // Reset, not closed: many thousands of closed ones would use up all ports.
        this.socket.resetAndDestroy();
        resolve({ text: Buffer.concat(this.seen).toString('latin1'), how });
      };
      const timer = setTimeout(end('silence'), ms);
      this.socket.once('end', end('end'));
      this.socket.once('error', end('reset'));
    });
  }

  async send({ bytes, cut, finish }) {
    await new Promise((r) => this.socket.once('connect', r).once('error', r));
    if (cut > 0) {
      this.socket.write(bytes.subarray(0, cut));
      await sleep(GAP_MS);
    }
    this.socket.write(cut > 0 ? bytes.subarray(cut) : bytes);
    if (finish) this.socket.end();
  }
}

/**
 * Each shot is {bytes, cut, finish}; cut: where the second piece begins, finish: half-close behind the bytes.
 * `told(shot, {text, how})` is called with what came back and how it ended: end, reset, or silence for `ms`.
 */
export async function volley(shots, { port, told, width = 128, ms = 20000 }) {
  const todo = shots[Symbol.iterator]();
  let count = 0;
  const worker = async () => {
    for (let next = todo.next(); !next.done; next = todo.next()) {
      const shot = next.value;
      const one = new Shot(shot, port, ms);
      await one.send(shot);
      told(shot, await one.done);
      count++;
    }
  };
  await Promise.all(Array.from({ length: width }, worker));
  return count;
}
