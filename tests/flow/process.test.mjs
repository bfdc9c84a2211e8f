// Reload, drain, death and rebirth of the worker.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import { afterEach, describe, it } from 'node:test';
import { WebSocket } from '../harness/lib.mjs';
import { answer, pathOrigin } from '../harness/origins.mjs';
import { Gate, program, tiergate } from '../harness/gate.mjs';
import { authority } from '../harness/certs.mjs';
import { freePort } from '../harness/ports.mjs';
import { descendantsOf, isAlive } from '../harness/proc.mjs';
import { PASSWORD, secrets, siteRules, startSite } from '../harness/site.mjs';
import { endAll, sleep, until, within } from '../harness/wait.mjs';
import { basic, connect, requestBytes } from '../harness/wire.mjs';

const host = 'open.example.test';
const slow = process.env.TIERGATE_SANITIZED ? 4 : 1;
const local = (_, o, done) => (o.all ? done(null, [{ address: '127.0.0.1', family: 4 }]) : done(null, '127.0.0.1', 4));

describe('process', () => {
  let site, origin;
  afterEach(async () => {
    const left = [site, origin];
    site = origin = undefined;
    await endAll(...left);
  });
  const get = (path, more = {}) => site.gate.request({ host, path, ...more });

  /** Reopens new connections all the time and counts those that fail. */
  const hammer = (gate) => {
    const state = { stop: false, good: 0, refused: [], failed: [] };
    state.done = (async () => {
      while (!state.stop) {
        try {
          const r = await gate.request({ host, path: '/hammer', ms: 5000 });
          r.status === 200 ? state.good++ : state.failed.push(r.status);
        } catch (e) {
          (e.code === 'ECONNREFUSED' ? state.refused : state.failed).push(e.code ?? e.message);
        }
        await sleep(5);
      }
    })();
    return state;
  };

  it('SIGHUP takes new rules, for open connections too', async () => {
    site = await startSite();
    const { gate, echo } = site;
    const wire = await gate.connect({ host: 'app.example.test' });
    const ask = async () => {
      await wire.send(requestBytes({ host: 'app.example.test', path: '/docs/x' }));
      return (await wire.response()).status;
    };
    assert.equal(await ask(), 200);
    const rules = siteRules(echo.url);
    rules.rulesets.gated = rules.rulesets.gated.filter((r) => r.name !== 'docs');
    await gate.reload(rules, /reload: ok/);
    assert.equal(await ask(), 401);
    wire.close();
  });

  it('SIGHUP with an error keeps the old rules and tells where', async () => {
    site = await startSite();
    const { gate, echo } = site;
    const rules = siteRules(echo.url);
    rules.hosts[1].rules = [{ path: '/*', action: 'alow' }];
    rules.unheard_of = 1;
    const said = await gate.reload(rules, /reload: refused/);
    assert.match(said, /hosts\[1\]\.rules\[0\]\.action/);
    assert.match(said, /unheard_of/, 'all errors at once');
    assert.equal((await get('/still')).status, 200);
    await gate.reload('{ this is not JSON', /reload: refused/);
    assert.equal((await get('/still')).status, 200);
    await gate.reload(siteRules(echo.url), /reload: ok/);
    assert.equal((await get('/still')).status, 200);
  });

  it('a password that changes ends the sessions that stood on it', async () => {
    site = await startSite({ more: { gates: {} } });
    const { gate, echo } = site;
    const login = async (password) => gate.request({ host: 'app.example.test', path: '/', headers: { Authorization: basic('beta', password) } });
    const cookie = (await login(PASSWORD)).get('set-cookie').split(';')[0];
    const by = () => gate.request({ host: 'app.example.test', path: '/', headers: { Cookie: cookie } });
    assert.equal((await by()).status, 200);
    await gate.reload(siteRules(echo.url), /reload: ok/);
    assert.equal((await by()).status, 200, 'a reload without that change keeps them');
    const rules = siteRules(echo.url);
    rules.gates.app.basic.users.beta = 'env:OTHER_PASSWORD';
    await gate.reload(rules, /reload: ok/);
    assert.equal((await by()).status, 401);
    assert.equal((await login(PASSWORD)).status, 401);
    assert.equal((await login(secrets.OTHER_PASSWORD)).status, 200);
  });

  it('sessions outlive the process when the state folder stays', async () => {
    site = await startSite();
    const cookie = (await get('/', { host: 'app.example.test', headers: { Authorization: basic('beta', PASSWORD) } })).get('set-cookie').split(';')[0];
    const { gate } = site;
    for (const pid of gate.workers) process.kill(pid, 'SIGKILL');
    await until('a new worker', async () => (await get('/', { ms: 1000 }).catch(() => undefined))?.status === 200);
    assert.equal((await get('/', { host: 'app.example.test', headers: { Cookie: cookie } })).status, 200);
  });

  it('reloads under load lose no request', async () => {
    site = await startSite();
    const load = hammer(site.gate);
    for (let i = 0; i < 10; i++) await site.gate.reload(siteRules(site.echo.url), /reload: ok/);
    load.stop = true;
    await load.done;
    assert.ok(load.good > 10, String(load.good));
    assert.deepEqual([load.refused, load.failed], [[], []]);
  });

  it('a killed worker is followed by another within a second, and the port never refuses', async () => {
    site = await startSite();
    const load = hammer(site.gate);
    await until('some good ones', () => load.good > 5);
    const killed = site.gate.workers;
    assert.ok(killed.length >= 1);
    const start = performance.now();
    for (const pid of killed) process.kill(pid, 'SIGKILL');
    const r = await site.gate.request({ host, path: '/back', ms: 5000 }).catch(() => undefined);
    const again = r?.status === 200 || await until('a worker that answers', async () => (await site.gate.request({ host, path: '/back', ms: 1000 }).catch(() => undefined))?.status === 200, 3000, 10);
    assert.ok(again);
    assert.ok(performance.now() - start < 1000 * slow, `${performance.now() - start} ms`);
    load.stop = true;
    await load.done;
    assert.deepEqual(load.refused, []);
  });

  for (const signal of ['SIGTERM', 'SIGINT']) {
    it(`${signal} drains: open exchanges end, no new ones begin, exit 0`, async () => {
      let go;
      const waits = new Promise((r) => (go = r));
      origin = await pathOrigin({
        '*': (wire) => wire.send(answer('ok')),
        '/slow': async (wire) => {
          await wire.send('HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nbegin');
          await waits;
          await wire.send('-end');
        }
      });
      site = await startSite({ origin: origin.url });
      const { gate } = site;
      const idle = await gate.connect({ host });
      await idle.send(requestBytes({ host, path: '/idle' }));
      await idle.response();
      const wire = await gate.connect({ host });
      await wire.send(requestBytes({ host, path: '/slow' }));
      await until('the answer to begin', () => wire.bytes.includes('begin'));
      const all = [gate.pid, ...descendantsOf(gate.pid)];
      gate.process.kill(signal);
      await within('the idle one to be closed', idle.rest(), 2000);
      await until('the port to be closed', async () => !(await connect({ port: gate.port, plain: true }).then((w) => (w.close(), true), () => false)), 3000);
      assert.ok(isAlive(gate.pid), 'it waits for the open exchange');
      go();
      const r = await wire.response();
      assert.equal(r.text, 'begin-end');
      const how = await within('the end', gate.exited, 5000);
      assert.equal(how.code, 0);
      assert.deepEqual(all.filter(isAlive), []);
      site = undefined;
    });
  }

  it('a drain ends open tunnels after their grace', async () => {
    site = await startSite({ more: { limits: { tunnel_grace: '300ms', drain_timeout: '2s' } } });
    const { gate } = site;
    const ws = new WebSocket(`wss://${host}:${gate.port}/doc`, { ca: authority().pem, servername: host, lookup: local });
    await within('open', new Promise((r) => ws.once('open', r)));
    const closed = new Promise((r) => ws.once('close', r));
    const start = performance.now();
    gate.process.kill('SIGTERM');
    await within('the tunnel to be cut', closed, 4000);
    assert.equal((await within('the end', gate.exited, 4000)).code, 0);
    assert.ok(performance.now() - start < 4000);
    await site.echo.close();
    site = undefined;
  });

  it('a drain has an end, whatever a client does', async () => {
    origin = await pathOrigin({ '*': () => new Promise(() => {}) });
    site = await startSite({ origin: origin.url, more: { limits: { drain_timeout: '500ms', tunnel_grace: '200ms' } } });
    const wire = await site.gate.connect({ host });
    await wire.send(requestBytes({ host, path: '/never' }));
    await until('the origin to be asked', () => origin.requests.length > 0);
    const start = performance.now();
    site.gate.process.kill('SIGTERM');
    assert.equal((await within('the end', site.gate.exited, 6000)).code, 0);
    assert.ok(performance.now() - start < 5000);
    site = undefined;
  });

  it('refuses to start with any error, and prints all of them', async () => {
    const port = await freePort();
    const bad = {
      listen: [{ address: `127.0.0.1:${port}` }], origins: { web: { url: 'ftp://x' } },
      gates: { g: { basic: { realm: 'g', users: { beta: 'env:NOT_SET_ANYWHERE' } } } },
      hosts: [{ host: 'a.example.test', origin: 'wbe', gate: 'g', rules: [{ path: '/*', action: 'allow' }] }], hsots: []
    };
    const gate = await Gate.start({ rules: bad }).catch((e) => e);
    assert.ok(gate instanceof Error, 'it started');
    for (const said of [/origins\.web\.url/, /NOT_SET_ANYWHERE/, /hosts\[0\]\.origin/, /hsots/]) assert.match(gate.message, said);
  });

  it('a taken port is told', async () => {
    site = await startSite();
    const r = await tiergate(['serve', site.gate.rulesFile, '--state', `${site.gate.dir}/second`], { env: secrets });
    assert.notEqual(r.code, 0);
    assert.match(r.stderr, new RegExp(String(site.gate.port)));
    assert.equal((await get('/')).status, 200);
  });

  it('the program is there', () => assert.ok(fs.existsSync(program)));
});
