// A form of the gate's own, sent over HTTP/2 beside many streams that are open: what one stream may hold was then less than the form, which was
// never complete and ended as 408.
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { authority } from '../harness/certs.mjs';
import * as http2 from '../harness/http2.mjs';
import { startSigninSite, STG } from '../harness/signin-site.mjs';

describe('a form among many streams', () => {
  let site;
  before(async () => (site = await startSigninSite()));
  after(() => site?.stop());
  const headers = { 'content-type': 'application/x-www-form-urlencoded' };

  it('of any size that is taken', async () => {
    const wire = await http2.session({ port: site.gate.port, servername: STG, ca: authority().pem });
    wire.on('error', () => {});
    try {
      const where = { ':method': 'POST', ':scheme': 'https', ':authority': site.gate.authority(STG), ':path': '/.tiergate/sign-out', ...headers };
      const open = Array.from({ length: Math.min(wire.remoteSettings.maxConcurrentStreams ?? 100, 100) - 1 }, () => wire.request(where, { endStream: false }).on('error', () => {}));
      assert.ok(open.length > 70, `${open.length}`);
      for (const n of [20, 8191, 8193, 12000, 16384]) {
        const r = await http2.ask(wire, { authority: site.gate.authority(STG), method: 'POST', path: '/.tiergate/sign-out', headers, body: `a=${'x'.repeat(n - 2)}` });
        assert.equal(r.status, 200, `${n}`);
      }
      assert.equal((await http2.ask(wire, { authority: site.gate.authority(STG), method: 'POST', path: '/.tiergate/sign-out', headers, body: `a=${'x'.repeat(16384)}` })).status, 413);
    } finally {
      wire.destroy();
    }
  });
});
