// Makes the n-th call of a kind fail inside tiergate's processes: the other half of tests/fault/, which is preloaded.
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { program } from './gate.mjs';

export const library = path.join(path.dirname(program), 'tests/fault/fault.so');

/** A reason to skip, or false. ThreadSanitizer wants to be the first who is asked for memory. */
export const missing = !fs.existsSync(library)
  ? `${library} is not built`
  : fs.readFileSync(program).includes('libtsan.so') && 'not under ThreadSanitizer';

// enum fault_class, fault_role, fault_mode; offsets of struct fault_page: tests/fault/fault.h.
const CLASSES = [
  'none', 'alloc', 'accept', 'recv', 'send', 'connect', 'socket', 'sockopt', 'epoll', 'wait', 'event', 'ssl', 'crypto', 'random', 'crypt',
  'regex', 'fd', 'file', 'thread', 'fork'
];
const ROLES = ['nobody', 'supervisor', 'loader', 'worker'];
const AT = { class: 0, role: 4, error: 8, mode: 12, nth: 16, seen: 24, hits: 32, live: 40, worker: 48, workers: 52, hash: 56, messages: 64, clock: 72, trace: 80 };
const SIZE = 4096;

const E = os.constants.errno;
export const END = 0;
export const SHORT = -1;

/** How each kind fails: errno, or one of the above. */
export const ERRORS = {
  alloc: ['ENOMEM'],
  accept: ['EMFILE', 'ECONNABORTED', 'ENOMEM', 'EINTR'],
  recv: ['ECONNRESET', 'ETIMEDOUT', 'END', 'EINTR'],
  send: ['EPIPE', 'ECONNRESET', 'ENOBUFS', 'EINTR'],
  connect: ['ECONNREFUSED', 'ENETUNREACH', 'EADDRNOTAVAIL'],
  socket: ['EMFILE', 'ENOBUFS'],
  sockopt: ['ENOBUFS', 'ENOTCONN'],
  epoll: ['ENOMEM', 'ENOSPC'],
  wait: ['EINTR'],
  event: ['ENOMEM'],
  ssl: ['ENOMEM'],
  crypto: ['ENOMEM'],
  random: ['EIO'],
  crypt: ['EINVAL'],
  regex: ['ENOMEM'],
  fd: ['EMFILE'],
  file: ['EIO'],
  thread: ['EAGAIN'],
  fork: ['EAGAIN']
};

const number = (error) => (error === 'END' ? END : error === 'SHORT' ? SHORT : E[error]);

export class Fault {
  constructor(dir) {
    this.file = path.join(dir, 'fault');
    fs.writeFileSync(this.file, Buffer.alloc(SIZE));
    fs.chmodSync(this.file, 0o666);
    this.fd = fs.openSync(this.file, 'r+');
  }
  /** For tiergate's own environment; it hands it on. */
  get env() {
    // The library must come before a sanitizer's, which by itself would insist on being first.
    const sanitizer = [process.env.ASAN_OPTIONS, 'verify_asan_link_order=0'].filter(Boolean).join(':');
    return { LD_PRELOAD: library, TIERGATE_FAULT: this.file, ASAN_OPTIONS: sanitizer };
  }
  close() {
    fs.closeSync(this.fd);
  }

  read(at, n) {
    const b = Buffer.alloc(n);
    fs.readSync(this.fd, b, 0, n, at);
    return b;
  }
  write(at, buffer) {
    fs.writeSync(this.fd, buffer, 0, buffer.length, at);
  }
  u32(at, v) {
    const b = Buffer.alloc(4);
    b.writeUInt32LE(v);
    this.write(at, b);
  }

  /** The nth call of kind `what` in `role` fails with `error`, or all from the nth on. nth 0: only counts. */
  arm({ what, nth, role = 'worker', error = ERRORS[what][0], lasting = false }) {
    this.u32(AT.class, 0);
    const b = Buffer.alloc(AT.live - AT.role);
    b.writeUInt32LE(ROLES.indexOf(role), 0);
    b.writeInt32LE(number(error), AT.error - AT.role);
    b.writeUInt32LE(lasting ? 1 : 0, AT.mode - AT.role);
    b.writeBigUInt64LE(BigInt(nth), AT.nth - AT.role);
    this.write(AT.role, b); // seen and hits begin at 0
    this.write(AT.trace, Buffer.alloc(1));
    this.u32(AT.class, CLASSES.indexOf(what));
  }
  disarm() {
    this.u32(AT.class, 0);
  }
  /** What the processes take for the time of day is so many seconds later than it is. */
  setClock(seconds) {
    const b = Buffer.alloc(8);
    b.writeBigInt64LE(BigInt(Math.round(seconds)));
    this.write(AT.clock, b);
  }
  get seen() {
    return Number(this.read(AT.seen, 8).readBigUInt64LE());
  }
  get hits() {
    return Number(this.read(AT.hits, 8).readBigUInt64LE());
  }
  /** Blocks of memory that the worker holds. */
  get live() {
    return Number(this.read(AT.live, 8).readBigInt64LE());
  }
  get worker() {
    return this.read(AT.worker, 4).readUInt32LE();
  }
  get workers() {
    return this.read(AT.workers, 4).readUInt32LE();
  }
  /** Of all that the last loader sent. */
  get hash() {
    return this.read(AT.hash, 8).toString('hex');
  }
  /** Where the first call that failed was made, the caller first. */
  get trace() {
    const b = this.read(AT.trace, SIZE - AT.trace);
    return b.toString('latin1', 0, b.indexOf(0)).trim().split('\n').filter(Boolean);
  }
  /** The same with the names of our own functions. */
  get place() {
    const own = this.trace.filter((l) => l.startsWith('tiergate+') || l.startsWith('exe+')).map((l) => l.split('+')[1]);
    if (own.length === 0) return this.trace.slice(0, 6).join(' < ');
    try {
      const text = execFileSync('addr2line', ['-fs', '-e', program, ...own.slice(0, 10)], { encoding: 'utf8' });
      const lines = text.trim().split('\n');
      return lines.filter((_, i) => i % 2 === 0).map((name, i) => `${name} (${lines[2 * i + 1]})`).join(' < ');
    } catch {
      return own.join(' < ');
    }
  }
}
