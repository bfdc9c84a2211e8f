// A mail as it arrived, read by RFC 5322 and 2045–2047 to the letter; what it does wrong is told in `complaints`.

const OWED_ONCE = ['date', 'from', 'to', 'subject', 'message-id', 'mime-version', 'content-type'];
const MAX_LINE = 998;

/** =?utf-8?Q?…?= and =?utf-8?B?…?= (RFC 2047). */
export function decodeWords(text) {
  return text.replace(/\?=\s+=\?/g, '?==?').replace(/=\?([\w-]+)\?([QB])\?([^?]*)\?=/gi, (_, charset, how, coded) => {
    const bytes = how.toUpperCase() === 'B' ? Buffer.from(coded, 'base64') : quoted(coded.replaceAll('_', ' '));
    return new TextDecoder(charset, { fatal: true }).decode(bytes);
  });
}

/** Bytes of quoted-printable text. */
export function quoted(text) {
  const joined = text.replace(/=[ \t]*\r\n/g, '');
  const bad = /=(?![0-9A-F]{2})/i.exec(joined);
  if (bad) throw new Error(`a lone = in quoted-printable: ${joined.slice(bad.index, bad.index + 10)}`);
  return Buffer.from(joined.replace(/=([0-9A-F]{2})/gi, (_, h) => String.fromCharCode(parseInt(h, 16))), 'latin1');
}

function readHeader(text, complain) {
  const fields = new Map();
  for (const line of text.replace(/\r\n(?=[ \t])/g, '').split('\r\n').filter(Boolean)) {
    const m = /^([!-9;-~]+):[ \t]*(.*?)[ \t]*$/.exec(line);
    if (!m) {
      complain(`no field: ${line}`);
      continue;
    }
    if (/[^\t\x20-\x7e]/.test(m[2])) complain(`raw bytes in ${m[1]}`);
    const name = m[1].toLowerCase();
    fields.set(name, [...(fields.get(name) ?? []), m[2]]);
  }
  return fields;
}

/** 'text/plain; charset="utf-8"' → {type, charset …}. */
function readType(value = 'text/plain') {
  const [type, ...rest] = value.split(/;\s*/);
  const more = rest.map((p) => /^([\w-]+)=(?:"([^"]*)"|(\S*))$/.exec(p)).filter(Boolean).map((m) => [m[1].toLowerCase(), m[2] ?? m[3]]);
  return { type: type.trim().toLowerCase(), ...Object.fromEntries(more) };
}

function split(text) {
  const end = text.startsWith('\r\n') ? 0 : text.indexOf('\r\n\r\n') + 2;
  if (end === 1) return [text, ''];
  return [text.slice(0, end), text.slice(end + 2)];
}

function decodeBody(fields, type, body, complain) {
  const how = (fields.get('content-transfer-encoding')?.[0] ?? '7bit').toLowerCase();
  if (how === '7bit' && /[\x80-\xff]/.test(body)) complain('8-bit bytes in a 7bit part');
  const bytes = how === 'quoted-printable' ? quoted(body) : how === 'base64' ? Buffer.from(body, 'base64') : Buffer.from(body, 'latin1');
  return new TextDecoder(type.charset ?? 'us-ascii', { fatal: true }).decode(bytes);
}

function readPart(text, complain) {
  const [head, body] = split(text);
  const fields = readHeader(head, complain);
  const type = readType(fields.get('content-type')?.[0]);
  if (!type.type.startsWith('multipart/')) return [{ fields, type: type.type, content: decodeBody(fields, type, body, complain) }];
  const pieces = `\r\n${body}`.split(`\r\n--${type.boundary}`);
  if (!pieces.at(-1).startsWith('--')) complain('the last boundary is missing');
  return pieces.slice(1, -1).flatMap((p) => readPart(p.replace(/^[ \t]*\r\n/, ''), complain));
}

/** raw: the bytes. → {fields, field(name), subject, parts, text, html, complaints}. */
export function readMail(raw) {
  const text = raw.toString('latin1');
  const complaints = [];
  const complain = (what) => complaints.push(what);
  if (/\r(?!\n)|(?<!\r)\n/.test(text)) complain('a line end that is no CRLF');
  if (text.split('\r\n').some((l) => l.length > MAX_LINE)) complain('a line too long');
  const fields = readHeader(split(text)[0], complain);
  for (const name of OWED_ONCE) if ((fields.get(name) ?? []).length !== 1) complain(`${(fields.get(name) ?? []).length} times ${name}`);
  if (Number.isNaN(Date.parse(fields.get('date')?.[0]))) complain('no date');
  const parts = readPart(text, complain);
  const field = (name) => fields.get(name.toLowerCase())?.[0];
  const of = (type) => parts.find((p) => p.type === type)?.content;
  return { fields, field, subject: decodeWords(field('subject') ?? ''), parts, text: of('text/plain'), html: of('text/html'), complaints };
}
