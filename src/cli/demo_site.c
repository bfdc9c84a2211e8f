#include "cli/demo_site.h"

#include <errno.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/crypto/random.h"
#include "base/text.h"
#include "cli/cert_files.h"
#include "cli/file.h"

static bool tell(const char *what, const char *why)
{
    (void)fprintf(stderr, "tiergate demo: %s: %s\n", what, why);
    return false;
}

/* s->dir/name; false: too long. */
static bool path_in(const struct demo_site *s, const char *name, char out[DEMO_PATH])
{
    int n = snprintf(out, DEMO_PATH, "%s/%s", s->dir, name);
    return n > 0 && n < DEMO_PATH;
}

static bool make_temporary(struct demo_site *s)
{
    const char *tmp = getenv("TMPDIR");
    int n = snprintf(s->dir, sizeof(s->dir), "%s/tiergate-demo-XXXXXX", tmp != NULL && tmp[0] == '/' ? tmp : "/tmp");
    if (n < 0 || n >= (int)sizeof(s->dir) || mkdtemp(s->dir) == NULL) {
        return tell("temporary folder", strerrordesc_np(errno));
    }
    s->temporary = true;
    return true;
}

static bool use_folder(struct demo_site *s, const char *dir)
{
    struct res r = file_make_folder(dir, 0700);
    if (!res_ok(r)) {
        return tell(dir, r.err);
    }
    char *whole = realpath(dir, NULL);
    bool fits = whole != NULL && strlen(whole) < sizeof(s->dir);
    if (fits) {
        (void)snprintf(s->dir, sizeof(s->dir), "%s", whole);
    }
    free(whole);
    return fits || tell(dir, "cannot find its whole name");
}

static bool make_folder(const struct demo_site *s, const char *name)
{
    char path[DEMO_PATH];
    struct res r = path_in(s, name, path) ? file_make_folder(path, 0700) : res_err("the name is too long");
    return res_ok(r) || tell(name, r.err);
}

static bool make_certificate(const struct demo_site *s)
{
    const struct span names[] = {SPAN(DEMO_HOST), SPAN("*." DEMO_HOST)};
    char dir[DEMO_PATH];
    bool made_ca;
    struct cert_request q = {.dir = dir, .leaf = "demo", .names = names, .count = 2};
    return path_in(s, "certs", dir) && cert_files_make(&q, &made_ca);
}

/* One that was made for the same folder before stays: browsers remember it. */
static bool keep_password(struct demo_site *s, const char *path)
{
    struct text t;
    text_init(&t);
    struct res r = file_read(path, sizeof(s->password) - 1, &t);
    struct span old = span_trim(text_span(&t));
    while (old.n > 0 && old.p[old.n - 1] == '\n') {
        old.n--;
    }
    bool kept = res_ok(r) && old.n > 0;
    if (kept) {
        (void)snprintf(s->password, sizeof(s->password), "%.*s", SPAN_ARG(old));
    }
    text_fini(&t);
    return kept;
}

/* 5 bits of each byte, in letters that nobody confuses. */
static void spell(const uint8_t *bytes, size_t n, char *out)
{
    static const char letters[] = "abcdefghijkmnpqrstuvwxyz23456789";
    for (size_t i = 0; i < n; i++) {
        out[i] = letters[bytes[i] & 31];
    }
    out[n] = '\0';
}

static bool make_password(struct demo_site *s)
{
    char path[DEMO_PATH];
    uint8_t bytes[16];
    if (!path_in(s, "password", path)) {
        return tell(s->dir, "the name is too long");
    }
    if (keep_password(s, path)) {
        return true;
    }
    struct res r = random_bytes(bytes, sizeof(bytes));
    if (res_ok(r)) {
        spell(bytes, sizeof(bytes), s->password);
        r = file_write(path, span_of(s->password), 0600);
    }
    return res_ok(r) || tell("password", r.err);
}

bool demo_site_make(struct demo_site *s, const char *dir)
{
    return (dir != NULL ? use_folder(s, dir) : make_temporary(s)) && make_folder(s, "rules") &&
           make_folder(s, "state") && make_certificate(s) && make_password(s);
}

/* --- rules -------------------------------------------------------------------------------------------------------- */

static void add_hosts(struct text *t)
{
    text_addf(t, "  \"hosts\": [\n"
                 "    { \"host\": \"" DEMO_HOST "\", \"origin\": \"pages\", \"gate\": \"team\", \"rules\": [\n"
                 "      { \"name\": \"uptime\", \"path\": \"/api/health\", \"methods\": [\"GET\", \"HEAD\"], "
                 "\"action\": \"bypass\" },\n"
                 "      { \"name\": \"docs\", \"path\": [\"/docs\", \"/docs/*\"], \"methods\": [\"GET\", \"HEAD\"], "
                 "\"action\": \"bypass\" },\n"
                 "      { \"name\": \"everything else\", \"path\": \"/*\", \"action\": \"allow\" }\n"
                 "    ] },\n"
                 "    // the same gate and session domain: one sign-in opens both\n"
                 "    { \"host\": \"ws." DEMO_HOST "\", \"origin\": \"pages\", \"gate\": \"team\", \"rules\": [\n"
                 "      { \"path\": \"/*\", \"action\": \"allow\" }\n"
                 "    ] }\n"
                 "  ],\n");
}

static void add_expect(struct text *t)
{
    text_addf(
        t, "  \"expect\": [\n"
           "    { \"request\": \"GET https://" DEMO_HOST "/\", \"as\": \"anonymous\", \"is\": \"gate\" },\n"
           "    { \"request\": \"GET https://" DEMO_HOST "/\", \"as\": \"basic:team/" DEMO_USER
           "\", \"is\": \"allow\" },\n"
           "    { \"request\": \"GET https://" DEMO_HOST "/api/health\", \"as\": \"anonymous\", \"is\": \"bypass\" },\n"
           "    { \"request\": \"GET https://ws." DEMO_HOST "/echo\", \"as\": \"anonymous\", \"is\": \"gate\" },\n"
           "    { \"request\": \"GET https://" DEMO_HOST
           "/docs/..%%2fwhoami\", \"as\": \"anonymous\", \"is\": \"gate\" }\n"
           "  ]\n"
           "}\n");
}

static void add_rules(struct text *t, const struct demo_site *s)
{
    text_addf(t, "// Written by `tiergate demo`. See docs/rules.md for every key.\n{\n  \"tier\": \"demo\",\n");
    text_addf(t, "  \"listen\": [{ \"address\": \"127.0.0.1:%u\" }", s->port);
    if (s->ipv6) {
        text_addf(t, ", { \"address\": \"[::1]:%u\" }", s->port);
    }
    text_addf(t, "],\n  \"certificates\": [{ \"cert\": \"../certs/demo.pem\", \"key\": \"../certs/demo.key\" }],\n");
    text_addf(t, "  \"gates\": {\n    \"team\": {\n"
                 "      \"basic\": { \"realm\": \"demo\", \"users\": { \"" DEMO_USER "\": \"file:../password\" } },\n"
                 "      \"session\": { \"domain\": \"" DEMO_HOST "\" }\n    }\n  },\n");
    text_addf(t, "  \"origins\": { \"pages\": { \"url\": \"http://127.0.0.1:%u\" } },\n", s->origin_port);
    add_hosts(t);
    text_addf(t, "  \"log\": { \"to\": \"../requests.log\" },\n"
                 "  \"limits\": { \"connections\": 1000 },\n");
    add_expect(t);
}

bool demo_site_write_rules(const struct demo_site *s)
{
    char path[DEMO_PATH];
    struct text t;
    text_init(&t);
    add_rules(&t, s);
    struct res r = t.failed || !path_in(s, "rules/demo.json", path) ? res_err("out of memory")
                                                                    : file_write(path, text_span(&t), 0644);
    text_fini(&t);
    return res_ok(r) || tell("rules/demo.json", r.err);
}

/* --- ports -------------------------------------------------------------------------------------------------------- */

/* Without SO_REUSEPORT: finds anybody who listens there. */
static bool can_bind(struct addr *a, unsigned port)
{
    struct sockaddr_storage sa;
    int on = 1;
    a->port = (uint16_t)port;
    socklen_t n = addr_to_sockaddr(a, &sa);
    int fd = socket(sa.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd == -1) {
        return false;
    }
    (void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
    bool good = bind(fd, (const struct sockaddr *)&sa, n) == 0;
    (void)close(fd);
    return good;
}

unsigned demo_site_free_port(unsigned port, bool *ipv6)
{
    struct addr v4, v6;
    if (!addr_parse_ip(SPAN("127.0.0.1"), &v4) || !addr_parse_ip(SPAN("::1"), &v6)) {
        return 0;
    }
    *ipv6 = can_bind(&v6, 0); /* does this machine have it at all? */
    for (unsigned p = port; p < port + 100 && p <= 65535; p++) {
        if (can_bind(&v4, p) && (!*ipv6 || can_bind(&v6, p))) {
            return p;
        }
    }
    return 0;
}

/* --- the end ------------------------------------------------------------------------------------------------------ */

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
    (void)remove(path); /* what cannot be removed stays */
    return 0;
}

void demo_site_remove(const struct demo_site *s)
{
    if (s->temporary) {
        (void)nftw(s->dir, remove_one, 16, FTW_DEPTH | FTW_PHYS);
    }
}
