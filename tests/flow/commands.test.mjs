// The command line, as somebody who has just installed it meets it.
import assert from 'node:assert/strict';
import { execFileSync, spawn } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { after, before, describe, it } from 'node:test';
import { program, tiergate } from '../harness/gate.mjs';
import { siteRules } from '../harness/site.mjs';
import { until, within } from '../harness/wait.mjs';
import { basic, connect, requestBytes } from '../harness/wire.mjs';

describe('commands', () => {
  let dir;
  before(() => (dir = fs.mkdtempSync(path.join(os.tmpdir(), 'tiergate-cli-'))));
  after(() => fs.rmSync(dir, { recursive: true, force: true }));
  const write = (name, rules) => {
    const file = path.join(dir, name);
    fs.mkdirSync(path.dirname(file), { recursive: true });
    fs.writeFileSync(file, typeof rules === 'string' ? rules : JSON.stringify(rules, null, 2));
    return file;
  };
  const whole = (more = {}) => ({
    listen: [{ address: '127.0.0.1:8443' }], certificates: [{ cert: 'none.pem', key: 'none.key' }], ...siteRules('http://127.0.0.1:1'), ...more
  });

  it('version', async () => {
    for (const args of [['version'], ['--version']]) {
      const r = await tiergate(args);
      assert.equal(r.code, 0, r.stderr);
      assert.match(r.stdout, /\d+\.\d+\.\d+/);
    }
  });

  it('help names every command, and each has its own with an example', async () => {
    const all = await tiergate(['--help']);
    assert.equal(all.code, 0);
    for (const command of ['serve', 'check', 'explain', 'passwd', 'token', 'share', 'revoke', 'status', 'reload', 'drain', 'cert', 'demo', 'version']) {
      assert.match(all.stdout, new RegExp(`\\b${command}\\b`));
      const r = await tiergate([command, '--help']);
      assert.equal(r.code, 0, command);
      assert.match(r.stdout, new RegExp(`^usage: tiergate ${command}\\b[^]*\n\nExample: .*\\btiergate ${command}\\b`), command);
    }
  });

  it('an unknown command or option is a usage error on stderr', async () => {
    for (const args of [['srve'], ['check', '--dpeloy'], []]) {
      const r = await tiergate(args);
      assert.equal(r.code, 2, args.join(' '));
      assert.match(r.stderr, /--help|usage/i);
    }
  });

  it('serve: what is no name server is said at once', async () => {
    for (const servers of ['foo', '', ':53', '[::1]', '127.0.0.1:0', '127.0.0.1,', '127.0.0.1:65536']) {
      const r = await tiergate(['serve', '--resolver', servers, dir]);
      assert.equal(r.code, 2, servers);
      assert.match(r.stderr, /--resolver: addresses such as/);
    }
  });

  it('serve: a state folder that cannot be made is told with what to do', async () => {
    const file = write('state.json', whole());
    const r = await tiergate(['serve', file, '--state', '/proc/nowhere/state']);
    assert.equal(r.code, 1);
    assert.match(r.stderr, /^tiergate: state folder \/proc\/nowhere\/state: it cannot be made \(.+\): name another with --state$/m);
  });

  it('check: good rules, missing files are warnings', async () => {
    const r = await tiergate(['check', write('good.json', whole())]);
    assert.equal(r.code, 0, r.stderr);
    assert.match(r.stderr + r.stdout, /APP_PASSWORD/);
    assert.match(r.stderr + r.stdout, /none\.pem/);
  });

  it('check: all errors at once, with file, place and what to write', async () => {
    const rules = whole();
    rules.hosts[0].orgin = 'web';
    rules.hosts[1].gate = 'ap';
    rules.hosts[2].rules = [{ path: 'no-slash', action: 'allow' }];
    rules.origins.web.connect_timeout = 'soon';
    const r = await tiergate(['check', write('bad.json', rules)]);
    assert.equal(r.code, 1);
    const said = r.stderr + r.stdout;
    for (const what of [/bad\.json/, /hosts\[0\]\.orgin/, /"origin"/, /hosts\[1\]\.gate/, /hosts\[2\]\.rules\[0\]\.path/, /origins\.web\.connect_timeout/]) assert.match(said, what);
  });

  it('check --json is JSON', async () => {
    const r = await tiergate(['check', '--json', write('bad.json', whole({ unknown_key: 1 }))]);
    assert.equal(r.code, 1);
    assert.ok(JSON.stringify(JSON.parse(r.stdout)).includes('unknown_key'));
  });

  it('check: a syntax error names the line', async () => {
    const r = await tiergate(['check', write('syntax.json', '{\n  "listen": [\n  oops\n}')]);
    assert.equal(r.code, 1);
    assert.match(r.stderr + r.stdout, /syntax\.json:3/);
  });

  it('check: what is not built yet is refused, not ignored', async () => {
    const rules = whole();
    rules.acme = {};
    const r = await tiergate(['check', write('later.json', rules)]);
    assert.equal(r.code, 1);
    assert.match(r.stderr + r.stdout, /not supported yet/);
  });

  it('check: an open host must say that it is public', async () => {
    const rules = whole();
    delete rules.hosts[0].public;
    const r = await tiergate(['check', write('open.json', rules)]);
    assert.equal(r.code, 1);
    assert.match(r.stderr + r.stdout, /public/);
  });

  it('check: a folder is one configuration, and a name defined twice names both places', async () => {
    const { gates, origins, rulesets, hosts, ...top } = whole();
    write('folder/a.json', { ...top, gates, origins, rulesets });
    write('folder/b.json', { hosts });
    const good = await tiergate(['check', path.join(dir, 'folder')]);
    assert.equal(good.code, 0, good.stderr);
    write('folder/c.json', { origins: { web: { url: 'http://127.0.0.1:2' } } });
    const r = await tiergate(['check', path.join(dir, 'folder')]);
    assert.equal(r.code, 1);
    assert.match(r.stderr + r.stdout, /a\.json[^]*c\.json|c\.json[^]*a\.json/);
  });

  it('explain shows the rules that were tried', async () => {
    const file = write('explain.json', whole());
    const r = await tiergate(['explain', 'GET', 'https://app.example.test/docs/../private', '--rules', file]);
    assert.equal(r.code, 0, r.stderr);
    assert.match(r.stdout, /ambiguous/);
    const open = await tiergate(['explain', 'https://app.example.test/docs/x', '--rules', file]);
    assert.match(open.stdout, /bypass/);
    assert.match(open.stdout, /docs/);
  });

  it('explain asks as anybody whom the gate of the host could know', async () => {
    const rules = whole();
    rules.gates.app = {
      github: { client_id: 'x', client_secret: 'env:X' },
      service_tokens: { smoke: `sha256:${'0'.repeat(64)}` },
    };
    for (const h of rules.hosts) if (h.gate === 'app') h.rules = [{ path: '/*', action: 'allow', who: ['github_org:example', 'service_token:smoke'] }];
    delete rules.expect;
    const file = write('as.json', rules);
    const ask = async (as) => (await tiergate(['explain', 'https://app.example.test/x', '--as', as, '--rules', file]));
    assert.match((await ask('github:anna,github_org:example')).stdout, /verdict +allow/);
    assert.match((await ask('github:anna')).stdout, /verdict +block.*not-allowed/);
    assert.match((await ask('service_token:smoke')).stdout, /verdict +allow/);
    assert.match((await ask('email:anna@example.com')).stdout, /verdict +block/);
    const nobody = await ask('github_actions:example/web');
    assert.match(nobody.stdout, /cannot prove this identity[^]*verdict +gate/);
    const wrong = await ask('bob');
    assert.equal(wrong.code, 1);
    assert.match(wrong.stderr, /service_token:NAME/);
  });

  it('passwd makes lines that are not the password', async () => {
    for (const args of [['passwd', 'ada'], ['passwd', '--bcrypt', 'ada']]) {
      const r = await tiergate(args, { input: 'a long password\n' });
      assert.equal(r.code, 0, r.stderr);
      assert.match(r.stdout, /^ada:\$(y|2[aby])\$/);
      assert.ok(!r.stdout.includes('a long password'));
    }
    assert.notEqual((await tiergate(['passwd', 'a:b'], { input: 'x\n' })).code, 0);
  });

  it('cert dev makes an authority and certificates that openssl believes', async () => {
    const out = path.join(dir, 'certs');
    const r = await tiergate(['cert', 'dev', '--out', out, 'dev.localhost', '*.dev.localhost']);
    assert.equal(r.code, 0, r.stderr);
    const files = fs.readdirSync(out);
    const ca = files.find((f) => /ca.*\.(pem|crt)$/i.test(f));
    const leaf = files.find((f) => /\.(pem|crt)$/i.test(f) && f !== ca);
    assert.ok(ca && leaf, files.join());
    for (const name of ['dev.localhost', 'sync.dev.localhost'])
      assert.match(execFileSync('openssl', ['verify', '-x509_strict', '-CAfile', path.join(out, ca), '-verify_hostname', name, path.join(out, leaf)]).toString(), /OK/);
    for (const f of files.filter((f) => f.endsWith('.key'))) assert.equal(fs.statSync(path.join(out, f)).mode & 0o077, 0, f);
  });

  it('demo serves a gated host with the login that it prints, and ends', async () => {
    const child = spawn(program, ['demo'], { cwd: dir, env: { ...process.env, HOME: dir, XDG_STATE_HOME: dir }, stdio: ['ignore', 'pipe', 'pipe'] });
    let said = '';
    child.stdout.on('data', (d) => (said += d));
    child.stderr.on('data', (d) => (said += d));
    const ended = new Promise((r) => child.once('close', (code) => r(code)));
    try {
      const url = await until('the url', () => /https:\/\/([\w.-]+):(\d+)/.exec(said), 15000);
      const login = await until('the login', () => /^\s*user\s+(\S+)\s+password\s+(\S+)/m.exec(said), 5000);
      const ask = async (headers) => {
        const wire = await connect({ port: Number(url[2]), servername: url[1], rejectUnauthorized: false });
        await wire.send(requestBytes({ host: `${url[1]}:${url[2]}`, headers: { ...headers, Connection: 'close' } }));
        const r = await wire.response();
        wire.close();
        return r;
      };
      assert.equal((await ask({})).status, 401);
      assert.equal((await ask({ Authorization: basic(login[1], login[2]) })).status, 200);
    } finally {
      child.kill('SIGINT');
      assert.equal(await within('the demo to end', ended, 10000), 0, said);
    }
  });
});
