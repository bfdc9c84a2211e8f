// Origins are found by name, found again when they move, and not lost when the name server is.
import assert from 'node:assert/strict';
import { after, before, beforeEach, describe, it } from 'node:test';
import { startDns } from '../harness/dns.mjs';
import { echoOrigin } from '../harness/origins.mjs';
import { startSite } from '../harness/site.mjs';
import { endAll, sleep, until } from '../harness/wait.mjs';

describe('names of origins', () => {
  let site, gate, dns, first, second;
  before(async () => {
    first = await echoOrigin('first', { host: '127.0.0.1' });
    second = await echoOrigin('second', { host: '127.0.0.2', port: first.port });
    dns = await startDns({
      'moving.origin.test': ['127.0.0.1'], 'half.origin.test': ['127.0.0.9', '127.0.0.1'], 'six.origin.test': ['::1', '127.0.0.2'], 'lost.origin.test': ['127.0.0.1']
    });
    const names = ['moving', 'half', 'six', 'lost', 'missing'];
    const origins = Object.fromEntries(names.map((n) => [n, { url: `http://${n}.origin.test:${first.port}`, connect_timeout: '3s' }]));
    origins.preview = { url: `http://pr-{n}.origin.test:${first.port}` };
    const open = (host, origin) => ({ host, origin, public: true, rules: [{ path: '/*', action: 'bypass' }] });
    site = await startSite({
      origin: first.url,
      more: { origins, hosts: [...names.map((n) => open(`${n}.example.test`, n)), open('pr-{n:int}.example.test', 'preview')] },
      gate: { args: ['--resolver', dns.server], threads: 1 }
    });
    gate = site.gate;
  });
  after(() => endAll(site, first, second, dns));
  beforeEach(() => (dns.mode = 'answer'));
  const ask = (name) => gate.request({ host: `${name}.example.test`, path: '/' });
  const dropAll = () => [...first.connections, ...second.connections].forEach((s) => s.destroy());

  it('by the name server that it is told', async () => {
    assert.equal((await ask('moving')).json.marker, 'first');
    assert.ok(dns.asked.includes('moving.origin.test'));
  });

  it('the name is not asked for with every request', async () => {
    await ask('moving');
    dns.ttl = 60;
    await sleep(1100);
    await ask('moving');
    const before = dns.asked.length;
    for (let i = 0; i < 5; i++) {
      dropAll();
      await sleep(20);
      await ask('moving');
    }
    assert.ok(dns.asked.length - before <= 2);
    dns.ttl = 1;
  });

  it('a dead address is passed over for a live one', async () => {
    assert.equal((await ask('half')).json.marker, 'first');
  });

  it('IPv6 and IPv4 are both tried', async () => {
    assert.equal((await ask('six')).json.marker, 'second');
  });

  it('a template makes the name', async () => {
    dns.names['pr-42.origin.test'] = ['127.0.0.2'];
    const r = await ask('pr-42');
    assert.equal(r.json.marker, 'second');
    assert.equal(r.json.headers.host, `pr-42.origin.test:${first.port}`);
  });

  it('an origin that moves is followed', async () => {
    dns.names['lost.origin.test'] = ['127.0.0.1'];
    assert.equal((await ask('lost')).json.marker, 'first');
    dns.names['lost.origin.test'] = ['127.0.0.2'];
    await until('the second', async () => {
      dropAll();
      await sleep(200);
      return (await ask('lost')).json.marker === 'second';
    }, 6000);
  });

  it('the last good answer is kept while resolving fails', async () => {
    await ask('lost');
    for (const mode of ['fail', 'silent']) {
      dns.mode = mode;
      dropAll();
      await sleep(1300);
      assert.equal((await ask('lost')).status, 200, mode);
    }
  });

  it('a name that does not exist is 502, at once and without hurting others', async () => {
    const start = performance.now();
    const r = await ask('missing');
    assert.equal(r.status, 502);
    assert.ok(r.get('tiergate'));
    assert.ok(performance.now() - start < 4000);
    assert.equal((await ask('half')).status, 200);
    const l = await gate.line((x) => x.status === 502);
    assert.deepEqual([l.reason, l.origin], ['origin-dns', 'missing'], 'the line says which origin could not be reached');
  });
});
