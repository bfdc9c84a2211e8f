// The recipes, run as they stand with local origins in place of the hosted ones.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { after, before, describe, it } from 'node:test';
import { authority } from '../harness/certs.mjs';
import { root, tiergate } from '../harness/gate.mjs';
import { echoOrigin } from '../harness/origins.mjs';
import { start, startHocuspocus, startPages } from '../harness/parts.mjs';
import { freePort } from '../harness/ports.mjs';
import { endAll } from '../harness/wait.mjs';
import { block, checked, example, run, shell, withLocal, workshop } from './lib.mjs';

const secrets = { AUTOTEST_PASSWORD: 'robotsonly', DEV_PASSWORD: '2600hz', ORIGIN_KEY: 'k'.repeat(32) };
const plainJson = (text) => JSON.parse(text.replace(/^\s*\/\/.*$/gm, ''));

/** A block that serves in the foreground, in a folder where `tiergate` is the program. */
async function serving(text, dir, port, env = {}) {
  await shell('true', { cwd: dir }); // makes bin/
  const PATH = `${dir}/bin:${process.env.PATH}`;
  return start('tiergate', ['bash', '-euo', 'pipefail', '-c', text], port, { cwd: dir, env: { ...env, PATH } });
}

function copyRules(dir, name, ...pairs) {
  fs.mkdirSync(path.join(dir, 'rules'), { recursive: true });
  fs.writeFileSync(path.join(dir, 'rules', name), withLocal(fs.readFileSync(path.join(root, 'rules', name), 'utf8'), ...pairs));
}

const passes = ({ code, out }) => {
  assert.equal(code, 0, out);
  return out;
};

describe('pages-and-fly.md: the rehearsal', { timeout: 240000 }, () => {
  let dir, web, sync, gate, port, redirect;
  const local = (name) => {
    const text = block('pages-and-fly.md', name);
    const pairs = [
      ['web.localhost:8788', `web.localhost:${web.port}`], ['//localhost:8788', `//localhost:${web.port}`],
      ['localhost:1235', `localhost:${sync.port}`], ['127.0.0.1:8443', `127.0.0.1:${port}`], ['127.0.0.1:8080', `127.0.0.1:${redirect}`]
    ];
    return withLocal(text, ...pairs.filter(([from]) => text.includes(from)));
  };

  before(async () => {
    [port, redirect] = [await freePort(), await freePort()];
    dir = workshop('rehearsal');
    copyRules(dir, 'patchtogether.json');
    [web, sync] = [await startPages({ marker: 'web' }), await startHocuspocus()];
  });
  after(() => endAll(gate, sync, web));

  it('prepares', async () => {
    passes(await shell(local('rehearse-prepare'), { cwd: dir }));
    const rules = fs.readFileSync(path.join(dir, 'rehearsal/rules/patchtogether.json'), 'utf8');
    assert.ok(!/pages\.dev|fly\.dev/.test(rules.replace(/^\s*\/\/.*$/gm, '')), 'no hosted origin is left');
  });
  it('checks, and explains', async () => {
    const out = passes(await shell(block('pages-and-fly.md', 'rehearse-check'), { cwd: dir }));
    assert.match(out, /14 expectations hold/);
    assert.match(out, /bypass/);
    assert.match(out, /allow/);
  });
  it('serves, and answers each question as the page says', async () => {
    gate = await serving(block('pages-and-fly.md', 'rehearse-serve'), dir, port);
    const text = local('rehearse-ask');
    const want = text.split('\n').map((l) => /^ask .*# (\d+)$/.exec(l)?.[1]).filter(Boolean);
    assert.ok(want.length >= 10);
    assert.deepEqual(passes(await shell(text, { cwd: dir })).trim().split('\n'), want);
  });
  it('has a stand-in for both origins, to which the key comes', async () => {
    await endAll(sync, web);
    const text = withLocal(block('pages-and-fly.md', 'rehearse-origins'), ['[8788, 1235]', `[${web.port}, ${sync.port}]`]);
    sync = await start('stand-in', ['bash', '-euo', 'pipefail', '-c', text], sync.port, { cwd: dir });
    const out = passes(await shell(local('rehearse-ask'), { cwd: dir }));
    assert.deepEqual(out.trim().split('\n'), [...local('rehearse-ask').matchAll(/^ask .*# (\d+)$/gm)].map((m) => m[1]));
    assert.equal(passes(await shell(local('rehearse-curl'), { cwd: dir })), '{"ok":true,"key":true}\n');
  });
});

describe('local.md', () => {
  it('from no certificate to a page', { timeout: 60000 }, async () => {
    const dir = workshop('local');
    const [port, origin] = [await freePort(), await echoOrigin('vite')];
    copyRules(dir, 'local.json', ['127.0.0.1:8443', `127.0.0.1:${port}`], ['localhost:5173', `localhost:${origin.port}`]);
    passes(await shell(block('local.md', 'local-certificate'), { cwd: dir, env: { LOCAL_PASSWORD: 'letmein' } }));
    const gate = await serving(block('local.md', 'local-serve'), dir, port);
    try {
      const out = passes(await shell(withLocal(block('local.md', 'local-ask'), ['localhost:8443', `localhost:${port}`]), { cwd: dir }));
      assert.match(out, /"marker":"vite"/);
      assert.match(out, new RegExp(`"host":"dev.localhost:${port}"`), 'the dev server sees the public name as its own');
    } finally {
      await endAll(gate, origin);
    }
  });
});

describe('lock-the-origin.md', () => {
  it('the rule is good', async () => {
    const part = plainJson(`{${block('lock-the-origin.md', 'lock-rule')}}`);
    const rules = {
      listen: [{ address: '127.0.0.1:8443' }], certificates: [authority().issue(['a.example.test'])], ...part,
      hosts: [{ host: 'a.example.test', origin: 'web', public: true, rules: [{ path: '/*', action: 'bypass' }] }]
    };
    await checked(workshop('lock-rule'), 'rules.json', JSON.stringify(rules), secrets);
  });
  it('makes a key that is long enough', async () => {
    assert.match(passes(await run(['bash', '-c', block('lock-the-origin.md', 'make-key')])), /^[0-9a-f]{64}\n$/);
  });
  it('tells of a door that is open, and is silent of one that is shut', async () => {
    const dir = workshop('lock-probe');
    fs.copyFileSync(example('origin-lock/hocuspocus.mjs'), path.join(dir, 'hocuspocus.mjs'));
    const port = await freePort();
    const open = await echoOrigin('open');
    const argv = [process.execPath, 'hocuspocus.mjs', String(port), '127.0.0.1'];
    const shut = await start('hocuspocus', argv, port, { cwd: dir, env: secrets });
    try {
      const text = withLocal(block('lock-the-origin.md', 'lock-probe'),
        ['https://my-site.pages.dev', shut.url], ['https://my-api.fly.dev', open.url]);
      assert.equal(passes(await shell(text, { cwd: dir })), `open: ${open.url}/tracks answers 200\n`);
    } finally {
      await endAll(shut, open);
    }
  });
});

describe('previews.md', () => {
  const dir = workshop('previews');
  it('the rules are good, and each preview is behind the gate', async () => {
    fs.mkdirSync(path.join(dir, 'rules'), { recursive: true });
    fs.writeFileSync(path.join(dir, 'rules/previews.json'), block('previews.md', 'previews-rules'));
    const out = passes(await shell(block('previews.md', 'previews-explain'), { cwd: dir, env: secrets }));
    assert.match(out, /3 expectations hold/);
    assert.match(out, /allow/);
  });
  it('what is no pull request is no host', async () => {
    const rules = path.join(dir, 'rules/previews.json');
    for (const [host, known] of [['pr-42', true], ['pr-abc', false], ['pr-', false], ['pr-42x', false], ['pr-4.2', false]]) {
      const { stdout } = await tiergate(['explain', `https://${host}.autotest.example.com/`, '--rules', rules], { env: secrets });
      assert.equal(/421/.test(stdout), !known, `${host}: ${stdout}`);
    }
  });
  it('the comment names the template\'s host', () => {
    const text = block('previews.md', 'previews-comment');
    assert.match(text, /https:\/\/pr-\$NUMBER\.autotest\.example\.com\//);
  });
});
