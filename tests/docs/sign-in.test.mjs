// sign-in.md: its rules are good, its script is there, and what it says of pages is what they say.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { describe, it } from 'node:test';
import { authority } from '../harness/certs.mjs';
import { Gate, root } from '../harness/gate.mjs';
import { block, checked, workshop } from './lib.mjs';

const secrets = { GITHUB_CLIENT_ID: 'Iv1.0123456789abcdef', GITHUB_CLIENT_SECRET: 's'.repeat(40), SMTP_PASSWORD: 'secret-of-mail' };
const page = fs.readFileSync(path.join(root, 'docs/sign-in.md'), 'utf8');

describe('sign-in.md', () => {
  for (const name of ['sign-in-github', 'sign-in-mail'])
    it(`${name}: the rules are good`, async () => {
      const part = JSON.parse(`{${block('sign-in.md', name)}}`);
      const rules = {
        listen: [{ address: '127.0.0.1:8443' }], certificates: [authority().issue(['stg.example.com'])], session: { domain: 'example.com' }, ...part,
        origins: { web: { url: 'http://127.0.0.1:1' } },
        hosts: [{ host: 'stg.example.com', origin: 'web', gate: 'team', rules: [{ path: '/*', action: 'allow', who: ['developers'] }] }]
      };
      await checked(workshop(name), 'rules.json', JSON.stringify(rules), secrets);
    });

  it('local.md: its gate is good in the rules of the local machine', async () => {
    const rules = JSON.parse(fs.readFileSync(path.join(root, 'rules/local.json'), 'utf8').replace(/^\s*\/\/.*$/gm, ''));
    Object.assign(rules.gates, JSON.parse(`{${block('local.md', 'local-github')}}`));
    for (const rule of rules.hosts.flatMap((h) => h.rules).filter((r) => r.action === 'allow')) rule.who = ['github:your-login'];
    await checked(workshop('local-github'), 'rules.json', JSON.stringify({ ...rules, $schema: undefined, certificates: [authority().issue(['dev.localhost', '*.dev.localhost'])] }), secrets);
  });

  it('README.md: the smallest rules are good', async () => {
    const rules = { ...JSON.parse(block('../README.md', 'readme-sign-in')), certificates: [authority().issue(['staging.example.com'])] };
    await checked(workshop('readme-sign-in'), 'rules.json', JSON.stringify(rules), secrets);
  });

  it('the script of its tag is there', async () => {
    const [, src] = /src="([^"]+)"/.exec(block('sign-in.md', 'sign-in-script'));
    const gate = await Gate.start({
      rules: {
        gates: { team: { basic: { realm: 'team', users: { beta: 'env:PASSWORD' } } } }, origins: { web: { url: 'http://127.0.0.1:1' } },
        hosts: [
          { host: 'app.example.test', origin: 'web', gate: 'team', rules: [{ path: '/*', action: 'allow' }] },
          { host: 'open.example.test', origin: 'web', public: true, rules: [{ path: '/*', action: 'bypass' }] }
        ]
      },
      env: { PASSWORD: 'a good password' }
    });
    try {
      const r = await gate.request({ host: 'app.example.test', path: src });
      assert.equal(r.status, 200);
      for (const name of page.matchAll(/`(?:await )?tiergate\.(?!addEventListener)(\w+)\(/g)) assert.match(r.text, new RegExp(`\\b${name[1]}\\(`), name[1]);
      assert.equal((await gate.request({ host: 'open.example.test', path: src })).status, 404, 'without a gate there is no session');
    } finally {
      await gate.stop();
    }
  });

  it('the pages that its last table names say so', () => {
    const said = ['denied_page.c', 'page_notes.c', 'answer.c'].map((f) => fs.readFileSync(path.join(root, 'src/gate', f), 'utf8').replace(/"\s*\n\s*"/g, '')).join('');
    const rows = page.split('## When it does not work')[1].match(/^\| .*$/gm);
    const titles = rows.flatMap((row) => [...row.split('|')[1].matchAll(/(?<!: )\*([^*]+)\*/g)].map((m) => m[1]));
    assert.ok(titles.length >= 7, titles.join());
    for (const title of titles) assert.ok(said.includes(title), `no page says: ${title}`);
  });
});
