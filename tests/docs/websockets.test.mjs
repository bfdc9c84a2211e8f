// websockets.md: the rules before a real Hocuspocus, and the two pieces of code.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { describe, it } from 'node:test';
import { authority } from '../harness/certs.mjs';
import { Gate } from '../harness/gate.mjs';
import { startHocuspocus } from '../harness/parts.mjs';
import { endAll } from '../harness/wait.mjs';
import { block, checked, run, withLocal, workshop } from './lib.mjs';

const secrets = { AUTOTEST_PASSWORD: 'robotsonly', ORIGIN_KEY: 'k'.repeat(32) };
const HOST = 'autotest.example.com';
const plainJson = (text) => JSON.parse(text.replace(/^\s*\/\/.*$/gm, ''));
const passes = ({ code, out }) => {
  assert.equal(code, 0, out);
  return out;
};

describe('websockets.md', { timeout: 120000 }, () => {
  it('the rules are good, and a program gets in as the page says', async () => {
    const dir = workshop('websockets');
    await checked(dir, 'rules/sync.json', block('websockets.md', 'websocket-rules'), secrets);
    const sync = await startHocuspocus();
    const rules = plainJson(withLocal(block('websockets.md', 'websocket-rules'),
      ['https://my-site.pages.dev', sync.url], ['https://my-server.fly.dev', sync.url]));
    delete rules.listen;
    delete rules.certificates;
    const gate = await Gate.start({ names: [HOST, `*.${HOST}`], env: secrets, rules });
    try {
      fs.writeFileSync(path.join(dir, 'hosts.mjs'), hostsHere);
      fs.writeFileSync(path.join(dir, 'client.mjs'), block('websockets.md', 'websocket-node'));
      const env = { SYNC_URL: `wss://sync.${HOST}:${gate.port}`, APP_TOKEN: 'app-token', NODE_EXTRA_CA_CERTS: authority().certFile };
      const argv = [process.execPath, '--import', './hosts.mjs', 'client.mjs'];
      assert.equal(passes(await run(argv, { cwd: dir, env: { ...env, AUTOTEST_PASSWORD: secrets.AUTOTEST_PASSWORD }, ms: 30000 })), 'hello\n');
      const refused = await run(argv, { cwd: dir, env: { ...env, AUTOTEST_PASSWORD: 'wrong' }, ms: 4000 });
      assert.ok(!refused.out.includes('hello'), refused.out);
      await gate.line((l) => l.host === `sync.${HOST}` && l.status === 101 && l.identity === 'beta');
    } finally {
      await endAll(gate, sync);
    }
  });

  it('what a page does with the gate\'s close codes', async () => {
    const dir = workshop('websocket-close');
    fs.writeFileSync(path.join(dir, 'close.mjs'), block('websockets.md', 'websocket-close'));
    const { onGateClose } = await import(path.join(dir, 'close.mjs'));
    let loaded = 0;
    globalThis.location = { reload: () => loaded++ };
    for (const [code, again, loads] of [[1012, true, 0], [1006, true, 0], [4403, false, 0], [4401, true, 1], [1000, true, 1]]) {
      assert.equal(onGateClose({ event: { code } }), again, String(code));
      assert.equal(loaded, loads, String(code));
    }
  });
});

/** Every name is this machine: what DNS would say of the public ones. */
const hostsHere = `import dns from 'node:dns';
dns.lookup = (name, options, done = options) => (options.all ? done(null, [{ address: '127.0.0.1', family: 4 }]) : done(null, '127.0.0.1', 4));
`;
