// What the kernel says of processes.
import fs from 'node:fs';

function stat(pid) {
  try {
    const text = fs.readFileSync(`/proc/${pid}/stat`, 'latin1');
    const [state, parent] = text.slice(text.lastIndexOf(')') + 2).split(' ');
    return { state, parent: Number(parent) };
  } catch {
    return undefined;
  }
}

/** A zombie that nobody reaps is gone for our purposes. */
export function isAlive(pid) {
  const s = stat(pid);
  return s !== undefined && s.state !== 'Z';
}

export function childrenOf(pid) {
  return fs
    .readdirSync('/proc')
    .filter((n) => /^\d+$/.test(n))
    .map(Number)
    .filter((p) => stat(p)?.parent === pid && isAlive(p));
}

export function descendantsOf(pid) {
  return childrenOf(pid).flatMap((p) => [p, ...descendantsOf(p)]);
}

/** Sanitizers keep freed memory on purpose; resident memory says nothing then. */
export const memoryIsReal = !process.env.TIERGATE_SANITIZED;

/** Resident memory of a process and all below it, in KiB. */
export function residentKib(pid) {
  let sum = 0;
  for (const p of [pid, ...descendantsOf(pid)]) {
    try {
      sum += Number(/VmRSS:\s+(\d+)/.exec(fs.readFileSync(`/proc/${p}/status`, 'latin1'))?.[1] ?? 0);
    } catch {
      // gone in the meantime
    }
  }
  return sum;
}

/** Seconds of CPU that a process has used so far, all threads together. */
export function cpuSeconds(pid) {
  const text = fs.readFileSync(`/proc/${pid}/stat`, 'latin1');
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
  return (Number(fields[11]) + Number(fields[12])) / 100;
}

export const openFiles = (pid) => fs.readdirSync(`/proc/${pid}/fd`).length;

/** What its descriptors are, those left out that were closed while this was read: `socket:[1]`, the path of a file. */
export function openPaths(pid) {
  const dir = `/proc/${pid}/fd`;
  return fs.readdirSync(dir).flatMap((fd) => {
    try {
      return fs.readlinkSync(`${dir}/${fd}`);
    } catch (e) {
      if (e.code === 'ENOENT') return [];
      throw e;
    }
  });
}

/** A worker is not dumpable: what it has open only root sees. */
export function hidesFiles(pid) {
  try {
    openFiles(pid);
    return false;
  } catch (e) {
    if (e.code === 'EACCES') return 'only root sees the descriptors of a worker';
    throw e;
  }
}
