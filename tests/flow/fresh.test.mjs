// A rule that asks for a fresh proof: what an old session may still do, and how it is made young again.
import assert from 'node:assert/strict';
import crypto from 'node:crypto';
import { after, before, describe, it } from 'node:test';
import { Gate } from '../harness/gate.mjs';
import { echoOrigin } from '../harness/origins.mjs';
import { endAll } from '../harness/wait.mjs';
import { basic } from '../harness/wire.mjs';

const host = 'app.example.test';
const secret = 's'.repeat(40);
const password = 'a good password';

const number = (n, size = 8) => {
  const b = Buffer.alloc(size);
  b.writeBigUInt64BE(BigInt(n));
  return b;
};
/** HMAC as tiergate takes it: each part behind its length. */
const mac = (key, ...parts) => {
  const h = crypto.createHmac('sha256', key);
  for (const p of parts.map((x) => Buffer.from(x))) h.update(number(p.length)).update(p);
  return h.digest();
};
const derive = (info, n) => Buffer.from(crypto.hkdfSync('sha256', secret, '', info, n));
const counted = (text) => Buffer.concat([Buffer.from([0, text.length]), Buffer.from(text)]);

/** The cookie of `beta`, who signed in so many seconds ago: src/gate/token.h, said again. */
function cookieOf(age) {
  const then = Math.floor(Date.now() / 1000) - age;
  const payload = Buffer.concat([
    Buffer.from([4]), derive('tiergate session token v1 key id', 4), crypto.randomBytes(16), number(then), number(then), number(then + 86400),
    Buffer.from([1]), Buffer.from('h'), counted('app'), counted('beta'), counted(host), counted(''), counted(''), counted(''), counted('')
  ]);
  const fingerprint = mac('tiergate credential fingerprint v1', 'basic', 'app', 'beta', '', password).subarray(0, 16);
  return `__Host-tiergate=${Buffer.concat([payload, mac(derive('tiergate session token v1 key', 32), payload, fingerprint)]).toString('base64url')}`;
}

describe('a fresh proof', () => {
  let origin, gate;
  before(async () => {
    origin = await echoOrigin('web');
    gate = await Gate.start({
      rules: {
        gates: { app: { basic: { realm: 'app', users: { beta: password } }, github: { client_id: 'id', client_secret: 'not-asked-here' } } },
        session: { secret },
        origins: { web: { url: origin.url } },
        hosts: [{ host, origin: 'web', gate: 'app', rules: [{ path: '/admin/*', action: 'allow', who: ['everyone'], lifetime: '1h' }, { path: '/*', action: 'allow', who: ['everyone'] }] }]
      }
    });
  });
  after(() => endAll(gate, origin));
  const ask = (path, headers) => gate.request({ host, path, headers });

  it('a young session is good everywhere, an old one where nothing more is asked', async () => {
    for (const [age, path, status] of [[100, '/', 200], [100, '/admin/x', 200], [7200, '/', 200], [7200, '/admin/x', 401], [90000, '/', 401]]) {
      const r = await ask(path, { Cookie: cookieOf(age) });
      assert.equal(r.status, status, `${age} at ${path}`);
      if (status === 401) assert.equal(r.get('tiergate'), path === '/' ? 'sign-in' : 'session-too-old');
    }
  });

  it('a password beside the old cookie proves it anew, and a wrong one does not', async () => {
    const Cookie = cookieOf(7200);
    const r = await ask('/admin/x', { Cookie, Authorization: basic('beta', password) });
    assert.equal(r.status, 200);
    assert.equal(r.all('set-cookie').length, 1);
    assert.equal((await ask('/admin/x', { Cookie: r.get('set-cookie').split(';')[0] })).status, 200);
    const wrong = await ask('/admin/x', { Cookie, Authorization: basic('beta', 'wrong') });
    assert.deepEqual([wrong.status, wrong.get('tiergate'), wrong.has('set-cookie')], [401, 'wrong-credentials', false]);
    // Where the old one is good, nobody looks at the password.
    assert.equal((await ask('/', { Cookie, Authorization: basic('beta', 'wrong') })).status, 200);
  });
});
