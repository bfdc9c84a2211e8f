// Waiting with an end: a test that waits for ever tells nothing.
import { setTimeout as sleep } from 'node:timers/promises';

export { sleep };

/** Asks until the answer is truthy; throws what was awaited when time is over. */
export async function until(what, ask, ms = 10000, every = 20) {
  const end = Date.now() + ms;
  for (;;) {
    const answer = await ask();
    if (answer) return answer;
    if (Date.now() > end) throw new Error(`waited ${ms} ms for: ${what}`);
    await sleep(every);
  }
}

export function within(what, promise, ms = 10000) {
  let timer;
  const late = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error(`waited ${ms} ms for: ${what}`)), ms);
  });
  return Promise.race([promise, late]).finally(() => clearTimeout(timer));
}

/** Ends all of them, whatever each says, so that nothing keeps the test process alive; then the first complaint is told. */
export async function endAll(...ends) {
  const told = await Promise.allSettled(ends.filter(Boolean).map(async (e) => (e.stop ? e.stop() : e.close())));
  const bad = told.find((t) => t.status === 'rejected');
  if (bad) throw bad.reason;
}
