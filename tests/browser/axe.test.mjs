// The judge of our pages notices what is wrong, and under a policy that lets no script run.
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { axe } from '../harness/axe.mjs';
import { startChromium } from '../harness/parts.mjs';
import { Service } from '../harness/service.mjs';

const policy = { 'content-type': 'text/html; charset=utf-8', 'content-security-policy': "default-src 'none'; style-src 'unsafe-inline'" };
const whole = (body) => `<!doctype html><html lang="en"><title>x</title><main><h1>x</h1>${body}</main></html>`;

describe('axe', () => {
  let chromium, service;
  before(async () => {
    const pages = { '/good': whole('<label for="a">Address</label><input id="a">'), '/bad': whole('<input><p style="color:#aaa;background:#fff">pale</p>').replace(' lang="en"', '') };
    service = await new Service(['pages.example.test'], ({ path }) => ({ headers: policy, body: pages[path] ?? '' })).listen();
    chromium = await startChromium(['pages.example.test']);
  });
  after(async () => {
    await chromium?.stop();
    await service?.close();
  });

  const judge = async (path) => {
    const page = await chromium.browser.newPage();
    await page.goto(service.url + path);
    return axe(page);
  };
  it('finds nothing in a good page', async () => assert.deepEqual(await judge('/good'), []));
  it('finds a field without a name, a page without a language, pale text', async () => {
    const found = (await judge('/bad')).join('\n');
    for (const what of [/^label /m, /^html-has-lang /m, /^color-contrast /m]) assert.match(found, what);
  });
});
