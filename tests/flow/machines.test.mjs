// Who comes without signing in: service tokens, the bypass secret, share links. What they open, what never reaches an origin or a log, and
// when it ends.
import assert from 'node:assert/strict';
import crypto from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';
import { after, before, describe, it } from 'node:test';
import { authority } from '../harness/certs.mjs';
import { Gate, tiergate } from '../harness/gate.mjs';
import { WebSocket } from '../harness/lib.mjs';
import { echoOrigin } from '../harness/origins.mjs';
import { endAll, until, within } from '../harness/wait.mjs';
import { basic } from '../harness/wire.mjs';

const host = 'app.example.test';
const sibling = 'api.app.example.test';
const lookup = (_, o, done) => (o.all ? done(null, [{ address: '127.0.0.1', family: 4 }]) : done(null, '127.0.0.1', 4));
const browser = { 'Sec-Fetch-Site': 'none', 'Sec-Fetch-Mode': 'navigate', 'Sec-Fetch-Dest': 'document', Accept: 'text/html' };
const pairOf = (r) => r.get('set-cookie').split(';')[0];

/** What `token new` prints. */
async function newToken(name) {
  const { stdout, code } = await tiergate(['token', 'new', name]);
  assert.equal(code, 0);
  const [id, secret, line] = stdout.trim().split('\n');
  assert.equal(id, `CF-Access-Client-Id: ${name}`);
  const [, hash] = line.match(/^"service_tokens": \{".*": "(sha256:[0-9a-f]{64})"\}$/);
  const value = secret.replace('CF-Access-Client-Secret: ', '');
  assert.match(value, /^tgs_[\w-]{43}$/);
  return { name, secret: value, hash, headers: { 'CF-Access-Client-Id': name, 'CF-Access-Client-Secret': value } };
}

describe('machines and guests', () => {
  let origin, gate, ci, guest;
  const rulesOf = (more = {}) => ({
    gates: {
      app: {
        basic: { realm: 'app', users: { beta: 'a good password' } },
        service_tokens: { ci: ci.hash, guest: guest.hash },
        share_links: true,
        session: { domain: 'app.example.test' },
        ...more
      },
      json: { service_tokens: { ci: ci.hash }, service_token_header: 'Authorization' },
      closed: { basic: { realm: 'closed', users: { beta: 'a good password' } } }
    },
    session: { secret: 's'.repeat(40) },
    origins: { web: { url: origin.url } },
    rulesets: {
      all: [
        { path: '/open/*', action: 'bypass' },
        { path: '/ci/*', action: 'allow', who: ['service_token:ci'] },
        { path: '/never/*', action: 'block' },
        { path: '/*', action: 'allow', who: ['everyone'] }
      ]
    },
    hosts: [
      ...[host, sibling].map((h) => ({ host: h, origin: 'web', gate: 'app', rules: 'all' })),
      { host: 'json.example.test', origin: 'web', gate: 'json', rules: [{ path: '/*', action: 'allow', who: ['everyone'] }] },
      { host: 'closed.example.test', origin: 'web', gate: 'closed', rules: [{ path: '/*', action: 'allow', who: ['everyone'] }] }
    ]
  });

  before(async () => {
    ci = await newToken('ci');
    guest = await newToken('guest');
    origin = await echoOrigin('web');
    gate = await Gate.start({ rules: rulesOf() });
  });
  after(() => endAll(gate, origin));

  const ask = (headers, more = {}) => gate.request({ host, path: '/private', headers, ...more });
  /** The origin's view of the last request; fails when it was not asked `since` then. */
  const seen = () => origin.requests.at(-1);

  // --- service tokens ---------------------------------------------------------------------------------------------------------------
  it('a service token is somebody, without a cookie, and its fields end here', async () => {
    const r = await ask({ ...ci.headers, Authorization: 'Bearer of-the-app' });
    assert.equal(r.status, 200);
    assert.equal(r.has('set-cookie'), false);
    const { headers } = seen();
    assert.equal(headers['x-forwarded-user'], 'ci');
    assert.equal(headers.authorization, 'Bearer of-the-app');
    for (const name of Object.keys(headers)) assert.doesNotMatch(name, /cf.access.client/i);
  });

  it('an invalid one is 401 for machines, whatever else came along', async () => {
    const cookie = pairOf(await ask({ Authorization: basic('beta', 'a good password') }));
    const count = origin.requests.length;
    for (const [what, headers] of Object.entries({
      'wrong secret': { ...ci.headers, 'CF-Access-Client-Secret': guest.secret },
      'no secret': { 'CF-Access-Client-Id': 'ci' },
      'unknown id': { ...ci.headers, 'CF-Access-Client-Id': 'nobody' },
      'a cookie beside it': { ...ci.headers, 'CF-Access-Client-Secret': 'x', Cookie: cookie },
      'a password beside it': { ...ci.headers, 'CF-Access-Client-Secret': 'x', Authorization: basic('beta', 'a good password') },
      'as a navigation': { ...browser, 'CF-Access-Client-Id': 'ci', 'CF-Access-Client-Secret': 'x' }
    })) {
      const r = await ask(headers);
      assert.equal(r.status, 401, what);
      assert.equal(r.json.error, 'service_token_invalid', what);
      assert.equal(r.get('tiergate'), 'service-token-invalid', what);
      assert.equal(r.has('www-authenticate'), false, what);
      assert.equal(r.has('set-cookie'), false, what);
    }
    assert.equal((await gate.request({ host: 'closed.example.test', path: '/', headers: ci.headers })).status, 401);
    assert.equal(origin.requests.length, count);
  });

  it('a valid one that the rule does not mean is 403', async () => {
    assert.equal((await ask(ci.headers, { path: '/ci/x' })).status, 200);
    const r = await ask(guest.headers, { path: '/ci/x' });
    assert.deepEqual([r.status, r.get('tiergate')], [403, 'not-allowed']);
    assert.equal((await ask(ci.headers, { path: '/never/x' })).status, 403);
  });

  it('wrong secrets do not use up the attempts of passwords', async () => {
    for (let i = 0; i < 40; i++) assert.equal((await ask({ ...ci.headers, 'CF-Access-Client-Secret': `x${i}` })).status, 401);
    assert.equal((await ask({ Authorization: basic('beta', 'a good password') })).status, 200);
  });

  it('both fields as JSON in Authorization, where the gate says so', async () => {
    const json = JSON.stringify({ 'cf-access-client-id': 'ci', 'cf-access-client-secret': ci.secret });
    const at = (h, headers) => gate.request({ host: h, path: '/', headers });
    assert.equal((await at('json.example.test', { Authorization: json })).status, 200);
    assert.equal(seen().headers.authorization, undefined);
    assert.equal((await at('json.example.test', { Authorization: json.replace(ci.secret, 'x') })).json.error, 'service_token_invalid');
    assert.equal((await at(host, { Authorization: json })).status, 401);
    assert.equal((await at('json.example.test', { ...ci.headers, Authorization: 'Bearer x' })).status, 200);
    assert.equal(seen().headers.authorization, 'Bearer x');
  });

  it('secrets on an open path reach the origin as little as elsewhere', async () => {
    const r = await ask({ ...ci.headers, 'x-vercel-protection-bypass': ci.secret }, { path: `/open/x?x-vercel-protection-bypass=${ci.secret}&a=1` });
    assert.equal(r.status, 200);
    assert.equal(seen().target, '/open/x?a=1');
    assert.doesNotMatch(JSON.stringify(seen().headers), /tgs_/);
  });

  // --- the bypass secret ------------------------------------------------------------------------------------------------------------
  it('the bypass secret, in a field or a parameter, is the token that it belongs to', async () => {
    assert.equal((await ask({ 'x-vercel-protection-bypass': ci.secret })).status, 200);
    assert.equal(seen().headers['x-forwarded-user'], 'ci');
    assert.equal(seen().headers['x-vercel-protection-bypass'], undefined);
    const r = await ask({ ...browser, Referer: `https://${host}/?x-vercel-protection-bypass=${guest.secret}` }, { path: `/p?a=%20&x-vercel-protection-bypass=${guest.secret}&b` });
    assert.equal(r.status, 200);
    assert.equal(r.has('set-cookie'), false);
    assert.equal(seen().target, '/p?a=%20&b');
    assert.equal(seen().headers['x-forwarded-user'], 'guest');
    assert.doesNotMatch(JSON.stringify(seen().headers), /tgs_/);
    assert.equal((await ask({ 'x-vercel-protection-bypass': `${ci.secret}x` })).status, 401);
    assert.equal((await ask({}, { path: '/p?x-vercel-protection-bypass=x' })).status, 401);
  });

  it('a navigation that wants the cookie gets it with a clean address', async () => {
    const count = origin.requests.length;
    const r = await ask(browser, { path: `/p?a=1&x-vercel-set-bypass-cookie=true&x-vercel-protection-bypass=${ci.secret}` });
    assert.deepEqual([r.status, r.get('location')], [302, '/p?a=1']);
    assert.equal(origin.requests.length, count);
    assert.match(r.get('set-cookie'), /; SameSite=Lax; Max-Age=\d+; Domain=app\.example\.test$/);
    const again = await ask({ ...browser, Cookie: pairOf(r) }, { path: '/p?a=1' });
    assert.equal(again.status, 200);
    assert.equal(seen().headers['x-forwarded-user'], 'ci');
    assert.equal((await gate.request({ host: sibling, path: '/', headers: { Cookie: pairOf(r) } })).status, 200);
    // With a good session the address is cleaned all the same.
    const known = await ask({ ...browser, Cookie: pairOf(r) }, { path: `/p?x-vercel-set-bypass-cookie=true&x-vercel-protection-bypass=${ci.secret}` });
    assert.deepEqual([known.status, known.get('location'), known.has('set-cookie')], [302, '/p', false]);
  });

  it('a script gets the cookie with its answer, also for other sites', async () => {
    const r = await ask({ 'x-vercel-protection-bypass': ci.secret, 'x-vercel-set-bypass-cookie': 'samesitenone' });
    assert.equal(r.status, 200);
    assert.match(r.get('set-cookie'), /; Secure; HttpOnly; SameSite=None; /);
    assert.equal(seen().headers['x-vercel-set-bypass-cookie'], undefined);
    const refused = await ask({ 'x-vercel-protection-bypass': guest.secret, 'x-vercel-set-bypass-cookie': 'true' }, { path: '/ci/x' });
    assert.deepEqual([refused.status, refused.has('set-cookie')], [403, false]);
  });

  // --- share links ------------------------------------------------------------------------------------------------------------------
  const share = async (url, ...args) => {
    const r = await tiergate(['share', url, '--rules', gate.rulesFile, '--state', path.join(gate.dir, 'state'), ...args]);
    return { ...r, link: r.code === 0 ? new URL(r.stdout.trim()) : undefined };
  };
  const follow = (link, headers = browser) => gate.request({ host: link.hostname, path: link.pathname + link.search, headers });

  it('a share link opens its host at its path and below, and nothing else', async () => {
    const { link, stderr } = await share(gate.url(host, '/docs/'), '--for', '2h', '--note', 'for Eve');
    assert.match(stderr, /opens \/docs\/ and what is below it until \d{4}-/);
    assert.equal(link.port, String(gate.port));
    const r = await follow(link);
    assert.deepEqual([r.status, r.get('location')], [302, '/docs/']);
    assert.doesNotMatch(r.get('set-cookie'), /Domain/);
    assert.ok(Number(r.get('set-cookie').match(/Max-Age=(\d+)/)[1]) <= 7200);
    const Cookie = pairOf(r);
    for (const [h, p, status] of [
      [host, '/docs/', 200], [host, '/docs/a/b?c', 200], [host, '/docs', 401], [host, '/docs2/', 401], [host, '/', 401], [host, '/docs/%2e%2e/x', 403],
      [host, '/docs/..%2fx', 403], [host, '/never/x', 403], [sibling, '/docs/', 401], ['closed.example.test', '/docs/', 401], ['json.example.test', '/docs/', 401]
    ]) {
      const count = origin.requests.length;
      const got = await gate.request({ host: h, path: p, headers: { Cookie } });
      assert.equal(got.status, status, `${h}${p}`);
      assert.equal(origin.requests.length - count, status === 200 ? 1 : 0, `${h}${p}`);
    }
    assert.match(origin.requests.findLast((q) => q.target.startsWith('/docs/a')).headers['x-forwarded-user'], /^[0-9a-f]{32}$/);
    // Who signs in outside of it is himself from then on, also where the link leads.
    const own = await ask({ Cookie, Authorization: basic('beta', 'a good password') }, { path: '/' });
    assert.equal(own.status, 200);
    const both = await gate.request({ host, path: '/docs/', headers: { Cookie: `${Cookie}; ${pairOf(own)}` } });
    assert.equal(both.status, 200);
    assert.equal(seen().headers['x-forwarded-user'], 'beta');
    // … and a link that is opened then needs no session of its own.
    const known = await follow(link, { ...browser, Cookie: pairOf(own) });
    assert.deepEqual([known.status, known.get('location'), known.has('set-cookie')], [302, '/docs/', false]);
  });

  it('a link is of one host, one gate, one secret, and as it was made', async () => {
    const { link } = await share(gate.url(host, '/'), '--for', '1h');
    const t = link.searchParams.get('t');
    const open = (h, text) => gate.request({ host: h, path: `/.tiergate/share?t=${text}`, headers: browser });
    for (const h of [sibling]) assert.deepEqual([(await open(h, t)).status, (await open(h, t)).get('tiergate')], [403, 'share-link-invalid']);
    for (const h of ['closed.example.test', 'json.example.test']) assert.equal((await open(h, t)).status, 404);
    const bytes = Buffer.from(t, 'base64url');
    for (let i = 0; i < bytes.length; i += 3) {
      const other = Buffer.from(bytes);
      other[i] ^= 1;
      const r = await open(host, other.toString('base64url'));
      assert.deepEqual([r.status, r.has('set-cookie')], [403, false], `byte ${i}`);
    }
    for (const bad of ['', 'x', `${t}x`, `${t}&t=${t}`]) assert.equal((await open(host, bad)).status, 403, bad);
    assert.equal((await gate.request({ host, path: `/.tiergate/share?t=${t}`, method: 'POST', headers: {} })).status, 405);
    assert.equal((await open(host, t)).status, 302);
  });

  it('what cannot be shared is refused, with what to do', async () => {
    for (const [url, args, message] of [
      ['https://closed.example.test/', [], /no share links: write "share_links": true/],
      ['https://unknown.test/', [], /no host of that name/],
      [`https://${host}/a/../b`, [], /read in two ways/],
      [`https://${host}/`, ['--path', '/a//b'], /read in two ways/],
      [`https://${host}/`, ['--path', 'docs'], /--path is the path alone/]
    ]) {
      const r = await share(url, '--for', '1h', ...args);
      assert.equal(r.code, 1, url);
      assert.match(r.stderr, message);
      assert.equal(r.stdout, '');
    }
    for (const args of [[], ['--for', '91d'], ['--for', '30s'], ['--for', 'x']]) assert.equal((await share(`https://${host}/`, ...args)).code, 2);
  });

  // --- ends -------------------------------------------------------------------------------------------------------------------------
  const open = (headers, more = {}) => {
    const ws = new WebSocket(`wss://${host}:${gate.port}/ws`, { headers, ca: authority().pem, servername: host, lookup, ...more });
    ws.on('error', () => {});
    ws.over = new Promise((r) => ws.once('close', (code) => r(code)));
    return within('open', new Promise((r, no) => { ws.once('open', () => r(ws)); ws.once('error', no); ws.once('unexpected-response', (_, a) => no(new Error(String(a.statusCode)))); }), 30000);
  };

  it('a token may come from the page of another site: no browser adds it by itself', async () => {
    const ws = await open(ci.headers, { origin: 'https://elsewhere.test' });
    ws.terminate();
    await assert.rejects(open({ Authorization: basic('beta', 'a good password') }, { origin: 'https://elsewhere.test' }), /403/);
  });

  /** A link as `tiergate share` makes it, but for a few seconds: what docs say of its bytes is said again here. */
  const brief = (seconds) => {
    const secret = 's'.repeat(40), now = Math.floor(Date.now() / 1000);
    const derive = (info, n) => Buffer.from(crypto.hkdfSync('sha256', secret, '', info, n));
    const counted = (text) => Buffer.concat([Buffer.from([0, text.length]), Buffer.from(text)]);
    const number = (n) => {
      const b = Buffer.alloc(8);
      b.writeBigUInt64BE(BigInt(n));
      return b;
    };
    const payload = Buffer.concat([
      Buffer.from([2]), derive('tiergate session token v1 key id', 4), crypto.randomBytes(16), number(now), number(now + seconds),
      counted('app'), counted(host), counted('/'), counted('')
    ]);
    const mac = crypto.createHmac('sha256', derive('tiergate share link v1 key of app', 32)).update(number(payload.length)).update(payload).digest();
    return new URL(`https://${host}/.tiergate/share?t=${Buffer.concat([payload, mac]).toString('base64url')}`);
  };

  it('an open WebSocket ends with its session, by 4401', async () => {
    const other = await open(ci.headers);
    const began = Date.now();
    const link = brief(8);
    const Cookie = pairOf(await follow(link));
    const ws = await open({ Cookie });
    assert.equal((await ask({ Cookie })).status, 200);
    assert.equal(await within('the end of the session', ws.over, 60000), 4401);
    assert.ok(Date.now() - began > 6000, 'not before its time');
    assert.equal((await ask({ Cookie })).status, 401);
    assert.equal((await follow(link)).get('tiergate'), 'share-link-over');
    assert.equal(other.readyState, WebSocket.OPEN);
    other.terminate();
  });

  it('a token whose hash is replaced ends what it opened', async () => {
    const ws = await open(ci.headers);
    const kept = await open(guest.headers);
    await gate.reload(rulesOf({ service_tokens: { ci: (await newToken('ci')).hash, guest: guest.hash } }), /reload: ok/);
    assert.equal(await within('the end', ws.over, 30000), 4401);
    assert.equal((await ask(ci.headers)).status, 401);
    assert.equal(kept.readyState, WebSocket.OPEN);
    kept.terminate();
    await gate.reload(rulesOf(), /reload: ok/);
  });

  it('links end when the gate has none any more', async () => {
    const { link } = await share(gate.url(host, '/'), '--for', '1h');
    const Cookie = pairOf(await follow(link));
    const ws = await open({ Cookie });
    await gate.reload(rulesOf({ share_links: false }), /reload: ok/);
    assert.equal(await within('the end', ws.over, 30000), 4401);
    assert.equal((await ask({ Cookie })).status, 401);
    assert.equal((await follow(link)).status, 404);
    await gate.reload(rulesOf(), /reload: ok/);
  });

  it('no secret and no link is in any log', async () => {
    const { link } = await share(gate.url(host, '/'), '--for', '1h');
    const t = link.searchParams.get('t');
    await follow(link);
    await ask({}, { path: `/last?x-vercel-protection-bypass=${ci.secret}` });
    const log = await until('the log', () => {
      const text = fs.readFileSync(gate.logFile, 'utf8');
      return text.includes('"/last"') && text;
    }, 20000);
    for (const secret of [ci.secret, guest.secret, t, 'tgs_'])
      assert.ok(!log.includes(secret) && !gate.stderr.includes(secret) && !gate.stdout.includes(secret));
  });
});
