// The first days behind a gate: browsers are told to forget what they kept while the site was open, until the date in the rules.
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { PASSWORD, startSite } from '../harness/site.mjs';
import { basic } from '../harness/wire.mjs';

const CLEAR = '"cache"';
const Authorization = basic('beta', PASSWORD);
const navigation = { 'Sec-Fetch-Mode': 'navigate', 'Sec-Fetch-Dest': 'document', Accept: 'text/html' };
const rules = [
  { path: '/docs/*', methods: ['GET', 'HEAD'], action: 'bypass' },
  { path: '/closed/*', action: 'block' },
  { path: '/*', action: 'allow' }
];

describe('the first answers after a cut-over', () => {
  let site, gate;
  const today = new Date().toISOString().slice(0, 10);
  const yesterday = new Date(Date.now() - 86400e3).toISOString().slice(0, 10);
  before(async () => {
    const host = (name, until) => ({ host: `${name}.example.test`, origin: 'web', gate: 'solo', rules, ...(until ? { clear_cache_until: until } : {}) });
    site = await startSite({ more: { hosts: [host('moved', '2999-12-31'), host('today', today), host('past', yesterday), host('never')] } });
    gate = site.gate;
  });
  after(() => site?.stop());
  const ask = (name, headers = {}, path = '/', more = {}) => gate.request({ host: `${name}.example.test`, path, headers, ...more });
  const cleared = (r) => r.get('clear-site-data');

  for (const [name, want] of [['moved', CLEAR], ['today', CLEAR], ['past', undefined], ['never', undefined]]) {
    it(`${name}: a sign-in page says ${want}`, async () => {
      for (const headers of [navigation, { Accept: 'text/html' }, { ...navigation, Authorization: basic('beta', 'wrong') }]) {
        const r = await ask(name, headers);
        assert.equal(r.status, 401);
        assert.equal(cleared(r), want);
      }
      assert.equal(cleared(await ask(name, navigation, '/', { method: 'POST', body: 'a=b' })), want);
      assert.equal(cleared(await ask(name, navigation, '/.tiergate/sign-in')), want);
    });

    it(`${name}: the answer that begins a session says ${want}, later ones nothing`, async () => {
      const first = await ask(name, { ...navigation, Authorization });
      assert.equal(first.status, 200);
      assert.equal(cleared(first), want);
      const Cookie = first.get('set-cookie').split(';')[0];
      for (const path of ['/', '/asset.js', '/.tiergate/session', '/.tiergate/sign-in'])
        assert.equal(cleared(await ask(name, { ...navigation, Cookie }, path)), undefined, path);
      const signedIn = await ask(name, { ...navigation, Authorization }, '/.tiergate/sign-in');
      assert.equal(signedIn.status, 302);
      assert.ok(signedIn.has('set-cookie'));
      assert.equal(cleared(signedIn), want);
    });
  }

  it('nothing of it for scripts, probes, bypassed paths, refusals', async () => {
    for (const [what, r] of [
      ['a fetch', await ask('moved', { 'Sec-Fetch-Mode': 'cors', 'Sec-Fetch-Dest': 'empty' })],
      ['curl', await ask('moved')],
      ['a bypassed path', await ask('moved', navigation, '/docs/a')],
      ['a blocked path', await ask('moved', navigation, '/closed/a')],
      ['an unknown host', await ask('open', navigation)]
    ])
      assert.equal(cleared(r), undefined, what);
  });

  it('signing out says it always', async () => {
    assert.equal(cleared(await ask('never', navigation, '/.tiergate/sign-out', { method: 'POST' })), CLEAR);
    assert.equal(cleared(await ask('never', navigation, '/.tiergate/sign-out')), undefined);
  });
});
