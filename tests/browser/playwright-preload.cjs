// Loaded into every Node of a run: the names of docs/playwright.md lie on this machine, and their port 443 is the gate's.
const dns = require('node:dns');
const net = require('node:net');

const isOurs = (name) => /(^|\.)example\.com$/.test(name);
const real = { lookup: dns.lookup, promise: dns.promises.lookup, connect: net.Socket.prototype.connect };
const here = { address: '127.0.0.1', family: 4 };

dns.lookup = (name, options, then) => {
  const [o, done] = typeof options === 'function' ? [{}, options] : [options, then];
  if (!isOurs(name)) return real.lookup(name, options, then);
  return process.nextTick(() => (o.all ? done(null, [here]) : done(null, here.address, here.family)));
};
dns.promises.lookup = async (name, o) => (!isOurs(name) ? real.promise(name, o) : o?.all ? [here] : here);

net.Socket.prototype.connect = function (...args) {
  const options = Array.isArray(args[0]) ? args[0][0] : args[0];
  if (Number(options?.port) === 443) options.port = Number(process.env.TIERGATE_TEST_PORT);
  return real.connect.apply(this, args);
};
