// A name in another spelling was judged as the host that it names, but went to an origin with `host: "client"` as it was sent: one that
// compares bytes took it for no name that it knows, and answered from its default host, which the gate may keep closed.
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { echoOrigin } from '../harness/origins.mjs';
import { startSite } from '../harness/site.mjs';
import { endAll } from '../harness/wait.mjs';

const host = 'named.example.test';

describe('the name that an origin is asked for', () => {
  let site, echo;
  before(async () => {
    echo = await echoOrigin('named');
    site = await startSite({
      more: {
        origins: { named: { url: echo.url, host: 'client' } },
        hosts: [{ host, origin: 'named', public: true, rules: [{ path: '/*', action: 'bypass' }] }]
      }
    });
  });
  after(() => endAll(site, echo));

  for (const [sent, want] of Object.entries({
    [host]: host,
    'NAMED.Example.TEST': host,
    [`${host}.`]: host,
    [`${host}:443`]: host,
    [`Named.example.test.:443`]: host,
    [`${host}:8443`]: `${host}:8443`,
    [`${host}.:8443`]: `${host}:8443`,
    'NAMED.example.test:8443': `${host}:8443`
  }))
    it(`${sent} is ${want}`, async () => {
      const { headers } = (await site.gate.request({ sni: host, headers: { Host: sent }, path: '/' })).json;
      assert.equal(headers.host, want);
      assert.equal(headers['x-forwarded-host'], want);
    });
});
