// The example of the rules folder, its origins replaced by local ones: what it expects holds against the running gate.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { after, before, describe, it } from 'node:test';
import { Gate, root, tiergate } from '../harness/gate.mjs';
import { echoOrigin } from '../harness/origins.mjs';
import { endAll } from '../harness/wait.mjs';
import { basic } from '../harness/wire.mjs';

const file = path.join(root, 'rules/patchtogether.json');
const secrets = { AUTOTEST_PASSWORD: 'robotsonly-1', DEV_PASSWORD: '2600hz-1', ORIGIN_KEY: 'origin-key-1' };
const logins = { 'basic:robots/beta': basic('beta', secrets.AUTOTEST_PASSWORD), 'basic:beta/beta': basic('beta', secrets.DEV_PASSWORD) };
const example = JSON.parse(fs.readFileSync(file, 'utf8').replace(/^\s*\/\/.*$/gm, ''));

describe('rules/patchtogether.json', () => {
  let gate;
  const origins = {};
  before(async () => {
    const rules = structuredClone(example);
    delete rules.$schema;
    delete rules.listen;
    delete rules.certificates;
    for (const [name, origin] of Object.entries(rules.origins)) {
      origins[name] = await echoOrigin(name);
      const { port } = origins[name];
      // A template stays one: any name below localhost is this machine.
      origin.url = origin.url.includes('{n}') ? `http://pr-{n}.autotest.localhost:${port}` : `http://127.0.0.1:${port}`;
    }
    gate = await Gate.start({
      rules, env: secrets,
      names: ['patchtogether.live', '*.patchtogether.live', '*.autotest.patchtogether.live', '*.dev.patchtogether.live']
    });
  });
  after(() => endAll(gate, ...Object.values(origins)));

  it('passes check as it is, without its secrets and certificates', async () => {
    const r = await tiergate(['check', file]);
    assert.equal(r.code, 0, r.stderr + r.stdout);
  });

  it('does not pass check --deploy without them', async () => {
    const r = await tiergate(['check', '--deploy', file]);
    assert.equal(r.code, 1);
    assert.match(r.stderr + r.stdout, /AUTOTEST_PASSWORD/);
  });

  for (const { request, as, is } of example.expect) {
    it(`${request} as ${as} is ${is}`, async () => {
      const [method, url] = request.split(' ');
      const { hostname, pathname, search } = new URL(url);
      const asked = Object.values(origins).reduce((n, o) => n + o.requests.length, 0);
      const headers = logins[as] ? { Authorization: logins[as] } : {};
      const r = await gate.request({ host: hostname, path: pathname + search, method, headers });
      const now = Object.values(origins).reduce((n, o) => n + o.requests.length, 0);
      assert.equal(r.status, { bypass: 200, allow: 200, gate: 401, block: 403 }[is]);
      assert.equal(now - asked, is === 'bypass' || is === 'allow' ? 1 : 0);
      const line = await gate.line((l) => l.host === hostname && l.path === pathname && l.method === method && l.status === r.status && l.decision === is);
      assert.ok(line);
    });
  }

  it('a preview reaches its own deployment, with the key of the origin', async () => {
    const r = await gate.request({ host: 'pr-42.autotest.patchtogether.live', path: '/api/health' });
    assert.equal(r.json.marker, 'preview-web');
    assert.match(r.json.headers.host, /^pr-42\.autotest\.localhost:/);
    assert.equal(r.json.headers['x-origin-key'], secrets.ORIGIN_KEY);
  });

  it('prod gets no key', async () => {
    const r = await gate.request({ host: 'patchtogether.live', path: '/studio' });
    assert.equal(r.json.marker, 'prod-web');
    assert.equal(r.json.headers['x-origin-key'], undefined);
  });

  for (const host of ['pr-.autotest.patchtogether.live', 'pr-x.autotest.patchtogether.live', 'pr-42x.autotest.patchtogether.live', 'www.patchtogether.live', 'a.pr-42.autotest.patchtogether.live']) {
    it(`${host} is nobody`, async () => {
      assert.equal((await gate.request({ host, path: '/api/health', sni: 'autotest.patchtogether.live' })).status, 421);
    });
  }

  it('explain says the same as the gate', async () => {
    for (const { request, as, is } of example.expect) {
      const [method, url] = request.split(' ');
      const r = await tiergate(['explain', method, url, '--as', as, '--rules', file]);
      assert.equal(r.code, 0, r.stderr);
      assert.match(r.stdout, new RegExp(`\\b${is}\\b`), `${request} as ${as}`);
    }
  });
});
