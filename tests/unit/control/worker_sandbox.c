/* What a worker asks the kernel for: ports of origins and name servers, files that are still what they were. */
#include "control/worker_sandbox.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/count.h"

#include <cmocka.h>

/* In a child, for what it enters is for good. Its exit status is what `judge` says, 99 when it could not enter. */
static int inside(const struct snapshot *first, const char *resolver, int (*judge)(struct worker_sandbox *s, void *arg),
                  void *arg)
{
    int status;
    pid_t p = fork();
    assert_true(p >= 0);
    if (p == 0) {
        struct worker_sandbox s;
        memset(&s, 0, sizeof(s));
        bool in =
            prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 && res_ok(worker_sandbox_enter(&s, first, resolver, NULL));
        _exit(in ? judge(&s, arg) : 99);
    }
    assert_int_equal(waitpid(p, &status, 0), p);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static const struct {
    const char *name, *resolver;
    uint16_t port; /* of a name server, by TCP */
    bool has;
} servers[] = {
    {"the system's", NULL, 53, true},
    {"nothing else", NULL, 54, false},
    {"an address", "192.0.2.1", 53, true},
    {"its last part is no port", "::1", 1, false},
    {"address and port", "192.0.2.1:5353", 5353, true},
    {"the second one", "192.0.2.1,192.0.2.2:5454", 5454, true},
    {"IPv6 and port", "[2001:db8::1]:5555", 5555, true},
    {"not the one between", "192.0.2.1:5353,192.0.2.2:5454", 192, false},
};

static int has_port(struct worker_sandbox *s, void *arg)
{
    return sandbox_ports_has(&s->ports, *(uint16_t *)arg) ? 1 : 0;
}

static void test_name_servers(void **state)
{
    struct snapshot none = {.origin_count = 0};
    for (size_t i = 0; i < COUNT(servers); i++) {
        uint16_t port = servers[i].port;
        int got = inside(&none, servers[i].resolver, has_port, &port);
        if (got != (servers[i].has ? 1 : 0)) {
            fail_msg("%s: %d", servers[i].name, got);
        }
    }
}

/* 1: fits; 0: does not; 2: this kernel limits no ports. */
static int fits(struct worker_sandbox *s, void *arg)
{
    return (s->in_force & SANDBOX_PORTS) == 0 ? 2 : worker_sandbox_has_ports(s, arg) ? 1 : 0;
}

static void test_origins(void **state)
{
    struct origin_config origins[] = {{.port = 443}, {.port = 3000}, {.port = 8080}};
    struct snapshot first = {.origins = origins, .origin_count = 2};
    struct snapshot fewer = {.origins = origins, .origin_count = 1};
    struct snapshot more = {.origins = origins, .origin_count = 3};
    if (inside(&first, NULL, fits, &first) == 2) {
        print_message("this kernel limits no ports\n");
        skip();
    }
    assert_int_equal(inside(&first, NULL, fits, &first), 1);
    assert_int_equal(inside(&first, NULL, fits, &fewer), 1);
    assert_int_equal(inside(&first, NULL, fits, &more), 0);
}

static const struct {
    const char *name;
    struct github_config github;
    struct email_pin_config mail;
    struct actions_config actions;
    uint16_t needs;
} asked[] = {
    {.name = "github",
     .github = {.web = SPAN("https://github.com"), .api = SPAN("https://api.github.com")},
     .needs = 443},
    {.name = "its own port",
     .github = {.web = SPAN("https://git.example.com:8443"), .api = SPAN("https://git.example.com:8443/api/v3")},
     .needs = 8443},
    {.name = "the API's port",
     .github = {.web = SPAN("https://[2001:db8::1]"), .api = SPAN("https://[2001:db8::1]:9443/x:1")},
     .needs = 9443},
    {.name = "TLS", .mail = {.smtp = SPAN("smtps://mail.example.com")}, .needs = 465},
    {.name = "STARTTLS", .mail = {.smtp = SPAN("smtp://mail.example.com")}, .needs = 587},
    {.name = "a port for mail", .mail = {.smtp = SPAN("smtp://mail.example.com:2525")}, .needs = 2525},
    {.name = "jobs", .actions = {.issuer = SPAN("https://issuer.example.com:444/x")}, .needs = 444},
};

/* A worker that has it from the start may, one that has not is outgrown. */
static void test_gates(void **state)
{
    struct snapshot none = {.origin_count = 0};
    if (inside(&none, NULL, fits, &none) == 2) {
        print_message("this kernel limits no ports\n");
        skip();
    }
    for (size_t i = 0; i < COUNT(asked); i++) {
        struct gate_config gate = {
            .github = asked[i].github.web.n > 0 ? &asked[i].github : NULL,
            .email_pin = asked[i].mail.smtp.n > 0 ? &asked[i].mail : NULL,
            .actions = asked[i].actions.issuer.n > 0 ? &asked[i].actions : NULL,
        };
        struct snapshot with = {.gates = &gate, .gate_count = 1};
        uint16_t port = asked[i].needs;
        if (inside(&with, NULL, has_port, &port) != 1 || inside(&none, NULL, fits, &with) != 0 ||
            inside(&with, NULL, fits, &with) != 1) {
            fail_msg("%s", asked[i].name);
        }
    }
}

struct bundle_file {
    char path[64], next[64];
    int barrier[2], done[2];
};

static void make(const char *path)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    assert_true(fd >= 0 && close(fd) == 0);
}

/* The parent replaces it between two looks: the child may not. */
static int looks_twice(struct worker_sandbox *s, void *arg)
{
    struct bundle_file *f = arg;
    char c = 'x';
    if ((s->in_force & SANDBOX_FILES) == 0) {
        c = 'n';
    }
    bool before = worker_sandbox_has_files(s);
    if (write(f->barrier[1], &c, 1) != 1 || read(f->done[0], &c, 1) != 1) {
        return 98;
    }
    return (before ? 1 : 0) + (worker_sandbox_has_files(s) ? 2 : 0);
}

static int child_looks(struct bundle_file *f, void (*meanwhile)(struct bundle_file *f), bool *limited)
{
    struct snapshot none = {.origin_count = 0};
    int status;
    char c = 0;
    assert_true(pipe(f->barrier) == 0 && pipe(f->done) == 0);
    pid_t p = fork();
    if (p == 0) {
        _exit(inside(&none, NULL, looks_twice, f));
    }
    assert_int_equal(read(f->barrier[0], &c, 1), 1);
    *limited = c == 'x';
    meanwhile(f);
    assert_int_equal(write(f->done[1], &c, 1), 1);
    assert_int_equal(waitpid(p, &status, 0), p);
    for (int i = 0; i < 2; i++) {
        close(f->barrier[i]);
        close(f->done[i]);
    }
    return WEXITSTATUS(status);
}

static void write_in_place(struct bundle_file *f)
{
    make(f->path);
}

static void replace(struct bundle_file *f)
{
    make(f->next);
    assert_int_equal(rename(f->next, f->path), 0);
}

static void test_files(void **state)
{
    struct bundle_file f = {.path = "/tmp/tiergate-bundle-XXXXXX"};
    bool limited;
    int fd = mkstemp(f.path);
    assert_true(fd >= 0 && close(fd) == 0);
    (void)snprintf(f.next, sizeof(f.next), "%s.next", f.path);
    assert_int_equal(setenv("SSL_CERT_FILE", f.path, 1), 0);
    assert_int_equal(child_looks(&f, write_in_place, &limited), 3);
    assert_int_equal(child_looks(&f, replace, &limited), limited ? 1 : 3);
    assert_int_equal(unsetenv("SSL_CERT_FILE"), 0);
    assert_int_equal(unlink(f.path), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_name_servers),
        cmocka_unit_test(test_origins),
        cmocka_unit_test(test_gates),
        cmocka_unit_test(test_files),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
