// A GitHub of the test's own, over HTTPS by the test authority. One server is both kinds: by the name `api.…` (or below /api/v3, as on an
// Enterprise server) it is the REST API, else the pages. What it was asked is in `requests`, with `answer` and the `operation` of GitHub's
// public description; what an honest client would not send is in `complaints`.
//
//   const github = await startGithub({ apps: [{ clientId, clientSecret, callback }], users: { alice: { orgs: { acme: 'active' } } } });
//   github.person = 'alice';            who answers the question at once; undefined: a page with buttons; 'deny': nobody
//   github.world.leave('alice', 'acme') and rename, revoke, limitScopes …; world.skewMs moves the clock
//   github.limited = { kind: 'primary' } or { kind: 'secondary', status: 429, retryAfter: 7 }
//   github.fault('/api/v3/user', 'silence')                  see service.mjs
import http from 'node:http';
import https from 'node:https';
import { authority } from './certs.mjs';
import { api } from './github-api.mjs';
import { accessToken, authorize } from './github-oauth.mjs';
import { error } from './github-shapes.mjs';
import { World } from './github-world.mjs';
import { Service } from './service.mjs';

const HOUR_S = 3600;

class Github extends Service {
  constructor(names, state) {
    super(names, (request) => this.say(request));
    this.world = new World(state);
    this.tickets = new Map();
    this.rates = new Map();
    this.complaints = [];
  }

  /** Where the API and the pages are, for the links in answers. */
  get urls() {
    return { web: this.url, api: `${this.url}/api/v3` };
  }

  /** What a person may still ask in this hour. */
  rate(user) {
    const now = Math.floor(this.world.now() / 1000);
    const known = this.rates.get(user);
    if (known && known.reset > now) return known;
    const fresh = { limit: 5000, remaining: 5000, used: 0, reset: now + HOUR_S };
    this.rates.set(user, fresh);
    return fresh;
  }

  complain(what, request) {
    this.complaints.push({ what, target: request.target });
  }

  say(request) {
    const isApi = /^api\./.test(request.host);
    if (isApi) return api(this, request, request.path);
    if (request.path.startsWith('/api/v3/')) return api(this, request, request.path.slice('/api/v3'.length));
    if (request.path === '/login/oauth/authorize') return authorize(this, request);
    if (request.path === '/login/oauth/access_token') return accessToken(this, request);
    return error(404, 'Not Found');
  }

  /** One request to this server as a client of the test would send it. */
  ask(target, { method = 'GET', headers = {}, body, host = this.names[0] } = {}) {
    const framed = body ? { 'content-length': Buffer.byteLength(body) } : {};
    const all = { host: `${host}:${this.port}`, 'user-agent': 'test', ...framed, ...headers };
    const isJson = (r) => /json/.test(r.headers['content-type']);
    return new Promise((resolve, reject) => {
      const request = https.request(
        { host: '127.0.0.1', port: this.port, servername: host, ca: authority().pem, path: target, method, agent: false, headers: all },
        (r) => {
          const parts = [];
          r.on('error', reject);
          r.on('data', (d) => parts.push(d));
          r.on('end', () => {
            const text = Buffer.concat(parts).toString();
            resolve({ status: r.statusCode, headers: r.headers, text, json: isJson(r) ? () => JSON.parse(text) : undefined });
          });
        });
      request.on('error', reject);
      request.end(body);
    });
  }

  /** What a person does at `location` (where a client was sent): says yes as `login`, or no. The address that they are sent back to. */
  async decide(location, login) {
    const url = new URL(location);
    if (url.host !== this.host) throw new Error(`this leads elsewhere: ${location}`);
    const shown = await this.ask(url.pathname + url.search);
    if (shown.status === 302) return shown.headers.location;
    const ticket = /name="authenticity_token" value="(\w+)"/.exec(shown.text)?.[1];
    if (!ticket) throw new Error(`no page to say yes on: ${shown.status} ${shown.text}`);
    const form = new URLSearchParams({ authenticity_token: ticket, ...(login === undefined ? { deny: '1' } : { as: login }) });
    const told = await this.ask('/login/oauth/authorize', {
      method: 'POST', headers: { 'content-type': 'application/x-www-form-urlencoded' }, body: form.toString()
    });
    if (told.status !== 302) throw new Error(`${told.status} ${http.STATUS_CODES[told.status]}: ${told.text}`);
    return told.headers.location;
  }
}

/** names[0] is the host of its pages, names[1] that of the API where the two differ. */
export function startGithub({ names = ['github.example.test', 'api.github.example.test'], ...state } = {}) {
  return new Github(names, state).listen();
}
