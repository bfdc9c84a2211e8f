// What origins that stand behind Access have: keys by address, issuer, audience. Only the team's address is another one here.
import https from 'node:https';
import { createRequire } from 'node:module';
import { authority } from './certs.mjs';

const require = createRequire(new URL('../parts/package.json', import.meta.url));

/** fetch() for addresses whose names mean this machine. */
function fetchHere(address) {
  const url = new URL(address);
  return new Promise((resolve, reject) => {
    https.get({ host: '127.0.0.1', port: url.port, servername: url.hostname, ca: authority().pem, path: url.pathname + url.search, headers: { host: url.host }, agent: false }, (r) => {
      const parts = [];
      r.on('data', (d) => parts.push(d)).on('error', reject);
      r.on('end', () => resolve(new Response(Buffer.concat(parts), { status: r.statusCode, headers: Object.entries(r.headers).map(([n, v]) => [n, String(v)]) })));
    }).on('error', reject);
  });
}

/** team: 'https://stg.plyr.test:8443'. (token, audience) → claims, or it throws. */
export function accessVerifier(team) {
  const jose = require('jose');
  const keys = jose.createRemoteJWKSet(new URL(`${team}/cdn-cgi/access/certs`), { [jose.customFetch]: fetchHere, cooldownDuration: 0 });
  return async (token, audience) => (await jose.jwtVerify(token, keys, { issuer: team, audience, algorithms: ['RS256'] })).payload;
}
