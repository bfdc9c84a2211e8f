// Debian's nginx, HAProxy and Apache, and Node's http, each configured in several ways, behind the gate: whatever path, host or request an
// anonymous client makes, none of them says that it reached what is gated. The very same requests sent to them directly do reach it.
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { Gate } from '../harness/gate.mjs';
import { exchange, pipeline } from '../harness/pipeline.mjs';
import { freePort } from '../harness/ports.mjs';
import { startApache, startHaproxy, startNginx, startNode } from '../harness/servers.mjs';
import { PASSWORD, secrets } from '../harness/site.mjs';
import { vectors } from '../harness/vectors.mjs';
import { endAll, sleep, until } from '../harness/wait.mjs';
import { basic } from '../harness/wire.mjs';

const READ = ['GET', 'HEAD'];
const rules = [
  { path: '/docs/private/*', action: 'allow' },
  { path: '/open/closed/*', action: 'block' },
  { path: '/api/health', methods: READ, action: 'bypass' },
  { path: '/docs/*', methods: READ, action: 'bypass' },
  { path: '/open/*', action: 'bypass' },
  { path: '/*', action: 'allow' }
];

// --- what is asked --------------------------------------------------------------------------------------------------------

const symbols = [
  '/', '.', '..', '%2e', '%2F', '%5c', '%25', ';', '\\', '?', 'a', 'secret', 'closed', 'private', '%3b', '%20', 'A', '%c0%ae', '%ef%bc%8f', '%E2%80%A5', '%3F', ':', '%61'
];

const few = ['/', '.', '..', '%2e', '%2f', '%5c', ';', 'a', 'secret', '%25', '%3f'];

/** All words of up to n symbols. */
function* words(n, of = symbols) {
  yield '';
  if (n > 0) for (const head of words(n - 1, of)) for (const s of of) yield head + s;
}

const unique = (list) => [...new Set(list)];

function generated() {
  const out = [];
  for (const w of words(3)) out.push(`/open/${w}`);
  for (const w of words(4, few)) out.push(`/docs/${w}`);
  for (const w of words(2)) out.push(`/docs/${w}`, `/docs${w}`, `/open${w}`, `/api/health${w}`, `/open/${w}/secret`, `/open/a/${w}/../secret`, `/docs/a${w}private/secret`, `/${w}/open/a`);
  return unique(out);
}

// Seen in the advisories of other proxies and gates.
const seenElsewhere = [
  '/docs/../admin', '/docs/./../admin', '/docs/..', '/../../x', '/docs/%2e%2e/admin', '/docs/.%2e/', '/docs%2f..%2fadmin', '/docs/..%2fadmin', '/docs/..%5cadmin',
  '/docs/..;/admin', '/docs/..;foo=bar/admin', '/docs;x/', '/api/health;/../admin', '/docs../admin', '/docs%2e%2e/admin', '/docsX', '/admin?x=/docs/', '/admin?/api/health',
  '/admin%23/docs/', '//docs/x', '/docs//x', '/docs///../admin', '///', '/DOCS/x', '/docs/%41', '/docs/%252e%252e/admin', '/docs/%25252f', '/docs/%c0%ae%c0%ae/', '/docs/%e0%80%af',
  '/docs/\\..\\admin', '/docs\\x', '/api/health/', '/api/health/x', '/api/health.', '/api/health%20', '/api/health.json', '/docs/PRIVATE/x', '/docs/Private', '/open/CLOSED/x',
  '/docs/private', '/docs/private/', '/docs/private%20/x', '/docs/private./x', '/docs/priv%61te/x', '/docs/private%2fx', '/docs/x/..%2fprivate/x', '/open/%e2%80%a5/secret'
];

const methods = ['GET', 'HEAD', 'POST', 'PUT', 'DELETE', 'OPTIONS', 'PATCH', 'get', 'PROPFIND', 'PURGE'];
const claims = ['X-Original-URL', 'X-Rewrite-URL', 'X-Forwarded-Uri', 'X_Original_URL', 'X-Original-URI', 'X.Rewrite.URL'];
const bodiless = (method) => (['POST', 'PUT', 'PATCH'].includes(method) ? 'Content-Length: 0\r\n' : '');

/** The known paths, by each method and form, and with fields that claim another path. */
function known(host) {
  const targets = unique([...seenElsewhere, ...vectors('paths', ['kind', 'decoded', 'query', 'target']).map((v) => v.target)]).filter((t) => t.startsWith('/'));
  const byMethod = targets.flatMap((target) => methods.map((method) => ({ method, target, fields: bodiless(method) })));
  const absolute = targets.map((target) => ({ target: `http://${host}${target}` }));
  const claimed = claims.flatMap((c) => ['/secret', '/docs/private/x'].map((p) => ({ target: '/open/x', fields: `${c}: ${p}\r\n` })));
  return [...byMethod, ...absolute, ...claimed];
}

const POST_OPEN = (host) => `POST /open/x HTTP/1.1\r\nHost: ${host}\r\n`;

/** Requests and bodies that two servers may delimit differently, on an open path, each with one for what is gated behind it. */
function smuggling(host) {
  const smuggled = `GET /secret?smuggled HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n\r\n`;
  const heads = vectors('requests-refused', ['name', 'status', 'bytes']).map((v) => v.bytes.replace(/^((?:\r\n)?[A-Za-z]+ )\/(?= )/, '$1/open/x').replaceAll('a.test', host));
  const bodies = vectors('chunks', ['name', 'want', 'payload', 'rest', 'bytes']).map((v) => `${POST_OPEN(host)}Transfer-Encoding: chunked\r\n\r\n${v.bytes}`);
  // What ends the body for one server begins a request for another.
  const both = [
    `${POST_OPEN(host)}Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`,
    `${POST_OPEN(host)}Transfer-Encoding: chunked\r\n\r\n1;a\n\r\nx\r\n0\r\n\r\n`,
    `${POST_OPEN(host)}Content-Length: ${smuggled.length}\r\n\r\n`,
    `${POST_OPEN(host)}Content-Length: ${smuggled.length}\r\nExpect: 100-continue\r\n\r\n`,
    `GET /open/x HTTP/1.1\r\nHost: ${host}\r\nContent-Length: ${smuggled.length}\r\n\r\n`,
    `GET /open/x HTTP/1.1\r\nHost: ${host}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n`,
    `GET /open/x HTTP/1.1\r\nHost: ${host}\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABk\r\n\r\n`
  ];
  return [...heads, ...bodies, ...both].map((text) => Buffer.from(text + smuggled, 'latin1'));
}

// --- the gate and the servers ---------------------------------------------------------------------------------------------

const starters = { nginx: startNginx, haproxy: startHaproxy, apache: startApache, node: startNode };
const hostOf = (variant) => `${variant}.test`;

async function startGate({ variants, byName }) {
  const port = await freePort(), plain = await freePort();
  const names = [...Object.keys(variants).map(hostOf), 'open.test'];
  const gate = await Gate.start({
    port, names, env: secrets,
    rules: {
      listen: [{ address: `127.0.0.1:${port}` }, { address: `127.0.0.1:${plain}`, plain: true }],
      client_address: { trusted_proxies: ['127.0.0.0/8'], header: 'X-Real-IP' },
      gates: { team: { basic: { realm: 'team', users: { beta: 'env:APP_PASSWORD' } } } },
      origins: {
        ...Object.fromEntries(Object.entries(variants).map(([name, p]) => [name, { url: `http://127.0.0.1:${p}` }])),
        'by-name': { url: `http://127.0.0.1:${byName}`, host: 'client' }
      },
      rulesets: { all: rules },
      hosts: [
        ...Object.keys(variants).map((name) => ({ host: hostOf(name), origin: name, gate: 'team', rules: 'all' })),
        { host: 'open.test', origin: 'by-name', public: true, rules: [{ path: '/*', action: 'bypass' }] }
      ]
    }
  });
  gate.plainPort = plain;
  return gate;
}

/** Its counts: how many were passed on, and how many answers say that what is gated was reached. */
async function ask(port, host, requests, batch) {
  const count = { asked: 0, passed: 0, gated: [] };
  await pipeline(port, host, requests, (request, answer) => {
    count.asked++;
    if (!answer || answer.gate) return;
    count.passed++;
    if (answer.marker === 'GATED') count.gated.push(`${request.method ?? 'GET'} ${request.target}`);
  }, { batch });
  return count;
}

/** What came by way of the gate from nobody that it knows. */
const anonymous = (server, variant) => server.lines().filter((l) => l.host === hostOf(variant) && l.user === undefined);
const gatedOf = (lines) => lines.filter((l) => l.marker === 'GATED').map((l) => l.request);

for (const [name, start] of Object.entries(starters))
  describe(`behind the gate: ${name}`, { timeout: 1800000 }, () => {
    let server, gate;
    before(async () => {
      server = await start();
      gate = await startGate(server);
    });
    after(() => endAll(gate, server));

    it('with an identity what is gated is reached, and the log tells', async () => {
      for (const variant of Object.keys(server.variants)) {
        const fields = `Authorization: ${basic('beta', PASSWORD)}\r\n`;
        const told = await ask(gate.plainPort, hostOf(variant), [{ target: '/secret/a', fields }, { target: '/docs/private/x', fields }]);
        assert.equal(told.gated.length, 2, variant);
        await until('the log', () => server.lines().filter((l) => l.marker === 'GATED' && l.host === hostOf(variant) && l.user === 'beta').length === 2);
      }
    });

    for (const [what, make] of Object.entries({ 'known paths, by all methods': known, 'generated paths': () => generated().map((target) => ({ target })) }))
      it(`anonymous, ${what}: nothing gated is reached`, async (t) => {
        for (const variant of Object.keys(server.variants)) {
          const requests = make(hostOf(variant)), from = Date.now(), before = anonymous(server, variant).length;
          const direct = await ask(server.variants[variant], hostOf(variant), requests, 5);
          const told = await ask(gate.plainPort, hostOf(variant), requests);
          await until('the log', () => anonymous(server, variant).length >= before + told.passed);
          t.diagnostic(`${variant}: ${told.asked} asked, ${told.passed} passed; directly ${direct.gated.length} reach what is gated; ${Date.now() - from} ms`);
          assert.deepEqual(told.gated.slice(0, 10), [], variant);
          assert.deepEqual(gatedOf(anonymous(server, variant)).slice(0, 10), [], variant);
          assert.equal(told.asked, requests.length);
          assert.ok(told.passed > 10 && direct.gated.length > 500, `${variant}: these requests are no danger`);
        }
      });

    it('a name that is open for the gate, however it is spelled, is that name for the server', async () => {
      assert.deepEqual((await ask(server.byName, 'other.test', [{ target: '/' }])).gated, ['GET /'], 'another name is gated');
      for (const name of ['open.test', 'OPEN.Test', 'open.test.', 'open.test:443', 'Open.TEST.:443'])
        for (const target of ['/x', `https://${name}/x`]) {
          const told = await ask(gate.plainPort, name, [{ target }]);
          assert.equal(told.passed, 1, name);
          assert.deepEqual(told.gated, [], name);
        }
    });

    it('anonymous, requests that hide another: nothing gated is reached', async (t) => {
      for (const variant of Object.keys(server.variants)) {
        const all = smuggling(hostOf(variant));
        await Promise.all(all.map((bytes) => exchange(gate.plainPort, bytes, { finish: true })));
        await sleep(200); // whatever they may still log
        t.diagnostic(`${variant}: ${all.length} requests`);
        assert.deepEqual(gatedOf(anonymous(server, variant)), [], variant);
      }
    });
  });
