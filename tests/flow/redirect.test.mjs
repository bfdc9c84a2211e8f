// The plain listener: known hosts are sent to https, others nowhere.
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { startSite } from '../harness/site.mjs';
import { connect, requestBytes } from '../harness/wire.mjs';

describe('redirect listener', () => {
  let site, gate;
  before(async () => {
    site = await startSite({ gate: { redirect: true } });
    gate = site.gate;
  });
  after(() => site?.stop());

  const ask = async (what) => {
    const wire = await connect({ port: gate.redirectPort, plain: true });
    await wire.send(requestBytes({ ...what, headers: { Connection: 'close', ...what.headers } }));
    const r = await wire.response({ to: what.method });
    wire.close();
    return r;
  };

  it('308 to the same place, query and all', async () => {
    for (const method of ['GET', 'POST', 'HEAD']) {
      const r = await ask({ host: 'app.example.test', path: '/a%20b?x=%2F&y', method });
      assert.equal(r.status, 308);
      assert.match(r.get('location'), /^https:\/\/app\.example\.test(:\d+)?\/a%20b\?x=%2F&y$/);
      assert.ok(r.get('tiergate'));
    }
  });

  it('a template\'s host is known', async () => {
    assert.equal((await ask({ host: 'pr-7.app.example.test' })).status, 308);
  });

  it('421 for a host that it does not know', async () => {
    for (const host of ['nobody.example.test', 'pr-x.app.example.test', '127.0.0.1', 'evil.test'])
      assert.equal((await ask({ host })).status, 421, host);
  });

  it('400 for a request that is not one', async () => {
    const wire = await connect({ port: gate.redirectPort, plain: true });
    await wire.send('GET /\\x HTTP/1.1\r\n\r\n');
    assert.equal((await wire.response()).status, 400);
    wire.close();
  });

  it('never asks an origin', () => {
    assert.equal(site.echo.requests.length, 0);
  });
});
