// Attacks on signing in: who begins is who ends, once; nobody is led away; no cookie of somebody else's making counts.
import assert from 'node:assert/strict';
import crypto from 'node:crypto';
import { after, before, describe, it } from 'node:test';
import * as http2 from '../harness/http2.mjs';
import { authority } from '../harness/certs.mjs';
import { EVIL, GOOD, hostileReturns, leadsTo } from '../harness/openredirects.mjs';
import { API, githubLinkOf, HOSTS, LOGIN, people, SOLO, startSigninSite, STG, TEAM } from '../harness/signin-site.mjs';
import { readCookie } from '../harness/visitor.mjs';
import { requestBytes } from '../harness/wire.mjs';

const SESSION = '__Secure-tiergate', BROWSER = '__Host-tiergate-browser';
const mints = (r) => r.all('set-cookie').some((c) => /^__(Secure|Host)-tiergate=[^;]{20}/.test(c));

describe('attacks on signing in', () => {
  let site;
  before(async () => (site = await startSigninSite()));
  after(() => site?.stop());
  const back = (v, url) => v.go(url, { from: site.github.url });
  const answerOf = async (v, login = 'alice', address = site.url(STG, '/private')) => site.github.decide(await site.toGithub(v, address), login);

  describe('login CSRF and swapped browsers', () => {
    it('ends only in the browser that began', async () => {
      const attacker = site.visitor(), victim = site.visitor();
      const theirs = await answerOf(attacker, 'mallory');
      const r = await victim.follow(await back(victim, theirs), HOSTS);
      assert.equal(mints(r), false);
      assert.equal(victim.cookie(SESSION), undefined);
      await site.toGithub(victim, site.url(STG));
      assert.equal(mints(await back(victim, theirs)), false, 'nor in one that began another');
    });
    it('takes no code of another sign-in, and no state of another', async () => {
      const a = site.visitor(), b = site.visitor();
      const one = new URL(await answerOf(a)), two = new URL(await answerOf(b, 'good'));
      const mixed = new URL(one);
      mixed.searchParams.set('code', two.searchParams.get('code'));
      assert.equal(mints(await back(a, mixed.href)), false, 'the verifier is another');
      assert.equal(await site.isIn(a, STG), false);
    });
    it('takes no answer of one tab in another of the same browser', async () => {
      const v = site.visitor(), [one, two] = [new URL(await answerOf(v)), new URL(await answerOf(v, 'good'))];
      for (const [a, b] of [[one, two], [two, one]]) {
        const mixed = new URL(a);
        mixed.searchParams.set('code', b.searchParams.get('code'));
        assert.equal(mints(await back(v, mixed.href)), false);
      }
    });
    describe('the way to a host outside', () => {
      const handed = async (v, address = site.url(SOLO, '/there')) => (await back(v, await answerOf(v, 'alice', address))).get('location');
      it('is for the browser that began there alone', async () => {
        const victim = site.visitor(), attacker = site.visitor();
        const to = await handed(victim);
        assert.match(to, /hand-off\?code=/);
        for (const thief of [attacker, site.visitor()]) {
          const r = await thief.go(to, { from: site.url(STG) });
          assert.deepEqual([r.status, mints(r)], [403, false]);
          await thief.go(site.url(SOLO, '/there')); // has a cookie of its own from now on
        }
        assert.equal(mints(await attacker.go(to, { from: site.url(STG) })), false);
      });
      it('brings nobody into the session of who sent him the address', async () => {
        // The attacker begins at SOLO; whom he sends the rest to is signed in on STG already, and would bring his session to the attacker.
        const attacker = site.visitor(), victim = site.visitor();
        await site.byGithub(victim, 'alice');
        const begun = (await attacker.go(site.url(SOLO, '/there'))).get('location');
        const to = (await victim.go(begun, { from: 'https://evil.test/' })).get('location');
        assert.match(to, /hand-off\?code=/);
        assert.equal(mints(await victim.go(to, { from: 'https://evil.test/' })), false, 'not begun in this browser');
        assert.equal(await site.isIn(victim, SOLO), false);
      });
      it('lets one of fifty that come at once through', async () => {
        const v = site.visitor(), to = await handed(v);
        const all = await Promise.all(Array.from({ length: 50 }, () => v.copy().go(to, { from: site.url(STG) }).catch(() => undefined)));
        assert.equal(all.filter((r) => r && mints(r)).length, 1);
      });
      it('stays on that host, whatever `to` says', async () => {
        for (const to of ['https://evil.test/', '//evil.test', '', 'x']) {
          const v = site.visitor(), url = new URL(await handed(v));
          url.searchParams.set('to', to);
          const r = await v.go(url.href, { from: site.url(STG) });
          assert.equal(r.status, 302, r.text);
          assert.equal(new URL(r.get('location'), url).host, url.host);
        }
        const v = site.visitor(), url = new URL(await handed(v));
        url.searchParams.set('to', new URL((await site.visitor().go(site.url(API, '/private'))).get('location')).searchParams.get('to'));
        assert.equal(new URL((await v.go(url.href, { from: site.url(STG) })).get('location'), url).href, site.url(SOLO, '/'), 'a good one, of another host');
      });
      it('is nothing on the other hosts, nor by POST', async () => {
        const v = site.visitor(), url = new URL(await handed(v));
        for (const host of [STG, API]) assert.equal(mints(await v.go(site.url(host, url.pathname + url.search))), false, host);
        assert.equal(mints(await v.go(url.href, { method: 'POST', form: {}, from: site.url(STG) })), false);
        assert.ok(mints(await v.go(url.href, { from: site.url(STG) })), 'and still good');
      });
    });
    it('takes a state once, and a code once', async () => {
      const v = site.visitor(), one = await answerOf(v);
      await back(v, one);
      const fresh = v.copy();
      fresh.cookies = fresh.cookies.filter((c) => c.name === BROWSER);
      const asked = site.github.asked('/login/oauth/access_token').length;
      assert.equal(mints(await back(fresh, one)), false);
      assert.equal(site.github.asked('/login/oauth/access_token').length, asked, 'GitHub was not even asked');
      const again = new URL(one);
      again.searchParams.set('code', new URL(await answerOf(fresh)).searchParams.get('code'));
      assert.equal(mints(await back(fresh, again.href)), false, 'an old state with a new code');
    });
    it('lets one of fifty that come at once through', async () => {
      const v = site.visitor(), one = await answerOf(v);
      const all = await Promise.all(Array.from({ length: 50 }, () => back(v.copy(), one).catch(() => undefined)));
      assert.equal(all.filter((r) => r && mints(r)).length, 1);
    });
    for (const [what, change] of [
      ['no state', (u) => u.searchParams.delete('state')], ['no code', (u) => u.searchParams.delete('code')], ['two codes', (u) => u.searchParams.append('code', 'x')],
      ['two states', (u) => u.searchParams.append('state', 'x')], ['a state changed', (u) => u.searchParams.set('state', u.searchParams.get('state').replace(/.$/, (c) => (c === 'A' ? 'B' : 'A')))],
      ['a state cut', (u) => u.searchParams.set('state', u.searchParams.get('state').slice(0, -8))], ['an empty state', (u) => u.searchParams.set('state', '')], ['a long code', (u) => u.searchParams.set('code', 'x'.repeat(5000))],
      ['an error beside the code', (u) => u.searchParams.set('error', 'access_denied')], ['a code that is a query', (u) => u.searchParams.set('code', '&client_id=x#')]
    ]) it(`ends in a page: ${what}`, async () => {
      const v = site.visitor(), url = new URL(await answerOf(v));
      change(url);
      const r = await back(v, url.href);
      assert.ok(r.status === 503 || (r.status >= 400 && r.status < 500), `${r.status}`);
      assert.match(r.text, /<h1/);
      assert.equal(mints(r), false);
    });
    it('asks GitHub about so many made-up codes of one client, and others do not feel it', async () => {
      const v = site.visitor(), asked = site.github.asked('/login/oauth/access_token').length, said = [];
      for (let i = 0; i < 65; i++) {
        const url = new URL((await v.go(site.url(STG, '/.tiergate/github'))).get('location'));
        said.push((await back(v, site.url(STG, `/.tiergate/github/callback?code=made-up-${i}&state=${url.searchParams.get('state')}`))).status);
      }
      assert.equal(site.github.asked('/login/oauth/access_token').length - asked, 60);
      assert.deepEqual([said.filter((s) => s === 429).length, said.includes(200)], [5, false]);
      assert.equal((await site.byGithub(site.visitor(), 'alice')).status, 200);
    });
    it('works on no other host: a state belongs to where it was made', async () => {
      const v = site.visitor(), url = new URL(await answerOf(v));
      for (const host of [API, SOLO]) assert.equal(mints(await v.go(site.url(host, url.pathname + url.search), { from: site.github.url })), false, host);
    });
    it('takes no callback by POST, and no forms from elsewhere', async () => {
      const v = site.visitor(), url = await answerOf(v);
      assert.equal(mints(await v.go(url, { method: 'POST', form: {}, from: site.github.url })), false);
      const { shown, pin } = await site.signInPage(v, site.url(STG));
      const mails = site.post.mails.length;
      const send = (headers, from = 'https://evil.test/') => v.go(new URL(pin.action, shown.url).href, { method: 'POST', form: { ...pin.fields, address: 'dev@plyr.test' }, from, headers });
      for (const from of ['https://evil.test/', `https://${API}.evil.test/`, site.url(API), `https://${STG}/`]) assert.equal((await send({}, from)).status, 403, from);
      for (const headers of [{ Origin: 'null', 'Sec-Fetch-Site': 'cross-site' }, { Origin: new URL(shown.url).origin, 'Sec-Fetch-Site': 'same-site' }, { 'Sec-Fetch-Site': 'none' }])
        assert.equal((await send(headers)).status, 403, JSON.stringify(headers));
      assert.equal((await v.go(new URL('/.tiergate/github', shown.url).href, { method: 'POST', form: {}, from: shown.url })).status, 405);
      assert.equal(site.post.mails.length, mails);
    });
  });

  describe('fixation and tossing', () => {
    it('makes a new session each time, and the one before signing in is nobody\'s', async () => {
      const v = site.visitor();
      await site.byGithub(v, 'alice');
      const first = v.cookie(SESSION).value;
      v.cookies = v.cookies.filter((c) => c.name !== SESSION);
      await site.byGithub(v, 'alice');
      assert.notEqual(v.cookie(SESSION).value, first);
    });
    it('takes no browser cookie that somebody planted', async () => {
      const attacker = site.visitor(), url = await answerOf(attacker);
      const planted = attacker.cookie(BROWSER).value;
      const victim = site.visitor();
      // A sibling host can set a cookie for the domain, but never one called __Host-.
      victim.cookies.push({ name: BROWSER, value: planted, host: 'plyr.test', hostOnly: false, path: '/', ends: Infinity, sameSite: 'lax' });
      assert.equal(readCookie(`${BROWSER}=x; Secure; Path=/; Domain=plyr.test`, new URL(site.url(API))), undefined, 'a browser would not keep it');
      const names = [`${BROWSER}`, ` ${BROWSER}`, `\u2000${BROWSER}`, `$Version=1; ${BROWSER}`];
      for (const name of names.slice(1)) {
        const r = await site.gate.request({ host: STG, path: new URL(url).pathname + new URL(url).search, headers: { Cookie: Buffer.from(`${name}=${planted}; ${BROWSER}=${crypto.randomBytes(16).toString('base64url')}`).toString('latin1') } });
        assert.equal(mints(r), false, name);
      }
    });
    it('two different browser cookies are none', async () => {
      const v = site.visitor(), url = new URL(await answerOf(v));
      const own = v.cookie(BROWSER).value, other = crypto.randomBytes(16).toString('base64url');
      for (const cookie of [`${BROWSER}=${own}; ${BROWSER}=${other}`, `${BROWSER}=${other}; ${BROWSER}=${own}`])
        assert.equal(mints(await site.gate.request({ host: STG, path: url.pathname + url.search, headers: { Cookie: cookie } })), false, cookie);
    });
    it('sets its cookies for whom they are, and no script', async () => {
      const v = site.visitor();
      await site.byGithub(v, 'alice');
      const c = v.cookie(SESSION), b = v.cookie(BROWSER);
      assert.deepEqual([c.secure, c.httpOnly, c.sameSite, c.host, c.path], [true, true, 'lax', 'plyr.test', '/']);
      assert.deepEqual([b.secure, b.httpOnly, b.hostOnly, b.path], [true, true, true, '/']);
    });
    it('a session of one host outside holds nowhere else, and the other way round', async () => {
      const inside = site.visitor(), outside = site.visitor();
      await site.byGithub(inside, 'alice');
      await site.byGithub(outside, 'alice', site.url(SOLO));
      const at = async (host, name, value) => (await site.gate.request({ host, path: '/private', headers: { Cookie: `${name}=${value}`, 'Sec-Fetch-Mode': 'cors' } })).status;
      const there = outside.cookies.find((c) => c.name === SESSION && c.host === SOLO && c.hostOnly).value;
      assert.equal(await at(SOLO, SESSION, there), 200);
      for (const name of ['__Host-tiergate', SESSION]) {
        assert.equal(await at(STG, name, there), 401, name);
        assert.equal(await at(SOLO, name, inside.cookie(SESSION).value), 401, name);
      }
    });
  });

  describe('open redirects', () => {
    const all = hostileReturns();
    const ours = new Set(HOSTS);
    const isOurs = (location, from) => {
      const origin = leadsTo(location, from);
      return origin === undefined || (URL.canParse(origin) && ours.has(new URL(origin).hostname) && origin.startsWith('https:'));
    };
    // Control bytes cannot be in a request line; what a browser would make of them can.
    const places = [
      (one) => `/.tiergate/sign-in?to=${encodeURIComponent(one)}`, (one) => `/cdn-cgi/access/login?redirect_url=${encodeURIComponent(one)}`, (one) => `/cdn-cgi/access/logout?returnTo=${encodeURIComponent(one)}`,
      (one) => `/.tiergate/sign-out?to=${encodeURIComponent(one)}`, (one) => `/.tiergate/hand-off?code=x&to=${encodeURIComponent(one)}`, (one) => `/.tiergate/github/callback?state=${encodeURIComponent(one)}&code=x`
    ];
    /** One after the other on one connection, as long as it holds. */
    const line = () => {
      let wire;
      return async (v, path) => {
        const url = new URL(site.url(STG, path)), target = url.pathname + url.search;
        const headers = { 'X-Forwarded-For': '198.51.100.1', Cookie: v.cookiesFor(url).map((c) => `${c.name}=${c.value}`).join('; '), 'Sec-Fetch-Mode': 'navigate', 'Sec-Fetch-Site': 'none', Accept: 'text/html' };
        if (http2.preferred) {
          if (!wire || wire.closed || wire.destroyed) wire = await http2.session({ port: site.gate.port, servername: STG, ca: authority().pem });
          return http2.ask(wire, { authority: site.gate.authority(STG), path: target, headers });
        }
        if (!wire || wire.ended) wire = await site.gate.connect({ host: STG });
        await wire.send(requestBytes({ path: target, host: site.gate.authority(STG), headers }));
        const r = await wire.response();
        if (/close/i.test(r.get('connection') ?? '')) wire = void wire.close();
        return r;
      };
    };
    for (const place of places) it(`never leads away: ${place('…')}`, async () => {
      const v = site.visitor(), stranger = site.visitor(), ask = line();
      await site.byGithub(v, 'alice');
      let asked = 0;
      for (const one of all) for (const who of [v, stranger]) {
        const path = place(one.replaceAll(GOOD, STG));
        if (path.length > 8000) continue;
        const r = await ask(who, path);
        const to = r.get('location');
        asked++;
        if (to !== undefined) assert.ok(isOurs(to, site.url(STG, path)) || to.startsWith(`${site.github.url}/`), `${JSON.stringify(one)} → ${to}`);
        assert.doesNotMatch(r.get('refresh') ?? '', /evil/);
        for (const m of r.text.matchAll(/\b(?:href|action|content)\s*=\s*"([^"]*)"/gi)) assert.doesNotMatch(m[1], /^\s*(javascript|data(?!:,$)|vbscript):|evil\.test(?!.*%)/i, `${JSON.stringify(one)} in ${m[0]}`);
        assert.doesNotMatch(r.text, /<script|onerror=|onload=/i);
      }
      assert.ok(asked > all.length, `${asked}`);
    });
    it('believes no field that names another host', async () => {
      const fields = ['X-Forwarded-Host', 'X-Forwarded-Server', 'X-Host', 'X-Original-Host', 'X-Forwarded-Proto', 'X-Original-URL', 'X-Rewrite-URL', 'Forwarded', 'X-Forwarded-Prefix', 'Referer', 'X-Forwarded-Port'];
      const headers = Object.fromEntries(fields.map((f) => [f, f === 'Forwarded' ? `host=${EVIL};proto=http` : f.endsWith('Proto') ? 'http' : f.endsWith('Port') ? '8' : /URL|Prefix/.test(f) ? `//${EVIL}/` : EVIL]));
      for (const path of ['/private', '/.tiergate/sign-in', '/.tiergate/github', '/cdn-cgi/access/login', '/.tiergate/session']) {
        const r = await site.gate.request({ host: STG, path, headers: { ...headers, 'Sec-Fetch-Mode': 'navigate', Accept: 'text/html' } });
        assert.equal(JSON.stringify(r.fields).includes(EVIL) || r.text.includes(EVIL), false, path);
        if (r.has('location')) assert.match(r.get('location'), /^https:/);
        if (/github/.test(path)) assert.equal(new URL(r.get('location')).searchParams.get('redirect_uri'), site.url(STG, '/.tiergate/github/callback'));
      }
    });
    it('serves no other host, and sends nobody to it', async () => {
      for (const host of [EVIL, `${STG}.${EVIL}`, `x${STG}`, `${STG}:443@${EVIL}`, `${STG}, ${EVIL}`, `${EVIL}#${STG}`, `${EVIL}/${STG}`, `${STG}\t${EVIL}`, '', `${EVIL}:443`]) {
        const wire = await site.gate.connect({ host: STG });
        await wire.send(requestBytes({ path: '/.tiergate/sign-in', host, headers: { Connection: 'close', 'Sec-Fetch-Mode': 'navigate', Accept: 'text/html' } }));
        const r = await wire.response();
        assert.ok([400, 421].includes(r.status), `${host}: ${r.status}`);
        assert.equal(r.has('location'), false);
        wire.close();
      }
    });
    it('takes no way back of another gate, of another host\'s errand, nor one that was changed', async () => {
      const v = site.visitor();
      const sealed = new URL((await v.go(site.url(STG, '/private'))).get('location')).searchParams.get('to');
      const state = new URL(await site.toGithub(v, site.url(STG))).searchParams.get('state');
      await site.byGithub(v, 'alice');
      const leads = async (to) => (await v.go(site.url(STG, `/.tiergate/sign-in?to=${encodeURIComponent(to)}`))).get('location');
      assert.equal(await leads(sealed), site.url(STG, '/private'));
      for (let i = 0; i < sealed.length; i += 3) assert.equal(await leads(sealed.slice(0, i) + (sealed[i] === 'A' ? 'B' : 'A') + sealed.slice(i + 1)), site.url(STG, '/'), `${i}`);
      for (const to of [state, `${sealed}A`, sealed.slice(0, -1), sealed + sealed, ` ${sealed}`]) assert.equal(await leads(to), site.url(STG, '/'), to);
    });
    it('brings back only to the host that was asked, whatever path it had', async () => {
      let came = 0;
      for (const one of all.filter((p) => /^\/[\x21-\x7e]*$/.test(p) && p.length < 500 && !p.includes('#'))) {
        const v = site.visitor();
        // As bytes: a URL of the test's own would tidy them.
        const r = await site.gate.request({ host: STG, path: one, headers: { 'Sec-Fetch-Mode': 'navigate', Accept: 'text/html' } });
        const to = r.get('location');
        if (to === undefined) continue;
        assert.ok(isOurs(to, site.url(STG)), `${one} → ${to}`);
        v.keep(r, new URL(site.url(STG)));
        const page = await v.follow(await v.go(new URL(to, site.url(STG)).href), HOSTS);
        const link = githubLinkOf(page.text);
        if (!link) continue;
        const sent = await v.go(new URL(link, page.url).href, { from: page.url });
        const home = await v.go(await site.github.decide(v.whereTo(sent).href, 'alice'), { from: site.github.url });
        came++;
        assert.ok(isOurs(home.get('location'), home.url), `${one} → ${home.get('location')}`);
        assert.ok(home.get('location').endsWith(one) || !home.get('location').includes(EVIL), `${one} → ${home.get('location')}`);
      }
      assert.ok(came > 20, `${came} ways were gone`);
    });
  });

  describe('one who is somebody else now', () => {
    it('a login that changed hands is another person', async () => {
      const { world } = site.github;
      const v = site.visitor();
      await site.byGithub(v, 'renee', site.url(LOGIN));
      assert.ok(await site.isIn(v, LOGIN));
      const { id } = world.some('renee');
      world.rename('renee', 'renee-moved');
      const squatter = world.user('ReNee', people().mallory);
      assert.notEqual(squatter.id, id);
      const thief = site.visitor();
      const last = await site.byGithub(thief, 'renee', site.url(LOGIN));
      assert.equal(last.status, 403);
      assert.equal(await site.isIn(thief, LOGIN), false, 'the login that the rules name has another owner than before');
    });
  });

  describe('tokens of our own making, unmade', () => {
    it('no session cookie changed in one character gets in', async () => {
      const v = site.visitor();
      await site.byGithub(v, 'alice');
      const good = v.cookie(SESSION).value;
      for (let i = 0; i < good.length; i++) {
        const bad = good.slice(0, i) + (good[i] === 'A' ? 'B' : 'A') + good.slice(i + 1);
        const r = await site.gate.request({ host: STG, path: '/private', headers: { Cookie: `${SESSION}=${bad}`, 'Sec-Fetch-Mode': 'cors' } });
        assert.equal(r.status, 401, `at ${i}`);
      }
    });
    it('no assertion that a client brings reaches the origin', async () => {
      const v = site.visitor();
      await site.byGithub(v, 'alice');
      for (const name of ['Cf-Access-Jwt-Assertion', 'cf_access_jwt_assertion', 'Cf.Access.Jwt.Assertion', 'Cf-Access-Authenticated-User-Email', 'X-Forwarded-User', 'x_forwarded_user']) {
        await v.go(site.url(STG, '/private'), { mode: 'cors', headers: { [name]: 'forged' } });
        assert.equal(JSON.stringify(site.echo.requests.at(-1).rawHeaders).includes('forged'), false, name);
        await v.go(site.url(STG, '/health'), { mode: 'cors', headers: { [name]: 'forged' } });
        assert.equal(JSON.stringify(site.echo.requests.at(-1).rawHeaders).includes('forged'), false, `${name} bypassed`);
      }
    });
    it('the cookies of the gate do not reach the origin either', async () => {
      const v = site.visitor();
      await site.byGithub(v, 'alice');
      await v.go(site.url(STG, '/private'), { mode: 'cors', headers: { Cookie: `app=1; ${v.cookiesFor(new URL(site.url(STG))).map((c) => `${c.name}=${c.value}`).join('; ')}; other=2` } });
      assert.equal(site.echo.requests.at(-1).headers.cookie, 'app=1; other=2');
    });
    for (const name of [STG, TEAM]) it(`half a request to sign in holds up nobody on ${name}`, async () => {
      const wire = await site.gate.connect({ host: name });
      await wire.send(requestBytes({ method: 'POST', path: '/.tiergate/pin', host: site.gate.authority(name), headers: { 'Content-Length': '1000', 'Content-Type': 'application/x-www-form-urlencoded' } }));
      assert.equal((await site.visitor().go(site.url(name, '/.tiergate/health'))).status, 200);
      wire.close();
    });
  });
});
