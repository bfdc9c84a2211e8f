// An origin that sends vectors: what does the client get, and does any of it become another request's answer?
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { responseCases } from '../vectors/responses.mjs';
import { NotStrict, all, readResponses } from './messages.mjs';
import { HOST, startVectorSite } from './vector-site.mjs';
import { sleep, until } from './wait.mjs';
import { volley } from './volley.mjs';

const GAP_MS = 3;

/** Each answer says whose it is. */
const tagged = (c, run) => c.bytes.replace(/^(HTTP\/1\.[01] [2-5]\d\d[^\r\n]*\r\n)/, (line) => `${line}X-Tag: ${run}\r\n`);

function request(c, run) {
  const owes = c.method === 'POST' ? `Content-Length: ${c.owes ?? 0}\r\n` : '';
  return Buffer.from(`${c.method} /r?run=${run} HTTP/1.1\r\nHost: ${HOST}\r\n${owes}Connection: close\r\n\r\n`, 'latin1');
}

function* shotsOf(cases, depth, counter, scripts) {
  for (const c of cases) {
    const end = c.bytes.length - c.stray;
    const step = depth === 'all' ? 1 : Math.ceil(end / depth);
    for (let cut = 0; cut < Math.max(end, 1); cut += step) {
      const run = counter.next++;
      scripts.set(run, { c, cut, bytes: Buffer.from(tagged(c, run), 'latin1') });
      yield { run, c, scriptCut: cut, bytes: request(c, run) };
    }
  }
}

/** The origin's part: the script of the run, in two pieces. A spent connection must bring no further request. */
async function play(recorder, scripts, connection, request) {
  const { c, cut, bytes } = scripts.get(request.run);
  if (connection.spent) recorder.violations.push(`run ${request.run} came on the connection of ${connection.spent}`);
  if (c.spent) connection.spent = c.name;
  if (cut > 0) {
    connection.socket.write(bytes.subarray(0, cut));
    await sleep(GAP_MS);
  }
  connection.socket.write(bytes.subarray(cut));
  if (c.fin) connection.socket.end();
}

function judgeBody(c, mine) {
  if (!c.cut) return mine.complete && mine.body === c.body ? '' : `body ${JSON.stringify(mine.body)}${mine.complete ? '' : ', cut'}`;
  if (mine.complete) return 'it did not break off';
  return c.body.startsWith(mine.body) ? '' : `body ${JSON.stringify(mine.body)}`;
}

function judge({ c, run }, { text, how }) {
  if (how === 'silence') return 'silence';
  if (text.includes('poison')) return 'poison';
  if (c.cut && how === 'reset' && text === '') return ''; // a reset may overtake what was on its way
  const finals = readResponses(text, [c.method]).filter((r) => r.status >= 200);
  if (finals.length !== 1) return `${finals.length} answers`;
  const [mine] = finals;
  if (mine.status !== c.status) return `status ${mine.status}, not ${c.status}`;
  if (c.status === 502 && c.body === undefined) return mine.complete && all(mine.fields, 'tiergate').length === 1 ? '' : 'not the gate\'s own answer';
  const tags = all(mine.fields, 'x-tag');
  if (tags.length > 0 && tags[0] !== String(run)) return `the answer of run ${tags[0]}`;
  return judgeBody(c, mine);
}

function judged(shot, back) {
  try {
    return judge(shot, back);
  } catch (e) {
    if (e instanceof NotStrict) return e.message;
    throw e;
  }
}

const explain = ({ c, scriptCut }, { text, how }, why) =>
  `${c.name}, ${scriptCut ? `cut at ${scriptCut}` : 'whole'}: ${why}\n    ${JSON.stringify(c.bytes.slice(0, 300))}\n    ${how} ${JSON.stringify(text.slice(0, 300))}`;

async function runCases(site, scripts, cases, { depth, counter }) {
  const { recorder } = site;
  const problems = [];
  const count = await volley(shotsOf(cases, depth, counter, scripts), {
    port: site.port,
    width: 64,
    told(shot, back) {
      const why = judged(shot, back);
      if (why) problems.push(explain(shot, back, why));
    }
  });
  const spent = () => recorder.connections.filter((c) => c.spent && !c.closed);
  await until('spent connections to be closed', () => spent().length === 0, 5000).catch((e) => problems.push(`${e.message}: ${spent()[0].spent}`));
  return { count, problems: [...problems, ...recorder.violations.splice(0)] };
}

export function describeResponses({ depth }) {
  describe('responses of a hostile origin', { timeout: 3600000 }, () => {
    const counter = { next: 1 }, scripts = new Map();
    let site;
    before(async () => {
      const answer = (connection, request) => play(site.recorder, scripts, connection, request);
      site = await startVectorSite({ open: true, recorder: { answer, early: true } });
    });
    after(() => site?.stop());

    it('each is refused, cut or passed as it must, and answers no other request', async (t) => {
      const start = Date.now(), cases = responseCases();
      const { count, problems } = await runCases(site, scripts, cases, { depth, counter });
      t.diagnostic(`${cases.length} vectors, ${count} runs on ${site.recorder.connections.length} connections, ${Date.now() - start} ms`);
      assert.equal(problems.length, 0, `${problems.length} of ${count}:\n${problems.slice(0, 10).join('\n')}`);
      assert.ok(site.recorder.connections.some((c) => c.requests > 1), 'good connections are used again');
    });
  });
}
