// docs/THREAT-MODEL.md: each control's proof is a test that there is and that runs. A page that claims more than that is worse than none.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { describe, it } from 'node:test';
import { root } from '../harness/gate.mjs';

const read = (...at) => fs.readFileSync(path.join(root, ...at), 'utf8');
const page = read('docs/THREAT-MODEL.md');
const section = (title) => page.split(/^## /m).find((s) => s.startsWith(`${title}\n`)) ?? '';

/** [{id, threat, control, proofs: [{file, title}]}], and what of the last column was no proof. */
function rows(text) {
  return [...text.matchAll(/^\| (T\d+) \|(.*)\|$/gm)].map(([, id, rest]) => {
    const [threat, control, proof, ...more] = rest.split(' | ').map((cell) => cell.trim());
    const parts = (proof ?? '').split('<br>').filter(Boolean);
    const proofs = parts.map((p) => /^`([^`]+)` "(.+)"$/.exec(p)).map((m) => m && { file: m[1], title: m[2].replaceAll("\\'", "'") });
    return { id, threat, control, proofs, more };
  });
}

const quoted = (s) => s.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');

/** Whether a text of this kind holds a test of that title: a call that makes one, or a named row of its table. */
const holds = {
  mjs: (text, title) => {
    const t = quoted(title);
    const plain = text.replaceAll("\\'", "'");
    return new RegExp(`\\b(?:it|describe)\\((['"\`])${t}\\1,`).test(plain) || new RegExp(`^\\s*\\['${t}',`, 'm').test(plain);
  },
  c: (text, title) => {
    const t = quoted(title);
    return new RegExp(`\\b(?:cmocka_unit_test\\w*|T|TEST|WITH)\\(${t}[,)]`).test(text) || new RegExp(`\\{"${t}",`).test(text) ||
      (title === 'LLVMFuzzerTestOneInput' && text.includes(`int ${title}(`));
  },
  table: (text, title) => text.split('\n').includes(title)
};

/** Whether something runs the file: the suites of ./dev take node tests by folder, meson lists the rest, fuzz targets need seeds. */
function runs(file) {
  const [, folder, name] = /^tests\/(.+)\/([\w-]+)(?:\.test)?\.\w+$/.exec(file) ?? [];
  if (file.endsWith('.test.mjs')) return ['flow', 'regress', 'browser', 'docs', 'long'].includes(folder);
  if (folder === 'fuzz') return fs.readdirSync(path.join(root, 'tests/fuzz/corpus', name)).length > 0;
  if (['table', 'prove'].includes(folder)) return read('tests', folder, 'meson.build').includes(`'${path.basename(file)}'`);
  return /^unit\/\w+$/.test(folder ?? '') && read('tests', folder, 'meson.build').includes(`'${name}'`);
}

/** undefined, or what is wrong with a proof. */
function wrong(proof) {
  if (!proof) return 'not of the form `file` "title"';
  const kind = path.extname(proof.file).slice(1);
  if (!fs.existsSync(path.join(root, proof.file))) return `there is no ${proof.file}`;
  if (!runs(proof.file)) return `nothing runs ${proof.file}`;
  if (!holds[kind]?.(read(proof.file), proof.title)) return `${proof.file} has no test "${proof.title}"`;
  return undefined;
}

describe('docs/THREAT-MODEL.md', () => {
  const threats = rows(section('Threats, controls, proofs'));

  it('has its rows, numbered without gaps', () => {
    assert.ok(threats.length >= 40, `${threats.length} rows`);
    assert.deepEqual(threats.map((r) => r.id), threats.map((_, i) => `T${i + 1}`));
    assert.equal((page.match(/^\| T/gm) ?? []).length, threats.length, 'a row that is not read');
  });

  for (const { id, threat, control, proofs, more } of threats)
    it(`${id}: ${threat}`, () => {
      assert.ok(threat && control && proofs.length > 0 && more.length === 0, 'threat, control and proof');
      assert.deepEqual(proofs.map(wrong).filter(Boolean), []);
    });

  it('would notice a proof that is gone', () => {
    const file = 'tests/flow/paths.test.mjs';
    for (const [proof, want] of [
      [undefined, /form/], [{ file: 'tests/flow/nothing.test.mjs', title: 'x' }, /no tests/], [{ file: 'tests/harness/gate.mjs', title: 'x' }, /nothing runs/],
      [{ file, title: 'fields that claim' }, /no test/], [{ file, title: 'paths, and more' }, /no test/],
      [{ file: 'tests/unit/http/path.c', title: 'test_tab' }, /no test/], [{ file: 'tests/table/policy.table', title: 'GET /' }, /no test/]
    ]) assert.match(wrong(proof) ?? 'nothing', want);
    assert.equal(wrong({ file, title: 'paths' }), undefined);
  });

  it('speaks of threats that there are where proofs are weak', () => {
    const named = section('Not proven yet').match(/\bT\d+\b/g) ?? [];
    assert.ok(named.length > 0);
    for (const id of named) assert.ok(threats.some((r) => r.id === id), id);
  });

  it('calls nothing missing that there is', () => {
    const missing = section('Not there yet');
    const sources = fs.readdirSync(path.join(root, 'src'), { recursive: true }).filter((f) => /\.[ch]$/.test(f)).map((f) => read('src', f)).join('\n');
    for (const [said, code] of [['Landlock', /\blandlock_\w+|SYS_landlock/], ['seccomp', /\bseccomp_\w+|SECCOMP_/], ['HTTP/2', /\bnghttp2_\w+\(/]])
      assert.equal(missing.includes(said), !code.test(sources), said);
  });

  it('is linked to, and links to what is there', () => {
    for (const from of ['README.md', 'SECURITY.md']) assert.ok(read(from).includes('docs/THREAT-MODEL.md'), from);
    for (const [, to] of page.matchAll(/\]\((?!https?:)([^)#]+)/g)) assert.ok(fs.existsSync(path.join(root, 'docs', to)), to);
  });
});
