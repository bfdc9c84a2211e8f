// The vectors that the C tests include too (tests/vectors/*.inc): one a line, V(…) of C literals, numbers and names.
import fs from 'node:fs';

const dir = new URL('../vectors/', import.meta.url);
const TOKEN = /\s*(?:((?:"(?:\\.|[^"\\])*"\s*)+)|(-?\w+))\s*(,|\)$)/y;
const LITERAL = /"((?:\\.|[^"\\])*)"/g;
const ESCAPE = /\\(?:x([0-9a-fA-F]+)|([0-7]{1,3})|(.))/g;
const LETTERS = { r: '\r', n: '\n', t: '\t' };

/** C's string literals, joined: one char a byte. */
function literal(text) {
  return [...text.matchAll(LITERAL)]
    .map(([, inside]) =>
      inside.replace(ESCAPE, (_, hex, octal, c) => (hex ? String.fromCharCode(parseInt(hex, 16)) : octal ? String.fromCharCode(parseInt(octal, 8)) : (LETTERS[c] ?? c)))
    )
    .join('');
}

function value(text, word) {
  if (text !== undefined) return literal(text);
  if (word === 'NULL') return null;
  if (word === 'true' || word === 'false') return word === 'true';
  return /^-?\d+$/.test(word) ? Number(word) : word;
}

function parse(line, columns) {
  const out = {};
  TOKEN.lastIndex = 2;
  for (const column of columns) {
    const m = TOKEN.exec(line);
    if (!m) throw new Error(`no ${column} in ${line}`);
    out[column] = value(m[1], m[2]);
  }
  if (TOKEN.lastIndex !== line.length) throw new Error(`more than ${columns} in ${line}`);
  return out;
}

/** The vectors of one file; `columns` names what stands in each. */
export function vectors(name, columns) {
  const lines = fs.readFileSync(new URL(`${name}.inc`, dir), 'latin1').split('\n');
  const found = lines.filter((l) => l.startsWith('V(')).map((l) => parse(l, columns));
  if (found.length === 0) throw new Error(`no vectors in ${name}`);
  return found;
}
