// Every page that the gate shows to people, as tests/pages renders it, served with its own headers.
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import zlib from 'node:zlib';
import { program } from './gate.mjs';
import { Service } from './service.mjs';

const tool = path.join(path.dirname(program), 'tests/pages/pages');

function chunk(type, data) {
  const head = Buffer.alloc(8);
  head.writeUInt32BE(data.length);
  head.write(type, 4);
  const sum = Buffer.alloc(4);
  sum.writeUInt32BE(zlib.crc32(Buffer.concat([head.subarray(4), data])));
  return Buffer.concat([head, data, sum]);
}

/** A PNG of one colour, bigger than the place for a logo. */
export function png(width = 160, height = 160, [r, g, b] = [120, 60, 200]) {
  const size = Buffer.from([0, 0, 0, 0, 0, 0, 0, 0, 8, 2, 0, 0, 0]);
  size.writeUInt32BE(width);
  size.writeUInt32BE(height, 4);
  const line = Buffer.concat([Buffer.from([0]), Buffer.alloc(width * 3, Buffer.from([r, g, b]))]);
  const lines = Buffer.concat(Array(height).fill(line));
  return Buffer.concat([Buffer.from('\x89PNG\r\n\x1a\n', 'latin1'), chunk('IHDR', size), chunk('IDAT', zlib.deflateSync(lines)), chunk('IEND', Buffer.alloc(0))]);
}

/** [{name, status, headers, body}]; `logo`: bytes of an image. */
export function renderPages(logo) {
  const dir = fs.mkdtempSync(path.join(os.tmpdir(), 'tiergate-pages-'));
  try {
    const file = path.join(dir, 'logo');
    fs.writeFileSync(file, logo ?? '');
    return execFileSync(tool, [file], { encoding: 'utf8' }).trimEnd().split('\n').map((line) => JSON.parse(line));
  } finally {
    fs.rmSync(dir, { recursive: true, force: true });
  }
}

/** Serves them at /NAME, an empty page of some app at /app, and sends whoever typed a code to the app on `elsewhere`. */
export async function servePages(host, pages, logo, elsewhere) {
  const byPath = new Map(pages.map((p) => [`/${p.name}`, p]));
  const service = new Service([host, elsewhere], ({ path, method }) => {
    if (path === '/.tiergate/pin' && method === 'POST') return { status: 303, headers: { location: `https://${elsewhere}:${new URL(service.url).port}/app` } };
    if (path === '/.tiergate/logo') return { headers: { 'content-type': 'image/png' }, body: logo };
    if (path === '/app') return { headers: { 'content-type': 'text/html' }, body: '<!doctype html><title>app</title>' };
    const page = byPath.get(path);
    // What goes on until the next request is for the gate's tests; here each page is looked at by itself.
    return page ? { status: page.status === 401 ? 200 : page.status, headers: page.headers, body: page.body } : { status: 404 };
  });
  return service.listen();
}
