// Many requests down one connection, pipelined; a connection that ends in between is followed by another for the rest.
import net from 'node:net';
import { NotStrict, all, readResponses } from './messages.mjs';
import { within } from './wait.mjs';

/** All that comes back for the bytes until the peer ends; `finish`: half-close behind them. */
export async function exchange(port, bytes, { finish = false, ms = 60000 } = {}) {
  const socket = net.connect({ port, host: '127.0.0.1', allowHalfOpen: true, noDelay: true });
  const seen = [];
  try {
    const over = new Promise((resolve) => socket.on('data', (d) => seen.push(d)).once('end', resolve).once('error', resolve));
    socket.write(bytes);
    if (finish) socket.end();
    await within('the end of a pipeline', over, ms);
  } finally {
    socket.resetAndDestroy();
  }
  return Buffer.concat(seen).toString('latin1');
}

const bytesOf = (requests, host) =>
  Buffer.from(
    requests.map(({ method = 'GET', target, fields = '' }, i) => `${method} ${target} HTTP/1.1\r\nHost: ${host}\r\n${fields}${i + 1 === requests.length ? 'Connection: close\r\n' : ''}\r\n`).join(''),
    'latin1'
  );

/** What is readable of it: a server's own idea of a message in the end may be none of ours. */
function answersOf(text, requests) {
  const methods = requests.map((r) => r.method ?? 'GET');
  try {
    return readResponses(text, methods).filter((r) => r.status >= 200);
  } catch (e) {
    if (e instanceof NotStrict) return undefined;
    throw e;
  }
}

async function askBatch(port, host, requests, told) {
  for (let rest = requests; rest.length > 0; ) {
    const text = await exchange(port, bytesOf(rest, host));
    const answers = answersOf(text, rest) ?? [];
    const n = Math.max(answers.length, 1); // one that gets no readable answer is not asked again
    for (let i = 0; i < n; i++) told(rest[i], answers[i] && { status: answers[i].status, marker: all(answers[i].fields, 'x-marker')[0], gate: all(answers[i].fields, 'tiergate')[0] });
    rest = rest.slice(n);
  }
}

/** Asks them all, `batch` at a time down `width` connections; told(request, {status, marker, gate} or undefined). */
export async function pipeline(port, host, requests, told, { batch = 50, width = 16 } = {}) {
  let at = 0;
  const worker = async () => {
    while (at < requests.length) {
      const mine = requests.slice(at, at + batch);
      at += batch;
      await askBatch(port, host, mine, told);
    }
  };
  await Promise.all(Array.from({ length: width }, worker));
}
