/* The sign-in page, and what its ways have in common: where one came from, which browser it is, and the end. */
#include "edge/sign_in.h"

#include "base/clock.h"
#include "base/crypto/mac.h"
#include "edge/endpoints.h"
#include "gate/circle.h"
#include "http/cookie.h"
#include "http/form.h"

/* --- places ----------------------------------------------------------------------------------------------------------- */

bool sign_in_has_pages(const struct gate_config *gate)
{
    return gate && (gate->github || gate->email_pin);
}

static struct span sign_in_host(const struct exchange *x)
{
    struct span host = x->site->gate->session.sign_in_host;
    return host.n ? host : host_span(&x->host);
}

bool sign_in_is_here(const struct exchange *x)
{
    return span_eq(sign_in_host(x), host_span(&x->host));
}

struct span sign_in_site(struct exchange *x)
{
    return way_back_url(&(struct way_back){.host = sign_in_host(x), .port = x->host.port}, &x->arena);
}

/* Would a session that is made on the sign-in host be seen on `host`? */
static bool shares_session(const struct exchange *x, struct span host)
{
    const struct session_config *s = &x->site->gate->session;
    struct circle there = circle_of(s, host), here = circle_of(s, sign_in_host(x));
    return there.kind == here.kind && span_eq(there.name, here.name);
}

/* Still a host of this gate? What was sealed yesterday may be somebody else's today. */
static bool is_of_gate(const struct exchange *x, struct span host)
{
    struct span captured;
    const struct host_config *site = snapshot_find_host(x->snapshot, host, &captured);
    return site && site->gate && span_eq(site->gate->name, x->site->gate->name);
}

/* --- the browser ------------------------------------------------------------------------------------------------------ */

bool sign_in_browser(struct exchange *x, struct span *hash, struct span *set_cookie)
{
    *set_cookie = SPAN_NONE;
    *hash = browser_hash(&x->req, &x->arena);
    return hash->n == BROWSER_HASH || browser_new(&x->arena, hash, set_cookie);
}

bool sign_in_is_own_post(const struct exchange *x)
{
    const struct header *site = headers_find(&x->req.headers, H_SEC_FETCH_SITE);
    struct span origin = headers_only(&x->req.headers, H_ORIGIN), scheme = SPAN("https://");
    if (headers_count(&x->req.headers, H_ORIGIN) > 1)
        return false;
    if (site) /* no page can set it */
        return span_eq(headers_only(&x->req.headers, H_SEC_FETCH_SITE), SPAN("same-origin"));
    return span_has_prefix(origin, scheme) && span_eq(span_from(origin, scheme.n), x->req.authority);
}

struct span sign_in_field(struct exchange *x, struct span fields, const char *name)
{
    struct span value;
    return form_field(fields, span_of(name), &x->arena, &value) == FORM_FOUND ? value : SPAN_NONE;
}

/* --- the way back ----------------------------------------------------------------------------------------------------- */

/* A page comes back to itself; a script's window to a page that says that it may be closed. */
static struct span target_of(const struct exchange *x)
{
    if (x->endpoint || x->asker == ASKER_SCRIPT || x->asker == ASKER_CLIENT || x->asker == ASKER_WEBSOCKET)
        return SPAN(SIGNED_IN_PATH);
    /* Where requests must be short, it has to come back in one all the same. */
    return x->req.path_query.n <= x->snapshot->limits.header_bytes / 4 ? x->req.path_query : SPAN("/");
}

struct span sign_in_url(struct exchange *x, bool anew, struct span *set_cookie)
{
    *set_cookie = SPAN_NONE;
    if (!sign_in_has_pages(x->site->gate))
        return SPAN_NONE;
    struct way_back w = {.host = host_span(&x->host),
                         .port = x->host.port,
                         .target = target_of(x),
                         .anew = anew,
                         .made_s = clock_wall_s()};
    if (!shares_session(x, w.host)) {
        /* Handed over a moment ago and lost already: the sign-in host's own session would only hand it over once more,
         * even one that was proven in this second. */
        if (sign_in_has_marker(x)) {
            w.anew = true;
            w.made_s++;
        }
        if (!sign_in_browser(x, &w.browser, set_cookie))
            return SPAN_NONE;
    }
    struct span to = way_back_seal(x->site->gate, &w, &x->arena), site = sign_in_site(x);
    const struct span parts[] = {site, SPAN(SIGN_IN_PATH "?to="), to};
    return to.p && site.p ? arena_join(&x->arena, parts, 3) : SPAN_NONE;
}

/* Whoever writes a request names the port that is sealed: one that is not ours may be somebody else's. */
static bool is_own_port(const struct exchange *x, int port)
{
    return (port < 0 ? 443 : port) == (x->host.port < 0 ? 443 : x->host.port);
}

void sign_in_way_back_of(struct exchange *x, struct span to, struct way_back *out, struct span *sealed)
{
    *sealed = to;
    if (sealed->n && way_back_open(x->site->gate, *sealed, clock_wall_s(), &x->arena, out) &&
        is_of_gate(x, out->host) && is_own_port(x, out->port))
        return;
    *sealed = SPAN_NONE;
    *out = (struct way_back){.host = host_span(&x->host), .port = x->host.port, .target = SPAN("/")};
}

void sign_in_way_back(struct exchange *x, struct span fields, struct way_back *out, struct span *sealed)
{
    sign_in_way_back_of(x, sign_in_field(x, fields, "to"), out, sealed);
}

static enum ex_next redirect(struct exchange *x, struct span to, struct span set_cookie)
{
    struct answer_request q;
    struct answer a;
    const struct span cookies[] = {set_cookie, set_cookie.n ? SPAN(SIGN_IN_MARKER_SET) : SPAN_NONE};
    exchange_answer_request(x, "signed-in", &q);
    q.set_cookies = cookies;
    q.set_cookie_count = 2;
    q.clear_cache = respond_clears_cache(x);
    /* After a form's POST the next request is a GET whatever the browser (RFC 9110 §15.4.4). */
    if (!to.p || !answer_redirect(&q, x->req.method == M_POST ? 303 : 302, to, &a))
        return exchange_end(x, true);
    return exchange_reply(x, &a, "signed-in");
}

/* --- to another circle ------------------------------------------------------------------------------------------------ */

static enum ex_next to_hand_off(struct exchange *x, const struct signin_reply *r)
{
    struct way_back w;
    struct span to = x->sealed_to;
    if (r->outcome != SIGNIN_OK || !way_back_open(x->site->gate, to, clock_wall_s(), &x->arena, &w)) {
        x->detail = r->detail;
        return exchange_refuse(x, 503, "hand-off-failed");
    }
    struct span code = arena_copy(&x->arena, r->code), set_cookie = x->session_cookie;
    w.target = SPAN(HAND_OFF_PATH "?code=");
    struct span url = way_back_url(&w, &x->arena);
    const struct span parts[] = {url, code, SPAN("&to="), to};
    return redirect(x, url.p && code.p ? arena_join(&x->arena, parts, 4) : SPAN_NONE, set_cookie);
}

/* A session of this host, and the cookie that is to be set for it here, if any. */
struct signed_in {
    const struct identity *who;
    const uint8_t *id;
    int64_t ends_s; /* as gate_mint takes it */
    struct span set_cookie;
};

/* There it is the same session: it ends when this one does, and what takes one back takes back both. */
static enum ex_next hand_off(struct exchange *x, const struct way_back *w, struct span sealed,
                             const struct signed_in *s)
{
    struct signin_question q = {
        .kind = SIGNIN_CODE_MAKE, .host = w->host, .browser = w->browser, .who = *s->who, .session_ends_s = s->ends_s};
    memcpy(q.session_id, s->id, sizeof q.session_id);
    x->sealed_to = sealed;
    x->session_cookie = s->set_cookie;
    return own_ask(x, &q, to_hand_off);
}

static bool needs_hand_off(const struct exchange *x, const struct way_back *w)
{
    return w->browser.n && !shares_session(x, w->host);
}

static enum ex_next go_on(struct exchange *x, const struct way_back *w, struct span sealed, const struct signed_in *s)
{
    if (sealed.n && needs_hand_off(x, w))
        return hand_off(x, w, sealed, s);
    return redirect(x, way_back_url(w, &x->arena), s->set_cookie);
}

/* Jobs and tokens were let in where they asked, and who came by a share link may want to be more. */
static bool is_person(const struct identity *who)
{
    return who && (who->way == WAY_BASIC || who->way == WAY_GITHUB || who->way == WAY_EMAIL);
}

static const uint8_t *session_id(const struct exchange *x)
{
    return x->check.by_cookie ? x->check.session_id : x->check.given_id;
}

/* A session that was taken back on that host alone would lead there and back for ever. */
bool sign_in_has_session(const struct exchange *x, const struct way_back *w)
{
    const struct gate_thread *gate = x->thread->gate;
    return is_person(x->who) && (!w->anew || x->who->proven_s >= w->made_s) &&
           gate_admits_session(gate, x->who, session_id(x), w->host) &&
           (!needs_hand_off(x, w) || gate_trusts_facts(gate, x->who));
}

/* Only an end of its own, before the lifetime's, goes along: with one it is never idle. */
static int64_t own_end(const struct exchange *x)
{
    int64_t by_lifetime = x->who->proven_s + (int64_t)x->site->gate->session.lifetime_s;
    return x->check.ends_s < by_lifetime ? x->check.ends_s : 0;
}

enum ex_next sign_in_go_back(struct exchange *x, const struct way_back *w, struct span sealed)
{
    const struct signed_in s = {x->who, session_id(x), own_end(x), x->check.set_cookie};
    return go_on(x, w, sealed, &s);
}

/* --- the end of every way --------------------------------------------------------------------------------------------- */

static enum page_note note_of(enum signin_outcome outcome)
{
    switch (outcome) {
    case SIGNIN_LIMITED:
        return NOTE_LIMITED;
    case SIGNIN_UNREACHABLE:
        return NOTE_UNREACHABLE;
    case SIGNIN_WRONG:
        return NOTE_EXPIRED;
    case SIGNIN_OK:
    case SIGNIN_NOT_ADMITTED:
    case SIGNIN_NOT_MEMBER:
    case SIGNIN_PENDING:
    case SIGNIN_SCOPE_REFUSED:
    case SIGNIN_ORG_BLOCKS:
    case SIGNIN_LOGIN_CHANGED:
    case SIGNIN_FAILED:
        break;
    }
    return NOTE_FAILED;
}

static bool is_denial(enum signin_outcome outcome)
{
    return outcome >= SIGNIN_NOT_ADMITTED && outcome <= SIGNIN_LOGIN_CHANGED;
}

/* Where it is mended: an owner of the organisation lets the app in there, or the invitation waits there. */
static struct span approval_of(struct exchange *x, const struct signin_reply *r)
{
    const struct github_config *g = x->site->gate->github;
    if (g && r->outcome == SIGNIN_ORG_BLOCKS)
        return arena_printf(&x->arena, "%.*s/settings/connections/applications/%.*s", SPAN_ARG(g->web),
                            SPAN_ARG(g->client_id));
    struct span organisation = r->what, team;
    (void)span_cut(r->what, '/', &organisation, &team);
    if (g && r->outcome == SIGNIN_PENDING && organisation.n)
        return arena_printf(&x->arena, "%.*s/orgs/%.*s/invitation", SPAN_ARG(g->web), SPAN_ARG(organisation));
    return SPAN_NONE;
}

static enum ex_next deny(struct exchange *x, const struct signin_reply *r, const struct way_back *w, struct span sealed)
{
    struct answer_request q;
    struct answer a;
    struct denied_page p = {.why = r->outcome,
                            .subject = r->subject,
                            .what = r->what,
                            .site = w->host,
                            .to = sealed,
                            .approve = approval_of(x, r)};
    exchange_answer_request(x, "not-admitted", &q);
    return answer_denied_page(&q, &p, &a) ? exchange_reply(x, &a, "not-admitted") : exchange_end(x, true);
}

static enum ex_next sign_in(struct exchange *x, const struct identity *who, const struct way_back *w,
                            struct span sealed)
{
    struct gate_minted minted;
    const struct gate_mint mint = {.gate = x->site->gate, .host = host_span(&x->host), .who = who, .arena = &x->arena};
    if (!gate_mint(&mint, &minted))
        return exchange_refuse(x, 503, "gate-failed");
    const struct signed_in s = {who, minted.id, 0, minted.set_cookie};
    return go_on(x, w, sealed, &s);
}

enum ex_next sign_in_done(struct exchange *x, const struct signin_reply *r, struct span to)
{
    struct way_back w;
    struct span sealed;
    sign_in_way_back_of(x, to, &w, &sealed);
    x->detail = r->detail;
    if (r->outcome == SIGNIN_OK)
        return sign_in(x, &r->who, &w, sealed);
    if (is_denial(r->outcome))
        return deny(x, r, &w, sealed);
    return sign_in_page_with(x, sealed, SPAN_NONE, note_of(r->outcome), r->retry_after_s);
}

/* --- the page --------------------------------------------------------------------------------------------------------- */

bool sign_in_wants_another(struct exchange *x)
{
    return span_eq(sign_in_field(x, form_query(x->req.path_query), ANOTHER_FIELD), SPAN("1"));
}

enum ex_next sign_in_page_with(struct exchange *x, struct span to, struct span address, enum page_note note,
                               uint32_t retry_after_s)
{
    struct answer_request q;
    struct answer a;
    struct span hash, cookies[2] = {SPAN_NONE, SPAN_NONE};
    struct way_back w = {.host = host_span(&x->host)};
    if (!sign_in_browser(x, &hash, &cookies[0]))
        return exchange_refuse(x, 503, "out-of-memory");
    if (note == NOTE_NO_COOKIE)
        cookies[1] = SPAN(SIGN_IN_MARKER_GONE);
    (void)way_back_open(x->site->gate, to, clock_wall_s(), &x->arena, &w);
    exchange_answer_request(x, "sign-in", &q);
    q.set_cookies = cookies;
    q.set_cookie_count = 2;
    struct sign_in_page p = {.to = to,
                             .site = w.host,
                             .github = x->site->gate->github,
                             .email_pin = x->site->gate->email_pin,
                             .basic = x->site->gate->basic,
                             .another = sign_in_wants_another(x),
                             .address = address,
                             .note = note,
                             .retry_after_s = retry_after_s};
    return answer_sign_in_page(&q, &p, &a) ? exchange_reply(x, &a, "sign-in") : exchange_end(x, true);
}

bool sign_in_has_marker(const struct exchange *x)
{
    struct span value;
    return cookie_find(&x->req.headers, SPAN(SIGNED_IN_COOKIE), &value, 1) > 0;
}

/* A session that was taken back within the minute comes with its cookie: the browser did keep it. */
static bool lost_its_cookie(const struct exchange *x)
{
    struct span value;
    return sign_in_has_marker(x) && cookie_find(&x->req.headers, x->site->gate->session.cookie, &value, 1) == 0;
}

/* Basic asks by its challenge, which the browser answers on this very address. */
static enum ex_next ask_for_basic(struct exchange *x, enum gate_result gate)
{
    const char *reason = gate == GATE_REFUSED ? "wrong-credentials" : "sign-in";
    struct answer_request q;
    struct answer a;
    exchange_answer_request(x, reason, &q);
    q.clear_cache = respond_clears_cache(x);
    return answer_sign_in(&q, x->check.tried_basic, &a) ? exchange_reply(x, &a, reason) : exchange_end(x, true);
}

static enum ex_next to_sign_in_host(struct exchange *x, bool anew)
{
    struct answer_request q;
    struct answer a;
    struct span set_cookie, url = sign_in_url(x, anew, &set_cookie);
    exchange_answer_request(x, "sign-in", &q);
    q.set_cookies = &set_cookie;
    q.set_cookie_count = 1;
    if (!url.p || !answer_redirect(&q, 302, url, &a))
        return exchange_end(x, true);
    return exchange_reply(x, &a, "sign-in");
}

/* A window that session.js opened: to renew a session that may still hold, and to end on a page that says that it may be closed. A browser
 * that knows a Basic password renews by itself, so nobody is asked for that once more. */
static bool is_window(struct exchange *x, struct span fields)
{
    return span_eq(sign_in_field(x, fields, "window"), SPAN("1"));
}

enum ex_next endpoint_sign_in(struct exchange *x, enum gate_result gate)
{
    struct way_back w;
    struct span sealed, fields = form_query(x->req.path_query);
    if (!x->site->gate)
        return exchange_refuse(x, 404, "no-gate");
    if (!own_is_read(x))
        return exchange_refuse(x, 405, "method");
    sign_in_way_back(x, fields, &w, &sealed);
    if (is_window(x, fields)) {
        if (sign_in_has_pages(x->site->gate))
            return to_sign_in_host(x, true);
        w.target = SPAN(SIGNED_IN_PATH);
    }
    if (sign_in_has_session(x, &w))
        return sign_in_go_back(x, &w, sealed);
    if (!sign_in_has_pages(x->site->gate) ||
        (x->site->gate->basic && span_eq(sign_in_field(x, fields, "with"), SPAN("basic"))))
        return x->check.by_cookie ? exchange_prove_anew(x) : ask_for_basic(x, gate);
    if (!sign_in_is_here(x))
        return to_sign_in_host(x, false);
    return sign_in_page_with(x, sealed, SPAN_NONE, lost_its_cookie(x) ? NOTE_NO_COOKIE : NOTE_NONE, 0);
}

enum ex_next endpoint_signed_in(struct exchange *x, enum gate_result gate)
{
    struct answer_request q;
    struct answer a;
    if (!x->site->gate)
        return exchange_refuse(x, 404, "no-gate");
    exchange_answer_request(x, "signed-in", &q);
    return answer_signed_in_page(&q, x->req.authority, &a) ? exchange_reply(x, &a, "signed-in") : exchange_end(x, true);
}
