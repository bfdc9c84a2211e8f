// Mutated messages against the RFC: what the gate passes on must be what the bytes mean, and what means nothing must be refused.
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { bases, mutants } from '../vectors/mutants.mjs';
import { NotStrict, all, readResponses } from './messages.mjs';
import { readAsRfc } from './rfc.mjs';
import { withLines } from './vector-runs.mjs';
import { HOST, startVectorSite } from './vector-site.mjs';
import { until } from './wait.mjs';
import { volley } from './volley.mjs';

const OURS = ['host', 'x-forwarded-for', 'x-forwarded-proto', 'x-forwarded-host', 'traceparent', 'content-length', 'transfer-encoding'];
const short = ({ method, target, body, fields }) => JSON.stringify([method, target, body, fields.filter(([n]) => !OURS.includes(n.toLowerCase()))]);

function* shotsOf(texts, counter) {
  for (const text of texts) {
    const run = counter.next++;
    const whole = withLines(text, `X-Run: ${run}\r\n`) + `GET /open/bye?run=${run} HTTP/1.1\r\nHost: ${HOST}\r\nConnection: close\r\n\r\n`;
    yield { run, text: whole, bytes: Buffer.from(whole, 'latin1'), finish: true };
  }
}

const isOwn = (r) => all(r.fields, 'tiergate').length > 0;
const closes = (r) => all(r.fields, 'connection').includes('close');

/** Each answer of the origin's belongs to the request in the same place: these requests, and no others, it must have seen. */
function expectedOf(text, answers) {
  const { requests, why } = readAsRfc(text);
  const extra = answers.slice(requests.length);
  if (extra.length > 1 || extra.some((r) => !isOwn(r))) return { problem: `${answers.length} answers to ${requests.length} requests (${why})` };
  const isRefused = answers.length > 0 && isOwn(answers.at(-1)) && closes(answers.at(-1));
  if (!isRefused && !['end', 'closed', 'more'].includes(why)) return { problem: `what is invalid is not refused: ${why}` };
  return { expected: requests.filter((_, i) => answers[i] && !isOwn(answers[i])) };
}

function judge({ text, how }, shot) {
  if (how === 'silence') return { problem: 'silence' };
  const methods = readAsRfc(shot.text).requests.map((r) => r.method);
  try {
    return expectedOf(shot.text, readResponses(text, methods).filter((r) => r.status >= 200));
  } catch (e) {
    if (e instanceof NotStrict) return { problem: e.message };
    throw e;
  }
}

/** What is in one of two lists more often than in the other. */
function surplus(list, other) {
  const counts = new Map();
  for (const o of other) counts.set(o, (counts.get(o) ?? 0) + 1);
  return list.filter((l) => {
    const n = counts.get(l) ?? 0;
    counts.set(l, n - 1);
    return n <= 0;
  });
}

async function runMutants({ recorder, port }, texts, counter) {
  const problems = [], expected = [];
  const count = await volley(shotsOf(texts, counter), {
    port,
    told(shot, back) {
      const { problem, expected: some } = judge(back, shot);
      if (problem) problems.push(`${problem}\n    ${JSON.stringify(shot.text)}\n    ${back.how} ${JSON.stringify(back.text.slice(0, 300))}`);
      else expected.push(...some.map(short));
    }
  });
  const pending = () => recorder.connections.filter((c) => !c.closed && c.text.length > 0).length;
  await until('begun requests to be broken off', () => pending() === 0, 5000);
  const seen = [...recorder.runs.values()].flat().filter((s) => s.complete).map(short);
  recorder.runs.clear();
  problems.push(...surplus(expected, seen).map((e) => `the origin did not see ${e}`), ...surplus(seen, expected).map((s) => `the origin saw ${s}`));
  problems.push(...recorder.violations.splice(0));
  return { count, seen: seen.length, problems };
}

export function describeMutants(options) {
  describe('mutants of good messages', { timeout: 3600000 }, () => {
    const counter = { next: 1 };
    let site;
    before(async () => (site = await startVectorSite({ open: true })));
    after(() => site?.stop());
    const check = async (t, texts) => {
      const start = Date.now();
      const { count, seen, problems } = await runMutants(site, texts, counter);
      t.diagnostic(`${count} messages, ${seen} requests passed, ${Date.now() - start} ms`);
      assert.equal(problems.length, 0, `${problems.length} of ${count}:\n${problems.slice(0, 10).join('\n')}`);
      return seen;
    };

    it('unchanged they pass', async (t) => {
      assert.equal(await check(t, bases), 2 * bases.length + 1); // one holds two, and each has one behind it
    });
    it('what passes is what the bytes mean', (t) => check(t, mutants(options)));
  });
}
