// A certificate authority of the test's own, by the openssl command.
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';

const openssl = (args) => execFileSync('openssl', args, { stdio: ['ignore', 'pipe', 'pipe'] });

export class Authority {
  constructor(name = 'tiergate test CA') {
    this.dir = fs.mkdtempSync(path.join(os.tmpdir(), 'tiergate-ca-'));
    fs.chmodSync(this.dir, 0o755);
    this.certFile = path.join(this.dir, 'ca.crt');
    this.keyFile = path.join(this.dir, 'ca.key');
    openssl([
      'req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days', '3',
      '-subj', `/CN=${name}`, '-keyout', this.keyFile, '-out', this.certFile,
      '-addext', 'keyUsage=critical,keyCertSign,cRLSign'
    ]);
    this.pem = fs.readFileSync(this.certFile, 'utf8');
    this.count = 0;
  }

  /** A certificate for these names; days may be negative for one that has run out. */
  issue(names, { days = 2, key = 'ec' } = {}) {
    const at = path.join(this.dir, `leaf${++this.count}`);
    const csr = `${at}.csr`;
    const ext = `${at}.ext`;
    const alg = key === 'ec' ? ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256'] : ['-newkey', 'rsa:2048'];
    openssl(['req', ...alg, '-nodes', '-subj', `/CN=${names[0].slice(0, 60)}`, '-keyout', `${at}.key`, '-out', csr]);
    const isAddress = (n) => /^[\d.]+$|:/.test(n);
    fs.writeFileSync(ext, `subjectAltName=${names.map((n) => `${isAddress(n) ? 'IP' : 'DNS'}:${n}`).join(',')}\n`);
    openssl([
      'x509', '-req', '-in', csr, '-CA', this.certFile, '-CAkey', this.keyFile, '-set_serial', String(1000 + this.count),
      '-days', String(days), '-extfile', ext, '-out', `${at}.crt`
    ]);
    return { cert: `${at}.crt`, key: `${at}.key` };
  }

  remove() {
    fs.rmSync(this.dir, { recursive: true, force: true });
  }
}

let shared;
/** The authority of this test process. */
export function authority() {
  if (!shared) {
    shared = new Authority();
    process.on('exit', () => shared.remove());
  }
  return shared;
}
