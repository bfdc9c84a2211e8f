// Addresses that somebody might give us to send people to, each meant to leave the host: by families, and by what browsers and servers do to
// addresses on the way. openredirects.txt is what this makes, one JSON text a line, so that a change of it can be seen.
// usage: node tests/harness/openredirects.mjs >tests/harness/openredirects.txt
import fs from 'node:fs';
import { fileURLToPath } from 'node:url';

export const GOOD = 'stg.example.test', EVIL = 'evil.test';

const SLASHES = ['//', '///', '////', '/\\', '\\/', '\\\\', '/\\/', '\\//', '/\\\\', '\\\\\\', '/ /', '/\t/', '/\n/', '/\r\n/', '\t//', ' //', '\x01//', '\u00a0//', '\ufeff//', '/./', '/.//', '/..//', '/../', '//./', '/;//', '/?//', '/#//', '\x00//', '/\x00/', '/\x0b/', '/\x0c/', '/\u2028/', '/\u200b/', '/\u00ad/'];
const ENCODED = ['%2f%2f', '%2F%2F', '/%2f', '%2f/', '/%5c', '%5c%5c', '%5C/', '/%5C/', '%2f%5c', '/%09/', '/%0a/', '/%0d/', '/%0d%0a/', '/%00/', '/%20/', '%09//', '%0a//', '/%252f', '%252f%252f', '/%255c', '/%25252f', '/%e2%81%84', '/%ef%bc%8f', '%ef%bc%8f%ef%bc%8f', '/%c0%af', '/%e0%80%af', '/%u002f', '/%2e/', '/%2e%2e/', '/..%2f', '/%2e%2e%2f', '/%3b/', '/%23/', '/%3f/'];
const LOOK_ALIKES = ['\uff0f\uff0f', '/\uff0f', '\u2044\u2044', '\u2215\u2215', '/\u29f8', '\u29f5\u29f5', '\uff3c\uff3c', '/\uff3c', '\u2216\u2216', '\ufe68\ufe68', '\u3164//', '\u2028//', '\u200b//', '\u202e//'];
const SCHEMES = ['http:', 'https:', 'HTTPS:', 'hTTp:', 'ftp:', 'ws:', 'wss:', 'file:', 'gopher:', 'ldap:', 'smb:', 'chrome:', 'view-source:https:', 'feed:https:', 'jar:https:', 'filesystem:https:', 'blob:https:', 'intent:', 'itms-services:', 'x-apple:', 'tel:', 'mailto:'];
const SCRIPTS = ['javascript:', 'JavaScript:', 'java\tscript:', 'java\nscript:', 'java\r\nscript:', ' javascript:', '\x01javascript:', '\u00a0javascript:', 'javascript\t:', 'javascript&colon;', 'javascript%3a', 'javas%63ript:', '&#106;avascript:', '\\u006aavascript:', 'vbscript:', 'livescript:', 'jscript:', 'data:text/html,', 'data:text/html;base64,', 'data:,', 'DATA:text/html,', 'data:image/svg+xml,', 'data:application/xhtml+xml,', 'about:', 'about:blank#', 'about:srcdoc', 'view-source:javascript:'];
const AFTER_SCHEME = ['', '/', '//', '///', '////', '\\', '\\\\', '/\\', '\\/', '\t//', '//\t', '//%20', '// ', '//\n', '%2f%2f', '/%2f', '//.', '//;', '//?', '//#'];
const USERINFO = [`${GOOD}@`, `${GOOD}:443@`, `${GOOD}:x@`, `${GOOD}%40`, `${GOOD}%2f@`, `${GOOD}/@`, `${GOOD}\\@`, `${GOOD}#@`, `${GOOD}?@`, `${GOOD}%00@`, `${GOOD}%23@`, `${GOOD}%3f@`, `${GOOD};@`, `${GOOD}&@`, `a@${GOOD}@`, `${GOOD}@a@`, `:@`, `@`, `@@`, `${GOOD}\t@`, `${GOOD} @`, `${GOOD}\uff20`, `${GOOD}\ufe6b`];
const AS_NAME = [
  `${GOOD}.${EVIL}`, `${GOOD}${EVIL}`, `${GOOD}-${EVIL}`, `x${GOOD}`, `not${GOOD}`, `${GOOD}.`, `${GOOD}..`, `${GOOD}.${EVIL}.`, `.${GOOD}`, `..${GOOD}`, `${GOOD}:8443`, `${GOOD}:80`, `${GOOD}:0`, `${GOOD}:443:80`, `${GOOD}:`, `${GOOD}:443x`, `${GOOD}:99999`, `${GOOD}:+443`, `${GOOD}:-1`,
  `${GOOD}%2e${EVIL}`, `${GOOD}%252e${EVIL}`, `${GOOD}%00.${EVIL}`, `${GOOD}\x00.${EVIL}`, `${GOOD}%0a.${EVIL}`, `${GOOD}%20.${EVIL}`, `${GOOD}%09.${EVIL}`, `${GOOD}\\.${EVIL}`, `${GOOD}%5c.${EVIL}`, `${GOOD}%2f.${EVIL}`, `${GOOD}/.${EVIL}`,
  'stg.example.test.evil.test', 'stg.example.tes', 'stg.example.testt', 'stg.examp1e.test', 'stg.example', 'example.test', 'other.example.test', 'stg-example.test', 'stg_example.test', 'stgexample.test', 'STG.EXAMPLE.TEST.EVIL.TEST'
];
const DOTS = ['\u3002', '\uff0e', '\uff61', '\u2024', '%e3%80%82', '%E3%80%82', '%ef%bc%8e', '%2e', '\u00b7', '\u0701'];
const IDN = ['\u0455tg.example.test', 'stg.ex\u0430mple.test', 'stg.exampl\u0435.test', 'stg.e\u0445ample.test', 'stg.examp\u04cfe.test', '\uff53tg.example.test', 'stg.example.t\u0435st', '\u24e2tg.example.test', 's\u00adtg.evil.test', 'stg.example\u200b.test.evil.test', 'xn--tg-hlc.example.test', 'xn--a', 'stg.example.test\u2024evil.test', '\u212atg.example.test', 'stg.example.te\u017ft', '\u0131.evil.test', '\ud83d\udca9.test', 'ev\u0131l.test', '\u202etset.live'];
const NUMBERS = ['127.0.0.1', '127.1', '2130706433', '0x7f000001', '0x7f.1', '0177.0.0.1', '017700000001', '0', '0.0.0.0', '[::1]', '[::]', '[::ffff:127.0.0.1]', '[::ffff:7f00:1]', '[0:0:0:0:0:0:0:1]', '[fe80::1%25lo]', '[v1.x]', '169.254.169.254', '\u2460\u2461\u2466.0.0.1', '127\u30020\u30020\u30021', 'localhost', 'localhost.', '[', ']', '[]', '%5b::1%5d'];
const SPLITS = ['%0d%0aLocation:%20https://', '\r\nLocation: https://', '\nLocation: https://', '\rLocation: https://', '%0d%0a%0d%0a<script>alert(1)</script>', '\r\n\r\n<script>alert(1)</script>', '%0aSet-Cookie:%20a=b', '\r\nSet-Cookie: a=b', '%E5%98%8A%E5%98%8DLocation:https://', '\u560a\u560dLocation:https://', '%u000d%u000aLocation:https://', '%c4%8d%c4%8aSet-Cookie:a=b', '\u010d\u010aSet-Cookie:a=b', '\u0085Location: https://', '\u2028Location: https://'];
const TRAVERSALS = ['/../..//', '/%2e%2e//', '/.%2e//', '/x/..//', '/x/../..//', '/x/%2e%2e/%2e%2e//', '/x//..//..//', '/x\\..\\..\\\\', '/..\\\\', '/..;//', '/.;//', '/./\\', '/.\\', '/.\t/', '/x?y//', '/x;//', '/.well-known/..//', '/.tiergate/..//', '/.tiergate/../..\\\\', '/.tiergate/sign-in/..%2f..%2f'];
const QUERIES = ['/.tiergate/sign-in?to=', '/.tiergate/sign-in?to=x&to=', '/cdn-cgi/access/login?redirect_url=', '/cdn-cgi/access/logout?returnTo=', '/redirect?url=', '/?next=', '/#', '/.tiergate/sign-out?to=', '/.tiergate/hand-off?to='];
const MARKUP = ['"><script>alert(1)</script>', '\'><img src=x onerror=alert(1)>', '</a><svg onload=alert(1)>', '" onmouseover="alert(1)', '{{7*7}}', '${7*7}', '<base href=//evil.test/>', '"><meta http-equiv=refresh content="0;url=//evil.test">', '0;url=https://evil.test', ';url=//evil.test'];

function* families() {
  for (const s of [...SLASHES, ...ENCODED, ...LOOK_ALIKES]) yield* [`${s}${EVIL}`, `${s}${EVIL}/${GOOD}`];
  for (const s of SCHEMES) yield* [`${s}//${EVIL}`, `${s}//${EVIL}/`, `${s}${EVIL}`];
  for (const a of AFTER_SCHEME) yield* [`https:${a}${EVIL}`, `http:${a}${EVIL}/x`];
  for (const s of SCRIPTS) yield* [`${s}alert(1)`, `${s}//${GOOD}/%0aalert(1)`];
  for (const u of USERINFO) yield* [`https://${u}${EVIL}`, `//${u}${EVIL}/`];
  for (const n of [...AS_NAME, ...IDN, ...NUMBERS]) yield* [`https://${n}/`, `//${n}`];
  for (const d of DOTS) yield* [`//evil${d}test`, `https://${GOOD}${d}${EVIL}/`, `//${d}${EVIL}`];
  for (const t of TRAVERSALS) yield* [`${t}${EVIL}`, `${t}${EVIL}/..`];
  for (const s of SPLITS) yield* [`/${s}${EVIL}`, `https://${GOOD}/${s}${EVIL}`];
  for (const q of QUERIES) yield* [`${q}https://${EVIL}`, `${q}//${EVIL}`, `${q}${encodeURIComponent(`https://${EVIL}`)}`];
  for (const m of MARKUP) yield* [m, `/${m}`, `https://${EVIL}/${m}`];
  yield* [EVIL, `.${EVIL}`, `/.${EVIL}`, `.${EVIL}/`, `@${EVIL}`, `:${EVIL}`, ':', '/', '//', '///', '\\', '.', '..', '?', '#', '', ' ', '\t', '%', '%zz', 'null', 'undefined', '/'.repeat(2000), `//${'a'.repeat(3000)}.test`, `https://${EVIL}/`.repeat(50)];
}

export const makeReturns = () => [...new Set(families())];
export const hostileReturns = () =>
  fs.readFileSync(new URL('openredirects.txt', import.meta.url), 'utf8').split('\n').filter(Boolean).map((l) => JSON.parse(l));

/** ASCII alone, so that what cannot be seen can be read. */
const line = (text) => JSON.stringify(text).replace(/[\x7f-\uffff]/g, (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, '0')}`);
export const asText = (all) => `${all.map(line).join('\n')}\n`;

/** Where a browser that is at `from` goes when it is told so: an origin, or the scheme of what is no web address; undefined: nowhere. */
export function leadsTo(location, from = `https://${GOOD}/.tiergate/sign-in`) {
  try {
    const url = new URL(location, from);
    return url.origin === 'null' ? url.protocol : url.origin;
  } catch {
    return undefined;
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) process.stdout.write(asText(makeReturns()));
