// What ends by itself, and what is noticed by itself: people who left, tokens that were taken back, a GitHub that is gone; codes, states and sessions
// that are too old. The wall clock is the test's (tests/fault/clock.c), so that an hour is a moment.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import http from 'node:http';
import os from 'node:os';
import path from 'node:path';
import { after, afterEach, before, describe, it } from 'node:test';
import { authority } from '../harness/certs.mjs';
import { Fault, missing } from '../harness/fault.mjs';
import { WebSocket, WebSocketServer } from '../harness/lib.mjs';
import { API, people, SOLO, SOON, startSigninSite, STG, TEAM } from '../harness/signin-site.mjs';
import { formsOf } from '../harness/visitor.mjs';
import { sleep, until } from '../harness/wait.mjs';

const SESSION = '__Secure-tiergate';
const RECHECK_S = 900, STALE_S = 3600;

describe('signing in, as time goes by', { skip: missing }, () => {
  let site, fault, dir, origin, later = 0;
  before(async () => {
    dir = fs.mkdtempSync(path.join(os.tmpdir(), 'tiergate-clock-'));
    fs.chmodSync(dir, 0o755);
    fault = new Fault(dir);
    const users = { ...people(), gone: { orgs: { 'plyr-fm': 'active' } }, back: { orgs: { 'plyr-fm': 'active' }, teams: { 'plyr-fm/core': 'active' } } };
    origin = http.createServer((req, res) => res.end('here'));
    new WebSocketServer({ server: origin }).on('connection', (ws) => ws.on('error', () => {}));
    await new Promise((r) => origin.listen(0, '127.0.0.1', r));
    site = await startSigninSite({ users, more: { web: `http://127.0.0.1:${origin.address().port}` }, gate: { env: fault.env } });
  });
  after(async () => {
    await site?.stop();
    origin?.closeAllConnections();
    origin?.close();
    fault?.close();
    if (dir) fs.rmSync(dir, { recursive: true, force: true });
  });
  afterEach(() => (site.github.faults = []));
  /** So much later, for the gate and for GitHub. */
  const wait = (seconds) => {
    later += seconds;
    fault.setClock(later);
    site.github.world.skewMs = later * 1000;
  };
  const signedIn = async (login, address) => {
    const v = site.visitor();
    assert.equal((await site.byGithub(v, login, address)).status, 200);
    return v;
  };
  const status = async (v, host = STG) => (await v.go(site.url(host, '/private'), { mode: 'cors' })).status;
  const becomes = (v, wanted, host) => until(`status ${wanted}`, async () => (await status(v, host)) === wanted, 15000);
  const lookup = (_, o, done) => (o.all ? done(null, [{ address: '127.0.0.1', family: 4 }]) : done(null, '127.0.0.1', 4));
  /** An open socket of somebody's: {state(): 'open' or the code that it was closed with}. */
  const socketOf = async (v) => {
    const url = site.url(STG, '/socket', 'wss'), cookie = v.cookiesFor(new URL(site.url(STG))).map((c) => `${c.name}=${c.value}`).join('; ');
    const ws = new WebSocket(url, { ca: authority().pem, lookup, headers: { Cookie: cookie, Origin: new URL(site.url(STG)).origin } });
    let closed = 'open';
    ws.on('error', () => {}).on('close', (code) => (closed = code));
    await new Promise((resolve, reject) => ws.once('open', resolve).once('close', () => reject(new Error('it did not open'))));
    return { state: () => closed, end: () => ws.terminate() };
  };
  const mailed = async (v, to, address) => {
    const step = await site.toPin(v, to, address);
    return { step, pin: site.pinIn(await site.post.next(to)) };
  };

  describe('memberships', () => {
    it('who left the organisation is out within a quarter of an hour, the others stay', async () => {
      const v = await signedIn('gone'), dan = await signedIn('dan'), [sock, sockOfDan] = [await socketOf(v), await socketOf(dan)];
      site.github.world.leave('gone', 'plyr-fm');
      assert.equal(await status(v), 200, 'not yet seen');
      wait(RECHECK_S);
      await becomes(v, 403);
      assert.equal(await status(v, API), 403);
      assert.equal(await status(dan), 200);
      await until('the socket to be closed', () => sock.state() !== 'open');
      assert.deepEqual([sock.state(), sockOfDan.state()], [4403, 'open']);
      sockOfDan.end();
      assert.match(site.gate.stdout + site.gate.stderr + JSON.stringify(site.gate.lines()), /memberships-changed/);
      assert.equal((await site.byGithub(site.visitor(), 'gone')).status, 403, 'nor by signing in anew');
    });
    it('who left one team and came back is out and in again, without signing in', async () => {
      const v = await signedIn('back', site.url(TEAM));
      site.github.world.leaveTeam('back', 'plyr-fm/core');
      wait(RECHECK_S);
      await becomes(v, 403, TEAM);
      assert.equal(await status(v), 200, 'still in the organisation');
      site.github.world.joinTeam('back', 'plyr-fm/core');
      wait(RECHECK_S);
      await becomes(v, 200, TEAM);
    });
    it('who took the token back signs in again', async () => {
      const v = await signedIn('dan'), other = await signedIn('alice');
      site.github.world.revoke('dan');
      wait(RECHECK_S);
      await becomes(v, 401);
      assert.equal(await status(other), 200);
      assert.equal((await site.byGithub(v, 'dan')).status, 200);
    });
    it('who left while no worker was there is found out as well', async () => {
      site.github.world.join('gone', 'plyr-fm');
      const v = await signedIn('gone');
      site.github.world.leave('gone', 'plyr-fm');
      await restartWorker();
      wait(RECHECK_S);
      await becomes(v, 403);
    });
    it('are believed for an hour without GitHub and no longer; addresses proven by mail are', async () => {
      const v = await signedIn('alice'), byMail = site.visitor(), sock = await socketOf(v);
      assert.equal((await site.byPin(byMail, 'dev@plyr.test')).status, 200);
      site.github.fault(/^\/api\/v3\//, 'status', { status: 503 });
      wait(RECHECK_S);
      await until('a look', () => site.github.asked('/api/v3/user').at(-1)?.answer && site.github.requests.some((r) => r.fault));
      await sleep(1500);
      assert.equal(await status(v), 200, 'a quarter of an hour is nothing');
      wait(STALE_S - RECHECK_S + 60);
      await becomes(v, 403);
      await until('the socket to be closed', () => sock.state() === 4403, 15000);
      assert.equal(await status(byMail), 200);
      site.github.faults = [];
      wait(RECHECK_S);
      await becomes(v, 200);
    });
  });

  describe('ends', () => {
    it('a state after ten minutes', async () => {
      const v = site.visitor(), back = await site.github.decide(await site.toGithub(v, site.url(STG)), 'alice');
      wait(601);
      const r = await v.follow(await v.go(back, { from: site.github.url }), [STG]);
      assert.deepEqual([r.status, v.cookie(SESSION)], [400, undefined]);
      assert.match(r.text, /too old/);
    });
    it('a code by mail after ten minutes', async () => {
      const v = site.visitor(), { step, pin } = await mailed(v, 'late@plyr.test');
      wait(601);
      await site.enterPin(v, step, pin);
      assert.equal(v.cookie(SESSION), undefined);
    });
    it('a code by mail when another was sent, which is possible after half a minute', async () => {
      const v = site.visitor(), { step, pin } = await mailed(v, 'again@plyr.test');
      const again = formsOf(step.asked.text).find((f) => f.buttons.some((b) => b.name === 'again'));
      const soon = await v.submit(step.asked, again, { again: '1' });
      assert.deepEqual([soon.status, Number(soon.get('retry-after')) <= 30], [429, true]);
      wait(31);
      const sent = await v.submit(step.asked, again, { again: '1' });
      assert.equal(sent.status, 200);
      const second = site.pinIn(await site.post.next('again@plyr.test'));
      const form = formsOf(sent.text).find((f) => f.inputs.some((i) => i.autocomplete === 'one-time-code')), next = { ...step, asked: sent, form };
      await site.enterPin(v, next, pin);
      assert.equal(v.cookie(SESSION), undefined, 'the first');
      assert.equal((await site.enterPin(v, next, second)).status, 200);
    });
    it('the limit of mails after an hour, and no sooner; others never meet it', async () => {
      const to = 'busy@plyr.test', ask = async () => (await site.toPin(site.visitor(), to)).asked.status;
      const said = [];
      for (let i = 0; i < 7; i++) said.push(await ask());
      assert.deepEqual(said, [200, 200, 200, 200, 200, 429, 429]);
      assert.equal((await site.toPin(site.visitor(), 'other@plyr.test')).asked.status, 200);
      wait(1800);
      assert.equal(await ask(), 429);
      wait(1801);
      assert.equal(await ask(), 200);
    });
    it('a code of the way to a host outside, after a minute', async () => {
      const v = site.visitor(), back = await site.github.decide(await site.toGithub(v, site.url(SOLO, '/x')), 'alice');
      const there = await v.go(back, { from: site.github.url });
      assert.match(there.get('location'), /\/\.tiergate\/hand-off\?code=/);
      wait(61);
      const r = await v.go(there.get('location'), { from: back });
      assert.equal(r.status, 403);
      assert.equal(v.cookies.some((c) => c.host === SOLO && c.name === SESSION), false);
    });
    it('a session for one rule after a minute, and is proven anew there', async () => {
      const v = await signedIn('alice', site.url(SOON));
      assert.equal(await status(v, SOON), 200);
      wait(61);
      assert.equal(await status(v, SOON), 401);
      assert.equal(await status(v), 200, 'for that rule alone');
      assert.equal((await site.byGithub(v, 'alice', site.url(SOON, '/x'))).url, site.url(SOON, '/x'));
      assert.equal(await status(v, SOON), 200);
    });
    it('a session after its lifetime, used or not', async () => {
      const v = await signedIn('alice'), cookie = v.cookie(SESSION);
      for (let hour = 1; hour < 24; hour++) {
        wait(3600);
        await becomes(v, 200);
      }
      wait(3700);
      v.cookies = v.cookies.map((c) => ({ ...c, ends: Infinity }));
      assert.equal(await status(v), 401);
      v.cookies = [{ ...cookie, ends: Infinity }];
      assert.equal(await status(v), 401);
    });
  });

  it('a clock that is set back lets nobody in who was not, and puts nobody out for good', async () => {
    const v = await signedIn('alice');
    wait(-1800);
    const old = site.visitor(), { step, pin } = await mailed(old, 'clock@plyr.test');
    assert.equal((await site.enterPin(old, step, pin)).status, 200);
    wait(1800);
    await becomes(v, 200);
    await becomes(old, 200);
  });

  async function restartWorker() {
    const [worker] = site.gate.workers;
    process.kill(worker, 'SIGKILL');
    await until('another worker', async () => site.gate.workers.some((w) => w !== worker), 15000);
    await site.gate.ready();
  }
});
