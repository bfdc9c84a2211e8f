// The n-th call fails while rules are loaded: anew (SIGHUP), or for the first time. What is told to be served is served, whole.
import { spawn } from 'node:child_process';
import { program } from '../harness/gate.mjs';
import { childrenOf, descendantsOf } from '../harness/proc.mjs';
import { sleep, until } from '../harness/wait.mjs';
import { pipeline } from './scenarios.mjs';
import { PASSWORD, PATIENCE, basic } from './site.mjs';

/* A 5xx of our own. */
const REFUSED = 'refused without need';

/** Rules of one of two kinds: a path is open, or shut. Whoever serves must serve one of them, and say which. */
export function rulesOf(site, open) {
  const rules = structuredClone(site.rules);
  rules.rulesets.gated.unshift({ name: 'door', path: '/door', action: open ? 'bypass' : 'block' });
  return rules;
}

/** What does not fit rules of that kind. */
export async function misfits(site, open) {
  const wire = await site.plain();
  try {
    const results = await pipeline(site, wire, [
      { path: '/door', is: open ? 200 : 403 }, { path: '/pub/a', is: 200 }, { path: '/v1/health', is: 200 }, { path: '/pub/private/x', is: 403 },
      { path: '/pub/nothing', is: 403 }, { path: '/lan/x', is: 401 }, { path: '/away/x', is: 401 }, { path: '/', is: 401 },
      // Who comes in plain has no address of his own, so an exception of addresses hits him.
      { path: '/x', claim: 'u0', headers: { Authorization: basic('u0', PASSWORD) }, is: 403 },
      { path: '/few/x', claim: 'u0', headers: { Authorization: basic('u0', PASSWORD) }, is: 200 },
      { path: '/few/x', claim: 'u1', headers: { Authorization: basic('u1', PASSWORD) }, is: 403 },
      { path: '/x', host: 'other', headers: { Authorization: basic('u0', PASSWORD) }, is: 401 }, { path: '/x', host: 'open', is: 200 },
      { path: '/', host: 'stranger', is: 421 }
    ]);
    return [...results.filter((r) => !r.good).map((r) => r.wrong ?? (r.why ? `lost: ${r.why}` : REFUSED)), ...(results.length < 14 ? ['answers are missing'] : []), ...site.breaches.splice(0)];
  } finally {
    wire.close();
  }
}

/* Ends of a worker that are as they should be: half of a commit cannot be taken back, and who has lost the supervisor drains. */
const FORESEEN = /worker: a loop thread could not take the new rules|worker: out of memory|the worker failed: |another worker takes over|the worker exited with status 0|the other process is gone/;

/** One SIGHUP with rules of the kind `open`. Returns {ok} and what the supervisor said. */
async function reload(site, open) {
  const { gate } = site;
  const from = gate.stderr.length;
  const said = () => gate.stderr.slice(from).replace(/^.*warning:.*\n/gm, '');
  gate.write(rulesOf(site, open));
  gate.process.kill('SIGHUP');
  await until('the reload to be told', () => /reload: (ok|refused)/.test(said()) || gate.how, 4 * PATIENCE, 2);
  if (/the worker (was|exited)/.test(said())) await until('another worker', () => /a new worker serves/.test(said()), 4 * PATIENCE, 5);
  return { ok: /reload: ok/.test(said()), said: said() };
}

/** All n of one kind of call in one role while rules are loaded anew. */
export async function sweepReloads(site, { role, what, error }, { every = 1, from = 1, most = 20000 } = {}) {
  const { fault } = site;
  const out = { tries: 0, ok: 0, refused: 0, workers: 0, wrong: [], places: new Set() };
  const hash = {};
  let open = false;
  for (const kind of [true, false, true, false]) {
    await reload(site, kind);
    if (hash[kind] && hash[kind] !== fault.hash) throw new Error('a loader does not say the same twice');
    hash[kind] = fault.hash;
  }
  if (site.restWorker !== fault.worker) await site.findRest();
  for (let nth = from, beyond = 0; nth <= most && beyond < 2 && out.wrong.length < 8; nth += every) {
    const worker = fault.worker;
    const next = !open;
    fault.arm({ role, what, error, nth });
    const { ok, said } = await reload(site, next);
    const hit = fault.hits > 0;
    fault.disarm();
    const wrong = [];
    // libcrypto cannot bear it while it sets itself up; a loader that dies of that hands nothing over.
    const library = role === 'loader' && hit && fault.trace[0]?.startsWith('libcrypto');
    if (/killed by signal (?!9 )/.test(said) && !library) wrong.push(`killed: ${said}`);
    if (site.gate.how) throw new Error(`tiergate ended: ${said}`);
    if (ok && fault.hash !== hash[next]) wrong.push('the loader handed over something else');
    if (ok) open = next;
    if (!hit && !ok) wrong.push(`refused without a fault: ${said}`);
    if (worker !== fault.worker && !FORESEEN.test(said)) wrong.push(`another worker: ${said}`);
    // Who was given new rules and could not serve them all is followed by one that serves the last good ones.
    wrong.push(...(await misfits(site, open)));
    const left = worker === fault.worker ? await site.rest() : await site.findRest();
    if (left) wrong.push(left);
    out.tries += hit ? 1 : 0;
    beyond += hit ? 0 : 1;
    out[ok ? 'ok' : 'refused'] += hit ? 1 : 0;
    out.workers += worker !== fault.worker ? 1 : 0;
    if (hit) out.places.add(fault.trace.slice(0, 4).join(' '));
    for (const w of wrong) out.wrong.push(`reload, ${role}: ${what} #${nth} ${error ?? ''} (${ok ? 'ok' : 'refused'}): ${w}\n    at ${hit ? fault.place : 'no fault'}`);
  }
  return out;
}

function end(child) {
  for (const pid of [child.pid, ...descendantsOf(child.pid)]) {
    try {
      process.kill(pid, 'SIGKILL');
    } catch {
      // gone already
    }
  }
}

/** One start under a fault, on the ports of a site whose own program has been stopped. */
async function start(site) {
  const { gate } = site;
  const args = ['serve', gate.rulesFile, '--state', `${gate.dir}/state`, '--threads', '1', '--resolver', site.dns.server];
  const child = spawn(program, args, { env: { ...process.env, ...site.env }, stdio: ['ignore', 'ignore', 'pipe'] });
  let said = '';
  let how;
  child.stderr.on('data', (d) => (said += d));
  const gone = new Promise((r) => child.once('close', (code, signal) => r((how = { code, signal }))));
  try {
    await until('it to serve, or to end', () => how || /serving \d+ host/.test(said), 4 * PATIENCE, 2);
    said = said.replace(/^.*warning:.*\n/gm, '');
    const hit = site.fault.hits > 0;
    site.fault.disarm();
    return { how, said, hit, wrong: how ? [] : await misfits(site, false) };
  } finally {
    end(child);
    await gone;
    await until('its children to be gone', () => childrenOf(child.pid).length === 0, PATIENCE, 2);
  }
}

/* libssl makes do without an algorithm that it had no memory to load, and does not say so: an origin that needs it may then be a 502
 * (docs/THREAT-MODEL.md). */
const MAKES_DO = /^tls_ctx_new /;

/** All n of one kind of call in one role while it starts: it serves all of the rules, or ends and says why. */
export async function sweepStarts(site, { role, what, error }, { every = 1, from = 1, most = 20000 } = {}) {
  const { fault } = site;
  const out = { tries: 0, served: 0, ended: 0, wrong: [], places: new Set() };
  site.gate.write(rulesOf(site, false));
  for (let nth = from, beyond = 0; nth <= most && beyond < 1 && out.wrong.length < 8; nth += every) {
    fault.arm({ role, what, error, nth });
    const { how, said, hit, wrong: told } = await start(site);
    const wrong = told.filter((w) => !(w === REFUSED && hit && MAKES_DO.test(fault.place)));
    // Libraries that set themselves up may end the program: nothing is served then.
    const library = hit && !fault.trace[0]?.startsWith('tiergate+') && !fault.trace[0]?.startsWith('exe+');
    if (how?.code === 0 || (how?.signal && !library)) wrong.push(`ended with ${JSON.stringify(how)}`);
    if (how && !library && !/tiergate/.test(said)) wrong.push('ended without a word');
    if (/killed by signal (?!9 )/.test(said) && !library) wrong.push(said);
    if (!hit && how) wrong.push(`did not start without a fault: ${said}`);
    out.tries += hit ? 1 : 0;
    beyond += hit ? 0 : 1;
    out[how ? 'ended' : 'served'] += hit ? 1 : 0;
    if (hit) out.places.add(fault.trace.slice(0, 4).join(' '));
    for (const w of wrong) out.wrong.push(`start, ${role}: ${what} #${nth} ${error ?? ''}: ${w}\n    at ${hit ? fault.place : 'no fault'}`);
  }
  await sleep(10);
  return out;
}
