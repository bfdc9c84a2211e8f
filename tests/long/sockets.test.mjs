// Five thousand WebSockets, echoing for a minute.
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { authority } from '../harness/certs.mjs';
import { WebSocket } from '../harness/lib.mjs';
import { hidesFiles, openFiles } from '../harness/proc.mjs';
import { startSite } from '../harness/site.mjs';
import { sleep, until, within } from '../harness/wait.mjs';

const host = 'open.example.test';
const COUNT = 5000;
const MINUTE = 60000;
const EVERY = 2500; // each socket's next message after its echo

describe('5,000 sockets', () => {
  let site, gate;
  before(async () => {
    site = await startSite({ more: { limits: { connections_per_address: 2000 } } });
    gate = site.gate;
  });
  after(() => site?.stop());

  const dial = (n) => {
    const ws = new WebSocket(`wss://${host}:${gate.port}/n${n}`, {
      ca: authority().pem, servername: host, localAddress: `127.0.0.${31 + (n % 4)}`, perMessageDeflate: false,
      lookup: (_, o, done) => (o.all ? done(null, [{ address: '127.0.0.1', family: 4 }]) : done(null, '127.0.0.1', 4))
    });
    ws.n = n;
    ws.echoes = 0;
    ws.once('close', (code) => (ws.closed = code));
    return within(`socket ${n}`, new Promise((r, no) => { ws.once('open', () => r(ws)); ws.once('error', no); }), 60000);
  };

  it('open, echo for a minute, each its own, and leave nothing behind', { timeout: 240000 }, async () => {
    const [worker] = gate.workers;
    const hidden = hidesFiles(worker);
    const before = hidden ? 0 : openFiles(worker);
    const all = [];
    for (let n = 0; n < COUNT; n += 100) all.push(...(await Promise.all(Array.from({ length: 100 }, (_, k) => dial(n + k)))));
    const wrong = [];
    const talk = (ws) => {
      const said = `${ws.n}:${ws.echoes}:${'x'.repeat(ws.n % 300)}`;
      ws.once('message', (d) => {
        if (d.toString() !== said) wrong.push(`${said} came back as ${d}`);
        ws.echoes++;
        ws.timer = setTimeout(talk, EVERY, ws);
      });
      ws.send(said);
    };
    for (const ws of all) setTimeout(talk, Math.random() * EVERY, ws);
    await sleep(MINUTE);
    for (const ws of all) clearTimeout(ws.timer);
    assert.deepEqual(wrong.slice(0, 5), []);
    assert.deepEqual(all.filter((ws) => ws.closed !== undefined).length, 0, 'none was closed');
    // A slow machine echoes later, not less often than every fourth time.
    const least = Math.min(...all.map((ws) => ws.echoes));
    assert.ok(least >= MINUTE / EVERY / 4, `the slowest came back ${least} times`);
    for (const ws of all) ws.terminate();
    await until('the origin to be let go', () => site.echo.websockets.size === 0, 10000);
    if (!hidden) await until('their descriptors', () => openFiles(worker) <= before + 4, 10000);
  });
});
