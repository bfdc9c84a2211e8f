// Wrong passwords are counted, for those who bring them and for nobody else.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { after, before, describe, it } from 'node:test';
import { tiergate } from '../harness/gate.mjs';
import { PASSWORD, startSite } from '../harness/site.mjs';
import { basic } from '../harness/wire.mjs';

const host = 'file.example.test';

/** A file of users: one line by another program, two by our own. */
async function writeUsers(file) {
  const lines = [`sha:${execFileSync('openssl', ['passwd', '-6', '-salt', 'saltsaltsalt', PASSWORD]).toString().trim()}`];
  for (const [user, options] of [['ye', []], ['bc', ['--bcrypt']]]) {
    const made = await tiergate(['passwd', ...options, user], { input: `${PASSWORD}\n` });
    assert.equal(made.code, 0, made.stderr);
    lines.push(made.stdout.trim());
  }
  fs.writeFileSync(file, `${lines.join('\n')}\n`, { mode: 0o644 });
  return lines;
}

async function startWithUsers(limits) {
  const dir = fs.mkdtempSync(path.join(os.tmpdir(), 'tiergate-users-'));
  const lines = await writeUsers(path.join(dir, 'users'));
  const site = await startSite({
    more: {
      gates: { file: { basic: { realm: 'file', htpasswd: path.join(dir, 'users') } } },
      hosts: [{ host, origin: 'web', gate: 'file', rules: 'gated' }],
      limits
    }
  });
  const ask = (user, password, more = {}) =>
    site.gate.request({ host, path: '/private', headers: { Authorization: basic(user, password), ...more } });
  return {
    lines, ask, gate: site.gate,
    async stop() {
      await site.stop();
      fs.rmSync(dir, { recursive: true, force: true });
    }
  };
}

describe('hashed passwords', () => {
  let it_;
  before(async () => {
    it_ = await startWithUsers({ login_failures_per_user: 1000, login_failures_per_address: 1000 });
  });
  after(() => it_?.stop());

  it('our own lines are yescrypt and bcrypt', () => {
    assert.match(it_.lines[1], /^ye:\$y\$/);
    assert.match(it_.lines[2], /^bc:\$2[aby]\$/);
  });

  for (const user of ['sha', 'ye', 'bc']) {
    it(`${user}: the right password and no other`, async () => {
      assert.equal((await it_.ask(user, PASSWORD)).status, 200);
      assert.equal((await it_.ask(user, PASSWORD)).status, 200, 'remembered');
      for (const wrong of ['', 'x', `${PASSWORD}x`, PASSWORD.slice(1), `${PASSWORD}\0x`])
        assert.equal((await it_.ask(user, wrong)).status, 401, wrong);
    });
  }

  it('an unknown user is refused, and at the same cost as a known one', async () => {
    const time = async (user) => {
      const times = [];
      for (let i = 0; i < 5; i++) {
        const start = performance.now();
        assert.equal((await it_.ask(user, `wrong ${i}`)).status, 401);
        times.push(performance.now() - start);
      }
      return times.sort((a, b) => a - b)[2];
    };
    const [known, unknown] = [await time('ye'), await time('nobody')];
    assert.ok(unknown > known / 4, `${unknown} ms against ${known} ms`);
  });

  it('many at once are all answered', async () => {
    const all = await Promise.all(Array.from({ length: 24 }, (_, i) => it_.ask(i % 2 ? 'bc' : 'ye', i % 3 ? PASSWORD : `wrong ${i}`)));
    for (const [i, r] of all.entries()) assert.ok(r.status === (i % 3 ? 200 : 401) || r.status === 503, `${i} ${r.status}`);
  });
});

describe('failure limits', () => {
  let it_, cookie;
  before(async () => {
    it_ = await startWithUsers({ login_failures_per_user: 5, login_failures_per_address: 12, login_window: '120s' });
    cookie = (await it_.ask('sha', PASSWORD)).get('set-cookie').split(';')[0];
  });
  after(() => it_?.stop());

  it('after some wrong ones of a user: 429 with Retry-After', async () => {
    const statuses = [];
    for (let i = 0; i < 8; i++) statuses.push((await it_.ask('ye', `wrong ${i}`)).status);
    assert.deepEqual(statuses, [401, 401, 401, 401, 401, 429, 429, 429]);
    const r = await it_.ask('ye', 'wrong again');
    assert.ok(Number(r.get('retry-after')) > 0 && Number(r.get('retry-after')) <= 120);
    assert.ok(r.get('tiergate'));
  });

  it('even the right password must wait then, or guessing would go on', async () => {
    assert.equal((await it_.ask('ye', PASSWORD)).status, 429);
  });

  it('no credentials at all are no failure', async () => {
    for (let i = 0; i < 30; i++)
      assert.equal((await it_.gate.request({ host, path: '/private' })).status, 401);
  });

  it('other users go on, until the address as a whole has too many', async () => {
    assert.equal((await it_.ask('bc', PASSWORD)).status, 200);
    const statuses = [];
    for (let i = 0; i < 12; i++) statuses.push((await it_.ask(`user${i}`, 'wrong')).status);
    assert.equal(statuses[0], 401);
    assert.equal(statuses.at(-1), 429);
  });

  it('good sessions and remembered pairs are never limited', async () => {
    assert.equal((await it_.ask('nobody', 'wrong', { Cookie: cookie })).status, 200);
    assert.equal((await it_.gate.request({ host, path: '/private', headers: { Cookie: cookie } })).status, 200);
    // On every loop thread, however the kernel spreads the connections.
    for (let i = 0; i < 16; i++) assert.equal((await it_.ask('bc', PASSWORD)).status, 200, 'remembered');
  });

  it('another address is not touched', async () => {
    const wire = await it_.gate.connect({ host, localAddress: '127.0.0.2' });
    await wire.send(`GET /private HTTP/1.1\r\nHost: ${host}\r\nAuthorization: ${basic('ye', PASSWORD)}\r\nConnection: close\r\n\r\n`);
    assert.equal((await wire.response()).status, 200);
    wire.close();
  });
});
