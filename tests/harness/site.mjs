// The usual site of the flow tests: two gated circles, an open host, and an origin that tells what it was asked.
import { Gate } from './gate.mjs';
import { echoOrigin } from './origins.mjs';
import { endAll } from './wait.mjs';

export const PASSWORD = 'correct horse';
export const OTHER_PASSWORD = 'battery staple';
export const secrets = { APP_PASSWORD: PASSWORD, OTHER_PASSWORD };

/** Rules for the hosts below; `origin` is the url of all, `more` adds gates, origins, hosts, limits, and top keys in .top. */
export function siteRules(origin, more = {}) {
  const gated = [
    { name: 'health', path: '/api/health', methods: ['GET', 'HEAD'], action: 'bypass' },
    { name: 'docs', path: ['/docs', '/docs/*'], methods: ['GET', 'HEAD'], action: 'bypass' },
    { name: 'closed', path: '/closed/*', action: 'block' },
    { name: 'else', path: '/*', action: 'allow' }
  ];
  const open = [{ path: '/*', action: 'bypass' }];
  return {
    tier: 'test',
    gates: {
      app: {
        basic: { realm: 'app', users: { beta: 'env:APP_PASSWORD' } },
        session: { domain: 'app.example.test' }
      },
      other: {
        basic: { realm: 'other', users: { beta: 'env:OTHER_PASSWORD' } },
        session: { domain: 'other.example.test' }
      },
      solo: { basic: { realm: 'solo', users: { beta: 'env:APP_PASSWORD' } } },
      ...more.gates
    },
    origins: { web: { url: origin }, ...more.origins },
    rulesets: { gated },
    hosts: [
      { host: 'open.example.test', origin: 'web', public: true, rules: open },
      { host: 'app.example.test', tier: 'staging', origin: 'web', gate: 'app', rules: 'gated' },
      { host: 'sync.app.example.test', tier: 'staging', origin: 'web', gate: 'app', rules: 'gated' },
      { host: 'pr-{n:int}.app.example.test', tier: 'preview', origin: 'web', gate: 'app', rules: 'gated' },
      { host: 'other.example.test', tier: 'dev', origin: 'web', gate: 'other', rules: 'gated' },
      { host: 'solo.example.test', tier: 'solo', origin: 'web', gate: 'solo', rules: 'gated' },
      ...(more.hosts ?? [])
    ],
    limits: { drain_timeout: '8s', ...more.limits },
    ...(more.top ?? {})
  };
}

/** A gate in front of an echo origin, both ended by stop(). */
export async function startSite({ origin, more, gate: options = {} } = {}) {
  const echo = origin ? undefined : await echoOrigin('web');
  try {
    const gate = await Gate.start({ rules: siteRules(origin ?? echo.url, more), env: secrets, ...options });
    return {
      gate,
      echo,
      stop: () => endAll(gate, echo)
    };
  } catch (e) {
    await echo?.close();
    throw e;
  }
}
