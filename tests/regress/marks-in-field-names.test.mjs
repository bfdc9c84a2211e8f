// `_` and `.` for `-` were known, `X!Forwarded!User` was not: lighttpd hands it to CGI and FastCGI programs as HTTP_X_FORWARDED_USER, as it does
// with every mark that a field's name may hold.
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { PASSWORD, startSite } from '../harness/site.mjs';
import { basic } from '../harness/wire.mjs';

const host = 'app.example.test';
const names = ['X-Forwarded-User', 'X-Forwarded-For', 'X-Real-IP', 'Cf-Access-Authenticated-User-Email', 'X-Auth-Request-User', 'X-Original-URL', 'Tiergate-User', 'Proxy-Authorization'];

/** A field's name as a CGI program gets it (RFC 3875 §4.1.18, taken at its widest). */
const environment = (name) => `HTTP_${name.toUpperCase().replace(/[^A-Z0-9]/g, '_')}`;

describe('a field of ours with another mark for the hyphen', () => {
  let site;
  before(async () => (site = await startSite()));
  after(() => site?.stop());

  for (const mark of "!#$%&'*+.^_`|~")
    it(`${mark} does not arrive`, async () => {
      const headers = Object.fromEntries(names.map((n) => [n.replaceAll('-', mark), 'forged']));
      for (const [path, credentials] of [['/docs/x', {}], ['/private', { Authorization: basic('beta', PASSWORD) }]]) {
        const r = await site.gate.request({ host, path, headers: { ...headers, ...credentials } });
        assert.equal(r.status, 200);
        const forged = r.json.rawHeaders.filter((_, i, all) => i % 2 === 0 && all[i + 1] === 'forged');
        assert.deepEqual(forged.map(environment), [], path);
      }
    });
});
