// The mail server of the tests, asked by a client that knows nothing of it.
import assert from 'node:assert/strict';
import { createRequire } from 'node:module';
import net from 'node:net';
import { after, afterEach, before, describe, it } from 'node:test';
import { authority } from '../harness/certs.mjs';
import { readMail } from '../harness/mime.mjs';
import { startSmtp } from '../harness/smtp.mjs';

const require = createRequire(new URL('../parts/package.json', import.meta.url));
const nodemailer = require('nodemailer');

describe('the mail server of the tests', () => {
  let post;
  before(async () => (post = await startSmtp()));
  after(() => post?.close());
  afterEach(() => {
    post.answers.clear();
    post.delayMs = 0;
    post.mute = false;
  });

  const client = (url, more = {}) => {
    const { protocol, port } = new URL(url);
    return nodemailer.createTransport({
      host: '127.0.0.1', port: Number(port), secure: protocol === 'smtps:', requireTLS: protocol === 'smtp:', tls: { ca: authority().pem, servername: post.names[0] },
      auth: { user: post.username, pass: post.password }, connectionTimeout: 20000, greetingTimeout: 20000, socketTimeout: 20000, ...more
    });
  };
  const letter = { from: 'gate@example.test', to: 'alice@example.com', subject: 'Ein Gruß', text: 'Zeile\n.\nmit Punkt — und so', html: '<p>Gruß = schön</p>' };
  const send = async (url, more = {}, options) => {
    const c = client(url, options);
    try {
      return await c.sendMail({ ...letter, ...more });
    } finally {
      c.close();
    }
  };

  for (const kind of ['smtps', 'smtp']) it(`takes mail by ${kind}, and reads it`, async () => {
    const to = `${kind}@example.com`;
    await send(post[kind], { to });
    const mail = await post.next(to);
    assert.equal(mail.secure, true);
    assert.equal(mail.from, 'gate@example.test');
    assert.equal(mail.subject, 'Ein Gruß');
    assert.equal(mail.text.trimEnd(), 'Zeile\r\n.\r\nmit Punkt — und so');
    assert.equal(mail.html.trim(), '<p>Gruß = schön</p>');
    assert.equal(mail.field('To'), to);
    assert.deepEqual(mail.complaints, []);
  });
  it('wants a name and the right password', async () => {
    await assert.rejects(send(post.smtps, {}, { auth: { user: 'gate', pass: 'wrong' } }), { responseCode: 535 });
    await assert.rejects(send(post.smtps, {}, { auth: undefined }), { responseCode: 530 });
    assert.equal(post.logins.at(-1).good, false);
  });
  it('wants STARTTLS before a password', async () => {
    await assert.rejects(send(post.smtp, {}, { requireTLS: false, ignoreTLS: true }), { responseCode: 538 });
  });
  it('has a port without TLS that tells who would say a password there', async () => {
    await assert.rejects(send(post.bare));
    await send(post.bare, { to: 'bare@example.com' }, { requireTLS: false });
    assert.equal(post.logins.at(-1).secure, false);
  });
  it('answers by address, before and after the mail', async () => {
    post.answer('no@example.com', 550);
    post.answer('later@example.com', 451);
    post.answer('full@example.com', { status: 452, at: 'data' });
    for (const [to, responseCode] of [['no', 550], ['later', 451], ['full', 452]])
      await assert.rejects(send(post.smtps, { to: `${to}@example.com` }), { responseCode });
    assert.equal(post.sentTo('no@example.com').length, 0);
    post.answer('no@example.com', undefined);
    await send(post.smtps, { to: 'no@example.com' });
    assert.equal(post.sentTo('no@example.com').length, 1);
  });
  it('is silent, slow, or gone, when told', async () => {
    const impatient = { greetingTimeout: 1000, socketTimeout: 1000 };
    post.answer('silence@example.com', 'silence');
    await assert.rejects(send(post.smtps, { to: 'silence@example.com' }, impatient), { code: 'ETIMEDOUT' });
    post.answer('reset@example.com', 'reset');
    await assert.rejects(send(post.smtps, { to: 'reset@example.com' }));
    post.delayMs = 300;
    const from = performance.now();
    await send(post.smtps, { to: 'slow@example.com' });
    assert.ok(performance.now() - from >= 290);
    post.mute = true;
    await assert.rejects(send(post.smtp, {}, impatient), { code: 'ETIMEDOUT' });
  });
  it('has wrong certificates, when told', async () => {
    for (const kind of ['expired', 'name', 'stranger']) {
      post.certificate(kind);
      for (const by of ['smtps', 'smtp']) await assert.rejects(send(post[by]), /certificate|self-signed|altnames|verify/i, `${kind} by ${by}`);
    }
    post.certificate('good');
    await send(post.smtp, { to: 'again@example.com' });
  });
  it('offers STARTTLS on one plain port and not on the other', async () => {
    const hello = (url) => new Promise((resolve) => {
      const socket = net.connect(Number(new URL(url).port), '127.0.0.1');
      let said = '';
      socket.on('data', (d) => {
        said += d;
        if (/^220 .*\r\n$/.test(said)) socket.write('EHLO x.example.test\r\n');
        if (/^250 /m.test(said)) resolve(socket.destroy() && said);
      });
    });
    assert.match(await hello(post.smtp), /STARTTLS/);
    assert.doesNotMatch(await hello(post.bare), /STARTTLS/);
  });

  describe('its reader', () => {
    const head = 'Date: Sat, 21 Nov 2026 12:00:00 +0000\r\nFrom: a@b.test\r\nTo: c@d.test\r\nSubject: x\r\nMessage-ID: <1@b.test>\r\nMIME-Version: 1.0\r\n';
    const read = (text) => readMail(Buffer.from(text, 'latin1'));
    it('reads folded fields, coded words, both encodings', () => {
      const m = read(`${head.replace('Subject: x', 'Subject: =?utf-8?Q?Gr=C3=BC_?=\r\n =?UTF-8?B?w5/DnA==?=')}Content-Type: text/plain;\r\n charset=utf-8\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\nf=C3=BCr=\r\n dich\r\n`);
      assert.deepEqual([m.subject, m.text, m.complaints], ['Grü ßÜ', 'für dich\r\n', []]);
    });
    for (const [what, text] of [
      ['a bare LF', `${head}Content-Type: text/plain\r\n\r\na\nb`], ['a long line', `${head}Content-Type: text/plain\r\n\r\n${'x'.repeat(999)}`],
      ['a field twice', `${head}To: e@f.test\r\nContent-Type: text/plain\r\n\r\na`], ['a field missing', `${head.replace(/Message-ID.*?\r\n/, '')}Content-Type: text/plain\r\n\r\na`],
      ['no field', `${head}what is this\r\nContent-Type: text/plain\r\n\r\na`], ['raw bytes in a field', `${head.replace('Subject: x', 'Subject: \xc3\xbc')}Content-Type: text/plain\r\n\r\na`],
      ['8 bits in 7', `${head}Content-Type: text/plain; charset=utf-8\r\n\r\n\xc3\xbc`], ['an end without its boundary', `${head}Content-Type: multipart/alternative; boundary=x\r\n\r\n--x\r\n\r\na\r\n--x\r\n`]
    ]) it(`complains of ${what}`, () => assert.notDeepEqual(read(text).complaints, []));
    it('will not read a lone =', () => assert.throws(() => read(`${head}Content-Type: text/plain\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n1=2`)));
  });
});
