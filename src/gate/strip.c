/* What a request must not carry to an origin: the gate's own credentials, on every path. */
#include "gate/basic.h"
#include "gate/service_token.h"
#include "gate/set_cookie.h"
#include "http/cookie.h"

/* Also as an origin might fold the name. */
static bool is_own_field(const struct header *f)
{
    return f->id == H_TIERGATE_AUTHORIZATION || f->id == H_PROXY_AUTHORIZATION || f->id == H_CF_ACCESS_CLIENT_ID ||
           f->id == H_CF_ACCESS_CLIENT_SECRET || /* in other spellings with all of Cf-Access-* (edge/strip.c) */
           header_name_alias(f->name, SPAN("tiergate-authorization")) ||
           header_name_alias(f->name, SPAN("proxy-authorization"));
}

static bool strip_name(struct header *f, struct span name, struct arena *a)
{
    struct span left = cookie_strip(a, f->value, name);
    if (!left.p && f->value.n)
        return false;
    f->value = left;
    return true;
}

static bool strip_cookies(struct gate_list all, struct header *f, struct arena *a)
{
    bool had = f->value.n > 0;
    for (size_t i = 0; i < COOKIE_DEFAULTS; i++)
        if (!strip_name(f, cookie_default(i), a))
            return false;
    for (size_t i = 0; i < all.n; i++)
        if (!cookie_is_default(all.v[i].session.cookie) && !strip_name(f, all.v[i].session.cookie, a))
            return false;
    if (had && f->value.n == 0)
        f->drop = 1;
    return true;
}

static bool is_own_authorization(const struct gate_config *own, const struct header *f)
{
    return f->id == H_AUTHORIZATION &&
           ((own->basic && basic_is_scheme(f->value)) || service_token_is_json(own, f->value));
}

/* Of the gate of this host. */
static bool is_credential(const struct gate_config *own, const struct header *f)
{
    return is_own_authorization(own, f) || (own->token_count > 0 && f->id == H_OTHER && bypass_is_field(f->name));
}

/* A page that was asked for with the secret in its address names it to all that it loads. */
static bool clean_addresses(struct http_request *r, struct arena *a)
{
    r->path_query = bypass_clean(r->path_query, a);
    for (size_t i = 0; i < r->headers.n; i++) {
        struct header *f = &r->headers.v[i];
        if (f->id != H_REFERER || f->value.n == 0)
            continue;
        f->value = bypass_clean(f->value, a);
        if (!f->value.p)
            return false;
    }
    return r->path_query.p != NULL;
}

bool gate_strip_request(const struct gate_config *own, struct gate_list all, struct http_request *r, struct arena *a)
{
    for (size_t i = 0; i < r->headers.n; i++) {
        struct header *f = &r->headers.v[i];
        if (is_own_field(f) || (own && is_credential(own, f)))
            f->drop = 1;
        else if (f->id == H_COOKIE && !strip_cookies(all, f, a))
            return false;
    }
    return !own || own->token_count == 0 || clean_addresses(r, a);
}
