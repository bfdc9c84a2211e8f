#include "config/build.h"

#include "http/headers.h"

static const struct key keys[] = {
    KEY(struct raw_client_address, trusted_proxies, KEY_TEXTS, .required = true),
    KEY(struct raw_client_address, header, KEY_TEXT),
};

const struct section section_client_address = SECTION(struct raw_client_address, keys);

static void read_ranges(struct build *b, const struct texts_field *list)
{
    struct cidr *all = build_alloc(b, list->n, sizeof(*all));

    for (size_t i = 0; all && i < list->n; i++) {
        const struct text_field *t = &list->v[i];
        struct res r = t->v.p ? cidr_parse(t->v, &all[i]) : RES_OK;

        if (!res_ok(r))
            place_error(b->d, t->f.at, "\"%.*s\": %s: write a range such as \"172.16.0.0/16\" or \"fdaa::/16\"",
                        SHOW(t->v), r.err);
        else if (t->v.p && (all[i].bits == 0 || (all[i].bits == 96 && !all[i].ip[15] && all[i].ip[11] == 0xff)))
            place_warning(b->d, t->f.at,
                          "trusts everybody: any peer can claim any address, which `ip:` conditions and "
                          "login limits then believe");
    }
    b->snapshot->client_address.trusted = all;
    b->snapshot->client_address.trusted_count = all ? list->n : 0;
}

static struct span lower_copy(struct build *b, struct span s)
{
    struct span copy = build_copy(b, s);
    uint8_t *p = copy.p ? arena_alloc(b->arena, copy.n + 1) : NULL;

    if (!p) {
        b->failed = true;
        return SPAN_NONE;
    }
    for (size_t i = 0; i < copy.n; i++)
        p[i] = ascii_lower(copy.p[i]);
    p[copy.n] = '\0';
    return span_make(p, copy.n);
}

/* Fields that hold something else than one address. */
static bool is_no_address_header(struct span name)
{
    static const char *const names[] = {"forwarded", "host", "cookie", "authorization", "connection", NULL};

    for (size_t i = 0; names[i]; i++)
        if (span_eq_nocase(name, span_of(names[i])))
            return true;
    return false;
}

static void read_header(struct build *b, const struct text_field *t)
{
    if (!http_is_token(t->v))
        place_error(b->d, t->f.at, "\"%.*s\" is no header name: write for example \"Fly-Client-IP\"", SHOW(t->v));
    else if (is_no_address_header(t->v))
        place_error(b->d, t->f.at,
                    "%.*s does not hold an address alone: write \"X-Forwarded-For\" or the header of your proxy, for "
                    "example \"Fly-Client-IP\"",
                    SHOW(t->v));
    b->snapshot->client_address.header = lower_copy(b, t->v);
}

void build_client_address(struct build *b)
{
    const struct raw_client_address *raw = b->raw->client_address.v;

    if (!raw)
        return;
    if (raw->trusted_proxies.f.given && raw->trusted_proxies.v && !raw->trusted_proxies.n)
        place_error(b->d, raw->trusted_proxies.f.at,
                    "trusted_proxies is empty: name the ranges of your proxies, or "
                    "leave \"client_address\" out");
    read_ranges(b, &raw->trusted_proxies);
    if (raw->header.v.p)
        read_header(b, &raw->header);
}
