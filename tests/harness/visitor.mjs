// A person's browser without the browser: keeps cookies as browsers do (prefixes, Domain, SameSite), says Sec-Fetch-* and Origin, follows
// redirects one by one, reads forms and sends them. `ask` is how a request gets out: a Gate's request().

const ENTITIES = { amp: '&', lt: '<', gt: '>', quot: '"', apos: "'", nbsp: '\u00a0' };
export const unescape = (text) =>
  text.replace(/&(?:#x([0-9a-f]+)|#(\d+)|(\w+));/gi, (all, hex, dec, name) => (hex || dec ? String.fromCodePoint(parseInt(hex ?? dec, hex ? 16 : 10)) : ENTITIES[name] ?? all));

function attributes(tag) {
  const out = {};
  for (const [, name, , quoted, single, bare] of tag.matchAll(/([\w:-]+)(\s*=\s*(?:"([^"]*)"|'([^']*)'|([^\s>"']+)))?/g))
    out[name.toLowerCase()] = unescape(quoted ?? single ?? bare ?? '');
  return out;
}

/** The forms of a page: {action, method, fields: {name: value}, inputs: [attributes], buttons: [attributes]}. */
export function formsOf(html) {
  return [...html.matchAll(/<form\b([^>]*)>([\s\S]*?)<\/form>/gi)].map(([, head, body]) => {
    const { action = '', method = 'get' } = attributes(head);
    const inputs = [...body.matchAll(/<input\b([^>]*)>/gi)].map((m) => attributes(m[1]));
    const buttons = [...body.matchAll(/<button\b([^>]*)>/gi)].map((m) => attributes(m[1]));
    const kept = inputs.filter((i) => i.name && !['submit', 'button', 'checkbox', 'radio'].includes(i.type));
    return { action, method: method.toUpperCase(), inputs, buttons, fields: Object.fromEntries(kept.map((i) => [i.name, i.value ?? ''])) };
  });
}

const siteOf = (host) => host.split('.').slice(-2).join('.');
const isBelow = (host, domain) => host === domain || host.endsWith(`.${domain}`);

/** One Set-Cookie as a browser keeps it; undefined: it would not. */
export function readCookie(text, url) {
  const [pair, ...rest] = text.split(';');
  const at = pair.indexOf('=');
  const name = pair.slice(0, at).trim(), value = pair.slice(at + 1).trim();
  const attrs = Object.fromEntries(rest.map((a) => a.trim().split('=')).map(([n, ...v]) => [n.toLowerCase(), v.join('=')]));
  const domain = attrs.domain?.replace(/^\./, '').toLowerCase();
  const secure = 'secure' in attrs;
  if (at < 1 || (domain && !isBelow(url.hostname, domain)) || (secure && url.protocol !== 'https:')) return undefined;
  const path = attrs.path?.startsWith('/') ? attrs.path : '/';
  if (name.startsWith('__Secure-') && !secure) return undefined;
  if (name.startsWith('__Host-') && (!secure || domain || path !== '/')) return undefined;
  const ends = attrs['max-age'] !== undefined ? Date.now() + Number(attrs['max-age']) * 1000 : attrs.expires ? Date.parse(attrs.expires) : Infinity;
  return { name, value, host: domain ?? url.hostname, hostOnly: !domain, path, secure, httpOnly: 'httponly' in attrs, sameSite: (attrs.samesite ?? 'lax').toLowerCase(), ends };
}

export class Visitor {
  /** keepsCookies: false is a browser that refuses them all. */
  constructor(ask, { keepsCookies = true, headers = {} } = {}) {
    Object.assign(this, { ask, keepsCookies, headers, cookies: [], trail: [] });
  }

  keep(response, url) {
    for (const text of this.keepsCookies ? response.all('set-cookie') : []) {
      const c = readCookie(text, url);
      if (!c) continue;
      this.cookies = this.cookies.filter((o) => !(o.name === c.name && o.host === c.host && o.path === c.path && o.hostOnly === c.hostOnly));
      if (c.ends > Date.now()) this.cookies.push(c);
    }
  }

  /** What goes out to an address; `crossSite` says whether another site made the request, `safe` whether it is a navigation by GET. */
  cookiesFor(url, { crossSite = false, safe = true } = {}) {
    return this.cookies.filter((c) =>
      (c.hostOnly ? url.hostname === c.host : isBelow(url.hostname, c.host)) && (url.pathname === c.path || url.pathname.startsWith(c.path.endsWith('/') ? c.path : `${c.path}/`)) &&
      c.ends > Date.now() && (!crossSite || c.sameSite === 'none' || (c.sameSite === 'lax' && safe)));
  }
  cookie(name, host) {
    return this.cookies.find((c) => c.name === name && (host === undefined || isBelow(host, c.host)));
  }

  /** One request. from: the address of the page that made it; absent: the person typed it. mode: 'navigate' or of a fetch. */
  async go(address, { method = 'GET', headers = {}, form, body, from, mode = 'navigate', user = true, ms } = {}) {
    const url = new URL(address), origin = from ? new URL(from).origin : undefined;
    const crossSite = origin !== undefined && siteOf(new URL(from).hostname) !== siteOf(url.hostname);
    const site = origin === undefined ? 'none' : origin === url.origin ? 'same-origin' : crossSite ? 'cross-site' : 'same-site';
    const safe = mode === 'navigate' && ['GET', 'HEAD'].includes(method);
    const sent = this.cookiesFor(url, { crossSite, safe }).map((c) => `${c.name}=${c.value}`).join('; ');
    const said = {
      ...this.headers, Accept: mode === 'navigate' ? 'text/html,application/xhtml+xml,*/*;q=0.8' : '*/*', 'Sec-Fetch-Site': site, 'Sec-Fetch-Mode': mode,
      'Sec-Fetch-Dest': mode === 'navigate' ? 'document' : 'empty', ...(mode === 'navigate' && user ? { 'Sec-Fetch-User': '?1' } : {}), ...(sent ? { Cookie: sent } : {}),
      ...(origin !== undefined && (!safe || mode !== 'navigate') && method !== 'GET' ? { Origin: origin } : {}),
      ...(form ? { 'Content-Type': 'application/x-www-form-urlencoded' } : {}), ...headers
    };
    const response = await this.ask({ host: url.hostname, path: url.pathname + url.search, method, headers: said, body: form ? new URLSearchParams(form).toString() : body, ms });
    this.keep(response, url);
    this.trail.push({ method, url: url.href, status: response.status });
    return Object.assign(response, { url: url.href });
  }

  /** Where a redirect leads to, as a browser reads it. */
  whereTo(response) {
    return [301, 302, 303, 307, 308].includes(response.status) && response.has('location') ? new URL(response.get('location'), response.url) : undefined;
  }

  /** Goes on as long as it stays on `hosts`; what is then there, or the redirect that leads away. */
  async follow(response, hosts, most = 10) {
    let now = response;
    for (let n = 0; ; n++) {
      const next = this.whereTo(now);
      if (!next || !hosts.includes(next.hostname)) return now;
      if (n === most) throw new Error(`more than ${most} redirects: ${this.trail.map((t) => `${t.status} ${t.url}`).join('\n')}`);
      const from = now.url;
      now = await this.go(next.href, { from });
    }
  }

  /** Sends a form of the page `response`, filled in. */
  submit(response, form, fields = {}) {
    const target = new URL(form.action || response.url, response.url).href;
    if (form.method !== 'POST') return this.go(`${target.split('?')[0]}?${new URLSearchParams({ ...form.fields, ...fields })}`, { from: response.url });
    return this.go(target, { method: 'POST', form: { ...form.fields, ...fields }, from: response.url });
  }

  /** Another with the same cookies. */
  copy() {
    return Object.assign(new Visitor(this.ask, this), { cookies: structuredClone(this.cookies) });
  }
}
