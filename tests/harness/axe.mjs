// Is a page right for those who read it otherwise? By axe-core, in the page, whatever its Content-Security-Policy says.
import fs from 'node:fs';
import { createRequire } from 'node:module';

const require = createRequire(new URL('../parts/package.json', import.meta.url));
const source = fs.readFileSync(require.resolve('axe-core/axe.min.js'), 'utf8');

/** page: Playwright's. What is wrong, one line each; none: nothing that can be seen so. */
export async function axe(page) {
  await page.evaluate(source);
  const { violations } = await page.evaluate(() => globalThis.axe.run(document, { resultTypes: ['violations'] }));
  return violations.map((v) => `${v.id} (${v.impact}): ${v.help}: ${v.nodes.map((n) => n.html).join(' | ')}`);
}
