// The gates that the vectors run through, and what an origin behind them must have seen: exactly that, to the field.
import { Gate } from './gate.mjs';
import { freePort } from './ports.mjs';
import { startRecorder } from './recorder.mjs';
import { PASSWORD, secrets } from './site.mjs';
import { endAll } from './wait.mjs';
import { basic } from './wire.mjs';

export const HOST = 'a.test';
// Those of hosts.inc that are served; all other names are strangers.
export const served = [HOST, 'gated.test', 'host.test', 'a_b.test', 'localhost'];

const open = [{ path: '/*', action: 'bypass' }];
const gated = [
  { path: ['/open', '/open/*'], action: 'bypass' },
  { path: '/api/health', methods: ['GET', 'HEAD'], action: 'bypass' },
  { path: ['/docs', '/docs/*'], methods: ['GET', 'HEAD'], action: 'bypass' },
  { path: '/*', action: 'allow' }
];

function rulesOf({ isOpen, port, plainPort, origin }) {
  const host = isOpen ? { public: true, rules: open } : { gate: 'team', rules: gated };
  return {
    listen: [{ address: `127.0.0.1:${port}` }, { address: `127.0.0.1:${plainPort}`, plain: true }],
    client_address: { trusted_proxies: ['127.0.0.0/8'], header: 'X-Real-IP' },
    gates: { team: { basic: { realm: 'team', users: { beta: 'env:APP_PASSWORD' } } } },
    origins: { web: { url: origin } },
    hosts: served.map((name) => ({ host: name, origin: 'web', ...host }))
  };
}

/** A gate and a recording origin behind it. `open`: everything passes but what is refused; else all but a few paths wants an identity. */
export async function startVectorSite({ open: isOpen, recorder: options } = {}) {
  const recorder = await startRecorder(options);
  try {
    const port = await freePort(), plainPort = await freePort();
    const gate = await Gate.start({ rules: rulesOf({ isOpen, port, plainPort, origin: recorder.url }), names: served, port, env: secrets });
    return { gate, recorder, isOpen, port: plainPort, stop: () => endAll(gate, recorder) };
  } catch (e) {
    await recorder.close();
    throw e;
  }
}

/** Who asks: the lines that a request gets in its head, and whether the gated site lets it in. */
export async function identitiesOf(site) {
  if (site.isOpen) return [{ name: 'anyone', lines: '', isKnown: true }];
  const Authorization = basic('beta', PASSWORD);
  const r = await site.gate.request({ host: HOST, path: '/', headers: { Authorization } });
  const [cookie] = r.get('set-cookie').split(';');
  return [
    { name: 'anonymous', lines: '', isKnown: false },
    { name: 'basic', lines: `Authorization: ${Authorization}\r\n`, isKnown: true, user: 'beta' },
    { name: 'cookie', lines: `Cookie: ${cookie}\r\n`, isKnown: true, user: 'beta', cookie }
  ];
}

/** The fields that the origin must have got, in order; traceparent and the assertion are only looked at for their shape. */
export function fieldsAtOrigin(site, { run, fields = [], framing = [], user, authority = HOST }) {
  return [
    ['Host', `127.0.0.1:${site.recorder.port}`],
    ...(run === undefined ? [] : [['X-Run', String(run)]]),
    ...fields,
    ...framing,
    ['X-Forwarded-For', 'unknown'],
    ['X-Forwarded-Proto', 'https'],
    ['X-Forwarded-Host', authority],
    ['traceparent', '*'],
    ...(user ? [['X-Forwarded-User', user], ['Cf-Access-Jwt-Assertion', '*']] : [])
  ];
}

const SHAPES = {
  traceparent: /^00-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}$/,
  'Cf-Access-Jwt-Assertion': /^[\w-]{20,}\.[\w-]{80,}\.[\w-]{342}$/ // RS256 by a key of 2048 bits
};

/** Empty, or how a request that the origin saw differs from what it should be. */
export function difference(seen, want) {
  const is = { ...seen, fields: seen.fields.map(([n, v]) => [n, SHAPES[n]?.test(v) ? '*' : v]) };
  for (const key of ['method', 'target', 'body', 'complete', 'fields'])
    if (key in want && JSON.stringify(is[key]) !== JSON.stringify(want[key])) return `${key}: ${JSON.stringify(is[key])}, not ${JSON.stringify(want[key])}`;
  return '';
}
