// An origin that keeps what it was sent, to the byte and by connection, and holds it to the strictest reading there is.
import net from 'node:net';
import { all, readRequest } from './messages.mjs';

const RUN = /[?&]run=(\d+)/;

/** Which run a request belongs to: its field, or its query. */
const runOf = (request) => Number(all(request.fields, 'x-run')[0] ?? RUN.exec(request.target)?.[1] ?? -1);

class Connection {
  constructor(recorder, socket, id) {
    this.recorder = recorder;
    this.socket = socket;
    this.id = id;
    this.text = '';
    this.requests = 0;
    this.closed = false;
    socket.setNoDelay(true);
    socket.on('data', (d) => this.take(d));
    socket.on('end', () => socket.end());
    socket.on('error', () => {});
    socket.on('close', () => this.over());
  }

  take(bytes) {
    this.text += bytes.toString('latin1');
    try {
      this.read();
    } catch (e) {
      this.recorder.violations.push(`${e.message} in ${JSON.stringify(this.text.slice(0, 2000))}`);
      this.socket.destroy();
    }
  }

  read() {
    while (this.text.length > 0) {
      const request = readRequest(this.text);
      if (!request?.complete && !(request && this.recorder.early)) return;
      this.text = this.text.slice(request.next);
      this.keep(request);
      this.recorder.answer(this, request);
    }
  }

  keep(request) {
    request.connection = this.id;
    request.run = runOf(request);
    this.requests++;
    this.recorder.of(request.run).push(request);
  }

  /** What was left unfinished is kept too: a head alone is a request that arrived. */
  over() {
    this.closed = true;
    try {
      const request = this.text.length > 0 ? readRequest(this.text) : undefined;
      if (request) this.keep(request);
      else if (this.text.length > 0) this.recorder.violations.push(`half a head: ${JSON.stringify(this.text)}`);
    } catch (e) {
      this.recorder.violations.push(`${e.message} in ${JSON.stringify(this.text)}`);
    }
    this.text = '';
  }
}

function answerOk(connection, request) {
  const body = `seen ${request.run} ${request.target}`;
  const head = `HTTP/1.1 200 OK\r\nContent-Length: ${Buffer.byteLength(body, 'latin1')}\r\n\r\n`;
  connection.socket.write(Buffer.from(head + (request.method === 'HEAD' ? '' : body), 'latin1'));
}

/** `answer(connection, request)` replaces the usual 200, which names the run and the target; `early`: it does not wait for the body. */
export async function startRecorder({ answer = answerOk, early = false } = {}) {
  const runs = new Map();
  const connections = [];
  const recorder = {
    answer,
    early,
    violations: [],
    connections,
    /** The requests of one run. */
    of(run) {
      if (!runs.has(run)) runs.set(run, []);
      return runs.get(run);
    },
    runs,
    answerOk,
    close() {
      for (const c of connections) c.socket.destroy();
      return new Promise((r) => server.close(r));
    }
  };
  const server = net.createServer({ allowHalfOpen: true }, (s) => connections.push(new Connection(recorder, s, connections.length)));
  await new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(0, '127.0.0.1', 4096, resolve);
  });
  recorder.port = server.address().port;
  recorder.url = `http://127.0.0.1:${recorder.port}`;
  return recorder;
}
