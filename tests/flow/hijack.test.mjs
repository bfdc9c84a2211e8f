// Any page may open a WebSocket to any host, and browsers send Basic that they remember with it: no preflight asks first.
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { PASSWORD, startSite } from '../harness/site.mjs';
import { basic, requestBytes } from '../harness/wire.mjs';

const host = 'sync.app.example.test';
const upgrade = {
  Connection: 'Upgrade', Upgrade: 'websocket', 'Sec-WebSocket-Version': '13', 'Sec-WebSocket-Key': 'dGhlIHNhbXBsZSBub25jZQ==',
  Authorization: basic('beta', PASSWORD)
};

describe('a WebSocket with remembered Basic', () => {
  let site;
  before(async () => (site = await startSite()));
  after(() => site?.stop());
  const open = async (headers) => {
    const wire = await site.gate.connect({ host });
    await wire.send(requestBytes({ host: site.gate.authority(host), path: '/doc', headers: { ...upgrade, ...headers } }));
    const { status } = await wire.head();
    wire.close();
    return status;
  };

  it('does not open for a foreign page', async () => {
    const before = site.echo.upgrades.length;
    for (const Origin of ['https://evil.test', 'null', '', site.gate.url('other.example.test', ''), `${site.gate.url(host, '')}.evil.test`])
      assert.equal(await open({ Origin }), 403, Origin);
    assert.equal(await open({ Origin: [site.gate.url(host, ''), 'https://evil.test'] }), 403, 'two of them');
    assert.equal(site.echo.upgrades.length, before, 'the origin saw something');
  });

  it('opens for a page of the circle, and for programs', async () => {
    for (const headers of [{ Origin: site.gate.url('app.example.test', '') }, { Origin: site.gate.url(host, '') }, {}]) assert.equal(await open(headers), 101);
  });
});
