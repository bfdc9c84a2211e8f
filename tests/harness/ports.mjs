import net from 'node:net';

// Below what the kernel gives to whoever asks for any port (32768 and up unless told otherwise): a port that was looked
// for by asking would be anybody's again, a connection's or another test's, before it is listened on.
const FIRST = 12000, BLOCK = 40, BLOCKS = 500;

function listen(port) {
  return new Promise((resolve, reject) => {
    const s = net.createServer();
    s.once('error', (e) => (e.code === 'EADDRINUSE' ? resolve(null) : reject(e)));
    s.listen({ port, host: '127.0.0.1', exclusive: true }, () => resolve(s));
  });
}

/** A block of ports is this process's while it lives, by listening on the first of them. Where the search begins
 * differs, so that hardly any port is used again at once. */
async function takeBlock() {
  const start = Math.floor(Math.random() * BLOCKS);
  for (let i = 0; i < BLOCKS; i++) {
    const first = FIRST + ((start + i) % BLOCKS) * BLOCK, held = await listen(first);
    if (!held) continue;
    held.unref();
    held.on('connection', (s) => s.destroy());
    return { next: first + 1, end: first + BLOCK };
  }
  throw new Error(`all ports from ${FIRST} to ${FIRST + BLOCK * BLOCKS - 1} are taken`);
}

let block = { next: 0, end: 0 }, taking;

async function claim() {
  while (block.next === block.end) {
    taking ??= takeBlock().then((b) => (block = b)).finally(() => (taking = undefined));
    await taking;
  }
  return block.next++;
}

/** A port that nobody listens on now, and that no other test is given while this process lives. */
export async function freePort() {
  for (;;) {
    const port = await claim(), s = await listen(port);
    if (!s) continue;
    await new Promise((r) => s.close(r));
    return port;
  }
}

export function canConnect(port, host = '127.0.0.1') {
  return new Promise((resolve) => {
    const s = net.connect({ port, host });
    s.once('connect', () => {
      s.destroy();
      resolve(true);
    });
    s.once('error', () => resolve(false));
  });
}
