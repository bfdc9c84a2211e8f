// Where the gate may stand (pages-and-fly.md, step 4): each place's listener is believed and refused as the page says.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import net from 'node:net';
import path from 'node:path';
import tls from 'node:tls';
import { after, describe, it } from 'node:test';
import { authority } from '../harness/certs.mjs';
import { program, root } from '../harness/gate.mjs';
import { start } from '../harness/parts.mjs';
import { freePort } from '../harness/ports.mjs';
import { until, within } from '../harness/wait.mjs';
import { Wire, requestBytes } from '../harness/wire.mjs';
import { block, checked, withLocal, workshop } from './lib.mjs';

const secrets = { AUTOTEST_PASSWORD: 'robotsonly', DEV_PASSWORD: '2600hz', ORIGIN_KEY: 'k'.repeat(32) };
const host = 'autotest.patchtogether.live';
const names = ['patchtogether.live', '*.patchtogether.live', '*.autotest.patchtogether.live', '*.dev.patchtogether.live'];
const CLIENT = '203.0.113.9';
const plainJson = (text) => JSON.parse(text.replace(/^\s*\/\/.*$/gm, ''));
const patchtogether = () => plainJson(fs.readFileSync(path.join(root, 'rules/patchtogether.json'), 'utf8'));
const fragment = (name) => `{${block('pages-and-fly.md', name)}}`;

/** A PROXY v2 header: TCP over IPv4 from CLIENT. */
function proxyHeader() {
  const head = Buffer.from([0x0d, 0x0a, 0x0d, 0x0a, 0x00, 0x0d, 0x0a, 0x51, 0x55, 0x49, 0x54, 0x0a, 0x21, 0x11, 0, 12]);
  return Buffer.concat([head, Buffer.from(CLIENT.split('.').map(Number)), Buffer.from([127, 0, 0, 1, 0x30, 0x39, 0x01, 0xbb])]);
}

const tcp = (port) => within('a connection', new Promise((resolve, reject) => {
  const socket = net.connect({ port, host: '127.0.0.1' }, () => resolve(socket));
  socket.once('error', reject);
}));
const secured = (socket) => within('TLS', new Promise((resolve, reject) => {
  const s = tls.connect({ socket, servername: host, ca: authority().pem }, () => resolve(s));
  s.once('error', reject);
  s.once('close', () => reject(new Error('closed')));
}));

/** One request to the host; the connection is made by `open`. */
async function ask(open, headers = {}) {
  const wire = new Wire(await open());
  try {
    await wire.send(requestBytes({ host, headers: { Connection: 'close', ...headers } }));
    return await wire.response({});
  } finally {
    wire.close();
  }
}

/** The patchtogether rules in that place, before the proxy that `trusted` names. */
async function place(name, { port, redirect, trusted = '127.0.0.0/8', certificates }) {
  const dir = workshop(`place-${name}`);
  const rules = patchtogether();
  const ports = [['[::]:443', `127.0.0.1:${port}`], ['[::]:8080', `127.0.0.1:${port}`], ['[::]:80"', `127.0.0.1:${redirect}"`]];
  const part = plainJson(withLocal(fragment(name), ...ports.filter(([from]) => fragment(name).includes(from))));
  part.client_address.trusted_proxies = [trusted];
  delete rules.certificates;
  const whole = { ...rules, ...part, ...(certificates ? { certificates } : {}), log: { to: path.join(dir, 'access.log') } };
  const file = await checked(dir, 'rules.json', JSON.stringify(whole), secrets);
  const argv = [program, 'serve', file, '--state', path.join(dir, 'state'), '--threads', '1'];
  const gate = await start('tiergate', argv, port, { env: secrets });
  gate.lastClient = async () => {
    const log = path.join(dir, 'access.log');
    const lines = () => (fs.existsSync(log) ? fs.readFileSync(log, 'utf8').split('\n').filter(Boolean) : []);
    const line = await until('a log line', () => lines().map((l) => JSON.parse(l)).find((l) => l.host === host));
    return line.client;
  };
  return gate;
}

async function isClosedWithoutAWord(open) {
  const wire = await open().then((s) => new Wire(s), () => undefined);
  if (!wire) return;
  await wire.send(requestBytes({ host })).catch(() => {});
  assert.equal((await wire.rest()).length, 0);
  wire.close();
}

describe('places of pages-and-fly.md', () => {
  const gates = [];
  const certificates = () => [authority().issue(names)];
  const at = async (name, options) => {
    const gate = await place(name, { port: await freePort(), redirect: await freePort(), ...options });
    gates.push(gate);
    return gate;
  };
  after(() => Promise.all(gates.map((g) => g.stop())));

  it('each block is good with the file as it stands', async () => {
    for (const name of ['place-a', 'place-b', 'place-c']) {
      const rules = { ...patchtogether(), ...plainJson(fragment(name)) };
      if (name === 'place-b') delete rules.certificates;
      await checked(workshop('place-check'), `rules/${name}.json`, JSON.stringify(rules), secrets);
    }
  });

  it('(a) TLS passes through, and the PROXY header says who came', async () => {
    const gate = await at('place-a', { certificates: certificates() });
    const r = await ask(async () => {
      const socket = await tcp(gate.port);
      socket.write(proxyHeader());
      return secured(socket);
    });
    assert.equal(r.status, 401);
    assert.equal(await gate.lastClient(), CLIENT);
    await isClosedWithoutAWord(async () => secured(await tcp(gate.port)));
  });

  it('(b) the platform ends TLS and says who came in Fly-Client-IP', async () => {
    const gate = await at('place-b', {});
    const r = await ask(() => tcp(gate.port), { 'Fly-Client-IP': CLIENT });
    assert.equal(r.status, 401);
    assert.equal(await gate.lastClient(), CLIENT);
    const health = await ask(() => tcp(gate.port), {});
    assert.equal(health.status, 401, 'without the field the address is unknown, and nobody is let in for it');
  });

  it('(b) closes whom it does not trust', async () => {
    const gate = await at('place-b', { trusted: '198.51.100.0/24' });
    await isClosedWithoutAWord(() => tcp(gate.port));
  });

  it('(c) believes CF-Connecting-IP from its proxies', async () => {
    const gate = await at('place-c', { certificates: certificates() });
    assert.equal((await ask(async () => secured(await tcp(gate.port)), { 'CF-Connecting-IP': CLIENT })).status, 401);
    assert.equal(await gate.lastClient(), CLIENT);
  });

  it('(c) and from nobody else', async () => {
    const gate = await at('place-c', { certificates: certificates(), trusted: '198.51.100.0/24' });
    assert.equal((await ask(async () => secured(await tcp(gate.port)), { 'CF-Connecting-IP': CLIENT })).status, 401);
    assert.equal(await gate.lastClient(), '127.0.0.1');
  });
});
