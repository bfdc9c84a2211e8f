// Every block of the recipes that could run is run by a test of this folder, or says why it is not.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { describe, it } from 'node:test';
import { root } from '../harness/gate.mjs';
import { blocks } from './lib.mjs';

const pages = ['pages-and-fly.md', 'websockets.md', 'uptime.md', 'previews.md', 'local.md', 'lock-the-origin.md', 'service-tokens.md', 'sign-in.md'];
const here = path.join(root, 'tests/docs');
const tests = fs.readdirSync(here).filter((f) => f.endsWith('.test.mjs')).map((f) => fs.readFileSync(path.join(here, f), 'utf8')).join('');

const anchors = (page) => {
  const text = fs.readFileSync(path.join(root, 'docs', page), 'utf8');
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
    it('links to what is there', () => {
      const text = fs.readFileSync(path.join(root, 'docs', page), 'utf8');
      for (const [, to] of text.matchAll(/\]\((?!https?:)([^)]+)\)/g)) {
        const [file, anchor] = to.split('#');
        assert.ok(!file || fs.existsSync(path.join(root, 'docs', file)), `no ${file}`);
        if (anchor) assert.ok(anchors(file || page).has(anchor), `no #${anchor} in ${file || page}`);
      }
    });
  });
