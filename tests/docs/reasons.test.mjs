// docs/log.md: its tables of reasons are the source's, both ways. Whoever sees a `Tiergate:` field looks it up there.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { describe, it } from 'node:test';
import { root } from '../harness/gate.mjs';

const read = (...at) => fs.readFileSync(path.join(root, ...at), 'utf8');
const section = read('docs/log.md').split('\n## Reasons\n')[1];
const TOKEN = '[a-z][a-z0-9]*(?:-[a-z0-9]+)*';

/** [reason, statuses] of all rows. */
const told = [...section.matchAll(/^\| (`.*?) \| ([\d, ]+) \|/gm)].flatMap(([, names, statuses]) =>
  names.split(', ').map((name) => [name.replaceAll('`', ''), statuses.split(', ').map(Number)]));
const documented = new Map(told);

/** What tells a client, or the log, why: the edge, the rules, and the parser of requests (what a response's says becomes a detail). */
const files = ['policy/decide.c', 'http/h1/request.c', 'http/h1/fields.c', 'http/h2/request.c', ...fs.readdirSync(path.join(root, 'src/edge')).filter((f) => f.endsWith('.c')).map((f) => `edge/${f}`)];
/** Calls whose argument may be a reason of one word. */
const CALLS = new RegExp(`\\b(?:exchange_refuse|exchange_reply|exchange_answer_request|refuse_until_later|ask_to_sign_in|h1_fail|decide)\\(([^;]*)`, 'g');
const literals = (text) => [...text.matchAll(new RegExp(`"(${TOKEN})"`, 'g'))].map((m) => m[1]);
const sources = files.map((file) => ({
  file,
  // Names of fields and the like stand in spans, a line of the log is put together of keys, and strip.c has a table of fields.
  text: read('src', file).replace(/SPAN\("[^"]*"\)/g, '').replace(/\bput_\w+\(l, "[^"]*"/g, '').replace(/\(const uint8_t \*\)"[^"]*"/g, '').replace(/^#include.*$/gm, '')
}));

/** reason → [file, status or undefined]. */
const used = new Map();
const note = (reason, file, status) => used.set(reason, [...(used.get(reason) ?? []), { file, status }]);
for (const { file, text } of sources) {
  for (const reason of literals(text)) if (reason.includes('-')) note(reason, file);
  for (const [, args] of text.matchAll(CALLS)) for (const reason of literals(args)) note(reason, file);
  for (const [, reason] of text.matchAll(new RegExp(`reason_\\w+\\[\\] = "(${TOKEN})"`, 'g'))) note(reason, file);
  for (const [, status, reason] of text.matchAll(new RegExp(`\\b([1-5]\\d\\d), "(${TOKEN})"`, 'g'))) note(reason, file, Number(status));
}

/** Told by `explain` alone: where a client is asked to sign in, and where no rule is asked at all. */
const ONLY_EXPLAINED = ['needs-identity', 'malformed-path'];

/** What the audit trail and others write as `event`. */
const sourcesOfEvents = ['src/gate/signin', 'src/edge', 'src/base', 'src/control'].flatMap((dir) =>
  fs.readdirSync(path.join(root, dir)).filter((f) => f.endsWith('.c')).map((f) => read(dir, f)));
const events = new Set(sourcesOfEvents.flatMap((text) => [
  ...[...text.matchAll(/\b(?:audit|mailing_end)\(([^;]*);/g)].flatMap(([, args]) => literals(args)),
  ...[...text.matchAll(/\\"event\\":\\"([a-z_-]+)\\"/g)].map((m) => m[1])
]));
const eventsTold = [...read('docs/log.md').split('\n## Events\n')[1].split('\n## ')[0].split('\n| field |')[0].matchAll(/^\| (`.*?) \|/gm)]
  .flatMap(([, names]) => names.split(', ').map((n) => n.replaceAll('`', '')));

describe('docs/log.md', () => {
  it('names every event that the source can write, and no other', () => {
    assert.ok(events.size > 10, `${[...events]}`);
    assert.deepEqual(eventsTold.toSorted(), [...events].toSorted());
  });

  it('the tables and the source are read at all', () => {
    assert.ok(documented.size > 50 && used.size > 50, `${documented.size} and ${used.size}`);
    for (const reason of ['rule', 'no-rule', 'health', 'unknown-host', 'origin-dns', 'obs-fold', 'header-timeout', 'overloaded']) assert.ok(used.has(reason), reason);
  });

  it('names every reason that the source can give', () => {
    const missing = [...used].filter(([reason]) => !documented.has(reason) && !ONLY_EXPLAINED.includes(reason));
    assert.deepEqual(missing.map(([reason, at]) => `${reason} (${at[0].file})`), []);
  });

  it('names each once', () => {
    const names = told.map(([reason]) => reason);
    assert.deepEqual(names.filter((reason, i) => names.indexOf(reason) !== i), []);
  });

  it('names none that the source cannot give', () => {
    assert.deepEqual([...documented.keys()].filter((reason) => !used.has(reason)), []);
  });

  it('with the status that the source gives it', () => {
    const wrong = [...used].flatMap(([reason, at]) => at.filter(({ status }) => status && documented.has(reason) && !documented.get(reason).includes(status))
      .map(({ file, status }) => `${reason} is ${status} in ${file}, not ${documented.get(reason)}`));
    assert.deepEqual(wrong, []);
  });
});
