// What each vector must lead to, for whom: the tables of this folder as cases for tests/harness/vector-runs.mjs.
// Sources: RFC 9110 and 9112; what smugglers, HTTP Garden, desync-guardian, llhttp and nginx' and HAProxy's own tests send.
import { HOST, fieldsAtOrigin, served } from '../harness/vector-site.mjs';
import { vectors } from '../harness/vectors.mjs';

const refused = (status) => ({ statuses: [status], goesOn: false, closes: true });
const get = (target, fields = '') => `GET ${target} HTTP/1.1\r\nHost: ${HOST}\r\n${fields}\r\n`;

/** What the origin gets: nothing, unless the path is open or the asker known; the user only where a rule asked for one. */
function passed(site, { identity, run }, { isOpen, method, target, body = '', authority, fields, framing, ...more }) {
  if (!isOpen && !identity.isKnown) return { statuses: [401], ...more };
  const user = isOpen ? undefined : identity.user;
  const origin = { method, target, body, complete: true, fields: fieldsAtOrigin(site, { run, fields, framing, user, authority }) };
  return { statuses: [200], ...more, origin };
}

export const refusedCases = () =>
  vectors('requests-refused', ['name', 'status', 'bytes']).map(({ name, status, bytes }) => ({ name, text: bytes, want: () => refused(status) }));

// Fields of accepted requests that must arrive; all others are the connection's own.
const kept = {
  'obs-text in an ordinary value': [['User-Agent', '\xe9'], ['Cookie', 'a=\xff']],
  'underscore elsewhere': [['X_App', '1'], ['x.y', '2'], ['Empty', '']]
};
const bodies = { BODY_NONE: () => '', BODY_LENGTH: (n) => 'abcdefgh'.slice(0, n), BODY_CHUNKED: () => 'abc' };
const CHUNKED_ABC = '3\r\nabc\r\n0\r\n\r\n';

function acceptedCase(site, v) {
  const [, method] = /([^\s]+) /.exec(v.bytes);
  const body = bodies[v.body](v.length);
  const framing = { BODY_NONE: [], BODY_LENGTH: [['Content-Length', String(v.length)]], BODY_CHUNKED: [['Transfer-Encoding', 'chunked']] }[v.body];
  return {
    name: v.name,
    method,
    text: v.bytes + (v.body === 'BODY_CHUNKED' ? CHUNKED_ABC : body),
    want({ identity, form, run }) {
      const authority = v.authority || (form === 'absolute' ? HOST : '');
      if (!authority) return refused(400); // HTTP/1.0 may come without Host, but not through here
      if (v.path_query === '*') return { statuses: [403], goesOn: form === 'origin' ? v.kept : undefined };
      const goesOn = identity.isKnown || v.body === 'BODY_NONE' ? v.kept : undefined;
      return passed(site, { identity, run }, { isOpen: site.isOpen, method, target: v.path_query, body, authority, fields: kept[v.name], framing, goesOn });
    }
  };
}

export const acceptedCases = (site) =>
  vectors('requests-accepted', ['name', 'method', 'path_query', 'authority', 'version', 'body', 'length', 'kept', 'expects', 'bytes'])
    .filter((v) => v.name !== 'greatest length') // nobody sends so much
    .map((v) => acceptedCase(site, v));

/** A chunked body that is bad, or never ends: whatever the origin has seen of it, it has not seen its end. */
function chunkedWant(site, v, { identity, run }) {
  const fields = fieldsAtOrigin(site, { run, framing: [['Transfer-Encoding', 'chunked']], user: identity.user });
  const request = { method: 'POST', target: '/x', fields };
  const knows = identity.isKnown;
  const finish = v.want === 'MORE' || v.rest > 0;
  if (v.want === 'DONE' && knows) return { statuses: [200], goesOn: !finish, finish, origin: { ...request, body: v.payload, complete: true } };
  if (knows) return { statuses: [400], goesOn: false, closes: true, finish, begun: { request, payload: v.payload } };
  return { statuses: [401], goesOn: v.want === 'DONE' ? undefined : false, finish };
}

export const chunkCases = (site) =>
  vectors('chunks', ['name', 'want', 'payload', 'rest', 'bytes']).map((v) => ({
    name: `chunks: ${v.name}`,
    method: 'POST',
    text: `POST /x HTTP/1.1\r\nHost: ${HOST}\r\nTransfer-Encoding: chunked\r\n\r\n${v.bytes}`,
    want: (asked) => chunkedWant(site, v, asked)
  }));

const isOpenPath = (path) => path === '/api/health' || /^\/(docs|open)(\/|$)/.test(path);

export const pathCases = (site) =>
  vectors('paths', ['kind', 'decoded', 'query', 'target'])
    .filter((v) => !v.target.startsWith('http://')) // absolute-form as it is
    .map(({ kind, decoded, target }) => ({
      name: `path ${JSON.stringify(target)}`,
      text: get(target),
      want: ({ identity, run }) =>
        kind === 'BAD' ? refused(400)
          : passed(site, { identity, run }, { isOpen: site.isOpen || (kind === 'OK' && isOpenPath(decoded)), method: 'GET', target, goesOn: true })
    }));

/** The one spelling that goes on: an origin must not read another host in it than was judged. */
const normalForm = (name, port) => (port > 0 && port !== 443 ? `${name}:${port}` : name);

function hostWant(site, v, trimmed, { identity, run }) {
  const name = v.normal ?? (trimmed === HOST ? HOST : undefined); // white space around a field's value is not part of it
  if (name === undefined) return refused(400);
  if (!served.includes(name)) return { statuses: [421] };
  const authority = normalForm(name, v.port);
  const isForeign = identity.cookie !== undefined && name !== HOST; // a session of one host says nothing at another
  return passed(site, { identity: { ...identity, isKnown: identity.isKnown && !isForeign }, run }, { isOpen: site.isOpen, method: 'GET', target: '/x', authority, goesOn: true });
}

export const hostCases = (site) =>
  vectors('hosts', ['name', 'normal', 'port', 'bytes']).map((v) => {
    const authority = v.bytes.replace(/^[ \t]+|[ \t]+$/g, '');
    return {
      name: `host: ${v.name}`,
      text: `GET /x HTTP/1.1\r\nHost: ${v.bytes}\r\n\r\n`,
      absolute: authority === v.bytes ? `GET http://${v.bytes}/x HTTP/1.1\r\nHost: ${v.bytes}\r\n\r\n` : '',
      want: (asked) => hostWant(site, v, authority, asked)
    };
  });

/** The token of the table becomes `session`, a good one: whom it is read from is let in. */
export function cookieCases(site, session) {
  const real = (text) => text.replaceAll('tok', session);
  return vectors('cookies', ['name', 'found', 'first', 'left', 'bytes']).flatMap((v) =>
    ['/docs/x', '/private'].map((target) => ({
      name: `cookie: ${v.name}, ${target}`,
      text: get(target, `Cookie: ${real(v.bytes)}\r\n`),
      want({ identity, run }) {
        const isIn = v.found === 1 && v.first === 'tok';
        const who = isIn ? { ...identity, isKnown: true, user: 'beta' } : identity;
        const fields = v.left !== '' || v.bytes === '' ? [['Cookie', real(v.left)]] : [];
        return passed(site, { identity: who, run }, { isOpen: isOpenPath(target), method: 'GET', target, fields, goesOn: true });
      }
    }))
  );
}

// Nothing of this may arrive from a client, however it is spelled.
const forged = [
  'X-Forwarded-For', 'X-Forwarded-Host', 'X-Forwarded-Proto', 'X-Forwarded-Uri', 'X-Forwarded-Prefix', 'X-Forwarded-User', 'X-Forwarded-Anything', 'Forwarded',
  'Fly-Client-IP', 'CF-Connecting-IP', 'True-Client-IP', 'Cf-Access-Jwt-Assertion', 'Cf-Access-Authenticated-User-Email', 'X-Auth-Request-User', 'X-Original-URL',
  'X-Original-URI', 'X-Rewrite-URL', 'Tiergate', 'Tiergate-User', 'Tiergate-Authorization', 'Proxy-Authorization'
];
const anonymously = ['X-HTTP-Method', 'X-HTTP-Method-Override', 'X-Method-Override', 'X-Middleware-Subrequest'];
// In the environment of a CGI program all of them are one.
const MARKS = "!#$%&'*+.^_`|~";
let marks = 0;
const spellings = {
  'as usual': (n) => n,
  'in lower case': (n) => n.toLowerCase(),
  'in upper case': (n) => n.toUpperCase(),
  'with underscores': (n) => n.replaceAll('-', '_'),
  'with dots': (n) => n.replaceAll('-', '.'),
  'with tildes': (n) => n.replaceAll('-', '~'),
  'with all that names may hold': (n) => n.replaceAll('-', () => MARKS[marks++ % MARKS.length]),
  mixed: (n) => n.replace('-', '_').replace(/-(\w)/, (_, c) => `.${c.toLowerCase()}`)
};

// [name, what is sent, what arrives]
const hopByHop = [
  ['the connection\'s own', 'Connection: keep-alive, X-Mine\r\nX-Mine: 1\r\nKeep-Alive: timeout=9\r\nProxy-Connection: close\r\nTE: trailers\r\nTrailer: X-End\r\nX-Other: 2\r\n', [['X-Other', '2']]],
  ['end-to-end ones nominated', 'Connection: Host, Cookie, User-Agent, X-Forwarded-For, x-forwarded-user, Content-Length\r\nUser-Agent: me\r\nCookie: a=1\r\n', [['User-Agent', 'me'], ['Cookie', 'a=1']]],
  ['upgrade to h2c', 'Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABk\r\n', []],
  ['upgrade to TLS', 'Connection: Upgrade\r\nUpgrade: TLS/1.0\r\n', []],
  ['another version of WebSockets', 'Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 777\r\nX-Other: 2\r\n', [['Sec-WebSocket-Version', '777'], ['X-Other', '2']]],
  ['a claim of being a probe', 'User-Agent: kube-probe\r\n', [['User-Agent', 'kube-probe']]]
];

export function headerCases(site) {
  const one = (name, sent, fields) => ({
    name: `fields: ${name}`,
    text: get('/private', sent),
    want: ({ identity, run }) => passed(site, { identity, run }, { isOpen: site.isOpen, method: 'GET', target: '/private', fields, goesOn: true })
  });
  const lines = (names, spell) => names.map((n) => `${spell(n)}: forged\r\n`).join('');
  return [
    ...Object.entries(spellings).map(([how, spell]) => one(`forged ones ${how}`, lines([...forged, ...(site.isOpen ? anonymously : [])], spell))),
    ...hopByHop.map(([name, sent, fields]) => one(name, sent, fields))
  ];
}

const upgrade = 'Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n';
const upgradeAtOrigin = [
  ['Sec-WebSocket-Version', '13'], ['Sec-WebSocket-Key', 'dGhlIHNhbXBsZSBub25jZQ=='], ['Connection', 'upgrade'], ['Upgrade', 'websocket']
];

/** Where one request ends and the next begins, when the head alone does not say it. */
export const sequenceCases = (site) => [
  {
    name: 'bytes behind an upgrade that is refused with 200 are not read as a request', // RFC 9931
    text: get('/x', upgrade),
    want: ({ identity, run }) => passed(site, { identity, run }, { isOpen: site.isOpen, method: 'GET', target: '/x', fields: upgradeAtOrigin, goesOn: identity.isKnown ? false : undefined })
  },
  {
    name: 'what follows a request that says close is not read',
    text: get('/x', 'Connection: close\r\n') + get('/smuggled'),
    want: ({ identity, run }) => passed(site, { identity, run }, { isOpen: site.isOpen, method: 'GET', target: '/x', goesOn: false })
  },
  {
    name: 'what looks like a request within a body is the body',
    method: 'POST',
    text: `POST /x HTTP/1.1\r\nHost: ${HOST}\r\nContent-Length: 44\r\n\r\nGET /smuggled HTTP/1.1\r\nHost: ${HOST}\r\nX: ab\r\n\r\n`.replace('Content-Length: 44', `Content-Length: ${get('/smuggled', 'X: ab\r\n').length}`),
    want({ identity, run }) {
      const body = get('/smuggled', 'X: ab\r\n');
      return passed(site, { identity, run }, { isOpen: site.isOpen, method: 'POST', target: '/x', body, framing: [['Content-Length', String(body.length)]], goesOn: true });
    }
  }
];
