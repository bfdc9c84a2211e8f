// What GitHub's REST API says of people, organisations and teams, field by field as its public description has them.

const since = '2019-05-01T12:00:00Z';

export const nodeId = (kind, id) => Buffer.from(`0:${kind}${id}`).toString('base64');

/** The part that all mentions of a person share. */
export function simpleUser({ api, web }, user) {
  const at = `${api}/users/${user.login}`;
  return {
    login: user.login, id: user.id, node_id: nodeId('User', user.id), avatar_url: `${web}/avatars/u/${user.id}?v=4`, gravatar_id: '', url: at,
    html_url: `${web}/${user.login}`, followers_url: `${at}/followers`, following_url: `${at}/following{/other_user}`,
    gists_url: `${at}/gists{/gist_id}`, starred_url: `${at}/starred{/owner}{/repo}`, subscriptions_url: `${at}/subscriptions`,
    organizations_url: `${at}/orgs`, repos_url: `${at}/repos`, events_url: `${at}/events{/privacy}`,
    received_events_url: `${at}/received_events`, type: 'User', user_view_type: 'public', site_admin: false
  };
}

/** GET /user: the public profile; with a `user` scope the private part too. */
export function wholeUser(urls, user, isPrivate) {
  const shared = {
    ...simpleUser(urls, user), name: user.name ?? null, company: null, blog: '', location: null, email: user.publicEmail ?? null,
    hireable: null, bio: null, twitter_username: null, notification_email: user.publicEmail ?? null, public_repos: 2, public_gists: 0,
    followers: 1, following: 0, created_at: since, updated_at: since
  };
  if (!isPrivate) return shared;
  return {
    ...shared, user_view_type: 'private', private_gists: 0, total_private_repos: 1, owned_private_repos: 1, disk_usage: 17, collaborators: 0,
    two_factor_authentication: true, plan: { name: 'free', space: 976562499, collaborators: 0, private_repos: 10000 }
  };
}

export function organization({ api, web }, org) {
  const at = `${api}/orgs/${org.login}`;
  return {
    login: org.login, id: org.id, node_id: nodeId('Organization', org.id), url: at, repos_url: `${at}/repos`, events_url: `${at}/events`,
    hooks_url: `${at}/hooks`, issues_url: `${at}/issues`, members_url: `${at}/members{/member}`,
    public_members_url: `${at}/public_members{/member}`, avatar_url: `${web}/avatars/u/${org.id}?v=4`, description: null
  };
}

export function orgMembership(urls, org, user, { state, role = 'member' }) {
  const at = `${urls.api}/orgs/${org.login}`;
  return {
    url: `${at}/memberships/${user.login}`, state, role, direct_membership: true, organization_url: at,
    organization: organization(urls, org), user: simpleUser(urls, user)
  };
}

export function teamMembership({ api }, org, team, user, { state, role = 'member' }) {
  return { url: `${api}/organizations/${org.id}/team/${team.id}/memberships/${user.login}`, role, state };
}

export function wholeTeam(urls, org, team) {
  const at = `${urls.api}/organizations/${org.id}/team/${team.id}`;
  return {
    id: team.id, node_id: nodeId('Team', team.id), url: at, html_url: `${urls.web}/orgs/${org.login}/teams/${team.slug}`, name: team.slug,
    slug: team.slug, description: '', privacy: 'closed', notification_setting: 'notifications_enabled', permission: 'pull',
    members_url: `${at}/members{/member}`, repositories_url: `${at}/repos`, parent: null, members_count: 1, repos_count: 0, type: 'organization',
    organization_id: org.id, created_at: since, updated_at: since,
    organization: {
      ...organization(urls, org), name: org.login, is_verified: false, has_organization_projects: true, has_repository_projects: true,
      public_repos: 0, public_gists: 0, followers: 0, following: 0, html_url: `${urls.web}/${org.login}`, type: 'Organization',
      created_at: since, updated_at: since, archived_at: null
    }
  };
}

/** POST /applications/{client_id}/token: what an app may ask of its own tokens. */
export function authorization(urls, app, user, token) {
  return {
    id: token.id, url: `${urls.api}/authorizations/${token.id}`, app: { client_id: app.clientId, name: app.name, url: app.url }, token: token.value,
    hashed_token: token.hash, token_last_eight: token.value.slice(-8), note: null, note_url: null, created_at: since, updated_at: since,
    scopes: [...token.scopes], fingerprint: null, expires_at: null, user: simpleUser(urls, user)
  };
}

const DOCS = 'https://docs.github.com/rest';

export const error = (status, message, at = DOCS) => ({ status, body: { message, documentation_url: at, status: String(status) } });
