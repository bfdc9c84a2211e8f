// rules/plyr.json as it stands, with an app on this machine in the place of plyr.fm's: only addresses are other ones (where the gate listens, its
// certificate, the two origins, GitHub, the mail server). The front is an app that can be installed, renders on its server from the gated API by
// the token `ssr`, and tells what it was asked; the API has CORS of its own, or none (`api.cors`).
import crypto from 'node:crypto';
import fs from 'node:fs';
import http from 'node:http';
import https from 'node:https';
import os from 'node:os';
import path from 'node:path';
import { authority } from './certs.mjs';
import { startDns } from './dns.mjs';
import { Fault, missing } from './fault.mjs';
import { Gate, root } from './gate.mjs';
import { startGithub } from './github.mjs';
import { png } from './pages.mjs';
import { freePort } from './ports.mjs';
import { hashOf } from './signin-site.mjs';
import { startSmtp } from './smtp.mjs';
import { endAll } from './wait.mjs';

export const STG = 'stg.plyr.fm', API = 'api-stg.plyr.fm';
export const ORIGIN_KEY = 'key of the origins';

/** The file, read as it stands; the harness says where to listen. */
export function plyrRules() {
  const text = fs.readFileSync(path.join(root, 'rules/plyr.json'), 'utf8');
  const rules = JSON.parse(text.replace(/"(?:\\.|[^"\\])*"|\/\/.*$/gm, (m) => (m.startsWith('//') ? '' : m)));
  for (const key of ['$schema', 'listen', 'certificates']) delete rules[key];
  return rules;
}

async function serve(handle, part = {}) {
  part.requests = [];
  const server = http.createServer((req, res) => {
    part.requests.push({ method: req.method, url: req.url, headers: req.headers });
    handle(req, res, part);
  });
  await new Promise((r) => server.listen(0, '127.0.0.1', r));
  part.url = `http://127.0.0.1:${server.address().port}`;
  part.close = () => (server.closeAllConnections(), new Promise((r) => server.close(r)));
  return part;
}

const appScript = (port) => `const api = 'https://${API}:${port}';
globalThis.ask = (path, more) => fetch(api + path, { credentials: 'include', ...more }).then(
  async (r) => ({ status: r.status, redirected: r.redirected, body: await r.json().catch(() => undefined) }), (e) => ({ failed: String(e) }));
const $ = (id) => document.getElementById(id);
async function load() {
  const r = await ask('/tracks');
  $('said').textContent = r.status === 200 ? 'tracks' : r.status === 401 ? 'signed out' : String(r.status ?? r.failed);
}
if ($('draft')) {
  $('draft').value = localStorage.draft ?? '';
  $('draft').oninput = () => (localStorage.draft = $('draft').value);
  $('go').onclick = () => (location.href = '/.tiergate/sign-in');
  $('renew').onclick = () => tiergate.renew().then(load, (e) => ($('said').textContent = String(e)));
  load();
  navigator.serviceWorker?.register('/sw.js').catch((e) => ($('worker').textContent = String(e)));
}`;

// As apps have them: the shell is kept, pages come from the network as long as there is one.
const workerScript = (version) => `const version = ${version};
oninstall = (e) => { skipWaiting(); e.waitUntil(caches.open('shell').then((c) => c.addAll(['/shell', '/app.js', '/.tiergate/session.js']))); };
onactivate = (e) => e.waitUntil(clients.claim());
onfetch = (e) => {
  const kept = () => caches.match(e.request.mode === 'navigate' ? '/shell' : e.request);
  if (new URL(e.request.url).origin !== location.origin || new URL(e.request.url).pathname === '/sw.js') return;
  if (e.request.mode === 'navigate' || /\\.js$/.test(e.request.url)) e.respondWith(fetch(e.request).catch(async (err) => (await kept()) ?? Promise.reject(err)));
};
onmessage = (m) => m.ports[0].postMessage(version);`;

const page = (req, title = 'plyr') => `<!doctype html><html lang="en"><title>${title}</title><link rel="manifest" href="/manifest.webmanifest">
<link rel="icon" href="/icons/icon-192.png"><h1>${title}</h1><p id="path">${req.url.replaceAll('&', '&amp;').replaceAll('<', '&lt;')}</p>
<p id="who">${req.headers['cf-access-authenticated-user-email'] ?? ''}</p><input id="draft"><button id="go">go and sign in</button>
<button id="renew">sign in</button><p id="said"></p><p id="worker"></p><script src="/.tiergate/session.js"></script><script src="/app.js"></script></html>`;

const manifest = {
  name: 'plyr', short_name: 'plyr', id: '/', start_url: '/?source=pwa', scope: '/', display: 'standalone', background_color: '#000000', theme_color: '#000000',
  icons: [192, 512].map((n) => ({ src: `/icons/icon-${n}.png`, sizes: `${n}x${n}`, type: 'image/png' }))
};

/** What the front's own server fetches from the API, through the gate. */
function fetchBySsr(port, token) {
  return new Promise((resolve, reject) => {
    https.get({
      host: '127.0.0.1', port, servername: API, ca: authority().pem, path: '/tracks', agent: false,
      headers: { Host: `${API}:${port}`, 'CF-Access-Client-Id': 'ssr', 'CF-Access-Client-Secret': token, Authorization: 'Bearer of the app' }
    }, (r) => {
      let text = '';
      r.on('data', (d) => (text += d)).on('error', reject).on('end', () => resolve({ status: r.statusCode, cookies: r.headers['set-cookie'], text }));
    }).on('error', reject);
  });
}

function front(req, res, part) {
  const at = new URL(req.url, 'http://origin.invalid');
  const say = (type, text) => res.setHeader('Content-Type', type).end(text);
  if (at.pathname === '/manifest.webmanifest') return say('application/manifest+json', JSON.stringify(manifest));
  if (at.pathname.startsWith('/icons/')) return say('image/png', png(Number(/\d+/.exec(at.pathname)), Number(/\d+/.exec(at.pathname))));
  if (at.pathname === '/sw.js') return say('text/javascript', workerScript(part.version));
  if (at.pathname === '/app.js') return say('text/javascript', appScript(part.gatePort));
  if (at.pathname === '/shell') return say('text/html', page(req, 'plyr, without a network'));
  if (at.pathname === '/rendered')
    return fetchBySsr(part.gatePort, part.ssr).then((r) => say('text/html', `<title>rendered</title><pre id="rendered">${JSON.stringify(r)}</pre>`), (e) => res.destroy(e));
  return say('text/html', page(req));
}

function api(req, res, part) {
  const { origin } = req.headers;
  if (part.cors && origin) {
    res.setHeader('Access-Control-Allow-Origin', origin).setHeader('Access-Control-Allow-Credentials', 'true').setHeader('Vary', 'Origin');
    if (req.method === 'OPTIONS')
      return res.writeHead(204, { 'Access-Control-Allow-Headers': 'authorization, content-type', 'Access-Control-Allow-Methods': 'GET, PUT' }).end();
  }
  return res.setHeader('Content-Type', 'application/json').end(JSON.stringify({ path: req.url, headers: req.headers }));
}

class Plyr {
  url(host, at = '/') {
    return this.gate.url(host, at);
  }
  get names() {
    return [STG, API, 'github.example.test'];
  }
  /** How a person goes on from the sign-in page, in Chromium. */
  async byGithub(p, login = 'alice') {
    await p.getByRole('link', { name: 'Continue with GitHub' }).click();
    await p.getByRole('button', { name: `Authorize as ${login}`, exact: true }).click();
  }
  async askForCode(p, email) {
    await p.getByLabel('E-mail address').fill(email);
    await p.getByRole('button', { name: 'Send me a code' }).click();
    await p.getByLabel('Code from the mail').waitFor();
  }
  async code(email) {
    return /(?<!\d)\d{4} ?\d{4}(?!\d)/.exec((await this.post.next(email)).text)[0];
  }
  async enter(p, code) {
    await p.getByLabel('Code from the mail').fill(code);
    await p.getByRole('button', { name: 'Sign in', exact: true }).click();
  }
  async byPin(p, email = 'dev@plyr.fm') {
    await this.askForCode(p, email);
    await this.enter(p, await this.code(email));
  }
  /** So much later, for the gate and for GitHub; not where `slow` says why. */
  wait(seconds) {
    this.later = (this.later ?? 0) + seconds;
    this.fault.setClock(this.later);
    this.github.world.skewMs = this.later * 1000;
  }
  async stop() {
    await endAll(this.gate, this.github, this.post, this.front, this.api, this.dns);
    this.fault?.close();
    fs.rmSync(this.dir, { recursive: true, force: true });
  }
}

export async function startPlyr() {
  const site = new Plyr(), port = await freePort();
  site.tokens = { smoke: `tgs_${crypto.randomBytes(32).toString('base64url')}`, ssr: `tgs_${crypto.randomBytes(32).toString('base64url')}` };
  site.dir = fs.mkdtempSync(path.join(os.tmpdir(), 'tiergate-plyr-'));
  fs.chmodSync(site.dir, 0o755);
  site.withoutClock = missing;
  try {
    const callback = `https://${STG}:${port}/.tiergate/github/callback`;
    [site.front, site.api, site.post, site.github] = await Promise.all([
      serve(front, { version: 1, gatePort: port, ssr: site.tokens.ssr }), serve(api), startSmtp(), startGithub({
        apps: [{ clientId: 'client', clientSecret: 'client-secret', callback }],
        users: { alice: { orgs: { 'plyr-fm': 'active' } }, paul: { orgs: { 'plyr-fm': 'pending' } }, mallory: {}, someone: {} }
      })
    ]);
    site.dns = await startDns({ 'github.example.test': ['127.0.0.1'], 'mail.example.test': ['127.0.0.1'] });
    site.rules = plyrRules();
    site.rules.origins.web.url = site.front.url;
    site.rules.origins.api.url = site.api.url;
    site.rules.gates.team.github.base_url = site.github.url;
    site.rules.gates.team.email_pin.smtp = site.post.smtps;
    if (!missing) site.fault = new Fault(site.dir);
    const env = {
      TIERGATE_SECRET: crypto.randomBytes(32).toString('base64url'), GITHUB_CLIENT_ID: 'client', GITHUB_CLIENT_SECRET: 'client-secret',
      SMTP_PASSWORD: site.post.password, SMOKE_TOKEN_HASH: hashOf(site.tokens.smoke), SSR_TOKEN_HASH: hashOf(site.tokens.ssr), ORIGIN_KEY,
      SSL_CERT_FILE: authority().certFile, ...site.fault?.env
    };
    site.gate = await Gate.start({ rules: site.rules, port, env, names: [STG, API], args: ['--resolver', site.dns.server] });
    return site;
  } catch (e) {
    await site.stop().catch(() => {});
    throw e;
  }
}
