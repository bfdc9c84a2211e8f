#include "gate/check.h"

#include "base/clock.h"
#include "base/count.h"
#include "gate/basic.h"
#include "gate/flight.h"
#include "gate/logins.h"
#include "gate/pairs.h"
#include "gate/session.h"
#include "gate/set_cookie.h"

static void identify(struct gate_check *c, const struct basic_user *user)
{
    c->identity = (struct identity){.way = WAY_BASIC, .gate = c->gate->name, .subject = user->name};
}

static enum gate_result admit(struct gate_check *c, const struct circle *circle, const struct login *login)
{
    c->set_cookie = login->set_cookie;
    /* The new one takes the place of one of the two that are deleted. */
    c->clear_cookies[circle->kind == CIRCLE_DOMAIN] = SPAN_NONE;
    identify(c, login->user);
    return GATE_IDENTIFIED;
}

enum gate_result check_admit(struct gate_thread *t, struct gate_check *c, const struct basic_user *user,
                             uint64_t expires_ms)
{
    struct circle circle = circle_of(&c->gate->session, c->host);
    struct login login = {user, session_mint(c, &circle, user)};
    struct span field;
    if (!login.set_cookie.p)
        return GATE_FAILED;
    if (basic_find(&c->request->headers, &field) == BASIC_FOUND)
        logins_remember(t, c, &circle, field, &login, expires_ms);
    return admit(c, &circle, &login);
}

/* --- Basic -------------------------------------------------------------------------------------------------------- */

static bool name_pair(struct gate_thread *t, const struct gate_check *c, const struct basic_credentials *b,
                      const struct basic_user *user, struct pair *out)
{
    static const uint8_t nobody[sizeof(user->fingerprint)];
    const struct span parts[] = {c->gate->name, b->user, b->password,
                                 span_make(user ? user->fingerprint : nobody, sizeof(nobody))};
    return res_ok(mac_sum(t->mac, parts, COUNT(parts), out->sum));
}

static bool keyed_hash(struct gate_thread *t, struct span s, uint8_t out[MAC_SIZE])
{
    const struct span parts[] = {SPAN("plain"), s};
    return res_ok(mac_sum(t->mac, parts, 2, out));
}

/* Equal in time for users that do not exist or have a hash. */
static bool plain_fits(struct gate_thread *t, const struct basic_user *user, struct span password)
{
    uint8_t want[MAC_SIZE], got[MAC_SIZE];
    struct span secret = user ? user->secret : SPAN_NONE;
    if (!keyed_hash(t, secret, want) || !keyed_hash(t, password, got))
        return false;
    bool same = equal_const_time(want, got, MAC_SIZE);
    return same && secret.n > 0;
}

static enum gate_result refuse_wrong(struct gate_thread *t, const struct attempt *a)
{
    limits_end(t->shared->limits, a->ticket, ATTEMPT_WRONG, clock_mono_ms());
    return GATE_REFUSED;
}

/* limits_begin() has said yes. */
static enum gate_result verify(struct gate_thread *t, struct gate_check *c, struct attempt *a)
{
    if (plain_fits(t, a->user, a->password)) {
        limits_end(t->shared->limits, a->ticket, ATTEMPT_RIGHT, clock_mono_ms());
        return check_admit(t, c, a->user, pairs_remember(t, &a->pair));
    }
    a->plain_wrong = !a->user || a->user->hash.n == 0;
    a->hash = a->plain_wrong ? c->gate->basic->dummy_hash : a->user->hash;
    return a->hash.n ? flight_start(t, c, a) : refuse_wrong(t, a);
}

static enum gate_result result_of(enum limit_verdict v)
{
    return v == LIMIT_OVER ? GATE_LIMITED : GATE_BUSY;
}

static enum gate_result attempt(struct gate_thread *t, struct gate_check *c, struct attempt *a)
{
    struct flight *f = flight_find(t, &a->pair);
    uint64_t now = clock_mono_ms();
    if (f) {
        enum limit_verdict v = limits_peek(t->shared->limits, a->ticket, now, &c->retry_after_s);
        return v == LIMIT_OK ? flight_join(f, c, a) : result_of(v);
    }
    enum limit_verdict v = limits_begin(t->shared->limits, a->ticket, now, &c->retry_after_s);
    return v == LIMIT_OK ? verify(t, c, a) : result_of(v);
}

static enum gate_result check_credentials(struct gate_thread *t, struct gate_check *c,
                                          const struct basic_credentials *b)
{
    struct attempt a = {.user = basic_user_find(c->gate->basic, b->user), .password = b->password};
    if (!name_pair(t, c, b, a.user, &a.pair))
        return GATE_FAILED;
    uint64_t expires = a.user ? pairs_find(t, &a.pair) : 0;
    if (expires)
        return check_admit(t, c, a.user, expires);
    a.ticket = limits_ticket(t->shared->limits, &c->client, c->gate->name, b->user);
    return attempt(t, c, &a);
}

static enum gate_result check_new_login(struct gate_thread *t, struct gate_check *c, struct span field)
{
    struct basic_credentials b;
    basic_parse(field, &b);
    enum gate_result result = b.state == BASIC_FOUND ? check_credentials(t, c, &b) : GATE_REFUSED;
    wipe(&b, sizeof(b));
    return result;
}

static enum gate_result check_basic(struct gate_thread *t, struct gate_check *c, const struct circle *circle)
{
    struct span field;
    struct login login;
    if (!c->gate->basic)
        return GATE_ANONYMOUS;
    enum basic_state state = basic_find(&c->request->headers, &field);
    c->tried_basic = state != BASIC_NONE;
    if (state != BASIC_FOUND)
        return state == BASIC_NONE ? GATE_ANONYMOUS : GATE_REFUSED;
    if (logins_find(t, c, circle, field, &login))
        return admit(c, circle, &login);
    return check_new_login(t, c, field);
}

/* --- the whole ---------------------------------------------------------------------------------------------------- */

/* Who comes with a service token is judged by it alone: no gate has tokens, so it proves nothing. Fields
 * that were dropped count too. */
static bool has_service_token(const struct headers *h)
{
    for (size_t i = 0; i < h->n; i++)
        if (h->v[i].id == H_CF_ACCESS_CLIENT_ID || h->v[i].id == H_CF_ACCESS_CLIENT_SECRET)
            return true;
    return false;
}

static void reset(struct gate_check *c)
{
    c->identity = (struct identity){.way = WAY_NONE};
    c->set_cookie = c->clear_cookies[0] = c->clear_cookies[1] = SPAN_NONE;
    c->token = SPAN_NONE;
    c->by_cookie = c->tried_basic = false;
    c->retry_after_s = 0;
    c->wait = NULL;
}

enum gate_result gate_check(struct gate_thread *t, struct gate_check *c)
{
    struct session session;
    reset(c);
    if (has_service_token(&c->request->headers))
        return GATE_ANONYMOUS;
    struct circle circle = circle_of(&c->gate->session, c->host);
    switch (session_find(t, c, &circle, &session, &c->token)) {
    case SESSION_GOOD:
        c->by_cookie = true;
        c->set_cookie = session_renew(c, &circle, &session);
        identify(c, session.user);
        return GATE_IDENTIFIED;
    case SESSION_TWO:
        if (!set_cookie_deletions(&c->gate->session, c->arena, c->clear_cookies))
            return GATE_FAILED;
        break;
    case SESSION_NONE:
        break;
    }
    return check_basic(t, c, &circle);
}

void gate_cancel(struct gate_thread *t, struct gate_check *c)
{
    if (c->wait)
        flight_leave(t, c->wait);
}

/* --- under new rules ---------------------------------------------------------------------------------------------- */

static bool same_credential(const struct gate_config *was, const struct gate_config *now, struct span user)
{
    const struct basic_user *a = basic_user_find(was->basic, user);
    const struct basic_user *b = basic_user_find(now->basic, user);
    return a && b && equal_const_time(a->fingerprint, b->fingerprint, sizeof(a->fingerprint));
}

bool gate_still_proves(const struct gate_check *c, const struct gate_config *now)
{
    const struct identity *who = &c->identity;
    struct session session;
    if (!now || who->way != WAY_BASIC || !span_eq(c->gate->name, now->name) ||
        !same_credential(c->gate, now, who->subject))
        return false;
    if (!c->by_cookie)
        return true;
    if (!span_eq(c->gate->session.cookie, now->session.cookie))
        return false; /* the next request with that cookie would be refused, so what it opened ends as well */
    struct circle circle = circle_of(&now->session, c->host);
    return token_is_genuine(now, &circle, c->token, &session);
}
