// The site of the sign-in tests: two hosts of one domain, one that lies outside, GitHub, mail and an issuer of job tokens beside them.
//   stg.plyr.test, api-stg.plyr.test: developers (organisation plyr-fm, addresses of plyr.test) and tokens · team.plyr.test: a team ·
//   login.plyr.test: the login renee · soon.plyr.test: as stg, proven anew after a minute · solo.elsewhere.test: the same gate, outside the domain
import crypto from 'node:crypto';
import { authority } from './certs.mjs';
import { startDns } from './dns.mjs';
import { Gate } from './gate.mjs';
import { startGithub } from './github.mjs';
import { startIssuer } from './oidc.mjs';
import { echoOrigin } from './origins.mjs';
import { freePort } from './ports.mjs';
import { startSmtp } from './smtp.mjs';
import { formsOf, Visitor } from './visitor.mjs';
import { endAll, sleep } from './wait.mjs';

export const HOSTS = ['stg.plyr.test', 'api-stg.plyr.test', 'team.plyr.test', 'login.plyr.test', 'soon.plyr.test', 'solo.elsewhere.test'];
export const [STG, API, TEAM, LOGIN, SOON, SOLO] = HOSTS;
export const CLIENT = { id: 'Iv1.gate', secret: 'client-secret-of-the-gate' };

const makeToken = () => `tgs_${crypto.randomBytes(32).toString('base64url')}`;
export const hashOf = (secret) => `sha256:${crypto.createHash('sha256').update(secret).digest('hex')}`;

export const people = () => ({
  alice: { orgs: { 'plyr-fm': 'active' }, teams: { 'plyr-fm/core': 'active' } },
  dan: { orgs: { 'plyr-fm': 'active' } },
  paul: { orgs: { 'plyr-fm': 'pending' } },
  shy: { orgs: { 'plyr-fm': 'active' }, grants: ['user:email'] },
  mallory: {},
  renee: {},
  // Proven addresses alone count, and only the primary one.
  liar: { emails: [{ email: 'liar@plyr.test', primary: true, verified: false }] },
  second: { emails: [{ email: 'second@example.com', primary: true, verified: true }, { email: 'second@plyr.test', primary: false, verified: true }] },
  good: { emails: [{ email: 'Good@plyr.test', primary: true, verified: true }] }
});

export function signinRules(site, more = {}) {
  const { github, post, issuer, echo } = site;
  const health = { name: 'health', path: '/health', methods: ['GET', 'HEAD'], action: 'bypass' };
  const allow = (...who) => [health, ...(more.first ?? []), { path: '/*', action: 'allow', who, ...more.rule }];
  return {
    tier: 'staging',
    client_address: { trusted_proxies: ['127.0.0.1/32'], header: 'X-Forwarded-For' },
    session: { domain: 'plyr.test', lifetime: '24h', secret: 'env:TIERGATE_SECRET', ...more.session },
    gates: {
      team: {
        github: { client_id: CLIENT.id, client_secret: 'env:GITHUB_CLIENT_SECRET', base_url: github.url },
        email_pin: { smtp: post.smtps, username: post.username, password: 'env:SMTP_PASSWORD', from: 'plyr staging <gate@plyr.test>' },
        service_tokens: { smoke: 'env:SMOKE_HASH', ssr: 'env:SSR_HASH' },
        github_actions: { repository: 'plyr-fm/site', issuer: issuer.issuer, ...more.actions },
        ...more.gate
      }
    },
    groups: { developers: ['github_org:plyr-fm', 'email_domain:plyr.test'] },
    origins: { web: { url: more.web ?? echo.url }, ...more.origins },
    hosts: [
      { host: STG, origin: 'web', gate: 'team', rules: allow('developers', 'service_token:smoke') },
      { host: API, origin: 'web', gate: 'team', rules: allow('developers', 'service_token:smoke', 'service_token:ssr') },
      { host: TEAM, origin: 'web', gate: 'team', rules: allow('github_team:plyr-fm/core') },
      { host: LOGIN, origin: 'web', gate: 'team', rules: allow('github:renee') },
      { host: SOON, origin: 'web', gate: 'team', rules: [{ path: '/*', action: 'allow', who: ['developers'], lifetime: '1m' }] },
      { host: SOLO, origin: 'web', gate: 'team', rules: allow('developers') },
      ...(more.hosts ?? [])
    ],
    limits: { drain_timeout: '8s', ...more.limits }
  };
}

export const githubLinkOf = (html) => /<a\b[^>]* href="(\/\.tiergate\/github(?:\?[^"]*)?)"/.exec(html)?.[1].replaceAll('&amp;', '&');

class Site {
  /** Each comes from an address of its own, as a proxy in front would say, so that limits for one do not meet another. */
  visitor({ address, headers, ...options } = {}) {
    this.visitors = (this.visitors ?? 0) + 1;
    const from = address ?? `198.51.${100 + (this.visitors >> 8)}.${this.visitors & 255}`;
    return new Visitor((request) => this.gate.request(request), { ...options, headers: { 'X-Forwarded-For': from, ...headers } });
  }
  url(host, path = '/') {
    return this.gate.url(host, path);
  }

  /** The sign-in page that a navigation to an address ends on. */
  async signInPage(v, address) {
    const shown = await v.follow(await v.go(address), HOSTS);
    const forms = formsOf(shown.text);
    return { shown, github: githubLinkOf(shown.text), pin: forms.find((f) => f.inputs.some((i) => i.type === 'email')) };
  }

  /** Up to GitHub's question: its address. */
  async toGithub(v, address) {
    const { shown, github } = await this.signInPage(v, address);
    if (!github) throw new Error(`no way to GitHub on ${shown.url}: ${shown.status} ${shown.text}`);
    const sent = await v.follow(await v.go(new URL(github, shown.url).href, { from: shown.url }), HOSTS);
    return v.whereTo(sent)?.href ?? sent;
  }
  /** The whole way by GitHub: what is there in the end. */
  async byGithub(v, login, address = this.url(STG)) {
    const back = await this.github.decide(await this.toGithub(v, address), login);
    return v.follow(await v.go(back, { from: this.github.url }), HOSTS);
  }

  /** Up to the page that asks for the code. */
  async toPin(v, email, address = this.url(STG)) {
    const { shown, pin } = await this.signInPage(v, address);
    if (!pin) throw new Error(`no way by mail on ${shown.url}: ${shown.status} ${shown.text}`);
    const name = pin.inputs.find((i) => i.type === 'email').name;
    const asked = await v.follow(await v.submit(shown, pin, { [name]: email }), HOSTS);
    const form = formsOf(asked.text).find((f) => f.inputs.some((i) => i.autocomplete === 'one-time-code'));
    return { asked, form, codeField: form?.inputs.find((i) => i.autocomplete === 'one-time-code').name };
  }
  pinIn(mail) {
    const found = mail.text.match(/(?<!\d)\d{4} ?\d{4}(?!\d)/g) ?? [];
    if (found.length !== 1) throw new Error(`${found.length} codes in: ${mail.text}`);
    return found[0].replace(' ', '');
  }
  async enterPin(v, { asked, form, codeField }, pin) {
    return v.follow(await v.submit(asked, form, { [codeField]: pin }), HOSTS);
  }
  async byPin(v, email, address) {
    const step = await this.toPin(v, email, address);
    return this.enterPin(v, step, this.pinIn(await this.post.next(email)));
  }

  /** Did this request get through to the origin? */
  async isIn(v, host, path = '/private') {
    const before = this.echo.requests.length;
    const r = await v.go(this.url(host, path), { mode: 'cors' });
    return r.status === 200 && this.echo.requests.length === before + 1;
  }

  stop() {
    return endAll(this.gate, this.github, this.post, this.issuer, this.echo, this.dns);
  }
}

export async function startSigninSite({ more, users = people(), gate: { env, ...options } = {} } = {}) {
  const site = new Site(), port = await freePort();
  site.tokens = { smoke: makeToken(), ssr: makeToken() };
  site.secrets = {
    TIERGATE_SECRET: crypto.randomBytes(32).toString('base64url'), GITHUB_CLIENT_SECRET: CLIENT.secret, SMOKE_HASH: hashOf(site.tokens.smoke), SSR_HASH: hashOf(site.tokens.ssr)
  };
  try {
    const callback = `https://${STG}:${port}/.tiergate/github/callback`;
    [site.echo, site.github, site.post, site.issuer] = await Promise.all([
      echoOrigin('web'), startGithub({ apps: [{ clientId: CLIENT.id, clientSecret: CLIENT.secret, callback }], users, orgs: { shut: { blocksApps: true } } }), startSmtp(), startIssuer()
    ]);
    const here = ['127.0.0.1'];
    site.dns = await startDns({ 'github.example.test': here, 'api.github.example.test': here, 'mail.example.test': here, 'token.actions.example.test': here });
    site.secrets.SMTP_PASSWORD = site.post.password;
    site.rules = signinRules(site, more);
    site.gate = await Gate.start({
      rules: site.rules, port, names: [STG, '*.plyr.test', SOLO], env: { ...site.secrets, SSL_CERT_FILE: authority().certFile, ...env },
      ...options, args: ['--resolver', site.dns.server, ...(options.args ?? [])]
    });
    if (env) await sleep(1100); // clocks go by there: who signs in within the second in which a store begins counts as from before it
    return site;
  } catch (e) {
    await site.stop().catch(() => {});
    throw e;
  }
}
