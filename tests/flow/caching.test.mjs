// A caching proxy in front of the gate, and one that caches far too much: whoever is signed out never gets what somebody signed in saw.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { after, before, describe, it } from 'node:test';
import { pathOrigin } from '../harness/origins.mjs';
import { canConnect, freePort } from '../harness/ports.mjs';
import { PASSWORD, startSite } from '../harness/site.mjs';
import { endAll, sleep, until, within } from '../harness/wait.mjs';
import { basic, connect, requestBytes } from '../harness/wire.mjs';

const VARNISH = '/usr/sbin/varnishd';
const host = 'app.example.test';
const Authorization = basic('beta', PASSWORD);
const navigation = { 'Sec-Fetch-Mode': 'navigate', Accept: 'text/html' };

// Looks up whatever the credentials, drops what would stop it, keeps by time to live alone: only what the answer says of caches itself
// (the checks that Varnish always has) can keep an answer out.
const greedy = (port) => `vcl 4.1;
backend gate { .host = "127.0.0.1"; .port = "${port}"; }
sub vcl_recv { if (req.method == "GET" || req.method == "HEAD") { return (hash); } }
sub vcl_backend_response {
  unset beresp.http.Set-Cookie;
  unset beresp.http.Vary;
  set beresp.grace = 1h;
  set beresp.keep = 1h;
}
sub vcl_deliver { set resp.http.X-Hits = obj.hits; }
`;
const usual = (port) => `vcl 4.1;
backend gate { .host = "127.0.0.1"; .port = "${port}"; }
sub vcl_deliver { set resp.http.X-Hits = obj.hits; }
`;

async function startVarnish(dir, vcl) {
  const port = await freePort();
  const home = path.join(dir, `varnish-${port}`);
  fs.mkdirSync(home);
  fs.writeFileSync(`${home}.vcl`, vcl);
  const child = spawn(VARNISH, ['-F', '-j', 'none', '-n', home, '-a', `127.0.0.1:${port}`, '-f', `${home}.vcl`, '-s', 'malloc,16m', '-T', 'none', '-p', 'thread_pool_min=10'], {
    stdio: ['ignore', 'pipe', 'pipe']
  });
  let said = '';
  child.stdout.on('data', (d) => (said += d));
  child.stderr.on('data', (d) => (said += d));
  const ended = new Promise((r) => child.once('close', r));
  const stop = async () => {
    child.kill('SIGTERM');
    await within('varnish to end', ended).catch(() => child.kill('SIGKILL'));
  };
  try {
    await until('varnish to listen', () => canConnect(port), 30000, 50);
  } catch (e) {
    await stop();
    throw new Error(`${e.message}\n${said}`);
  }
  return { port, stop };
}

describe('a shared cache before the gate', { skip: !fs.existsSync(VARNISH) && 'varnish is not installed' }, () => {
  let site, gate, origin, plainPort, caches, Cookie;
  let count = 0;
  const kinds = {
    '/silent': '', '/public': 'Cache-Control: public, max-age=600\r\n', '/shared': 'Cache-Control: s-maxage=600\r\n',
    '/immutable': 'Cache-Control: public, max-age=31536000, immutable\r\nETag: "i"\r\n', '/expires': 'Expires: Thu, 31 Dec 2099 23:59:59 GMT\r\n',
    '/surrogate': 'Surrogate-Control: max-age=600\r\nCache-Control: max-age=600\r\n', '/cdn': 'CDN-Cache-Control: max-age=600\r\nVarnish-CDN-Cache-Control: max-age=600\r\n',
    '/stale': 'Cache-Control: max-age=0, stale-while-revalidate=600, stale-if-error=600\r\n', '/cased': 'cache-control: PUBLIC, S-MAXAGE=600\r\n',
    '/twice': 'Cache-Control: public\r\nCache-Control: max-age=600\r\n', '/etag': 'ETag: "e"\r\nLast-Modified: Tue, 17 Nov 2020 11:22:33 GMT\r\n'
  };
  before(async () => {
    origin = await pathOrigin({
      '*': (wire, req) => {
        const body = `number ${++count}`;
        const at = req.target.split('?')[0];
        const status = at === '/gone' ? '404 Not Found' : at === '/moved' ? '301 Moved' : '200 OK';
        const fields = kinds[at.replace(/^\/docs/, '')] ?? 'Cache-Control: public, max-age=600\r\n';
        return wire.send(`HTTP/1.1 ${status}\r\nContent-Length: ${body.length}\r\n${status.startsWith('301') ? 'Location: /x\r\n' : ''}${fields}\r\n${body}`);
      }
    });
    plainPort = await freePort();
    const port = await freePort();
    site = await startSite({
      origin: origin.url,
      more: {
        top: {
          listen: [{ address: `127.0.0.1:${port}` }, { address: `127.0.0.1:${plainPort}`, plain: true }],
          client_address: { trusted_proxies: ['127.0.0.1'], header: 'X-Forwarded-For' }
        }
      },
      gate: { port }
    });
    gate = site.gate;
    caches = { usual: await startVarnish(gate.dir, usual(plainPort)), greedy: await startVarnish(gate.dir, greedy(plainPort)) };
    Cookie = (await gate.request({ host, path: '/', headers: { Authorization } })).get('set-cookie').split(';')[0];
  });
  after(() => endAll(caches?.usual, caches?.greedy, site, origin));

  /** From an address of its own, so that the gate can tell the asker from the cache. */
  const ask = async (cache, at, headers = {}, method = 'GET') => {
    const wire = await connect({ port: caches[cache].port, plain: true, localAddress: '127.0.0.5' });
    try {
      await wire.send(requestBytes({ host, path: at, method, headers: { ...headers, Connection: 'close' } }));
      return await wire.response({ to: method });
    } finally {
      wire.close();
    }
  };

  for (const cache of ['usual', 'greedy']) {
    it(`${cache}: keeps what is bypassed, else this proves nothing`, async () => {
      const first = await ask(cache, `/docs/public?${cache}`);
      const second = await ask(cache, `/docs/public?${cache}`);
      assert.equal(first.status, 200);
      assert.equal(second.text, first.text);
      assert.equal(second.get('x-hits'), '1');
    });

    for (const kind of [...Object.keys(kinds), '/gone', '/moved']) {
      it(`${cache}: ${kind} is not given to anybody signed out`, async () => {
        const at = `${kind}?${cache}`;
        for (const who of [{ Cookie }, { Authorization }, { 'Tiergate-Authorization': Authorization }]) {
          const theirs = await ask(cache, at, who);
          assert.ok([200, 301, 404].includes(theirs.status), String(theirs.status));
          assert.match(theirs.text, /^number/);
          for (const headers of [{}, navigation, { 'Sec-Fetch-Mode': 'cors' }, { 'If-None-Match': '"e"' }, { Range: 'bytes=0-3' }, { Authorization: 'Bearer app' }]) {
            const r = await ask(cache, at, headers);
            assert.equal(r.status, 401, `${kind} ${JSON.stringify(who)} ${JSON.stringify(headers)}`);
            assert.ok(!r.text.includes('number'));
          }
          const again = await ask(cache, at, who);
          assert.notEqual(again.text, theirs.text, 'each from the origin');
          assert.equal(again.get('x-hits'), '0');
        }
        assert.equal((await ask(cache, at, {}, 'HEAD')).status, 401);
      });
    }

    it(`${cache}: no session is handed to somebody else`, async () => {
      const at = `/public?minted${cache}`;
      await ask(cache, at, { Authorization });
      const r = await ask(cache, at, navigation);
      assert.equal(r.status, 401);
      assert.equal(r.has('set-cookie'), false);
    });

    it(`${cache}: a refusal or failure is not kept for whoever is signed in`, async () => {
      const at = `/public?refused${cache}`;
      assert.equal((await ask(cache, at, navigation)).status, 401);
      assert.equal((await ask(cache, at, { Cookie })).status, 200);
      assert.equal((await ask(cache, '/closed/x', { Cookie })).status, 403);
      for (const own of ['/.tiergate/session', '/.tiergate/sign-in']) {
        await ask(cache, own, { Cookie });
        assert.ok(!/"signed_in":true/.test((await ask(cache, own)).text), own);
      }
    });
  }

  it('the gate knows who asked the cache', async () => {
    await ask('usual', '/who?asks', { Cookie });
    const line = await gate.line((l) => l.path?.startsWith('/who') || l.url?.includes('/who'));
    assert.ok(JSON.stringify(line).includes('127.0.0.5'), JSON.stringify(line));
  });

  it('another peer than the cache is closed on the plain listener', async () => {
    const wire = await connect({ port: plainPort, plain: true, localAddress: '127.0.0.5' }).catch(() => undefined);
    if (!wire) return;
    await wire.send(requestBytes({ host, path: '/docs/public' })).catch(() => {});
    await sleep(100);
    assert.equal(wire.bytes.length, 0);
    wire.close();
  });
});
