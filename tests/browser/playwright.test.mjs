// docs/playwright.md, word for word: its files are written, its commands and its job are run, against a gate for the names that stand there.
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import fs from 'node:fs';
import http from 'node:http';
import path from 'node:path';
import { after, before, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { authority } from '../harness/certs.mjs';
import { Gate, root } from '../harness/gate.mjs';
import { WebSocketServer } from '../harness/lib.mjs';
import { chromiumOptions } from '../harness/parts.mjs';
import { endAll } from '../harness/wait.mjs';

const DOMAIN = 'example.com';
const secrets = { AUTOTEST_PASSWORD: 'robotsonly-1', DEV_PASSWORD: '2600hz-1', AUTOTEST_TOKEN: `tgs_${'t'.repeat(43)}` };
const modules = path.join(root, 'tests/parts/node_modules');
const preload = fileURLToPath(new URL('./playwright-preload.cjs', import.meta.url));

/** Sections in order, each with its blocks: {title, blocks: [{language, text}]}. */
function sections() {
  const text = fs.readFileSync(path.join(root, 'docs/playwright.md'), 'utf8');
  return text.split(/^## /m).slice(1).map((s) => ({
    title: s.split('\n', 1)[0],
    blocks: [...s.matchAll(/^```(\w*)\n([\s\S]*?)^```$/gm)].map(([, language, body]) => ({ language, text: body }))
  })).filter((s) => s.blocks.length > 0);
}

/** The steps of the one job of a workflow: enough YAML for what stands in the docs. */
function stepsOf(workflow) {
  const steps = workflow.slice(workflow.indexOf('    steps:\n')).split(/^      - /m).slice(1);
  return steps.map((s) => ({
    name: /name: (.*)/.exec(s)?.[1],
    run: /run: (.*)/.exec(s)?.[1],
    env: Object.fromEntries([...s.matchAll(/^ {10}(\w+): \$\{\{ secrets\.(\w+) \}\}$/gm)].map(([, name, secret]) => [name, secrets[secret]]))
  })).filter((s) => s.run);
}

/** What the app of the docs is like: a page that calls its API and connects to its sync server, an API with tokens of its own. */
async function startApp() {
  const page = `<!doctype html><link rel="icon" href="data:,"><h1>Studio</h1><p id="me"></p><p id="sync"></p><script>
    fetch('/api/projects', { headers: { authorization: 'Bearer app-token' } })
      .then((r) => (document.querySelector('#me').textContent = r.ok ? 'known to the app' : 'refused'));
    new WebSocket('wss://sync.' + location.host).onopen = () => (document.querySelector('#sync').textContent = 'connected');
  </script>`;
  const seen = [];
  const server = http.createServer((req, res) => {
    seen.push(req.headers);
    const json = (status, body) => res.writeHead(status, { 'Content-Type': 'application/json' }).end(JSON.stringify(body));
    if (req.url === '/api/health') return json(200, { ok: true });
    if (req.url === '/api/projects') return req.headers.authorization === 'Bearer app-token' ? json(200, ['first']) : json(401, {});
    return res.writeHead(200, { 'Content-Type': 'text/html' }).end(page);
  });
  const wss = new WebSocketServer({ server });
  wss.on('connection', (ws) => ws.on('error', () => {}));
  await new Promise((r) => server.listen(0, '127.0.0.1', r));
  return {
    url: `http://127.0.0.1:${server.address().port}`,
    seen,
    close() {
      for (const ws of wss.clients) ws.terminate();
      server.closeAllConnections();
      return new Promise((r) => server.close(r));
    }
  };
}

function rules(app) {
  const playwright = `sha256:${createHash('sha256').update(secrets.AUTOTEST_TOKEN).digest('hex')}`;
  const gateOf = (name, password) => ({ service_tokens: { playwright }, basic: { realm: name, users: { beta: password } }, session: { domain: `${name}.${DOMAIN}` } });
  const tiers = ['autotest', 'dev'];
  return {
    tier: 'test',
    gates: { autotest: gateOf('autotest', 'env:AUTOTEST_PASSWORD'), dev: gateOf('dev', 'env:DEV_PASSWORD') },
    origins: { web: { url: app.url } },
    hosts: tiers.map((t) => ({
      host: [`${t}.${DOMAIN}`, `sync.${t}.${DOMAIN}`], origin: 'web', gate: t,
      rules: [{ path: '/api/health', methods: ['GET', 'HEAD'], action: 'bypass' }, { path: '/*', action: 'allow' }]
    }))
  };
}

describe('docs/playwright.md', () => {
  let app, gate, chromium, dir, env;

  before(async () => {
    app = await startApp();
    gate = await Gate.start({
      rules: rules(app), env: secrets, names: [`autotest.${DOMAIN}`, `*.${DOMAIN}`, `*.autotest.${DOMAIN}`, `*.dev.${DOMAIN}`]
    });
    chromium = chromiumOptions(`MAP *.${DOMAIN} 127.0.0.1:${gate.port}`);
    dir = fs.mkdtempSync(path.join(chromium.home, 'project-'));
    fs.symlinkSync(modules, path.join(dir, 'node_modules'));
    fs.writeFileSync(path.join(dir, 'package.json'), '{ "type": "module" }');
    // What a machine with the names in DNS and Playwright's own browsers has by itself.
    fs.writeFileSync(path.join(dir, 'here.config.ts'), `import docs from './playwright.config';
      export default { ...docs, reporter: 'line', use: { ...docs.use, launchOptions: JSON.parse(process.env.TEST_LAUNCH!) } };`);
    fs.writeFileSync(path.join(chromium.home, '.curlrc'), `cacert = "${authority().certFile}"\n`
      + `connect-to = "autotest.${DOMAIN}:443:127.0.0.1:${gate.port}"\n`);
    env = {
      ...process.env, HOME: chromium.home, CURL_HOME: chromium.home, CI: '1', NODE_EXTRA_CA_CERTS: authority().certFile,
      NODE_OPTIONS: `--require ${preload}`, TIERGATE_TEST_PORT: String(gate.port), TEST_LAUNCH: JSON.stringify(chromium.launch)
    };
    delete env.NODE_TEST_CONTEXT;
    for (const name of Object.keys(secrets)) delete env[name];
  });
  after(async () => {
    await endAll(gate, app);
    if (chromium) fs.rmSync(chromium.home, { recursive: true, force: true });
  });

  /** {code, said} of a command of the docs. */
  const run = (command, more) => new Promise((resolve) => {
    const here = command.replaceAll('npx playwright test', `node ${path.join(modules, '@playwright/test/cli.js')} test --config=here.config.ts`);
    execFile('bash', ['-euc', here], { cwd: dir, env: { ...env, ...more }, timeout: 60000 }, (e, stdout, stderr) =>
      resolve({ code: e ? e.code ?? e.signal : 0, said: `${stdout}${stderr}` }));
  });
  const wrongPasswords = () => gate.lines().filter((l) => l.reason === 'wrong-credentials');
  const passes = async (command, more) => {
    const { code, said } = await run(command, more);
    assert.equal(code, 0, `${command}\n${said}`);
    if (/playwright test/.test(command)) assert.match(said, /[1-9]\d* passed/);
    assert.doesNotMatch(said, /\d+ (skipped|flaky|failed)/);
  };

  const perform = {
    ts(text) {
      const name = /^\/\/ ([\w.-]+\.ts)\n/.exec(text)[1];
      fs.writeFileSync(path.join(dir, name), text);
    },
    sh: (text) => passes(text.trim(), secrets),
    async yaml(text) {
      const steps = stepsOf(text).filter((s) => s.name !== 'install'); // a runner's, and from the net
      assert.ok(steps.length >= 2);
      for (const s of steps) await passes(s.run, s.env);
    }
  };

  for (const { title, blocks } of sections()) {
    it(title, async () => {
      const from = gate.lines().length;
      for (const { language, text } of blocks) {
        assert.ok(perform[language], `a block of "${language}" that nothing performs`);
        await perform[language](text);
      }
      const lines = gate.lines().slice(from);
      assert.ok(lines.some((l) => l.status === 200 && (['beta', 'playwright'].includes(l.identity) || l.decision === 'bypass')));
      assert.deepEqual(wrongPasswords(), []);
      if (title === 'Several tiers in one run')
        assert.deepEqual([...new Set(lines.filter((l) => l.identity).map((l) => l.gate))].sort(), ['autotest', 'dev']);
      if (title === 'Sign in once, for all tests')
        assert.equal(lines.filter((l) => l.status === 401 && l.decision === 'gate').length, 1, 'one challenge for all tests');
      if (title === 'With a service token') assert.ok(lines.length > 3 && lines.every((l) => l.status !== 401 && l.identity === 'playwright'));
    });
  }

  it('nothing of the gate\'s reached the app', () => {
    assert.ok(app.seen.length > 0);
    for (const h of app.seen) {
      assert.equal(h['tiergate-authorization'], undefined);
      assert.equal(h['x-vercel-protection-bypass'], undefined);
      assert.doesNotMatch(h.cookie ?? '', /tiergate/);
      assert.doesNotMatch(h.authorization ?? '', /^Basic/);
    }
  });

  it('with a wrong password all of it fails', async () => {
    const { code, said } = await run('npx playwright test smoke.spec.ts', { AUTOTEST_PASSWORD: 'wrong' });
    assert.notEqual(code, 0);
    assert.match(said, /[1-9]\d* failed/);
  });
});
