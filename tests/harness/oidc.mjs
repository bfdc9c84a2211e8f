// An issuer of OpenID Connect tokens as GitHub Actions is one: /.well-known/openid-configuration, /.well-known/jwks, RS256. And every way in
// which a token can be wrong.
//
//   const issuer = await startIssuer();            issuer.issuer is what `iss` says
//   issuer.token({ repository: 'acme/site', ref: 'refs/heads/main' }, 'https://stg.example.test')
//   issuer.token(claims, audience, 'expired')      see WRONG
//   issuer.rotate()                                 a new key signs, the one before stays in the set; drop() takes all but the newest out
//   issuer.fault('/.well-known/jwks', 'silence')    see service.mjs
import crypto from 'node:crypto';
import { Service } from './service.mjs';

const b64 = (value) => Buffer.from(typeof value === 'string' ? value : JSON.stringify(value)).toString('base64url');
const nowS = () => Math.floor(Date.now() / 1000);

function makeKey(bits = 2048) {
  const { publicKey, privateKey } = crypto.generateKeyPairSync('rsa', { modulusLength: bits });
  const jwk = publicKey.export({ format: 'jwk' });
  const kid = crypto.createHash('sha256').update(`{"e":"${jwk.e}","kty":"RSA","n":"${jwk.n}"}`).digest('base64url');
  return { publicKey, privateKey, kid, jwk: { kty: 'RSA', alg: 'RS256', use: 'sig', kid, n: jwk.n, e: jwk.e } };
}

const sign = (key, text) => crypto.sign('sha256', Buffer.from(text), key).toString('base64url');

/** The claims of a job, by what a workflow run is; all values but the times are text. */
export function jobClaims(issuer, {
  repository = 'acme/site', repository_id = '123456', ref = 'refs/heads/main', head_ref = '', base_ref = '', event_name = 'push', environment, visibility = 'private',
  workflow = 'CI', actor = 'alice', ...more
}, audience) {
  const owner = repository.split('/')[0];
  const context = environment !== undefined ? `environment:${environment}` : event_name.startsWith('pull_request') ? 'pull_request' : `ref:${ref}`;
  const now = nowS();
  return {
    jti: crypto.randomUUID(), sub: `repo:${repository}:${context}`, aud: audience ?? `https://github.com/${owner}`, ref, sha: crypto.randomBytes(20).toString('hex'), repository,
    repository_owner: owner, repository_owner_id: '9876', run_id: '1234567890', run_number: '7', run_attempt: '1', repository_visibility: visibility, repository_id, actor_id: '42',
    actor, workflow, head_ref, base_ref, event_name, ref_protected: 'false', ref_type: ref.startsWith('refs/tags/') ? 'tag' : 'branch',
    workflow_ref: `${repository}/.github/workflows/ci.yml@${ref}`, workflow_sha: crypto.randomBytes(20).toString('hex'),
    job_workflow_ref: `${repository}/.github/workflows/ci.yml@${ref}`, job_workflow_sha: crypto.randomBytes(20).toString('hex'), runner_environment: 'github-hosted',
    ...(environment !== undefined ? { environment, environment_node_id: 'EN_kwDOA' } : {}), iss: issuer, nbf: now - 600, exp: now + 300, iat: now, ...more
  };
}

/** A job of a pull request: number 7 is refs/pull/7/merge. */
export const pullRequest = (number, more = {}) => ({ event_name: 'pull_request', ref: `refs/pull/${number}/merge`, head_ref: 'feature', base_ref: 'main', ...more });

const withHeader = (change) => (t, key) => t.signed({ ...t.header, ...change(t) }, t.claims, key);
const withClaims = (change) => (t, key) => t.signed(t.header, { ...t.claims, ...change(t.claims) }, key);
const without = (name) => (t, key) => t.signed(t.header, Object.fromEntries(Object.entries(t.claims).filter(([n]) => n !== name)), key);
const unsigned = (alg) => (t) => `${b64({ ...t.header, alg })}.${b64(t.claims)}.`;
const hmac = (secretOf) => (t, key) => {
  const text = `${b64({ ...t.header, alg: 'HS256' })}.${b64(t.claims)}`;
  return `${text}.${crypto.createHmac('sha256', secretOf(key)).update(text).digest('base64url')}`;
};
const stranger = makeKey(), short = makeKey(1024);
const flip = (text) => (text.startsWith('A') ? 'B' : 'A') + text.slice(1);
const pieces = (make) => (t, key) => make(t.signed(t.header, t.claims, key).split('.'));

/** name → (token under way, the issuer's key) → text. Not one of them may be taken. */
export const WRONG = {
  // the algorithm
  'alg none': unsigned('none'), 'alg None': unsigned('None'), 'alg NONE': unsigned('NONE'), 'alg nOnE with the signature kept': (t, key) => `${b64({ ...t.header, alg: 'nOnE' })}.${b64(t.claims)}.${sign(key.privateKey, 'x')}`,
  'no alg': withHeader(() => ({ alg: undefined })), 'alg that is a list': withHeader(() => ({ alg: ['RS256'] })),
  'HS256 by the public key as PEM': hmac((key) => key.publicKey.export({ format: 'pem', type: 'spki' })),
  'HS256 by the public key as DER': hmac((key) => key.publicKey.export({ format: 'der', type: 'spki' })),
  'HS256 by the modulus': hmac((key) => key.jwk.n), 'HS256 by nothing': hmac(() => ''),
  'RS512 said, RS256 done': withHeader(() => ({ alg: 'RS512' })),
  'PS256': (t, key) => {
    const text = `${b64({ ...t.header, alg: 'PS256' })}.${b64(t.claims)}`;
    return `${text}.${crypto.sign('sha256', Buffer.from(text), { key: key.privateKey, padding: crypto.constants.RSA_PKCS1_PSS_PADDING }).toString('base64url')}`;
  },
  // the key
  'a key of somebody else': (t) => t.signed(t.header, t.claims, stranger), 'an unknown kid': withHeader(() => ({ kid: 'nobody' })), 'no kid and a strange key': (t) => t.signed({ ...t.header, kid: undefined }, t.claims, stranger),
  'its own key in jwk': (t) => t.signed({ ...t.header, jwk: stranger.jwk }, t.claims, stranger), 'its own key by jku': (t) => t.signed({ ...t.header, jku: 'https://evil.test/jwks', kid: stranger.kid }, t.claims, stranger),
  'a kid that is a path': withHeader(() => ({ kid: '../../../../dev/null' })), 'a kid with a quote': withHeader(() => ({ kid: "x' OR 1=1 --" })), 'a short key': (t) => t.signed(t.header, t.claims, short),
  'crit': withHeader(() => ({ crit: ['exp'] })), 'b64 false': withHeader(() => ({ b64: false, crit: ['b64'] })),
  // the signature
  'a signature changed': pieces(([h, c, s]) => `${h}.${c}.${flip(s)}`), 'claims changed': pieces(([h, c, s]) => `${h}.${flip(c)}.${s}`), 'no signature': pieces(([h, c]) => `${h}.${c}.`),
  'a signature cut': pieces(([h, c, s]) => `${h}.${c}.${s.slice(0, -4)}`), 'a signature of zeros': pieces(([h, c]) => `${h}.${c}.${Buffer.alloc(256).toString('base64url')}`),
  'two parts': pieces(([h, c]) => `${h}.${c}`), 'four parts': pieces((p) => [...p, 'x'].join('.')), 'five parts': pieces((p) => [...p, '', ''].join('.')),
  'padding': pieces(([h, c, s]) => `${h}=.${c}=.${s}==`), 'the other base64': pieces(([h, c, s]) => `${h}.${c}.${Buffer.from(s, 'base64url').toString('base64')}`),
  'a space inside': pieces(([h, c, s]) => `${h}.${c}. ${s}`),
  // the times
  expired: withClaims(() => ({ exp: nowS() - 120 })), 'long expired': withClaims(() => ({ nbf: nowS() - 9000, iat: nowS() - 9000, exp: nowS() - 8700 })), 'not yet': withClaims(() => ({ nbf: nowS() + 600, exp: nowS() + 900 })),
  'made in the future': withClaims(() => ({ iat: nowS() + 3600, nbf: nowS() - 5, exp: nowS() + 7200 })), 'no exp': without('exp'), 'exp as text': withClaims((c) => ({ exp: String(c.exp) })),
  'exp too large': withClaims(() => ({ exp: 1e300 })), 'exp below zero': withClaims(() => ({ exp: -1 })), 'exp null': withClaims(() => ({ exp: null })),
  // whose, and for whom
  'another issuer': withClaims(() => ({ iss: 'https://evil.test' })), 'the issuer with a slash': withClaims((c) => ({ iss: `${c.iss}/` })), 'the issuer as beginning': withClaims((c) => ({ iss: `${c.iss}.evil.test` })),
  'no issuer': without('iss'), 'issuer as list': withClaims((c) => ({ iss: [c.iss] })), 'another audience': withClaims(() => ({ aud: 'https://elsewhere.test' })), 'no audience': without('aud'),
  'audiences without ours': withClaims(() => ({ aud: ['https://a.test', 'https://b.test'] })), 'an audience that goes on': withClaims((c) => ({ aud: `${c.aud}.evil.test` })), 'an empty audience': withClaims(() => ({ aud: '' })),
  // what it is made of
  'claims that are no object': (t, key) => t.signed(t.header, ['repository', 'acme/site'], key), 'claims that are no JSON': (t, key) => t.signed(t.header, '{"repository":', key),
  'repository twice': (t, key) => t.signed(t.header, JSON.stringify(t.claims).replace(/"repository":"[^"]*"/, (m) => `"repository":"evil/site",${m}`), key),
  'no repository': without('repository'), 'repository as list': withClaims((c) => ({ repository: [c.repository] })), 'repository null': withClaims(() => ({ repository: null })),
  'NUL in the repository': withClaims((c) => ({ repository: `${c.repository}\0` })), 'a megabyte': withClaims(() => ({ padding: 'x'.repeat(1 << 20) }))
};

class Issuer extends Service {
  constructor(names) {
    super(names, (request) => this.say(request));
    this.keys = [makeKey()];
  }
  get issuer() {
    return this.url;
  }

  say({ path, method }) {
    if (method !== 'GET') return { status: 405 };
    if (path === '/.well-known/openid-configuration') return { body: this.configuration() };
    if (path === '/.well-known/jwks') return { body: { keys: this.keys.map((k) => k.jwk) } };
    return { status: 404, body: { message: 'Not Found' } };
  }

  configuration() {
    return {
      issuer: this.issuer, jwks_uri: `${this.issuer}/.well-known/jwks`, subject_types_supported: ['public', 'pairwise'], response_types_supported: ['id_token'],
      claims_supported: Object.keys(jobClaims(this.issuer, { environment: 'x' })), id_token_signing_alg_values_supported: ['RS256'], scopes_supported: ['openid']
    };
  }

  rotate() {
    this.keys = [makeKey(), this.keys[0]];
  }
  drop() {
    this.keys = this.keys.slice(0, 1);
  }

  /** `wrong`: a name of WRONG. */
  token(job = {}, audience = undefined, wrong = undefined, key = this.keys[0]) {
    const header = { typ: 'JWT', alg: 'RS256', x5t: key.kid.slice(0, 27), kid: key.kid };
    const signed = (h, c, by) => {
      const text = `${b64(h)}.${b64(c)}`;
      return `${text}.${sign(by.privateKey, text)}`;
    };
    const underWay = { header, claims: jobClaims(this.issuer, job, audience), signed };
    return wrong === undefined ? signed(header, underWay.claims, key) : WRONG[wrong](underWay, key);
  }
}

export const startIssuer = ({ names = ['token.actions.example.test'] } = {}) => new Issuer(names).listen();
