// Debian's web servers as origins, by hand, with configurations of our own, on loopback. Each says of each request whether what it reached
// is open or gated, by its own reading of the path: in X-Marker to the client, and in its log, with what the gate says of the request.
import { spawn } from 'node:child_process';
import fs from 'node:fs';
import http from 'node:http';
import os from 'node:os';
import path from 'node:path';
import url from 'node:url';
import { canConnect, freePort } from './ports.mjs';
import { until, within } from './wait.mjs';

// What all of them hold open: /open/ but /open/closed/, /docs/ but /docs/private/, and /api/health.
// Beside that each has one port where the name asked for decides: open.test is open, and what answers to any other name is gated.
const OPEN = '^/(open|docs)/', CLOSED = '^/(open/closed|docs/private)(/|$)', HEALTH = '/api/health';

const PATHS = `${process.env.PATH}:/usr/sbin:/sbin`;
const modules = '/usr/lib/apache2/modules';

/** A line of a log: marker, X-Forwarded-Host (`-`: not by way of the gate), X-Forwarded-User, the rest. */
function entry(line) {
  const m = /^(OPEN|GATED) (\S+) (\S+) (.*)$/.exec(line);
  return m && { marker: m[1], host: m[2] === '-' ? undefined : m[2], user: m[3] === '-' ? undefined : m[3], request: m[4] };
}

/** A server process with a folder of its own; without a `log` file its stdout is the log. lines() reads it anew. */
async function startServer(name, dir, argv, { ports, log = path.join(dir, 'stdout') }) {
  const out = fs.openSync(path.join(dir, 'stdout'), 'w');
  const child = spawn(argv[0], argv.slice(1), { cwd: dir, env: { ...process.env, PATH: PATHS }, stdio: ['ignore', out, 'pipe'] });
  fs.closeSync(out);
  let said = '', how;
  child.stderr.on('data', (d) => (said += d));
  const exited = new Promise((r) => child.once('close', r).once('error', (e) => r(e.message)));
  exited.then((h) => (how = h ?? 'a signal'));
  await until(`${name} to listen`, async () => {
    if (how !== undefined) throw new Error(`${name} ended with ${how}: ${said}`);
    return (await Promise.all(ports.map((p) => canConnect(p)))).every(Boolean);
  });
  return {
    name,
    lines: () => fs.readFileSync(log, 'latin1').split('\n').map(entry).filter(Boolean),
    async close() {
      child.kill('SIGTERM');
      await within(`${name} to end`, exited, 10000).catch(() => child.kill('SIGKILL'));
    }
  };
}

function folder() {
  const dir = fs.mkdtempSync(path.join(os.tmpdir(), 'tiergate-server-'));
  fs.chmodSync(dir, 0o755);
  process.on('exit', () => fs.rmSync(dir, { recursive: true, force: true }));
  return dir;
}

const variantsOf = (names, ports) => ({ variants: Object.fromEntries(names.map((n, i) => [n, ports[i]])), byName: ports.at(-1) });
const portsFor = (names) => Promise.all([...names, 'by name'].map(() => freePort()));

// --- nginx ----------------------------------------------------------------------------------------------------------------

const nginxReturn = (marker) => `add_header X-Marker ${marker} always; set $marker ${marker}; return 200 "${marker}";`;
const nginxLocations = (insensitive) => {
  const re = insensitive ? '~*' : '~';
  return `
    location / { ${nginxReturn('GATED')} }
    location = ${HEALTH} { ${nginxReturn('OPEN')} }
    location ${re} ${CLOSED} { ${nginxReturn('GATED')} }
    location ${re} ${OPEN} { ${nginxReturn('OPEN')} }`;
};

/** The path as nginx has made it goes on to a second server, which reads it once more. */
const nginxSecondHop = (back) => `
    location / { set $marker GATED; add_header X-Marker GATED always; return 200; }
    location /open/ { set $marker $upstream_http_x_marker; proxy_pass http://127.0.0.1:${back}/open/; }
    location /docs/ { set $marker $upstream_http_x_marker; proxy_pass http://127.0.0.1:${back}/docs/; }
    location = ${HEALTH} { ${nginxReturn('OPEN')} }`;

export async function startNginx() {
  const names = ['nginx', 'nginx-unmerged', 'nginx-nocase', 'nginx-twice'];
  const dir = folder(), ports = await portsFor(names);
  const server = (port, body, more = '') => `server { listen 127.0.0.1:${port} backlog=4096; ${more} ${body} }`;
  fs.writeFileSync(path.join(dir, 'nginx.conf'), `
    ${process.getuid() === 0 ? 'user www-data;' : ''} worker_processes 1; pid ${dir}/pid; error_log ${dir}/error.log;
    events { worker_connections 1024; }
    http {
      log_format marked '$marker $forwarded_host $forwarded_user $request'; access_log ${dir}/access.log marked;
      client_body_temp_path ${dir}/b; proxy_temp_path ${dir}/p; fastcgi_temp_path ${dir}/f; uwsgi_temp_path ${dir}/u; scgi_temp_path ${dir}/s;
      keepalive_requests 100000;
      map $http_x_forwarded_host $forwarded_host { "" "-"; default $http_x_forwarded_host; }
      map $http_x_forwarded_user $forwarded_user { "" "-"; default $http_x_forwarded_user; }
      ${server(ports[0], nginxLocations(false))}
      ${server(ports[1], nginxLocations(false), 'merge_slashes off;')}
      ${server(ports[2], nginxLocations(true))}
      ${server(ports[3], nginxSecondHop(ports[0]))}
      ${server(ports[4], `location / { ${nginxReturn('GATED')} }`)}
      server { listen 127.0.0.1:${ports[4]}; server_name open.test; location / { ${nginxReturn('OPEN')} } }
    }`);
  const started = await startServer('nginx', dir, ['nginx', '-p', dir, '-c', path.join(dir, 'nginx.conf'), '-g', 'daemon off;'], { ports, log: path.join(dir, 'access.log') });
  return { ...started, ...variantsOf(names, ports) };
}

// --- HAProxy --------------------------------------------------------------------------------------------------------------

const haproxyDecision = `
  http-request set-var(txn.marker) str(OPEN) if { var(txn.path) -m reg -i ${OPEN} } !{ var(txn.path) -m reg -i ${CLOSED} }
  http-request set-var(txn.marker) str(OPEN) if { var(txn.path) -m str ${HEALTH} }`;

const haproxyFrontend = (name, port, path_, normal = '', decision = haproxyDecision) => `
frontend ${name}
  bind 127.0.0.1:${port}
  ${normal}
  http-request set-var(txn.host) str(-)
  http-request set-var(txn.host) req.hdr(x-forwarded-host) if { req.hdr(x-forwarded-host) -m found }
  http-request set-var(txn.user) str(-)
  http-request set-var(txn.user) req.hdr(x-forwarded-user) if { req.hdr(x-forwarded-user) -m found }
  http-request set-var(txn.path) ${path_}
  http-request set-var(txn.marker) str(GATED)
  ${decision}
  http-request return status 200 content-type text/plain hdr X-Marker %[var(txn.marker)] lf-string %[var(txn.marker)]
`;

export async function startHaproxy() {
  const names = ['haproxy', 'haproxy-decoded', 'haproxy-normal'];
  const dir = folder(), ports = await portsFor(names);
  const normal = ['path-merge-slashes', 'path-strip-dot', 'path-strip-dotdot full', 'percent-decode-unreserved', 'percent-to-uppercase'];
  fs.writeFileSync(path.join(dir, 'haproxy.cfg'), `
global
  expose-experimental-directives
  log stdout format raw local0
defaults
  mode http
  log global
  log-format "%[var(txn.marker)] %[var(txn.host)] %[var(txn.user)] %r"
  timeout client 60s
  timeout server 60s
  timeout connect 5s
${haproxyFrontend(names[0], ports[0], 'path')}
${haproxyFrontend(names[1], ports[1], 'path,url_dec')}
${haproxyFrontend(names[2], ports[2], 'path', normal.map((n) => `http-request normalize-uri ${n}`).join('\n  '))}
${haproxyFrontend('by-name', ports[3], 'path', '', 'http-request set-var(txn.marker) str(OPEN) if { req.hdr(host) -m str open.test }')}
`);
  const server = await startServer('haproxy', dir, ['haproxy', '-f', path.join(dir, 'haproxy.cfg')], { ports });
  return { ...server, ...variantsOf(names, ports) };
}

// --- Apache ---------------------------------------------------------------------------------------------------------------

const apacheMarker = (marker) => `Header always set X-Marker ${marker}`;

function apacheLocations(i) {
  return `
    <Location "/">
      ${apacheMarker('GATED')}
    </Location>
    <LocationMatch "${i}${OPEN}">
      ${apacheMarker('OPEN')}
    </LocationMatch>
    <Location "${HEALTH}">
      ${apacheMarker('OPEN')}
    </Location>
    <LocationMatch "${i}${CLOSED}">
      ${apacheMarker('GATED')}
    </LocationMatch>
    <LocationMatch "^${HEALTH}/.">
      ${apacheMarker('GATED')}
    </LocationMatch>`;
}

/** What lies in the file system decides, however it was come by. */
const apacheFiles = (root) => `
    <Directory "${root}">
      ${apacheMarker('GATED')}
      Options MultiViews FollowSymLinks
    </Directory>
    ${['open', 'docs', 'api'].map((d) => `<Directory "${root}/${d}">\n ${apacheMarker('OPEN')}\n </Directory>`).join('\n')}
    ${['open/closed', 'docs/private'].map((d) => `<Directory "${root}/${d}">\n ${apacheMarker('GATED')}\n </Directory>`).join('\n')}`;

function makeFiles(root) {
  for (const d of ['open/closed', 'open/a', 'docs/private', 'docs/a', 'api', 'secret']) fs.mkdirSync(path.join(root, d), { recursive: true });
  for (const f of ['open/a/x', 'open/secret', 'open/closed/secret', 'docs/private/secret', 'api/health.txt', 'secret/secret', 'secret/a'])
    fs.writeFileSync(path.join(root, f), f);
}

export async function startApache() {
  const names = ['apache', 'apache-encoded', 'apache-nocase', 'apache-files'];
  const dir = folder(), ports = await portsFor(names), root = path.join(dir, 'root');
  makeFiles(root);
  const load = ['mpm_event', 'authz_core', 'headers', 'dir', 'negotiation', 'mime'].map((m) => `LoadModule ${m}_module ${modules}/mod_${m}.so`);
  const host = (port, body) => `<VirtualHost 127.0.0.1:${port}>\n${body}\n</VirtualHost>`;
  fs.writeFileSync(path.join(dir, 'apache.conf'), `
${load.join('\n')}
ServerRoot ${dir}
ServerName localhost
PidFile ${dir}/pid
Mutex pthread
${process.getuid() === 0 ? 'User www-data\nGroup www-data' : ''}
ErrorLog ${dir}/error.log
LogFormat "%{X-Marker}o %{X-Forwarded-Host}i %{X-Forwarded-User}i %r" marked
CustomLog ${dir}/access.log marked
DocumentRoot ${root}
TypesConfig /dev/null
AddType text/plain .txt
KeepAlive On
MaxKeepAliveRequests 0
ServerLimit 2
StartServers 1
ThreadsPerChild 64
MaxRequestWorkers 128
${ports.map((p) => `Listen 127.0.0.1:${p}`).join('\n')}
${host(ports[0], `AllowEncodedSlashes On\nMergeSlashes On\n${apacheLocations('')}`)}
${host(ports[1], `AllowEncodedSlashes NoDecode\nMergeSlashes Off\n${apacheLocations('')}`)}
${host(ports[2], `AllowEncodedSlashes On\n${apacheLocations('(?i)')}`)}
${host(ports[3], `AllowEncodedSlashes On\n${apacheFiles(root)}`)}
${host(ports[4], `ServerName any.test\n${apacheMarker('GATED')}`)}
${host(ports[4], `ServerName open.test\n${apacheMarker('OPEN')}`)}
`);
  const server = await startServer('apache2', dir, ['apache2', '-d', dir, '-f', path.join(dir, 'apache.conf'), '-DFOREGROUND'], { ports, log: path.join(dir, 'access.log') });
  return { ...server, ...variantsOf(names, ports) };
}

// --- Node -----------------------------------------------------------------------------------------------------------------

function decode(text) {
  try {
    return decodeURIComponent(text);
  } catch {
    return text.replace(/%([0-9a-f]{2})/gi, (_, hex) => String.fromCharCode(parseInt(hex, 16)));
  }
}

const raw = (target) => target.split('?')[0];
const normal = (p) => path.posix.normalize(p);

// How applications read req.url; some of these are mistakes that are made.
export const readings = {
  raw,
  whatwg: (t) => decode(new URL(t, 'http://h').pathname),
  legacy: (t) => decode(url.parse(t).pathname ?? '/'),
  decoded: (t) => normal(decode(raw(t))),
  'decoded first': (t) => normal(raw(decode(t).replace('#', '?'))),
  'decoded twice': (t) => normal(decode(decode(raw(t)))),
  'parameters dropped': (t) => normal(decode(raw(t).replace(/;[^/]*/g, ''))),
  'parameters dropped late': (t) => normal(decode(raw(t)).replace(/;[^/]*/g, '')),
  windows: (t) => path.win32.normalize(decode(raw(t))).replaceAll('\\', '/').replace(/[. ]+(?=\/|$)/g, ''),
  compatible: (t) => normal(decode(raw(t)).normalize('NFKC')),
  'in lower case': (t) => normal(decode(raw(t)).toLowerCase()),
  'ended by NUL': (t) => normal(decode(raw(t)).split('\0')[0])
};

const isOpen = (p) => p === HEALTH || (new RegExp(OPEN, 'i').test(p) && !new RegExp(CLOSED, 'i').test(p));

/** The readings by which a target reaches what is gated; one that throws reaches nothing. */
function gatedBy(target) {
  return Object.keys(readings).filter((name) => {
    try {
      return !isOpen(readings[name](target));
    } catch {
      return false;
    }
  });
}

export async function startNode() {
  const lines = [];
  const claims = ['x-original-url', 'x-rewrite-url', 'x-forwarded-uri', 'x-original-uri'];
  const server = http.createServer({ keepAliveTimeout: 60000 }, (req, res) => {
    const targets = [req.url, ...claims.map((c) => req.headers[c]).filter(Boolean)];
    const by = targets.flatMap(gatedBy);
    const marker = by.length ? 'GATED' : 'OPEN';
    lines.push({ marker, host: req.headers['x-forwarded-host'], user: req.headers['x-forwarded-user'], request: `${req.method} ${req.url} by ${by}` });
    req.resume();
    res.writeHead(200, { 'X-Marker': marker, 'Content-Length': marker.length });
    res.end(req.method === 'HEAD' ? undefined : marker);
  });
  const named = http.createServer((req, res) => res.writeHead(200, { 'X-Marker': req.headers.host === 'open.test' ? 'OPEN' : 'GATED', 'Content-Length': 0 }).end());
  for (const s of [server, named]) await new Promise((r) => s.listen(0, '127.0.0.1', 4096, r));
  return {
    name: 'node',
    lines: () => lines,
    variants: { node: server.address().port },
    byName: named.address().port,
    close() {
      for (const s of [server, named]) s.closeAllConnections();
      return Promise.all([server, named].map((s) => new Promise((r) => s.close(r))));
    }
  };
}
