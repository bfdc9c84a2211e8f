// Every asker of a page, on the page's own host and on a sibling of its circle, signed in, with a session that no longer holds, and
// without one. What must come out stands in docs/askers.md; this test reads that very table.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import { after, before, describe, it } from 'node:test';
import { Gate } from '../harness/gate.mjs';
import { startChromium } from '../harness/parts.mjs';
import { endAll } from '../harness/wait.mjs';
import { basic } from '../harness/wire.mjs';
import { startSite } from './site.mjs';

const OWN = 'app.example.test';
const SIBLING = 'api.app.example.test';
const secrets = { APP_PASSWORD: 'correct horse', FORMER_PASSWORD: 'battery staple' };
const STATES = ['signed in', 'expired', 'anonymous'];

const docs = fs.readFileSync(new URL('../../docs/askers.md', import.meta.url), 'utf8');

/** The rows of the table between the marks: [asker, then what comes out per host and state]. */
function table() {
  const marked = /<!-- matrix -->\n([\s\S]*?)\n<!-- end of matrix -->/.exec(docs)[1].trim().split('\n');
  const cells = (line) => line.split('|').slice(1, -1).map((c) => c.trim());
  const [head, , ...rows] = marked.map(cells);
  const columns = ['own', 'sibling'].flatMap((site) => STATES.map((state) => `${site}, ${state}`));
  assert.deepEqual(head, ['asker', ...columns]);
  return rows.map(([asker, ...want]) => ({ asker: asker.replaceAll('`', ''), want: Object.fromEntries(columns.map((c, i) => [c, want[i]])) }));
}

function rules(origin, users) {
  return {
    tier: 'test',
    gates: { app: { basic: { realm: 'app', users }, session: { domain: OWN } } },
    origins: { web: { url: origin } },
    hosts: [{
      host: [OWN, SIBLING], origin: 'web', gate: 'app',
      rules: [{ path: '/docs/*', methods: ['GET', 'HEAD'], action: 'bypass' }, { path: '/*', action: 'allow' }]
    }]
  };
}

/**
 * What would be a login dialog on somebody's screen: the paths of the challenges that the browser has no answer to. Each is dismissed,
 * which is also what shows whether the page hears of the refusal after all.
 */
async function dismissDialogs(browser) {
  const asked = [];
  const cdp = await browser.newBrowserCDPSession();
  const go = (method, params) => cdp.send(method, params).catch(() => {}); // the request may be over by then
  cdp.on('Fetch.requestPaused', (e) => go('Fetch.continueRequest', { requestId: e.requestId }));
  cdp.on('Fetch.authRequired', (e) => {
    asked.push(new URL(e.request.url).pathname);
    go('Fetch.continueWithAuth', { requestId: e.requestId, authChallengeResponse: { response: 'CancelAuth' } });
  });
  await cdp.send('Fetch.enable', { handleAuthRequests: true, patterns: [{ urlPattern: '*' }] });
  return asked;
}

/** With an end of its own, so that no path is the beginning of another. */
const slug = (...parts) => `/${parts.join('/').replaceAll(/[^a-z0-9/]+/gi, '-')}/-`;
/** Asked for by the page itself, not by a script of it. */
const MANIFESTS = { manifest: '', 'manifest, use-credentials': '&use=1' };

describe('the matrix of askers', () => {
  let site, gate, chromium, asked;
  const pages = {};
  const profiles = [];

  const signIn = async (user, password) => {
    const r = await gate.request({ host: OWN, path: '/', headers: { Authorization: basic(user, password) } });
    assert.equal(r.status, 200);
    const [name, value] = r.get('set-cookie').split(';')[0].split('=');
    return { name, value, domain: `.${OWN}`, path: '/', secure: true, httpOnly: true, sameSite: 'Lax' };
  };
  const profile = async (state, cookie) => {
    const context = await chromium.browser.newContext();
    profiles.push(context);
    if (cookie) await context.addCookies([cookie]);
    pages[state] = await context.newPage();
    assert.equal((await pages[state].goto(gate.url(OWN, '/docs/page'))).status(), 200);
  };

  before(async () => {
    site = await startSite();
    const users = { beta: 'env:APP_PASSWORD', former: 'env:FORMER_PASSWORD' };
    gate = await Gate.start({ rules: rules(site.url, users), env: secrets });
    chromium = await startChromium(['*.example.test']);
    asked = await dismissDialogs(chromium.browser);
    const cookies = { 'signed in': await signIn('beta', secrets.APP_PASSWORD), expired: await signIn('former', secrets.FORMER_PASSWORD) };
    // A browser drops a cookie in time by itself; a session that ends before its time is what reaches the gate.
    delete users.former;
    await gate.reload(rules(site.url, users), /reload: ok/);
    for (const state of STATES) await profile(state, cookies[state]);
    site.requests.length = 0;
  });
  after(async () => {
    for (const p of profiles) await p.close();
    await chromium?.stop();
    await endAll(gate, site);
  });

  const manifest = async (page, url, more) => {
    await page.goto(gate.url(OWN, `/docs/page?manifest=${encodeURIComponent(url)}${more}`));
    const cdp = await page.context().newCDPSession(page);
    const { data } = await cdp.send('Page.getAppManifest');
    await cdp.detach();
    return data?.includes('probe') ? 'loads' : 'error';
  };
  const ask = async (asker, host, state) => {
    const at = slug('t', state, host === OWN ? 'own' : 'sibling', asker);
    const url = gate.url(host, at);
    const seen = asker in MANIFESTS
      ? await manifest(pages[state], url, MANIFESTS[asker])
      : await pages[state].evaluate(([name, to]) => globalThis.probe(name, to), [asker, url]);
    return { at, host, seen };
  };
  const statusOf = ({ at, host, seen }) => {
    const fits = (l) => l.path?.startsWith(at) && /^(\/sw\.js|\/through)?$/.test(l.path.slice(at.length)) && l.method !== 'OPTIONS';
    // What a browser does not send at all leaves no line to wait for.
    if (/service-worker-script/.test(at) && host === SIBLING) return gate.lines().find(fits)?.status ?? '–';
    return gate.line(fits).then((l) => l.status, () => 'unasked');
  };

  const rows = table();
  it('has a row for each probe, and a probe for each row', async () => {
    const known = await pages.anonymous.evaluate(() => globalThis.probes);
    assert.deepEqual(rows.map((r) => r.asker).sort(), [...known, ...Object.keys(MANIFESTS)].sort());
  });

  for (const { asker, want } of rows) {
    it(asker, async () => {
      const got = {};
      // The profiles know nothing of each other; within one, pages go from one manifest to the next.
      await Promise.all(STATES.map(async (state) => {
        for (const [name, host] of [['own', OWN], ['sibling', SIBLING]]) {
          const r = await ask(asker, host, state);
          const asks = asked.some((path) => path.startsWith(r.at)) ? 'asks, ' : '';
          got[`${name}, ${state}`] = `${await statusOf(r)} ${asks}${r.seen}`;
        }
      }));
      assert.deepEqual(got, want);
    });
  }

  it('nothing of it reached the origin without a session, no preflight and no cookie of the gate ever', () => {
    const gated = site.requests.filter((r) => !r.path.startsWith('/docs/'));
    assert.ok(gated.length > rows.length);
    assert.deepEqual(gated.filter((r) => !r.path.startsWith('/t/signed-in/')), []);
    assert.deepEqual(site.requests.filter((r) => r.method === 'OPTIONS' || /tiergate/.test(r.headers.cookie ?? '')), []);
  });

  it('the app gets its own token untouched', () => {
    const tokens = site.requests.filter((r) => /Bearer/.test(r.path)).map((r) => r.headers.authorization);
    assert.ok(tokens.length > 0);
    assert.deepEqual([...new Set(tokens)], ['Bearer app-token']);
  });

  it('an anonymous page may ask who is signed in, and nobody is asked for it', async () => {
    asked.length = 0;
    const session = (page) => page.evaluate(() => fetch('/.tiergate/session').then((r) => r.json()));
    assert.equal((await session(pages.anonymous)).signed_in, false);
    assert.equal((await session(pages['signed in'])).user, 'beta');
    assert.deepEqual(asked, []);
  });

  it('the page of a single-page app finds its way to the sign-in as the docs say', async () => {
    const [, code] = /```js\n([\s\S]*?)```/.exec(docs);
    const page = pages.expired;
    const arrival = page.waitForURL(/\/\.tiergate\/sign-in$/, { waitUntil: 'commit' }).catch((e) => e);
    const asking = page.evaluate(async ([module, url]) => {
      const { ask } = await import(URL.createObjectURL(new Blob([module], { type: 'text/javascript' })));
      await ask(url);
    }, [code, gate.url(SIBLING, '/spa')]).catch(() => {}); // the page is left in the middle of it
    const line = await gate.line((l) => l.path === '/.tiergate/sign-in');
    assert.equal(line.host, SIBLING);
    await Promise.all([arrival, asking]);
    assert.match(page.url(), /api\.app\.example\.test.*\/\.tiergate\/sign-in$|chrome-error/);
  });
});
