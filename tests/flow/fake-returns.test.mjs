// The list of hostile addresses is what its generator makes, and it is hostile: most of it takes a browser away.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import { it } from 'node:test';
import { asText, GOOD, hostileReturns, leadsTo, makeReturns } from '../harness/openredirects.mjs';

it('is what its generator makes', () => {
  assert.equal(fs.readFileSync(new URL('../harness/openredirects.txt', import.meta.url), 'utf8'), asText(makeReturns()));
});

it('holds many, and most lead away', () => {
  const all = hostileReturns(), away = all.filter((one) => ![undefined, `https://${GOOD}`].includes(leadsTo(one)));
  assert.ok(all.length >= 550, `${all.length}`);
  assert.ok(away.length >= 300, `${away.length}`);
  for (const kind of ['http://evil.test', 'https://evil.test', 'javascript:', 'data:', 'https://stg.example.test.evil.test', 'https://127.0.0.1', 'https://[::1]']) assert.ok(away.some((a) => leadsTo(a) === kind), kind);
});
