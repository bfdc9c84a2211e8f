#include "control/worker_sandbox.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "base/count.h"

#define DNS_PORT 53
#define HTTPS_PORT 443
#define SMTPS_PORT 465
#define SUBMISSION_PORT 587

/* c-ares reads its settings when a loop thread starts, and the hosts at each question; certificates are read at each
 * commit, and a listener keeps /dev/null as a spare descriptor. Keys and rules are in none of these folders. */
static const struct {
    const char *path;
    bool again;
} readable[] = {
    {"/etc/resolv.conf", false},
    {"/etc/nsswitch.conf", false},
    {"/etc/host.conf", false},
    {"/etc/hosts", true},
    {"/dev/urandom", false},
    {"/dev/null", true},
    {"/etc/ssl/certs", true},
    {"/usr/share/ca-certificates", true},
    {"/usr/local/share/ca-certificates", true},
    {"/usr/lib/ssl/cert.pem", true},
};

/* Another place of the system's certificates, as OpenSSL has it. */
static const char *const named_by[] = {"SSL_CERT_FILE", "SSL_CERT_DIR"};

static struct worker_file look_at(const char *path, bool again)
{
    struct stat st;
    struct worker_file f = {.path = path, .again = again};
    if (stat(path, &st) == 0) {
        f.device = st.st_dev;
        f.inode = st.st_ino;
    }
    return f;
}

static void add_file(struct worker_sandbox *s, const char *path, bool again)
{
    if (path != NULL && path[0] == '/' && s->file_count < WORKER_FILES) {
        s->files[s->file_count++] = look_at(path, again);
    }
}

static void add_files(struct worker_sandbox *s)
{
    for (size_t i = 0; i < COUNT(readable); i++) {
        add_file(s, readable[i].path, readable[i].again);
    }
    for (size_t i = 0; i < COUNT(named_by); i++) {
        add_file(s, getenv(named_by[i]), true);
    }
}

/* "ip", "ip:port", "[ip6]:port": a name server is asked by TCP when an answer does not fit into a datagram. */
static uint16_t port_of_server(struct span server)
{
    struct addr a;
    uint64_t port = DNS_PORT;
    size_t colon = server.n;
    while (colon > 0 && server.p[colon - 1] != ':') {
        colon--;
    }
    if (colon > 0 && !addr_parse_ip(server, &a) && !span_parse_u64(span_from(server, colon), UINT16_MAX, &port)) {
        port = DNS_PORT;
    }
    return (uint16_t)port;
}

static void add_resolver_ports(struct sandbox_ports *ports, const char *resolver)
{
    struct span rest = resolver != NULL ? span_of(resolver) : SPAN_NONE;
    sandbox_ports_add(ports, DNS_PORT);
    while (rest.n > 0) {
        struct span server = span_make(rest.p, span_find(rest, ','));
        sandbox_ports_add(ports, port_of_server(server));
        rest = span_from(rest, server.n < rest.n ? server.n + 1 : rest.n);
    }
}

/* "scheme://host[:port]", the host may be an [address]. No url: no port. */
static void add_url_port(struct sandbox_ports *ports, struct span url, uint16_t by_default)
{
    struct span rest = span_from(url, span_find(url, ':') + 3);
    uint64_t port = by_default;
    struct span host = span_make(rest.p, span_find(rest, '/'));
    size_t bracket = span_find(host, ']');
    struct span behind = bracket < host.n ? span_from(host, bracket + 1) : host;
    size_t colon = span_find(behind, ':');
    if (colon < behind.n && !span_parse_u64(span_from(behind, colon + 1), UINT16_MAX, &port)) {
        port = by_default;
    }
    if (url.n > 0) {
        sandbox_ports_add(ports, (uint16_t)port);
    }
}

/* Of what is asked before somebody is let in. */
static void add_gate_ports(struct sandbox_ports *ports, const struct gate_config *g)
{
    if (g->github != NULL) {
        add_url_port(ports, g->github->web, HTTPS_PORT);
        add_url_port(ports, g->github->api, HTTPS_PORT);
    }
    if (g->email_pin != NULL) {
        bool tls_first = span_has_prefix(g->email_pin->smtp, SPAN("smtps:"));
        add_url_port(ports, g->email_pin->smtp, tls_first ? SMTPS_PORT : SUBMISSION_PORT);
    }
    if (g->actions != NULL) {
        add_url_port(ports, g->actions->issuer, HTTPS_PORT);
    }
}

static void add_rules_ports(struct sandbox_ports *ports, const struct snapshot *s)
{
    for (size_t i = 0; i < s->origin_count; i++) {
        sandbox_ports_add(ports, s->origins[i].port);
    }
    for (size_t i = 0; i < s->gate_count; i++) {
        add_gate_ports(ports, &s->gates[i]);
    }
}

static void tell_what_lacks(unsigned in_force)
{
    static const struct {
        unsigned part;
        const char *text;
    } lacks[] = {
        {SANDBOX_FILES, "Landlock: a worker that was taken over could read and write what its user may"},
        {SANDBOX_PORTS, "Landlock for ports (Linux 6.7): a worker that was taken over could connect to any port"},
        {SANDBOX_CALLS, "seccomp: a worker that was taken over could start programs"},
    };
    for (size_t i = 0; i < COUNT(lacks); i++) {
        if ((in_force & lacks[i].part) == 0) {
            (void)fprintf(stderr, "tiergate: warning: this kernel has no %s\n", lacks[i].text);
        }
    }
}

struct res worker_sandbox_enter(struct worker_sandbox *s, const struct snapshot *first, const char *resolver,
                                const char *store)
{
    const char *paths[WORKER_FILES];
    add_files(s);
    add_resolver_ports(&s->ports, resolver);
    add_rules_ports(&s->ports, first);
    for (size_t i = 0; i < s->file_count; i++) {
        paths[i] = s->files[i].path;
    }
    struct sandbox_policy p = {
        .readable = paths, .readable_count = s->file_count, .writable = store, .connect = &s->ports};
    struct res r = sandbox_enter(&p, &s->in_force);
    if (res_ok(r)) {
        tell_what_lacks(s->in_force);
    }
    return r;
}

bool worker_sandbox_has_files(const struct worker_sandbox *s)
{
    if ((s->in_force & SANDBOX_FILES) == 0) {
        return true;
    }
    for (size_t i = 0; i < s->file_count; i++) {
        const struct worker_file *f = &s->files[i];
        struct worker_file now = look_at(f->path, f->again);
        if (f->again && (now.device != f->device || now.inode != f->inode)) {
            return false;
        }
    }
    return true;
}

bool worker_sandbox_has_ports(const struct worker_sandbox *s, const struct snapshot *next)
{
    if ((s->in_force & SANDBOX_PORTS) == 0) {
        return true;
    }
    struct sandbox_ports needed = {.bits = {0}};
    add_rules_ports(&needed, next);
    for (size_t i = 0; i < COUNT(needed.bits); i++) {
        if ((needed.bits[i] & ~s->ports.bits[i]) != 0) {
            return false;
        }
    }
    return true;
}
