// Requests that two servers could read in two ways: refused, the connection closed, the origin untouched.
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { cannedOrigin, answer } from '../harness/origins.mjs';
import { startSite } from '../harness/site.mjs';
import { endAll } from '../harness/wait.mjs';

const host = 'open.example.test';
const post = (fields, body = '') => `POST /x HTTP/1.1\r\nHost: ${host}\r\n${fields}\r\n\r\n${body}`;
const get = (fields) => `GET /x HTTP/1.1\r\nHost: ${host}\r\n${fields}\r\n\r\n`;
const chunked = 'Transfer-Encoding: chunked';
const smuggled = `GET /smuggled HTTP/1.1\r\nHost: ${host}\r\n\r\n`;

const refused = [
  ['length and chunked', post(`Content-Length: 5\r\n${chunked}`, '0\r\n\r\n')],
  ['chunked and length', post(`${chunked}\r\nContent-Length: 5`, '0\r\n\r\n')],
  ['two lengths', post('Content-Length: 5\r\nContent-Length: 6', 'hello!')],
  ['two equal lengths', post('Content-Length: 5\r\nContent-Length: 5', 'hello')],
  ['a list of lengths', post('Content-Length: 5, 5', 'hello')],
  ['an empty length', post('Content-Length: ', '')],
  ['a signed length', post('Content-Length: +5', 'hello')],
  ['a negative length', post('Content-Length: -1', '')],
  ['a hexadecimal length', post('Content-Length: 0x5', 'hello')],
  ['a length with a leading zero', post('Content-Length: 05', 'hello')],
  ['a length over 64 bits', post('Content-Length: 18446744073709551616', '')],
  ['a space before the colon', post('Transfer-Encoding : chunked', '0\r\n\r\n')],
  ['a tab before the colon', post('Transfer-Encoding\t: chunked', '0\r\n\r\n')],
  ['a vertical tab in the coding', post('Transfer-Encoding:\x0bchunked', '0\r\n\r\n')],
  ['another coding', post('Transfer-Encoding: gzip, chunked', '0\r\n\r\n')],
  ['chunked twice', post('Transfer-Encoding: chunked, chunked', '0\r\n\r\n')],
  ['chunked in two fields', post(`${chunked}\r\n${chunked}`, '0\r\n\r\n')],
  ['chunked with a parameter', post('Transfer-Encoding: chunked;a=1', '0\r\n\r\n')],
  ['a comma before chunked', post('Transfer-Encoding: ,chunked', '0\r\n\r\n')],
  ['identity', post('Transfer-Encoding: identity', '')],
  ['chunked in HTTP/1.0', post(chunked, '0\r\n\r\n').replace('HTTP/1.1', 'HTTP/1.0')],
  ['an underscore spelling', post('Transfer_Encoding: chunked', '0\r\n\r\n')],
  ['a folded field', get('X-A: 1\r\n chunked')],
  ['a bare CR', get(`X-A: 1\r${chunked}`)],
  ['a bare LF', get(`X-A: 1\n${chunked}`)],
  ['bare LFs alone', `GET /x HTTP/1.1\nHost: ${host}\n\n`],
  ['a NUL in a value', get('X-A: a\0b')],
  ['a control byte in a value', get('X-A: a\x01b')],
  ['a NUL in a name', get('X\0A: b')],
  ['an empty name', get(': b')],
  ['a line without a colon', get('nonsense')],
  ['a space in a name', get('X A: b')],
  ['a space before the first field', `GET /x HTTP/1.1\r\n Host: ${host}\r\n\r\n`],
  ['no Host', 'GET /x HTTP/1.1\r\n\r\n'],
  ['two Hosts', get(`Host: ${host}`)],
  ['a list in Host', `GET /x HTTP/1.1\r\nHost: ${host}, ${host}\r\n\r\n`],
  ['user information in Host', `GET /x HTTP/1.1\r\nHost: a@${host}\r\n\r\n`],
  ['a bad port', `GET /x HTTP/1.1\r\nHost: ${host}:99999\r\n\r\n`],
  ['two spaces', `GET  /x HTTP/1.1\r\nHost: ${host}\r\n\r\n`],
  ['a tab in the request line', `GET\t/x HTTP/1.1\r\nHost: ${host}\r\n\r\n`],
  ['no version', `GET /x\r\nHost: ${host}\r\n\r\n`],
  ['a fragment', `GET /x#a HTTP/1.1\r\nHost: ${host}\r\n\r\n`],
  ['a raw byte over 0x7f', `GET /\xe9 HTTP/1.1\r\nHost: ${host}\r\n\r\n`],
  ['a bad escape', `GET /%zz HTTP/1.1\r\nHost: ${host}\r\n\r\n`],
  ['an escaped NUL', `GET /%00 HTTP/1.1\r\nHost: ${host}\r\n\r\n`],
  ['no slash', `GET x HTTP/1.1\r\nHost: ${host}\r\n\r\n`],
  ['a bad method', `G{T /x HTTP/1.1\r\nHost: ${host}\r\n\r\n`],
  ['a body with an upgrade', get('Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nContent-Length: 3') + 'abc']
];

// The head of these is good and may have reached the origin; not one byte of the bad chunk does.
const badChunks = [
  ['a hexadecimal prefix', '0x5\r\nhello\r\n0\r\n\r\n'],
  ['a sign', '+5\r\nhello\r\n0\r\n\r\n'],
  ['a space before the size', ' 5\r\nhello\r\n0\r\n\r\n'],
  ['a space behind the size', '5 \r\nhello\r\n0\r\n\r\n'],
  ['no digit', 'Z\r\nhello\r\n0\r\n\r\n'],
  ['seventeen digits', '00000000000000005\r\nhello\r\n0\r\n\r\n'],
  ['a bare LF', '5\nhello\r\n0\r\n\r\n'],
  ['bytes behind the data', '5\r\nhelloXX\r\n0\r\n\r\n'],
  ['a bare CR in an extension', '5;a=b\r\rX\r\nhello\r\n0\r\n\r\n'],
  ['a control byte in an extension', '5;\x01\r\nhello\r\n0\r\n\r\n'],
  ['a bad trailer', '0\r\nnonsense\r\n\r\n']
];

describe('refusals', () => {
  let site, origin, gate;
  before(async () => {
    origin = await cannedOrigin(answer('ok'));
    site = await startSite({ origin: origin.url });
    gate = site.gate;
  });
  after(() => endAll(site, origin));

  const send = async (text) => {
    const wire = await gate.connect({ host });
    await wire.send(Buffer.from(text + smuggled, 'latin1'));
    const r = await wire.response();
    const rest = await wire.rest();
    wire.close();
    return { r, rest };
  };

  for (const [name, text] of refused) {
    it(name, async () => {
      const before = origin.seen.length;
      const { r, rest } = await send(text);
      assert.ok([400, 405, 417, 501, 505].includes(r.status), `status ${r.status}`);
      assert.match(r.get('connection') ?? '', /close/);
      assert.ok(r.has('tiergate'));
      assert.equal(rest.length, 0, 'a second answer');
      assert.equal(origin.seen.length, before, 'the origin saw something');
    });
  }

  for (const [name, body] of badChunks) {
    it(`chunk: ${name}`, async () => {
      const { r, rest } = await send(post(chunked, body));
      assert.equal(r.status, 400);
      assert.equal(rest.length, 0, 'a second answer');
      assert.ok(!origin.seen.includes('/smuggled'), 'smuggled');
    });
  }

  for (const [name, line, status] of [
    ['CONNECT', `CONNECT ${host}:443 HTTP/1.1\r\nHost: ${host}:443\r\n\r\n`, [400, 405, 501]],
    ['TRACE', get('X-A: 1').replace('GET', 'TRACE'), [400, 405, 501]],
    ['HTTP/2 preface', 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', [400, 405, 505]],
    ['HTTP/1.2', get('X-A: 1').replace('HTTP/1.1', 'HTTP/1.2'), [400, 505]],
    ['HTTP/0.9', get('X-A: 1').replace('HTTP/1.1', 'HTTP/0.9'), [400, 505]]
  ]) {
    it(name, async () => {
      const { r } = await send(line);
      assert.ok(status.includes(r.status), `status ${r.status}`);
    });
  }

  it('answers the good request in front of a bad one, then closes', async () => {
    const wire = await gate.connect({ host });
    await wire.send(get('X-A: 1') + get('X A: 1') + smuggled);
    assert.equal((await wire.response()).status, 200);
    assert.equal((await wire.response()).status, 400);
    assert.equal((await wire.rest()).length, 0);
    assert.ok(!origin.seen.includes('/smuggled'));
  });

  it('takes off an upgrade that is no WebSocket', async () => {
    const wire = await gate.connect({ host });
    await wire.send(get('Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABk'));
    const r = await wire.response();
    assert.ok([200, 400].includes(r.status));
    assert.ok(!/h2c/i.test(origin.seen) && !/HTTP2-Settings/i.test(origin.seen));
    wire.close();
  });

  it('refuses 421 for a host that it does not know, and for a name that the certificate does not cover', async () => {
    assert.equal((await gate.request({ host: 'nobody.example.test', sni: host })).status, 421);
    const r = await gate.request({ host: 'other.invalid', sni: host });
    assert.equal(r.status, 421);
    assert.ok(r.has('tiergate'));
  });

  it('reads a host without regard to case, port and one last dot', async () => {
    for (const name of ['OPEN.Example.TEST', `${host}.`, `${host}:443`, `${host}:8443`]) {
      assert.equal((await gate.request({ host: name, sni: host })).status, 200, name);
    }
  });
});
