// A WebSocket whose session ran out was told so, and then looked at as one whose session had just run out, at each sweep: who answered nothing
// kept the connection and its place for as long as the TCP connection lasted.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { after, before, describe, it } from 'node:test';
import { Fault, missing } from '../harness/fault.mjs';
import { PASSWORD, secrets, startSite } from '../harness/site.mjs';
import { sleep } from '../harness/wait.mjs';
import { basic, requestBytes } from '../harness/wire.mjs';

const host = 'app.example.test', LIFETIME_S = 604800;
const upgrade = {
  Connection: 'Upgrade', Upgrade: 'websocket', 'Sec-WebSocket-Version': '13', 'Sec-WebSocket-Key': 'dGhlIHNhbXBsZSBub25jZQ=='
};

describe('a WebSocket that says nothing to the end of its session', { skip: missing }, () => {
  let site, fault, dir;
  before(async () => {
    dir = fs.mkdtempSync(path.join(os.tmpdir(), 'tiergate-clock-'));
    fs.chmodSync(dir, 0o755);
    fault = new Fault(dir);
    site = await startSite({ gate: { env: { ...secrets, ...fault.env } } });
  });
  after(async () => {
    await site?.stop();
    fault?.close();
    if (dir) fs.rmSync(dir, { recursive: true, force: true });
  });

  it('is let go', async () => {
    const r = await site.gate.request({ host, path: '/', headers: { Authorization: basic('beta', PASSWORD) } });
    const wire = await site.gate.connect({ host });
    try {
      await wire.send(requestBytes({ host, path: '/mute', headers: { ...upgrade, Cookie: r.get('set-cookie').split(';')[0] } }));
      assert.equal((await wire.head()).status, 101);
      const isDone = (l) => l.path === '/mute';
      await sleep(500);
      assert.equal(site.gate.lines().filter(isDone).length, 0);
      fault.setClock(LIFETIME_S + 60);
      assert.deepEqual([...(await wire.take(4)).subarray(0, 4)].map((b, i) => (i === 1 ? 0 : b)), [0x88, 0, 4401 >> 8, 4401 & 255]);
      const line = await site.gate.line(isDone, 10000);
      assert.equal(line.detail, 'session ended');
    } finally {
      wire.close();
    }
  });
});
