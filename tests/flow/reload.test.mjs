// New rules reach what is under way: open WebSockets and responses end when their user, password, gate or rule is gone.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { after, afterEach, before, describe, it } from 'node:test';
import { authority } from '../harness/certs.mjs';
import { Gate, tiergate } from '../harness/gate.mjs';
import { WebSocket, WebSocketServer } from '../harness/lib.mjs';
import { secrets, siteRules } from '../harness/site.mjs';
import { endAll, sleep, within } from '../harness/wait.mjs';
import { basic } from '../harness/wire.mjs';
import http from 'node:http';

const lookup = (_, o, done) => (o.all ? done(null, [{ address: '127.0.0.1', family: 4 }]) : done(null, '127.0.0.1', 4));
const slow = process.env.TIERGATE_SANITIZED ? 4 : 1;
const login = basic('beta', 'first password');

describe('a reload', () => {
  let gate, server, folder, passwords, url;
  let opened = [];
  const rules = (change = (r) => r) => {
    const r = siteRules(url, {
      gates: {
        app: {
          basic: { realm: 'app', users: { beta: `file:${passwords}/beta`, gamma: `file:${passwords}/gamma` } },
          session: { domain: 'app.example.test' }
        }
      }
    });
    return change(r);
  };
  const open = (host, headers = {}) => {
    const ws = new WebSocket(`wss://${host}:${gate.port}/doc`, { headers, ca: authority().pem, servername: host, lookup });
    opened.push(ws);
    ws.on('error', () => {});
    ws.over = new Promise((r) => ws.once('close', (code, reason) => r({ code, reason: reason.toString() })));
    return within('open', new Promise((r, no) => { ws.once('open', () => r(ws)); ws.once('error', no); }));
  };
  /** Reloads, and tells with which codes the sockets ended, or 'open'. */
  const codesAfter = async (sockets, change, ms = 1500) => {
    await gate.reload(rules(change), /reload: ok/);
    return Promise.all(sockets.map((s) => Promise.race([s.over.then((o) => o.code), sleep(ms * slow).then(() => 'open')])));
  };

  const passwordIs = (text) => fs.writeFileSync(path.join(folder, 'beta'), text);

  before(async () => {
    passwords = folder = fs.mkdtempSync(path.join(os.tmpdir(), 'tiergate-reload-'));
    passwordIs('first password');
    fs.writeFileSync(path.join(folder, 'gamma'), 'another password');
    server = http.createServer((req, res) => {
      res.writeHead(200, { 'Content-Type': 'text/plain' });
      res.write('begun\n'); // and never ends
    });
    const wss = new WebSocketServer({ server });
    wss.on('connection', (ws) => ws.on('message', (d) => ws.send(d)));
    await new Promise((r) => server.listen(0, '127.0.0.1', r));
    url = `http://127.0.0.1:${server.address().port}`;
    gate = await Gate.start({ rules: rules(), env: secrets });
  });
  after(async () => {
    server.closeAllConnections();
    server.close();
    await endAll(gate);
    fs.rmSync(folder, { recursive: true });
  });
  /** Whatever a case has changed, the next one finds what the first one found. */
  afterEach(async () => {
    for (const ws of opened) ws.terminate();
    opened = [];
    passwordIs('first password');
    await gate.reload(rules(), /reload: ok/);
  });

  it('without a change that concerns them leaves sockets open', async () => {
    const sockets = [await open('app.example.test', { Authorization: login }), await open('open.example.test')];
    assert.deepEqual(await codesAfter(sockets, (r) => { r.tier = 'renamed'; return r; }, 400), ['open', 'open']);
    const echoed = new Promise((r) => sockets[0].once('message', (d) => r(d.toString())));
    sockets[0].send('still here');
    assert.equal(await within('the echo', echoed), 'still here');
  });

  it('ends with 4401 what a changed password admitted, and nothing of other users', async () => {
    const mine = await open('app.example.test', { Authorization: login });
    const sibling = await open('sync.app.example.test', { Authorization: login });
    const theirs = await open('app.example.test', { Authorization: basic('gamma', 'another password') });
    passwordIs('second password');
    const began = Date.now();
    mine.over.then(() => (mine.took = Date.now() - began));
    assert.deepEqual(await codesAfter([mine, sibling, theirs], undefined, 600), [4401, 4401, 'open']);
    assert.equal((await mine.over).reason, 'session ended');
    assert.ok(mine.took < 1000 * slow, `${mine.took} ms`);
  });

  it('ends with 4401 what a removed user or gate admitted', async () => {
    const user = await open('app.example.test', { Authorization: login });
    assert.deepEqual(await codesAfter([user], (r) => { delete r.gates.app.basic.users.beta; return r; }), [4401]);
    await gate.reload(rules(), /reload: ok/);
    const gone = await open('app.example.test', { Authorization: login });
    const renamed = (r) => {
      r.gates.renamed = r.gates.app;
      delete r.gates.app;
      for (const h of r.hosts) if (h.gate === 'app') h.gate = 'renamed';
      return r;
    };
    assert.deepEqual(await codesAfter([gone], renamed), [4401]);
  });

  it('ends with 4403 what a new rule forbids, a host that is gone, a bypass that is gated now', async () => {
    const gated = await open('app.example.test', { Authorization: login });
    const preview = await open('pr-7.app.example.test', { Authorization: login });
    const public_ = await open('open.example.test');
    const change = (r) => {
      r.rulesets.gated.unshift({ path: '/doc', action: 'block' });
      r.hosts = r.hosts.filter((h) => !h.host.startsWith('pr-'));
      Object.assign(r.hosts.find((h) => h.host === 'open.example.test'), { public: false, gate: 'app', rules: [{ path: '/*', action: 'allow' }] });
      r.gates.app.session = { domain: 'example.test', cookie: 'wide' };
      return r;
    };
    assert.deepEqual(await codesAfter([gated, preview, public_], change), [4403, 4403, 4403]);
  });

  it('ends with 4401 what a session admitted whose secret or circle is gone, and nothing that a password did', async () => {
    const old = 'o'.repeat(40), fresh = 'n'.repeat(40);
    const session = (change) => (r) => { Object.assign(r.gates.app.session, change); return r; };
    await gate.reload(rules(session({ secret: old })), /reload: ok/);
    const signedIn = await gate.request({ host: 'app.example.test', path: '/.tiergate/sign-in', headers: { Authorization: login } });
    const Cookie = signedIn.get('set-cookie').split(';')[0];
    const cookied = await open('sync.app.example.test', { Cookie });
    const login_ = await open('app.example.test', { Authorization: login });
    assert.deepEqual(await codesAfter([cookied, login_], session({ secret: [fresh, old] }), 400), ['open', 'open']);
    assert.deepEqual(await codesAfter([cookied, login_], session({ secret: fresh }), 400), [4401, 'open']);
    await gate.reload(rules(session({ secret: old })), /reload: ok/);
    const sibling = await open('sync.app.example.test', { Cookie });
    assert.deepEqual(await codesAfter([sibling], session({ secret: old, domain: undefined }), 400), [4401]);
  });

  it('does not admit by a password that was taken back while it was being hashed', async () => {
    const cost = process.env.TIERGATE_SANITIZED ? '15' : '13'; // the hash must take longer than the reload
    const { stdout: line } = await tiergate(['passwd', '--bcrypt', '--cost', cost, 'slow'], { input: 'slow password\n' });
    fs.writeFileSync(path.join(folder, 'htpasswd'), line);
    const slow = (r) => { r.gates.app.basic.htpasswd = `${folder}/htpasswd`; return r; };
    await gate.reload(rules(slow), /reload: ok/);
    const ask = () => gate.request({ host: 'app.example.test', path: '/stream', headers: { Authorization: basic('slow', 'slow password') } });
    const answer = ask();
    await sleep(60); // it is being hashed now
    await gate.reload(rules(), /reload: ok/);
    const refused = await within('the refusal', answer, 8000);
    assert.deepEqual([refused.status, refused.get('tiergate')], [403, 'rules-changed']);
    assert.equal((await ask()).status, 401);
  });

  it('cuts a response that is no longer allowed', async () => {
    const wire = await gate.connect({ host: 'app.example.test' });
    await wire.send(`GET /stream HTTP/1.1\r\nHost: app.example.test\r\nAuthorization: ${login}\r\n\r\n`);
    await within('the beginning', (async () => { while (!wire.bytes.includes('begun')) await sleep(10); })());
    const ended = within('the end', wire.rest(), 2000);
    await gate.reload(rules((r) => { r.rulesets.gated.unshift({ path: '/stream', action: 'block' }); return r; }), /reload: ok/);
    await ended.catch((e) => assert.match(String(e), /ECONNRESET|reset|closed/i));
    assert.ok(!wire.bytes.includes('0\r\n\r\n'), 'not ended as if it were whole');
  });
});
