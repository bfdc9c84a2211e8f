// Short scenarios: what is `prepare`d happens without faults, what `run` does happens under them. Each request says what it
// expects; with a fault on its way it may also be answered by a 5xx of the gate, or lose its connection.
import { createHash, randomBytes } from 'node:crypto';
import { within } from '../harness/wait.mjs';
import { BIG, PASSWORD, PATIENCE, at, basic, requestBytes } from './site.mjs';

/** status: of the gate, or 200 of the origin. claim: who is really asking. */
function request(site, wire, { host = 'app', claim = 'nobody', headers = {}, ...what }) {
  const nonce = site.freshNonce();
  return {
    nonce,
    bytes: requestBytes({
      host: at(host),
      ...what,
      headers: { 'X-Claim': claim, 'X-Nonce': nonce, ...(wire.mine ? { 'X-Mine': wire.mine } : {}), 'X-Forwarded-User': 'admin', 'X-Real-IP': '10.0.0.1', ...headers }
    })
  };
}

function judge(site, r, nonce, { is, claim = 'nobody', method, length, body }) {
  const wrong = (what) => ({ wrong: `${what} (${r.first}, Tiergate: ${r.get('tiergate')})` });
  const fromOrigin = r.has('x-origin');
  if (r.all('set-cookie').some((c) => c.includes('tiergate=') && !c.includes('Max-Age=0')) && claim === 'nobody') return wrong('a session for nobody');
  if (fromOrigin && is !== 200 && is !== 101) return wrong('OPEN DOOR: the origin\'s answer');
  if (fromOrigin && r.get('x-nonce') !== nonce) return wrong(`the answer to ${r.get('x-nonce')} came to ${nonce}`);
  if (fromOrigin && method !== 'HEAD' && length !== undefined && r.body.length !== length) return wrong(`${r.body.length} bytes for ${length}`);
  if (r.status === is) return { good: true };
  // A pattern that cannot be judged keeps its path shut.
  if (site.order.what === 'regex' && (r.status === 401 || r.status === 403)) return { failed: true };
  if (body && r.get('tiergate') === 'bad-body') return { failed: true }; // its end came before its time
  return r.status >= 500 && r.has('tiergate') ? { failed: true } : wrong(`${r.status} instead of ${is}`);
}

const lost = (e) => (/^waited/.test(e.message) ? { wrong: `hangs: ${e.message}` } : { failed: true, why: e.message });

/** One request and its answer on an open connection. */
async function exchange(site, wire, spec) {
  const { nonce, bytes } = request(site, wire, spec);
  try {
    void wire.send(bytes);
    const r = await wire.response({ to: spec.method, ms: PATIENCE });
    return judge(site, r, nonce, spec);
  } catch (e) {
    return lost(e);
  }
}

async function opened(make, use) {
  let wire;
  try {
    wire = await make();
  } catch (e) {
    return [lost(e)];
  }
  try {
    return await use(wire);
  } finally {
    wire.close();
  }
}

const navigation = { 'Sec-Fetch-Mode': 'navigate', 'Sec-Fetch-Site': 'none', 'Sec-Fetch-Dest': 'document', Accept: 'text/html' };

/** All of them in one write, answers in order. */
export async function pipeline(site, wire, specs) {
  const all = specs.map((s) => ({ spec: s, ...request(site, wire, s) }));
  const results = [];
  try {
    void wire.send(Buffer.concat(all.map((a) => a.bytes)));
    for (const a of all) {
      const r = await wire.response({ to: a.spec.method, ms: PATIENCE });
      results.push(judge(site, r, a.nonce, a.spec));
      if (/close/i.test(r.get('connection') ?? '')) break;
    }
  } catch (e) {
    results.push(lost(e));
  }
  return results;
}

const cookie = (site) => ({ claim: site.cookieUser, headers: { Cookie: site.cookies.app } });

/** A frame of a client, masked. */
function frame(opcode, text) {
  const payload = Buffer.from(text);
  const mask = randomBytes(4);
  const head = Buffer.from([0x80 | opcode, 0x80 | payload.length]);
  return Buffer.concat([head, mask, payload.map((b, i) => b ^ mask[i % 4])]);
}

async function webSocket(site, wire, spec) {
  const { nonce, bytes } = request(site, wire, {
    ...spec,
    headers: {
      Upgrade: 'websocket', Connection: 'Upgrade', 'Sec-WebSocket-Version': '13', 'Sec-WebSocket-Key': randomBytes(16).toString('base64'), ...spec.headers
    }
  });
  try {
    void wire.send(bytes);
    const r = await wire.response({ ms: PATIENCE });
    if (r.status !== 101) return judge(site, r, nonce, spec);
    if (spec.is !== 101) return { wrong: 'OPEN DOOR: an upgrade' };
    void wire.send(frame(1, 'hello'));
    const echo = await wire.take(7, PATIENCE);
    if (echo.toString('latin1', 2) !== 'hello') return { wrong: `an echo of ${echo.toString('latin1')}` };
    void wire.send(frame(8, '\x03\xe8'));
    await wire.rest(PATIENCE);
    return { good: true };
  } catch (e) {
    return lost(e);
  }
}

const prepared = (name) => async (site) => {
  await site.needCookies();
  return { wire: await site.tls(name) };
};

export const scenarios = {
  'nobody, one after the other in one write': {
    run: (site) => opened(() => site.plain(), (wire) => pipeline(site, wire, [
      { path: '/pub/a', is: 200 }, { path: '/', is: 401 }, { path: '/v1/health', method: 'HEAD', is: 200 }, { path: '/v1x/health', is: 401 },
      { path: '/pub/private/x', is: 403 }, { path: '/pub/nothing', is: 403 }, { path: '/lan/x', is: 401 }, { path: '/away/x', is: 401 }, { path: '/pub/..%2fx', is: 403 }, { path: '/', headers: navigation, is: 401 },
      { path: '/', headers: { 'Sec-Fetch-Mode': 'cors', 'Sec-Fetch-Site': 'same-origin' }, is: 401 },
      { path: '/x', method: 'OPTIONS', headers: { Origin: `https://${at('app')}`, 'Access-Control-Request-Method': 'PUT' }, is: 204 },
      { path: '/', host: 'stranger', is: 421 }, { path: '/pub/%zz', is: 400 }
    ]))
  },
  'a handshake and nobody\'s request': {
    run: (site) => opened(() => site.tls(), async (wire) => [await exchange(site, wire, { path: '/x', is: 401 }), await exchange(site, wire, { path: '/away/x', is: 401 })])
  },
  'a handshake that resumes': {
    async prepare(site) {
      const first = await site.tls('open');
      const got = new Promise((r) => first.socket.once('session', r));
      await exchange(site, first, { host: 'open', path: '/', is: 200 });
      const session = await within('a ticket', got, PATIENCE);
      first.close();
      return { session };
    },
    run: (site, { session }) => opened(() => site.tls('open', { session }), async (wire) => [await exchange(site, wire, { host: 'open', path: '/', is: 200 })])
  },
  'a login with bcrypt, and its cookie': {
    async prepare(site) {
      const user = await site.freshUser();
      return { user, wire: await site.tls() };
    },
    async run(site, { user, wire }) {
      const spec = { path: '/private', claim: user, headers: { Authorization: basic(user, PASSWORD) }, is: 200 };
      return [await exchange(site, wire, spec), await exchange(site, wire, { ...spec, path: '/again' })];
    }
  },
  'wrong passwords': {
    async prepare(site) {
      return { user: await site.freshUser(), wire: await site.tls() };
    },
    async run(site, { user, wire }) {
      const as = (name, password) => ({ path: '/x', headers: { Authorization: basic(name, password) }, is: 401 });
      return [await exchange(site, wire, as(user, 'wrong')), await exchange(site, wire, as('stranger', PASSWORD)), await exchange(site, wire, { path: '/x', headers: { Authorization: 'Basic %%%' }, is: 401 })];
    }
  },
  'cookies, good and bad': {
    prepare: prepared('app'),
    async run(site, { wire }) {
      const bad = (value) => ({ path: '/x', headers: { Cookie: value }, is: 401 });
      const forged = site.cookies.app.slice(0, -6) + 'AAAAAA';
      const renamed = site.cookies.app.split('=')[0] + '=' + site.cookies.other.split('=').slice(1).join('=');
      return [
        await exchange(site, wire, { path: '/x', ...cookie(site), is: 200 }), await exchange(site, wire, bad(forged)), await exchange(site, wire, bad(renamed)),
        await exchange(site, wire, { path: '/few/x', ...cookie(site), is: site.cookieUser === 'u0' ? 200 : 403 })
      ];
    }
  },
  'a body up and a body down': {
    prepare: prepared('app'),
    async run(site, { wire }) {
      const body = Buffer.alloc(100 * 1024, 'up');
      const c = cookie(site);
      const sums = { 'X-Length': String(body.length), 'X-SHA256': createHash('sha256').update(body).digest('hex') };
      const chunked = Buffer.concat([Buffer.from(`${body.length.toString(16)}\r\n`), body, Buffer.from('\r\n0\r\n\r\n')]);
      return [
        await exchange(site, wire, { path: '/up', method: 'POST', ...c, headers: { ...c.headers, ...sums }, body, is: 200 }),
        await exchange(site, wire, { path: '/up', method: 'POST', ...c, headers: { ...c.headers, ...sums, 'Transfer-Encoding': 'chunked' }, body: chunked, is: 200 }),
        await exchange(site, wire, { path: '/big', ...c, is: 200, length: BIG })
      ];
    }
  },
  'a WebSocket, and nobody\'s': {
    async prepare(site) {
      await site.needCookies();
      return { wire: await site.tls(), other: await site.tls() };
    },
    async run(site, { wire, other }) {
      const nobody = await webSocket(site, other, { path: '/ws', is: 401 });
      other.close();
      return [nobody, await webSocket(site, wire, { path: '/ws', ...cookie(site), is: 101 })];
    }
  },
  'clients that leave midway': {
    async prepare(site) {
      await site.needCookies();
      return { wires: [await site.tls(), await site.tls(), await site.tls()] };
    },
    async run(site, { wires: [down, up, head] }) {
      const c = cookie(site);
      try {
        void down.send(request(site, down, { path: '/big', ...c }).bytes);
        void up.send(request(site, up, { path: '/up', method: 'POST', ...c, headers: { ...c.headers, 'Content-Length': '5000', 'X-Length': '5000' } }).bytes);
        void head.send(Buffer.from('GET / HTTP/1.1\r\nHost: '));
        await down.take(100, PATIENCE);
      } catch (e) {
        const r = lost(e);
        if (r.wrong) return [r];
      }
      for (const w of [down, up, head]) w.close();
      return [{ good: true }];
    }
  },
  'an origin that breaks off': {
    async prepare(site) {
      await site.needCookies();
      return { wires: [await site.tls(), await site.tls()] };
    },
    async run(site, { wires: [a, b] }) {
      const c = cookie(site);
      const cut = await exchange(site, b, { path: '/half', ...c, is: 502 });
      return [
        await exchange(site, a, { path: '/reset', ...c, is: 502 }), await exchange(site, a, { path: '/reset', method: 'POST', ...c, is: 502 }),
        await exchange(site, a, { path: '/x', ...c, is: 200 }), cut.why ? { good: true } : cut
      ];
    }
  },
  'an origin behind TLS, and an imposter': {
    async prepare(site) {
      await site.needCookies();
      return { wires: [await site.tls('secure'), await site.tls('evil')] };
    },
    async run(site, { wires: [good, evil] }) {
      const c = cookie(site);
      return [await exchange(site, good, { host: 'secure', path: '/x', ...c, is: 200 }), await exchange(site, evil, { host: 'evil', path: '/x', ...c, is: 502 })];
    }
  },
  'an origin found by name': {
    run: (site) => opened(() => site.plain(), async (wire) => {
      const name = site.freshName().split('.')[0];
      return [await exchange(site, wire, { host: name, path: '/pub/x', is: 200 }), await exchange(site, wire, { host: name, path: '/x', is: 401 })];
    })
  }
};

export function wiresOf(context) {
  return context ? [context.wire, context.other, ...(context.wires ?? [])].filter(Boolean) : [];
}

/** Everything works: who may gets in, who may not does not. */
export async function probe(site) {
  return opened(() => site.plain(), (wire) => pipeline(site, wire, [{ path: '/pub/a', is: 200 }, { path: '/', is: 401 }]));
}
