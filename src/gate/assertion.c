#include "gate/assertion.h"

#include "base/clock.h"
#include "base/count.h"
#include "base/hex.h"
#include "base/text.h"
#include "gate/jwt.h"
#include "gate/state.h"

#define REMEMBERED_MS 300000u
#define LONGEST_S 86400
#define EARLIER_S 60 /* the origin's clock may be behind ours */
#define NONCE 16     /* hex digits */

/* --- who -------------------------------------------------------------------------------------------------------------- */

static bool sum_of(const struct assertion_keys *keys, const struct span *parts, size_t count, uint8_t out[MAC_SIZE])
{
    struct mac *m = mac_new(span_make(keys->subject, sizeof(keys->subject)));
    bool ok = m && res_ok(mac_sum(m, parts, count, out));
    mac_free(m);
    return ok;
}

/* Version 8 of RFC 9562: made in a way of our own. */
static void put_uuid(uint8_t b[16], char out[ASSERTION_SUB])
{
    static const uint8_t lengths[] = {4, 2, 2, 2, 6};
    b[6] = (uint8_t)((b[6] & 0x0f) | 0x80);
    b[8] = (uint8_t)((b[8] & 0x3f) | 0x80);
    for (size_t i = 0; i < COUNT(lengths); i++) {
        hex_put(b, lengths[i], out);
        b += lengths[i];
        out += 2 * lengths[i];
        if (i + 1 < COUNT(lengths))
            *out++ = '-';
    }
}

bool assertion_sub(const struct assertion_keys *keys, const struct identity *who, char out[ASSERTION_SUB])
{
    uint8_t sum[MAC_SIZE];
    const struct span parts[] = {SPAN("sub"), who->gate, span_of(identity_way_name(who->way)), who->subject};
    if (!sum_of(keys, parts, COUNT(parts), sum))
        return false;
    put_uuid(sum, out);
    return true;
}

struct span assertion_common_name(const struct gate_config *gate, const struct identity *who)
{
    if (who->way == WAY_ACTIONS)
        return who->subject;
    for (size_t i = 0; who->way == WAY_SERVICE_TOKEN && i < gate->token_count; i++)
        if (span_eq(gate->tokens[i].name, who->subject))
            return gate->tokens[i].client_id;
    return SPAN_NONE;
}

/* --- claims ----------------------------------------------------------------------------------------------------------- */

static void add_text(struct text *t, const char *name, struct span value)
{
    text_addf(t, ",\"%s\":\"", name);
    text_add_json(t, value);
    text_add(t, SPAN("\""));
}

static void add_issuer(struct text *t, const struct assertion *a)
{
    const struct gate_check *c = a->check;
    struct span host = c->gate->session.sign_in_host.n ? c->gate->session.sign_in_host : c->host;
    text_addf(t, ",\"iss\":\"https://%.*s", SPAN_ARG(host));
    if (a->port >= 0 && a->port != 443)
        text_addf(t, ":%d", a->port);
    text_add(t, SPAN("\""));
}

/* Ours alone: everything that was proven, whatever the way. */
static void add_proven(struct text *t, const struct identity *who)
{
    text_addf(t, ",\"tiergate\":{\"way\":\"%s\"", identity_way_name(who->way));
    add_text(t, "gate", who->gate);
    add_text(t, "subject", who->subject);
    if (who->login.n)
        add_text(t, "login", who->login);
    text_add(t, SPAN("}"));
}

static bool add_who(struct text *t, const struct assertion *a)
{
    const struct gate_check *c = a->check;
    struct span name = assertion_common_name(c->gate, &c->identity);
    char sub[ASSERTION_SUB];
    if (!assertion_sub(a->keys, &c->identity, sub))
        return false;
    if (c->identity.email.n)
        add_text(t, "email", c->identity.email);
    if (name.n)
        add_text(t, "common_name", name);
    add_text(t, "sub", name.n ? SPAN("") : span_make(sub, sizeof(sub)));
    add_proven(t, &c->identity);
    return true;
}

/* The same for one session, and no part of it: what the origin sees must not help to guess that. */
static bool add_nonce(struct text *t, const struct assertion *a)
{
    const struct gate_check *c = a->check;
    uint8_t sum[MAC_SIZE];
    char nonce[NONCE];
    int64_t proven = c->identity.proven_s;
    const struct span parts[] = {SPAN("nonce"), c->identity.gate, c->identity.subject,
                                 span_make(c->session_id, sizeof(c->session_id)), span_make(&proven, sizeof(proven))};
    if (!sum_of(a->keys, parts, COUNT(parts), sum))
        return false;
    hex_put(sum, NONCE / 2, nonce);
    add_text(t, "identity_nonce", span_make(nonce, sizeof(nonce)));
    return true;
}

static bool add_claims(struct text *t, const struct assertion *a, int64_t now, int64_t ends)
{
    text_add(t, SPAN("{\"aud\":[\""));
    text_add_json(t, a->audience);
    text_addf(t, "\"],\"exp\":%lld,\"iat\":%lld,\"nbf\":%lld", (long long)ends, (long long)now,
              (long long)(now - EARLIER_S));
    add_issuer(t, a);
    text_add(t, SPAN(",\"type\":\"app\""));
    bool ok = add_nonce(t, a) && add_who(t, a);
    text_add(t, SPAN("}"));
    return ok && !t->failed;
}

/* --- signing, and remembering ----------------------------------------------------------------------------------------- */

static struct span sign(const struct assertion *a, int64_t now, int64_t ends)
{
    struct text claims, token;
    struct span out = SPAN_NONE;
    text_init(&claims);
    text_init(&token);
    if (add_claims(&claims, a, now, ends) && res_ok(jwt_make(a->keys->key, a->keys->kid, text_span(&claims), &token)))
        out = arena_copy(a->check->arena, text_span(&token));
    text_fini(&token);
    text_fini(&claims);
    return out;
}

/* What the claims are made of beside the key (session, host, port), each with its length, so that none runs into the next; of the times only
 * the end of a session's: what was proven by the request itself ends later with each one. p == NULL: no memory. */
static struct span source_of(const struct assertion *a)
{
    const struct gate_check *c = a->check;
    const struct identity *who = &c->identity;
    struct {
        int64_t ends;
        uint32_t way;
        uint16_t subject, email, login, audience, issuer, kid;
    } fixed;
    memset(&fixed, 0, sizeof(fixed)); /* the padding too */
    fixed.ends = c->by_cookie ? c->ends_s : 0;
    fixed.way = (uint32_t)who->way;
    fixed.subject = (uint16_t)who->subject.n;
    fixed.email = (uint16_t)who->email.n;
    fixed.login = (uint16_t)who->login.n;
    fixed.audience = (uint16_t)a->audience.n;
    fixed.issuer = (uint16_t)c->gate->session.sign_in_host.n;
    fixed.kid = (uint16_t)a->keys->kid.n;
    const struct span parts[] = {span_make(&fixed, sizeof(fixed)),
                                 span_make(c->gate->digest, sizeof(c->gate->digest)),
                                 who->subject,
                                 who->email,
                                 who->login,
                                 a->audience,
                                 c->gate->session.sign_in_host,
                                 a->keys->kid};
    return arena_join(c->arena, parts, COUNT(parts));
}

/* The session, if there is one, and whose; the host and port as they were asked for. Where that does not tell two apart, their sources do, and the
 * later one is remembered. p == NULL: no memory. */
static struct span key_of(const struct assertion *a)
{
    const struct gate_check *c = a->check;
    const struct span parts[] = {span_make(c->session_id, sizeof(c->session_id)), span_make(&a->port, sizeof(a->port)),
                                 c->host, c->identity.subject};
    return arena_join(c->arena, parts, COUNT(parts));
}

static void remember(struct gate_thread *t, const struct assertion *a, struct span key, struct span source,
                     struct span token, uint64_t for_ms)
{
    const struct span parts[] = {source, token};
    struct span value = arena_join(a->check->arena, parts, COUNT(parts));
    if (value.p)
        cache_put(t->assertions, key, value, t->loop->now_ms,
                  t->loop->now_ms + (for_ms < REMEMBERED_MS ? for_ms : REMEMBERED_MS));
}

static struct span sign_anew(struct gate_thread *t, const struct assertion *a, struct span key, struct span source)
{
    int64_t now = clock_wall_s(), ends = a->check->ends_s;
    if (ends > now + LONGEST_S)
        ends = now + LONGEST_S;
    if (ends <= now)
        return SPAN_NONE; /* can't happen: it would not have been let in */
    struct span token = sign(a, now, ends);
    if (token.p)
        remember(t, a, key, source, token, (uint64_t)(ends - now) * 1000);
    return token;
}

struct span assertion_of(struct gate_thread *t, const struct assertion *a)
{
    struct span key = key_of(a), source = source_of(a), known;
    if (!key.p || !source.p)
        return SPAN_NONE;
    if (cache_get(t->assertions, key, t->loop->now_ms, &known) && span_has_prefix(known, source))
        return arena_copy(a->check->arena, span_from(known, source.n));
    return sign_anew(t, a, key, source);
}
