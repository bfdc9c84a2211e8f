// The origin of the attacked host, a process of its own.
import process from 'node:process';
import { pathOrigin, answer } from '../harness/origins.mjs';

process.on('message', async () => {
  const large = answer('x'.repeat(1 << 20));
  const origin = await pathOrigin({
    '/large': (wire) => wire.send(large).catch(() => false),
    '/never': () => new Promise(() => {}),
    '*': (wire) => wire.send(answer('ok'))
  });
  process.send({ done: { port: origin.port } });
});
process.on('disconnect', () => process.exit());
