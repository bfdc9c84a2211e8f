/* The first step: which host, which path. */
#include "edge/conn.h"
#include "edge/endpoints.h"
#include "edge/exchange.h"

/* `host[:port]` of the https side. The port asked for is kept, but that of this very listener, which does
 * not speak TLS, is replaced by that of the first one that does. */
static int https_port(const struct exchange *x)
{
    if (x->host.port < 0 || x->host.port == 80)
        return 443;
    if (x->host.port != x->conn->listen.address.port)
        return x->host.port;
    for (size_t i = 0; i < x->snapshot->listen_count; i++)
        if (x->snapshot->listen[i].kind == LISTEN_SERVE)
            return x->snapshot->listen[i].address.port;
    return 443;
}

static enum ex_next redirect_to_https(struct exchange *x)
{
    struct answer_request q;
    struct answer a;
    int port = https_port(x);
    struct span host = host_span(&x->host);
    struct span to =
        port == 443 ? arena_printf(&x->arena, "https://%.*s%.*s", SPAN_ARG(host), SPAN_ARG(x->req.path_query))
                    : arena_printf(&x->arena, "https://%.*s:%d%.*s", SPAN_ARG(host), port, SPAN_ARG(x->req.path_query));
    x->own = true;
    exchange_answer_request(x, "redirect-to-https", &q);
    if (!to.p || !answer_redirect(&q, 308, to, &a))
        return exchange_end(x, true);
    return exchange_reply(x, &a, "redirect-to-https");
}

/* NULL: goes on. Else the reason for 421. */
static const char *misdirected(struct exchange *x)
{
    x->site = snapshot_find_host(x->snapshot, host_span(&x->host), &x->captured);
    if (!x->site)
        return "unknown-host";
    if (x->client->is_tls(x) && !x->client->cert_covers(x, host_span(&x->host))) {
        x->site = NULL;
        return "certificate-does-not-cover-host";
    }
    return NULL;
}

/* From here on there is one spelling of what was asked for, the one that was judged: an origin that tells its hosts apart byte by byte, or
 * takes a name that it does not know for its default, must not see another in it. */
static bool normalize_authority(struct exchange *x)
{
    struct span name = host_span(&x->host), as_sent = x->req.authority;
    if (x->host.port < 0 || x->host.port == 443)
        x->req.authority = name;
    else if (!span_has_prefix(as_sent, name) || as_sent.p[name.n] != ':')
        x->req.authority = arena_printf(&x->arena, "%.*s:%d", SPAN_ARG(name), x->host.port);
    return x->req.authority.p != NULL;
}

static bool parse_path(struct exchange *x)
{
    uint8_t *room = arena_alloc(&x->arena, x->req.path_query.n);
    if (!room)
        return false;
    path_parse(x->req.path_query, room, &x->path);
    return true;
}

/* `OPTIONS *` is about the server as a whole and has no path to judge. */
static bool is_asterisk(const struct exchange *x)
{
    return span_eq(x->req.path_query, SPAN("*"));
}

enum ex_next exchange_route(struct exchange *x)
{
    x->asker = ASKER_CLIENT;
    if (x->parse_error.status)
        return exchange_refuse(x, x->parse_error.status, x->parse_error.why);
    x->client_addr = exchange_client_address(x);
    x->asker = asker_of(&x->req, false);
    bool has_host = host_parse(x->req.authority, &x->host);
    if (!has_host)
        x->host.n = 0;
    if (endpoint_is_health(&x->req)) /* HTTP/1.0 without Host included */
        return endpoint_health(x);
    if (!has_host) {
        x->must_close = true;
        return exchange_refuse(x, 400, "bad-host");
    }
    const char *wrong = misdirected(x);
    if (wrong)
        return exchange_refuse(x, 421, wrong);
    if (is_asterisk(x))
        return exchange_refuse(x, 403, "no-path");
    if (!normalize_authority(x) || !parse_path(x))
        return exchange_end(x, true);
    if (x->path.kind == PATH_MALFORMED) {
        x->must_close = true;
        x->detail = x->path.why;
        return exchange_refuse(x, 400, "bad-path");
    }
    if (x->conn->listen.kind == LISTEN_REDIRECT)
        return redirect_to_https(x);
    x->asker = asker_of(&x->req, x->path.kind == PATH_CANONICAL);
    x->cors = exchange_cors_grant(x);
    x->state = EX_DECIDE;
    return EX_MORE;
}
