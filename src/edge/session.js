// tiergate: what a page may want to know of its session. <script src="/.tiergate/session.js"></script> before the app's own scripts.
(() => {
  'use strict';
  const tag = document.currentScript;
  const wait = (seconds) => new Promise((done) => setTimeout(done, seconds * 1000));

  // A page that is loaded again and again in one tab (data-loads times in data-seconds; data-loads="0": never mind) is stopped.
  const loads = Number(tag?.dataset.loads ?? 8);
  const seconds = Number(tag?.dataset.seconds ?? 20);
  const loops = () => {
    try {
      const key = `tiergate:${location.pathname}`;
      const now = Date.now();
      const last = JSON.parse(sessionStorage.getItem(key) ?? '[]').filter((t) => now - t < seconds * 1000);
      sessionStorage.setItem(key, JSON.stringify([...last, now].slice(-loads)));
      return loads > 0 && last.length >= loads;
    } catch {
      return false; // no storage, or not ours
    }
  };
  const stop = () => {
    window.stop();
    const title = document.createElement('h1');
    title.textContent = 'This page keeps reloading';
    const text = document.createElement('p');
    text.textContent = 'It was stopped. Your session may have ended, or the site has a problem. ';
    const link = document.createElement('a');
    link.href = '/.tiergate/sign-in';
    link.textContent = 'Sign in';
    text.append(link);
    document.documentElement.replaceChildren(document.createElement('head'), document.createElement('body'));
    document.body.append(title, text);
  };

  let renewing;
  let shown;
  class Tiergate extends EventTarget {
    // {signed_in, way, gate, user, proven, ends_in}; ends_in: seconds.
    async session() {
      const answer = await fetch('/.tiergate/session', { cache: 'no-store' });
      if (!answer.ok) throw new Error(`session: ${answer.status}`);
      return answer.json();
    }

    // From a click: a window to sign in, until the session is there (or 10 minutes are over). The page stays as it is. `address`: the
    // sign_in of a refusal. Called once more, it shows the window once more. Asks instead of listening: a
    // Cross-Origin-Opener-Policy may cut a page off from its windows.
    renew(address = '/.tiergate/sign-in?window=1') {
      const url = new URL(address, location.href);
      if (url.protocol !== 'https:') return Promise.reject(new TypeError('no https address'));
      const before = this.session().catch(() => ({}));
      if (shown && !shown.closed) shown.focus();
      else shown = window.open(url, 'tiergate', 'popup,width=480,height=680');
      if (!shown) return Promise.reject(new Error('popup blocked'));
      renewing ??= this.#renewed(before).finally(() => {
        renewing = undefined;
        shown.close();
      });
      return renewing;
    }

    async #renewed(before) {
      const { proven } = await before;
      for (const end = Date.now() + 600000; Date.now() < end; await wait(1)) {
        const now = await this.session().catch(() => ({}));
        if (now.signed_in && now.proven !== proven) return now;
      }
      throw new Error('not signed in');
    }

    // Event `ending` some seconds before the session ends, `ended` when there is none any more; `detail` is the session.
    async watch(before = 300) {
      for (let told; ; ) {
        const now = await this.session().catch(() => undefined);
        const name = now?.signed_in ? now.ends_in <= before && 'ending' : 'ended';
        if (now && name && name !== told) this.dispatchEvent(new CustomEvent(name, { detail: now }));
        if (now) told = name;
        await wait(now?.signed_in ? Math.min(60, Math.max(1, now.ends_in - (name ? 0 : before))) : 60);
      }
    }
  }

  globalThis.tiergate = Object.freeze(new Tiergate());
  if (loops()) stop();
})();
