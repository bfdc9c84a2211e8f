// Every block of the recipes that could run is run by a test of this folder, or says why it is not.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { describe, it } from 'node:test';
import { root } from '../harness/gate.mjs';
import { blocks } from './lib.mjs';

const pages = ['pages-and-fly.md', 'websockets.md', 'uptime.md', 'previews.md', 'local.md', 'lock-the-origin.md', 'service-tokens.md', 'sign-in.md', 'access.md', 'ci.md'];
const here = path.join(root, 'tests/docs');
const tests = fs.readdirSync(here).filter((f) => f.endsWith('.test.mjs')).map((f) => fs.readFileSync(path.join(here, f), 'utf8')).join('');

/** Everything that people read, from the top of the checkout. */
const all = ['README.md', 'CONTRIBUTING.md', 'SECURITY.md', 'CHANGELOG.md', ...fs.readdirSync(path.join(root, 'docs'), { recursive: true }).filter((f) => f.endsWith('.md')).map((f) => path.join('docs', f))];
const read = (file) => fs.readFileSync(path.join(root, file), 'utf8');

const anchors = (file) => {
  const text = read(file);
  const slug = (h) => h.toLowerCase().replace(/[^\w\s-]/g, '').trim().replaceAll(' ', '-');
  const headings = [...text.matchAll(/^#+ (.*)$/gm)].map((m) => slug(m[1]));
  const named = [...text.matchAll(/<a id="([^"]+)">/g)].map((m) => m[1]);
  return new Set([...headings, ...named]);
};

for (const page of pages)
  describe(page, () => {
    it('has no block that nobody runs', () => {
      for (const b of blocks(page)) assert.ok(b.mark, `no mark before:\n${b.text}`);
    });
    it('names only tests that there are', () => {
      for (const b of blocks(page).filter((x) => x.mark === 'test')) assert.ok(tests.includes(`'${b.name}'`), `no test takes ${b.name}`);
    });
  });

describe('links', () => {
  for (const page of all)
    it(`${page}: to what is there`, () => {
      for (const [, to] of read(page).matchAll(/\]\((?!https?:)([^)\s]+)\)/g)) {
        const [file, anchor] = to.split('#');
        const target = file ? path.join(path.dirname(page), file) : page;
        assert.ok(fs.existsSync(path.join(root, target)), `no ${target}`);
        if (anchor) assert.ok(anchors(target).has(anchor), `no #${anchor} in ${target}`);
      }
    });
  it('README.md leads to every page of docs/', () => {
    const readme = read('README.md');
    for (const page of all.filter((p) => path.dirname(p) === 'docs')) assert.ok(readme.includes(`](${page}`), page);
  });
});
