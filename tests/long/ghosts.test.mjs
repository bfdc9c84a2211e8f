// Clients that vanish without a FIN, as a laptop that is shut: in a network namespace whose link goes down. Their places at the origin are
// free again within 90 s, whether the origin is silent or talks to them. Needs root and iproute2.
import assert from 'node:assert/strict';
import { execFileSync, spawn } from 'node:child_process';
import { after, before, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { Gate } from '../harness/gate.mjs';
import { editor, PER_DOCUMENT, startSync } from '../harness/hocuspocus.mjs';
import { WebSocketServer } from '../harness/lib.mjs';
import { freePort } from '../harness/ports.mjs';
import { PASSWORD, secrets, siteRules } from '../harness/site.mjs';
import { endAll, sleep, until } from '../harness/wait.mjs';
import { basic } from '../harness/wire.mjs';
import { authority } from '../harness/certs.mjs';

const gated = 'sync.app.example.test';
const open = 'talks.example.test';
const NEAR = '198.18.55.1'; // RFC 2544: nobody's
const FAR = '198.18.55.2';
const BOUND = 90000;
const space = `tiergate-${process.pid}`;
const link = `tg${process.pid % 100000}`;
const ip = (...args) => execFileSync('ip', args, { stdio: ['ignore', 'pipe', 'pipe'] });

function canHaveSpace() {
  try {
    ip('netns', 'add', space);
    ip('link', 'add', link, 'type', 'veth', 'peer', 'name', 'far', 'netns', space);
    ip('addr', 'add', `${NEAR}/30`, 'dev', link);
    ip('link', 'set', link, 'up');
    for (const args of [['addr', 'add', `${FAR}/30`, 'dev', 'far'], ['link', 'set', 'far', 'up'], ['link', 'set', 'lo', 'up']]) ip('-n', space, ...args);
    return true;
  } catch {
    removeSpace();
    return false;
  }
}

function removeSpace() {
  try {
    ip('netns', 'del', space);
  } catch {
    // was not made
  }
}

describe('ghosts', { skip: !canHaveSpace() && 'no network namespaces here', concurrency: true }, () => {
  let gate, sync, talkative, Cookie, ghost;
  let gone; // when the link went down
  before(async () => {
    sync = await startSync({ timeout: 600000 });
    const wss = new WebSocketServer({ port: 0, host: '127.0.0.1' });
    await new Promise((r) => wss.once('listening', r));
    talkative = { wss, stop: () => { for (const c of wss.clients) c.terminate(); return new Promise((r) => wss.close(r)); } };
    const port = await freePort();
    gate = await Gate.start({
      rules: siteRules(sync.url, {
        origins: { talks: { url: `http://127.0.0.1:${wss.address().port}` } },
        hosts: [{ host: open, origin: 'talks', public: true, rules: [{ path: '/*', action: 'bypass' }] }],
        top: { listen: [{ address: `127.0.0.1:${port}` }, { address: `${NEAR}:${port}` }] }
      }),
      port, env: secrets
    });
    Cookie = (await gate.request({ host: gated, path: '/.tiergate/sign-in', headers: { Authorization: basic('beta', PASSWORD) } })).get('set-cookie').split(';')[0];
    const job = { url: `wss://${gated}:${port}/`, talks: `wss://${open}:${port}/`, Cookie, address: NEAR, count: PER_DOCUMENT, ca: authority().certFile };
    ghost = spawn('ip', ['netns', 'exec', space, process.execPath, fileURLToPath(new URL('ghost.mjs', import.meta.url)), JSON.stringify(job)], { stdio: ['ignore', 'inherit', 'inherit'] });
    await until('the four', () => sync.connections('shared') === PER_DOCUMENT && wss.clients.size === 3, 20000);
    await sleep(1000);
    ip('-n', space, 'link', 'set', 'far', 'down');
    gone = Date.now();
  });
  after(async () => {
    ghost?.kill('SIGKILL');
    removeSpace();
    await endAll(gate, sync, talkative);
  });

  it('four editors vanish, and a fifth gets in within 90 s', { timeout: 150000 }, async () => {
    let refused = 0;
    const early = editor({ url: `wss://${gated}:${gate.port}/`, name: 'shared', headers: { Cookie }, onAuthenticationFailed: () => refused++ });
    await until('it to be refused at first', () => refused > 0);
    early.stop();
    await until('room', () => sync.connections('shared') < PER_DOCUMENT, BOUND - (Date.now() - gone), 100);
    const fifth = editor({ url: `wss://${gated}:${gate.port}/`, name: 'shared', headers: { Cookie } });
    await until('the fifth to be in step', () => fifth.provider.isSynced, BOUND - (Date.now() - gone));
    fifth.stop();
    await until('all four places', () => sync.connections('shared') === 0, BOUND - (Date.now() - gone), 100);
  });

  it('nor does an origin that talks to them keep them alive', { timeout: 150000 }, async () => {
    // One at once, one now and then, one just before the silence would have been noticed.
    const [a, b, c] = [...talkative.wss.clients];
    a.send('still there?');
    const often = setInterval(() => b.send('and you?'), 7000);
    const late = setTimeout(() => c.send('or you?'), 38000);
    try {
      await until('all of them to be let go', () => talkative.wss.clients.size === 0, BOUND - (Date.now() - gone), 100);
    } finally {
      clearInterval(often);
      clearTimeout(late);
    }
  });
});
