// Many at once from one address, as an office or a CI runner: only wrong credentials count against them.
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { PASSWORD, startSite } from '../harness/site.mjs';
import { basic, requestBytes } from '../harness/wire.mjs';

const host = 'app.example.test';
const navigation = { 'Sec-Fetch-Mode': 'navigate', Accept: 'text/html' };
const OFFICE = '127.0.0.21';
const GUESSER = '127.0.0.22';

describe('a crowd behind one address', () => {
  let site, gate;
  before(async () => {
    // A thousand at once take a busy machine its time.
    site = await startSite({ more: { limits: { handshake_timeout: '1m', header_timeout: '1m' } } });
    gate = site.gate;
  });
  after(() => site?.stop());

  const on = async (from, requests) => {
    const wire = await gate.connect({ host, localAddress: from, ms: 60000 });
    const answers = [];
    try {
      for (const headers of requests) {
        await wire.send(requestBytes({ host, path: `/n${answers.length}`, headers }));
        answers.push(await wire.response({ ms: 60000 }));
      }
    } finally {
      wire.close();
    }
    return answers;
  };
  const tally = (answers) => answers.reduce((t, r) => ({ ...t, [r.status]: (t[r.status] ?? 0) + 1 }), {});

  it('1,000 that come bare first and with the password then, while another address guesses', async () => {
    // As Playwright does with httpCredentials: each asks bare, is challenged, and asks again.
    const good = { Authorization: basic('beta', PASSWORD) };
    const everybody = Promise.all(Array.from({ length: 1000 }, () => on(OFFICE, [navigation, { ...navigation, ...good }])));
    const guesses = [];
    for (let i = 0; i < 50; i++) guesses.push((await on(GUESSER, [{ Authorization: basic('beta', `guess ${i}`) }]))[0]);
    const all = await everybody;
    assert.deepEqual(tally(all.map(([bare]) => bare)), { 401: 1000 });
    assert.deepEqual(tally(all.map(([, authorized]) => authorized)), { 200: 1000 });
    const t = tally(guesses);
    assert.equal(t[401], 10, JSON.stringify(t));
    assert.equal(t[429], 40, JSON.stringify(t));
    for (const r of guesses.filter((g) => g.status === 429)) {
      assert.ok(Number(r.get('retry-after')) > 0);
      assert.equal(r.has('www-authenticate'), false);
    }
  });

  it('a guesser who changes the name is limited by address, and nobody else is', async () => {
    const from = '127.0.0.23';
    const guesses = [];
    for (let i = 0; i < 50; i++) guesses.push((await on(from, [{ Authorization: basic(`user${i}`, 'guess') }]))[0]);
    const t = tally(guesses);
    assert.ok(t[429] >= 5 && t[401] <= 40, JSON.stringify(t));
    assert.equal((await on(OFFICE, [{ Authorization: basic('beta', PASSWORD) }]))[0].status, 200);
  });

  it('a session, and a password that was right before, stay good at a limited address', async () => {
    const from = '127.0.0.24';
    const good = { Authorization: basic('beta', PASSWORD) };
    const Cookie = (await on(from, [good]))[0].get('set-cookie').split(';')[0];
    for (let i = 0; i < 50; i++) await on(from, [{ Authorization: basic('beta', `guess ${i}`) }]);
    assert.equal((await on(from, [{ Authorization: basic('beta', 'one more') }]))[0].status, 429);
    assert.equal((await on(from, [{ Cookie }]))[0].status, 200);
    assert.equal((await on(from, [{ Cookie, Authorization: basic('beta', 'wrong') }]))[0].status, 200, 'the cookie goes first');
    assert.equal((await on(from, [good]))[0].status, 200);
    assert.equal((await on(from, [{}]))[0].status, 401, 'who asks bare is asked, not limited');
  });

  it('1,000 fetches at once with one cookie', async () => {
    const Cookie = (await on(OFFICE, [{ Authorization: basic('beta', PASSWORD) }]))[0].get('set-cookie').split(';')[0];
    const all = (await Promise.all(Array.from({ length: 200 }, () => on(OFFICE, Array(5).fill({ Cookie }))))).flat();
    assert.deepEqual(tally(all), { 200: 1000 });
    assert.ok(all.every((r) => !r.has('set-cookie')));
  });
});
