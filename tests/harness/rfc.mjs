// Requests as RFC 9112 has them, read by code that shares nothing with the program under test: what it may accept at most, and must then
// understand so. It is as lenient as the RFC is where the RFC leaves nothing to guess.

const TOKEN = String.raw`[!#$%&'*+.^_\x60|~0-9A-Za-z-]+`;
const LINE = new RegExp(String.raw`^(${TOKEN}) ([\x21\x22\x24-\x7e]+) HTTP\/1\.([01])$`);
const FIELD = new RegExp(String.raw`^(${TOKEN}):([\t\x20-\x7e\x80-\xff]*)$`);
const EXTENSION = new RegExp(String.raw`^[ \t]*;[ \t]*${TOKEN}([ \t]*=[ \t]*(${TOKEN}|"([\t\x20\x21\x23-\x5b\x5d-\x7e\x80-\xff]|\\[\t\x20-\x7e\x80-\xff])*"))?`);
const SIZE = /^([0-9a-fA-F]+)(.*)$/s;
const ABSOLUTE = /^https?:\/\/([^/?]+)(.*)$/i;

class Invalid extends Error {}
class More extends Error {}

const check = (good, why) => {
  if (!good) throw new Invalid(why);
};

/** The line at `at`, which ends in CRLF and holds neither of both. */
function line(text, at) {
  const end = text.indexOf('\n', at);
  if (end < 0) throw new More();
  const out = text.slice(at, end - 1);
  check(text[end - 1] === '\r' && end > at && !out.includes('\r'), 'line end');
  return [out, end + 1];
}

function fieldLines(text, at) {
  const fields = [];
  for (;;) {
    const [one, next] = line(text, at);
    at = next;
    if (one === '') return [fields, at];
    const m = FIELD.exec(one);
    check(m, 'field');
    fields.push([m[1], m[2].replace(/^[ \t]+|[ \t]+$/g, '')]);
  }
}

function chunk(text, at) {
  const [one, next] = line(text, at);
  const m = SIZE.exec(one);
  check(m, 'chunk size');
  let rest = m[2];
  for (let e = EXTENSION.exec(rest); e; e = EXTENSION.exec(rest)) rest = rest.slice(e[0].length);
  check(rest === '', 'chunk extension');
  return [parseInt(m[1], 16), next];
}

function chunkedBody(text, at) {
  let body = '', size;
  for (;;) {
    [size, at] = chunk(text, at);
    if (size === 0) return [body, fieldLines(text, at)[1]];
    const behind = text.slice(at + size, at + size + 2);
    check('\r\n'.startsWith(behind), 'end of chunk data');
    if (behind.length < 2) throw new More();
    body += text.slice(at, at + size);
    at += size + 2;
  }
}

const valuesOf = (fields, name) => fields.filter(([n]) => n.toLowerCase() === name).map(([, v]) => v);
const tokensOf = (fields, name) => valuesOf(fields, name).flatMap((v) => v.split(',').map((t) => t.trim().toLowerCase())).filter(Boolean);

function bodyOf(text, at, { fields, minor }) {
  const lengths = valuesOf(fields, 'content-length'), codings = valuesOf(fields, 'transfer-encoding');
  check(lengths.length + codings.length <= 1, 'framed twice');
  if (codings.length) {
    check(minor === 1 && codings[0].toLowerCase() === 'chunked', 'coding');
    return chunkedBody(text, at);
  }
  const length = lengths[0] ?? '0';
  check(/^\d+$/.test(length), 'length');
  if (text.length < at + Number(length)) throw new More();
  return [text.slice(at, at + Number(length)), at + Number(length)];
}

function targetOf(target) {
  const m = ABSOLUTE.exec(target);
  check(m || target.startsWith('/'), 'target');
  if (!m) return target;
  return m[2].startsWith('/') ? m[2] : `/${m[2]}`;
}

const HOP = ['connection', 'keep-alive', 'proxy-connection', 'te', 'trailer', 'transfer-encoding', 'upgrade', 'http2-settings', 'content-length', 'expect', 'host'];

function request(text, at) {
  if (text.startsWith('\r\n', at)) at += 2;
  const [first, behind] = line(text, at);
  const m = LINE.exec(first);
  check(m, 'request line');
  const minor = Number(m[3]);
  const [fields, from] = fieldLines(text, behind);
  check(valuesOf(fields, 'host').length === 1 || (minor === 0 && valuesOf(fields, 'host').length === 0), 'Host');
  const [body, next] = bodyOf(text, from, { fields, minor });
  const options = tokensOf(fields, 'connection');
  const goesOn = !options.includes('close') && (minor === 1 || options.includes('keep-alive'));
  const endToEnd = fields.filter(([n]) => !HOP.includes(n.toLowerCase()) && !options.includes(n.toLowerCase()));
  return { method: m[1], target: targetOf(m[2]), fields: endToEnd, body, next, goesOn };
}

/** The requests of a connection's bytes, as far as they are valid and complete; `why` they end. */
export function readAsRfc(text) {
  const requests = [];
  let at = 0;
  try {
    while (at < text.length) {
      const one = request(text, at);
      requests.push(one);
      at = one.next;
      if (!one.goesOn) return { requests, why: 'closed' };
    }
    return { requests, why: 'end' };
  } catch (e) {
    if (e instanceof More) return { requests, why: 'more' };
    if (e instanceof Invalid) return { requests, why: e.message };
    throw e;
  }
}
