// Good messages with one or two bytes wrong: each byte of each message, replaced by, preceded by, or left out for what parsers stumble over.
const HOST = 'a.test';

export const bases = [
  `GET /open/x?y=1 HTTP/1.1\r\nHost: ${HOST}\r\nUser-Agent: me\r\nX-A: 1\r\n\r\n`,
  `POST /open/x HTTP/1.1\r\nHost: ${HOST}\r\nContent-Length: 5\r\nX-A: 1\r\n\r\nhello`,
  `POST /open/x HTTP/1.1\r\nHost: ${HOST}\r\nTransfer-Encoding: chunked\r\n\r\n5;a=b\r\nhello\r\nC;x="y\\"z"\r\nand 12 bytes\r\n0\r\nT: 1\r\n\r\n`,
  `GET http://${HOST}/open/x HTTP/1.1\r\nHost: ${HOST}\r\nAccept: */*, a/b;q=0.5\r\nConnection: keep-alive, x-a\r\nX-A: 1\r\n\r\n`,
  `GET /open/x HTTP/1.0\r\nHost: ${HOST}\r\nConnection: keep-alive\r\nCookie: a=1; b="2"\r\n\r\n`,
  `PUT /open/x HTTP/1.1\r\nHost: ${HOST}\r\nContent-Length: 3\r\n\r\nabcGET /open/y HTTP/1.1\r\nHost: ${HOST}\r\n\r\n`
];

const BYTES = ['\0', '\t', '\n', '\v', '\r', ' ', ',', ':', ';', '0', 'X', '_', '\x80', '\xff', '\r\n'];

function* singles(text) {
  for (let i = 0; i < text.length; i++) {
    for (const b of BYTES) {
      yield text.slice(0, i) + b + text.slice(i + 1);
      yield text.slice(0, i) + b + text.slice(i);
    }
    yield text.slice(0, i) + text.slice(i + 1);
    yield text.slice(0, i) + text[i] + text.slice(i);
  }
}

/** Numbers that are the same each time (xorshift). */
function numbers(seed) {
  let x = seed;
  return (below) => {
    x ^= x << 13;
    x ^= x >>> 17;
    x ^= x << 5;
    return (x >>> 0) % below;
  };
}

function changed(text, next) {
  const i = next(text.length), b = BYTES[next(BYTES.length)];
  return [text.slice(0, i) + b + text.slice(i + 1), text.slice(0, i) + b + text.slice(i), text.slice(0, i) + text.slice(i + 1)][next(3)];
}

/** All single mutants, of which every `step`th, and `pairs` of two mutations. */
export function* mutants({ step = 1, pairs = 0 } = {}) {
  let n = 0;
  for (const base of bases) for (const m of singles(base)) if (n++ % step === 0) yield m;
  const next = numbers(20260101);
  for (let i = 0; i < pairs; i++) yield changed(changed(bases[next(bases.length)], next), next);
}
