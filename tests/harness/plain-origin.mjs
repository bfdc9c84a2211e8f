// An origin in a process of its own, so that what it has to do for attackers does not hold up the client who measures. Tells its port.
//   /big: 2 MB · /post: reads its body, and is patient · else: two bytes
import net from 'node:net';

const response = (body) => Buffer.concat([Buffer.from(`HTTP/1.1 200 OK\r\nContent-Length: ${body.length}\r\n\r\n`), body]);
const small = response(Buffer.from('ok'));
const big = response(Buffer.alloc(2 << 20, 'x'));

/** One request after the other; `owed`: bytes of a body that are still to come. */
function serve(socket) {
  let text = '';
  let owed = 0;
  let reply;
  socket.on('error', () => {});
  socket.on('data', (d) => {
    text += d.toString('latin1');
    for (;;) {
      const drop = Math.min(owed, text.length);
      text = text.slice(drop);
      owed -= drop;
      if (owed === 0 && reply) {
        socket.write(reply);
        reply = undefined;
      }
      const end = text.indexOf('\r\n\r\n');
      if (owed > 0 || end < 0) return;
      const head = text.slice(0, end);
      text = text.slice(end + 4);
      owed = Number(/content-length: *(\d+)/i.exec(head)?.[1] ?? 0);
      reply = head.includes(' /big ') ? big : small;
    }
  });
}

const server = net.createServer({ noDelay: true }, serve);
server.listen(0, '127.0.0.1', () => process.stdout.write(`${server.address().port}\n`));
process.stdin.on('end', () => process.exit(0)).resume();
