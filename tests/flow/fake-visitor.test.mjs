// The browser without the browser must keep cookies as browsers do, or what is proven with it holds for nobody.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { formsOf, readCookie, Visitor } from '../harness/visitor.mjs';
import { Message } from '../harness/wire.mjs';

const at = new URL('https://stg.example.test:8443/');
const answer = (status, fields = {}, body = '') => {
  const lines = Object.entries(fields).flatMap(([n, v]) => [v].flat().map((one) => `${n}: ${one}`));
  return Object.assign(new Message([`HTTP/1.1 ${status} X`, ...lines].join('\r\n')), { body: Buffer.from(body) });
};

describe('a cookie', () => {
  for (const [text, kept] of [
    ['__Host-a=1; Secure; Path=/', true], ['__Host-a=1; Secure; Path=/; Domain=example.test', false], ['__Host-a=1; Path=/', false], ['__Host-a=1; Secure; Path=/x', false],
    ['__Secure-a=1; Secure; Domain=example.test', true], ['__Secure-a=1', false], ['a=1; Domain=.example.test', true], ['a=1; Domain=other.test', false],
    ['a=1; Domain=pr.stg.example.test', false], ['=1', false], ['a=1', true]
  ]) it(`${kept ? 'is' : 'is not'} kept: ${text}`, () => assert.equal(readCookie(text, at) !== undefined, kept));
});

describe('a visitor', () => {
  const visit = (answers, options) => {
    const asked = [];
    const v = new Visitor(async (request) => (asked.push(request), answers(request, asked.length)), options);
    return { v, asked };
  };

  it('sends a cookie to those whom it is for, and takes it back', async () => {
    const { v, asked } = visit((r, n) => answer(200, n === 1 ? { 'Set-Cookie': ['all=1; Secure; Domain=example.test', 'own=2; Secure; Path=/'] } : n === 4 ? { 'Set-Cookie': 'own=; Max-Age=0; Path=/' } : {}));
    for (const to of ['https://stg.example.test/', 'https://api.example.test/', 'https://other.test/', 'https://stg.example.test/', 'https://stg.example.test/'])
      await v.go(to);
    assert.deepEqual(asked.map((r) => r.headers.Cookie), [undefined, 'all=1', undefined, 'all=1; own=2', 'all=1']);
  });
  it('sends Lax ones from other sites with navigations by GET alone', async () => {
    const { v, asked } = visit(() => answer(200));
    v.cookies = ['lax', 'strict', 'none'].map((s) => readCookie(`${s}=1; Secure; SameSite=${s}`, at));
    const from = 'https://evil.test/';
    await v.go(at.href, { from });
    await v.go(at.href, { from, method: 'POST', form: { a: 'b' } });
    await v.go(at.href, { from, mode: 'cors' });
    await v.go(at.href, { from: 'https://api.example.test/', mode: 'cors' });
    assert.deepEqual(asked.map((r) => r.headers.Cookie), ['lax=1; none=1', 'none=1', 'none=1', 'lax=1; strict=1; none=1']);
    assert.deepEqual(asked.map((r) => [r.headers['Sec-Fetch-Site'], r.headers.Origin]), [['cross-site', undefined], ['cross-site', 'https://evil.test'], ['cross-site', undefined], ['same-site', undefined]]);
  });
  it('may refuse them all', async () => {
    const { v } = visit(() => answer(200, { 'Set-Cookie': 'a=1' }), { keepsCookies: false });
    await v.go(at.href);
    assert.equal(v.cookies.length, 0);
  });
  it('follows redirects up to where they lead away, and not for ever', async () => {
    const { v } = visit((r, n) => answer(302, { Location: n < 3 ? '/next' : 'https://github.test/x' }));
    const last = await v.follow(await v.go(at.href), [at.hostname]);
    assert.equal(v.whereTo(last).href, 'https://github.test/x');
    const round = visit(() => answer(302, { Location: '/' })).v;
    await assert.rejects(round.follow(await round.go(at.href), [at.hostname]), /more than 10 redirects/);
  });
  it('reads forms and sends them as they are', async () => {
    const page = `<form method=post action="/x?a=1&amp;b=2"><input type="hidden" name="to" value="&quot;&#x41;&lt;"><input name='address' type="email" required><button name=b value=c>ok</button></form>`;
    const { v, asked } = visit(() => answer(200, {}, page));
    const shown = await v.go(at.href), [form] = formsOf(shown.text);
    assert.deepEqual([form.action, form.method, form.fields], ['/x?a=1&b=2', 'POST', { to: '"A<', address: '' }]);
    await v.submit(shown, form, { address: 'a@b' });
    assert.deepEqual([asked[1].path, asked[1].body, asked[1].headers.Origin, asked[1].headers['Sec-Fetch-Site']], ['/x?a=1&b=2', 'to=%22A%3C&address=a%40b', 'https://stg.example.test:8443', 'same-origin']);
  });
});
