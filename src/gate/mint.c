/* New sessions, for whatever way somebody proved himself. */
#include "base/clock.h"
#include "base/crypto/random.h"
#include "gate/session.h"
#include "gate/set_cookie.h"

/* What goes on with what was proven before ends with it. */
static int64_t end_of(const struct gate_mint *m, int64_t issued)
{
    int64_t end = m->ends_s ? m->ends_s : issued + (int64_t)m->gate->session.lifetime_s;
    return m->who->latest_s && m->who->latest_s < end ? m->who->latest_s : end;
}

static bool session_new(const struct gate_mint *m, int64_t now, struct session *s)
{
    *s = (struct session){.who = *m->who, .active = now};
    s->issued = m->who->proven_s ? m->who->proven_s : now;
    if (s->active < s->issued) /* it was proven on another machine, whose clock is a little ahead */
        s->active = s->issued;
    s->who.proven_s = s->issued;
    s->who.gate = m->gate->name;
    s->ends = s->who.latest_s = end_of(m, s->issued);
    if (m->id)
        memcpy(s->id, m->id, sizeof(s->id));
    return session_is_live(&m->gate->session, s, now) && (m->id || res_ok(random_bytes(s->id, sizeof(s->id))));
}

static struct span cookie_of(const struct gate_mint *m, const struct session *s, int64_t now)
{
    char token[TOKEN_TEXT_MAX];
    struct circle asked = circle_of(&m->gate->session, m->host);
    struct circle circle = circle_for(m->gate, s->who.way, &asked);
    size_t n = token_make(m->gate, &asked, s, token);
    int64_t left = session_end(&m->gate->session, s) - now;
    if (n == 0)
        return SPAN_NONE;
    if (m->cross_site)
        return set_cookie_cross_site(&m->gate->session, &circle, span_make(token, n), left, m->arena);
    return set_cookie_make(&m->gate->session, &circle, span_make(token, n), left, m->arena);
}

static struct span mint(const struct gate_mint *m, struct session *s)
{
    int64_t now = clock_wall_s();
    bool fits = m->host.n <= HOST_MAX && span_eq(m->who->gate, m->gate->name);
    return fits && session_new(m, now, s) ? cookie_of(m, s, now) : SPAN_NONE;
}

bool gate_mint(const struct gate_mint *m, struct gate_minted *out)
{
    struct session s;
    out->set_cookie = mint(m, &s);
    if (!out->set_cookie.p)
        return false;
    memcpy(out->id, s.id, sizeof(out->id));
    return true;
}

struct span session_mint(const struct gate_check *c, const struct identity *who, struct session *out)
{
    return mint(&(struct gate_mint){.gate = c->gate, .host = c->host, .who = who, .arena = c->arena}, out);
}
