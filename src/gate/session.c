#include "gate/session.h"

#include "base/clock.h"
#include "gate/basic.h"
#include "gate/set_cookie.h"
#include "http/cookie.h"

#define COOKIES_MAX 16      /* of one name in one request; with more, none counts */
#define VERIFIED_MS 600000u /* a verified token is forgotten after this; its own times are looked at each time */

/* --- keys of the caches ------------------------------------------------------------------------------------------- */

struct key {
    uint8_t bytes[16 + 2 + 255 + TOKEN_TEXT_MAX];
    size_t n;
};

static void key_add(struct key *k, const void *p, size_t n)
{
    if (n == 0)
        return;
    memcpy(k->bytes + k->n, p, n);
    k->n += n;
}

/* rest: a token or a user's name, at most TOKEN_TEXT_MAX bytes. The lengths before it make
 * each key readable in one way. */
static struct span key_make(struct key *k, const struct gate_config *gate, const struct circle *circle,
                            struct span rest)
{
    uint8_t kind = (uint8_t)circle->kind, n = (uint8_t)circle->name.n;
    k->n = 0;
    key_add(k, gate->digest, sizeof(gate->digest));
    key_add(k, &kind, 1);
    key_add(k, &n, 1);
    key_add(k, circle->name.p, n);
    key_add(k, rest.p, rest.n);
    return span_make(k->bytes, k->n);
}

/* --- the session of a request ------------------------------------------------------------------------------------- */

/* The same digest means the same users in the same places. */
struct verified {
    size_t user;
    int64_t issued, active;
};

static bool recall(struct gate_thread *t, const struct gate_config *gate, struct span key, struct session *out)
{
    struct span value;
    struct verified v;
    if (!cache_get(t->sessions, key, t->loop->now_ms, &value))
        return false;
    memcpy(&v, value.p, sizeof(v));
    if (!gate->basic || v.user >= gate->basic->user_count)
        return false;
    *out = (struct session){.user = &gate->basic->users[v.user], .issued = v.issued, .active = v.active};
    return true;
}

static void remember(struct gate_thread *t, const struct gate_config *gate, struct span key, const struct session *s)
{
    struct verified v = {.user = (size_t)(s->user - gate->basic->users), .issued = s->issued, .active = s->active};
    cache_put(t->sessions, key, span_make(&v, sizeof(v)), t->loop->now_ms + VERIFIED_MS);
}

static bool verify(struct gate_thread *t, const struct gate_config *gate, const struct circle *circle, struct span text,
                   struct session *out)
{
    struct key k;
    int64_t now = clock_wall_s();
    if (text.n == 0 || text.n > TOKEN_TEXT_MAX || circle->name.n > HOST_MAX)
        return false;
    struct span key = key_make(&k, gate, circle, text);
    if (recall(t, gate, key, out))
        return session_is_live(&gate->session, out, now);
    if (!token_verify(gate, circle, text, now, out))
        return false;
    remember(t, gate, key, out);
    return true;
}

enum session_state session_find(struct gate_thread *t, const struct gate_check *c, const struct circle *circle,
                                struct session *out, struct span *token)
{
    struct span values[COOKIES_MAX], good = SPAN_NONE;
    size_t n = cookie_find(&c->request->headers, c->gate->session.cookie, values, COOKIES_MAX);
    if (n > COOKIES_MAX)
        return SESSION_NONE;
    for (size_t i = 0; i < n; i++) {
        struct session s;
        if (good.n && span_eq(values[i], good))
            continue;
        if (!verify(t, c->gate, circle, values[i], &s))
            continue;
        if (good.n)
            return SESSION_TWO;
        good = values[i];
        *out = s;
    }
    *token = good;
    return good.n ? SESSION_GOOD : SESSION_NONE;
}

/* --- minting ------------------------------------------------------------------------------------------------------ */

static struct span make_cookie(const struct gate_check *c, const struct circle *circle, const struct session *s)
{
    char token[TOKEN_TEXT_MAX];
    size_t n = token_make(c->gate, circle, s, token);
    int64_t left = s->issued + (int64_t)c->gate->session.lifetime_s - s->active;
    return n ? set_cookie_make(&c->gate->session, circle, span_make(token, n), left, c->arena) : SPAN_NONE;
}

struct span session_mint(const struct gate_check *c, const struct circle *circle, const struct basic_user *user)
{
    int64_t now = clock_wall_s();
    if (user->name.n > BASIC_USER_MAX || circle->name.n > HOST_MAX)
        return SPAN_NONE;
    return make_cookie(c, circle, &(struct session){.user = user, .issued = now, .active = now});
}

/* A response that a browser may keep must not carry a cookie: pages are asked for anew. */
static bool is_page(const struct http_request *r)
{
    const struct header *mode = headers_find(&r->headers, H_SEC_FETCH_MODE);
    if (mode)
        return span_eq(mode->value, SPAN("navigate"));
    return !headers_find(&r->headers, H_SEC_FETCH_DEST) && !headers_find(&r->headers, H_SEC_FETCH_SITE);
}

struct span session_renew(const struct gate_check *c, const struct circle *circle, const struct session *s)
{
    int64_t now = clock_wall_s();
    uint32_t idle = c->gate->session.idle_s;
    if (idle == 0 || now - s->active <= (int64_t)idle / 10 || !is_page(c->request))
        return SPAN_NONE;
    return make_cookie(c, circle, &(struct session){.user = s->user, .issued = s->issued, .active = now});
}
