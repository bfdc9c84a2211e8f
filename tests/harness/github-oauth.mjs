// GitHub's side of the authorization-code flow, as strict as it ever is and a little stricter: a verifier is demanded, and so is a state.
import { error } from './github-shapes.mjs';
import { normalScopes, randomText } from './github-world.mjs';

const TROUBLE = 'https://docs.github.com/apps/managing-oauth-apps/troubleshooting-';
const page = (title, body, status = 200) => ({
  status,
  headers: { 'content-type': 'text/html; charset=utf-8', 'x-frame-options': 'deny', 'content-security-policy': "default-src 'none'; base-uri 'self'" },
  body: `<!doctype html><html lang="en"><title>${title}</title><h1>${title}</h1>${body}`
});
const escape = (text) => String(text).replace(/[&<>"']/g, (c) => `&#${c.charCodeAt(0)};`);

function withQuery(address, fields) {
  const url = new URL(address);
  for (const [name, value] of Object.entries(fields)) if (value !== undefined && value !== null) url.searchParams.set(name, value);
  return url.href;
}

/** Port and host must be the registered ones, the host's own sub-domains aside; the path the registered one or below. */
export function isCallback(asked, registered) {
  let a;
  const r = new URL(registered);
  try {
    a = new URL(asked);
  } catch {
    return false;
  }
  const below = a.pathname === r.pathname || a.pathname.startsWith(r.pathname.endsWith('/') ? r.pathname : `${r.pathname}/`);
  const host = a.hostname === r.hostname || a.hostname.endsWith(`.${r.hostname}`);
  return a.protocol === r.protocol && a.port === r.port && host && below && !a.username && !a.hash;
}

/** Of names that may stand once, the values; undefined when one stands twice. */
function once(params, names) {
  const out = {};
  for (const n of names) {
    const all = params.getAll(n);
    if (all.length > 1) return undefined;
    out[n] = all[0];
  }
  return out;
}

const ASKED = ['client_id', 'redirect_uri', 'scope', 'state', 'code_challenge', 'code_challenge_method', 'allow_signup', 'login', 'prompt'];

/** What is asked of /login/oauth/authorize: {wrong: answer}, or the app and all that the page needs. */
function readAuthorize(github, query) {
  const asked = once(query, ASKED);
  const app = asked && github.world.apps.get(asked.client_id);
  if (!app) return { wrong: page('Not found', '', 404) };
  const back = asked.redirect_uri ?? app.callback;
  const tell = (code, text, path) => ({
    wrong: { status: 302, headers: { location: withQuery(app.callback, { error: code, error_description: text, error_uri: `${TROUBLE}${path}`, state: asked.state }) } }
  });
  if (app.suspended) return tell('application_suspended', 'Your application has been suspended. Contact support@github.com.', 'authorization-request-errors/#application-suspended');
  if (!isCallback(back, app.callback))
    return tell('redirect_uri_mismatch', 'The redirect_uri MUST match the registered callback URL for this application.', 'authorization-request-errors/#redirect-uri-mismatch');
  if (!/^.{16,}$/.test(asked.state ?? '')) return { wrong: page('A state of some length is wanted', '', 400) };
  if (asked.code_challenge_method !== 'S256' || !/^[\w-]{43}$/.test(asked.code_challenge ?? ''))
    return { wrong: page('A code_challenge by S256 is wanted', '', 400) };
  return { app, back, asked, scopes: (asked.scope ?? '').split(/[ ,]+/).filter(Boolean) };
}

function goBack(github, { app, back, asked, scopes }, login) {
  if (login === undefined) {
    const why = { error: 'access_denied', error_description: 'The user has denied your application access.' };
    return { status: 302, headers: { location: withQuery(back, { ...why, error_uri: `${TROUBLE}authorization-request-errors/#access-denied`, state: asked.state }) } };
  }
  const code = github.world.makeCode(github.world.some(login), app.clientId, { redirectUri: back, scopes, challenge: asked.code_challenge });
  return { status: 302, headers: { location: withQuery(back, { code, state: asked.state }) } };
}

function askPerson(github, { app, asked, scopes }) {
  const ticket = randomText(32);
  github.tickets.set(ticket, asked);
  const people = [...github.world.users.values()].map((u) =>
    `<button name="as" value="${escape(u.login)}">Authorize as ${escape(u.login)}</button>`).join('\n');
  return page(`Authorize ${escape(app.name)}`, `<p>It wants: ${escape(scopes.join(', ') || 'public data')}</p>
<form method="post" action="/login/oauth/authorize"><input type="hidden" name="authenticity_token" value="${ticket}">
${people}<button name="deny" value="1">Cancel</button></form>`);
}

/** GET: the page, or with `github.person` set, straight back as that person. POST: what its buttons send. */
export function authorize(github, request) {
  if (request.method === 'POST') {
    const form = new URLSearchParams(request.body);
    const asked = github.tickets.get(form.get('authenticity_token'));
    if (!asked || !github.tickets.delete(form.get('authenticity_token'))) return page('This form is no more', '', 422);
    const fields = Object.entries(asked).filter(([, v]) => v !== undefined);
    const whole = readAuthorize(github, new URLSearchParams(fields));
    return whole.wrong ?? goBack(github, whole, form.get('deny') ? undefined : form.get('as'));
  }
  if (request.method !== 'GET') return page('Not found', '', 404);
  const whole = readAuthorize(github, request.query);
  if (whole.wrong) return whole.wrong;
  if (github.person !== undefined) return goBack(github, whole, github.person === 'deny' ? undefined : github.person);
  return askPerson(github, whole);
}

// --- the token ----------------------------------------------------------------------------------------------------------

const ERRORS = {
  incorrect_client_credentials: 'The client_id and/or client_secret passed are incorrect.',
  redirect_uri_mismatch: 'The redirect_uri MUST match the registered callback URL for this application.',
  bad_verification_code: 'The code passed is incorrect or expired.',
  unverified_user_email: 'The user must have a verified primary email.'
};

const failed = (code) => ({
  error: code, error_description: ERRORS[code], error_uri: `${TROUBLE}oauth-app-access-token-request-errors/#${code.replaceAll('_', '-')}`
});

function readFields({ headers, body }) {
  if (!/^application\/json\b/.test(headers['content-type'] ?? '')) return new URLSearchParams(body);
  try {
    return new URLSearchParams(JSON.parse(body));
  } catch {
    return new URLSearchParams();
  }
}

function exchange(github, fields) {
  const { world } = github;
  const asked = once(fields, ['client_id', 'client_secret', 'code', 'redirect_uri', 'code_verifier']);
  const app = asked && world.apps.get(asked.client_id);
  if (!app || asked.client_secret !== app.clientSecret) return failed('incorrect_client_credentials');
  const grant = world.takeCode(asked.code, app.clientId, { redirectUri: asked.redirect_uri ?? app.callback, verifier: asked.code_verifier });
  if (grant === 'redirect') return failed('redirect_uri_mismatch');
  if (typeof grant === 'string') return failed('bad_verification_code');
  const user = world.users.get(grant.user);
  if (!user) return failed('bad_verification_code');
  if (!user.emails.some((e) => e.primary && e.verified) && github.demandsVerifiedEmail) return failed('unverified_user_email');
  const token = world.makeToken(user.id, app.clientId, normalScopes(grant.scopes));
  return { access_token: token.value, token_type: 'bearer', scope: token.scopes.join(',') };
}

/** All errors are said with status 200, as GitHub does; and without `Accept` it answers as a form. */
export function accessToken(github, request) {
  if (request.method !== 'POST') return error(404, 'Not Found');
  if ([...request.query.keys()].some((n) => n === 'client_secret' || n === 'code')) github.complain('a secret in the address', request);
  const said = exchange(github, readFields(request));
  const headers = { 'cache-control': 'max-age=0, private, must-revalidate' };
  if (/application\/json/.test(request.headers.accept ?? '')) return { headers, body: said };
  return { headers: { ...headers, 'content-type': 'application/x-www-form-urlencoded; charset=utf-8' }, body: new URLSearchParams(said).toString() };
}
