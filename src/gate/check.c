#include "gate/check.h"

#include "base/clock.h"
#include "base/count.h"
#include "gate/basic.h"
#include "gate/flight.h"
#include "gate/ledger.h"
#include "gate/logins.h"
#include "gate/pairs.h"
#include "gate/service_token.h"
#include "gate/session.h"
#include "gate/set_cookie.h"

static struct identity user_identity(const struct gate_check *c, const struct basic_user *user)
{
    return (struct identity){
        .way = WAY_BASIC, .gate = c->gate->name, .subject = user->name, .proven_s = clock_wall_s()};
}

/* Proven by this very request. */
static void identify(struct gate_check *c, const struct identity *who)
{
    c->identity = *who;
    c->ends_s = who->proven_s + (int64_t)c->gate->session.lifetime_s;
}

static enum gate_result admit(struct gate_check *c, const struct circle *circle, const struct login *login)
{
    c->set_cookie = login->set_cookie;
    memcpy(c->given_id, login->id, sizeof(c->given_id));
    /* The new one takes the place of one of the two that are deleted. */
    c->clear_cookies[circle->kind == CIRCLE_DOMAIN] = SPAN_NONE;
    const struct identity who = user_identity(c, login->user);
    identify(c, &who);
    return GATE_IDENTIFIED;
}

enum gate_result check_admit(struct gate_thread *t, struct gate_check *c, const struct basic_user *user,
                             uint64_t expires_ms)
{
    struct circle circle = circle_of(&c->gate->session, c->host);
    const struct identity who = user_identity(c, user);
    struct session session;
    struct login login = {.user = user, .set_cookie = session_mint(c, &who, &session)};
    struct span field;
    if (!login.set_cookie.p)
        return GATE_FAILED;
    memcpy(login.id, session.id, sizeof(login.id));
    /* Not one that was made in the very second of a revocation: it may be taken back already, and would be given out for minutes. */
    bool lasts = session.issued > ledger_latest(t->ledger);
    if (lasts && basic_find(&c->request->headers, &field) == BASIC_FOUND)
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

/* --- service tokens ----------------------------------------------------------------------------------------------- */

static struct identity token_identity(const struct gate_check *c, const struct service_token *token)
{
    return (struct identity){
        .way = WAY_SERVICE_TOKEN, .gate = c->gate->name, .subject = token->name, .proven_s = clock_wall_s()};
}

/* Who comes with a service token is judged by it alone. */
static enum gate_result check_token(struct gate_check *c)
{
    const struct service_token *token = service_token_check(c->gate, &c->request->headers);
    if (!token)
        return GATE_TOKEN_REFUSED;
    const struct identity who = token_identity(c, token);
    identify(c, &who);
    return GATE_IDENTIFIED;
}

static enum gate_result mint_for_bypass(struct gate_check *c, const struct bypass *b)
{
    struct gate_minted minted;
    const struct gate_mint mint = {.gate = c->gate,
                                   .host = c->host,
                                   .who = &c->identity,
                                   .cross_site = b->wants == BYPASS_COOKIE_CROSS_SITE,
                                   .arena = c->arena};
    if (!gate_mint(&mint, &minted))
        return GATE_FAILED;
    c->set_cookie = minted.set_cookie;
    return GATE_IDENTIFIED;
}

static enum gate_result check_bypass(struct gate_check *c, const struct bypass *b)
{
    if (!b->token)
        return GATE_ANONYMOUS;
    const struct identity who = token_identity(c, b->token);
    identify(c, &who);
    return b->wants == BYPASS_COOKIE_NONE ? GATE_IDENTIFIED : mint_for_bypass(c, b);
}

/* --- the whole ---------------------------------------------------------------------------------------------------- */

static void reset(struct gate_check *c)
{
    c->identity = (struct identity){.way = WAY_NONE};
    c->set_cookie = c->clear_cookies[0] = c->clear_cookies[1] = SPAN_NONE;
    c->token = c->clean_target = SPAN_NONE;
    c->by_cookie = c->tried_basic = false;
    memset(c->session_id, 0, sizeof(c->session_id));
    memset(c->given_id, 0, sizeof(c->given_id));
    c->ends_s = 0;
    c->retry_after_s = 0;
    c->wait = NULL;
}

static void resume(const struct gate_thread *t, struct gate_check *c, const struct circle *circle,
                   const struct session *s)
{
    c->by_cookie = true;
    c->identity = s->who;
    c->ends_s = session_end(&c->gate->session, s);
    memcpy(c->session_id, s->id, sizeof(c->session_id));
    c->set_cookie = session_renew(t, c, circle, s);
}

static enum gate_result check_cookie(struct gate_thread *t, struct gate_check *c, const struct circle *circle)
{
    struct session session;
    switch (c->fresh ? SESSION_NONE : session_find(t, c, circle, &session, &c->token)) {
    case SESSION_GOOD:
        resume(t, c, circle, &session);
        return GATE_IDENTIFIED;
    case SESSION_TWO:
        c->token = SPAN_NONE;
        return set_cookie_deletions(&c->gate->session, c->arena, c->clear_cookies) ? GATE_ANONYMOUS : GATE_FAILED;
    case SESSION_NO_MEMORY:
        return GATE_FAILED;
    case SESSION_NONE:
        break;
    }
    return GATE_ANONYMOUS;
}

static enum gate_result check_all(struct gate_thread *t, struct gate_check *c, const struct bypass *b)
{
    struct circle circle = circle_of(&c->gate->session, c->host);
    enum gate_result result = check_cookie(t, c, &circle);
    if (result == GATE_ANONYMOUS)
        result = check_basic(t, c, &circle);
    return result == GATE_ANONYMOUS ? check_bypass(c, b) : result;
}

enum gate_result gate_check(struct gate_thread *t, struct gate_check *c)
{
    struct bypass bypass;
    reset(c);
    if (service_token_is_there(c->gate, &c->request->headers))
        return check_token(c);
    if (!bypass_find(c->gate, c->request, c->arena, &bypass))
        return GATE_FAILED;
    c->clean_target = bypass.clean_target;
    return check_all(t, c, &bypass);
}

void gate_cancel(struct gate_thread *t, struct gate_check *c)
{
    if (c->wait)
        flight_leave(t, c->wait);
}

/* --- under new rules ---------------------------------------------------------------------------------------------- */

static bool same_credential(const struct gate_config *was, const struct gate_config *now, const struct identity *who)
{
    const uint8_t *a = gate_fingerprint(was, who->way, who->subject);
    const uint8_t *b = gate_fingerprint(now, who->way, who->subject);
    return a && b && equal_const_time(a, b, 16);
}

static bool cookie_holds(const struct gate_check *c, const struct gate_config *now)
{
    uint8_t raw[TOKEN_RAW_MAX];
    struct session session;
    if (!span_eq(c->gate->session.cookie, now->session.cookie))
        return false; /* the next request with that cookie would be refused, so what it opened ends as well */
    struct circle circle = circle_of(&now->session, c->host);
    return token_is_genuine(now, &circle, c->token, raw, &session);
}

static bool proves_under(const struct gate_check *c, const struct gate_config *now)
{
    return now && span_eq(c->gate->name, now->name) && same_credential(c->gate, now, &c->identity) &&
           (!c->by_cookie || cookie_holds(c, now));
}

/* Facts of the ledger are copied: it may go before the exchange does. */
static bool keep_facts(struct gate_check *c, const struct identity *who)
{
    struct identity *own = &c->identity;
    const struct span parts[] = {who->email, who->login, who->groups};
    struct span copy = arena_join(c->arena, parts, COUNT(parts));
    if (!copy.p)
        return false;
    own->email = span_make(copy.p, who->email.n);
    own->login = span_make(copy.p + who->email.n, who->login.n);
    own->groups = span_make(copy.p + who->email.n + who->login.n, who->groups.n);
    return true;
}

static bool same_facts(const struct identity *a, const struct identity *b)
{
    return span_eq(a->email, b->email) && span_eq(a->login, b->login) && span_eq(a->groups, b->groups);
}

static bool ledger_lets(const struct gate_thread *t, struct gate_check *c)
{
    struct session s = {.who = c->identity, .issued = c->identity.proven_s};
    memcpy(s.id, c->session_id, sizeof(s.id));
    if (ledger_judge(t->ledger, &s, c->host, clock_wall_s()) != LEDGER_HOLDS)
        return false;
    return same_facts(&s.who, &c->identity) || keep_facts(c, &s.who);
}

bool gate_still_proves(const struct gate_thread *t, struct gate_check *c, const struct gate_config *now)
{
    /* The very same configuration needs no second look at the credential. */
    return c->identity.way != WAY_NONE && (now == c->gate || proves_under(c, now)) && ledger_lets(t, c);
}

bool gate_admits_session(const struct gate_thread *t, const struct identity *who, const uint8_t id[16],
                         struct span host)
{
    struct session s = {.who = *who, .issued = who->proven_s};
    memcpy(s.id, id, sizeof(s.id));
    return ledger_judge(t->ledger, &s, host, clock_wall_s()) == LEDGER_HOLDS;
}

bool gate_admits_identity(const struct gate_thread *t, const struct identity *who, struct span host)
{
    static const uint8_t none[SESSION_ID];
    return gate_admits_session(t, who, none, host);
}

bool gate_trusts_facts(const struct gate_thread *t, const struct identity *who)
{
    const struct session s = {.who = *who, .issued = who->proven_s};
    return clock_wall_s() < ledger_facts_end(t->ledger, &s);
}
