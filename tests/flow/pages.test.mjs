// The name and the logo of our own pages, from the rules file to the answer.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { after, before, describe, it } from 'node:test';
import { png } from '../harness/pages.mjs';
import { startSite } from '../harness/site.mjs';
import { endAll } from '../harness/wait.mjs';

const navigation = { 'Sec-Fetch-Mode': 'navigate', 'Sec-Fetch-Dest': 'document', Accept: 'text/html' };
const LOGO = '/.tiergate/logo';

describe('pages', () => {
  let site, plain, dir;
  const logo = png(20, 10);
  before(async () => {
    dir = fs.mkdtempSync(path.join(os.tmpdir(), 'tiergate-logo-'));
    fs.writeFileSync(path.join(dir, 'logo'), logo);
    site = await startSite({ more: { top: { pages: { name: 'Tom & Jerry', logo: path.join(dir, 'logo') } } } });
    plain = await startSite();
  });
  after(async () => {
    await endAll(site, plain);
    fs.rmSync(dir, { recursive: true, force: true });
  });
  const ask = (s, host, path, more = {}) => s.gate.request({ host: `${host}.example.test`, path, headers: navigation, ...more });

  it('every host of ours serves the logo, byte for byte, for an hour, and it is nothing but an image', async () => {
    for (const host of ['app', 'pr-7.app', 'open']) {
      const r = await ask(site, host, LOGO);
      assert.equal(r.status, 200);
      assert.deepEqual(r.body, logo);
      assert.equal(r.get('content-type'), 'image/png');
      assert.equal(r.get('cache-control'), 'public, max-age=3600');
      assert.equal(r.get('x-content-type-options'), 'nosniff');
      assert.equal(r.get('content-security-policy'), "default-src 'none'; sandbox");
      assert.equal(r.has('set-cookie'), false);
      assert.equal(r.get('tiergate'), 'logo');
    }
    const head = await ask(site, 'app', LOGO, { method: 'HEAD' });
    assert.deepEqual([head.status, head.get('content-length'), head.body.length], [200, String(logo.length), 0]);
    assert.equal((await ask(site, 'app', LOGO, { method: 'POST' })).status, 405);
  });
  it('a host that is not ours has none, nor have rules without one', async () => {
    assert.equal((await ask(site, 'unknown', LOGO)).status, 421);
    assert.equal((await ask(plain, 'app', LOGO)).status, 404);
  });
  it('pages bear the name, the tier and the logo', async () => {
    for (const [path, status] of [['/', 401], ['/closed/x', 403], ['/.tiergate/nothing', 404], ['/.tiergate/sign-out', 200]]) {
      const r = await ask(site, 'app', path);
      assert.equal(r.status, status);
      assert.match(r.text, /<title>[^<]+ · Tom &amp; Jerry<\/title>/);
      assert.match(r.text, /<header><img src="\/\.tiergate\/logo" alt=""><span>Tom &amp; Jerry<\/span><b>staging<\/b><\/header>/);
    }
  });
  it('without them, the name of the host; and on a host that is not ours nothing that could not be had', async () => {
    assert.match((await ask(plain, 'solo', '/')).text, /<header><svg .*<span>solo\.example\.test<\/span><b>solo<\/b><\/header>/);
    const unknown = await ask(site, 'unknown', '/');
    assert.equal(unknown.status, 421);
    assert.doesNotMatch(unknown.text, /\.tiergate\/logo|Jerry/);
  });
});
