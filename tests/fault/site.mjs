// The site of the fault sweeps: hosts of every kind, and an origin that holds each request against what its sender may do.
import { createHash } from 'node:crypto';
import fs from 'node:fs';
import http from 'node:http';
import https from 'node:https';
import path from 'node:path';
import { authority } from '../harness/certs.mjs';
import { startDns } from '../harness/dns.mjs';
import { Fault } from '../harness/fault.mjs';
import { Gate, tiergate } from '../harness/gate.mjs';
import { WebSocketServer } from '../harness/lib.mjs';
import { freePort } from '../harness/ports.mjs';
import { openFiles, hidesFiles } from '../harness/proc.mjs';
import { sleep, until } from '../harness/wait.mjs';
import { basic, connect, requestBytes } from '../harness/wire.mjs';

export const PASSWORD = 'correct horse';
const KEY = 'the-lock-of-the-origin-0123456789';
const USERS = 300;
export const BIG = 300 * 1024;
/** The one address that is believed without TLS. */
export const PROXY = '127.0.0.9';
/** No answer within this time is a hang. */
export const PATIENCE = process.env.TIERGATE_SANITIZED ? 20000 : 4000;

export const at = (name) => `${name}.example.test`;
export const userOf = (n) => `u${n % USERS}`;

function rules(o, ports, dir) {
  const gated = [
    { name: 'closed', path: ['/pub/private', '/pub/private/*'], action: 'block' },
    { name: 'nothing', path: 're:^/pub/no[a-z]*$', action: 'block' },
    { name: 'pub', path: ['/pub', '/pub/*'], action: 'bypass' },
    { name: 'version', path: 're:^/v\\d+/health$', methods: ['GET', 'HEAD'], action: 'bypass' },
    { name: 'lan', path: '/lan/*', action: 'bypass', require: ['ip:10.0.0.0/8'] },
    { name: 'not-here', path: '/away/*', action: 'bypass', except: ['ip:127.0.0.0/8'] },
    { name: 'few', path: '/few/*', action: 'allow', who: ['basic:u0'] },
    { name: 'else', path: '/*', action: 'allow', except: ['ip:192.0.2.0/24'] }
  ];
  const origin = (url, more = {}) => ({ url, headers: { 'X-Origin-Key': 'env:ORIGIN_KEY' }, connect_timeout: '2s', first_byte_timeout: '3s', ...more });
  const host = (name, origin, gate = 'app') => ({ host: at(name), origin, gate, rules: 'gated' });
  return {
    tier: 'test',
    listen: [{ address: `127.0.0.1:${ports.tls}` }, { address: `127.0.0.1:${ports.plain}`, plain: true }],
    client_address: { trusted_proxies: [`${PROXY}/32`] },
    gates: {
      app: { basic: { realm: 'app', htpasswd: path.join(dir, 'users') }, session: { domain: 'example.test' } },
      other: { basic: { realm: 'other', users: { u0: 'env:OTHER_PASSWORD' } } }
    },
    origins: {
      web: origin(o.plain),
      tls: origin(o.tls, { tls: { ca: authority().certFile }, host: 'origin.example.test' }),
      evil: origin(o.evil, { tls: { ca: authority().certFile }, host: 'origin.example.test' }),
      named: origin(`http://pr-{n}.origin.test:${o.port}`)
    },
    rulesets: { gated },
    hosts: [
      { host: at('open'), origin: 'web', public: true, rules: [{ path: '/*', action: 'bypass' }] },
      host('app', 'web'), host('secure', 'tls'), host('evil', 'evil'), host('pr-{n:int}', 'named'), host('other', 'web', 'other')
    ],
    limits: {
      login_failures_per_user: 100000, login_failures_per_address: 100000, connections_per_address: 10000, drain_timeout: '2s', tunnel_grace: '200ms',
      header_timeout: '3s', body_timeout: '3s', handshake_timeout: '3s'
    }
  };
}

/* --- the origin --------------------------------------------------------------------------------------------------- */

const isOpen = (host, url) =>
  host.startsWith('open.') || url === '/door' || (/^\/pub(\/|$)/.test(url) && !/^\/pub\/private(\/|$)/.test(url)) || /^\/v\d+\/health$/.test(url);

/** What must never come through the gate; each request says of itself what it may be (X-Claim, X-Mine). */
function breachesOf(req, evil) {
  const h = req.headers;
  const url = req.url.split('?')[0];
  const user = h['x-forwarded-user'];
  const out = [];
  const bad = (when, what) => when && out.push(`${what}: ${req.method} ${h['x-forwarded-host']}${req.url} as ${user}, claims ${h['x-claim']}`);
  bad(evil, 'a request to an origin that did not prove itself');
  const open = isOpen(h['x-forwarded-host'] ?? '', url);
  bad(!open && (!user || user !== h['x-claim']), 'OPEN DOOR');
  bad(!open && url.startsWith('/few/') && user !== 'u0', 'OPEN DOOR for another user');
  bad(/^\/(lan|away)\//.test(url) && !user, 'OPEN DOOR by address');
  bad(/^\/pub\/(private|no)/.test(url), 'OPEN DOOR past a block');
  bad(open && user, 'an identity on a bypassed path');
  bad(h['x-origin-key'] !== KEY, 'the lock is missing');
  bad(/^basic /i.test(h.authorization ?? ''), 'the password went on');
  bad(/tiergate/.test(h.cookie ?? ''), 'the cookie went on');
  bad(user === 'admin' || h['x-real-ip'] || h['cf-connecting-ip'], 'a forged field went on');
  bad(h['x-mine'] && h['x-forwarded-for'] && h['x-forwarded-for'] !== h['x-mine'], 'a wrong client address');
  return out;
}

class Origin {
  constructor(breaches) {
    this.breaches = breaches;
    this.sockets = new Set();
    this.posts = new Map();
    this.servers = [];
  }
  async listen(server) {
    server.keepAliveTimeout = 60000;
    server.on('connection', (s) => {
      this.sockets.add(s);
      s.on('error', () => {});
      s.on('close', () => this.sockets.delete(s));
    });
    server.on('tlsClientError', () => {});
    server.on('clientError', (_, s) => s.destroy());
    server.on('upgrade', (req, socket, head) => this.upgrade(req, socket, head));
    this.servers.push(server);
    await new Promise((r) => server.listen(0, '127.0.0.1', r));
    return server.address().port;
  }
  judge(req, evil = false) {
    this.breaches.push(...breachesOf(req, evil));
  }
  upgrade(req, socket, head) {
    this.judge(req);
    this.wss ??= new WebSocketServer({ noServer: true, perMessageDeflate: false });
    this.wss.handleUpgrade(req, socket, head, (ws) => {
      ws.on('error', () => {});
      ws.on('message', (d, isBinary) => ws.send(d, { binary: isBinary }));
    });
  }
  handler(evil) {
    return (req, res) => {
      this.judge(req, evil);
      res.on('error', () => {});
      const nonce = req.headers['x-nonce'] ?? '';
      const hash = createHash('sha256');
      let length = 0;
      req.on('data', (d) => {
        hash.update(d);
        length += d.length;
      });
      req.on('error', () => {});
      req.on('end', () => this.answer(req, res, { nonce, length, sha256: hash.digest('hex') }));
    };
  }
  answer(req, res, seen) {
    const url = req.url.split('?')[0];
    if (req.method === 'POST') {
      const times = (this.posts.get(seen.nonce) ?? 0) + 1;
      this.posts.set(seen.nonce, times);
      if (times > 1) this.breaches.push(`a POST came ${times} times`);
      const { 'x-length': length, 'x-sha256': sha256 } = req.headers;
      if (length && (Number(length) !== seen.length || sha256 !== seen.sha256)) this.breaches.push(`a body of ${seen.length} of ${length} bytes passed for whole`);
    }
    if (url.endsWith('/reset')) return res.socket.destroy();
    if (url.endsWith('/half')) {
      res.writeHead(200, { 'X-Nonce': seen.nonce, 'X-Origin': 'web', 'Content-Length': 1000 });
      res.write('half');
      return setTimeout(() => res.socket?.destroy(), 1);
    }
    if (url.endsWith('/big')) {
      res.writeHead(200, { 'X-Nonce': seen.nonce, 'X-Origin': 'web' });
      for (let left = BIG; left > 0; left -= 8192) res.write('x'.repeat(Math.min(8192, left)));
      return res.end();
    }
    const body = JSON.stringify(seen);
    res.writeHead(200, { 'X-Nonce': seen.nonce, 'X-Origin': 'web', 'Content-Length': body.length, 'Set-Cookie': 'app=1' });
    res.end(req.method === 'HEAD' ? undefined : body);
  }
  dropAll() {
    for (const s of this.sockets) s.destroy();
  }
  close() {
    this.dropAll();
    return Promise.all(this.servers.map((s) => new Promise((r) => s.close(r))));
  }
}

/* --- the whole ---------------------------------------------------------------------------------------------------- */

async function hashedPassword() {
  const made = await tiergate(['passwd', '--bcrypt', '--cost', '4', 'u'], { input: `${PASSWORD}\n` });
  return made.stdout.trim().slice(2);
}

async function writeUsers(file) {
  const hash = await hashedPassword();
  fs.writeFileSync(file, Array.from({ length: USERS }, (_, n) => `u${n}:${hash}\n`).join(''));
}

export class FaultSite {
  static async start({ threads = 1 } = {}) {
    const site = new FaultSite();
    site.breaches = [];
    site.dir = fs.mkdtempSync(path.join((await import('node:os')).tmpdir(), 'tiergate-fault-'));
    fs.chmodSync(site.dir, 0o755);
    process.on('exit', () => fs.rmSync(site.dir, { recursive: true, force: true }));
    site.fault = new Fault(site.dir);
    site.origin = new Origin(site.breaches);
    const pair = (name) => {
      const p = authority().issue([name]);
      return { cert: fs.readFileSync(p.cert), key: fs.readFileSync(p.key) };
    };
    site.originPort = await site.origin.listen(http.createServer(site.origin.handler(false)));
    const secure = await site.origin.listen(https.createServer(pair('origin.example.test'), site.origin.handler(false)));
    const evil = await site.origin.listen(https.createServer(pair('imposter.example.test'), site.origin.handler(true)));
    site.dns = await startDns(new Proxy({}, { get: () => ['127.0.0.1'] }), { ttl: 300 });
    site.ports = { tls: await freePort(), plain: await freePort() };
    site.users = path.join(site.dir, 'users');
    await writeUsers(site.users);
    site.rules = rules(
      { plain: `http://127.0.0.1:${site.originPort}`, port: site.originPort, tls: `https://127.0.0.1:${secure}`, evil: `https://127.0.0.1:${evil}` },
      site.ports, site.dir
    );
    site.env = { ...site.fault.env, OTHER_PASSWORD: 'battery staple', ORIGIN_KEY: KEY };
    site.gate = await Gate.start({
      rules: site.rules, port: site.ports.tls, threads, args: ['--resolver', site.dns.server], names: ['example.test', '*.example.test'],
      env: site.env
    });
    site.order = {};
    site.warm = new Set();
    site.user = 0;
    site.name = 1000;
    site.nonce = 0;
    site.mine = 0;
    return site;
  }
  async stop() {
    this.fault.disarm();
    this.forgetLoaders();
    try {
      await this.gate.stop();
    } finally {
      await this.origin.close();
      await this.dns.close();
      this.fault.close();
    }
  }

  /** What a sanitizer said of a loader that libcrypto ended under it: the sweeps have judged that end. */
  forgetLoaders() {
    const { gate, fault } = this;
    gate.stderr = gate.stderr.replace(/==(\d+)==ERROR: /g, (all, pid) => (Number(pid) === fault.worker ? all : `==${pid}== loader: `));
  }

  /** A user whose password tiergate has not seen; when all are used up, all get new hashes. */
  async freshUser() {
    if (this.user === USERS) {
      await writeUsers(this.users);
      await this.gate.reload(undefined, /reload: ok/);
      this.user = 0;
      this.cookies = undefined;
    }
    return `u${this.user++}`;
  }
  freshName() {
    return at(`pr-${this.name++}`);
  }
  freshNonce() {
    return `n${this.nonce++}`;
  }
  /** A source address of its own, so that no count of one try touches the next. */
  freshAddress() {
    const n = this.mine++ % 60000;
    return `127.7.${n >> 8}.${(n & 255) || 255}`;
  }

  plain() {
    return connect({ port: this.ports.plain, plain: true, localAddress: PROXY, ms: PATIENCE });
  }
  async tls(name = 'app', more = {}) {
    const localAddress = more.localAddress ?? this.freshAddress();
    const wire = await connect({ port: this.ports.tls, servername: at(name), ca: authority().pem, ms: PATIENCE, ...more, localAddress });
    wire.mine = localAddress;
    return wire;
  }

  /** Good cookies of both gates, made without faults. */
  async needCookies() {
    if (this.cookies) return;
    const login = async (host, user, password) => {
      const r = await this.gate.request({ host, path: '/', headers: { Authorization: basic(user, password), 'X-Claim': user } });
      return r.get('set-cookie')?.split(',').find((c) => c.includes('tiergate'))?.split(';')[0];
    };
    this.cookies = { app: await login(at('app'), await this.freshUser(), PASSWORD), other: await login(at('other'), 'u0', 'battery staple') };
    this.cookieUser = `u${this.user - 1}`;
    if (!this.cookies.app || !this.cookies.other) throw new Error('no cookie to begin with');
  }

  get files() {
    try {
      return hidesFiles(this.fault.worker) ? 0 : openFiles(this.fault.worker);
    } catch {
      return -1; // it has ended
    }
  }
  /** Nothing of the last scenario is left in the worker. */
  async rest(ms = PATIENCE) {
    this.origin.dropAll();
    if (this.restFiles === undefined) return undefined;
    const end = Date.now() + ms;
    const { worker } = this.fault;
    while (this.files !== this.restFiles) {
      if (this.files === -1 || this.fault.worker !== worker) return undefined; // the sweep tells
      if (Date.now() > end) return `${this.files} descriptors at rest instead of ${this.restFiles}`;
      await sleep(1);
      this.origin.dropAll();
    }
    return undefined;
  }
  async findRest() {
    let last = -1;
    await until('descriptors to settle', async () => {
      this.origin.dropAll();
      await sleep(300);
      const now = this.files;
      const same = now === last;
      last = now;
      return same;
    });
    this.restFiles = last;
    this.restWorker = this.fault.worker;
    return undefined;
  }
}

export { basic, requestBytes };
