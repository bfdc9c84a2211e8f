// One vector, many runs: each identity × each form of the target × whole, cut at every byte, behind a good request. What counts is what
// the origin saw: the good request in front, the vector where it may pass, the good request behind it where the connection goes on.
import { NotStrict, all, readResponses } from './messages.mjs';
import { HOST, difference, fieldsAtOrigin } from './vector-site.mjs';
import { until } from './wait.mjs';
import { volley } from './volley.mjs';

const good = (name, run, more = '') => `GET /open/${name}?run=${run} HTTP/1.1\r\nHost: ${HOST}\r\n${more}\r\n`;
const wantGood = (site, name, run) => ({
  method: 'GET', target: `/open/${name}?run=${run}`, body: '', complete: true, fields: fieldsAtOrigin(site, {})
});

/** `lines` put into a head, behind Host where there is one that all read so; a head that has no line to stand behind stays as it is. */
export function withLines(text, lines) {
  const host = /(?:^|\r\n)Host: a\.test\r\n/.exec(text);
  const first = /HTTP\/\d\.\d\r\n/.exec(text);
  const at = host ? host.index + host[0].length : first ? first.index + first[0].length : undefined;
  return at === undefined ? text : text.slice(0, at) + lines + text.slice(at);
}

const ORIGIN_FORM = /^((?:\r\n)?[A-Za-z]+ )\//;
export const toAbsolute = (text) => (ORIGIN_FORM.test(text) ? text.replace(ORIGIN_FORM, `$1http://${HOST}/`) : undefined);

/** The cuts of a mode; 0: sent whole. */
function cutsOf(depth, from, to) {
  const every = Array.from({ length: to - from - 1 }, (_, i) => from + i + 1);
  if (depth === 'all') return every;
  return every.filter((_, i) => i % Math.ceil(every.length / depth) === 0);
}

/**
 * All runs of `cases` ({name, text, want({identity, form, run})}) over identities, forms and cuts. want →
 *   statuses  the final answers to the vector that are right
 *   origin    what the origin must see of it; undefined: nothing
 *   begun     {request, payload}: what it may see of it besides, but never complete
 *   goesOn    the request behind it must be answered too; false: it must not; undefined: as the gate likes
 *   closes    its answer says Connection: close
 *   finish    nothing behind it, half-close instead
 */
export function* shotsOf(site, cases, { identities, depth, counter }) {
  for (const c of cases)
    for (const identity of identities)
      for (const form of ['origin', 'absolute']) {
        const base = form === 'origin' ? c.text : c.absolute === undefined ? toAbsolute(c.text) : c.absolute;
        if (!base) continue;
        for (const piped of [false, true]) yield* shotsFor({ site, c, identity, form, base, piped, depth, counter });
      }
}

function* shotsFor({ c, identity, form, base, piped, depth, counter }) {
  const make = (cut) => {
    const run = counter.next++;
    const want = c.want({ identity, form, run });
    const front = piped ? good('good', run) : '';
    const head = withLines(base, `X-Run: ${run}\r\n${identity.lines}`);
    const text = front + head + (want.finish ? '' : good('bye', run, 'Connection: close\r\n'));
    return { run, want, piped, c, cut, finish: want.finish, bytes: Buffer.from(text, 'latin1'), from: front.length, to: front.length + head.length,
      name: `${c.name}, ${identity.name}, ${form} form${piped ? ', piped' : ''}` };
  };
  const whole = make(0);
  yield whole;
  for (const cut of cutsOf(depth, whole.from, whole.to)) yield make(cut);
}

// --- judging ------------------------------------------------------------------------------------------------------------

function judgeAnswers(shot, { text, how }) {
  const { want, piped, c } = shot;
  if (how !== 'end') return `the connection ended in a ${how}`;
  const answers = readResponses(text, [...(piped ? ['GET'] : []), c.method ?? 'GET', 'GET']).filter((r) => r.status >= 200);
  if (piped && answers.shift()?.status !== 200) return 'the good request in front was not answered';
  const [mine, bye, more] = answers;
  if (more) return 'an answer too many';
  if (!mine) return want.statuses.includes(0) ? '' : 'no answer';
  if (!want.statuses.includes(mine.status)) return `status ${mine.status}, not ${want.statuses}`;
  if (want.goesOn === false && bye) return `the request behind it was answered ${bye.status}`;
  if (want.goesOn === true && bye?.status !== 200) return 'the request behind it was not answered';
  if (want.closes && !all(mine.fields, 'connection').includes('close')) return 'no Connection: close';
  shot.bye = bye !== undefined;
  return '';
}

/** A request that the vector may have begun at the origin, but never ended. */
function takeBegun(seen, { want }) {
  const at = want.begun ? seen.findIndex((s) => all(s.fields, 'x-run').length > 0) : -1;
  if (at < 0) return '';
  const [one] = seen.splice(at, 1);
  if (one.complete || !want.begun.payload.startsWith(one.body)) return `the origin took ${JSON.stringify(one.body)} for a body`;
  return difference({ ...one, body: '' }, { ...want.begun.request, body: '', complete: false });
}

function judgeOrigin(site, shot) {
  const { want, piped, run } = shot;
  const seen = [...site.recorder.of(run)];
  const begun = takeBegun(seen, shot);
  const expected = [piped && wantGood(site, 'good', run), want.origin, shot.bye && wantGood(site, 'bye', run)].filter(Boolean);
  if (begun) return begun;
  if (seen.length !== expected.length) return `the origin saw ${seen.map((r) => `${r.method} ${r.target}`).join(', ') || 'nothing'}`;
  // They may have come by different connections: they are told apart, not put in order.
  for (const e of expected) {
    const told = seen.map((s) => difference(s, e));
    const at = told.indexOf('');
    if (at < 0) return `the origin saw another request: ${told.at(-1)}`;
    seen.splice(at, 1);
  }
  return '';
}

const explain = (shot, why) => `${shot.name}, ${shot.cut ? `cut at ${shot.cut}` : 'whole'}: ${why}\n    ${JSON.stringify(shot.bytes.toString('latin1').slice(0, 400))}`;

function judge(shot, back) {
  try {
    return judgeAnswers(shot, back);
  } catch (e) {
    if (e instanceof NotStrict) return e.message;
    throw e;
  }
}

const left = (recorder) => recorder.connections.filter((c) => !c.closed && c.text.length > 0);

/** What was begun must be broken off by then; what comes when all is over came without reason. */
async function judgeLate(site, late) {
  const { recorder } = site;
  const problems = [];
  await until('begun requests to be broken off', () => left(recorder).length === 0, 5000).catch((e) => problems.push(`${e.message}: ${JSON.stringify(left(recorder)[0].text)}`));
  for (const shot of late) {
    const why = judgeOrigin(site, shot);
    if (why) problems.push(explain(shot, why));
    recorder.runs.delete(shot.run);
  }
  for (const [run, seen] of recorder.runs) if (seen.length) problems.push(`run ${run}: the origin saw ${JSON.stringify(seen)}`);
  recorder.runs.clear();
  return [...problems, ...recorder.violations.splice(0)];
}

/** Runs them all; {count, problems}. */
export async function runAll(site, shots, options = {}) {
  const problems = [], late = [];
  const count = await volley(shots, {
    port: site.port,
    ...options,
    told(shot, back) {
      const why = judge(shot, back);
      if (why) problems.push(explain(shot, `${why}\n    answered ${JSON.stringify(back.text.slice(0, 300))}`));
      if (shot.want.begun || judgeOrigin(site, shot)) late.push(shot);
      else site.recorder.runs.delete(shot.run);
    }
  });
  return { count, problems: [...problems, ...(await judgeLate(site, late))] };
}
