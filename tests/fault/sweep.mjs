// The n-th call fails, for each n: nothing crashes, leaks, hangs, or opens.
import { ERRORS } from '../harness/fault.mjs';
import { sleep } from '../harness/wait.mjs';
import { probe, scenarios, wiresOf } from './scenarios.mjs';

const MOST = 20000;

async function once(site, scenario, order) {
  const { fault, gate } = site;
  const context = await scenario.prepare?.(site);
  const worker = fault.worker;
  site.order = order;
  fault.arm(order);
  const results = await scenario.run(site, context);
  for (const w of wiresOf(context)) w.close();
  if (order.lasting) fault.disarm();
  const left = await site.rest();
  const hit = fault.hits > 0;
  fault.disarm();
  const wrong = results.filter((r) => r.wrong).map((r) => r.wrong);
  if (!hit) wrong.push(...results.filter((r) => !r.good && !r.wrong).map((r) => `failed without a fault: ${r.why}`));
  if (left) wrong.push(left);
  wrong.push(...site.breaches.splice(0));
  if (site.files === -1) await sleep(1000);
  if (fault.worker !== worker || /the worker (was|exited)/.test(gate.stderr.slice(site.told))) wrong.push(`the worker ended: ${gate.stderr.slice(site.told)}`);
  site.told = gate.stderr.length;
  const after = (await probe(site)).filter((r) => !r.good);
  if (after.length) wrong.push(`afterwards: ${after.map((r) => r.wrong ?? r.why).join(', ')}`);
  return { hit, wrong };
}

/** All n (or each `every`th) of one kind of call in one scenario. Returns {tries, calls, wrong}. */
export async function sweep(site, name, order, { every = 1, from = 1, most = MOST } = {}) {
  const scenario = scenarios[name];
  const out = { tries: 0, calls: 0, wrong: [], places: new Set() };
  for (let i = 0; i < 2 && !site.warm.has(name); i++) await once(site, scenario, { ...order, nth: 0 });
  site.warm.add(name);
  if (site.restWorker !== site.fault.worker) await site.findRest();
  site.told = site.gate.stderr.length;
  const live = site.fault.live;
  let beyond = 0;
  for (let nth = from; nth <= most && beyond < 2 && out.wrong.length < 8; nth += every) {
    const { hit, wrong } = await once(site, scenario, { ...order, nth });
    if (hit) {
      out.tries++;
      out.calls = Math.max(out.calls, nth);
      out.places.add(site.fault.trace.slice(0, 4).join(' '));
    } else {
      beyond++;
    }
    for (const w of wrong) out.wrong.push(`${name}: ${order.what} #${nth} ${order.error ?? ''}${order.lasting ? ' and on' : ''}: ${w}\n    at ${hit ? site.fault.place : 'no fault'}`);
    if (wrong.length) await site.findRest(); // so that what stayed behind is told once
  }
  site.origin.dropAll();
  out.grown = site.fault.live - live;
  return out;
}

export { ERRORS, scenarios };
