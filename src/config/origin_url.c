#include "config/origin_url.h"

#include "http/host.h"
#include "net/addr.h"

#include <stdio.h>

static const char *parse_scheme(struct span url, struct origin_url *u, struct span *rest)
{
    static const struct span schemes[] = {{(const uint8_t *)"http://", 7}, {(const uint8_t *)"https://", 8}};

    for (size_t i = 0; i < 2; i++)
        if (span_has_prefix(url, schemes[i])) {
            u->tls = i == 1;
            *rest = span_from(url, schemes[i].n);
            return NULL;
        }
    return "an origin is reached by https:// or http:// (WebSockets too): write \"https://name.example\"";
}

static const char *check_rest(struct span s)
{
    for (size_t i = 0; i < s.n; i++) {
        if (s.p[i] == '@')
            return "no user or password in an origin's url: put a secret into its \"headers\"";
        if (s.p[i] == '/' || s.p[i] == '?' || s.p[i] == '#')
            return "no path, query or fragment in an origin's url (paths pass unchanged): end it behind the host";
        if (s.p[i] >= 'A' && s.p[i] <= 'Z')
            return "write the host in lower case";
    }
    return s.n ? NULL : "the host is missing: write \"https://name.example\"";
}

static bool is_capture_name(struct span s)
{
    for (size_t i = 0; i < s.n; i++)
        if (!(s.p[i] == '_' || (s.p[i] >= 'a' && s.p[i] <= 'z') || (i && s.p[i] >= '0' && s.p[i] <= '9')))
            return false;
    return s.n > 0;
}

/* Labels of the fixed part behind the one that holds the capture. */
static size_t fixed_labels(struct span after)
{
    size_t dots = 0;

    for (size_t i = 0; i < after.n; i++)
        dots += after.p[i] == '.' && i + 1 < after.n;
    return dots;
}

static bool cut_capture(struct span s, struct origin_url *u, struct span *after)
{
    struct span inner;

    if (!span_cut(s, '{', &u->before, &inner) || !span_cut(inner, '}', &u->capture, after))
        return false;
    return is_capture_name(u->capture) && span_find(*after, '{') == after->n && span_find(*after, '}') == after->n;
}

/* The host with a sample in the place of the capture: what host_parse must accept. */
static bool sample(const struct origin_url *u, struct span after, struct host *h)
{
    char text[HOST_MAX + 16];
    int n = snprintf(text, sizeof(text), "%.*s%s%.*s", SPAN_ARG(u->before), u->capture.n ? "x" : "", SPAN_ARG(after));

    return n > 0 && (size_t)n < sizeof(text) && host_parse(span_make(text, (size_t)n), h);
}

static struct span without_port(struct span s, int port)
{
    if (port < 0)
        return s;
    while (s.n && s.p[s.n - 1] != ':')
        s.n--;
    return span_make(s.p, s.n ? s.n - 1 : 0);
}

static void set_port(struct origin_url *u, int port)
{
    u->port = port < 0 ? u->tls ? 443 : 80 : (uint16_t)port;
}

static const char *parse_template(struct span s, struct origin_url *u)
{
    struct host h;

    if (!cut_capture(s, u, &u->after))
        return "a capture in a url is one {name}, as the host pattern calls it: write \"https://pr-{n}.name.example\"";
    if (!sample(u, u->after, &h))
        return "the host is malformed: write \"https://pr-{n}.name.example\"";
    u->after = without_port(u->after, h.port);
    if (span_find(u->before, '.') < u->before.n || fixed_labels(u->after) < 2)
        return "a capture stands in the first label, before a fixed suffix of two labels or more: write "
               "\"https://pr-{n}.name.example\"";
    set_port(u, h.port);
    return NULL;
}

/* A host that would do without its port: the port is what is wrong. */
static bool port_is_wrong(struct span s)
{
    struct origin_url u = {.before = s};
    struct host h;

    while (u.before.n && u.before.p[u.before.n - 1] != ':')
        u.before.n--;
    if (!u.before.n)
        return false;
    u.before.n--;
    return sample(&u, SPAN(""), &h);
}

static const char *parse_host(struct span s, struct origin_url *u)
{
    struct host h;

    u->before = s;
    u->capture = u->after = SPAN_NONE;
    if (!sample(u, SPAN(""), &h) && port_is_wrong(s))
        return "the port must be a number from 1 to 65535: write \"http://127.0.0.1:8080\"";
    if (!sample(u, SPAN(""), &h))
        return "the host is malformed: write \"https://name.example\" or \"http://127.0.0.1:8080\"";
    u->before = without_port(s, h.port);
    set_port(u, h.port);
    return NULL;
}

const char *origin_url_parse(struct span url, struct origin_url *out)
{
    struct span rest = SPAN_NONE;
    const char *problem = parse_scheme(url, out, &rest);

    if (!problem)
        problem = check_rest(rest);
    if (problem)
        return problem;
    if (span_find(rest, '{') < rest.n || span_find(rest, '}') < rest.n)
        return parse_template(rest, out);
    return parse_host(rest, out);
}

bool origin_url_is_loopback(const struct origin_url *u)
{
    static const uint8_t v6[16] = {[15] = 1};
    struct addr a;

    if (u->capture.n)
        return span_has_suffix(u->after, SPAN(".localhost"));
    if (addr_parse_ip(u->before, &a))
        return (ip_is_v4(a.ip) && a.ip[12] == 127) || memcmp(a.ip, v6, sizeof(v6)) == 0;
    return span_eq(u->before, SPAN("localhost")) || span_has_suffix(u->before, SPAN(".localhost"));
}
