// Origins that are down, slow, wrong or broken: the right 50x with a reason, and the next request works.
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { Authority, authority } from '../harness/certs.mjs';
import { answer, echoOrigin, pathOrigin, rawOrigin } from '../harness/origins.mjs';
import { freePort } from '../harness/ports.mjs';
import { PASSWORD, startSite } from '../harness/site.mjs';
import { endAll, sleep } from '../harness/wait.mjs';
import { basic, requestBytes } from '../harness/wire.mjs';

const head = (fields) => `HTTP/1.1 200 OK\r\n${fields}\r\n`;

// What each path's origin says, and what the client must see: 502, or a connection that breaks off.
const broken = {
  '/nothing': ['', 502],
  '/garbage': ['hello there\r\n\r\n', 502],
  '/half-head': ['HTTP/1.1 200 OK\r\nContent-Le', 502],
  '/bad-name': [head('Bad Name: x\r\nContent-Length: 2\r\n') + 'ok', 502],
  '/nul': [head('X-A: a\0b\r\nContent-Length: 2\r\n') + 'ok', 502],
  '/folded': [head('X-A: a\r\n b\r\nContent-Length: 2\r\n') + 'ok', 502],
  '/bare-lf': ['HTTP/1.1 200 OK\nContent-Length: 2\n\nok', 502],
  '/two-lengths': [head('Content-Length: 2\r\nContent-Length: 3\r\n') + 'ok', 502],
  '/length-and-chunked': [head('Content-Length: 2\r\nTransfer-Encoding: chunked\r\n') + '0\r\n\r\n', 502],
  '/bad-coding': [head('Transfer-Encoding: gzip\r\n') + 'x', 502],
  '/bad-status': ['HTTP/1.1 2000 OK\r\nContent-Length: 0\r\n\r\n', 502],
  '/switching': ['HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n', 502],
  '/big-head': [head(`X-Big: ${'x'.repeat(300000)}\r\nContent-Length: 0\r\n`), 502],
  '/short': [head('Content-Length: 10\r\n') + 'short', 'cut'],
  '/bad-chunk': [head('Transfer-Encoding: chunked\r\n') + '3\r\nabc\r\nZ\r\n', 'cut'],
  '/cut-chunk': [head('Transfer-Encoding: chunked\r\n') + '5\r\nab', 'cut']
};

describe('origin faults', () => {
  let site, gate, origin, late, wrongName, selfMade, expired, plainOnTls, good, closedPort, latePort;
  const stranger = new Authority('somebody else');
  const tlsHost = (name, port, more = {}) => [name, { url: `https://localhost:${port}`, tls: { ca: authority().certFile, ...more } }];

  before(async () => {
    const handlers = {
      '*': (wire, req) => wire.send(answer(req.target)),
      '/slow-head': async (wire) => {
        await sleep(4000);
        await wire.send(answer('late'));
      },
      '/stall': async (wire) => {
        await wire.send(head('Content-Length: 10\r\n') + 'start');
        await sleep(6000);
        return false;
      }
    };
    for (const [path, [bytes]] of Object.entries(broken))
      handlers[path] = async (wire) => {
        await wire.send(bytes);
        return false;
      };
    origin = await pathOrigin(handlers);
    const say = async (wire) => {
      await wire.request();
      await wire.send(answer('through tls', 'Connection: close\r\n'));
      wire.socket.end();
    };
    good = await rawOrigin(say, { tls: authority().issue(['localhost']) });
    wrongName = await rawOrigin(say, { tls: authority().issue(['elsewhere.test']) });
    selfMade = await rawOrigin(say, { tls: stranger.issue(['localhost']) });
    expired = await rawOrigin(say, { tls: authority().issue(['localhost'], { expired: true }) });
    plainOnTls = await rawOrigin(async (wire) => wire.send('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nno'));
    closedPort = await freePort();
    latePort = await freePort();
    const origins = Object.fromEntries([
      ['down', { url: `http://127.0.0.1:${closedPort}`, connect_timeout: '600ms' }],
      ['late', { url: `http://127.0.0.1:${latePort}`, connect_timeout: '10s' }],
      ['impatient', { url: origin.url, first_byte_timeout: '1s', idle_timeout: '1s' }],
      ['nameless', { url: 'http://no-such-name.invalid:1', connect_timeout: '1s' }],
      tlsHost('good', good.port), tlsHost('wrong-name', wrongName.port), tlsHost('stranger', selfMade.port), tlsHost('expired', expired.port),
      tlsHost('no-tls', plainOnTls.port), tlsHost('unverified', selfMade.port, { ca: undefined, verify: 'off' })
    ].map(([n, o]) => [n, { ...o, ...(o.tls ? { tls: JSON.parse(JSON.stringify(o.tls)) } : {}) }]));
    const hosts = Object.keys(origins).map((n) => ({ host: `${n}.example.test`, origin: n, public: true, rules: [{ path: '/*', action: 'bypass' }] }));
    site = await startSite({ origin: origin.url, more: { origins, hosts } });
    gate = site.gate;
  });
  after(async () => {
    stranger.remove();
    await endAll(site, origin, good, wrongName, selfMade, expired, plainOnTls, late);
  });

  const ask = (name, path = '/', more = {}) => gate.request({ host: `${name}.example.test`, path, ...more });
  const failed = (r, status) => {
    assert.equal(r.status, status);
    assert.ok(r.get('tiergate'), 'a reason');
    assert.match(r.get('cache-control'), /no-store/);
  };

  for (const [path, [, want]] of Object.entries(broken)) {
    it(`${path}: ${want}, and the next request works`, async () => {
      const wire = await gate.connect({ host: 'open.example.test' });
      await wire.send(requestBytes({ host: 'open.example.test', path }));
      if (want === 502) {
        failed(await wire.response(), 502);
      } else {
        await assert.rejects(wire.response(), /ended before/, 'the client must notice');
        assert.ok(!wire.bytes.toString('latin1').endsWith('0\r\n\r\n'), 'no proper end');
      }
      wire.close();
      assert.equal((await ask('open', '/next')).text, '/next');
    });
  }

  it('down: 502', async () => {
    const start = performance.now();
    failed(await ask('down'), 502);
    assert.ok(performance.now() - start < 5000);
  });

  it('down: a page for people, JSON for others', async () => {
    const page = await ask('down', '/', { headers: { 'Sec-Fetch-Mode': 'navigate', Accept: 'text/html' } });
    assert.match(page.get('content-type'), /^text\/html/);
    assert.match((await ask('down')).get('content-type'), /^application\/json/);
  });

  it('a name that does not resolve: 502', async () => {
    const r = await ask('nameless');
    assert.ok([502, 504].includes(r.status));
    assert.ok(r.get('tiergate'));
  });

  it('a machine that starts on demand is waited for', async () => {
    const asked = ask('late', '/woken');
    await sleep(2000);
    late = await echoOrigin('late', { port: latePort });
    const r = await asked;
    assert.equal(r.status, 200);
    assert.equal(r.json.target, '/woken');
  });

  it('a POST to a machine that starts on demand arrives once', async () => {
    await late.close();
    const asked = ask('late', '/woken', { method: 'POST', body: 'hello' });
    await sleep(1000);
    late = await echoOrigin('late', { port: latePort });
    const r = await asked;
    assert.equal(r.status, 200);
    assert.equal(r.json.length, 5);
    assert.equal(late.requests.length, 1);
  });

  it('no head in time: 504', async () => {
    failed(await ask('impatient', '/slow-head'), 504);
  });

  it('a body that stalls is cut', async () => {
    const wire = await gate.connect({ host: 'impatient.example.test' });
    await wire.send(requestBytes({ host: 'impatient.example.test', path: '/stall' }));
    await assert.rejects(wire.response(), /ended before/);
    wire.close();
  });

  it('a good certificate passes', async () => {
    assert.equal((await ask('good')).text, 'through tls');
  });

  for (const name of ['wrong-name', 'stranger', 'expired', 'no-tls']) {
    it(`certificate: ${name} is 502, and the origin gets no request`, async () => {
      failed(await ask(name), 502);
      const them = { 'wrong-name': wrongName, stranger: selfMade, expired, 'no-tls': plainOnTls }[name];
      assert.ok(!them.seen.includes('GET /'));
    });
  }

  it('verify: "off" is obeyed', async () => {
    assert.equal((await ask('unverified')).text, 'through tls');
  });

  it('a refusal of ours on a gated host still asks for the password first', async () => {
    assert.equal((await gate.request({ host: 'app.example.test', path: '/nothing' })).status, 401);
    failed(await gate.request({ host: 'app.example.test', path: '/nothing', headers: { Authorization: basic('beta', PASSWORD) } }), 502);
  });
});
