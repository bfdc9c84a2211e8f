// GitHub's REST API, as far as signing somebody in goes: who it is, their addresses, organisations and teams, and what an app may do with tokens.
import crypto from 'node:crypto';
import { authorization, error, organization, orgMembership, teamMembership, wholeTeam, wholeUser } from './github-shapes.mjs';
import { grants } from './github-world.mjs';

const notFound = () => error(404, 'Not Found');

const BLOCKED = (org) => `Although you appear to have the correct authorization credentials, the \`${org.login}\` organization has enabled OAuth App access restrictions, meaning that data access to third-parties is limited. For more information on these restrictions, including how to enable this app, visit https://docs.github.com/articles/restricting-access-to-your-organization-s-data/`;
const SAML = 'Resource protected by organization SAML enforcement. You must grant your OAuth token access to this organization.';

/** What an organisation keeps from apps, whoever asks; undefined: nothing. */
function shut(urls, org) {
  if (org.blocksApps) return error(403, BLOCKED(org));
  if (!org.saml) return undefined;
  return { ...error(403, SAML), headers: { 'x-github-sso': `required; url=${urls.web}/orgs/${org.login}/sso?authorization_request=A` } };
}

/** A part of a list, with `Link` to the others. */
function paged(urls, { path, query }, all) {
  const whole = (name, least, most, otherwise) => Math.min(most, Math.max(least, Number.parseInt(query.get(name) ?? otherwise, 10) || otherwise));
  const size = whole('per_page', 1, 100, 30), page = whole('page', 1, 1e6, 1);
  const last = Math.max(1, Math.ceil(all.length / size));
  const to = (n, rel) => `<${urls.api}${path}?per_page=${size}&page=${n}>; rel="${rel}"`;
  const links = [
    ...(page > 1 ? [to(page - 1, 'prev')] : []), ...(page < last ? [to(page + 1, 'next'), to(last, 'last')] : []), ...(page > 1 ? [to(1, 'first')] : [])
  ];
  return { headers: links.length ? { link: links.join(', ') } : {}, body: all.slice((page - 1) * size, page * size) };
}

function ownMembership(github, { user, token, parts: [name] }) {
  if (!grants(token.scopes, 'read:org')) return { ...error(403, 'You need at least read:org scope to see this membership.'), wants: 'admin:org, read:org, repo, user, write:org' };
  const org = github.world.findOrg(name);
  const membership = org && user.orgs.get(org.id);
  if (!membership) return notFound();
  return shut(github.urls, org) ?? { body: orgMembership(github.urls, org, user, membership) };
}

function inTeam(github, { user: asker, token, parts: [name, slug, login] }) {
  const org = github.world.findOrg(name), team = org?.teams.get(slug.toLowerCase()), user = github.world.byLogin(login);
  if (!grants(token.scopes, 'read:org') || !team || !user || !asker.orgs.has(org.id)) return notFound();
  const membership = user.teams.get(team.id);
  return shut(github.urls, org) ?? (membership ? { body: teamMembership(github.urls, org, team, user, membership) } : notFound());
}

function isMember(github, { user: asker, parts: [name, login] }) {
  const org = github.world.findOrg(name), user = github.world.byLogin(login);
  if (!org || !user) return notFound();
  if (asker.orgs.get(org.id)?.state !== 'active') return { status: 302, headers: { location: `${github.urls.api}/orgs/${org.login}/public_members/${user.login}` } };
  return shut(github.urls, org) ?? (user.orgs.get(org.id)?.state === 'active' ? { status: 204 } : notFound());
}

function ownOrgs(github, request) {
  const { token, user } = request;
  if (!grants(token.scopes, 'read:org') && !grants(token.scopes, 'read:user')) return error(403, 'You need at least read:org scope or user scope to list your organizations.');
  const orgs = [...github.world.orgs.values()].filter((o) => user.orgs.get(o.id)?.state === 'active' && !o.blocksApps && !o.saml);
  return paged(github.urls, request, orgs.map((o) => organization(github.urls, o)));
}

function ownTeams(github, request) {
  const { token, user } = request;
  if (!grants(token.scopes, 'read:org')) return notFound();
  const teams = [...github.world.orgs.values()].filter((o) => !o.blocksApps && !o.saml)
    .flatMap((o) => [...o.teams.values()].filter((t) => user.teams.get(t.id)?.state === 'active').map((t) => wholeTeam(github.urls, o, t)));
  return paged(github.urls, request, teams);
}

function ownEmails(github, request) {
  if (!grants(request.token.scopes, 'user:email')) return { ...notFound(), wants: 'user, user:email' };
  return paged(github.urls, request, request.user.emails);
}

/** An app about its own tokens, by client id and secret. */
function appToken(github, request) {
  const { world } = github;
  const app = world.apps.get(request.parts[0]);
  const expected = app && `Basic ${Buffer.from(`${app.clientId}:${app.clientSecret}`).toString('base64')}`;
  if (!app || request.headers.authorization !== expected) return app ? error(401, 'Bad credentials') : notFound();
  let value;
  try {
    value = JSON.parse(request.body).access_token;
  } catch {
    return error(400, 'Problems parsing JSON');
  }
  if (typeof value !== 'string') return { status: 422, body: { ...error(422, 'Validation Failed').body, errors: [{ resource: 'OauthAccess', code: 'missing_field', field: 'access_token' }] } };
  const token = world.findToken(value);
  if (!token || token.app !== app.clientId) return request.method === 'DELETE' ? { status: 204 } : notFound();
  if (request.method === 'POST') return { body: authorization(github.urls, app, world.users.get(token.user), token) };
  if (request.path.endsWith('/grant')) for (const t of world.tokensOf(token.user)) t.revoked ||= t.app === app.clientId;
  token.revoked = true;
  return { status: 204 };
}

function limits(github, { token }) {
  const { limit, remaining, used, reset } = github.rate(token.user);
  const one = { limit, remaining, used, reset };
  return { body: { resources: { core: one, search: { limit: 30, remaining: 30, used: 0, reset } }, rate: one } };
}

// The second name is the operation's path in GitHub's own description.
const ROUTES = [
  ['GET', /^\/user$/, '/user', (g, r) => ({ body: wholeUser(g.urls, r.user, grants(r.token.scopes, 'read:user')) })],
  ['GET', /^\/user\/emails$/, '/user/emails', ownEmails],
  ['GET', /^\/user\/orgs$/, '/user/orgs', ownOrgs],
  ['GET', /^\/user\/teams$/, '/user/teams', ownTeams],
  ['GET', /^\/user\/memberships\/orgs\/([^/]+)$/, '/user/memberships/orgs/{org}', ownMembership],
  ['GET', /^\/orgs\/([^/]+)\/members\/([^/]+)$/, '/orgs/{org}/members/{username}', isMember],
  ['GET', /^\/orgs\/([^/]+)\/teams\/([^/]+)\/memberships\/([^/]+)$/, '/orgs/{org}/teams/{team_slug}/memberships/{username}', inTeam],
  ['GET', /^\/rate_limit$/, '/rate_limit', limits]
];
const APP_ROUTES = [
  ['POST', /^\/applications\/([^/]+)\/token$/, '/applications/{client_id}/token', appToken],
  ['DELETE', /^\/applications\/([^/]+)\/token$/, '/applications/{client_id}/token', appToken],
  ['DELETE', /^\/applications\/([^/]+)\/grant$/, '/applications/{client_id}/grant', appToken]
];

function find(routes, request, path) {
  for (const [method, pattern, name, run] of routes) {
    const m = pattern.exec(path);
    if (m && method === request.method) return { name, run, parts: m.slice(1).map(decodeURIComponent) };
  }
  return undefined;
}

const SECONDARY = 'You have exceeded a secondary rate limit. Please wait a few minutes before you try again.';

/** Too many requests; undefined: not yet. */
function overLimit(github, token) {
  const rate = github.rate(token.user);
  const { kind, status = 403, retryAfter } = github.limited ?? {};
  if (kind === 'secondary') return { ...error(status, SECONDARY), headers: { 'retry-after': String(retryAfter ?? 60) } };
  if (kind !== 'primary' && rate.remaining > 0) return undefined;
  rate.remaining = 0;
  return error(status, `API rate limit exceeded for user ID ${token.user}.`);
}

function headersFor(github, token, rate, answer) {
  const fields = { 'x-github-media-type': 'github.v3; format=json', 'x-github-request-id': crypto.randomUUID(), 'x-oauth-scopes': token.scopes.join(', '), 'x-oauth-client-id': token.app };
  if (answer.wants) fields['x-accepted-oauth-scopes'] = answer.wants;
  for (const name of ['limit', 'remaining', 'used', 'reset']) fields[`x-ratelimit-${name}`] = String(rate[name]);
  return { ...fields, 'x-ratelimit-resource': 'core', 'cache-control': 'private, max-age=60, s-maxage=60', ...answer.headers };
}

function tagged(request, answer) {
  if ((answer.status ?? 200) !== 200 || !answer.body) return answer;
  const etag = `W/"${crypto.createHash('sha256').update(JSON.stringify(answer.body)).digest('hex')}"`;
  if (request.headers['if-none-match'] === etag) return { status: 304, headers: { ...answer.headers, etag } };
  return { ...answer, headers: { ...answer.headers, etag } };
}

/** path: within the API, so without what an Enterprise server puts in front. */
export function api(github, request, path) {
  if (!request.headers['user-agent'])
    return { status: 403, headers: { 'content-type': 'text/html' }, body: 'Request forbidden by administrative rules. Please make sure your request has a User-Agent header.' };
  if (/(^|[?&])access_token=/.test(request.target)) github.complain('a token in the address', request);
  const ofApp = find(APP_ROUTES, request, path);
  if (ofApp) {
    request.operation = ofApp.name;
    return ofApp.run(github, Object.assign(request, { parts: ofApp.parts }));
  }
  const route = find(ROUTES, request, path);
  request.operation = route?.name;
  const value = /^(?:Bearer|token) (\S+)$/i.exec(request.headers.authorization ?? '')?.[1];
  const token = value && github.world.findToken(value);
  if (!token) return error(401, value ? 'Bad credentials' : 'Requires authentication');
  const rate = github.rate(token.user);
  const refused = path === '/rate_limit' ? undefined : overLimit(github, token);
  if (!refused && path !== '/rate_limit') rate.used += 1, (rate.remaining -= 1);
  const user = github.world.users.get(token.user);
  const answer = refused ?? (route ? route.run(github, Object.assign(request, { user, token, parts: route.parts })) : notFound());
  return tagged(request, { ...answer, headers: headersFor(github, token, rate, answer) });
}
