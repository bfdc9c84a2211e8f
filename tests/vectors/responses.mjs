// What an origin may answer, good or hostile, and what a client must make of it: cases for tests/harness/response-suite.mjs.
//   bytes   what the origin sends; `fin`: and ends the connection
//   status  of the one final answer to the client; 502 is the gate's own
//   body    of it; `cut`: it must break off, and what came is the beginning of `body`
//   spent   the connection to the origin must not serve another request
//   stray   how many bytes at the end belong to no answer; they are sent with the last that does, else they might come when the
//           next request is under way, and nobody could tell
import { vectors } from '../harness/vectors.mjs';

export const POISON = 'HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\npoison';
const FINAL = 'HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nfinal';
const CHUNKED = 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n';

const bad = (name, bytes, more = {}) => ({ name, bytes, status: 502, body: undefined, spent: true, ...more });

function bodyOf(v) {
  if (v.body === 'BODY_LENGTH') return ['x'.repeat(v.length), 'x'.repeat(v.length)];
  if (v.body === 'BODY_CHUNKED') return ['3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n', 'abcde'];
  return v.body === 'BODY_UNTIL_CLOSE' ? ['until the end', 'until the end'] : ['', ''];
}

/** A good head with a body of its kind; and the same with an answer behind it that nobody asked for. */
function accepted(v, method) {
  if (v.status === 101) return [bad(`${v.name}, unasked`, v.bytes + POISON, { method })];
  const [sent, body] = v.status < 200 ? [FINAL, 'final'] : bodyOf(v);
  const status = v.status < 200 ? 200 : v.status;
  const fin = v.body === 'BODY_UNTIL_CLOSE';
  const spent = v.status >= 200 && !v.kept;
  const plain = { name: v.name, bytes: v.bytes + sent, method, status, body, fin, spent };
  return fin ? [plain] : [plain, { ...plain, name: `${v.name}, and more`, bytes: plain.bytes + POISON, spent: true }];
}

const heads = () =>
  vectors('responses', ['name', 'method', 'status', 'body', 'length', 'kept', 'bytes']).flatMap((v) => {
    const method = v.method.slice(2);
    return v.status === 0 ? [bad(v.name, v.bytes + POISON, { method })] : accepted(v, method);
  });

const chunks = () =>
  vectors('chunks', ['name', 'want', 'payload', 'rest', 'bytes']).map((v) => {
    const common = { name: `chunks: ${v.name}`, status: 200, body: v.payload };
    if (v.want === 'DONE') return { ...common, bytes: CHUNKED + v.bytes, spent: v.rest > 0, stray: v.rest };
    return { ...common, bytes: CHUNKED + v.bytes + (v.want === 'BAD' ? POISON : ''), cut: true, fin: v.want === 'MORE', spent: true };
  });

const repeated = (n, head) => head.repeat(n);
const HINT = 'HTTP/1.1 103 Early Hints\r\nLink: </a.css>; rel=preload\r\n\r\n';
const CONTINUE = 'HTTP/1.1 100 Continue\r\n\r\n';

const sequences = () => [
  { name: 'sixteen interim answers', bytes: repeated(16, HINT) + FINAL, status: 200, body: 'final', spent: false },
  bad('a flood of hints', repeated(17, HINT) + FINAL),
  bad('a flood of 100', repeated(17, CONTINUE) + FINAL),
  bad('an interim answer, then nothing', HINT, { fin: true }),
  bad('an interim answer, then none', `${HINT}nonsense\r\n\r\n${POISON}`),
  bad('half a head', 'HTTP/1.1 200 OK\r\nContent-Le', { fin: true }),
  bad('a TLS alert', '\x15\x03\x01\x00\x02\x02\x28', { fin: true }),
  { name: 'less than its length', bytes: 'HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nshort', status: 200, body: 'short', cut: true, fin: true, spent: true },
  { name: 'an answer to HEAD with a body', method: 'HEAD', bytes: 'HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nxxxxx', status: 200, body: '', spent: true, stray: 5 },
  { name: 'a 304 with a body', bytes: 'HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\nxxxxx', status: 304, body: '', spent: true, stray: 5 },
  { name: 'an answer before the body is sent', method: 'POST', owes: 10, bytes: FINAL, status: 200, body: 'final', spent: true },
  { name: 'two answers', bytes: FINAL + FINAL, status: 200, body: 'final', spent: true, stray: FINAL.length },
  { name: 'CRLF behind an answer', bytes: `${FINAL}\r\n`, status: 200, body: 'final', spent: true, stray: 2 }
];

export const responseCases = () => [...heads(), ...chunks(), ...sequences()].map((c) => ({ method: 'GET', stray: c.bytes.endsWith(POISON) ? POISON.length : 0, ...c }));
