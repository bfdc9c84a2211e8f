// The recipes, run as they stand with local origins in place of the hosted ones.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { after, before, describe, it } from 'node:test';
import { authority } from '../harness/certs.mjs';
import { Gate, root, tiergate } from '../harness/gate.mjs';
import { echoOrigin } from '../harness/origins.mjs';
import { start, startHocuspocus, startPages } from '../harness/parts.mjs';
import { freePort } from '../harness/ports.mjs';
import { endAll } from '../harness/wait.mjs';
import { block, checked, example, run, shell, withLocal, workshop } from './lib.mjs';

const secrets = { AUTOTEST_PASSWORD: 'robotsonly', DEV_PASSWORD: '2600hz', ORIGIN_KEY: 'k'.repeat(32) };
const plainJson = (text) => JSON.parse(text.replace(/^\s*\/\/.*$/gm, ''));

/** A block that serves in the foreground, in a folder where `tiergate` is the program. */
async function serving(text, dir, port, env = {}) {
  await shell('true', { cwd: dir }); // makes bin/
  return start('tiergate', ['bash', '-euo', 'pipefail', '-c', text], port, { cwd: dir, env: { ...env, PATH: `${dir}/bin:${process.env.PATH}` } });
}

function copyRules(dir, name, ...pairs) {
  fs.mkdirSync(path.join(dir, 'rules'), { recursive: true });
  fs.writeFileSync(path.join(dir, 'rules', name), withLocal(fs.readFileSync(path.join(root, 'rules', name), 'utf8'), ...pairs));
}

const passes = ({ code, out }) => {
  assert.equal(code, 0, out);
  return out;
};

describe('pages-and-fly.md: the rehearsal', { timeout: 240000 }, () => {
  let dir, web, sync, gate, port, redirect;
  const local = (name) => {
    const text = block('pages-and-fly.md', name);
    const pairs = [['web.localhost:8788', `web.localhost:${web.port}`], ['//localhost:8788', `//localhost:${web.port}`], ['localhost:1235', `localhost:${sync.port}`],
      ['127.0.0.1:8443', `127.0.0.1:${port}`], ['127.0.0.1:8080', `127.0.0.1:${redirect}`]];
    return withLocal(text, ...pairs.filter(([from]) => text.includes(from)));
  };

  before(async () => {
    [port, redirect] = [await freePort(), await freePort()];
    dir = workshop('rehearsal');
    copyRules(dir, 'patchtogether.json');
    [web, sync] = [await startPages({ marker: 'web' }), await startHocuspocus()];
  });
  after(() => endAll(gate, sync, web));

  it('prepares', async () => {
    passes(await shell(local('rehearse-prepare'), { cwd: dir }));
    const rules = fs.readFileSync(path.join(dir, 'rehearsal/rules/patchtogether.json'), 'utf8');
    assert.ok(!/pages\.dev|fly\.dev/.test(rules.replace(/^\s*\/\/.*$/gm, '')), 'no hosted origin is left');
  });
  it('checks, and explains', async () => {
    const out = passes(await shell(block('pages-and-fly.md', 'rehearse-check'), { cwd: dir }));
    assert.match(out, /14 expectations hold/);
    assert.match(out, /bypass/);
    assert.match(out, /allow/);
  });
  it('serves, and answers each question as the page says', async () => {
    gate = await serving(block('pages-and-fly.md', 'rehearse-serve'), dir, port);
    const text = local('rehearse-ask');
    const want = text.split('\n').map((l) => /^ask .*# (\d+)$/.exec(l)?.[1]).filter(Boolean);
    assert.ok(want.length >= 10);
    assert.deepEqual(passes(await shell(text, { cwd: dir })).trim().split('\n'), want);
  });
});

describe('local.md', () => {
  it('from no certificate to a page', { timeout: 60000 }, async () => {
    const dir = workshop('local');
    const [port, origin] = [await freePort(), await echoOrigin('vite')];
    copyRules(dir, 'local.json', ['127.0.0.1:8443', `127.0.0.1:${port}`], ['localhost:5173', `localhost:${origin.port}`]);
    passes(await shell(block('local.md', 'local-certificate'), { cwd: dir, env: { LOCAL_PASSWORD: 'letmein' } }));
    const gate = await serving(block('local.md', 'local-serve'), dir, port);
    try {
      const out = passes(await shell(withLocal(block('local.md', 'local-ask'), ['localhost:8443', `localhost:${port}`]), { cwd: dir }));
      assert.match(out, /"marker":"vite"/);
      assert.match(out, new RegExp(`"host":"dev.localhost:${port}"`), 'the dev server sees the public name as its own');
    } finally {
      await endAll(gate, origin);
    }
  });
});

describe('lock-the-origin.md', () => {
  it('the rule is good', async () => {
    const part = plainJson(`{${block('lock-the-origin.md', 'lock-rule')}}`);
    const rules = {
      listen: [{ address: '127.0.0.1:8443' }], certificates: [authority().issue(['a.example.test'])], ...part,
      hosts: [{ host: 'a.example.test', origin: 'web', public: true, rules: [{ path: '/*', action: 'bypass' }] }]
    };
    await checked(workshop('lock-rule'), 'rules.json', JSON.stringify(rules), secrets);
  });
  it('makes a key that is long enough', async () => {
    assert.match(passes(await run(['bash', '-c', block('lock-the-origin.md', 'make-key')])), /^[0-9a-f]{64}\n$/);
  });
  it('tells of a door that is open, and is silent of one that is shut', async () => {
    const dir = workshop('lock-probe');
    fs.copyFileSync(example('origin-lock/hocuspocus.mjs'), path.join(dir, 'hocuspocus.mjs'));
    const port = await freePort();
    const open = await echoOrigin('open');
    const shut = await start('hocuspocus', [process.execPath, 'hocuspocus.mjs', String(port), '127.0.0.1'], port, { cwd: dir, env: secrets });
    try {
      const text = withLocal(block('lock-the-origin.md', 'lock-probe'),
        ['https://my-site.pages.dev', shut.url], ['https://my-api.fly.dev', open.url]);
      assert.equal(passes(await shell(text, { cwd: dir })), `open: ${open.url}/tracks answers 200\n`);
    } finally {
      await endAll(shut, open);
    }
  });
});

describe('previews.md', () => {
  const dir = workshop('previews');
  it('the rules are good, and each preview is behind the gate', async () => {
    fs.mkdirSync(path.join(dir, 'rules'), { recursive: true });
    fs.writeFileSync(path.join(dir, 'rules/previews.json'), block('previews.md', 'previews-rules'));
    const out = passes(await shell(block('previews.md', 'previews-explain'), { cwd: dir, env: secrets }));
    assert.match(out, /3 expectations hold/);
    assert.match(out, /allow/);
  });
  it('what is no pull request is no host', async () => {
    const rules = path.join(dir, 'rules/previews.json');
    for (const [host, known] of [['pr-42', true], ['pr-abc', false], ['pr-', false], ['pr-42x', false], ['pr-4.2', false]]) {
      const { stdout } = await tiergate(['explain', `https://${host}.autotest.example.com/`, '--rules', rules], { env: secrets });
      assert.equal(/421/.test(stdout), !known, `${host}: ${stdout}`);
    }
  });
  it('the comment names the template\'s host', () => {
    const text = block('previews.md', 'previews-comment');
    assert.match(text, /https:\/\/pr-\$NUMBER\.autotest\.example\.com\//);
  });
});

describe('uptime.md', { timeout: 120000 }, () => {
  const HOST = 'autotest.example.com';
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
    fs.writeFileSync(config, block('uptime.md', 'blackbox').replaceAll('    http:\n', `    http:\n      tls_config: { ca_file: "${authority().certFile}" }\n`));
    blackbox = await start('blackbox-exporter', ['prometheus-blackbox-exporter', `--config.file=${config}`, `--web.listen-address=127.0.0.1:${port}`], port);
  });
  after(() => endAll(blackbox, gate, app));

  async function success(module, target, hostname) {
    const text = await (await fetch(`${blackbox.url}/probe?${new URLSearchParams({ module, target, ...(hostname ? { hostname } : {}) })}`)).text();
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
    const up = (...args) => run(['bash', '-euo', 'pipefail', 'up.sh', ...args], { cwd: dir, env: { CURL_HOME: dir } });
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
  const http = await import('node:http');
  const answers = { '/api/health': [200, '{"ok":true}'], '/ill': [200, '{"ok":false}'], '/locked': [403, 'closed'] };
  const server = http.createServer((req, res) => {
    const [status, body] = answers[req.url] ?? [200, 'page'];
    res.writeHead(status).end(body);
  });
  await new Promise((r) => server.listen(0, '127.0.0.1', r));
  const { port } = server.address();
  return { port, url: `http://127.0.0.1:${port}`, close: () => new Promise((r) => (server.closeAllConnections(), server.close(r))) };
}

describe('websockets.md', { timeout: 120000 }, () => {
  const HOST = 'autotest.example.com';
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
