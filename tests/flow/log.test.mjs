// One JSON line per request, never a secret; a sink that stalls stalls nobody.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { after, before, describe, it } from 'node:test';
import { PASSWORD, siteRules, startSite } from '../harness/site.mjs';
import { until } from '../harness/wait.mjs';
import { basic } from '../harness/wire.mjs';

const host = 'app.example.test';

describe('log', () => {
  let site, gate;
  before(async () => {
    site = await startSite();
    gate = site.gate;
  });
  after(() => site?.stop());
  const ask = (path, headers = {}, more = {}) => gate.request({ host, path, headers, ...more });

  it('a line of an allowed request says who, where, what and how long', async () => {
    await ask('/logged/allowed', { Authorization: basic('beta', PASSWORD) }, { method: 'POST', body: 'hello' });
    const l = await gate.line((x) => x.path === '/logged/allowed');
    assert.ok(Math.abs(Date.parse(l.time) - Date.now()) < 60000, l.time);
    for (const [key, want] of Object.entries({
      tier: 'staging', host, method: 'POST', status: 200, decision: 'allow', identity: 'beta', gate: 'app', client: '127.0.0.1', origin: 'web', rule: 3, rule_name: 'else', bytes_in: 5
    })) assert.equal(l[key], want, key);
    for (const key of ['duration_us', 'bytes_out']) assert.ok(l[key] > 0, key);
    assert.match(l.id, /^[0-9a-f]{32}$/);
    const seen = site.echo.requests.find((r) => r.target === '/logged/allowed');
    assert.ok(seen.headers.traceparent.includes(l.id), 'the same id at the origin');
  });

  for (const [path, headers, status, decision] of [
    ['/docs/logged', {}, 200, 'bypass'], ['/logged/gated', {}, 401, 'gate'], ['/closed/logged', {}, 403, 'block']
  ]) {
    it(`${decision} is logged`, async () => {
      await ask(path, headers);
      const l = await gate.line((x) => x.path === path);
      assert.equal(l.status, status);
      assert.equal(l.decision, decision);
      assert.equal(l.identity, undefined);
    });
  }

  it('refused requests are logged with a reason', async () => {
    await gate.request({ host: 'unknown.example.test', path: '/logged/unknown', sni: host });
    const l = await gate.line((x) => x.path === '/logged/unknown');
    assert.deepEqual([l.status, l.decision, l.rule], [421, 'refused', undefined]);
    assert.ok(l.reason);
    await ask('/logged/bad', { 'X A': '1' });
    await gate.line((x) => x.status === 400);
  });

  it('an own endpoint is logged', async () => {
    await ask('/.tiergate/session');
    const session = await gate.line((x) => x.path === '/.tiergate/session');
    assert.deepEqual([session.status, session.decision, session.rule], [200, 'own', undefined]);
    await ask('/.tiergate/health');
    const health = await gate.line((x) => x.path === '/.tiergate/health' && x.host === host);
    assert.deepEqual([health.status, health.decision, health.rule], [200, 'own', undefined]);
  });

  it('no secret is ever written', async () => {
    const r = await ask('/logged/secret?token=query-secret', { Authorization: basic('beta', PASSWORD), 'X-App-Key': 'field-secret' });
    const cookie = r.get('set-cookie').split(';')[0];
    await ask('/logged/secret-2', { Cookie: `${cookie}; app=cookie-secret`, Authorization: 'Bearer bearer-secret' });
    await ask('/logged/secret-3', { Authorization: basic('beta', 'wrong-secret') });
    await gate.line((x) => x.path === '/logged/secret-3');
    const text = fs.readFileSync(gate.logFile, 'utf8') + gate.stderr + gate.stdout;
    for (const secret of [PASSWORD, basic('beta', PASSWORD).slice(6), cookie.split('=')[1], 'query-secret', 'field-secret', 'cookie-secret', 'bearer-secret', 'wrong-secret'])
      assert.ok(!text.includes(secret), secret);
  });

  it('what a client sends cannot break a line or pretend to be one', async () => {
    const forged = '/logged/%22%0a{"x":1}"';
    await ask(forged);
    await ask('/logged/last');
    await gate.line((x) => x.path === '/logged/last');
    for (const line of fs.readFileSync(gate.logFile, 'utf8').split('\n').filter(Boolean)) {
      assert.doesNotThrow(() => JSON.parse(line), line);
      assert.ok(!/[\x00-\x1f\x7f-\x9f\u2028]/.test(line), JSON.stringify(line));
    }
  });

  it('each request has one line', async () => {
    for (let i = 0; i < 20; i++) await ask(`/docs/count-${i}`);
    await gate.line((x) => x.path === '/docs/count-19');
    for (let i = 0; i < 20; i++) assert.equal(gate.lines().filter((x) => x.path === `/docs/count-${i}`).length, 1);
  });

  it('SIGHUP opens the file anew', async () => {
    fs.renameSync(gate.logFile, `${gate.logFile}.1`);
    await gate.reload(siteRules(site.echo.url), /reload: ok/);
    await ask('/docs/after-rotation');
    await gate.line((x) => x.path === '/docs/after-rotation');
    assert.ok(!fs.readFileSync(`${gate.logFile}.1`, 'utf8').includes('after-rotation'));
  });

  it('SIGHUP opens the file anew even when the rules are refused', async () => {
    fs.renameSync(gate.logFile, `${gate.logFile}.2`);
    await gate.reload('{', /reload: refused/);
    await ask('/docs/after-refusal');
    await until('the new file', () => fs.existsSync(gate.logFile) && fs.readFileSync(gate.logFile, 'utf8').includes('after-refusal'));
    gate.write(siteRules(site.echo.url));
  });
});

describe('a log that stalls', () => {
  let site, fifo, fd;
  after(async () => {
    if (fd !== undefined) fs.closeSync(fd);
    await site?.stop();
  });

  it('drops lines, counts them, and serves on', async () => {
    // A pipe that nobody reads is a disk that hangs.
    site = await startSite();
    fifo = path.join(site.gate.dir, 'pipe');
    execFileSync('mkfifo', [fifo]);
    fs.chmodSync(fifo, 0o666);
    fd = fs.openSync(fifo, fs.constants.O_RDWR | fs.constants.O_NONBLOCK);
    await site.gate.reload({ ...siteRules(site.echo.url), log: { to: fifo } }, /reload: (ok|refused)/);
    const wire = await site.gate.connect({ host: 'open.example.test' });
    const n = 6000;
    const bytes = Buffer.from(`GET /${'x'.repeat(900)} HTTP/1.1\r\nHost: unknown.example.test\r\n\r\n`);
    const times = [];
    let answered = 0;
    for (let i = 0; i < n; i++) {
      const start = performance.now();
      await wire.send(bytes);
      if ((await wire.response()).status === 421) answered++;
      times.push(performance.now() - start);
    }
    wire.close();
    assert.equal(answered, n);
    times.sort((a, b) => a - b);
    assert.ok(times[Math.floor(n * 0.99)] < 200, `p99 ${times[Math.floor(n * 0.99)]} ms`);
    const chunk = Buffer.alloc(65536);
    let text = '';
    await until('the count of what was dropped', () => {
      try {
        text += chunk.toString('latin1', 0, fs.readSync(fd, chunk));
      } catch (e) {
        if (e.code !== 'EAGAIN') throw e;
      }
      return /dropped/.test(text);
    }, 8000, 1);
  });
});
