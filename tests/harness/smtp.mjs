// A real SMTP server that keeps what it is sent: one port with TLS from the start, one that demands STARTTLS, one that offers no TLS at all
// (where nobody should say a password). All want AUTH.
//
//   const post = await startSmtp();               post.smtps, post.smtp, post.bare: urls for rules; post.username, post.password
//   const mail = await post.next('alice@example.com');      mail.text, mail.html, mail.subject, mail.field('to'), mail.complaints
//   post.answer('bob@example.com', 550)            from now on, at RCPT; { status: 451, at: 'data' } after the mail; 'silence', 'reset'
//   post.delayMs = 3000; post.mute = true          slow at RCPT; not even a greeting
import fs from 'node:fs';
import { createRequire } from 'node:module';
import { Authority, authority } from './certs.mjs';
import { readMail } from './mime.mjs';
import { sleep, until } from './wait.mjs';

const require = createRequire(new URL('../parts/package.json', import.meta.url));

const TEXTS = { 250: 'Accepted', 421: 'Try later', 451: 'Try again later', 452: 'Mailbox full', 550: 'No such user here', 552: 'Too big', 554: 'No' };

const refusal = (status) => Object.assign(new Error(TEXTS[status] ?? 'No'), { responseCode: status });
const filesOf = (pair) => ({ key: fs.readFileSync(pair.key), cert: fs.readFileSync(pair.cert) });

class Post {
  constructor({ names = ['mail.example.test'], username = 'gate', password = 'mail password' }) {
    Object.assign(this, { names, username, password, mails: [], logins: [], recipients: [], delayMs: 0, mute: false });
    this.answers = new Map();
    this.servers = {};
    this.connections = 0;
  }

  async listen() {
    const { SMTPServer } = require('smtp-server');
    const shared = {
      ...filesOf(authority().issue(this.names)), banner: 'test', disableReverseLookup: true, logger: false, closeTimeout: 100, size: 1 << 20, authMethods: ['PLAIN', 'LOGIN'],
      onConnect: (session, done) => this.onConnect(done),
      onAuth: (auth, session, done) => this.onAuth(auth, session, done),
      onRcptTo: (address, session, done) => void this.onRecipient(address, session, done),
      onData: (stream, session, done) => void this.onMail(stream, session, done)
    };
    const kinds = { smtps: { secure: true }, smtp: {}, bare: { hideSTARTTLS: true, allowInsecureAuth: true, disabledCommands: ['STARTTLS'] } };
    for (const [kind, own] of Object.entries(kinds)) {
      const server = new SMTPServer({ ...shared, ...own });
      // Clients that leave in the middle are what tests are about.
      server.on('error', () => {});
      await new Promise((r) => server.listen(0, '127.0.0.1', r));
      this.servers[kind] = server;
      this[kind] = `${kind === 'smtps' ? 'smtps' : 'smtp'}://${this.names[0]}:${server.server.address().port}`;
    }
    return this;
  }

  onConnect(done) {
    this.connections++;
    if (!this.mute) done();
  }

  onAuth(auth, session, done) {
    const good = auth.username === this.username && auth.password === this.password;
    this.logins.push({ username: auth.username, good, secure: session.secure });
    if (good) done(null, { user: auth.username });
    else done(Object.assign(new Error('Invalid username or password'), { responseCode: 535 }));
  }

  /** What an address gets from now on; undefined: mail is taken again. */
  answer(address, how) {
    if (how === undefined) this.answers.delete(address);
    else this.answers.set(address, typeof how === 'object' ? how : { status: how, at: 'rcpt' });
  }

  /** Answers as told for one of these addresses at this point: true if it did. */
  refused(at, addresses, session, done) {
    const how = addresses.map((a) => this.answers.get(a)).find((h) => h && (h.at ?? 'rcpt') === at);
    if (!how || how.status === 250) return false;
    if (how.status === 'reset') this.connectionOf(session)?._socket.destroy();
    else if (how.status !== 'silence') done(refusal(how.status));
    return true;
  }
  connectionOf(session) {
    return Object.values(this.servers).flatMap((s) => [...s.connections]).find((c) => c.session === session);
  }

  async onRecipient({ address }, session, done) {
    this.recipients.push({ at: Date.now(), address });
    if (this.delayMs) await sleep(this.delayMs, undefined, { ref: false });
    if (!this.refused('rcpt', [address], session, done)) done();
  }

  async onMail(stream, session, done) {
    const parts = [];
    try {
      for await (const d of stream) parts.push(d);
    } catch {
      return;
    }
    const to = session.envelope.rcptTo.map((r) => r.address);
    if (this.refused('data', to, session, done)) return;
    this.mails.push({ at: Date.now(), from: session.envelope.mailFrom.address, to, secure: session.secure, raw: Buffer.concat(parts), ...this.tryRead(Buffer.concat(parts)) });
    done();
  }
  tryRead(raw) {
    try {
      return readMail(raw);
    } catch (e) {
      return { complaints: [e.message] };
    }
  }

  sentTo(address) {
    return this.mails.filter((m) => m.to.includes(address));
  }
  /** The next mail to somebody that was not asked for before. */
  next(address, ms = 10000) {
    return until(`a mail to ${address}`, () => {
      const mail = this.sentTo(address).find((m) => !m.taken);
      if (mail) mail.taken = true;
      return mail;
    }, ms);
  }

  /** As of a service: 'good', 'expired', 'name', 'stranger'. */
  certificate(kind) {
    const make = {
      good: () => authority().issue(this.names), expired: () => authority().issue(this.names, { expired: true }), name: () => authority().issue(['elsewhere.test']),
      stranger: () => (this.stranger = new Authority('a stranger')).issue(this.names)
    };
    for (const s of Object.values(this.servers)) s.updateSecureContext(filesOf(make[kind]()));
  }

  async close() {
    await Promise.all(Object.values(this.servers).map((s) => new Promise((r) => s.close(r))));
    this.stranger?.remove();
  }
}

export const startSmtp = (options = {}) => new Post(options).listen();
