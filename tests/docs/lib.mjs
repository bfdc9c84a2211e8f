// The recipes of docs/ as a reader has them: blocks are taken from the pages, and run.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';
import { program, root, tiergate } from '../harness/gate.mjs';
import { start } from '../harness/parts.mjs';

export const modules = path.join(root, 'tests/parts/node_modules');
const cache = path.join(root, '.cache/docs');

const FENCE = /^(?:<!-- (test|not run): ([^\n]*?) -->\n)?```(\w*)\n([\s\S]*?)^```$/gm;

/** All fenced blocks of a page: {mark: 'test' | 'not run' | undefined, name, lang, text}. */
export function blocks(page) {
  const text = fs.readFileSync(path.join(root, 'docs', page), 'utf8');
  return [...text.matchAll(FENCE)].map(([, mark, name, lang, body]) => ({ mark, name, lang, text: body }));
}

/** The one block that carries this name. */
export function block(page, name) {
  const found = blocks(page).filter((b) => b.mark === 'test' && b.name === name);
  assert.equal(found.length, 1, `${page} has ${found.length} blocks named ${name}`);
  return found[0].text;
}

/** Each [from, to] must be there: a recipe that has changed is not to be run by halves. */
export function withLocal(text, ...pairs) {
  for (const [from, to] of pairs) {
    assert.ok(text.includes(from), `the recipe holds no ${from}`);
    text = text.replaceAll(from, to);
  }
  return text;
}

/** A fresh folder from which the parts' modules can be imported. */
export function workshop(name) {
  const dir = path.join(cache, name);
  fs.rmSync(dir, { recursive: true, force: true });
  fs.mkdirSync(dir, { recursive: true });
  const link = path.join(cache, 'node_modules');
  if (!fs.existsSync(link)) fs.symlinkSync(modules, link);
  return dir;
}

export const example = (...at) => path.join(root, 'examples', ...at);

/** The web origin's sources with some files replaced: {'src/x.js': text}. Vite keeps its own files beside it. */
export function webCopy(name, files = {}) {
  const dir = workshop(name);
  const from = path.join(root, 'tests/parts/web');
  fs.cpSync(from, dir, { recursive: true, filter: (f) => !f.includes('.svelte-kit') });
  for (const [at, text] of Object.entries(files)) {
    fs.mkdirSync(path.dirname(path.join(dir, at)), { recursive: true });
    fs.writeFileSync(path.join(dir, at), text);
  }
  return dir;
}

function fingerprint(dir) {
  const hash = createHash('sha256');
  for (const f of fs.readdirSync(dir, { recursive: true, withFileTypes: true }).filter((e) => e.isFile())) {
    const at = path.join(f.parentPath, f.name);
    hash.update(`${path.relative(dir, at)}\n`).update(fs.readFileSync(at));
  }
  return hash.digest('hex').slice(0, 16);
}

/** Builds such a copy, once for these sources: the folder that Pages would serve. */
export async function webBuild(name, files) {
  const dir = webCopy(name, files);
  const kept = path.join(cache, `built-${name}-${fingerprint(dir)}`);
  if (!fs.existsSync(kept)) {
    const { code, out } = await run([process.execPath, path.join(modules, 'vite/bin/vite.js'), 'build'], { cwd: dir, ms: 150000 });
    assert.equal(code, 0, out);
    fs.rmSync(`${kept}.new`, { recursive: true, force: true });
    fs.cpSync(path.join(dir, '.svelte-kit'), `${kept}.new`, { recursive: true });
    fs.renameSync(`${kept}.new`, kept);
  }
  return path.join(kept, 'cloudflare');
}

/** A program that ends by itself: {code, out}, both outputs in one. */
export function run(argv, { env = {}, cwd = root, ms = 60000, input = '' } = {}) {
  return new Promise((resolve, reject) => {
    const child = spawn(argv[0], argv.slice(1), { cwd, env: { ...process.env, ...env }, stdio: ['pipe', 'pipe', 'pipe'] });
    let out = '';
    child.stdout.on('data', (d) => (out += d));
    child.stderr.on('data', (d) => (out += d));
    child.stdin.on('error', () => {});
    child.stdin.end(input);
    const timer = setTimeout(() => child.kill('SIGKILL'), ms);
    child.once('error', reject);
    child.once('close', (code) => {
      clearTimeout(timer);
      resolve({ code, out });
    });
  });
}

/** A shell block as it stands, stopping at the first command that fails; `tiergate` is the program under test. */
export function shell(text, { cwd, env = {} } = {}) {
  const bin = path.join(cwd, 'bin');
  fs.mkdirSync(bin, { recursive: true });
  fs.rmSync(path.join(bin, 'tiergate'), { force: true });
  fs.symlinkSync(program, path.join(bin, 'tiergate'));
  return run(['bash', '-euo', 'pipefail', '-c', text], { cwd, env: { ...env, PATH: `${bin}:${process.env.PATH}` } });
}

/** Rules in a file of their own pass `check`; gives the file. */
export async function checked(dir, name, text, env = {}) {
  const file = path.join(dir, name);
  fs.mkdirSync(path.dirname(file), { recursive: true });
  fs.writeFileSync(file, text);
  const { code, stdout, stderr } = await tiergate(['check', file], { env });
  assert.equal(code, 0, `${stdout}${stderr}`);
  return file;
}

export const python = (dir, module, port, env) =>
  start('uvicorn', [
    '/usr/bin/python3', '-m', 'uvicorn', module, '--host', '127.0.0.1', '--port', String(port), '--ws', 'wsproto', '--app-dir', dir
  ], port, { env, cwd: dir });
