// `tiergate token list`: which service tokens there are, and when each was last used.
import assert from 'node:assert/strict';
import crypto from 'node:crypto';
import path from 'node:path';
import { after, before, describe, it } from 'node:test';
import { Gate, tiergate } from '../harness/gate.mjs';
import { echoOrigin } from '../harness/origins.mjs';
import { endAll, until } from '../harness/wait.mjs';

const hashOf = (secret) => `sha256:${crypto.createHash('sha256').update(secret).digest('hex')}`;
const host = 'app.example.test';

describe('token list', () => {
  let origin, gate;
  const rules = (tokens = ['ci', 'ssr']) => ({
    gates: {
      team: { service_tokens: Object.fromEntries(tokens.map((t) => [t, hashOf(`tgs_${t}`)])), session: { domain: 'app.example.test' } },
      other: { service_tokens: { ci: hashOf('tgs_other') } }
    },
    origins: { web: { url: origin.url } },
    hosts: [
      { host, origin: 'web', gate: 'team', rules: [{ path: '/*', action: 'allow' }] },
      { host: 'other.example.test', origin: 'web', gate: 'other', rules: [{ path: '/*', action: 'allow' }] }
    ]
  });
  before(async () => {
    origin = await echoOrigin('app');
    gate = await Gate.start({ rules: rules(), names: [host, 'other.example.test'] });
  });
  after(() => endAll(gate, origin));

  const list = async (state = path.join(gate.dir, 'state')) => {
    const r = await tiergate(['token', 'list', '--state', state]);
    assert.deepEqual([r.code, r.stderr], [0, '']);
    return r.stdout;
  };
  const use = (name, secret = `tgs_${name}`, at = host) =>
    gate.request({ host: at, path: '/x', headers: { 'CF-Access-Client-Id': name, 'CF-Access-Client-Secret': secret } });

  it('tells of each token of each gate, and of use by who had its secret alone', async () => {
    assert.equal(await list(), 'team ci never\nteam ssr never\nother ci never\n');
    assert.equal((await use('ssr', 'tgs_wrong')).status, 401);
    const began = Math.floor(Date.now() / 1000);
    assert.equal((await use('ci')).status, 200);
    const said = await until('the use to be kept', async () => /^team ci (?!never)(\S+)$/m.exec(await list()));
    assert.match(said[1], /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/);
    const used = Date.parse(said[1]) / 1000;
    assert.ok(used >= began && used <= Date.now() / 1000, said[1]);
    assert.equal(await list(), `team ci ${said[1]}\nteam ssr never\nother ci never\n`);
  });

  it('is known to another worker and by other rules, and nothing of a token that left them', async () => {
    const known = /^team ci .*\n/m.exec(await list())[0];
    const [worker] = gate.workers;
    process.kill(worker, 'SIGKILL');
    await until('another worker', () => gate.workers.length === 1 && gate.workers[0] !== worker);
    await gate.ready();
    assert.ok((await list()).includes(known));
    await gate.reload(rules(['ci', 'new']), /reload: ok/);
    assert.equal((await list()).replace('other ci never\n', ''), `${known}team new never\n`);
  });

  it('keeps within one message, however many there are', async () => {
    const names = Array.from({ length: 90 }, (_, i) => `a-token-with-a-rather-long-name-${i}`);
    await gate.reload(rules(names), /reload: ok/);
    const lines = (await list()).trimEnd().split('\n');
    assert.equal(lines[0], 'team a-token-with-a-rather-long-name-0 never');
    assert.match(lines.at(-1), /^and \d+ more$/);
    assert.equal(lines.length - 1 + Number(/\d+/.exec(lines.at(-1))[0]), 91);
  });

  it('says so where nobody can tell', async () => {
    const nobody = await tiergate(['token', 'list', '--state', gate.dir]);
    assert.equal(nobody.code, 1);
    assert.match(nobody.stderr, /tiergate token: no tiergate runs with this state folder/);
    assert.equal((await tiergate(['token', 'list', 'ci'])).code, 2);
    assert.equal((await tiergate(['token', 'new', 'ci', '--state', gate.dir])).code, 2);
  });
});
