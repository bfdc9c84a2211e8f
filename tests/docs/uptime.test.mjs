// uptime.md: what each probe makes of an app that answers, one that is down, and a door that is open.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import http from 'node:http';
import path from 'node:path';
import { after, before, describe, it } from 'node:test';
import { authority } from '../harness/certs.mjs';
import { Gate } from '../harness/gate.mjs';
import { start } from '../harness/parts.mjs';
import { freePort } from '../harness/ports.mjs';
import { endAll } from '../harness/wait.mjs';
import { block, run, workshop } from './lib.mjs';

const secrets = { AUTOTEST_PASSWORD: 'robotsonly', ORIGIN_KEY: 'k'.repeat(32) };
const HOST = 'autotest.example.com';
const plainJson = (text) => JSON.parse(text.replace(/^\s*\/\/.*$/gm, ''));
const passes = ({ code, out }) => {
  assert.equal(code, 0, out);
  return out;
};

describe('uptime.md', { timeout: 120000 }, () => {
  let gate, app, blackbox;

  before(async () => {
    app = await appOrigin();
    const rule = plainJson(block('uptime.md', 'uptime-rule'));
    const hosts = [
      { host: HOST, origin: 'app', gate: 'team', rules: [rule, { path: '/*', action: 'allow' }] },
      { host: `down.${HOST}`, origin: 'down', gate: 'team', rules: [rule, { path: '/*', action: 'allow' }] },
      { host: `open.${HOST}`, origin: 'app', public: true, rules: [{ path: '/*', action: 'bypass' }] }
    ];
    gate = await Gate.start({
      names: [HOST, `*.${HOST}`], env: secrets,
      rules: {
        gates: { team: { basic: { realm: 'team', users: { beta: 'env:AUTOTEST_PASSWORD' } } } },
        origins: { app: { url: app.url }, down: { url: `http://127.0.0.1:${await freePort()}`, connect_timeout: '200ms' } }, hosts
      }
    });
    const port = await freePort();
    const config = path.join(workshop('uptime'), 'blackbox.yml');
    const trust = `    http:\n      tls_config: { ca_file: "${authority().certFile}" }\n`;
    fs.writeFileSync(config, block('uptime.md', 'blackbox').replaceAll('    http:\n', trust));
    const argv = ['prometheus-blackbox-exporter', `--config.file=${config}`, `--web.listen-address=127.0.0.1:${port}`];
    blackbox = await start('blackbox-exporter', argv, port);
  });
  after(() => endAll(blackbox, gate, app));

  async function success(module, target, hostname) {
    const query = new URLSearchParams({ module, target, ...(hostname ? { hostname } : {}) });
    const text = await (await fetch(`${blackbox.url}/probe?${query}`)).text();
    return Number(/^probe_success (\d)/m.exec(text)?.[1]);
  }
  const probes = [
    ['app_up', HOST, '/api/health', 1], ['app_up', HOST, '/', 0], ['app_up', `down.${HOST}`, '/api/health', 0], ['app_up', HOST, '/.tiergate/health', 0],
    ['gate_shut', HOST, '/', 1], ['gate_shut', `open.${HOST}`, '/', 0], ['gate_shut', HOST, '/api/health', 0]
  ];
  for (const [module, host, at, want] of probes)
    it(`blackbox ${module} is ${want ? 'green' : 'red'} on ${host}${at}`, async () => {
      assert.equal(await success(module, `https://127.0.0.1:${gate.port}${at}`, host), want);
    });
  it('blackbox door_shut is red while the door is open, green when it is shut', async () => {
    assert.equal(await success('door_shut', `${app.url}/`), 0);
    assert.equal(await success('door_shut', `${app.url}/locked`), 1);
  });

  /** curl that finds the hosts here and trusts the test's authority. */
  const curlHome = () => {
    const dir = workshop('uptime-curl');
    fs.writeFileSync(path.join(dir, '.curlrc'), `connect-to = "::127.0.0.1:${gate.port}"\ncacert = "${authority().certFile}"\n`);
    return dir;
  };
  it('curl\'s check sees the app, and is fooled by nothing', async () => {
    const dir = curlHome();
    fs.writeFileSync(path.join(dir, 'up.sh'), block('uptime.md', 'uptime-curl'));
    const up = (...args) => run(['sh', '-eu', 'up.sh', ...args], { cwd: dir, env: { CURL_HOME: dir } });
    assert.equal(passes(await up()), 'up\n');
    for (const [url, says] of [
      [`https://${HOST}/`, /down/], [`https://down.${HOST}/api/health`, /down/], [`https://${HOST}/.tiergate/health`, /not the app: tiergate: ./],
      [`https://open.${HOST}/ill`, /not well/]
    ]) {
      const { code, out } = await up(url);
      assert.equal(code, 1, `${url}: ${out}`);
      assert.match(out, says);
    }
  });

  /** The script of the job's one step, as the runner would write it to a file. */
  const actionsScript = () => {
    const lines = block('uptime.md', 'uptime-actions').split('\n');
    const at = lines.findIndex((l) => /^ {8}run: \|$/.test(l));
    return lines.slice(at + 1).map((l) => l.slice(10)).join('\n');
  };
  for (const [what, host, password, says] of [
    ['is green', HOST, secrets.AUTOTEST_PASSWORD, undefined], ['sees an open page', `open.${HOST}`, '', /not closed: 200/],
    ['sees a wrong password', HOST, 'wrong', /signed in: 401/]
  ])
    it(`the smoke job ${what}`, async () => {
      const dir = curlHome();
      const script = actionsScript();
      const { code, out } = await run(['bash', '-e', '-c', script], { cwd: dir, env: { CURL_HOME: dir, HOST: host, BETA_PASSWORD: password } });
      assert.equal(code, says ? 1 : 0, out);
      if (says) assert.match(out, says);
    });
});

/** An app with a health check; /ill is one that is not well, /locked a page behind the origin's lock. */
async function appOrigin() {
  const answers = { '/api/health': [200, '{"ok":true}'], '/ill': [200, '{"ok":false}'], '/locked': [403, 'closed'] };
  const server = http.createServer((req, res) => {
    const [status, body] = answers[req.url] ?? [200, 'page'];
    res.writeHead(status).end(body);
  });
  await new Promise((r) => server.listen(0, '127.0.0.1', r));
  const { port } = server.address();
  return { port, url: `http://127.0.0.1:${port}`, close: () => new Promise((r) => (server.closeAllConnections(), server.close(r))) };
}
