// cors {edge: false}: preflights of a gated host go to its origin. It is the one way to it that asks nobody who he is, so only
// a genuine preflight takes it, and nothing that identifies goes along.
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { PASSWORD, startSite } from '../harness/site.mjs';
import { basic } from '../harness/wire.mjs';

const host = 'asks.example.test';
const genuine = { Origin: 'https://page.test', 'Access-Control-Request-Method': 'PUT' };

describe('a preflight that the app answers', () => {
  let site;
  before(async () => {
    const rules = [
      { path: '/closed/*', action: 'block' },
      { path: '/office/*', action: 'allow', require: ['ip:192.0.2.0/24'] },
      { path: '/elsewhere/*', action: 'allow', except: ['ip:127.0.0.0/8'] },
      { path: '/here/*', action: 'allow', who: ['basic:beta'], require: ['ip:127.0.0.0/8', 'basic:beta'], except: ['ip:192.0.2.0/24'] },
      { path: '/*', action: 'allow' }
    ];
    site = await startSite({ more: { hosts: [{ host, origin: 'web', gate: 'solo', cors: { edge: false }, rules }] } });
  });
  after(() => site?.stop());
  const ask = (headers, more = {}) => site.gate.request({ host, path: '/private', method: 'OPTIONS', headers, ...more });
  const refused = async (status, ...what) => {
    const before = site.echo.requests.length;
    assert.equal((await ask(...what)).status, status, JSON.stringify(what));
    assert.equal(site.echo.requests.length, before, 'the origin saw something');
  };

  it('reaches the origin from anybody, without what would identify them', async () => {
    const Authorization = basic('beta', PASSWORD);
    const login = await site.gate.request({ host, path: '/', headers: { Authorization } });
    const cookie = login.get('set-cookie').split(';')[0];
    for (const more of [{}, { Cookie: `${cookie}; app=1` }, { Authorization }, { Authorization: 'Bearer app' }, { 'Tiergate-Authorization': Authorization }]) {
      const r = await ask({ ...genuine, ...more });
      assert.equal(r.status, 200);
      const { method, headers } = site.echo.requests.at(-1);
      assert.equal(method, 'OPTIONS');
      for (const name of ['cookie', 'authorization', 'tiergate-authorization', 'x-forwarded-user']) assert.equal(headers[name], undefined, name);
      assert.equal(r.has('set-cookie'), false);
    }
  });

  it('must be one', async () => {
    await refused(401, { Origin: genuine.Origin });
    await refused(401, { 'Access-Control-Request-Method': 'PUT' });
    await refused(401, genuine, { body: 'x' });
    await refused(401, genuine, { method: 'GET' });
  });

  it('must come from where the rule admits anybody', async () => {
    await refused(403, genuine, { path: '/office/x' });
    await refused(403, genuine, { path: '/elsewhere/x' });
    assert.equal((await ask(genuine, { path: '/here/x' })).status, 200);
  });

  it('goes to no path that is blocked or can be read in two ways', async () => {
    await refused(403, genuine, { path: '/closed/x' });
    await refused(403, genuine, { path: '/a/../closed/x' });
  });
});
