// Origins that are replaced, break off, close at the worst moment or move: the right answer or a clear failure, never somebody else's.
import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { after, before, describe, it } from 'node:test';
import { startDns } from '../harness/dns.mjs';
import { answer, pathOrigin } from '../harness/origins.mjs';
import { freePort } from '../harness/ports.mjs';
import { startSite } from '../harness/site.mjs';
import { endAll, sleep, until } from '../harness/wait.mjs';
import { requestBytes } from '../harness/wire.mjs';

const REASON = /^origin-/;
const nonceOf = (target) => new URL(target, 'http://x').searchParams.get('n');
const bodyOf = (nonce) => `${nonce}:${'0123456789'.repeat((parseInt(nonce.slice(0, 4), 16) % 3000) + 1)}`;

/** Says the nonce of the request and its own name; counts what arrived. */
const nonceOrigin = async (name, options, handlers = {}) => {
  const arrived = new Map();
  const say = async (wire, req) => {
    const nonce = nonceOf(req.target);
    arrived.set(nonce, (arrived.get(nonce) ?? 0) + 1);
    if (req.has('content-length')) await wire.take(Number(req.get('content-length')));
    await wire.send(answer(bodyOf(nonce), `X-Nonce: ${nonce}\r\nX-Name: ${name}\r\n`));
  };
  const origin = await pathOrigin({ '*': say, ...handlers }, options);
  return Object.assign(origin, { arrived, say });
};

describe('origins that are replaced or broken', () => {
  let site, gate, steady, dns, port, movingPort, wakingPort;
  const later = [];
  before(async () => {
    steady = await nonceOrigin('steady', {}, {
      '/reset': async (wire, req) => {
        const nonce = nonceOf(req.target);
        await wire.send(`HTTP/1.1 200 OK\r\nContent-Length: 100000\r\nX-Nonce: ${nonce}\r\n\r\n${nonce}`);
        await sleep(2);
        wire.socket.resetAndDestroy();
        return false;
      },
      '/reset-chunks': async (wire, req) => {
        const nonce = nonceOf(req.target);
        await wire.send(`HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nX-Nonce: ${nonce}\r\n\r\n24\r\n${nonce}\r\n`);
        wire.socket.resetAndDestroy();
        return false;
      },
      '/garbage': async (wire, req) => {
        await wire.send(`${nonceOf(req.target)} is not HTTP\r\n\r\n`);
      },
      '/more-than-asked': (wire, req) => wire.send(`${answer(bodyOf(nonceOf(req.target)), `X-Nonce: ${nonceOf(req.target)}\r\n`)}HTTP/1.1 200 OK\r\nContent-Length: 6\r\nX-Nonce: poison\r\n\r\npoison`),
      // Ends an idle connection just after it answered: sometimes before, sometimes while the next request is on its way.
      '/closes': async (wire, req) => {
        await steady.say(wire, req);
        const ms = Math.random() * 6;
        await sleep(ms);
        if (wire.buffer.length === 0) {
          wire.socket[Math.random() < 0.5 ? 'end' : 'resetAndDestroy']();
          return new Promise(() => {});
        }
      },
      // Takes the next request and goes, without a byte: the worst moment.
      '/worst': async (wire, req) => {
        wire.answered = (wire.answered ?? 0) + 1;
        if (wire.answered === 2) {
          wire.socket[Math.random() < 0.5 ? 'destroy' : 'resetAndDestroy']();
          return new Promise(() => {});
        }
        return steady.say(wire, req);
      }
    });
    port = await freePort();
    wakingPort = await freePort();
    movingPort = await freePort();
    dns = await startDns({ 'moving.origin.test': ['127.0.0.1'] }, { ttl: 2 });
    const open = (host, origin) => ({ host, origin, public: true, rules: [{ path: '/*', action: 'bypass' }] });
    site = await startSite({
      origin: steady.url,
      more: {
        origins: {
          replaced: { url: `http://127.0.0.1:${port}`, connect_timeout: '8s' },
          waking: { url: `http://127.0.0.1:${wakingPort}`, connect_timeout: '15s' },
          moving: { url: `http://moving.origin.test:${movingPort}`, connect_timeout: '1s' }
        },
        hosts: [open('replaced.example.test', 'replaced'), open('waking.example.test', 'waking'), open('moving.example.test', 'moving')]
      },
      gate: { args: ['--resolver', dns.server] }
    });
    gate = site.gate;
  });
  after(() => endAll(site, steady, dns, ...later));
  const made = async (...a) => {
    const origin = await nonceOrigin(...a);
    later.push(origin);
    return origin;
  };

  /** One client, requests one after the other on a connection as long as it lives; tells each outcome, and throws for a wrong answer. */
  const client = async (name, pathOf, { until: isOver, method = () => 'GET' }) => {
    const host = `${name}.example.test`;
    const outcomes = [];
    let wire;
    while (!isOver(outcomes)) {
      const nonce = randomUUID();
      const how = method();
      const one = { nonce, method: how, at: performance.now() };
      outcomes.push(one);
      try {
        wire ??= await gate.connect({ host });
        await wire.send(requestBytes({ host, path: `${pathOf()}?n=${nonce}`, method: how, body: how === 'POST' ? 'a=b' : '' }));
        const r = await wire.response({ ms: 20000 });
        one.status = r.status;
        one.name = r.get('x-name');
        if (r.status === 200) {
          assert.equal(r.get('x-nonce'), nonce, 'the head of another request');
          assert.equal(r.text, bodyOf(nonce), 'the body of another request');
        } else {
          assert.match(r.get('tiergate') ?? '', REASON);
          assert.ok([502, 503, 504].includes(r.status), `${r.status}`);
          assert.equal(r.has('x-nonce'), false);
          await sleep(5);
        }
        if (/close/.test(r.get('connection') ?? '')) wire = wire.close();
      } catch (e) {
        if (e.code === 'ERR_ASSERTION') throw e;
        one.status = 'cut';
        wire = wire?.close();
      }
    }
    wire?.close();
    return outcomes;
  };
  const crowd = async (n, ...a) => (await Promise.all(Array.from({ length: n }, () => client(...a)))).flat();
  const tally = (outcomes) => outcomes.reduce((t, o) => ({ ...t, [o.status]: (t[o.status] ?? 0) + 1 }), {});
  const times = (n) => (outcomes) => outcomes.length >= n;

  it('resets in the middle of a body: each is noticed, nothing is mixed up', async () => {
    const paths = ['/reset', '/reset-chunks', '/garbage', '/more-than-asked', '/', '/', '/'];
    let i = 0;
    const t = tally(await crowd(12, 'open', () => paths[i++ % paths.length], { until: times(40) }));
    assert.ok(t.cut > 0 && t[502] > 0 && t[200] > 0, JSON.stringify(t));
    // Two of seven are cut, one is 502, the rest must be whole.
    assert.ok(t[200] >= 12 * 40 * 4 / 7 - 2, JSON.stringify(t));
  });

  it('idle connections that are closed at any moment: no GET ever fails', async () => {
    const outcomes = await crowd(8, 'open', () => '/closes', { until: times(80) });
    assert.deepEqual(tally(outcomes), { 200: 640 });
  });

  it('a connection that dies with the request on it: GET is repeated, POST never', async () => {
    let i = 0;
    const outcomes = await crowd(4, 'open', () => '/worst', { until: times(60), method: () => (i++ % 3 === 2 ? 'POST' : 'GET') });
    const gets = outcomes.filter((o) => o.method === 'GET');
    const posts = outcomes.filter((o) => o.method === 'POST');
    assert.deepEqual(tally(gets), { 200: gets.length });
    assert.ok(posts.every((o) => o.status === 200 || o.status === 502), JSON.stringify(tally(posts)));
    for (const o of posts) {
      const seen = steady.requests.filter((r) => nonceOf(r.target) === o.nonce).length;
      assert.equal(seen, 1, 'a POST arrives once, whatever becomes of it');
    }
  });

  it('an origin that dies under load and is replaced: failures have an end', async () => {
    const old = await made('old', { port });
    let over = false;
    let i = 0;
    const running = crowd(10, 'replaced', () => '/', { until: () => over, method: () => (i++ % 5 === 4 ? 'POST' : 'GET') });
    await until('load', () => old.arrived.size > 200);
    await old.close();
    await sleep(1000);
    const next = await made('new', { port });
    await until('load on the new one', () => next.arrived.size > 200);
    const healthy = performance.now();
    await sleep(300);
    over = true;
    const outcomes = await running;
    const t = tally(outcomes);
    assert.ok(outcomes.some((o) => o.name === 'old') && outcomes.some((o) => o.name === 'new'));
    // Ten clients: none can have lost more than what it had in flight when the old one died, and what met its closed port waited.
    assert.ok((t[502] ?? 0) + (t.cut ?? 0) <= 20, JSON.stringify(t));
    assert.deepEqual(tally(outcomes.filter((o) => o.at > healthy)), { 200: outcomes.filter((o) => o.at > healthy).length });
    for (const o of outcomes) assert.ok((old.arrived.get(o.nonce) ?? 0) + (next.arrived.get(o.nonce) ?? 0) <= (o.method === 'POST' ? 1 : 2));
  });

  it('a machine that starts on demand after three seconds: everybody is served, once', async () => {
    let i = 0;
    const running = crowd(30, 'waking', () => '/', { until: times(1), method: () => (i++ % 2 ? 'POST' : 'GET') });
    await sleep(3000);
    const woken = await made('woken', { port: wakingPort });
    const outcomes = await running;
    assert.deepEqual(tally(outcomes), { 200: 30 });
    for (const o of outcomes) assert.equal(woken.arrived.get(o.nonce), 1);
  });

  it('an origin that moves to another address: served from there within one time to live', async () => {
    const here = await made('here', { host: '127.0.0.1', port: movingPort });
    const there = await made('there', { host: '127.0.0.2', port: movingPort });
    let over = false;
    const running = crowd(6, 'moving', () => '/', { until: () => over });
    await until('load', () => here.arrived.size > 100);
    dns.names['moving.origin.test'] = ['127.0.0.2'];
    const moved = performance.now();
    await here.close();
    await until('load there', () => there.arrived.size > 50, 8000);
    const found = performance.now();
    await sleep(300);
    over = true;
    const outcomes = await running;
    assert.ok(found - moved < dns.ttl * 1000 + 1500, `${found - moved} ms`);
    const afterwards = outcomes.filter((o) => o.at > found);
    assert.deepEqual(tally(afterwards), { 200: afterwards.length });
    assert.ok(afterwards.every((o) => o.name === 'there'));
  });
});
