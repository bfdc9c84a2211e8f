#include "gate/set_cookie.h"

#include "http/cookie.h"

#define BEFORE_SITE "; Path=/; Secure; HttpOnly; SameSite="

struct span cookie_default(size_t i)
{
    static const struct span names[COOKIE_DEFAULTS] = {{(const uint8_t *)"__Host-tiergate", 15},
                                                       {(const uint8_t *)"__Secure-tiergate", 17},
                                                       {(const uint8_t *)"__Host-tiergate-browser", 23},
                                                       {(const uint8_t *)"__Host-tiergate-signed-in", 25}};
    return names[i];
}

static struct span make(const struct session_config *s, const struct circle *circle, struct span token,
                        const char *site, int64_t max_age_s, struct arena *a)
{
    long long age = max_age_s > 0 ? (long long)max_age_s : 0;
    if (circle->kind == CIRCLE_DOMAIN)
        return arena_printf(a, "%.*s=%.*s" BEFORE_SITE "%s; Max-Age=%lld; Domain=%.*s", SPAN_ARG(s->cookie),
                            SPAN_ARG(token), site, age, SPAN_ARG(circle->name));
    return arena_printf(a, "%.*s=%.*s" BEFORE_SITE "%s; Max-Age=%lld", SPAN_ARG(s->cookie), SPAN_ARG(token), site, age);
}

struct span set_cookie_make(const struct session_config *s, const struct circle *circle, struct span token,
                            int64_t max_age_s, struct arena *a)
{
    return make(s, circle, token, "Lax", max_age_s, a);
}

struct span set_cookie_cross_site(const struct session_config *s, const struct circle *circle, struct span token,
                                  int64_t max_age_s, struct arena *a)
{
    return make(s, circle, token, "None", max_age_s, a);
}

bool set_cookie_deletions(const struct session_config *s, struct arena *a, struct span out[2])
{
    struct circle host = circle_of(&(struct session_config){.cookie = s->cookie}, SPAN_NONE);
    struct circle domain = circle_of(s, s->domain);
    out[0] = set_cookie_make(s, &host, SPAN_NONE, 0, a);
    out[1] = SPAN_NONE;
    if (domain.kind == CIRCLE_DOMAIN)
        out[1] = set_cookie_make(s, &domain, SPAN_NONE, 0, a);
    return out[0].p && (domain.kind != CIRCLE_DOMAIN || out[1].p);
}

bool gate_clear_cookies(const struct gate_config *gate, struct arena *a, struct span out[2])
{
    return set_cookie_deletions(&gate->session, a, out);
}

bool cookie_is_default(struct span name)
{
    for (size_t i = 0; i < COOKIE_DEFAULTS; i++)
        if (span_eq_nocase(name, cookie_default(i)))
            return true;
    return false;
}

bool gate_owns_cookie(struct gate_list all, struct span set_cookie)
{
    struct span name = set_cookie_name(set_cookie);
    if (cookie_is_default(name))
        return true;
    for (size_t i = 0; i < all.n; i++)
        if (all.v[i].session.cookie.n && span_eq_nocase(name, all.v[i].session.cookie))
            return true;
    return false;
}
