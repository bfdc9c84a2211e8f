// Our GitHub is held to GitHub's public description: what it says must be what the real one could say. And it must refuse what the real one
// refuses, or the tests that stand on it prove nothing.
import assert from 'node:assert/strict';
import crypto from 'node:crypto';
import { after, before, beforeEach, describe, it } from 'node:test';
import { startGithub } from '../harness/github.mjs';
import { Description } from '../harness/openapi.mjs';

const CALLBACK = 'https://stg.example.test/.tiergate/github/callback';
const app = { clientId: 'Iv1.app', clientSecret: 'app-secret', callback: CALLBACK };
const state = 'a-state-that-nobody-guesses';
const verifier = crypto.randomBytes(32).toString('base64url');
const challengeOf = (v) => crypto.createHash('sha256').update(v).digest('base64url');

const people = {
  alice: { orgs: { acme: { state: 'active', role: 'admin' }, other: 'active' }, teams: { 'acme/core': { state: 'active', role: 'maintainer' } }, publicEmail: 'alice@example.com' },
  paul: { orgs: { acme: 'pending' }, teams: { 'acme/core': 'pending' } },
  nobody: { emails: [{ email: 'n@example.com', primary: true, verified: false }] },
  many: { emails: Array.from({ length: 75 }, (_, i) => ({ email: `m${i}@example.com`, primary: i === 70, verified: i === 70 })) },
  shy: { orgs: { acme: 'active' }, grants: ['user:email'] },
  locked: { orgs: { shut: 'active', sso: 'active' }, teams: { 'shut/core': 'active' } }
};

describe('the GitHub of the tests', () => {
  let github, description;
  before(async () => {
    description = new Description();
    github = await startGithub({ apps: [app], users: people, orgs: { shut: { blocksApps: true }, sso: { saml: true } } });
  });
  after(() => github?.close());
  beforeEach(() => {
    github.person = undefined;
    github.limited = undefined;
    github.world.skewMs = 0;
  });

  const authorizeUrl = (more = {}) => {
    const fields = {
      client_id: app.clientId, redirect_uri: CALLBACK, scope: 'user:email read:org', state, code_challenge: challengeOf(verifier),
      code_challenge_method: 'S256', ...more
    };
    return `${github.url}/login/oauth/authorize?${new URLSearchParams(Object.entries(fields).filter(([, v]) => v !== undefined))}`;
  };
  const codeFor = async (login, more) => new URL(await github.decide(authorizeUrl(more), login)).searchParams.get('code');
  const exchange = async (fields, headers = { accept: 'application/json' }) => {
    const whole = { client_id: app.clientId, client_secret: app.clientSecret, redirect_uri: CALLBACK, code_verifier: verifier, ...fields };
    const body = new URLSearchParams(Object.entries(whole).filter(([, v]) => v !== undefined)).toString();
    const r = await github.ask('/login/oauth/access_token', { method: 'POST', headers: { 'content-type': 'application/x-www-form-urlencoded', ...headers }, body });
    assert.equal(r.status, 200, 'errors too are said with 200');
    return r.json ? r.json() : Object.fromEntries(new URLSearchParams(r.text));
  };
  const tokenFor = async (login) => (await exchange({ code: await codeFor(login) })).access_token;
  const rest = (token, path, more = {}) => github.ask(`/api/v3${path}`, { ...more, headers: { ...(token ? { authorization: `Bearer ${token}` } : {}), ...more.headers } });
  const basic = `Basic ${Buffer.from(`${app.clientId}:${app.clientSecret}`).toString('base64')}`;

  describe('authorize', () => {
    it('sends a person who agrees back with a code and the state, and one who does not with the reason', async () => {
      const yes = new URL(await github.decide(authorizeUrl(), 'alice'));
      assert.equal(yes.origin + yes.pathname, CALLBACK);
      assert.equal(yes.searchParams.get('state'), state);
      assert.match(yes.searchParams.get('code'), /^\w{20}$/);
      const no = new URL(await github.decide(authorizeUrl()));
      assert.equal(no.searchParams.get('error'), 'access_denied');
      assert.equal(no.searchParams.get('state'), state);
    });

    it('asks nobody when the person is set', async () => {
      github.person = 'alice';
      assert.match((await github.ask(new URL(authorizeUrl()).pathname + new URL(authorizeUrl()).search)).headers.location, /[?&]code=/);
      github.person = 'deny';
      assert.match(await github.decide(authorizeUrl()), /error=access_denied/);
    });

    it('keeps its buttons to one use', async () => {
      const shown = await github.ask(new URL(authorizeUrl()).pathname + new URL(authorizeUrl()).search);
      const ticket = /value="(\w{32})"/.exec(shown.text)[1];
      const press = () => github.ask('/login/oauth/authorize', { method: 'POST', body: `authenticity_token=${ticket}&as=alice` });
      assert.equal((await press()).status, 302);
      assert.equal((await press()).status, 422);
    });

    for (const [name, more] of [
      ['no state', { state: undefined }], ['a short state', { state: 'x' }], ['no challenge', { code_challenge: undefined }],
      ['the plain method', { code_challenge_method: 'plain' }], ['no method', { code_challenge_method: undefined }], ['a challenge that is none', { code_challenge: 'abc' }]
    ]) it(`refuses ${name}`, async () => assert.equal((await github.ask(authorizeUrl(more).slice(github.url.length))).status, 400));

    it('knows only its apps', async () => assert.equal((await github.ask(authorizeUrl({ client_id: 'who' }).slice(github.url.length))).status, 404));

    for (const there of [
      'https://evil.test/', 'https://stg.example.test/.tiergate/github/callbackx', 'https://stg.example.test:444/.tiergate/github/callback',
      'http://stg.example.test/.tiergate/github/callback', 'https://stg.example.test/', 'https://a@stg.example.test/.tiergate/github/callback', 'no address',
      'https://xstg.example.test/.tiergate/github/callback', 'https://stg.example.test/.tiergate/github/callback/../../..'
    ]) it(`never leads to ${there}`, async () => {
      const back = new URL(await github.decide(authorizeUrl({ redirect_uri: there }), 'alice'));
      assert.equal(back.origin + back.pathname, CALLBACK);
      assert.equal(back.searchParams.get('error'), 'redirect_uri_mismatch');
    });
    for (const there of [`${CALLBACK}/more`, 'https://pr-7.stg.example.test/.tiergate/github/callback'])
      it(`leads to ${there}`, async () => assert.ok((await github.decide(authorizeUrl({ redirect_uri: there }), 'alice')).startsWith(`${there}?code=`)));
  });

  describe('the token', () => {
    it('comes for a good code, once', async () => {
      const code = await codeFor('alice');
      const got = await exchange({ code });
      assert.match(got.access_token, /^gho_\w{36}$/);
      assert.deepEqual([got.token_type, got.scope], ['bearer', 'read:org,user:email']);
      assert.equal((await exchange({ code })).error, 'bad_verification_code');
    });

    for (const [name, fields, expected] of [
      ['another verifier', { code_verifier: crypto.randomBytes(32).toString('base64url') }, 'bad_verification_code'],
      ['no verifier', { code_verifier: undefined }, 'bad_verification_code'],
      ['the challenge as verifier', { code_verifier: challengeOf(verifier) }, 'bad_verification_code'],
      ['another secret', { client_secret: 'wrong' }, 'incorrect_client_credentials'],
      ['no secret', { client_secret: undefined }, 'incorrect_client_credentials'],
      ['another app', { client_id: 'who' }, 'incorrect_client_credentials'],
      ['another way back', { redirect_uri: `${CALLBACK}/x` }, 'redirect_uri_mismatch']
    ]) it(`does not come for ${name}`, async () => {
      const got = await exchange({ code: await codeFor('alice'), ...fields });
      assert.equal(got.error, expected);
      assert.equal(got.access_token, undefined);
    });

    it('does not come for a code of ten minutes and more', async () => {
      const code = await codeFor('alice');
      github.world.skewMs = 10 * 60 * 1000 + 1000;
      assert.equal((await exchange({ code })).error, 'bad_verification_code');
    });
    it('is said as a form to those who do not ask for JSON', async () => assert.match((await exchange({ code: await codeFor('alice') }, {})).access_token, /^gho_/));
    it('may carry fewer scopes than asked for', async () => assert.equal((await exchange({ code: await codeFor('shy') })).scope, 'user:email'));
    it('is one of ten: the oldest goes', async () => {
      const all = [];
      for (let i = 0; i < 11; i++) all.push(await tokenFor('many'));
      assert.equal((await rest(all[0], '/user')).status, 401);
      assert.equal((await rest(all[1], '/user')).status, 200);
    });
    it('has its secrets in the body, or a complaint is kept', async () => {
      await github.ask('/login/oauth/access_token?client_secret=x', { method: 'POST' });
      assert.equal(github.complaints.pop().what, 'a secret in the address');
    });
  });

  describe('the REST API', () => {
    const statusOf = async (login, path) => (await rest(await tokenFor(login), path)).status;

    it('says who it is by id, login and granted scopes', async () => {
      const r = await rest(await tokenFor('alice'), '/user');
      assert.equal(r.json().id, github.world.some('alice').id);
      assert.equal(r.headers['x-oauth-scopes'], 'read:org, user:email');
      assert.equal(r.json().user_view_type, 'public');
    });
    it('says the whole of it to the `user` scope', async () => {
      const { access_token } = await exchange({ code: await codeFor('alice', { scope: 'user' }) });
      assert.equal((await rest(access_token, '/user')).json().user_view_type, 'private');
    });
    it('answers below api. as below /api/v3', async () => {
      const r = await github.ask('/user', { host: github.names[1], headers: { authorization: `token ${await tokenFor('alice')}` } });
      assert.equal(r.json().login, 'alice');
    });
    it('pages addresses by Link', async () => {
      const token = await tokenFor('many');
      let next = '/user/emails', seen = [], pages = 0;
      while (next) {
        const r = await rest(token, next);
        seen = seen.concat(r.json());
        pages++;
        next = /<[^>]*\/api\/v3([^>]*)>; rel="next"/.exec(r.headers.link)?.[1];
      }
      assert.deepEqual([pages, seen.length, seen.filter((e) => e.primary && e.verified).length], [3, 75, 1]);
      assert.equal((await rest(token, '/user/emails?per_page=100')).headers.link, undefined);
    });
    it('tells active from pending from none', async () => {
      const state_of = async (login) => {
        const r = await rest(await tokenFor(login), '/user/memberships/orgs/ACME');
        return r.status === 200 ? r.json().state : r.status;
      };
      assert.deepEqual([await state_of('alice'), await state_of('paul'), await state_of('nobody'), await state_of('shy')], ['active', 'pending', 404, 403]);
    });
    it('keeps what an organisation does not show to apps', async () => {
      const token = await tokenFor('locked');
      const r = await rest(token, '/user/memberships/orgs/shut');
      assert.equal(r.status, 403);
      assert.match(r.json().message, /enabled OAuth App access restrictions/);
      assert.match((await rest(token, '/user/memberships/orgs/sso')).headers['x-github-sso'], /^required; url=/);
      assert.equal((await rest(token, '/orgs/shut/teams/core/memberships/locked')).status, 403);
    });
    it('knows teams', async () => {
      assert.equal((await rest(await tokenFor('alice'), '/orgs/acme/teams/core/memberships/alice')).json().role, 'maintainer');
      assert.equal((await rest(await tokenFor('paul'), '/orgs/acme/teams/core/memberships/paul')).json().state, 'pending');
      assert.equal(await statusOf('alice', '/orgs/acme/teams/none/memberships/alice'), 404);
      assert.equal(await statusOf('nobody', '/orgs/acme/teams/core/memberships/alice'), 404);
      assert.deepEqual([await statusOf('alice', '/orgs/acme/members/alice'), await statusOf('alice', '/orgs/acme/members/nobody'), await statusOf('nobody', '/orgs/acme/members/alice')], [204, 404, 302]);
    });
    it('answers 304 to those who have it already', async () => {
      const token = await tokenFor('alice'), first = await rest(token, '/user');
      assert.equal((await rest(token, '/user', { headers: { 'if-none-match': first.headers.etag } })).status, 304);
    });
    it('refuses those without a token, a good one, or a name', async () => {
      assert.deepEqual([(await rest(undefined, '/user')).status, (await rest('gho_x', '/user')).status], [401, 401]);
      assert.equal((await rest(await tokenFor('alice'), '/user', { headers: { 'user-agent': '' } })).status, 403);
    });
    it('lets an app look at its tokens and end them', async () => {
      const [one, two, three] = [await tokenFor('alice'), await tokenFor('alice'), await tokenFor('alice')];
      const of = (method, what, token, authorization = basic) => rest(undefined, `/applications/${app.clientId}/${what}`, { method, headers: { authorization }, body: JSON.stringify({ access_token: token }) });
      assert.equal((await of('POST', 'token', one)).json().user.login, 'alice');
      assert.equal((await of('POST', 'token', one, 'Basic eDp5')).status, 401);
      assert.deepEqual([(await of('DELETE', 'token', one)).status, (await of('POST', 'token', one)).status, (await of('POST', 'token')).status], [204, 404, 422]);
      assert.equal((await of('DELETE', 'grant', two)).status, 204);
      assert.equal((await rest(three, '/user')).status, 401);
    });
    it('follows what becomes of people', async () => {
      const { world } = github;
      world.user('eve', { orgs: { acme: 'active' }, teams: { 'acme/core': 'active' } });
      const token = await tokenFor('eve'), { id } = world.some('eve');
      world.rename('eve', 'eva');
      assert.deepEqual([(await rest(token, '/user')).json().login, (await rest(token, '/user')).json().id], ['eva', id]);
      world.leave('eva', 'acme');
      assert.equal((await rest(token, '/user/memberships/orgs/acme')).status, 404);
      assert.equal((await rest(token, '/orgs/acme/teams/core/memberships/eva')).status, 404);
      world.join('eva', 'acme');
      world.limitScopes('eva', ['user:email']);
      assert.equal((await rest(token, '/user/memberships/orgs/acme')).status, 403);
      world.revoke('eva');
      assert.equal((await rest(token, '/user')).status, 401);
    });
    it('has limits, of both kinds', async () => {
      const token = await tokenFor('alice');
      const before_ = (await rest(token, '/rate_limit')).json().rate;
      await rest(token, '/user');
      assert.equal((await rest(token, '/rate_limit')).json().rate.used, before_.used + 1);
      github.limited = { kind: 'secondary', status: 429, retryAfter: 7 };
      const second = await rest(token, '/user');
      assert.deepEqual([second.status, second.headers['retry-after']], [429, '7']);
      github.limited = { kind: 'primary' };
      const first = await rest(token, '/user');
      assert.deepEqual([first.status, first.headers['x-ratelimit-remaining']], [403, '0']);
      assert.ok(Number(first.headers['x-ratelimit-reset']) > Date.now() / 1000);
      github.limited = undefined;
      assert.equal((await rest(token, '/user')).status, 403, 'until the hour is over');
      github.world.skewMs = 3601e3;
      assert.equal((await rest(token, '/user')).status, 200);
    });
    it('lists organisations and teams', async () => {
      const token = await tokenFor('alice');
      assert.deepEqual((await rest(token, '/user/orgs')).json().map((o) => o.login), ['acme', 'other']);
      assert.deepEqual((await rest(token, '/user/teams')).json().map((t) => t.slug), ['core']);
      assert.equal(await statusOf('shy', '/user/orgs'), 403);
    });
  });

  describe('faults', () => {
    const ask = () => github.ask('/nothing');
    const once = (kind, more) => github.fault('/nothing', kind, { times: 1, ...more });

    it('come as often as they are asked for', async () => {
      github.fault('/nothing', 'status', { status: 503, times: 2 });
      assert.deepEqual([(await ask()).status, (await ask()).status, (await ask()).status], [503, 503, 404]);
    });
    for (const kind of ['reset', 'close', 'truncated', 'noHttp', 'hugeHeader']) it(`${kind}: no answer at all`, async () => {
      once(kind);
      await assert.rejects(ask());
    });
    it('broken JSON, wrong types, nothing, a page, a redirect', async () => {
      once('broken');
      await assert.rejects(async () => (await ask()).json());
      once('types');
      assert.deepEqual((await ask()).json().status, { text: '404' });
      once('empty');
      assert.equal((await ask()).text, '');
      once('html');
      assert.match((await ask()).text, /Unicorn/);
      once('redirect', { to: 'https://evil.test/' });
      assert.equal((await ask()).headers.location, 'https://evil.test/');
      once('deep');
      assert.equal((await ask()).text.length, 50000 * 8 + 1);
      once('change', { make: (a) => ({ ...a, status: 200, body: { other: true } }) });
      assert.deepEqual((await ask()).json(), { other: true });
      once('huge', { bytes: 1 << 20 });
      assert.ok((await ask()).text.length > 1 << 20);
    });
    it('slowness and silence', async () => {
      once('slow', { ms: 300 });
      const from = performance.now();
      assert.equal((await ask()).status, 404);
      assert.ok(performance.now() - from >= 290);
      once('silence');
      const both = await Promise.race([ask().catch(() => 'ended'), new Promise((r) => setTimeout(r, 300, 'silent'))]);
      assert.equal(both, 'silent');
    });
    for (const [kind, code] of [['expired', 'CERT_HAS_EXPIRED'], ['name', 'ERR_TLS_CERT_ALTNAME_INVALID'], ['stranger', 'UNABLE_TO_VERIFY_LEAF_SIGNATURE']])
      it(`a certificate: ${kind}`, async () => {
        github.certificate(kind);
        await assert.rejects(ask(), { code });
        github.certificate('good');
        assert.equal((await ask()).status, 404);
      });
  });

  // Last: over all that the tests above made it say.
  it('says nothing that the public description does not know', () => {
    const seen = new Set(), undescribed = new Set();
    for (const r of github.requests.filter((one) => one.operation && one.answer && !one.fault)) {
      const { described, errors } = description.judge(r);
      const what = `${r.method} ${r.operation} ${r.answer.status}`;
      if (r.answer.headers['content-type'] === 'text/html') continue;
      (described ? seen : undescribed).add(what);
      assert.deepEqual(errors, [], what);
    }
    for (const must of [
      'GET /user 200', 'GET /user 304', 'GET /user 401', 'GET /user 403', 'GET /user/emails 200', 'GET /user/orgs 200', 'GET /user/orgs 403', 'GET /user/teams 200',
      'GET /user/memberships/orgs/{org} 200', 'GET /user/memberships/orgs/{org} 403', 'GET /user/memberships/orgs/{org} 404',
      'GET /orgs/{org}/teams/{team_slug}/memberships/{username} 200', 'GET /orgs/{org}/teams/{team_slug}/memberships/{username} 404',
      'GET /orgs/{org}/members/{username} 204', 'GET /orgs/{org}/members/{username} 302', 'GET /orgs/{org}/members/{username} 404',
      'POST /applications/{client_id}/token 200', 'POST /applications/{client_id}/token 404', 'POST /applications/{client_id}/token 422',
      'DELETE /applications/{client_id}/token 204', 'DELETE /applications/{client_id}/grant 204', 'GET /rate_limit 200'
    ]) assert.ok(seen.has(must), `not asked in any test: ${must}`);
    // The description has no word on them, though they come; each is an error of the usual form.
    assert.deepEqual([...undescribed].sort(), [
      'GET /orgs/{org}/teams/{team_slug}/memberships/{username} 403', 'GET /user 429', 'POST /applications/{client_id}/token 401'
    ]);
  });

  it('would notice an answer that is not GitHub\'s', () => {
    const good = github.requests.find((r) => r.operation === '/user' && r.answer.status === 200);
    const judge = (change) => description.judge({ ...good, answer: { status: 200, ...change } }).errors.length > 0;
    assert.ok(judge({ body: { ...good.answer.body, id: String(good.answer.body.id) } }));
    assert.ok(judge({ body: { ...good.answer.body, avatar_url: undefined } }));
    assert.ok(judge({ body: { ...good.answer.body, url: 'no address' } }));
    assert.ok(judge({ status: 204 }) && judge({ body: [] }));
    const membership = github.requests.find((r) => r.operation === '/user/memberships/orgs/{org}' && r.answer.status === 200);
    assert.ok(description.judge({ ...membership, answer: { status: 200, body: { ...membership.answer.body, state: 'maybe' } } }).errors.length);
  });
});
