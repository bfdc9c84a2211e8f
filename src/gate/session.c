#include "gate/session.h"

#include "base/clock.h"
#include "base/count.h"
#include "gate/ledger.h"
#include "gate/set_cookie.h"
#include "http/cookie.h"

#define COOKIES_MAX 16      /* of one name in one request; with more, none counts */
#define VERIFIED_MS 600000u /* a verified token is forgotten after this; its own times are looked at each time */

/* --- what was verified -------------------------------------------------------------------------------------------- */

/* What is remembered of a token: the session, then the texts of its identity one behind the other, then the token. */
struct verified {
    uint64_t ledger; /* that it was judged by */
    int64_t issued, active, ends;
    uint8_t id[SESSION_ID];
    enum identity_way way;
    uint16_t subject, email, login, groups, scope; /* bytes */
    uint16_t texts;                                /* all of them */
};

#define REMEMBERED_MAX (sizeof(struct verified) + TOKEN_RAW_MAX + LEDGER_FACTS_MAX + TOKEN_TEXT_MAX)
#define MAC_TEXT 24 /* of the end of a token: 140 bits of its MAC and more */
#define KEY_MAX (GATE_DIGEST + MAC_TEXT + HOST_MAX)

/* The host stands for itself and for its circle: a session may be taken back on one host of a circle. Of the token its end is enough: whoever has
 * that has seen a good one's MAC, and whether the rest is the same is looked at afterwards. */
static struct span key_of(const struct gate_check *c, struct span text, uint8_t room[KEY_MAX])
{
    memcpy(room, c->gate->digest, GATE_DIGEST);
    memcpy(room + GATE_DIGEST, text.p + text.n - MAC_TEXT, MAC_TEXT);
    memcpy(room + GATE_DIGEST + MAC_TEXT, c->host.p, c->host.n);
    return span_make(room, GATE_DIGEST + MAC_TEXT + c->host.n);
}

static struct span take(struct span *rest, size_t n)
{
    struct span s = span_make(rest->p, n);
    *rest = span_make(rest->p + n, rest->n - n);
    return s;
}

/* The texts stay where they are. */
static void unpack(const struct verified *v, struct span texts, const struct gate_config *gate, struct session *out)
{
    *out = (struct session){.issued = v->issued, .active = v->active, .ends = v->ends};
    memcpy(out->id, v->id, sizeof(out->id));
    out->who = (struct identity){.way = v->way, .gate = gate->name, .proven_s = v->issued, .latest_s = v->ends};
    out->who.subject = take(&texts, v->subject);
    out->who.email = take(&texts, v->email);
    out->who.login = take(&texts, v->login);
    out->who.groups = take(&texts, v->groups);
    out->who.scope = take(&texts, v->scope);
}

static enum session_state recall(struct gate_thread *t, const struct gate_check *c, struct span key, struct span token,
                                 struct session *out)
{
    struct span value;
    struct verified v;
    if (!cache_get(t->sessions, key, t->loop->now_ms, &value))
        return SESSION_NONE;
    memcpy(&v, value.p, sizeof(v));
    if (v.ledger != ledger_number(t->ledger) || !span_eq(token, span_from(value, sizeof(v) + v.texts)))
        return SESSION_NONE;
    struct span texts = arena_copy(c->arena, span_make(value.p + sizeof(v), v.texts));
    if (!texts.p)
        return SESSION_NO_MEMORY;
    unpack(&v, texts, c->gate, out);
    return SESSION_GOOD;
}

static size_t pack(const struct gate_thread *t, const struct session *s, struct span token, uint8_t out[REMEMBERED_MAX])
{
    const struct identity *who = &s->who;
    const struct span texts[] = {who->subject, who->email, who->login, who->groups, who->scope, token};
    struct verified v = {.ledger = ledger_number(t->ledger),
                         .issued = s->issued,
                         .active = s->active,
                         .ends = s->ends,
                         .way = who->way,
                         .subject = (uint16_t)who->subject.n,
                         .email = (uint16_t)who->email.n,
                         .login = (uint16_t)who->login.n,
                         .groups = (uint16_t)who->groups.n,
                         .scope = (uint16_t)who->scope.n};
    size_t n = sizeof(v);
    v.texts = (uint16_t)(v.subject + v.email + v.login + v.groups + v.scope);
    memcpy(v.id, s->id, sizeof(v.id));
    memcpy(out, &v, sizeof(v));
    for (size_t i = 0; i < COUNT(texts); i++) {
        if (texts[i].n > REMEMBERED_MAX - n)
            return 0;
        if (texts[i].n)
            memcpy(out + n, texts[i].p, texts[i].n);
        n += texts[i].n;
    }
    return n;
}

/* No longer than its facts are to be believed. */
static uint64_t forget_ms(const struct gate_thread *t, const struct session *s, int64_t now)
{
    int64_t facts_end = ledger_facts_end(t->ledger, s);
    uint64_t ms = VERIFIED_MS;
    if (facts_end > now && facts_end - now < VERIFIED_MS / 1000)
        ms = (uint64_t)(facts_end - now) * 1000;
    return t->loop->now_ms + ms;
}

/* The session as it is remembered, so that its texts live as long as the exchange, whatever they were read from. */
static enum session_state remember(struct gate_thread *t, const struct gate_check *c, struct span key, int64_t now,
                                   struct span token, struct session *s)
{
    uint8_t bytes[REMEMBERED_MAX];
    struct verified v;
    uint64_t until = forget_ms(t, s, now);
    size_t n = pack(t, s, token, bytes);
    if (n == 0)
        return SESSION_NONE; /* can't happen: no token and no facts are so long */
    memcpy(&v, bytes, sizeof(v));
    struct span texts = arena_copy(c->arena, span_make(bytes + sizeof(v), v.texts));
    if (!texts.p)
        return SESSION_NO_MEMORY;
    unpack(&v, texts, c->gate, s);
    cache_put(t->sessions, key, span_make(bytes, n), t->loop->now_ms, until);
    return SESSION_GOOD;
}

/* --- the session of a request ------------------------------------------------------------------------------------- */

static enum session_state verify_anew(struct gate_thread *t, const struct gate_check *c, const struct circle *circle,
                                      struct span text, struct span key, struct session *out)
{
    uint8_t raw[TOKEN_RAW_MAX];
    int64_t now = clock_wall_s();
    if (!token_verify(c->gate, circle, text, now, raw, out) ||
        ledger_judge(t->ledger, out, c->host, now) != LEDGER_HOLDS)
        return SESSION_NONE;
    return remember(t, c, key, now, text, out);
}

static enum session_state verify(struct gate_thread *t, const struct gate_check *c, const struct circle *circle,
                                 struct span text, struct session *out)
{
    uint8_t room[KEY_MAX];
    if (text.n < MAC_TEXT || text.n > TOKEN_TEXT_MAX || c->host.n > HOST_MAX)
        return SESSION_NONE;
    struct span key = key_of(c, text, room);
    enum session_state state = recall(t, c, key, text, out);
    if (state == SESSION_NONE)
        state = verify_anew(t, c, circle, text, key, out);
    if (state != SESSION_GOOD || session_is_live(&c->gate->session, out, clock_wall_s()))
        return state;
    return SESSION_NONE;
}

static bool is_link(const struct session *s)
{
    return s->who.way == WAY_SHARE_LINK;
}

static bool leads_here(const struct gate_check *c, const struct session *s)
{
    return c->path && share_link_covers(s->who.scope, c->path);
}

/* One more good session, s by the cookie `text`, to what was found so far. False: they contradict each other. */
static bool add(struct session *found, struct span *token, const struct session *s, struct span text)
{
    if (token->n && is_link(s) == is_link(found))
        return false;
    if (token->n && is_link(s)) /* a link never stands in the way of who signed in */
        return true;
    *found = *s;
    *token = text;
    return true;
}

enum session_state session_find(struct gate_thread *t, const struct gate_check *c, const struct circle *circle,
                                struct session *out, struct span *token)
{
    struct span values[COOKIES_MAX];
    size_t n = cookie_find(&c->request->headers, c->gate->session.cookie, values, COOKIES_MAX);
    *token = SPAN_NONE;
    if (n > COOKIES_MAX)
        return SESSION_NONE;
    for (size_t i = 0; i < n; i++) {
        struct session s = {.issued = 0}; /* over long ago, should nobody put another there */
        if (span_eq(values[i], *token))
            continue;
        enum session_state state = verify(t, c, circle, values[i], &s);
        if (state == SESSION_NO_MEMORY)
            return state;
        if (state != SESSION_GOOD || (is_link(&s) && !leads_here(c, &s)))
            continue;
        if (!add(out, token, &s, values[i]))
            return SESSION_TWO;
    }
    return token->n ? SESSION_GOOD : SESSION_NONE;
}

/* --- renewing ----------------------------------------------------------------------------------------------------- */

/* A response that a browser may keep must not carry a cookie: pages are asked for anew. */
static bool is_page(const struct http_request *r)
{
    const struct header *mode = headers_find(&r->headers, H_SEC_FETCH_MODE);
    if (mode)
        return span_eq(mode->value, SPAN("navigate"));
    return !headers_find(&r->headers, H_SEC_FETCH_DEST) && !headers_find(&r->headers, H_SEC_FETCH_SITE);
}

struct span session_renew(const struct gate_thread *t, const struct gate_check *c, const struct circle *circle,
                          const struct session *s)
{
    char token[TOKEN_TEXT_MAX];
    int64_t now = clock_wall_s();
    uint32_t idle = c->gate->session.idle_s;
    /* Those of a circle narrower than the host's have an end of their own. */
    if (idle == 0 || session_has_own_end(s) || now - s->active <= (int64_t)idle / 10 || !is_page(c->request))
        return SPAN_NONE;
    if (now >= ledger_facts_end(t->ledger, s)) /* emptied: it must not be so for good */
        return SPAN_NONE;
    struct session later = *s;
    later.active = now;
    size_t n = token_make(c->gate, circle, &later, token);
    int64_t left = session_end(&c->gate->session, s) - now;
    return n ? set_cookie_make(&c->gate->session, circle, span_make(token, n), left, c->arena) : SPAN_NONE;
}
