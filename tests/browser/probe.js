// What a page can ask for, one probe per row of docs/askers.md. Runs in the page, in a worker and in a service worker; each probe
// takes a URL and says what its asker noticed.

const PATIENCE = 8000;

/** A probe that never ends is what a login dialog in the middle of an app looks like. */
const patiently = (promise) => Promise.race([promise, new Promise((r) => setTimeout(() => r('hangs'), PATIENCE))]);

/** What a script could read: the origin's JSON, or the gate's refusal with the way to sign in. */
function read(status, text) {
  let body;
  try {
    body = JSON.parse(text);
  } catch {
    return `no JSON: ${text.slice(0, 60)}`;
  }
  if (status === 401) return body.error === 'sign_in_required' && /^https:\/\/.*\/\.tiergate\/sign-in$/.test(body.sign_in) ? 'reads' : 'odd refusal';
  return body.ok === true ? 'reads' : 'odd answer';
}

const fetching = (init) => (url) =>
  fetch(url, init).then(async (r) => (r.redirected ? 'redirected' : read(r.status, await r.text())), () => 'error');
const bearer = (init) => fetching({ ...init, headers: { authorization: 'Bearer app-token' } });

const asking = (prepare) => (url) => new Promise((resolve) => {
  const x = new XMLHttpRequest();
  x.open('GET', url);
  prepare(x);
  x.onload = () => resolve(read(x.status, x.responseText));
  x.onerror = () => resolve('error');
  x.send();
});

const events = (init) => (url) => new Promise((resolve) => {
  const e = new EventSource(url, init);
  const end = (what) => (e.close(), resolve(what));
  e.onmessage = () => end('reads');
  e.onerror = () => end('error');
});

/** Opens, sends, wants it back. */
const socket = (url) => new Promise((resolve) => {
  const ws = new WebSocket(url.replace(/^https/, 'wss'));
  ws.onopen = () => ws.send('echo');
  ws.onmessage = (m) => (ws.close(), resolve(m.data === 'echo' ? 'opens' : 'odd echo'));
  ws.onclose = (e) => resolve(`close ${e.code}`);
});

const element = (tag, attributes, loaded = 'onload') => (url) => new Promise((resolve) => {
  const e = Object.assign(document.createElement(tag), attributes, { onerror: () => resolve('error') });
  e[loaded] = () => resolve('loads');
  e[tag === 'link' ? 'href' : 'src'] = url;
  document.head.append(e);
});

const anywhere = {
  'fetch': fetching({ credentials: 'include' }),
  'fetch, same-origin': fetching({ credentials: 'same-origin' }),
  'fetch, omit': fetching({ credentials: 'omit' }),
  'fetch, Bearer': bearer({ credentials: 'include' }),
  'fetch, Bearer, same-origin': bearer({ credentials: 'same-origin' }),
  'fetch, Bearer, omit': bearer({ credentials: 'omit' }),
  'wss': socket
};

function workerAsks(probe, url) {
  const worker = new Worker('/docs/worker.js');
  return new Promise((resolve) => {
    worker.onmessage = (m) => resolve(m.data);
    worker.onerror = () => resolve('no worker');
    worker.postMessage({ probe, url });
  }).finally(() => worker.terminate());
}

/** Its scope is not this page's: what it asks is the matter here, not what the page asks through it. */
async function serviceWorker() {
  const r = await navigator.serviceWorker.register('/docs/sw.js', { scope: '/docs/sw/' });
  const worker = r.installing ?? r.waiting ?? r.active;
  while (worker.state !== 'activated') await new Promise((done) => (worker.onstatechange = done));
  return worker;
}

async function serviceWorkerAsks(probe, url) {
  const worker = await serviceWorker();
  const { port1, port2 } = new MessageChannel();
  worker.postMessage({ probe, url }, [port2]);
  return new Promise((r) => (port1.onmessage = (m) => r(m.data)));
}

/** A page below the worker's scope asks, and the worker passes on. */
async function throughServiceWorker(url) {
  await serviceWorker();
  const frame = document.createElement('iframe');
  await new Promise((r) => (Object.assign(frame, { src: '/docs/sw/page', onload: r }), document.body.append(frame)));
  const { controller } = frame.contentWindow.navigator.serviceWorker;
  return controller ? frame.contentWindow.probe('fetch', `${url}/through`) : 'uncontrolled';
}

async function registers(url) {
  try {
    await (await navigator.serviceWorker.register(`${url}/sw.js`)).unregister();
    return 'loads';
  } catch {
    return 'error';
  }
}

const inPage = {
  ...anywhere,
  'XHR': asking((x) => (x.withCredentials = true)),
  'XHR, Bearer': asking((x) => ((x.withCredentials = true), x.setRequestHeader('authorization', 'Bearer app-token'))),
  'EventSource': events({ withCredentials: true }),
  'EventSource, bare': events({}),
  'sendBeacon': async (url) => (navigator.sendBeacon(url, 'text') ? 'unseen' : 'error'),
  'script': element('script', {}),
  'module script': element('script', { type: 'module' }),
  'module script, use-credentials': element('script', { type: 'module', crossOrigin: 'use-credentials' }),
  'stylesheet': element('link', { rel: 'stylesheet' }),
  'image': element('img', {}),
  'audio': element('audio', { preload: 'metadata' }, 'onloadedmetadata'),
  'wss in a worker': (url) => workerAsks('wss', url),
  'fetch in a worker': (url) => workerAsks('fetch', url),
  'service worker script': registers,
  'fetch in a service worker': (url) => serviceWorkerAsks('fetch', url),
  'fetch, Bearer in a service worker': (url) => serviceWorkerAsks('fetch, Bearer', url),
  'fetch through a service worker': throughServiceWorker,
  'wss in a service worker': (url) => serviceWorkerAsks('wss', url)
};

globalThis.probe = (name, url) => patiently((globalThis.document ? inPage : anywhere)[name](url));
globalThis.probes = Object.keys(inPage);
