// Origins that the test scripts: to the byte, or as a server that tells what it was asked.
import { createHash } from 'node:crypto';
import http from 'node:http';
import net from 'node:net';
import tls from 'node:tls';
import fs from 'node:fs';
import { WebSocketServer } from './lib.mjs';
import { Wire } from './wire.mjs';

function listen(server, port, host) {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, host, () => resolve(server.address().port));
  });
}

/**
 * An origin to the byte. `script(wire, n)` runs for each connection (n counts from 0); its errors are kept in .errors.
 * `tls`: {cert, key} file names.
 */
export async function rawOrigin(script, { port = 0, host = '127.0.0.1', tls: pair } = {}) {
  const sockets = new Set();
  const wires = [];
  const errors = [];
  const onSocket = (socket) => {
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
    const wire = new Wire(socket);
    wires.push(wire);
    Promise.resolve(script(wire, wires.length - 1)).catch((e) => errors.push(e));
  };
  const server = pair
    ? tls.createServer({ cert: fs.readFileSync(pair.cert), key: fs.readFileSync(pair.key), allowHalfOpen: true }, onSocket)
    : net.createServer({ allowHalfOpen: true, noDelay: true }, onSocket);
  server.on('tlsClientError', (e) => errors.push(e));
  const at = await listen(server, port, host);
  return {
    port: at,
    url: `${pair ? 'https' : 'http'}://127.0.0.1:${at}`,
    wires,
    errors,
    /** The bytes of all connections so far, as text. */
    get seen() {
      return wires.map((w) => w.bytes.toString('latin1')).join('');
    },
    close() {
      for (const s of sockets) s.destroy();
      return new Promise((r) => server.close(r));
    }
  };
}

/** The same bytes to each request, keep-alive. */
export const cannedOrigin = (bytes, options) =>
  rawOrigin(async (wire) => {
    for (;;) {
      await wire.request();
      await wire.send(bytes);
    }
  }, options);

/** Answers with what it was asked, as JSON; `marker` names it. WebSockets are echoed, ?deny refuses them. */
export async function echoOrigin(marker, { port = 0, host = '127.0.0.1' } = {}) {
  const requests = [];
  const server = http.createServer({ keepAliveTimeout: 60000 }, (req, res) => {
    const hash = createHash('sha256');
    let length = 0;
    req.on('data', (d) => {
      length += d.length;
      hash.update(d);
    });
    req.on('end', () => {
      const seen = {
        marker,
        method: req.method,
        target: req.url,
        headers: req.headers,
        rawHeaders: req.rawHeaders,
        trailers: req.rawTrailers,
        length,
        sha256: hash.digest('hex')
      };
      requests.push(seen);
      const body = JSON.stringify(seen);
      res.writeHead(200, { 'Content-Type': 'application/json', 'Content-Length': Buffer.byteLength(body), 'X-Origin': marker });
      res.end(req.method === 'HEAD' ? undefined : body);
    });
  });
  const sockets = new Set();
  server.on('connection', (s) => {
    sockets.add(s);
    s.on('close', () => sockets.delete(s));
    s.on('error', () => {});
  });
  const wss = new WebSocketServer({ noServer: true, perMessageDeflate: false });
  const upgrades = [];
  server.on('upgrade', (req, socket, head) => {
    upgrades.push({ target: req.url, headers: req.headers });
    if (req.url.includes('deny')) {
      socket.end('HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\nX-Origin: ' + marker + '\r\n\r\nno');
      return;
    }
    wss.handleUpgrade(req, socket, head, (ws) => {
      ws.on('error', () => {}); // clients that vanish are part of the tests
      ws.on('message', (d, isBinary) => ws.send(d, { binary: isBinary }));
    });
  });
  const at = await listen(server, port, host);
  return {
    marker,
    port: at,
    url: `http://127.0.0.1:${at}`,
    requests,
    upgrades,
    websockets: wss.clients,
    connections: sockets,
    close() {
      for (const s of sockets) s.destroy();
      return new Promise((r) => server.close(r));
    }
  };
}

/**
 * An origin with a script per path: handlers['/x'](wire, request) after the head was read (the body is the handler's).
 * A handler that returns false ends the connection. Requests are kept in .requests, whole connections in .wires.
 */
export async function pathOrigin(handlers, options) {
  const requests = [];
  const origin = await rawOrigin(async (wire, n) => {
    for (;;) {
      let request;
      try {
        request = await wire.request({ body: false, ms: 120000 });
      } catch {
        break; // the gate closed its end
      }
      request.connection = n;
      requests.push(request);
      const handler = handlers[request.target.split('?')[0]] ?? handlers['*'];
      if ((await handler(wire, request)) === false) break;
    }
    wire.socket.end();
  }, options);
  origin.requests = requests;
  return origin;
}

export const answer = (body = 'ok', fields = '') => `HTTP/1.1 200 OK\r\nContent-Length: ${Buffer.byteLength(body)}\r\n${fields}\r\n${body}`;
