// The recipes of service-tokens.md, as they stand: a SvelteKit app on the local Pages runtime that renders from a gated API, and pytest.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import http from 'node:http';
import path from 'node:path';
import { after, before, describe, it } from 'node:test';
import { authority } from '../harness/certs.mjs';
import { Gate, tiergate } from '../harness/gate.mjs';
import { startPages } from '../harness/parts.mjs';
import { freePort } from '../harness/ports.mjs';
import { endAll } from '../harness/wait.mjs';
import { block, run, webBuild, workshop } from './lib.mjs';

/** The API: tells tracks. */
async function startApi() {
  const seen = [];
  const server = http.createServer((req, res) => {
    seen.push(req);
    res.setHeader('Content-Type', 'application/json').end('["Ribs"]');
  });
  await new Promise((r) => server.listen(0, '127.0.0.1', r));
  return { url: `http://127.0.0.1:${server.address().port}`, seen, close: () => (server.closeAllConnections(), new Promise((r) => server.close(r))) };
}

/** What `token new` says: the secret, and the hash for the rules. */
async function newToken(name) {
  const { stdout } = await tiergate(block('service-tokens.md', 'token-new').trim().replace('ssr', name).split(' ').slice(1));
  return { id: name, secret: /tgs_[\w-]{43}/.exec(stdout)[0], hash: /sha256:[0-9a-f]{64}/.exec(stdout)[0] };
}

const builtFiles = (dir) => fs.readdirSync(dir, { recursive: true, withFileTypes: true })
  .filter((e) => e.isFile()).map((e) => path.join(e.parentPath, e.name));

describe('service-tokens.md', { timeout: 300000 }, () => {
  let api, gate, web, dir, ssr, tests, origin;

  before(async () => {
    [ssr, tests] = [await newToken('ssr'), await newToken('tests')];
    api = await startApi();
    // The Pages runtime trusts no authority of ours: it comes to a listener without TLS.
    const plain = await freePort();
    origin = `http://localhost:${plain}`;
    const part = JSON.parse(`{${block('service-tokens.md', 'token-rules')}}`);
    gate = await Gate.start({
      names: ['stg.example.test', 'localhost'], env: { SSR_TOKEN_HASH: ssr.hash, TESTS_TOKEN_HASH: tests.hash },
      listenMore: [{ address: `127.0.0.1:${plain}`, plain: true }],
      rules: {
        client_address: { trusted_proxies: ['127.0.0.0/8'] }, ...part, origins: { api: { url: api.url } },
        hosts: [{
          host: 'localhost', origin: 'api', gate: 'team',
          rules: [{ path: '/secret', action: 'allow', who: ['service_token:tests'] }, { path: '/*', action: 'allow', who: ['service_token:ssr', 'service_token:tests'] }]
        }]
      }
    });
    dir = await webBuild('service-tokens-web', {
      'src/hooks.server.js': block('service-tokens.md', 'sveltekit-hook'),
      'src/routes/tracks/+page.js': block('service-tokens.md', 'sveltekit-load'),
      'src/routes/tracks/+page.svelte': '<script>let { data } = $props();</script><p id="tracks">{data.status} {data.tracks.join(", ")}</p>'
    });
    const bindings = { API_ORIGIN: origin, PUBLIC_API_ORIGIN: origin, GATE_TOKEN_ID: ssr.id, GATE_TOKEN_SECRET: ssr.secret };
    web = await startPages({ marker: 'web', dir, bindings });
  });
  after(() => endAll(web, gate, api));

  it('the page is rendered from the gated API', async () => {
    const text = await (await fetch(`${web.url}/tracks`)).text();
    assert.match(text, /<p id="tracks">200 Ribs<\/p>/);
    const line = await gate.line((l) => l.path === '/tracks');
    assert.equal(line.identity, 'ssr');
    const asked = api.seen.at(-1).headers;
    for (const name of ['cf-access-client-id', 'cf-access-client-secret']) assert.equal(asked[name], undefined, `${name} went on to the API`);
    assert.ok(!text.includes(ssr.secret), 'the secret stands in the page');
    assert.ok(!/cf-access-client/i.test(text));
  });

  it('nothing of the token is in what browsers get', () => {
    const all = builtFiles(dir).filter((f) => !f.includes('_worker.js'));
    assert.ok(all.some((f) => f.endsWith('.js')));
    for (const f of all) assert.doesNotMatch(fs.readFileSync(f, 'latin1'), /cf-access-client|GATE_TOKEN|tgs_/i, f);
    const server = builtFiles(path.join(dir, '../output/server'));
    assert.ok(server.some((f) => /CF-Access-Client-Secret/.test(fs.readFileSync(f, 'latin1'))), 'the hook is built');
  });

  it('without the token the API is shut', async () => {
    const before = api.seen.length;
    assert.equal((await fetch(`${origin}/tracks`)).status, 401);
    assert.equal(api.seen.length, before);
  });

  it('pytest', async () => {
    const at = workshop('service-tokens-pytest');
    fs.writeFileSync(path.join(at, 'conftest.py'), block('service-tokens.md', 'pytest-conftest'));
    fs.writeFileSync(path.join(at, 'test_tracks.py'), block('service-tokens.md', 'pytest-test'));
    const env = { API_ORIGIN: `https://localhost:${gate.port}`, SSL_CERT_FILE: authority().certFile, GATE_TOKEN_ID: tests.id, GATE_TOKEN_SECRET: tests.secret };
    const argv = ['/usr/bin/python3', '-B', '-m', 'pytest', '-q', '-p', 'no:cacheprovider'];
    const good = await run(argv, { cwd: at, env });
    assert.equal(good.code, 0, good.out);
    assert.equal(api.seen.at(-1).headers.authorization, 'Bearer app-token');
    const bad = await run(argv, { cwd: at, env: { ...env, GATE_TOKEN_SECRET: ssr.secret } });
    assert.equal(bad.code, 1, bad.out);
  });
});
