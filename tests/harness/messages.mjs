// HTTP/1 read as strictly as can be, by other code than the program under test: what a recording origin got, what a client got.

const TARGET = String.raw`\/[\x21\x22\x24-\x7e]*`;
const REQUEST_LINE = new RegExp(String.raw`^([!#$%&'*+.^_\x60|~0-9A-Za-z-]+) (${TARGET}) HTTP\/1\.1$`);
const STATUS_LINE = /^HTTP\/1\.1 (\d{3}) [ -~]*$/;
const FIELD = /^([!#$%&'*+.^_`|~0-9A-Za-z-]+): (|[^\x00-\x20\x7f](?:[^\x00-\x08\x0a-\x1f\x7f]*[^\x00-\x20\x7f])?)$/;
const CHUNK_SIZE = /^[1-9a-f][0-9a-f]*$/;

export class NotStrict extends Error {}

function readFields(lines) {
  return lines.map((line) => {
    const m = FIELD.exec(line);
    if (!m) throw new NotStrict(`field ${JSON.stringify(line)}`);
    return [m[1], m[2]];
  });
}

export const all = (fields, name) => fields.filter(([n]) => n.toLowerCase() === name).map(([, v]) => v);

/** How a body is framed: one way or none. */
function framing(fields) {
  const lengths = all(fields, 'content-length'), codings = all(fields, 'transfer-encoding');
  if (lengths.length + codings.length > 1) throw new NotStrict('framed twice');
  if (codings.length && codings[0] !== 'chunked') throw new NotStrict(`coding ${codings[0]}`);
  if (lengths.length && !/^(0|[1-9]\d*)$/.test(lengths[0])) throw new NotStrict(`length ${lengths[0]}`);
  if (codings.length) return 'chunked';
  return lengths.length ? Number(lengths[0]) : undefined;
}

/** {body, next, complete}: as much of a chunked body as is there. */
function readChunks(text, at) {
  let body = '';
  for (;;) {
    const end = text.indexOf('\r\n', at);
    if (end < 0) return { body, next: text.length, complete: false };
    const size = text.slice(at, end);
    if (size === '0') {
      if (text.length < end + 4) return { body, next: text.length, complete: false };
      if (text.slice(end + 2, end + 4) !== '\r\n') throw new NotStrict('trailers');
      return { body, next: end + 4, complete: true };
    }
    if (!CHUNK_SIZE.test(size)) throw new NotStrict(`chunk size ${JSON.stringify(size)}`);
    const from = end + 2, to = from + parseInt(size, 16);
    body += text.slice(from, Math.min(to, text.length));
    if (text.length < to + 2) return { body, next: text.length, complete: false };
    if (text.slice(to, to + 2) !== '\r\n') throw new NotStrict('no CRLF behind a chunk');
    at = to + 2;
  }
}

function readBody(text, at, how) {
  if (how === 'chunked') return readChunks(text, at);
  const body = text.slice(at, at + how);
  return { body, next: at + body.length, complete: body.length === how };
}

/** The head at `at`: {first, fields, next}, or undefined while it is not complete. */
function readHead(text, at) {
  const end = text.indexOf('\r\n\r\n', at);
  if (end < 0) return undefined;
  const [first, ...lines] = text.slice(at, end).split('\r\n');
  return { first, fields: readFields(lines), next: end + 4 };
}

/** One request from `at` on; undefined: its head is not complete. `text` has one char a byte. */
export function readRequest(text, at = 0) {
  const head = readHead(text, at);
  if (!head) return undefined;
  const line = REQUEST_LINE.exec(head.first);
  if (!line) throw new NotStrict(`request line ${JSON.stringify(head.first)}`);
  if (all(head.fields, 'host').length !== 1 || head.fields[0][0] !== 'Host') throw new NotStrict('Host');
  return { method: line[1], target: line[2], fields: head.fields, ...readBody(text, head.next, framing(head.fields) ?? 0) };
}

function hasNoBody(status, method) {
  return method === 'HEAD' || status < 200 || status === 204 || status === 304;
}

/** All responses to `methods`, in order; an incomplete one is the last and says so. */
export function readResponses(text, methods) {
  const out = [];
  let at = 0, answered = 0;
  while (at < text.length) {
    const head = readHead(text, at);
    const line = head && STATUS_LINE.exec(head.first);
    if (!line) throw new NotStrict(`response ${JSON.stringify(text.slice(at, at + 60))}`);
    const status = Number(line[1]);
    const how = hasNoBody(status, methods[answered]) ? 0 : (framing(head.fields) ?? text.length - head.next);
    const body = readBody(text, head.next, how);
    out.push({ status, fields: head.fields, ...body });
    if (status >= 200 || status === 101) answered++;
    at = body.next;
  }
  return out;
}
