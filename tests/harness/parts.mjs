// The real parts around the gate: the local Pages runtime, Hocuspocus, blackbox-exporter, Chromium.
import { execFileSync, spawn } from 'node:child_process';
import fs from 'node:fs';
import http from 'node:http';
import https from 'node:https';
import os from 'node:os';
import path from 'node:path';
import { authority } from './certs.mjs';
import { playwright } from './lib.mjs';
import { root } from './gate.mjs';
import { canConnect, freePort } from './ports.mjs';
import { descendantsOf } from './proc.mjs';
import { until } from './wait.mjs';

const parts = path.join(root, 'tests/parts');

/** A program that listens; ended with all of its children. */
export async function start(what, argv, port, { env = {}, cwd = parts, ms = 60000, ready } = {}) {
  const child = spawn(argv[0], argv.slice(1), { cwd, env: { ...process.env, ...env }, stdio: ['ignore', 'pipe', 'pipe'] });
  let said = '';
  let gone = false;
  child.stdout.on('data', (d) => (said += d));
  child.stderr.on('data', (d) => (said += d));
  const ended = new Promise((r) => child.once('close', () => r((gone = true))));
  const part = {
    port,
    url: `http://127.0.0.1:${port}`,
    get said() {
      return said;
    },
    async stop() {
      const all = gone ? [] : [...descendantsOf(child.pid)];
      child.kill('SIGTERM');
      await Promise.race([ended, until('never', () => gone, 5000).catch(() => child.kill('SIGKILL'))]);
      for (const p of all) {
        try {
          process.kill(p, 'SIGKILL');
        } catch {
          // gone with its parent
        }
      }
    }
  };
  try {
    await until(`${what} to listen`, async () => {
      if (gone) throw new Error(`${what} ended`);
      return (await canConnect(port)) && (!ready || (await ready()));
    }, ms, 50);
  } catch (e) {
    await part.stop();
    throw new Error(`${e.message}\n${said.slice(-3000)}`);
  }
  return part;
}

/** What an origin of this machine answers, its certificate being the test authority's: the status, or undefined. */
const statusOf = (url) => new Promise((resolve) => {
  const { get } = url.startsWith('https:') ? https : http;
  get(url, { ca: authority().pem, servername: 'localhost' }, (r) => (r.resume(), resolve(r.statusCode))).on('error', () => resolve());
});

/**
 * A SvelteKit build on the local Pages runtime; `dir` is another build than the usual one, `tls` a pair of files for `localhost`, which it
 * then serves as https.
 */
export async function startPages({ marker, sync = '', dir = path.join(parts, 'web/.svelte-kit/cloudflare'), bindings = {}, tls }) {
  const port = await freePort();
  const home = fs.mkdtempSync(path.join(os.tmpdir(), 'tiergate-pages-'));
  const env = {
    CI: '1', WRANGLER_SEND_METRICS: 'false', NO_COLOR: '1', WRANGLER_HIDE_BANNER: 'true', CLOUDFLARE_CF_FETCH_ENABLED: 'false',
    WRANGLER_LOG_PATH: home, HOME: home, XDG_CONFIG_HOME: home
  };
  const argv = [
    process.execPath, path.join(parts, 'node_modules/wrangler/wrangler-dist/cli.js'), 'pages', 'dev',
    dir, '--ip', '127.0.0.1', '--port', String(port),
    '--compatibility-date=2026-04-01', '--compatibility-flags=nodejs_compat', '--inspector-port', '0',
    '--show-interactive-dev-session=false', '--persist-to', path.join(home, 'state'),
    '--binding', `MARKER=${marker}`, '--binding', `SYNC_URL=${sync}`,
    ...(tls ? ['--local-protocol', 'https', '--https-cert-path', tls.cert, '--https-key-path', tls.key] : []),
    ...Object.entries(bindings).flatMap(([name, value]) => ['--binding', `${name}=${value}`])
  ];
  const part = await start('wrangler', argv, port, {
    env, cwd: home, ready: async () => (await statusOf(`http${tls ? 's' : ''}://127.0.0.1:${port}/api/health`)) === 200
  });
  if (tls) part.url = `https://localhost:${port}`;
  const stop = part.stop;
  part.stop = async () => {
    await stop();
    fs.rmSync(home, { recursive: true, force: true });
  };
  return part;
}

export async function startHocuspocus() {
  const port = await freePort();
  return start('hocuspocus', [process.execPath, path.join(parts, 'sync.mjs'), String(port)], port);
}

/** blackbox-exporter; probe(module, url) gives its metrics as text. */
export async function startBlackbox() {
  const port = await freePort();
  const config = path.join(authority().dir, 'blackbox.yml');
  fs.writeFileSync(config, fs.readFileSync(path.join(parts, 'blackbox.yml'), 'utf8').replaceAll('@CA@', authority().certFile));
  const part = await start('blackbox-exporter', [
    'prometheus-blackbox-exporter', `--config.file=${config}`, `--web.listen-address=127.0.0.1:${port}`
  ], port);
  part.probe = async (module, target, hostname) => {
    const q = new URLSearchParams({ module, target, ...(hostname ? { hostname } : {}) });
    return (await fetch(`${part.url}/probe?${q}`)).text();
  };
  return part;
}

/** The HTTP that Chromium speaks at best; TIERGATE_HTTP says it. */
export const chromiumVersion = process.env.TIERGATE_HTTP ?? '2';

/**
 * How to launch Debian's Chromium so that it trusts the test authority, and finds what `map` says and nothing else; `home` is the caller's
 * to remove. It speaks HTTP/2, or with TIERGATE_HTTP=1 HTTP/1.1 alone.
 */
export function chromiumOptions(map) {
  const home = fs.mkdtempSync(path.join(os.tmpdir(), 'tiergate-chromium-'));
  const store = path.join(home, '.pki/nssdb');
  fs.mkdirSync(store, { recursive: true });
  execFileSync('certutil', ['-d', `sql:${store}`, '-N', '--empty-password']);
  execFileSync('certutil', ['-d', `sql:${store}`, '-A', '-t', 'C,,', '-n', 'test-ca', '-i', authority().certFile]);
  const launch = {
    executablePath: '/usr/bin/chromium',
    headless: true,
    chromiumSandbox: false,
    env: { ...process.env, HOME: home },
    args: [
      '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking', '--disable-component-update',
      '--disable-sync', '--disable-dev-shm-usage', ...(chromiumVersion === '1' ? ['--disable-http2'] : []), `--host-resolver-rules=${map}, MAP * ~NOTFOUND, EXCLUDE 127.0.0.1`
    ]
  };
  return { home, launch };
}

/** Chromium that finds `hosts` on this machine. */
export async function startChromium(hosts) {
  const { home, launch } = chromiumOptions(hosts.map((h) => `MAP ${h} 127.0.0.1`).join(', '));
  const browser = await playwright().chromium.launch(launch);
  return {
    browser,
    async stop() {
      await browser.close();
      fs.rmSync(home, { recursive: true, force: true });
    }
  };
}
