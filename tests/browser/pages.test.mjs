// All pages of ours in Chromium, as people meet them: light and dark, on a phone and on a screen, enlarged, by keyboard alone, without scripts.
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { axe } from '../harness/axe.mjs';
import { png, renderPages, servePages } from '../harness/pages.mjs';
import { startChromium } from '../harness/parts.mjs';

const host = 'stg.plyr.example';
const elsewhere = 'api-stg.plyr.example';
const logo = png();
const pages = renderPages(logo);
const find = (name) => pages.find((p) => p.name === name);
const phone = { width: 360, height: 740 };
const screen = { width: 1280, height: 800 };
// What 1280 pixels are at 400 % (WCAG 2.2, 1.4.10).
const enlarged = { width: 320, height: 256 };

/** What cannot be reached by scrolling down alone, and what is cut off. */
const overflow = () => {
  const width = document.documentElement.clientWidth;
  const wide = document.documentElement.scrollWidth > width ? ['the page'] : [];
  for (const e of document.body.querySelectorAll('*')) {
    const r = e.getBoundingClientRect();
    if (r.width && (r.right > width + 0.5 || r.left < -0.5)) wide.push(e.outerHTML.slice(0, 100));
  }
  return wide;
};

/** What a finger may miss: WCAG 2.2, 2.5.8 asks for 24 pixels. */
const small = () =>
  [...document.querySelectorAll('a, button, input:not([type=hidden])')].filter((e) => e.getBoundingClientRect().height < 24).map((e) => e.outerHTML);

describe('pages', () => {
  let chromium, service;
  before(async () => {
    chromium = await startChromium([host, elsewhere]);
    service = await servePages(host, pages, logo, elsewhere);
  });
  after(async () => {
    await chromium?.stop();
    await service?.close();
  });

  /** judge(page, name) for each page in one window of its own; what is said of all of them together. */
  const each = async (options, judge, some = pages) => {
    const context = await chromium.browser.newContext({ colorScheme: 'light', viewport: screen, ...options });
    const page = await context.newPage();
    const refused = [];
    page.on('console', (m) => /Content Security Policy|Refused to|Permissions policy/.test(m.text()) && refused.push(m.text()));
    const found = [];
    for (const p of some) {
      await page.goto(`${service.url}/${p.name}`);
      found.push(...(await judge(page, p)).map((what) => `${p.name}: ${what}`));
    }
    await context.close();
    assert.deepEqual(found, []);
    assert.deepEqual(refused, []);
  };

  it('there are all of them', () => {
    assert.ok(pages.length >= 45);
    assert.equal(new Set(pages.map((p) => p.name)).size, pages.length);
    for (const p of pages) assert.match(p.body, /^<!doctype html>\n<html lang="en">/);
  });

  it('axe finds nothing in any of them, light and dark', () =>
    each({ viewport: phone }, async (page) => {
      const light = await axe(page);
      await page.emulateMedia({ colorScheme: 'dark' });
      const dark = await axe(page);
      await page.emulateMedia({ colorScheme: 'light' });
      return [...light, ...dark.map((what) => `dark: ${what}`)];
    }));
  it('axe finds nothing where the system asks for more contrast and less motion', () =>
    each({ contrast: 'more', reducedMotion: 'reduce', forcedColors: 'active' }, (page) => axe(page), ['sign-in-all', 'pin-wrong', 'sign-out'].map(find)));

  it('nothing lies beside the screen, small or enlarged as it may be, and nothing is too small for a finger', () =>
    each({}, async (page) => {
      const found = [];
      for (const viewport of [phone, screen, enlarged]) {
        await page.setViewportSize(viewport);
        found.push(...(await page.evaluate(overflow)), ...(await page.evaluate(small)));
      }
      return found;
    }));

  it('each says what it is and of which site, in the title and in one heading', () =>
    each({}, async (page, p) => {
      const title = await page.title();
      const headings = await page.locator('h1').allTextContents();
      const site = p.name.startsWith('plain') ? host : 'plyr';
      const error = p.body.includes('role="alert"') ? 'Error: ' : '';
      return headings.length === 1 && title === `${error}${headings[0]} · ${site}` ? [] : [`"${title}", headings ${headings}`];
    }));

  it('no script, nothing from elsewhere, no style but ours, no frame, nothing kept', () => {
    for (const { name, body, headers } of pages) {
      assert.doesNotMatch(body, /<script|<iframe|javascript:|\son[a-z]+=|\sstyle=|@import|url\(/i, name);
      for (const [, url] of body.matchAll(/\s(?:href|src|action)="([^"]*)"/g))
        assert.match(url, /^(?:\/\.tiergate\/|data:,$|https:\/\/(?:github\.com|stg\.plyr\.example)\/|$)/, `${name}: ${url}`);
      assert.match(headers['Content-Security-Policy'], /^default-src 'none'; style-src 'sha256-[^']+'; img-src 'self' data:; form-action 'self' https:; base-uri 'none'; frame-ancestors 'none'$/);
      assert.equal(headers['X-Frame-Options'], 'DENY');
      assert.equal(headers['X-Content-Type-Options'], 'nosniff');
      assert.equal(headers['Cache-Control'], 'no-store');
    }
  });

  it('the style is in force, and the logo is there', () =>
    each({}, (page) => page.evaluate(() => {
      const logo = document.querySelector('header img');
      const plain = getComputedStyle(document.querySelector('main')).borderTopStyle !== 'solid' ? ['without style'] : [];
      return logo && !logo.naturalWidth ? [...plain, 'without logo'] : plain;
    }), ['sign-in', 'denied-pending', 'plain', '503'].map(find)));

  /** What has the focus, and what Tab goes to from there; each must be seen to have it. */
  const tabbed = async (page) => {
    const names = [];
    for (let i = 0; i < 12; i++) {
      if (i > 0 || (await page.evaluate(() => document.activeElement === document.body))) await page.keyboard.press('Tab');
      const at = await page.evaluate(() => {
        const e = document.activeElement;
        if (!e || e === document.body) return null;
        const style = getComputedStyle(e);
        return { name: e.labels?.[0]?.textContent ?? e.textContent, ring: style.outlineStyle === 'solid' && parseFloat(style.outlineWidth) >= 2 };
      });
      if (!at || names.includes(at.name)) break;
      assert.ok(at.ring, `${at.name} does not show its focus`);
      names.push(at.name);
    }
    return names;
  };
  const orders = {
    'sign-in-all': ['Continue with GitHub', 'E-mail address', 'Send me a code', 'Use a user name and password'],
    pin: ['Code from the mail', 'Sign in', 'Send another code', 'Use another address'],
    'denied-org-blocks': ['Approve the app', 'Sign in again'],
    'sign-out': ['Sign out', 'Sign out everywhere'],
    'challenge-wrong': ['Try again']
  };
  for (const [name, order] of Object.entries(orders))
    it(`Tab goes through ${name} in the order of reading`, async () => {
      const page = await chromium.browser.newPage();
      await page.goto(`${service.url}/${name}`);
      assert.deepEqual(await tabbed(page), order);
      await page.close();
    });

  /** What the form that `act` sends would say to the gate. */
  const sent = async (name, act) => {
    const page = await chromium.browser.newPage();
    try {
      await page.goto(`${service.url}/${name}`);
      const [request] = await Promise.all([page.waitForRequest((r) => r.isNavigationRequest() && r.url().includes('/.tiergate/')), act(page)]);
      const url = new URL(request.url());
      return { method: request.method(), path: url.pathname + url.search, fields: Object.fromEntries(new URLSearchParams(request.postData() ?? '')), headers: await request.allHeaders() };
    } finally {
      await page.close();
    }
  };

  it('Enter sends the address, from where the gate can tell that it is its own form', async () => {
    const r = await sent('sign-in-all', async (page) => {
      await page.getByLabel('E-mail address').fill('anna@plyr.example');
      await page.keyboard.press('Enter');
    });
    assert.deepEqual([r.method, r.path, r.fields], ['POST', '/.tiergate/pin', { address: 'anna@plyr.example', to: 'sealed-way-back_0123456789' }]);
    assert.equal(r.headers.origin, service.url);
    assert.equal(r.headers['sec-fetch-site'], 'same-origin');
  });
  it('Enter sends the code as people paste it, without anything else', async () => {
    for (const code of ['12345678', '1234 5678', ' 1234-5678 ']) {
      const r = await sent('pin', async (page) => {
        await page.getByLabel('Code from the mail').fill(code);
        await page.keyboard.press('Enter');
      });
      assert.deepEqual([r.method, r.path, r.fields], ['POST', '/.tiergate/pin', { code, state: 'sealed-state_0123456789' }]);
    }
  });
  it('what is no code, or no address, is not sent', async () => {
    for (const [name, label, values] of [['pin', 'Code from the mail', ['', '1234567', '123456789', '1234abcd']], ['sign-in', 'E-mail address', ['', 'anna']]])
      for (const value of values) {
        const page = await chromium.browser.newPage();
        await page.goto(`${service.url}/${name}`);
        await page.getByLabel(label).fill(value);
        assert.equal(await page.getByLabel(label).evaluate((e) => e.checkValidity()), false, `${name}: "${value}"`);
        await page.close();
      }
  });
  it('the way back may lead from a form to another host', async () => {
    const page = await chromium.browser.newPage();
    await page.goto(`${service.url}/pin`);
    await page.getByLabel('Code from the mail').fill('12345678');
    await page.keyboard.press('Enter');
    await page.waitForURL(new RegExp(`^https://${elsewhere}:\\d+/app$`), { timeout: 15000 });
    await page.close();
  });
  it('another code is asked for without one', async () => {
    const r = await sent('pin', (page) => page.getByRole('button', { name: 'Send another code' }).click());
    assert.deepEqual([r.path, r.fields], ['/.tiergate/pin', { again: '1', state: 'sealed-state_0123456789' }]);
  });
  it('GitHub, a password and the way back are links that keep where one was going', async () => {
    const click = (name) => (page) => page.getByRole('link', { name }).click();
    assert.equal((await sent('sign-in-all', click('Continue with GitHub'))).path, '/.tiergate/github?to=sealed-way-back_0123456789');
    assert.equal((await sent('sign-in-all', click('Use a user name and password'))).path, '/.tiergate/sign-in?with=basic&to=sealed-way-back_0123456789');
    assert.equal((await sent('pin', click('Use another address'))).path, '/.tiergate/sign-in?to=sealed-way-back_0123456789');
    assert.equal((await sent('denied-not-member', click('Use another account'))).path, '/.tiergate/sign-in?another=1&to=sealed-way-back_0123456789');
  });
  it('signing out is here, or everywhere', async () => {
    const press = (name) => (page) => page.getByRole('button', { name, exact: true }).click();
    assert.deepEqual((await sent('sign-out', press('Sign out'))).fields, {});
    const r = await sent('sign-out', press('Sign out everywhere'));
    assert.deepEqual([r.method, r.path, r.fields, r.headers.origin], ['POST', '/.tiergate/sign-out', { everywhere: '1' }, service.url]);
  });

  it('a field says what is wrong with it, and where the eye should be', () =>
    each({}, async (page, p) => {
      const field = page.locator(p.name.startsWith('pin') ? '#code' : '#address');
      const said = await field.evaluate((e) => e.getAttribute('aria-describedby').split(' ').map((id) => document.getElementById(id)?.textContent ?? `nothing at ${id}`));
      const right = said.length === 2 && said.every((s) => s.length > 10 && !s.startsWith('nothing at')) && (await field.getAttribute('aria-invalid')) === 'true' && (await field.evaluate((e) => e === document.activeElement));
      return right ? [] : [JSON.stringify(said)];
    }, ['sign-in-address', 'pin-wrong'].map(find)));

  it('a window that a page opened stays that page\'s to close', async () => {
    const page = await chromium.browser.newPage();
    await page.goto(`${service.url}/app`);
    const [popup] = await Promise.all([page.waitForEvent('popup'), page.evaluate((url) => { globalThis.w = open(url, '', 'popup'); }, `${service.url}/signed-in`)]);
    await popup.waitForLoadState();
    assert.equal(await page.evaluate(() => globalThis.w.closed), false);
    await Promise.all([popup.waitForEvent('close'), page.evaluate(() => globalThis.w.close())]);
    await page.close();
  });
});
