// Where only a proxy can connect, its own address must not stand for the client's: `require: ip:` of the inner network
// would let everybody in who comes through it. Nobody said who asks, so no `ip:` admits.
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { Gate } from '../harness/gate.mjs';
import { echoOrigin } from '../harness/origins.mjs';
import { freePort } from '../harness/ports.mjs';
import { connect, requestBytes } from '../harness/wire.mjs';

const host = 'app.example.test';

describe('a proxy that does not say who asks', () => {
  let gate, echo, plain, proxied;
  before(async () => {
    echo = await echoOrigin('web');
    [plain, proxied] = [await freePort(), await freePort()];
    const port = await freePort();
    gate = await Gate.start({
      port,
      env: { PASSWORD: 'correct horse' },
      rules: {
        listen: [
          { address: `127.0.0.1:${port}` },
          { address: `127.0.0.1:${plain}`, plain: true },
          { address: `127.0.0.1:${proxied}`, plain: true, proxy_protocol: true }
        ],
        client_address: { trusted_proxies: ['127.0.0.0/8'] },
        gates: { app: { basic: { realm: 'app', users: { beta: 'env:PASSWORD' } } } },
        origins: { web: { url: echo.url } },
        hosts: [
          {
            host,
            origin: 'web',
            gate: 'app',
            rules: [
              { path: '/inner', action: 'bypass', require: ['ip:127.0.0.0/8'] },
              { path: '/*', action: 'allow' }
            ]
          }
        ]
      }
    });
  });
  after(async () => {
    await gate?.stop();
    await echo?.close();
  });

  const ask = async (port, before = '') => {
    const wire = await connect({ port, plain: true });
    await wire.send(before + requestBytes({ host, path: '/inner' }));
    const { status } = await wire.response();
    wire.close();
    return status;
  };
  it('is unknown behind a plain listener', async () => assert.equal(await ask(plain), 401));
  it('is unknown with PROXY UNKNOWN', async () => assert.equal(await ask(proxied, 'PROXY UNKNOWN\r\n'), 401));
  it('is whom the PROXY header names', async () => {
    assert.equal(await ask(proxied, 'PROXY TCP4 127.9.9.9 127.0.0.1 1000 443\r\n'), 200);
    assert.equal(await ask(proxied, 'PROXY TCP4 192.0.2.1 127.0.0.1 1000 443\r\n'), 401);
  });
  it('is the peer where clients connect themselves', async () => {
    assert.equal((await gate.request({ host, path: '/inner' })).status, 200);
  });
});
