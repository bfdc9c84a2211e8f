// A name server on loopback: enough of RFC 1035 to say where an origin is, to say it wrong, or to say nothing.
import dgram from 'node:dgram';

const TYPES = { A: 1, AAAA: 28 };

function question(query) {
  const labels = [];
  let at = 12;
  for (let n = query[at++]; n > 0; n = query[at++]) {
    labels.push(query.toString('latin1', at, at + n));
    at += n;
  }
  return { name: labels.join('.').toLowerCase(), type: query.readUInt16BE(at), end: at + 4 };
}

function packAddress(address) {
  if (address.includes('.')) return Buffer.from(address.split('.').map(Number));
  const [front, back = ''] = address.split('::');
  const groups = (s) => (s ? s.split(':').map((g) => parseInt(g, 16)) : []);
  const all = [...groups(front), ...Array(8 - groups(front).length - groups(back).length).fill(0), ...groups(back)];
  return Buffer.from(all.flatMap((g) => [g >> 8, g & 255]));
}

function reply(query, { end }, rcode, addresses, type, ttl) {
  const head = Buffer.from(query.subarray(0, 12));
  head.writeUInt16BE(0x8180 | rcode, 2);
  head.writeUInt16BE(1, 4);
  head.writeUInt16BE(addresses.length, 6);
  head.writeUInt16BE(0, 8);
  head.writeUInt16BE(0, 10);
  const answers = addresses.map((a) => {
    const data = packAddress(a);
    const record = Buffer.alloc(12);
    record.writeUInt16BE(0xc00c, 0);
    record.writeUInt16BE(type, 2);
    record.writeUInt16BE(1, 4);
    record.writeUInt32BE(ttl, 6);
    record.writeUInt16BE(data.length, 10);
    return Buffer.concat([record, data]);
  });
  return Buffer.concat([head, query.subarray(12, end), ...answers]);
}

/** names: {'a.test': ['127.0.0.1']}; others do not exist. `mode` may become 'silent' or 'fail' at any time. */
export async function startDns(names, { ttl = 1 } = {}) {
  const socket = dgram.createSocket('udp4');
  const dns = { names, ttl, mode: 'answer', asked: [] };
  socket.on('message', (query, from) => {
    const q = question(query);
    dns.asked.push(q.name);
    if (dns.mode === 'silent') return;
    const known = dns.names[q.name];
    const rcode = dns.mode === 'fail' ? 2 : known ? 0 : 3;
    const fits = (a) => (q.type === TYPES.A ? a.includes('.') : q.type === TYPES.AAAA && a.includes(':'));
    const addresses = rcode === 0 ? known.filter(fits) : [];
    socket.send(reply(query, q, rcode, addresses, q.type, dns.ttl), from.port, from.address);
  });
  await new Promise((r) => socket.bind(0, '127.0.0.1', r));
  dns.port = socket.address().port;
  dns.server = `127.0.0.1:${dns.port}`;
  dns.close = () => new Promise((r) => socket.close(r));
  return dns;
}
