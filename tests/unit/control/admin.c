/* What the command line may say, and how the supervisor gathers what workers answer, who may be in an attacker's hands. */
#include "control/admin.h"
#include "control/supervisor_priv.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/count.h"

#include <cmocka.h>

/* --- words -------------------------------------------------------------------------------------------------------- */

static const struct {
    const char *what, *gate;
    enum ledger_kind kind; /* 0: refused */
    enum identity_way way;
    const char *name;
} words[] = {
    {"all", "", LEDGER_ALL, WAY_NONE, ""},
    {"all", "g", 0, 0, ""},
    {"session:0a1B2c3d", "", LEDGER_SESSION, WAY_NONE, "\x0a\x1b\x2c\x3d"},
    {"session:0a1b2c3d", "g", 0, 0, ""},
    {"session:0a1b2c3", "", 0, 0, ""},
    {"session:0a1b2c3d4", "", 0, 0, ""},
    {"session:0a1b2c3g", "", 0, 0, ""},
    {"session:00000000", "", 0, 0, ""},
    {"basic:anna", "", LEDGER_IDENTITY, WAY_BASIC, "anna"},
    {"basic:a:b", "g", LEDGER_IDENTITY, WAY_BASIC, "a:b"},
    {"basic:", "", 0, 0, ""},
    {"basic", "", 0, 0, ""},
    {"BASIC:anna", "", 0, 0, ""},
    {"basic:an\nna", "", 0, 0, ""},
    {"basic:anna", "g\n", 0, 0, ""},
    {"github:583231", "", LEDGER_IDENTITY, WAY_GITHUB, "583231"},
    {"github:octocat", "", 0, 0, ""},
    {"service_token:ci", "", LEDGER_IDENTITY, WAY_SERVICE_TOKEN, "ci"},
    {"github_actions:o/r", "", LEDGER_IDENTITY, WAY_ACTIONS, "o/r"},
    {"share_link:f3d1cc3137db97f7d9fee2780d26bded", "", LEDGER_IDENTITY, WAY_SHARE_LINK,
     "f3d1cc3137db97f7d9fee2780d26bded"},
    {"share_link:f3d1cc3137db97f7d9fee2780d26bde", "", 0, 0, ""},
    {"share_link:f3d1cc3137db97f7d9fee2780d26bded0", "", 0, 0, ""},
    {"share_link:F3d1cc3137db97f7d9fee2780d26bded", "", 0, 0, ""},
    {"share_link:f3d1cc3137db97f7d9fee2780d26bdeg", "", 0, 0, ""},
    {"email:Anna@Example.org", "g", LEDGER_EMAIL, WAY_NONE, "Anna@Example.org"},
    {"email:a@b@c", "", 0, 0, ""},
    {"email:@b", "", 0, 0, ""},
    {"email:a@", "", 0, 0, ""},
    {"host:STG.Example.org.", "", LEDGER_HOST, WAY_NONE, "stg.example.org"},
    {"host:stg.example.org:443", "", 0, 0, ""},
    {"host:a/b", "", 0, 0, ""},
    {"", "", 0, 0, ""},
    {":", "", 0, 0, ""},
};

static void test_words(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(words); i++) {
        struct admin_revoke r;
        const char *why = admin_revoke_parse(span_of(words[i].what), span_of(words[i].gate), &r);
        if (words[i].kind == 0 ? why == NULL
                               : why != NULL || r.entry.kind != words[i].kind || r.entry.way != words[i].way ||
                                     !span_eq(r.entry.name, span_of(words[i].name)) ||
                                     !span_eq(r.entry.gate, span_of(words[i].gate))) {
            fail_msg("%s: %s", words[i].what, why != NULL ? why : "something else was understood");
        }
    }
}

static void test_there_and_back(void **state)
{
    struct text t;
    struct span what, gate;
    (void)state;
    text_init(&t);
    admin_revoke_words(SPAN("basic:anna"), SPAN("team"), &t);
    assert_true(admin_revoke_split(text_span(&t), &what, &gate));
    assert_true(span_eq(what, SPAN("basic:anna")) && span_eq(gate, SPAN("team")));
    text_fini(&t);
    assert_false(admin_revoke_split(SPAN("status"), &what, &gate));
    assert_false(admin_revoke_split(SPAN("revoke\nall"), &what, &gate));
    assert_false(admin_revoke_split(SPAN("revoked\nall\n"), &what, &gate));
}

/* --- gathering ---------------------------------------------------------------------------------------------------- */

static struct supervisor s;
static int worker_end[2]; /* the workers' ends */
static int client;        /* who asks */

static pid_t somebody(void)
{
    pid_t p = fork();
    if (p == 0) {
        for (;;) {
            (void)pause();
        }
    }
    assert_true(p > 0);
    return p;
}

static void make_pair(int *ours, int *theirs)
{
    int pair[2];
    assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair), 0);
    *ours = pair[0];
    *theirs = pair[1];
}

/* A supervisor with two workers, and a client that has said what it wants. */
static int start(void **state)
{
    static const enum sup_place places[] = {SUP_MAIN, SUP_FIRST_PARTING};
    (void)state;
    s = (struct supervisor){.state = SUP_RUNNING, .admin = -1};
    sup_config_init(&s.current);
    sup_config_init(&s.next);
    for (size_t i = 0; i < SUP_PLACES; i++) {
        sup_worker_forget(&s.workers[i]);
    }
    for (size_t i = 0; i < 2; i++) {
        struct sup_worker *w = &s.workers[places[i]];
        make_pair(&w->sock, &worker_end[i]);
        w->pid = somebody();
        w->state = i == 0 ? SUP_WORKER_SERVING : SUP_WORKER_PARTED;
    }
    s.admins[0].state = SUP_ADMIN_CONNECTED;
    make_pair(&s.admins[0].fd, &client);
    return 0;
}

static int stop(void **state)
{
    (void)state;
    for (size_t i = 0; i < SUP_PLACES; i++) {
        pid_t pid = s.workers[i].pid;
        sup_worker_kill(&s.workers[i]);
        if (pid != 0) {
            (void)waitpid(pid, NULL, 0);
        }
        sup_worker_forget(&s.workers[i]);
    }
    (void)close(worker_end[0]);
    (void)close(worker_end[1]);
    (void)close(client);
    return 0;
}

static void ask(const char *text)
{
    static struct wire_msg m;
    wire_begin(&m, WIRE_ADMIN);
    wire_put_u64(&m, 0);
    wire_put_bytes(&m, span_of(text));
    assert_null(wire_send(client, &m, 0).err);
    sup_admin_turn(&s);
}

/* The id that worker i was asked under; 0: it was not. */
static uint64_t heard(size_t i)
{
    static struct wire_msg m;
    return wire_recv(worker_end[i], WIRE_BIT(WIRE_ADMIN), &m) == WIRE_IO_OK ? wire_get_u64(&m) : 0;
}

static void say(size_t i, uint64_t id, uint64_t good, uint64_t ended, const char *text)
{
    static struct wire_msg m;
    wire_begin(&m, WIRE_ADMIN_DONE);
    wire_put_u64(&m, id);
    wire_put_u64(&m, good);
    wire_put_u64(&m, 2);
    wire_put_u64(&m, ended);
    wire_put_bytes(&m, span_of(text));
    assert_null(wire_send(worker_end[i], &m, 0).err);
    sup_worker_read(&s, &s.workers[i == 0 ? SUP_MAIN : SUP_FIRST_PARTING]);
}

struct got {
    bool any;
    uint64_t workers, good, threads, ended;
    char text[400];
};

static struct got got(void)
{
    static struct wire_msg m;
    struct got g = {.any = wire_recv(client, WIRE_BIT(WIRE_ADMIN_DONE), &m) == WIRE_IO_OK};
    if (g.any) {
        g.workers = wire_get_u64(&m);
        g.good = wire_get_u64(&m);
        g.threads = wire_get_u64(&m);
        g.ended = wire_get_u64(&m);
        (void)wire_get_u64(&m);
        struct span text = wire_get_bytes(&m);
        (void)snprintf(g.text, sizeof(g.text), "%.*s", SPAN_ARG(text));
        assert_true(wire_done(&m));
    }
    return g;
}

static void test_all_answer(void **state)
{
    (void)state;
    ask("revoke\nall\n");
    uint64_t id = heard(0);
    assert_true(id > 0);
    assert_int_equal(heard(1), id);
    say(0, id, 1, 3, "");
    assert_false(got().any);
    say(1, id, 1, 4, "");
    struct got g = got();
    assert_true(g.any);
    assert_int_equal(g.workers, 2);
    assert_int_equal(g.good, 2);
    assert_int_equal(g.threads, 4);
    assert_int_equal(g.ended, 7);
    assert_int_equal(s.admins[0].state, SUP_ADMIN_NONE);
}

/* What one says twice does not stand for the other. */
static void test_nobody_answers_for_another(void **state)
{
    (void)state;
    ask("revoke\nall\n");
    uint64_t id = heard(0);
    say(0, id, 1, 3, "");
    say(0, id, 1, 3, "");
    assert_false(got().any);
    assert_int_equal(s.admins[0].good, 1);
    say(1, id, 0, 0, "no\x1b[31m\nroom");
    struct got g = got();
    assert_int_equal(g.good, 1);
    assert_null(strchr(g.text, 0x1b));
    assert_non_null(strstr(g.text, "no [31m room"));
}

static void test_nonsense_ends_the_worker(void **state)
{
    (void)state;
    ask("revoke\nall\n");
    uint64_t id = heard(0);
    say(0, id + 1, 1, 0, "");
    assert_int_equal(s.workers[SUP_MAIN].state, SUP_WORKER_ENDING);
    say(1, id, 2, 0, "");
    assert_int_equal(s.workers[SUP_FIRST_PARTING].state, SUP_WORKER_ENDING);
    assert_false(got().any);
}

static void test_the_gone_are_not_awaited(void **state)
{
    (void)state;
    ask("revoke\nall\n");
    uint64_t id = heard(0);
    say(0, id, 1, 0, "");
    sup_admin_worker_gone(&s, s.workers[SUP_FIRST_PARTING].pid);
    struct got g = got();
    assert_int_equal(g.workers, 2);
    assert_int_equal(g.good, 1);
    assert_non_null(strstr(g.text, "has ended"));
}

static void test_time_ends(void **state)
{
    (void)state;
    ask("revoke\nall\n");
    uint64_t id = heard(0);
    sup_admin_on_due(&s, sup_admin_due(&s) - 1);
    assert_false(got().any);
    sup_admin_on_due(&s, sup_admin_due(&s));
    assert_int_equal(got().good, 0);
    say(0, id, 1, 0, ""); /* too late is no offence */
    assert_int_equal(s.workers[SUP_MAIN].state, SUP_WORKER_SERVING);
}

static void test_who_leaves_harms_nobody(void **state)
{
    (void)state;
    ask("revoke\nall\n");
    uint64_t id = heard(0);
    (void)shutdown(client, SHUT_RDWR);
    say(0, id, 1, 0, "");
    say(1, id, 1, 0, "");
    assert_int_equal(s.admins[0].state, SUP_ADMIN_NONE);
    assert_int_equal(s.workers[SUP_MAIN].state, SUP_WORKER_SERVING);
}

/* --- the socket --------------------------------------------------------------------------------------------------- */

static void test_socket(void **state)
{
    char folder[] = "/tmp/tg-admin-XXXXXX";
    static struct wire_msg m;
    int first, second;
    (void)state;
    assert_non_null(mkdtemp(folder));
    wire_begin(&m, WIRE_STATUS);
    assert_non_null(admin_ask(folder, &m, 100).err);
    assert_null(admin_listen(folder, &first).err);
    assert_non_null(admin_listen(folder, &second).err); /* it lives */
    assert_int_equal(second, -1);
    assert_non_null(admin_ask(folder, &m, 100).err); /* nobody answers */
    (void)close(first);
    assert_null(admin_listen(folder, &first).err); /* left behind: replaced */
    (void)close(first);
    admin_remove(folder);
    assert_int_equal(rmdir(folder), 0);
    assert_non_null(admin_listen(folder, &first).err);
}

#define WITH(test) cmocka_unit_test_setup_teardown(test, start, stop)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_words),
        cmocka_unit_test(test_there_and_back),
        WITH(test_all_answer),
        WITH(test_nobody_answers_for_another),
        WITH(test_nonsense_ends_the_worker),
        WITH(test_the_gone_are_not_awaited),
        WITH(test_time_ends),
        WITH(test_who_leaves_harms_nobody),
        cmocka_unit_test(test_socket),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
