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

  /** A certificate for these names; `expired`: one that has run out. */
  issue(names, { expired = false, key = 'ec' } = {}) {
    const at = path.join(this.dir, `leaf${++this.count}`);
    const csr = `${at}.csr`;
    const ext = `${at}.ext`;
    const alg = key === 'ec' ? ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256'] : ['-newkey', 'rsa:2048'];
    openssl(['req', ...alg, '-nodes', '-subj', `/CN=${names[0].slice(0, 60)}`, '-keyout', `${at}.key`, '-out', csr]);
    const isAddress = (n) => /^[\d.]+$|:/.test(n);
    fs.writeFileSync(ext, `subjectAltName=${names.map((n) => `${isAddress(n) ? 'IP' : 'DNS'}:${n}`).join(',')}\n`);
    // Only `openssl ca` can set both dates.
    fs.writeFileSync(`${at}.cnf`, [
      '[ca]', 'default_ca=x', '[x]', `database=${at}.db`, `serial=${at}.serial`, `new_certs_dir=${this.dir}`, 'default_md=sha256',
      'policy=any', '[any]', 'commonName=supplied', ''
    ].join('\n'));
    fs.writeFileSync(`${at}.db`, '');
    fs.writeFileSync(`${at}.serial`, `${1000 + this.count}\n`);
    const day = (n) => `${new Date(Date.now() + n * 86400e3).toISOString().replace(/[-:T]|\..*/g, '').slice(0, 14)}Z`;
    openssl([
      'ca', '-batch', '-notext', '-config', `${at}.cnf`, '-cert', this.certFile, '-keyfile', this.keyFile, '-in', csr, '-extfile', ext,
      '-startdate', day(-3), '-enddate', day(expired ? -1 : 40), '-out', `${at}.crt`
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
