// examples/origin-lock before the apps it is for: with the key through the gate, without it not at all.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { after, before, describe, it } from 'node:test';
import { authority } from '../harness/certs.mjs';
import { Gate } from '../harness/gate.mjs';
import { WebSocket } from '../harness/lib.mjs';
import { start, startPages } from '../harness/parts.mjs';
import { freePort } from '../harness/ports.mjs';
import { endAll, until, within } from '../harness/wait.mjs';
import { basic } from '../harness/wire.mjs';
import { example, python, run, webBuild, workshop } from './lib.mjs';

const KEY = 'k'.repeat(40);
const NEXT = 'n'.repeat(40);
const secrets = { PASSWORD: 'open sesame', ORIGIN_KEY: KEY };
const login = { Authorization: basic('beta', secrets.PASSWORD) };

const host = (name, at) => ({
  host: `${name}.example.test`, origin: name, gate: 'team',
  rules: [{ path: at, methods: ['GET', 'HEAD'], action: 'bypass' }, { path: '/*', action: 'allow' }]
});

function startGate(origins) {
  const headers = { 'X-Origin-Key': 'env:ORIGIN_KEY' };
  return Gate.start({
    env: secrets,
    rules: {
      gates: { team: { basic: { realm: 'team', users: { beta: 'env:PASSWORD' } } } },
      origins: Object.fromEntries(Object.entries(origins).map(([name, o]) => [name, { url: o.url, headers }])),
      hosts: Object.keys(origins).map((name) => host(name, name === 'web' ? '/api/health' : '/health'))
    }
  });
}

/** The first answer to an upgrade: 'open', or the status of the refusal. */
function dial(url, options = {}) {
  return within('the handshake', new Promise((resolve, reject) => {
    const ws = new WebSocket(url, options);
    ws.once('open', () => {
      ws.terminate();
      resolve('open');
    });
    ws.once('unexpected-response', (_, res) => {
      res.destroy();
      resolve(res.statusCode);
    });
    ws.once('error', reject);
  }));
}

const viaGate = (gate, name, at = '/') =>
  dial(`wss://127.0.0.1:${gate.port}${at}`, {
    servername: `${name}.example.test`, ca: authority().pem, headers: { ...login, Host: gate.authority(`${name}.example.test`) }
  });

/** What holds for each of them. `page`: a path of the app, `health`: the platform's, which stays open. */
function itIsLocked(name, of, { page, health }) {
  const direct = (at, headers = {}, method = 'GET') => fetch(`${of().url}${at}`, { headers, method }).then(async (r) => {
    await r.arrayBuffer();
    return r.status;
  });
  it('answers through the gate, which brings the key', async () => {
    const r = await of('gate').request({ host: `${name}.example.test`, path: page, headers: login });
    assert.equal(r.status, 200);
    assert.ok(!r.has('tiergate'), 'it is the app that answers');
  });
  it('refuses who comes without, past the gate', async () => assert.equal(await direct(page), 403));
  it('refuses a login that only the gate knows', async () => assert.equal(await direct(page, login), 403));
  const wrong = {
    'another key': NEXT, 'a longer one': `${KEY}k`, 'a part of it': KEY.slice(1), two: `${KEY}, ${KEY}`, 'an empty one': ''
  };
  for (const [what, value] of Object.entries(wrong))
    it(`refuses ${what}`, async () => assert.equal(await direct(page, { 'X-Origin-Key': value }), 403));
  it('takes a key that a client brings to the gate for none', async () => {
    const r = await of('gate').request({ host: `${name}.example.test`, path: page, headers: { 'X-Origin-Key': KEY } });
    assert.equal(r.status, 401);
    assert.ok(r.has('tiergate'));
  });
  it('leaves the platform its health check, and nothing beside it', async () => {
    assert.equal(await direct(health), 200);
    assert.equal(await direct(health, {}, 'HEAD'), 200);
    assert.equal(await direct(health, {}, 'POST'), 403);
    assert.equal(await direct(`${health}/x`), 403);
  });
}

describe('the origin\'s lock', { timeout: 300000 }, () => {
  let dir, gate, web, api, sync;
  const of = (part) => (what) => (what === 'gate' ? gate : { web, api, sync }[part]);

  before(async () => {
    dir = workshop('lock');
    for (const f of ['origin_lock.py', 'hocuspocus.mjs']) fs.copyFileSync(example('origin-lock', f), path.join(dir, f));
    fs.copyFileSync(new URL('asgi_app.py', import.meta.url), path.join(dir, 'asgi_app.py'));
    const [pages, apiPort, syncPort] = [
      await webBuild('lock-web', { 'src/hooks.server.js': fs.readFileSync(example('origin-lock/hooks.server.js'), 'utf8') }),
      await freePort(), await freePort()
    ];
    const env = { ORIGIN_KEY: `${KEY} ${KEY}-old` };
    web = await startPages({ marker: 'locked', dir: pages, bindings: env });
    api = await python(dir, 'asgi_app:app', apiPort, env);
    sync = await start('hocuspocus', [process.execPath, 'hocuspocus.mjs', String(syncPort), '127.0.0.1'], syncPort, { env, cwd: dir });
    gate = await startGate({ web, api, sync });
  });
  after(() => endAll(gate, sync, api, web));

  describe('SvelteKit on Pages', () => {
    itIsLocked('web', of('web'), { page: '/note', health: '/api/health' });
    it('does not cover static files: they are served without the app', async () => {
      assert.equal((await fetch(`${web.url}/icons/a.png`)).status, 200);
    });
  });

  describe('ASGI', () => {
    itIsLocked('api', of('api'), { page: '/tracks', health: '/health' });
    it('takes the older of two keys as well', async () => {
      assert.equal((await fetch(`${api.url}/tracks`, { headers: { 'X-Origin-Key': `${KEY}-old` } })).status, 200);
    });
    it('refuses two fields of the name', async () => {
      const twice = ['-H', `X-Origin-Key: ${KEY}`, '-H', 'X-Origin-Key: x'];
      const { out } = await run(['curl', '-sS', '-o', '/dev/null', '-w', '%{http_code}', ...twice, `${api.url}/tracks`]);
      assert.equal(out, '403');
    });
    it('opens a WebSocket through the gate alone', async () => {
      assert.equal(await viaGate(gate, 'api', '/live'), 'open');
      assert.equal(await dial(`ws://127.0.0.1:${api.port}/live`), 403);
    });
  });

  describe('Hocuspocus', () => {
    itIsLocked('sync', of('sync'), { page: '/', health: '/health' });
    it('opens a WebSocket through the gate alone', async () => {
      assert.equal(await viaGate(gate, 'sync'), 'open');
      assert.equal(await dial(`ws://127.0.0.1:${sync.port}/`), 403);
    });
  });

  describe('ORIGIN_LOCK', () => {
    for (const [mode, status, says] of [['off', 200, false], ['report', 200, true], ['on', 403, false]])
      it(`${mode}: ${status} without the key`, async () => {
        const part = await python(dir, 'asgi_app:app', await freePort(), { ORIGIN_LOCK: mode, ORIGIN_KEY: KEY });
        try {
          const isSaid = () => /without the key: GET \/tracks/.test(part.said);
          assert.equal((await fetch(`${part.url}/tracks`)).status, status);
          if (says) await until('the log to say so', isSaid);
          else assert.ok(!isSaid(), part.said);
        } finally {
          await part.stop();
        }
      });
    it('no key and no word: refused', async () => {
      const part = await python(dir, 'asgi_app:app', await freePort(), {});
      try {
        assert.equal((await fetch(`${part.url}/tracks`)).status, 403);
        assert.equal((await fetch(`${part.url}/tracks`, { headers: { 'X-Origin-Key': '' } })).status, 403);
      } finally {
        await part.stop();
      }
    });
  });
});
