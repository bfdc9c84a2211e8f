// A page on one host and its API on another of the same circle: fetches with credentials, preflights, refusals that the page can read,
// WebSockets that end with the session, and an app's own OAuth callback that meets no session.
import assert from 'node:assert/strict';
import http from 'node:http';
import { after, before, describe, it } from 'node:test';
import { WebSocketServer } from '../harness/lib.mjs';
import { startChromium } from '../harness/parts.mjs';
import { API, SOLO, startSigninSite, STG } from '../harness/signin-site.mjs';
import { endAll, until } from '../harness/wait.mjs';
import { basic } from '../harness/wire.mjs';

const COOKIE = '__Secure-tiergate';
const OWN_CORS = 'cors.plyr.test'; // its origin has a CORS middleware
const PASSED = 'passed.plyr.test'; // … and is asked by preflights, too
const [BETA, BETA_API] = ['beta.plyr.test', 'api.beta.plyr.test']; // by Basic alone
const NAMED = 'named.plyr.test'; // a page outside of the circle is named in its rules

/** An API. With `cors` it answers for the pages that it knows, as middlewares do. */
async function startApi(cors) {
  const requests = [];
  const server = http.createServer((req, res) => {
    requests.push({ method: req.method, target: req.url, headers: req.headers });
    const { origin } = req.headers;
    if (cors && origin?.startsWith(`https://${STG}:`)) {
      res.setHeader('Access-Control-Allow-Origin', origin);
      res.setHeader('Access-Control-Allow-Credentials', 'true');
      res.setHeader('Access-Control-Expose-Headers', 'X-Total');
      res.setHeader('Vary', 'Origin');
      if (req.method === 'OPTIONS') {
        res.setHeader('Access-Control-Allow-Methods', 'PUT');
        res.setHeader('Access-Control-Allow-Headers', 'content-type, x-app');
        return res.writeHead(204).end();
      }
    }
    res.setHeader('X-Total', '7');
    res.setHeader('Content-Type', req.url.startsWith('/page') || req.url.startsWith('/oauth') ? 'text/html' : 'application/json');
    return res.end(req.url.startsWith('/page') ? '<!doctype html><link rel="icon" href="data:,"><title>page</title>' : JSON.stringify({ marker: cors ? 'cors' : 'plain' }));
  });
  const sockets = new WebSocketServer({ server });
  sockets.on('connection', (ws) => ws.on('message', (m) => ws.send(String(m))));
  await new Promise((r) => server.listen(0, '127.0.0.1', r));
  return {
    url: `http://127.0.0.1:${server.address().port}`,
    requests,
    close: () => {
      for (const c of sockets.clients) c.terminate();
      server.closeAllConnections();
      return new Promise((r) => server.close(r));
    }
  };
}

/** In a page: everything of one fetch that its script can see. */
const seen = ([url, init]) => fetch(url, init).then(
  async (r) => ({ status: r.status, reason: r.headers.get('Tiergate'), total: r.headers.get('X-Total'), json: await r.json().catch(() => undefined) }),
  (e) => ({ error: e.name }));
const PUT = { method: 'PUT', credentials: 'include', headers: { 'Content-Type': 'application/json', 'X-App': '1' }, body: '{}' };
const GET = { credentials: 'include' };

describe('a page and its API on two hosts', () => {
  let plain, withCors, site, chromium;
  before(async () => {
    [plain, withCors] = [await startApi(false), await startApi(true)];
    const allow = [{ path: '/*', action: 'allow', who: ['developers'] }];
    const more = {
      web: plain.url, origins: { cors: { url: withCors.url } }, first: [{ path: '/page/open', action: 'bypass' }],
      hosts: [
        { host: OWN_CORS, origin: 'cors', gate: 'team', rules: allow },
        { host: PASSED, origin: 'cors', gate: 'team', cors: { edge: false }, rules: allow },
        { host: NAMED, origin: 'web', gate: 'team', cors: { origins: [] }, rules: allow }
      ]
    };
    site = await startSigninSite({ more, gate: { names: [STG, '*.plyr.test', '*.beta.plyr.test', SOLO] } });
    const { rules } = site;
    rules.gates.beta = { basic: { realm: 'beta', users: { beta: 'a good password' } }, session: { domain: BETA, cookie: '__Secure-beta' } };
    rules.hosts.unshift({ host: [BETA, BETA_API], origin: 'web', gate: 'beta', rules: [{ path: '/*', action: 'allow' }] });
    // The port is known now.
    rules.hosts.at(-1).cors.origins = [`https://${SOLO}:${site.gate.port}`];
    await site.gate.reload(rules, /reload: ok/);
    chromium = await startChromium(['*.plyr.test', '*.beta.plyr.test', SOLO, 'github.example.test']);
  });
  after(async () => {
    await chromium?.stop();
    await endAll(site, plain, withCors);
  });

  const withProfile = async (run) => {
    const context = await chromium.browser.newContext();
    try {
      return await run(context, await context.newPage());
    } finally {
      await context.close();
    }
  };
  const throughGithub = async (p) => {
    await p.getByRole('link', { name: /GitHub/ }).click();
    await p.getByRole('button', { name: 'Authorize as alice', exact: true }).click();
  };
  const byGithub = async (context, p) => {
    await p.goto(site.url(STG, '/page'));
    await throughGithub(p);
    await p.waitForURL(site.url(STG, '/page'));
  };
  const byPin = async (context, p) => {
    await p.goto(site.url(STG, '/page'));
    await p.getByRole('textbox').fill('good@plyr.test');
    await p.getByRole('button', { name: /code/i }).click();
    await p.getByRole('textbox').fill(site.pinIn(await site.post.next('good@plyr.test')));
    await p.keyboard.press('Enter');
    await p.waitForURL(site.url(STG, '/page'));
  };
  const byBasic = async (context, p) => {
    const r = await site.gate.request({ host: BETA, path: '/page', headers: { Authorization: basic('beta', 'a good password') } });
    const [name, value] = r.get('set-cookie').split(';')[0].split('=');
    await context.addCookies([{ name, value, domain: `.${BETA}`, path: '/', secure: true, httpOnly: true, sameSite: 'Lax' }]);
    await p.goto(site.url(BETA, '/page'));
  };

  const HOSTS = [[API, 'plain'], [OWN_CORS, 'cors'], [PASSED, 'cors']];
  for (const [way, signIn, hosts] of [['GitHub', byGithub, HOSTS], ['mail', byPin, HOSTS], ['Basic', byBasic, [[BETA_API, 'plain']]]])
    it(`signed in once by ${way}, the page reads every host`, () => withProfile(async (context, p) => {
      await signIn(context, p);
      for (const [host, marker] of hosts)
        for (const init of [GET, PUT]) {
          const r = await p.evaluate(seen, [site.url(host, '/data'), init]);
          assert.deepEqual([r.status, r.json, r.reason], [200, { marker }, null], `${host} ${init.method}`);
          if (marker === 'cors') assert.equal(r.total, '7', 'what the middleware exposes stays exposed');
        }
    }));

  it('a preflight reaches the origin only where the rules say so', () => withProfile(async (context, p) => {
    await byGithub(context, p);
    const asked = (api, path) => api.requests.filter((r) => r.method === 'OPTIONS' && r.target === path);
    for (const [host, api, want] of [[API, plain, 0], [OWN_CORS, withCors, 0], [PASSED, withCors, 1]]) {
      const path = `/preflight/${host}`;
      assert.equal((await p.evaluate(seen, [site.url(host, path), PUT])).status, 200);
      assert.equal(asked(api, path).length, want, host);
      for (const r of asked(api, path)) assert.equal(r.headers.cookie, undefined);
    }
  }));

  it('the origin\'s own CORS fields are never doubled', async () => {
    const cookie = await (async () => {
      const v = site.visitor();
      await site.byGithub(v, 'alice');
      return `${COOKIE}=${v.cookie(COOKIE).value}`;
    })();
    for (const host of [API, OWN_CORS, PASSED]) {
      const r = await site.gate.request({ host, path: '/data', headers: { Cookie: cookie, Origin: site.url(STG, '').replace(/\/$/, '') } });
      assert.equal(r.status, 200);
      assert.equal(r.all('access-control-allow-origin').length, 1, host);
      assert.equal(r.all('access-control-allow-credentials').length, 1, host);
    }
  });

  it('a session that has ended is a refusal that the page can read, and act upon', () => withProfile(async (context, p) => {
    await byGithub(context, p);
    await context.clearCookies({ name: COOKIE });
    for (const [host] of HOSTS)
      for (const init of [GET, PUT]) {
        const r = await p.evaluate(seen, [site.url(host, '/data'), init]);
        assert.equal(r.status, 401, `${host} ${init.method} ${r.error}`);
        assert.equal(r.reason, 'sign-in');
        assert.equal(r.json.error, 'sign_in_required');
        const to = new URL(r.json.sign_in);
        assert.equal(to.origin, new URL(site.url(STG)).origin);
        assert.equal(to.pathname, '/.tiergate/sign-in');
      }
    const { json } = await p.evaluate(seen, [site.url(API, '/data'), GET]);
    const w = await context.newPage();
    await w.goto(json.sign_in);
    await throughGithub(w);
    await w.getByRole('heading', { name: /signed in/i }).waitFor();
    assert.equal(await w.getByRole('link').first().getAttribute('href'), site.url(API, '/'), 'with the port that it was asked for');
    assert.equal((await p.evaluate(seen, [site.url(API, '/data'), PUT])).status, 200);
  }));

  it('a page outside of the circle reads nothing, unless it is named', () => withProfile(async (context, p) => {
    await byGithub(context, p);
    await p.goto(site.url(SOLO, '/page/open'));
    for (const init of [GET, PUT]) {
      assert.deepEqual(await p.evaluate(seen, [site.url(API, '/data'), init]), { error: 'TypeError' });
      const r = await p.evaluate(seen, [site.url(NAMED, '/data'), init]);
      assert.deepEqual([r.status, r.json?.error], [401, 'sign_in_required'], 'its cookie is SameSite=Lax');
    }
  }));

  it('an app\'s OAuth callback that meets no session comes through, byte for byte', () => withProfile(async (context, p) => {
    const target = '/oauth/callback?code=4%2F0Ab_%7E+x&state=a%20b%3D%26&empty=&scope=e%CC%81&last=%2f..%2f';
    await p.route('https://idp.example/**', (r) => r.fulfill({ contentType: 'text/html', body: `<a id="back" href="${site.url(STG, target).replaceAll('&', '&amp;')}">back</a>` }));
    await p.goto('https://idp.example/');
    await p.click('#back');
    await throughGithub(p);
    await p.waitForURL(/oauth\/callback/);
    const came = plain.requests.filter((r) => r.target.startsWith('/oauth/callback'));
    assert.deepEqual(came.map((r) => r.target), [target]);
    // … and with one, it is not stopped at all.
    await p.goto('https://idp.example/');
    await p.click('#back');
    await p.waitForURL(/oauth\/callback/);
    assert.equal(plain.requests.filter((r) => r.target === target).length, 2);
  }));

  it('a WebSocket to the API is closed by 4401 when somebody signs out', () => withProfile(async (context, p) => {
    await byGithub(context, p);
    await p.evaluate((url) => new Promise((resolve, reject) => {
      globalThis.ws = new WebSocket(url);
      ws.onmessage = (m) => resolve(m.data);
      ws.onopen = () => ws.send('hello');
      ws.onerror = reject;
      ws.onclose = (e) => (globalThis.how = [e.code, e.reason]);
    }), site.url(API, '/ws').replace('https', 'wss'));
    const other = await context.newPage();
    await other.goto(site.url(STG, '/.tiergate/sign-out'));
    await other.getByRole('button', { name: 'Sign out', exact: true }).click();
    await other.getByRole('heading', { name: /signed out/i }).waitFor();
    const closed = await until('the end of the WebSocket', () => p.evaluate(() => globalThis.how));
    assert.equal(closed[0], 4401);
    assert.equal((await p.evaluate(seen, [site.url(API, '/data'), GET])).status, 401);
  }));
});
