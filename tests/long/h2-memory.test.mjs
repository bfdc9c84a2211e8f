// What an attack over HTTP/2 makes memory grow by: all of its connections together, from a gate that has served before. Each attack has a gate of its
// own, so that none uses again what another has left.
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { authority } from '../harness/certs.mjs';
import { memoryIsReal, residentKib } from '../harness/proc.mjs';
import { startSite } from '../harness/site.mjs';
import { endAll, sleep } from '../harness/wait.mjs';
import { BEYOND, STAY } from './h2-beside.mjs';
import { Helper } from './helper.mjs';

const HOST = 'open.example.test', CONNECTIONS = 16;
const MOST_KIB = 8 * 1024;
const TIME_MS = 3000, EVERY_MS = 50;

describe('memory of an attacked gate', { skip: !memoryIsReal && 'a sanitizer keeps what is freed' }, () => {
  let attacked, url;
  const rows = [];

  before(async () => {
    attacked = await Helper.start('h2-attacked.mjs');
    url = `http://127.0.0.1:${(await attacked.tell('listen')).port}`;
  });
  after(async () => {
    console.log(['highest growth in KiB, and connections that the attacker made', ...rows].join('\n  '));
    await endAll(attacked);
  });

  /** The highest of what is seen in that time. */
  async function peakOf(pid) {
    let peak = 0;
    for (const end = performance.now() + TIME_MS; performance.now() < end; await sleep(EVERY_MS)) peak = Math.max(peak, residentKib(pid));
    return peak;
  }

  async function growth(name) {
    const helpers = [];
    const site = await startSite({ origin: url, more: { limits: { connections_per_address: CONNECTIONS, drain_timeout: '1s' } }, gate: { threads: 1 } });
    try {
      const { gate } = site;
      const client = await Helper.start('h2-beside.mjs'), attacker = await Helper.start('h2-beside.mjs');
      helpers.push(client, attacker);
      await client.tell('client', { port: gate.port, host: HOST, ca: authority().pem });
      await client.tell('measure', { kept: 50, fresh: 50 });
      const base = residentKib(gate.pid);
      await attacker.tell('attack', { name, port: gate.port, host: HOST, connections: CONNECTIONS });
      const peak = await peakOf(gate.pid), { made } = await attacker.tell('stop');
      return { grown: peak - base, made };
    } finally {
      await endAll(...helpers, site);
    }
  }

  for (const name of Object.keys(BEYOND))
    it(name, async () => {
      const { grown, made } = await growth(name);
      rows.push(`${name.padEnd(38)} ${String(grown).padStart(6)} ${String(made).padStart(6)}`);
      if (STAY[name]) assert.equal(made, STAY[name], 'its connections were ended');
      else assert.ok(made > 0, 'the attacker had no connection');
      assert.ok(grown < MOST_KIB, rows.at(-1));
    });
});
