// Cross-gate replay: every password and every token of every gate, at every host, in every place where a credential may stand. What must
// pass is reckoned here from what a circle is (the hosts of one gate below one session domain, or the one host), never asked of tiergate;
// what did pass is read off the origin as well as off the status.
import assert from 'node:assert/strict';
import crypto from 'node:crypto';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { after, before, describe, it } from 'node:test';
import { authority } from '../harness/certs.mjs';
import { Gate, tiergate } from '../harness/gate.mjs';
import { WebSocket } from '../harness/lib.mjs';
import { echoOrigin } from '../harness/origins.mjs';
import { endAll, within } from '../harness/wait.mjs';
import { basic, requestBytes } from '../harness/wire.mjs';

const SHARED = 'the very same password';
const hashOf = (secret) => `sha256:${crypto.createHash('sha256').update(secret).digest('hex')}`;
const secret = (letter) => letter.repeat(40);
const lookup = (_, o, done) => (o.all ? done(null, [{ address: '127.0.0.1', family: 4 }]) : done(null, '127.0.0.1', 4));

// What the test knows of its gates. `wide` and `deep` share a session secret, a user name, that user's password and overlapping domains;
// `beside` shares the very domain; `inner` lives below both without a domain; `lone` and `other` share nothing but the user's name and, two of them, the password.
const world = () => ({
  gates: {
    wide: { domain: 'a.example', cookie: '__Secure-wide', secret: [secret('s')], users: { twin: SHARED, only: 'wide only' }, tokens: { robot: 'tgs_shared', mower: 'tgs_wide' }, links: true },
    deep: { domain: 'b.a.example', cookie: '__Secure-tiergate', secret: [secret('s')], users: { twin: SHARED, dora: 'deep only' }, tokens: { robot: 'tgs_shared' }, links: true },
    beside: { domain: 'a.example', cookie: '__Secure-beside', secret: [secret('s')], users: { twin: 'beside only' }, tokens: { robot: 'tgs_beside' } },
    inner: { cookie: 'inner-session', secret: [secret('i')], users: { twin: SHARED, ines: 'inner only' } },
    lone: { cookie: '__Host-tiergate', secret: [secret('s')], users: { twin: SHARED }, tokens: { twin: SHARED }, links: true },
    other: { cookie: '__Host-other', secret: [secret('o')], users: { twin: 'another password' }, hashed: { hash: 'hashed password' } }
  },
  hosts: {
    'a.example': 'wide', 'www.a.example': 'wide', 'x.b.a.example': 'wide',
    'v.a.example': 'beside', 'v.b.a.example': 'beside',
    'b.a.example': 'deep', 'y.b.a.example': 'deep', 'pr-1.b.a.example': 'deep',
    'c.a.example': 'inner', 'z.b.a.example': 'inner',
    'one.lone.test': 'lone', 'two.lone.test': 'lone', 'pr-1.lone.test': 'lone', 'pr-2.lone.test': 'lone',
    'other.test': 'other'
  }
});
const template = (host) => host.replace(/^pr-\d+/, 'pr-{n:int}');

const rulesOf = (w, origin, folder) => ({
  gates: Object.fromEntries(Object.entries(w.gates).map(([name, g]) => [name, {
    basic: {
      realm: name,
      users: Object.fromEntries(Object.keys(g.users).map((u) => [u, `file:${folder}/${name}.${u}`])),
      ...(g.hashed ? { htpasswd: `${folder}/${name}.htpasswd` } : {})
    },
    ...(g.tokens ? { service_tokens: Object.fromEntries(Object.entries(g.tokens).map(([t, secret]) => [t, hashOf(secret)])) } : {}),
    share_links: g.links ?? false,
    session: { domain: g.domain, cookie: g.cookie, secret: g.secret.map((s) => `file:${folder}/${s[0]}.secret`) }
  }])),
  origins: { web: { url: origin } },
  rulesets: { all: [{ path: '/*', action: 'allow' }] },
  hosts: [
    { host: 'open.test', origin: 'web', public: true, rules: [{ path: '/*', action: 'bypass' }] },
    ...[...new Set(Object.keys(w.hosts).map(template))].map((host) => ({
      host, origin: 'web', gate: Object.entries(w.hosts).find(([h]) => template(h) === host)[1], rules: 'all'
    }))
  ],
  limits: { login_failures_per_user: 100000, login_failures_per_address: 100000, requests_per_connection: 1000000, hash_queue_per_address: 4096, hash_queue: 4096 }
});

// --- what a circle is, said again -------------------------------------------------------------------------------------------------------
const circle = (w, host) => {
  const { domain } = w.gates[w.hosts[host]];
  const inside = domain && `.${host}`.endsWith(`.${domain}`);
  return `${w.hosts[host]} ${inside ? `below ${domain}` : `at ${host}`}`;
};
const passwordsOf = (g) => ({ ...g.users, ...g.hashed });
const passwordFits = (w, host, user, password) => passwordsOf(w.gates[w.hosts[host]])[user] === password;
const cookieFits = (w, host, name, t) => circle(w, host) === t.circle && w.gates[w.hosts[host]].cookie === name;

// --- the token, as bytes ----------------------------------------------------------------------------------------------------------------
const raw = (value) => Buffer.from(value, 'base64url');
const text = (bytes) => Buffer.from(bytes).toString('base64url');
/** Its fields in order, the MAC last; put together they are the token again. */
function fieldsOf(value) {
  const b = raw(value);
  const fields = {};
  let at = 0;
  const take = (name, n) => {
    fields[name] = b.subarray(at, at + n);
    at += n;
  };
  for (const [name, n] of Object.entries({ version: 1, key: 4, id: 16, issued: 8, active: 8, ends: 8, way: 1, kind: 1 })) take(name, n);
  for (const name of ['gate', 'subject', 'circle', 'email', 'login', 'groups', 'scope']) take(name, 2 + b.readUInt16BE(at));
  fields.mac = b.subarray(at);
  assert.equal(fields.mac.length, 32);
  return fields;
}
const joined = (fields) => text(Buffer.concat(Object.values(fields)));

describe('replay', () => {
  const w = world();
  const hosts = Object.keys(w.hosts);
  const names = ['__Host-tiergate', '__Secure-tiergate', ...['wide', 'beside', 'inner', 'other'].map((g) => w.gates[g].cookie), '__Host-wide', '__Secure-other', '__Host-inner-session', 'tiergate'];
  let folder, origin, gate, wire, tokens, passwords, htpasswd;
  let count = 0;
  const passed = new Map();

  const write = (now) => {
    for (const [name, g] of Object.entries(now.gates)) {
      for (const [user, password] of Object.entries(g.users)) fs.writeFileSync(path.join(folder, `${name}.${user}`), password);
      for (const s of g.secret) fs.writeFileSync(path.join(folder, `${s[0]}.secret`), s);
    }
    fs.writeFileSync(path.join(folder, 'other.htpasswd'), htpasswd);
    return rulesOf(now, origin.url, folder);
  };

  /** Asks each case {host, headers, passes} on one connection of one name, so that all share one thread and its memory of good ones. */
  const judge = async (cases, on = wire) => {
    for (let at = 0; at < cases.length; at += 25) {
      const part = cases.slice(at, at + 25);
      for (const c of part) c.path = `/r${++count}`;
      await on.send(Buffer.concat(part.map((c) => requestBytes({ host: gate.authority(c.host), path: c.path, headers: c.headers }))));
      for (const c of part) c.answer = await on.response({ ms: 60000 });
      const seen = new Map(origin.requests.splice(0).map((r) => [r.target, r]));
      for (const c of part) {
        const what = `${c.what ?? ''} at ${c.host} ${JSON.stringify(c.headers)}`;
        assert.equal(c.answer.status, c.passes ? 200 : 401, what);
        assert.equal(seen.has(c.path), Boolean(c.passes), `the origin saw it: ${what}`);
        if (!c.passes) continue;
        const got = seen.get(c.path).headers;
        if (c.user) assert.equal(got['x-forwarded-user'], c.user, what);
        assert.equal(got.cookie, undefined, what);
        for (const field of ['authorization', 'tiergate-authorization', 'proxy-authorization']) assert.equal(got[field], undefined, what);
        passed.set(circle(w, c.host), (passed.get(circle(w, c.host)) ?? 0) + 1);
      }
    }
  };

  const tokenFits = (host, name, value) => w.gates[w.hosts[host]].tokens?.[name] === value;
  /** Whose secret it is at this host. */
  const bypassUser = (host, value) => Object.entries(w.gates[w.hosts[host]].tokens ?? {}).find(([, v]) => v === value)?.[0];
  const sessionOf = (host, r, user, of = circle(w, host)) => {
    const [name, value] = r.get('set-cookie').split(';')[0].split(/=(.*)/s);
    assert.equal(name, w.gates[w.hosts[host]].cookie);
    return { host, gate: w.hosts[host], user, circle: of, name, value };
  };

  const mint = async (host, user, password) => {
    const r = await gate.request({ host, path: '/mint', headers: { Authorization: basic(user, password) } });
    assert.equal(r.status, 200, `${user} at ${host}`);
    const [name, value] = r.get('set-cookie').split(';')[0].split(/=(.*)/s);
    const owner = w.hosts[host];
    assert.equal(name, w.gates[owner].cookie);
    return { host, gate: owner, user, password, circle: circle(w, host), name, value };
  };

  before(async () => {
    folder = fs.mkdtempSync(path.join(os.tmpdir(), 'tiergate-replay-'));
    ({ stdout: htpasswd } = await tiergate(['passwd', '--bcrypt', '--cost', '5', 'hash'], { input: 'hashed password\n' }));
    origin = await echoOrigin('web');
    gate = await Gate.start({
      rules: write(w), names: ['open.test', 'a.example', '*.a.example', '*.b.a.example', '*.lone.test', 'other.test'], threads: 2
    });
    wire = await gate.connect({ host: 'open.test' });
    passwords = Object.entries(w.gates).flatMap(([of, g]) => Object.entries(passwordsOf(g)).map(([user, password]) => ({ of, user, password })));
    tokens = [];
    for (const host of hosts)
      for (const [user, password] of Object.entries(passwordsOf(w.gates[w.hosts[host]]))) tokens.push(await mint(host, user, password));
    origin.requests.length = 0;
  });
  after(async () => {
    wire?.close();
    await endAll(gate, origin);
    fs.rmSync(folder, { recursive: true });
  });

  it('every password at every host, in every place of Basic: where the gate has that user with that password, and nowhere else', async () => {
    const cases = [];
    for (const { of, user, password } of passwords)
      for (const host of hosts)
        for (const place of ['Authorization', 'Tiergate-Authorization', 'Proxy-Authorization'])
          cases.push({ what: `password of ${of}`, host, headers: { [place]: basic(user, password) }, passes: passwordFits(w, host, user, password), user });
    await judge(cases);
    await judge([...cases].reverse()); // remembered pairs are as good and no better
    assert.equal(passed.size, 10, 'every circle was entered');
  });

  it('every service token at every host, by both names and by its secret alone: where the gate has it, and nowhere else', async () => {
    const cases = [];
    const all = Object.values(w.gates).flatMap((g) => Object.entries(g.tokens ?? {})).concat(passwords.map((p) => [p.user, p.password]));
    for (const [name, value] of all)
      for (const host of hosts) {
        cases.push({ what: `token ${name}`, host, headers: { 'CF-Access-Client-Id': name, 'CF-Access-Client-Secret': value }, passes: tokenFits(host, name, value), user: name });
        cases.push({ what: `secret of ${name}`, host, headers: { 'x-vercel-protection-bypass': value }, passes: Boolean(bypassUser(host, value)), user: bypassUser(host, value) });
        // A secret is no password, and never in the place of one.
        cases.push({ what: `secret of ${name} as a password`, host, headers: { Authorization: basic(name, value) }, passes: passwordFits(w, host, name, value), user: name });
      }
    assert.ok(cases.filter((c) => c.passes).length > 50);
    await judge(cases);
    await judge([...cases].reverse());
  });

  it('the session of a token holds in its circle, that of a link on its host alone', async () => {
    const sessions = [];
    for (const host of hosts) {
      const own = w.gates[w.hosts[host]];
      for (const [user, value] of Object.entries(own.tokens ?? {})) {
        const headers = { 'x-vercel-protection-bypass': value, 'x-vercel-set-bypass-cookie': 'true' };
        sessions.push(sessionOf(host, await gate.request({ host, path: '/mint', headers }), user));
      }
      if (!own.links) continue;
      const made = await tiergate(['share', `https://${host}/`, '--for', '1h', '--rules', gate.rulesFile, '--state', path.join(gate.dir, 'state')]);
      assert.equal(made.code, 0, made.stderr);
      const link = new URL(made.stdout.trim());
      for (const other of hosts) {
        const r = await gate.request({ host: other, path: link.pathname + link.search });
        assert.equal(r.status, other === host ? 302 : w.gates[w.hosts[other]].links ? 403 : 404, `the link of ${host} at ${other}`);
        assert.equal(r.has('set-cookie'), other === host);
        if (other === host) sessions.push(sessionOf(host, r, undefined, `link at ${host}`));
      }
    }
    origin.requests.length = 0;
    const cases = [];
    const holds = (t, host, name) => (t.circle.startsWith('link') ? t.host === host && t.name === name : cookieFits(w, host, name, t));
    for (const t of sessions)
      for (const host of hosts)
        for (const name of names) cases.push({ what: `session of ${t.user ?? 'a link'} of ${t.host}`, host, headers: { Cookie: `${name}=${t.value}` }, passes: holds(t, host, name), user: t.user });
    assert.ok(sessions.length > 20 && cases.filter((c) => c.passes).length > sessions.length);
    await judge(cases);
    await judge([...cases].reverse());
    // Nor does any field of one within another.
    const some = sessions.filter((t, i) => sessions.findIndex((o) => o.circle === t.circle && o.user === t.user) === i).concat(tokens.slice(0, 3));
    const real = new Set([...sessions, ...tokens].map((t) => t.value));
    const spliced = [];
    for (const t of some)
      for (const o of some)
        for (const field of ['id', 'issued', 'ends', 'way', 'kind', 'gate', 'subject', 'circle', 'email', 'groups', 'scope', 'mac']) {
          const value = joined({ ...fieldsOf(t.value), [field]: fieldsOf(o.value)[field] });
          if (!real.has(value)) for (const at of [t, o]) spliced.push({ what: field, host: at.host, headers: { Cookie: `${at.name}=${value}` } });
        }
    await judge(spliced);
  });

  it('no password is a cookie, no token is a password', async () => {
    const cases = [];
    for (const { user, password } of passwords)
      for (const host of hosts)
        for (const value of [basic(user, password).slice(6), encodeURIComponent(password)])
          cases.push({ host, headers: { Cookie: `${w.gates[w.hosts[host]].cookie}=${value}` } });
    for (const t of tokens)
      for (const host of new Set([t.host, 'a.example', 'one.lone.test', 'other.test']))
        for (const place of ['Authorization', 'Tiergate-Authorization', 'Proxy-Authorization'])
          for (const value of [`Bearer ${t.value}`, `Basic ${t.value}`, basic(t.user, t.value), t.value])
            cases.push({ host, headers: { [place]: value } });
    await judge(cases);
  });

  it('every token at every host, under every name of a cookie: on the circle that minted it, under its name, and nowhere else', async () => {
    const cases = [];
    for (const t of tokens)
      for (const host of hosts)
        for (const name of names)
          cases.push({ what: `token of ${t.circle}`, host, headers: { Cookie: `${name}=${t.value}` }, passes: cookieFits(w, host, name, t), user: t.user });
    await judge(cases);
    await judge(cases.filter((c) => c.passes || c.host.endsWith('.b.a.example')).reverse()); // verified ones are remembered now
  });

  it('the same on a connection of the host\'s own name, and to /.tiergate/session', async () => {
    for (const host of hosts) {
      const own = await gate.connect({ host });
      await judge(tokens.map((t) => {
        const name = w.gates[w.hosts[host]].cookie;
        return { host, headers: { Cookie: `${name}=${t.value}` }, passes: cookieFits(w, host, name, t), user: t.user };
      }), own);
      for (const t of tokens) {
        const name = w.gates[w.hosts[host]].cookie;
        await own.send(requestBytes({ host: gate.authority(host), path: '/.tiergate/session', headers: { Cookie: `${name}=${t.value}` } }));
        const { json } = await own.response();
        assert.deepEqual([json.signed_in, json.user], cookieFits(w, host, name, t) ? [true, t.user] : [false, undefined], `${t.circle} at ${host}`);
      }
      own.close();
    }
  });

  it('a host is one circle, however it is spelled', async () => {
    const own = await gate.connect({ host: 'one.lone.test' });
    const [t, other] = ['one.lone.test', 'two.lone.test'].map((h) => tokens.find((o) => o.host === h));
    for (const spelled of ['ONE.lone.TEST', 'one.lone.test.', `One.Lone.Test.:${gate.port}`, 'one.lone.test:8443']) {
      for (const [token, status] of [[t, 200], [other, 401]]) {
        await own.send(requestBytes({ host: spelled, path: '/spelled', headers: { Cookie: `${token.name}=${token.value}` } }));
        assert.equal((await own.response()).status, status, `${spelled} with the token of ${token.host}`);
      }
    }
    own.close();
    origin.requests.length = 0;
  });

  it('all tokens of all other circles beside the right one: it alone counts; two right ones count as none', async () => {
    const cases = [];
    for (const t of tokens) {
      const foreign = tokens.filter((o) => o.circle !== t.circle).slice(0, 6).map((o) => `${t.name}=${o.value}`);
      const right = `${t.name}=${t.value}`;
      cases.push({ host: t.host, headers: { Cookie: [...foreign, right].join('; ') }, passes: true, user: t.user });
      cases.push({ host: t.host, headers: { Cookie: [right, ...foreign] }, passes: true, user: t.user });
      cases.push({ host: t.host, headers: { Cookie: [right, right].join('; ') }, passes: true, user: t.user });
      cases.push({ host: t.host, headers: { Cookie: foreign.join('; ') } });
      const rival = tokens.find((o) => o.circle === t.circle && o.user !== t.user);
      if (rival) {
        cases.push({ host: t.host, headers: { Cookie: `${right}; ${t.name}=${rival.value}` } });
        cases.push({ host: t.host, headers: { Cookie: [`${t.name}=${rival.value}`, right] } });
      }
    }
    await judge(cases);
    const two = cases.filter((c) => !c.passes && c.answer.all('set-cookie').length > 0);
    assert.ok(two.length > 0 && two.every((c) => c.answer.all('set-cookie').every((s) => /Max-Age=0/i.test(s))), 'two right ones are deleted');
  });

  it('a token of which one bit is another, or that is shorter or longer, opens nothing', async () => {
    const cases = [];
    const first = (g) => tokens.find((t) => t.gate === g);
    const at = (t, value, what) => cases.push({ what, host: t.host, headers: { Cookie: `${t.name}=${value}` } });
    for (const t of Object.keys(w.gates).map(first)) {
      const bytes = raw(t.value);
      for (let i = 0; i < bytes.length; i++) {
        for (const bit of t.gate === 'deep' ? [0, 1, 2, 3, 4, 5, 6, 7] : [i % 8]) {
          const other = Buffer.from(bytes);
          other[i] ^= 1 << bit;
          at(t, text(other), `byte ${i} bit ${bit}`);
        }
      }
      for (let n = 0; n < t.value.length; n++) at(t, t.value.slice(0, n), `cut to ${n}`);
      for (const more of ['A', '=', '==', 'AAAA', '.', '%00', t.value]) at(t, t.value + more, `with ${more}`);
      for (const c of 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_') at(t, t.value.slice(0, -1) + c, `ends in ${c}`);
      at(t, bytes.toString('base64'), 'in the other alphabet');
    }
    // What came out as the token itself is none of these.
    await judge(cases.filter((c) => !tokens.some((t) => c.headers.Cookie === `${t.name}=${t.value}`)));
  });

  it('fields of one token within another open neither\'s hosts', async () => {
    const cases = [];
    const real = new Set(tokens.map((t) => t.value));
    const some = tokens.filter((t, i) => tokens.findIndex((o) => o.circle === t.circle && o.user === t.user) === i);
    for (const t of some)
      for (const o of some)
        for (const field of ['version', 'key', 'id', 'issued', 'active', 'ends', 'kind', 'gate', 'subject', 'circle', 'mac']) {
          const value = joined({ ...fieldsOf(t.value), [field]: fieldsOf(o.value)[field] });
          if (real.has(value)) continue;
          for (const at of [t, o]) cases.push({ what: field, host: at.host, headers: { Cookie: `${at.name}=${value}` } });
        }
    // The circle alone rewritten: as if one host's session were all hosts', or the domain of one gate that of another.
    for (const t of some)
      for (const [kind, name] of [['d', 'a.example'], ['d', 'b.a.example'], ['d', 'lone.test'], ['d', ''], ['h', t.host], ['h', 'b.a.example'], ['h', '']]) {
        const value = joined({ ...fieldsOf(t.value), kind: Buffer.from(kind), circle: Buffer.from([0, name.length, ...Buffer.from(name)]) });
        if (!real.has(value)) for (const host of ['a.example', 'b.a.example', t.host]) cases.push({ host, headers: { Cookie: `${w.gates[w.hosts[host]].cookie}=${value}` } });
      }
    assert.ok(cases.length > 500);
    await judge(cases);
  });

  it('no gate\'s cookie reaches the origin of any host, the open one included', async () => {
    for (const host of ['open.test', ...hosts]) {
      const own = tokens.find((t) => t.host === host);
      const all = Object.keys(w.gates).map((g) => tokens.find((t) => t.gate === g && t.gate !== own?.gate)).filter(Boolean);
      const Cookie = [...all, ...(own ? [own] : [])].map((t) => `${t.name}=${t.value}`).concat('mine=1').join('; ');
      const r = await gate.request({ host, path: '/seen', headers: { Cookie } });
      assert.equal(r.status, 200, host);
      assert.equal(r.json.headers.cookie, 'mine=1', host);
    }
    origin.requests.length = 0;
  });

  // --- under new rules ------------------------------------------------------------------------------------------------------------------
  const changes = {
    'nothing': () => {},
    'a user is removed': (n) => delete n.gates.wide.users.only,
    'a user of the same name is removed in another gate': (n) => delete n.gates.inner.users.twin,
    'a password changes': (n) => (n.gates.deep.users.dora = 'deep and new'),
    'a shared password changes in one gate': (n) => (n.gates.deep.users.twin = 'no more the same'),
    'a gate is removed, its host another\'s': (n) => {
      delete n.gates.other;
      n.hosts['other.test'] = 'lone';
    },
    'a gate is renamed': (n) => {
      n.gates.renamed = n.gates.inner;
      delete n.gates.inner;
      for (const h of ['c.a.example', 'z.b.a.example']) n.hosts[h] = 'renamed';
    },
    'a session secret is withdrawn': (n) => (n.gates.lone.secret = [secret('n')]),
    'a session secret is replaced, the old one still taken': (n) => (n.gates.lone.secret = [secret('n'), secret('s')]),
    'a session secret that two gates share is withdrawn in one': (n) => (n.gates.wide.secret = [secret('n')]),
    'a session domain is taken away': (n) => (n.gates.deep.domain = undefined),
    'a session domain is given': (n) => (n.gates.inner.domain = 'a.example'),
    'a cookie is renamed': (n) => (n.gates.inner.cookie = 'inner-renamed'),
    'a host goes to another gate': (n) => (n.hosts['x.b.a.example'] = 'deep')
  };

  /** What a session stands on, reckoned anew: gate, user, its password, one of the secrets, the circle, the cookie's name. */
  const stillGood = (now, t) => {
    const g = now.hosts[t.host] === t.gate && now.gates[t.gate];
    return Boolean(g) && passwordsOf(g)[t.user] === t.password && g.secret.includes(w.gates[t.gate].secret[0]) &&
      circle(now, t.host) === t.circle && g.cookie === t.name;
  };
  const open = (t) => {
    const headers = { Cookie: `${t.name}=${t.value}` };
    const ws = new WebSocket(`wss://${t.host}:${gate.port}/ws`, { headers, ca: authority().pem, servername: t.host, lookup });
    ws.on('error', () => {});
    ws.over = new Promise((r) => ws.once('close', (code) => r(code)));
    return within('open', new Promise((r, no) => { ws.once('open', () => r(ws)); ws.once('error', no); }), 30000);
  };
  /** Its code when it was ended; 'open' when it still answers. */
  const stateOf = (ws) => {
    const echoed = new Promise((r) => ws.once('message', () => r('open')));
    if (ws.readyState === WebSocket.OPEN) ws.send('still there?');
    return within('the socket to answer or end', Promise.race([ws.over, echoed]), 30000);
  };
  const ask = async (on, t, headers = { Cookie: `${t.name}=${t.value}` }) => {
    await on.send(requestBytes({ host: gate.authority(t.host), path: '/after', headers }));
    return (await on.response({ ms: 30000 })).status;
  };
  const login = (t) => ({ Authorization: basic(t.user, t.password) });

  for (const [what, change] of Object.entries(changes)) {
    it(`when ${what}: sessions end by the circle's definition, on new and open connections and as WebSockets`, async () => {
      const now = world();
      change(now);
      const sockets = [], wires = [];
      for (const t of tokens) {
        sockets.push(await open(t));
        wires.push(await gate.connect({ host: t.host }));
        assert.equal(await ask(wires.at(-1), t), 200, 'before');
        assert.equal(await ask(wires.at(-1), t, login(t)), 200, 'before, by password');
      }
      await gate.reload(write(now), /reload: ok/);
      const ends = await Promise.all(tokens.map((t, i) => (stillGood(now, t) ? undefined : within(`the end of ${t.user} at ${t.host}`, sockets[i].over, 30000))));
      for (const [i, t] of tokens.entries()) {
        const good = stillGood(now, t);
        const fits = passwordFits(now, t.host, t.user, t.password);
        assert.equal(good ? await stateOf(sockets[i]) : ends[i], good ? 'open' : 4401, `WebSocket of ${t.user} at ${t.host}`);
        assert.equal(await ask(wires[i], t), good ? 200 : 401, `open connection of ${t.user} at ${t.host}`);
        assert.equal(await ask(wires[i], t, login(t)), fits ? 200 : 401, `open connection, password of ${t.user} at ${t.host}`);
        const fresh = await gate.connect({ host: t.host });
        assert.equal(await ask(fresh, t), good ? 200 : 401, `new connection of ${t.user} at ${t.host}`);
        fresh.close();
        wires[i].close();
        sockets[i].terminate();
      }
      await gate.reload(write(w), /reload: ok/);
      origin.requests.length = 0;
    });
  }
});
