#include "gate/logins.h"

#include "base/count.h"
#include "gate/ledger.h"

#define GIVEN_OUT_S 300u /* a minted token is given out again for so long at most */
#define VALUE_MAX 2048

/* What is remembered; the Set-Cookie's bytes lie behind it. */
struct known {
    size_t user;
    uint8_t id[SESSION_ID];
};

/* The gate's digest stands for everything that was configured when the login was verified; circle and field say what was asked. */
static void tag_of(const struct gate_thread *t, const struct gate_check *c, const struct circle *circle,
                   struct span field, uint8_t out[HASH_TAG])
{
    uint8_t kind[2] = {(uint8_t)circle->kind, (uint8_t)circle->name.n};
    uint64_t ledger = ledger_number(t->ledger); /* which may have taken back the token that would be given out again */
    const struct span parts[] = {span_make(c->gate->digest, sizeof(c->gate->digest)),
                                 span_make(&ledger, sizeof(ledger)), span_make(kind, sizeof(kind)), circle->name,
                                 field};
    hash_tag(t->login_key, parts, COUNT(parts), out);
}

bool logins_find(struct gate_thread *t, const struct gate_check *c, const struct circle *circle, struct span field,
                 struct login *out)
{
    uint8_t tag[HASH_TAG];
    struct known known;
    struct span value;
    tag_of(t, c, circle, field, tag);
    if (!cache_get(t->logins, span_make(tag, sizeof(tag)), t->loop->now_ms, &value) || value.n < sizeof(known))
        return false;
    memcpy(&known, value.p, sizeof(known));
    if (known.user >= c->gate->basic->user_count)
        return false;
    out->user = &c->gate->basic->users[known.user]; /* the same digest means the same users in the same places */
    memcpy(out->id, known.id, sizeof(out->id));
    out->set_cookie = arena_copy(c->arena, span_from(value, sizeof(known)));
    return out->set_cookie.p != NULL;
}

/* Short enough that what is given out again is still good for most of its time. */
static uint64_t given_out_ms(const struct session_config *s)
{
    uint32_t span_s = s->idle_s && s->idle_s < s->lifetime_s ? s->idle_s : s->lifetime_s;
    return (span_s / 8 < GIVEN_OUT_S ? span_s / 8 : GIVEN_OUT_S) * (uint64_t)1000;
}

void logins_remember(struct gate_thread *t, const struct gate_check *c, const struct circle *circle, struct span field,
                     const struct login *login, uint64_t expires_ms)
{
    uint8_t tag[HASH_TAG], value[VALUE_MAX];
    struct known known = {.user = (size_t)(login->user - c->gate->basic->users)};
    size_t n = sizeof(known) + login->set_cookie.n;
    uint64_t latest = t->loop->now_ms + given_out_ms(&c->gate->session);
    if (n > sizeof(value))
        return;
    memcpy(known.id, login->id, sizeof(known.id));
    memcpy(value, &known, sizeof(known));
    memcpy(value + sizeof(known), login->set_cookie.p, login->set_cookie.n);
    tag_of(t, c, circle, field, tag);
    cache_put(t->logins, span_make(tag, sizeof(tag)), span_make(value, n), t->loop->now_ms,
              expires_ms < latest ? expires_ms : latest);
}
