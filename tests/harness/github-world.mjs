// Who there is at the fake GitHub, what they belong to, what they let apps see, and which tokens and codes are out.
import crypto from 'node:crypto';

const CODE_LIVES_MS = 10 * 60 * 1000;
const TOKENS_EACH = 10;

// What a scope carries with it; answers name the shortest list.
const WITHIN = { user: ['read:user', 'user:email', 'user:follow'], 'admin:org': ['write:org', 'read:org'], 'write:org': ['read:org'] };
const KNOWN = new Set([...Object.keys(WITHIN), ...Object.values(WITHIN).flat(), 'repo', 'gist']);

export function normalScopes(asked) {
  const known = [...new Set(asked)].filter((s) => KNOWN.has(s));
  return known.filter((s) => !known.some((wide) => WITHIN[wide]?.includes(s))).sort();
}

export const grants = (scopes, wanted) => scopes.some((s) => s === wanted || WITHIN[s]?.includes(wanted));

export const randomText = (n) => {
  const letters = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789';
  return Array.from({ length: n }, () => letters[crypto.randomInt(letters.length)]).join('');
};
const sha256 = (text, as) => crypto.createHash('sha256').update(text).digest(as);
const lower = (s) => s.toLowerCase();

export class World {
  constructor({ apps = [], users = {}, orgs = {} }) {
    this.nextId = 1000;
    this.skewMs = 0;
    this.apps = new Map();
    this.users = new Map();
    this.orgs = new Map();
    this.codes = new Map();
    this.tokens = new Map();
    for (const a of apps) this.app(a);
    for (const [login, o] of Object.entries(orgs)) this.org(login, o);
    for (const [login, u] of Object.entries(users)) this.user(login, u);
  }

  /** The clock of this place: a test may move it on. */
  now() {
    return Date.now() + this.skewMs;
  }

  app({ clientId, clientSecret, callback, name = 'gate' }) {
    this.apps.set(clientId, { clientId, clientSecret, callback, name, url: new URL(callback).origin, suspended: false });
  }

  org(login, { blocksApps = false, saml = false, teams = [] } = {}) {
    const org = { login, id: this.nextId++, blocksApps, saml, teams: new Map() };
    for (const slug of teams) org.teams.set(slug, { slug, id: this.nextId++ });
    this.orgs.set(lower(login), org);
    return org;
  }

  /**
   * emails: [{email, primary, verified}]; orgs: {login: 'active' | 'pending' | {state, role}}; teams: {'org/slug': 'active' | 'pending'};
   * grants: the scopes that this person leaves of those asked for, absent: all.
   */
  user(login, { id = this.nextId++, emails, orgs = {}, teams = {}, publicEmail, name, grants: left } = {}) {
    const user = {
      login, id, name, publicEmail, grants: left, orgs: new Map(), teams: new Map(),
      emails: (emails ?? [{ email: `${lower(login)}@example.com`, primary: true, verified: true }]).map((e) => ({ visibility: null, ...e }))
    };
    this.users.set(id, user);
    for (const [org, m] of Object.entries(orgs)) this.join(user, org, m);
    for (const [team, m] of Object.entries(teams)) this.joinTeam(user, team, m);
    return user;
  }

  byLogin(login) {
    return [...this.users.values()].find((u) => lower(u.login) === lower(login));
  }
  some(who) {
    const user = typeof who === 'object' ? who : this.byLogin(who);
    if (!user) throw new Error(`nobody is called ${who}`);
    return user;
  }
  findOrg(login) {
    return this.orgs.get(lower(login));
  }

  join(who, org, membership = 'active') {
    const o = this.findOrg(org) ?? this.org(org);
    this.some(who).orgs.set(o.id, typeof membership === 'string' ? { state: membership } : membership);
  }
  joinTeam(who, name, membership = 'active') {
    const [org, slug] = name.split('/');
    const o = this.findOrg(org) ?? this.org(org);
    if (!o.teams.has(slug)) o.teams.set(slug, { slug, id: this.nextId++ });
    this.some(who).teams.set(o.teams.get(slug).id, typeof membership === 'string' ? { state: membership } : membership);
  }
  /** Out of the organisation means out of its teams. */
  leave(who, org) {
    const user = this.some(who), o = this.findOrg(org);
    user.orgs.delete(o.id);
    for (const t of o.teams.values()) user.teams.delete(t.id);
  }
  leaveTeam(who, name) {
    const [org, slug] = name.split('/');
    this.some(who).teams.delete(this.findOrg(org).teams.get(slug).id);
  }
  /** The id stays; the old login is free for anybody. */
  rename(who, login) {
    this.some(who).login = login;
  }
  remove(who) {
    const user = this.some(who);
    this.revoke(user);
    this.users.delete(user.id);
  }

  // --- codes and tokens ---------------------------------------------------------------------------------------------

  makeCode(user, app, { redirectUri, scopes, challenge }) {
    const code = randomText(20).toLowerCase();
    const left = user.grants ? scopes.filter((s) => user.grants.includes(s)) : scopes;
    this.codes.set(code, { user: user.id, app, redirectUri, scopes: normalScopes(left), challenge, ends: this.now() + CODE_LIVES_MS });
    return code;
  }

  /** What a code stands for, for the first who asks rightly; a word of what is wrong otherwise. */
  takeCode(code, app, { redirectUri, verifier }) {
    const known = this.codes.get(code);
    if (!known || known.app !== app || known.used) return 'used or unknown';
    if (this.now() > known.ends) return 'too old';
    if (redirectUri !== known.redirectUri) return 'redirect';
    if (!/^[\w.~-]{43,128}$/.test(verifier ?? '') || sha256(verifier, 'base64url') !== known.challenge) return 'verifier';
    known.used = true;
    return known;
  }

  /** Ten for each person, app and list of scopes: the oldest goes when there are more. */
  makeToken(userId, app, scopes) {
    const value = `gho_${randomText(36)}`;
    const token = { value, id: this.nextId++, hash: sha256(value, 'hex'), user: userId, app, scopes, revoked: false };
    this.tokens.set(value, token);
    const same = this.tokensOf(userId).filter((t) => t.app === app && t.scopes.join() === scopes.join());
    for (const old of same.slice(0, -TOKENS_EACH)) old.revoked = true;
    return token;
  }
  tokensOf(userId) {
    return [...this.tokens.values()].filter((t) => t.user === userId && !t.revoked);
  }
  findToken(value) {
    const token = this.tokens.get(value);
    return token && !token.revoked && this.users.has(token.user) ? token : undefined;
  }
  /** All tokens of a person, as when they take the app's access back. */
  revoke(who) {
    for (const t of this.tokensOf(this.some(who).id)) t.revoked = true;
  }
  /** Scopes of tokens that are out already; people can edit them later. */
  limitScopes(who, left) {
    const user = this.some(who);
    user.grants = left;
    for (const t of this.tokensOf(user.id)) t.scopes = t.scopes.filter((s) => left.includes(s));
  }
}
