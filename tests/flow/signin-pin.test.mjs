// The one-time PIN: who gets a mail, what is in it, and that nobody can guess, race, or learn who is known.
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { API, signinRules, SOLO, startSigninSite, STG } from '../harness/signin-site.mjs';
import { formsOf } from '../harness/visitor.mjs';
import { sleep, until } from '../harness/wait.mjs';

const SESSION = '__Secure-tiergate';
let nth = 0;
const somebody = () => `dev${++nth}@plyr.test`;

describe('sign-in by PIN', () => {
  let site;
  before(async () => (site = await startSigninSite()));
  after(() => site?.stop());

  it('lets in who has the code, on both hosts, back to where they were', async () => {
    const v = site.visitor(), last = await site.byPin(v, somebody(), site.url(STG, '/a?b=%2F'));
    assert.equal(last.url, site.url(STG, '/a?b=%2F'));
    assert.equal(last.status, 200);
    assert.ok(await site.isIn(v, API));
    assert.match(site.echo.requests.at(-1).headers['cf-access-authenticated-user-email'], /^dev\d+@plyr\.test$/);
  });
  it('hands over to a host outside', async () => assert.equal((await site.byPin(site.visitor(), somebody(), site.url(SOLO, '/x'))).url, site.url(SOLO, '/x')));

  describe('the mail', () => {
    it('says one code, where it is for, how long, and has no link', async () => {
      const to = somebody();
      await site.toPin(site.visitor(), to);
      const mail = await site.post.next(to);
      assert.deepEqual(mail.complaints, []);
      assert.deepEqual([mail.to, mail.from, mail.secure], [[to], 'gate@plyr.test', true]);
      assert.match(mail.field('from'), /plyr staging/);
      const pin = site.pinIn(mail);
      assert.match(mail.text, /stg\.plyr\.test/);
      assert.match(mail.text, /10 minutes|ten minutes/);
      assert.ok(mail.html.replaceAll(/<[^>]*>|&nbsp;|\s/g, '').includes(pin), 'in the HTML too');
      assert.doesNotMatch(mail.text, /https?:\/\//, 'nothing that a scanner could follow');
      assert.doesNotMatch(mail.html, /<a\b|href=|src=|https?:\/\//i);
      assert.match(mail.field('auto-submitted') ?? '', /auto-generated/);
    });
    it('is a new code each time, eight digits of chance', async () => {
      const seen = new Set();
      for (let i = 0; i < 8; i++) {
        const to = somebody();
        await site.toPin(site.visitor(), to);
        seen.add(site.pinIn(await site.post.next(to)));
      }
      assert.equal(seen.size, 8);
    });
    it('goes to nobody whom no rule would let in', async () => {
      for (const to of ['stranger@example.com', 'x@plyr.test.evil.test', 'x@evilplyr.test', 'x@sub.plyr.test', 'a@b@plyr.test', '"a@evil.test"@plyr.test', 'x@plyr.test,y@evil.test', 'x@plyr.test\r\nBcc: y@evil.test', 'x@plyr.test y@evil.test', '<x@plyr.test>', 'x@plyr.test.', 'x@PLYR.TEST\u0000', 'x@plyr\uff0etest', 'x@\uff50lyr.test', '@plyr.test', 'plyr.test', 'x@', `${'x'.repeat(300)}@plyr.test`, 'x y@plyr.test', 'x@plyr.test>', 'x@[127.0.0.1]', 'x%y@plyr.test@'])
        await site.toPin(site.visitor(), to).catch(() => {});
      await sleep(1500);
      assert.deepEqual(site.post.recipients.map((r) => r.address).filter((a) => !/^dev\d+@plyr\.test$/.test(a)), []);
    });
  });

  describe('who is known', () => {
    // Whatever differs between the two besides the address typed is a leak.
    const plain = (r, address) => r.text.replaceAll(address, 'ADDRESS').replaceAll(/value="[^"]*"|\?to=[\w-]*|Request \w*/g, '');
    it('is not said in words', async () => {
      const known = somebody(), unknown = 'nobody@example.com';
      const [a, b] = [await site.toPin(site.visitor(), known), await site.toPin(site.visitor(), unknown)];
      assert.equal(a.asked.status, b.asked.status);
      assert.equal(plain(a.asked, known), plain(b.asked, unknown));
      assert.deepEqual(a.asked.fields.map(([n]) => n).sort(), b.asked.fields.map(([n]) => n).sort());
      const [wrong, wrongToo] = [await site.enterPin(site.visitor(), a, '00000000'), await site.enterPin(site.visitor(), b, '00000000')];
      assert.equal(wrong.status, wrongToo.status);
    });
    it('is not said by a mail server that refuses or fails', async () => {
      const refused = somebody(), slow = somebody();
      site.post.answer(refused, 550);
      site.post.answer(slow, 'silence');
      const pages = [];
      for (const to of [refused, slow, somebody(), 'nobody@example.com']) pages.push(plain((await site.toPin(site.visitor(), to)).asked, to));
      assert.equal(new Set(pages).size, 1);
    });
    it('is not said by limits either', async () => {
      const known = somebody(), unknown = 'often@example.com', said = { [known]: [], [unknown]: [] };
      for (const to of [known, unknown]) for (let i = 0; i < 7; i++) {
        const { asked } = await site.toPin(site.visitor(), to);
        said[to].push([asked.status, plain(asked, to).replaceAll(/in \d+ \w+/g, '')]);
      }
      assert.deepEqual(said[known], said[unknown]);
      assert.deepEqual(said[known].map(([status]) => status), [200, 200, 200, 200, 200, 429, 429]);
      assert.match(said[known][6][1], /Too many tries/);
    });
    it('is not said by time', async () => {
      const quiet = await startSigninSite({ more: { gate: { email_pin: mutePost() } } });
      try {
        assert.ok(await differs(quiet, 'known', 'unknown') < LIMIT, 'by the answer to an address');
        // So much a difference is: the measure itself must be able to see one.
        if (!process.env.TIERGATE_SANITIZED) assert.ok(await differs(quiet, 'known', 'none') > LIMIT, 'no address at all is seen by time, which says nothing');
      } finally {
        await quiet.stop();
      }
    });
    // Two samples of one distribution differ by so much at the most, in 9999 of 10000 cases (Kolmogorov and Smirnov).
    const EACH = 100, LIMIT = Math.sqrt(-Math.log(0.00005) / 2) * Math.sqrt(2 / EACH);
    /** A server that never says a word: what it would cost this process to answer must not be measured. */
    const mutePost = () => {
      site.post.mute = true;
      return { smtp: site.post.smtp, from: 'gate@plyr.test' };
    };
    after(() => (site.post.mute = false));
    const addressOf = { known: somebody, unknown: () => `nobody${++nth}@example.com`, none: () => 'nobody' };
    async function differs(quiet, a, b) {
      const times = { [a]: [], [b]: [] };
      for (let i = 0; i < EACH; i++) for (const kind of Math.random() < 0.5 ? [a, b] : [b, a]) {
        const v = quiet.visitor(), { shown, pin } = await quiet.signInPage(v, quiet.url(STG));
        const name = pin.inputs.find((x) => x.type === 'email').name, address = addressOf[kind]();
        const from = performance.now();
        await v.submit(shown, pin, { [name]: address });
        times[kind].push(performance.now() - from);
        await sleep(2);
      }
      const below = (list, t) => list.filter((x) => x <= t).length / EACH;
      return Math.max(...times[a].concat(times[b]).map((t) => Math.abs(below(times[a], t) - below(times[b], t))));
    }
  });

  describe('a mail server', () => {
    // Whatever it does: the page is the same, no mail is there, and the log says what happened.
    const failed = (to, line = /./) => until('a line', () => site.gate.lines().map((l) => JSON.stringify(l)).some((l) => /pin-not-sent/.test(l) && l.includes(to) && line.test(l)), 10000);
    const asks = async (to) => (await site.toPin(site.visitor(), to)).asked.status;
    for (const [what, how, line] of [['refuses for good', 550, /SMTP 550/], ['refuses for now', 451, /SMTP 451/], ['refuses the text', { status: 554, at: 'data' }, /SMTP 554/], ['breaks off', 'reset', /pin-not-sent/]]) it(what, async () => {
      const to = somebody();
      site.post.answer(to, how);
      assert.equal(await asks(to), 200);
      await failed(to, line);
      assert.equal(site.post.sentTo(to).length, 0);
    });
    for (const kind of ['expired', 'name', 'stranger']) it(`is told nothing with a certificate: ${kind}`, async () => {
      const to = somebody(), logins = site.post.logins.length;
      site.post.certificate(kind);
      try {
        assert.equal(await asks(to), 200);
        await failed(to, /"mail server: certificate verify failed: (?:expired|hostname mismatch|unknown CA)/);
        assert.equal(site.post.logins.length, logins, 'no password');
        assert.equal(site.post.sentTo(to).length, 0);
      } finally {
        site.post.certificate('good');
      }
    });
    for (const [what, url, comes] of [['that begins without TLS gets no word before STARTTLS', 'smtp', true], ['without TLS gets neither password nor mail', 'bare', false]]) it(what, async () => {
      const email_pin = { smtp: site.post[url], username: site.post.username, password: 'env:SMTP_PASSWORD', from: 'plyr staging <gate@plyr.test>' };
      await site.gate.reload(signinRules(site, { gate: { email_pin } }), /reload: ok/);
      try {
        const to = somebody(), logins = site.post.logins.length;
        assert.equal(await asks(to), 200);
        if (comes) assert.equal((await site.post.next(to)).secure, true);
        else await failed(to);
        assert.ok(site.post.logins.slice(logins).every((l) => l.secure));
        assert.equal(site.post.logins.length - logins, comes ? 1 : 0);
      } finally {
        await site.gate.reload(site.rules, /reload: ok/);
      }
    });
    it('that says nothing holds up nobody', async () => {
      site.post.mute = true;
      const silent = Array.from({ length: 30 }, () => site.toPin(site.visitor(), somebody()));
      for (const { asked } of await Promise.all(silent)) assert.equal(asked.status, 200);
      site.post.mute = false;
      assert.equal((await site.byPin(site.visitor(), somebody())).status, 200);
      assert.equal((await site.byGithub(site.visitor(), 'alice')).status, 200);
    });
  });

  describe('guessing', () => {
    it('takes five tries, then even the right one is wrong', async () => {
      const v = site.visitor(), to = somebody();
      let step = await site.toPin(v, to);
      const pin = site.pinIn(await site.post.next(to)), wrong = pin === '12345678' ? '87654321' : '12345678';
      for (let i = 0; i < 5; i++) {
        const r = await site.enterPin(v, step, wrong);
        assert.equal(v.cookie(SESSION), undefined);
        const form = formsOf(r.text).find((f) => f.inputs.some((x) => x.autocomplete === 'one-time-code'));
        if (form) step = { asked: r, form, codeField: step.codeField };
      }
      await site.enterPin(v, step, pin);
      assert.equal(v.cookie(SESSION), undefined);
    });
    it('lets one of fifty right ones at once in', async () => {
      const v = site.visitor(), to = somebody(), step = await site.toPin(v, to), pin = site.pinIn(await site.post.next(to));
      const tries = Array.from({ length: 50 }, () => v.copy());
      await Promise.all(tries.map((one) => site.enterPin(one, step, pin).catch(() => undefined)));
      assert.equal(tries.filter((one) => one.cookie(SESSION)).length, 1);
    });
    it('lets no more than five of a hundred at once be tried', async () => {
      const v = site.visitor(), to = somebody(), step = await site.toPin(v, to), pin = site.pinIn(await site.post.next(to));
      const wrong = Array.from({ length: 100 }, (_, i) => String((Number(pin) + 1 + i) % 1e8).padStart(8, '0'));
      await Promise.all(wrong.map((w) => site.enterPin(v.copy(), step, w).catch(() => undefined)));
      await site.enterPin(v, step, pin);
      assert.equal(v.cookie(SESSION), undefined);
    });
    it('is bound to the browser that asked', async () => {
      const v = site.visitor(), to = somebody(), step = await site.toPin(v, to), pin = site.pinIn(await site.post.next(to));
      const thief = site.visitor();
      await site.signInPage(thief, site.url(STG));
      await site.enterPin(thief, step, pin);
      assert.equal(thief.cookie(SESSION), undefined);
    });
    it('is bound to the address', async () => {
      const v = site.visitor(), a = somebody(), b = somebody();
      await site.toPin(v, a);
      const stepB = await site.toPin(v, b);
      await site.enterPin(v, stepB, site.pinIn(await site.post.next(a)));
      assert.equal(v.cookie(SESSION), undefined);
    });
    for (const change of ['', ' ', '1234567', '123456789', '١٢٣٤٥٦٧٨', "1' OR '1'='1", '\0', '-1', '1e7', '%00', '12345678\r\n'])
      it(`is no code: ${JSON.stringify(change)}`, async () => {
        const v = site.visitor(), step = await site.toPin(v, somebody());
        const r = await site.enterPin(v, step, change);
        assert.ok(r.status < 500);
        assert.equal(v.cookie(SESSION), undefined);
      });
    it('is read with a space or a hyphen in the middle', async () => {
      const v = site.visitor(), to = somebody(), step = await site.toPin(v, to), pin = site.pinIn(await site.post.next(to));
      assert.equal((await site.enterPin(v, step, ` ${pin.slice(0, 4)} ${pin.slice(4)} `)).status, 200);
    });
    it('is sent anew after half a minute, not before, and the old one is no more', async () => {
      const v = site.visitor(), to = somebody(), first = await site.toPin(v, to), old = site.pinIn(await site.post.next(to));
      await site.toPin(v, to);
      await sleep(1000);
      assert.equal(site.post.sentTo(to).length, 1);
      await site.enterPin(v, first, old);
      assert.ok(v.cookie(SESSION), 'the first is good for as long');
    });
    it('has an end: so many mails to one address, to all, from one', async () => {
      const to = somebody(), before_ = site.post.recipients.length;
      for (let i = 0; i < 30; i++) await site.toPin(site.visitor(), to).catch(() => {});
      await sleep(1000);
      assert.ok(site.post.recipients.length - before_ <= 5);
    });
  });

  it('is in no log, nor in the store as it is', async () => {
    const to = `last@plyr.test`, v = site.visitor();
    await site.byPin(v, to).catch(() => {});
    const mail = site.post.sentTo(to)[0];
    await until('lines', () => site.gate.lines().length > 0);
    if (mail) assert.equal((site.gate.stderr + JSON.stringify(site.gate.lines())).includes(site.pinIn(mail)), false);
  });
});
