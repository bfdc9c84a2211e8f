// An origin that knows nothing of the gate: pages and scripts below /docs, and below everything else what a browser may ask for, chosen
// by Sec-Fetch-Dest. It sends no CORS fields.
import fs from 'node:fs';
import http from 'node:http';
import { WebSocketServer } from '../harness/lib.mjs';

const probe = fs.readFileSync(new URL('./probe.js', import.meta.url));
const js = 'text/javascript';

const workers = {
  '/docs/worker.js': 'importScripts("/docs/probe.js");onmessage = async (m) => postMessage(await probe(m.data.probe, m.data.url));',
  '/docs/sw.js': `importScripts("/docs/probe.js");
    oninstall = () => skipWaiting();
    addEventListener('fetch', (e) => { if (new URL(e.request.url).pathname.endsWith('/through')) e.respondWith(fetch(e.request)); });
    onmessage = (m) => m.waitUntil(probe(m.data.probe, m.data.url).then((r) => m.ports[0].postMessage(r)));`
};

const page = (query) => {
  const use = query.get('use') ? ' crossorigin="use-credentials"' : '';
  const manifest = query.has('manifest') ? `<link rel="manifest" href="${query.get('manifest')}"${use}>` : '';
  return `<!doctype html><link rel="icon" href="data:,">${manifest}<script src="/docs/probe.js"></script><title>probe</title><body></body>`;
};

/** 8-bit mono at 8 kHz: one byte per sample, so a byte's place says its second. */
export function wav(seconds) {
  const n = seconds * 8000;
  const b = Buffer.alloc(44 + n, 128);
  b.write('RIFF', 0);
  b.writeUInt32LE(36 + n, 4);
  b.write('WAVEfmt ', 8);
  b.writeUInt32LE(16, 16);
  b.writeUInt16LE(1, 20);
  b.writeUInt16LE(1, 22);
  b.writeUInt32LE(8000, 24);
  b.writeUInt32LE(8000, 28);
  b.writeUInt16LE(1, 32);
  b.writeUInt16LE(8, 34);
  b.write('data', 36);
  b.writeUInt32LE(n, 40);
  return b;
}

/** 200, or 206 for the one kind of Range that media elements send. */
export function sendRanged(req, res, type, whole) {
  const m = /^bytes=(\d+)-(\d*)$/.exec(req.headers.range ?? '');
  const from = m ? Number(m[1]) : 0;
  const to = m && m[2] ? Math.min(Number(m[2]), whole.length - 1) : whole.length - 1;
  const range = m ? { 'Content-Range': `bytes ${from}-${to}/${whole.length}` } : {};
  res.writeHead(m ? 206 : 200, { 'Content-Type': type, 'Accept-Ranges': 'bytes', 'Content-Length': to - from + 1, ...range });
  res.end(whole.subarray(from, to + 1));
}

const tone = wav(1);
const byDest = {
  script: (req, res) => res.setHeader('Content-Type', js).end('globalThis.loaded = true;'),
  serviceworker: (req, res) => res.setHeader('Content-Type', js).end('addEventListener("fetch", () => {});'),
  style: (req, res) => res.setHeader('Content-Type', 'text/css').end('p { color: red }'),
  image: (req, res) => res.setHeader('Content-Type', 'image/svg+xml').end('<svg xmlns="http://www.w3.org/2000/svg" width="8" height="8"/>'),
  manifest: (req, res) => res.setHeader('Content-Type', 'application/manifest+json').end('{ "name": "probe", "start_url": "/" }'),
  audio: (req, res) => sendRanged(req, res, 'audio/wav', tone)
};

function other(req, res) {
  if (req.headers.accept === 'text/event-stream') {
    res.writeHead(200, { 'Content-Type': 'text/event-stream' });
    res.write('data: x\n\n');
  } else {
    res.setHeader('Content-Type', 'application/json');
    res.end(JSON.stringify({ ok: true, authorization: req.headers.authorization }));
  }
}

export async function startSite() {
  const requests = [];
  const sockets = new Set();
  const server = http.createServer((req, res) => {
    const at = new URL(req.url, 'http://origin.invalid');
    requests.push({ method: req.method, path: at.pathname, headers: req.headers });
    if (at.pathname === '/docs/probe.js' || workers[at.pathname]) res.setHeader('Content-Type', js).end(workers[at.pathname] ?? probe);
    else if (/^\/docs(\/sw)?\/page$/.test(at.pathname)) res.setHeader('Content-Type', 'text/html').end(page(at.searchParams));
    else (byDest[req.headers['sec-fetch-dest']] ?? other)(req, res);
  });
  const wss = new WebSocketServer({ noServer: true });
  server.on('connection', (s) => {
    sockets.add(s);
    s.on('close', () => sockets.delete(s));
  });
  server.on('upgrade', (req, socket, head) => {
    requests.push({ method: req.method, path: req.url, headers: req.headers });
    wss.handleUpgrade(req, socket, head, (ws) => ws.on('message', (d, isBinary) => ws.send(d, { binary: isBinary })));
  });
  await new Promise((r) => server.listen(0, '127.0.0.1', r));
  return {
    url: `http://127.0.0.1:${server.address().port}`,
    requests,
    close() {
      for (const s of sockets) s.destroy();
      return new Promise((r) => server.close(r));
    }
  };
}
