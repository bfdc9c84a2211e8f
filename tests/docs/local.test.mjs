// rules/local.json as it stands, but for the ports: Vite's dev server with its HMR, Hocuspocus beside it, an API.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { after, before, describe, it } from 'node:test';
import { Gate, root, tiergate } from '../harness/gate.mjs';
import { echoOrigin } from '../harness/origins.mjs';
import { start, startChromium, startHocuspocus } from '../harness/parts.mjs';
import { freePort } from '../harness/ports.mjs';
import { endAll } from '../harness/wait.mjs';
import { modules, webCopy, withLocal } from './lib.mjs';

const secrets = { LOCAL_PASSWORD: 'local-1' };
const credentials = { username: 'beta', password: secrets.LOCAL_PASSWORD };
const file = path.join(root, 'rules/local.json');

/** The file's rules with these ports; listener, certificate and log are the test's. */
function localRules(ports) {
  const pairs = Object.entries(ports).map(([from, to]) => [`localhost:${from}`, `localhost:${to}`]);
  const text = withLocal(fs.readFileSync(file, 'utf8'), ...pairs);
  const { listen, certificates, ...rest } = JSON.parse(text.replace(/^\s*\/\/.*$/gm, ''));
  assert.ok(listen && certificates);
  return rest;
}

function startVite(dir, port) {
  const vite = path.join(modules, 'vite/bin/vite.js');
  const argv = [process.execPath, vite, 'dev', '--port', String(port), '--strictPort', '--host', '127.0.0.1'];
  const ready = async () => (await fetch(`http://127.0.0.1:${port}/docs/x`).catch(() => undefined))?.ok;
  return start('vite', argv, port, { cwd: dir, ready });
}

describe('local: rules/local.json before what runs here', { timeout: 240000 }, () => {
  let gate, vite, sync, api, chromium, dir;

  before(async () => {
    const port = await freePort();
    sync = await startHocuspocus();
    api = await echoOrigin('api');
    dir = webCopy('local-web', {
      'svelte.config.js': 'export default {};\n', // no runtime of Pages beside the dev server
      'src/routes/doc/+page.server.js': `export const load = () => ({ sync: 'wss://sync.dev.localhost:${port}/' });\n`
    });
    vite = await startVite(dir, await freePort());
    gate = await Gate.start({
      port, names: ['dev.localhost', '*.dev.localhost'], env: secrets,
      rules: localRules({ 5173: vite.port, 1235: sync.port, 8001: api.port })
    });
    chromium = await startChromium(['*.localhost']);
  });
  after(async () => {
    await chromium?.stop();
    await endAll(gate, vite, sync, api);
  });

  const withPage = async (options, use) => {
    const context = await chromium.browser.newContext(options);
    try {
      return await use(await context.newPage());
    } finally {
      await context.close();
    }
  };
  const textIs = (page, selector, want) =>
    page.waitForFunction(([s, w]) => document.querySelector(s)?.textContent === w, [selector, want], { timeout: 20000 });

  it('passes check', async () => {
    const { code, stdout, stderr } = await tiergate(['check', file], { env: secrets });
    assert.equal(code, 0, stdout + stderr);
  });

  it('an edited file shows in the page, which is not loaded anew', async () => {
    await withPage({ httpCredentials: credentials }, async (page) => {
      const sockets = [];
      page.on('websocket', (ws) => sockets.push(ws.url()));
      const source = path.join(dir, 'src/routes/docs/[...path]/+page.svelte');
      assert.equal((await page.goto(gate.url('dev.localhost', '/docs/x'), { waitUntil: 'networkidle' })).status(), 200);
      await textIs(page, 'h1', 'Docs');
      await page.evaluate(() => (window.sameDocument = true));
      fs.writeFileSync(source, fs.readFileSync(source, 'utf8').replace('Docs', 'Docs, edited'));
      await textIs(page, 'h1', 'Docs, edited');
      assert.equal(await page.evaluate(() => window.sameDocument), true);
      assert.ok(sockets.length > 0 && sockets.every((u) => u.startsWith(`wss://dev.localhost:${gate.port}/`)), String(sockets));
    });
    const line = await gate.line((l) => l.host === 'dev.localhost' && l.status === 101);
    assert.equal(line.identity, 'beta');
  });

  it('two tabs sync through the gate\'s own host for Hocuspocus', async () => {
    await withPage({ httpCredentials: credentials }, async (a) => {
      const b = await a.context().newPage();
      for (const page of [a, b]) await page.goto(gate.url('dev.localhost', '/doc'));
      for (const page of [a, b]) await textIs(page, '#status', 'synced');
      await a.click('#add');
      await textIs(b, '#text', 'x');
    });
  });

  it('without the login there is nothing but the API\'s health', async () => {
    for (const [host, at, status] of [
      ['dev.localhost', '/', 401], ['dev.localhost', '/@vite/client', 401], ['sync.dev.localhost', '/', 401],
      ['api.dev.localhost', '/', 401], ['api.dev.localhost', '/health', 200]
    ]) assert.equal((await gate.request({ host, path: at })).status, status, `${host}${at}`);
  });
});
