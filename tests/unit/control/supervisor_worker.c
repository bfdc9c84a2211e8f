/* What a worker says is believed only when it was asked: one that was taken over must neither confuse the supervisor nor keep it from its signals. */
#include "control/supervisor_priv.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#define NOW 7u
#define NEXT 8u

static const struct {
    const char *name;
    enum sup_state state;
    enum sup_change change;
    enum sup_place place;
    enum sup_worker_state before;
    enum wire_type says;
    uint64_t generation;
    unsigned times;
    enum sup_worker_state after;
} cases[] = {
    {"unasked", SUP_RUNNING, SUP_CHANGE_NONE, SUP_MAIN, SUP_WORKER_SERVING, WIRE_COMMITTED, NOW, 1, SUP_WORKER_ENDING},
    {"while rules are loaded", SUP_RUNNING, SUP_CHANGE_LOADING, SUP_MAIN, SUP_WORKER_SERVING, WIRE_COMMITTED, NEXT, 1,
     SUP_WORKER_ENDING},
    {"before it was told", SUP_RUNNING, SUP_CHANGE_READY, SUP_MAIN, SUP_WORKER_SERVING, WIRE_COMMITTED, NEXT, 1,
     SUP_WORKER_ENDING},
    {"older rules than it was told", SUP_RUNNING, SUP_CHANGE_COMMITTING, SUP_MAIN, SUP_WORKER_SERVING, WIRE_COMMITTED,
     NOW, 1, SUP_WORKER_ENDING},
    {"started, with rules that nobody has", SUP_RUNNING, SUP_CHANGE_NONE, SUP_MAIN, SUP_WORKER_STARTING, WIRE_COMMITTED,
     99, 1, SUP_WORKER_ENDING},
    {"started", SUP_RUNNING, SUP_CHANGE_NONE, SUP_MAIN, SUP_WORKER_STARTING, WIRE_COMMITTED, NOW, 1,
     SUP_WORKER_SERVING},
    {"a successor with the old rules", SUP_RUNNING, SUP_CHANGE_SUCCEEDING, SUP_SUCCESSOR, SUP_WORKER_STARTING,
     WIRE_COMMITTED, NOW, 1, SUP_WORKER_ENDING},
    {"parted, with others than were told", SUP_RUNNING, SUP_CHANGE_SPREADING, SUP_FIRST_PARTING, SUP_WORKER_PARTING,
     WIRE_COMMITTED, NEXT, 1, SUP_WORKER_ENDING},
    {"parted twice", SUP_RUNNING, SUP_CHANGE_NONE, SUP_FIRST_PARTING, SUP_WORKER_PARTED, WIRE_COMMITTED, NOW, 1,
     SUP_WORKER_ENDING},
    {"outgrown unasked", SUP_RUNNING, SUP_CHANGE_NONE, SUP_MAIN, SUP_WORKER_SERVING, WIRE_OUTGROWN, NOW, 1,
     SUP_WORKER_ENDING},
    {"failed unasked", SUP_RUNNING, SUP_CHANGE_NONE, SUP_MAIN, SUP_WORKER_SERVING, WIRE_FAILED, NOW, 1,
     SUP_WORKER_ENDING},
    {"without end, while it drains", SUP_DRAINING, SUP_CHANGE_COMMITTING, SUP_MAIN, SUP_WORKER_SERVING, WIRE_COMMITTED,
     NEXT, 30, SUP_WORKER_ENDING},
    {"declines without end, while it drains", SUP_DRAINING, SUP_CHANGE_COMMITTING, SUP_MAIN, SUP_WORKER_SERVING,
     WIRE_OUTGROWN, NEXT, 30, SUP_WORKER_ENDING},
};

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

static void say(int sock, enum wire_type type, uint64_t generation, unsigned times)
{
    static struct wire_msg m;
    for (unsigned i = 0; i < times; i++) {
        wire_begin(&m, type);
        wire_put_u64(&m, generation);
        if (type == WIRE_FAILED) {
            wire_put_bytes(&m, SPAN("for a reason"));
        }
        assert_null(wire_send(sock, &m, 0).err);
    }
}

static void is_believed_only_when_asked(void **state)
{
    static struct supervisor s;
    unsigned failed = 0;
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        int pair[2];
        assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair), 0);
        s = (struct supervisor){.state = cases[i].state, .change = cases[i].change};
        sup_config_init(&s.current);
        sup_config_init(&s.next);
        s.current.generation = NOW;
        s.next.generation = NEXT;
        for (size_t k = 0; k < SUP_PLACES; k++) {
            sup_worker_forget(&s.workers[k]);
        }
        struct sup_worker *w = &s.workers[cases[i].place];
        pid_t pid = somebody();
        *w = (struct sup_worker){.state = cases[i].before, .pid = pid, .sock = pair[0]};
        say(pair[1], cases[i].says, cases[i].generation, cases[i].times);
        sup_worker_read(&s, w);
        if (w->pid != pid || w->state != cases[i].after) {
            print_error("%s: state %d, wants %d\n", cases[i].name, (int)w->state, (int)cases[i].after);
            failed++;
        }
        sup_workers_kill(&s);
        (void)waitpid(pid, NULL, 0);
        sup_worker_forget(w);
        (void)close(pair[1]);
    }
    assert_int_equal(failed, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(is_believed_only_when_asked)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
