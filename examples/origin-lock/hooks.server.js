// src/hooks.server.js of a SvelteKit app behind tiergate: only requests that bring the key are answered.
//   ORIGIN_KEY   the key, as in origins.*.headers of the rules; while it changes, both, separated by a space
//   ORIGIN_LOCK  "off": ask for nothing · "report": say in the log who came without · anything else, or unset: refuse
// With a handle of your own:  export const handle = sequence(lock, yours);   (sequence: '@sveltejs/kit/hooks')
import { building, dev } from '$app/environment';
import { env } from '$env/dynamic/private';

// What the platform itself asks on the machine, without passing the gate (Fly's http checks). Pages asks nothing.
const OPEN = new Set(['/api/health']);

const digest = async (text) => new Uint8Array(await crypto.subtle.digest('SHA-256', new TextEncoder().encode(text)));

// Digests have one length, and every byte is looked at: the time taken tells nothing of the key.
function same(a, b) {
  let differs = 0;
  for (let i = 0; i < a.length; i++) differs |= a[i] ^ b[i];
  return differs === 0;
}

async function hasKey(request) {
  const sent = await digest(request.headers.get('x-origin-key') ?? '');
  const keys = (env.ORIGIN_KEY ?? '').split(' ').filter(Boolean);
  const fits = await Promise.all(keys.map(async (key) => same(await digest(key), sent)));
  return fits.includes(true);
}

function isOpen({ url, request }) {
  return OPEN.has(url.pathname) && (request.method === 'GET' || request.method === 'HEAD');
}

export async function lock({ event, resolve }) {
  if (building || dev || env.ORIGIN_LOCK === 'off' || isOpen(event) || (await hasKey(event.request))) return resolve(event);
  if (env.ORIGIN_LOCK === 'report') {
    console.warn(`origin lock: without the key: ${event.request.method} ${event.url.host}${event.url.pathname}`);
    return resolve(event);
  }
  return new Response('This address is closed. Use the public name.\n', { status: 403, headers: { 'cache-control': 'no-store' } });
}

export const handle = lock;
