#include "config/build.h"

static const struct key keys[] = {
    KEY(struct raw_listen, address, KEY_TEXT, .required = true),
    KEY(struct raw_listen, redirect_to_https, KEY_BOOL),
    KEY(struct raw_listen, proxy_protocol, KEY_BOOL),
    KEY(struct raw_listen, plain, KEY_BOOL),
};

const struct section section_listen = SECTION(struct raw_listen, keys);

static void check_trust(struct build *b, const struct raw_listen *raw)
{
    const struct num_field *cause = raw->plain.v ? &raw->plain : &raw->proxy_protocol;

    if (cause->v && !b->raw->client_address.f.given)
        place_error(b->d, cause->f.at,
                    "needs \"client_address\": {\"trusted_proxies\": […]}: the ranges of whoever connects here "
                    "(all other peers are closed)");
}

static void check_same(struct build *b, const struct listen_config *all, size_t n, const struct raw_listen *raw)
{
    for (size_t i = 0; i < n; i++)
        if (addr_same_ip(&all[i].address, &all[n].address) && all[i].address.port == all[n].address.port &&
            all[n].address.port)
            place_error(b->d, raw->address.f.at, "%.*s is listened on already (listen %zu)", SHOW(raw->address.v),
                        i + 1);
}

static void build_one(struct build *b, const struct raw_listen *raw, struct listen_config *all, size_t i)
{
    struct listen_config *l = &all[i];

    l->text = raw->address.v;
    l->kind = raw->redirect_to_https.v ? LISTEN_REDIRECT : LISTEN_SERVE;
    l->plain = raw->plain.v;
    l->proxy_protocol = raw->proxy_protocol.v;
    check_trust(b, raw);
    if (l->kind == LISTEN_REDIRECT && l->plain)
        place_error(b->d, raw->plain.f.at,
                    "a listener that redirects speaks plain HTTP anyway: remove \"plain\", or "
                    "\"redirect_to_https\" when TLS ends before it");
    if (!raw->address.v.p)
        return;
    struct res r = addr_parse_listen(raw->address.v, &l->address);

    if (!res_ok(r))
        place_error(b->d, raw->address.f.at, "\"%.*s\": %s: write \"[::]:443\" or \"127.0.0.1:8443\"",
                    SHOW(raw->address.v), r.err);
    else
        check_same(b, all, i, raw);
}

void build_listen(struct build *b)
{
    const struct objects_field *list = &b->raw->listen;
    struct listen_config *all = build_alloc(b, list->n, sizeof(*all));

    if (!all)
        return;
    if (!list->f.given || (list->v && !list->n))
        place_error(b->d, list->f.at, "\"listen\" is missing: write \"listen\": [{\"address\": \"[::]:443\"}]");
    for (size_t i = 0; i < list->n; i++)
        build_one(b, (const struct raw_listen *)list->v + i, all, i);
    b->snapshot->listen = all;
    b->snapshot->listen_count = list->n;
}
