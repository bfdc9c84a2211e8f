/* What a worker that was taken over could still do: each row runs in a child that has entered the sandbox. */
#include "net/sandbox.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <sched.h>
#include <seccomp.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/count.h"

#include <setjmp.h>

#include <cmocka.h>

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define LEAK_CHECKER 1 /* forks and traces itself */
#else
#define LEAK_CHECKER 0
#endif

#define KILLED 1000 /* by SIGSYS */

/* Two listeners on loopback, a folder with a readable and a secret file. */
struct world {
    char folder[64], readable[96], secret[96], rules[96], fresh[96];
    int listener, other, udp, outside;
    uint16_t port, other_port;
    unsigned in_force;
};

static int result(long r)
{
    return r < 0 ? errno : 0;
}

static int open_it(const char *path, int flags)
{
    int fd = open(path, flags | O_CLOEXEC, 0600);
    return result(fd);
}

static struct sockaddr_in loopback(uint16_t port)
{
    return (struct sockaddr_in){
        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
}

static int connect_to(uint16_t port)
{
    struct sockaddr_in a = loopback(port);
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    return fd < 0 ? errno : result(connect(fd, (struct sockaddr *)&a, sizeof a));
}

/* --- what is tried ------------------------------------------------------------------------------------------------ */

static int read_readable(struct world *w)
{
    return open_it(w->readable, O_RDONLY);
}

static int read_key(struct world *w)
{
    return open_it(w->secret, O_RDONLY);
}

static int read_rules(struct world *w)
{
    return open_it(w->rules, O_RDONLY);
}

static int read_passwd(struct world *w)
{
    return open_it("/etc/passwd", O_RDONLY);
}

static int read_through_proc(struct world *w)
{
    char path[64];
    (void)snprintf(path, sizeof path, "/proc/self/fd/%d", w->outside);
    return open_it(path, O_RDONLY);
}

static int list_folder(struct world *w)
{
    return open_it(w->folder, O_RDONLY | O_DIRECTORY);
}

static int write_readable(struct world *w)
{
    return open_it(w->readable, O_WRONLY);
}

static int create(struct world *w)
{
    return open_it(w->fresh, O_RDWR | O_CREAT);
}

static int create_nameless(struct world *w)
{
    return open_it(w->folder, O_RDWR | O_TMPFILE);
}

static int remove_file(struct world *w)
{
    return result(unlink(w->readable));
}

static int rename_file(struct world *w)
{
    return result(rename(w->readable, w->fresh));
}

static int shorten(struct world *w)
{
    return result(truncate(w->readable, 0));
}

static int change_mode(struct world *w)
{
    return result(chmod(w->readable, 0777));
}

static int write_open_file(struct world *w)
{
    return result(write(w->outside, "x", 1));
}

static int run_program(struct world *w)
{
    char *argv[] = {(char *)(uintptr_t) "true", NULL};
    return result(execve("/bin/true", argv, NULL));
}

static int run_descriptor(struct world *w)
{
    char *argv[] = {(char *)(uintptr_t) "true", NULL};
    return result(syscall(SYS_execveat, w->outside, "", argv, NULL, AT_EMPTY_PATH));
}

static int start_process(struct world *w)
{
    pid_t p = fork();
    if (p == 0)
        _exit(0);
    return result(p);
}

static int start_process_3(struct world *w)
{
    uint64_t args[11] = {0}; /* struct clone_args */
    return result(syscall(SYS_clone3, args, sizeof args));
}

static int trace_parent(struct world *w)
{
    return result(ptrace(PTRACE_ATTACH, getppid(), NULL, NULL));
}

static int write_memory_of_parent(struct world *w)
{
    return result(syscall(SYS_process_vm_writev, getppid(), NULL, 0, NULL, 0, 0));
}

static int signal_parent(struct world *w)
{
    return result(syscall(SYS_kill, getppid(), 0));
}

static int signal_self(struct world *w)
{
    return result(kill(getpid(), 0));
}

static int bind_port(struct world *w)
{
    struct sockaddr_in a = loopback(0);
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    return result(bind(fd, (struct sockaddr *)&a, sizeof a));
}

static int listen_unbound(struct world *w)
{
    return result(listen(socket(AF_INET, SOCK_STREAM, 0), 1));
}

static int connect_allowed(struct world *w)
{
    return connect_to(w->port);
}

static int connect_other(struct world *w)
{
    return connect_to(w->other_port);
}

static int connect_fast_open(struct world *w)
{
    struct sockaddr_in a = loopback(w->other_port);
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    return result(sendto(fd, "x", 1, MSG_FASTOPEN, (struct sockaddr *)&a, sizeof a));
}

static int connect_multipath(struct world *w)
{
    return result(socket(AF_INET, SOCK_STREAM, 262 /* IPPROTO_MPTCP */));
}

static int open_family(int family, int type)
{
    return result(socket(family, type, 0));
}

static int unix_socket(struct world *w)
{
    return open_family(AF_UNIX, SOCK_STREAM);
}

static int netlink_socket(struct world *w)
{
    return open_family(AF_NETLINK, SOCK_RAW);
}

static int packet_socket(struct world *w)
{
    return open_family(AF_PACKET, SOCK_RAW);
}

static int raw_socket(struct world *w)
{
    return open_family(AF_INET, SOCK_RAW);
}

static int udp_socket(struct world *w)
{
    return open_family(AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK);
}

static int accept_from(struct world *w)
{
    int r = result(accept4(w->listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK));
    return r == EAGAIN ? 0 : r; /* there may be nobody */
}

static int attach_filter(struct world *w)
{
    return result(setsockopt(w->listener, SOL_SOCKET, SO_ATTACH_FILTER, "", 0));
}

static int no_delay(struct world *w)
{
    int on = 1;
    return result(setsockopt(w->listener, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on));
}

static int raise_limit(struct world *w)
{
    struct rlimit l = {100, 100};
    return result(setrlimit(RLIMIT_NOFILE, &l));
}

static int ask_limit(struct world *w)
{
    struct rlimit l;
    return result(getrlimit(RLIMIT_NOFILE, &l));
}

static void *nothing(void *arg)
{
    return arg;
}

static int start_thread(struct world *w)
{
    pthread_t t;
    int failed = pthread_create(&t, NULL, nothing, NULL);
    return failed ? failed : pthread_join(t, NULL);
}

static int make_code(struct world *w) /* PCRE2's compiler of patterns */
{
    void *p = mmap(NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    return p == MAP_FAILED ? errno : result(munmap(p, 4096));
}

static int new_namespace(struct world *w)
{
    return result(unshare(CLONE_NEWUSER));
}

static int ring(struct world *w)
{
    return result(syscall(SYS_io_uring_setup, 8, NULL));
}

static int program_in_kernel(struct world *w)
{
    return result(syscall(SYS_bpf, 0, NULL, 0));
}

static int own_page_faults(struct world *w)
{
    return result(syscall(SYS_userfaultfd, 0));
}

static int key_ring(struct world *w)
{
    return result(syscall(SYS_keyctl, 0, 0, 0, 0, 0));
}

static int become_root(struct world *w)
{
    return result(syscall(SYS_setresuid, 0, 0, 0));
}

static int make_dumpable(struct world *w)
{
    return result(prctl(PR_SET_DUMPABLE, 1, 0, 0, 0));
}

static int other_interface(struct world *w) /* of the same processor: x32 has numbers of its own */
{
#ifdef __x86_64__
    return result(syscall(0x40000000 | SYS_getpid));
#else
    return KILLED;
#endif
}

static int unheard_of(struct world *w)
{
    return result(syscall(5000));
}

static const struct {
    const char *name;
    int (*try)(struct world *w);
    unsigned needs; /* what must be in force */
    int wants;      /* errno, 0 or KILLED */
    bool unchecked; /* a sanitizer needs it, or may not use it as we do */
} cases[] = {
    {"read what may be read", read_readable, 0, 0, false},
    {"read a key", read_key, SANDBOX_FILES, EACCES, false},
    {"read the rules", read_rules, SANDBOX_FILES, EACCES, false},
    {"read /etc/passwd", read_passwd, SANDBOX_FILES, EACCES, false},
    {"read an open file anew", read_through_proc, SANDBOX_FILES, EACCES, true},
    {"list a folder", list_folder, SANDBOX_FILES, EACCES, false},
    {"write what may be read", write_readable, SANDBOX_CALLS, ENOSYS, false},
    {"create", create, SANDBOX_CALLS, ENOSYS, false},
    {"create without a name", create_nameless, SANDBOX_CALLS, ENOSYS, false},
    {"remove", remove_file, SANDBOX_CALLS, ENOSYS, false},
    {"rename", rename_file, SANDBOX_CALLS, ENOSYS, false},
    {"truncate", shorten, SANDBOX_CALLS, ENOSYS, false},
    {"change a mode", change_mode, SANDBOX_CALLS, ENOSYS, false},
    {"write what was opened before", write_open_file, 0, 0, false},
    {"exec", run_program, SANDBOX_CALLS, KILLED, false},
    {"exec of a descriptor", run_descriptor, SANDBOX_CALLS, KILLED, false},
    {"fork", start_process, SANDBOX_CALLS, KILLED, true},
    {"fork by clone3", start_process_3, SANDBOX_CALLS, ENOSYS, false},
    {"ptrace", trace_parent, SANDBOX_CALLS, KILLED, true},
    {"memory of another process", write_memory_of_parent, SANDBOX_CALLS, KILLED, false},
    {"signal another process", signal_parent, SANDBOX_CALLS, ENOSYS, true},
    {"signal oneself", signal_self, 0, 0, false},
    {"bind", bind_port, SANDBOX_CALLS, ENOSYS, false},
    {"listen", listen_unbound, SANDBOX_CALLS, ENOSYS, false},
    {"connect to a port of the rules", connect_allowed, 0, 0, false},
    {"connect to another port", connect_other, SANDBOX_PORTS, EACCES, false},
    {"connect by sending", connect_fast_open, SANDBOX_CALLS, ENOSYS, false},
    {"connect by another protocol", connect_multipath, SANDBOX_CALLS, ENOSYS, false},
    {"unix socket", unix_socket, SANDBOX_CALLS, ENOSYS, false},
    {"netlink socket", netlink_socket, SANDBOX_CALLS, ENOSYS, false},
    {"packet socket", packet_socket, SANDBOX_CALLS, ENOSYS, false},
    {"raw socket", raw_socket, SANDBOX_CALLS, ENOSYS, false},
    {"UDP socket, for names", udp_socket, 0, 0, false},
    {"accept", accept_from, 0, 0, false},
    {"option that runs code", attach_filter, SANDBOX_CALLS, ENOSYS, false},
    {"option that is ours", no_delay, 0, 0, false},
    {"change a limit", raise_limit, SANDBOX_CALLS, ENOSYS, false},
    {"ask for a limit", ask_limit, 0, 0, false},
    {"start a thread", start_thread, 0, 0, false},
    {"compile a pattern", make_code, 0, 0, false},
    {"namespace", new_namespace, SANDBOX_CALLS, KILLED, false},
    {"io_uring", ring, SANDBOX_CALLS, KILLED, false},
    {"bpf", program_in_kernel, SANDBOX_CALLS, KILLED, false},
    {"userfaultfd", own_page_faults, SANDBOX_CALLS, KILLED, false},
    {"keyctl", key_ring, SANDBOX_CALLS, KILLED, false},
    {"become root", become_root, SANDBOX_CALLS, ENOSYS, false},
    {"let others trace", make_dumpable, SANDBOX_CALLS, ENOSYS, true},
    {"the other ABI", other_interface, SANDBOX_CALLS, KILLED, false},
    {"a call that nobody knows", unheard_of, SANDBOX_CALLS, ENOSYS, false},
};

/* --- the world ---------------------------------------------------------------------------------------------------- */

static void write_file(const char *path)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
    assert_true(fd >= 0 && write(fd, "x", 1) == 1 && close(fd) == 0);
}

static int listen_on_any(uint16_t *port)
{
    struct sockaddr_in a = loopback(0);
    socklen_t n = sizeof a;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    assert_true(fd >= 0 && bind(fd, (struct sockaddr *)&a, n) == 0 && listen(fd, 100) == 0);
    assert_true(getsockname(fd, (struct sockaddr *)&a, &n) == 0);
    *port = ntohs(a.sin_port);
    return fd;
}

static int setup(void **state)
{
    struct world *w = calloc(1, sizeof *w);
    assert_non_null(w);
    (void)snprintf(w->folder, sizeof w->folder, "/tmp/tiergate-sandbox-XXXXXX");
    assert_non_null(mkdtemp(w->folder));
    (void)snprintf(w->readable, sizeof w->readable, "%s/hosts", w->folder);
    (void)snprintf(w->secret, sizeof w->secret, "%s/session.key", w->folder);
    (void)snprintf(w->rules, sizeof w->rules, "%s/rules.json", w->folder);
    (void)snprintf(w->fresh, sizeof w->fresh, "%s/fresh", w->folder);
    write_file(w->readable);
    write_file(w->secret);
    write_file(w->rules);
    w->outside = open(w->secret, O_RDWR | O_CLOEXEC);
    w->listener = listen_on_any(&w->port);
    w->other = listen_on_any(&w->other_port);
    *state = w;
    return 0;
}

static int teardown(void **state)
{
    struct world *w = *state;
    close(w->outside);
    close(w->listener);
    close(w->other);
    (void)unlink(w->readable);
    (void)unlink(w->secret);
    (void)unlink(w->rules);
    (void)unlink(w->fresh);
    assert_int_equal(rmdir(w->folder), 0);
    free(w);
    return 0;
}

static bool enter(struct world *w)
{
    static struct sandbox_ports ports; /* zeroed in each child anew */
    const char *readable[] = {w->readable, "/nowhere/at/all"};
    sandbox_ports_add(&ports, w->port);
    struct sandbox_policy p = {.readable = readable, .readable_count = COUNT(readable), .connect = &ports};
    struct res r =
        prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 ? sandbox_enter(&p, &w->in_force) : res_err("no_new_privs");
    return res_ok(r);
}

#define NOT_ENTERED 255
#define NOT_IN_FORCE 254

/* In a child: enters, tries, and tells by its exit status. */
static int outcome(struct world *w, int (*try)(struct world *w), unsigned needs)
{
    int status;
    pid_t p = fork();
    assert_true(p >= 0);
    if (p == 0)
        _exit(!enter(w) ? NOT_ENTERED : (w->in_force & needs) != needs ? NOT_IN_FORCE : try(w));
    assert_int_equal(waitpid(p, &status, 0), p);
    if (WIFSIGNALED(status))
        return WTERMSIG(status) == SIGSYS ? KILLED : -WTERMSIG(status);
    return WEXITSTATUS(status);
}

static void test_table(void **state)
{
    unsigned failed = 0, skipped = 0;
#ifdef TG_COVERAGE
    skip(); /* what is counted is written to files at the end, so they are open to such a build */
#endif
    for (size_t i = 0; i < COUNT(cases); i++) {
        if (LEAK_CHECKER && cases[i].unchecked)
            continue;
        int got = outcome(*state, cases[i].try, cases[i].needs);
        if (got == NOT_IN_FORCE) {
            skipped++;
            print_message("%s: this kernel cannot forbid it\n", cases[i].name);
        } else if (got != cases[i].wants) {
            failed++;
            print_error("%s: %d, wants %d\n", cases[i].name, got, cases[i].wants);
        }
    }
    assert_int_equal(failed, 0);
    if (skipped > 0)
        print_message("%u rows skipped\n", skipped);
}

/* Without it each row of the table could hold for another reason. */
static void test_outside(void **state)
{
    struct world *w = *state;
    static int (*const free_to[])(struct world *) = {read_key,      read_passwd, write_readable, connect_other,
                                                     start_process, bind_port,   unix_socket,    change_mode};
    for (size_t i = 0; i < COUNT(free_to); i++)
        assert_int_equal(free_to[i](w), 0);
    while (waitpid(-1, NULL, WNOHANG) > 0) {
    }
}

/* A container that answers a call with an error instead of making it. 0: entered, then what is in force. */
static int enter_without(int call, int error, unsigned *in_force)
{
    int status, pipes[2];
    struct world w = {.port = 1};
    assert_int_equal(pipe(pipes), 0);
    pid_t p = fork();
    if (p == 0) {
        scmp_filter_ctx f = seccomp_init(SCMP_ACT_ALLOW);
        bool held = f && seccomp_rule_add(f, SCMP_ACT_ERRNO((uint32_t)error), call, 0) == 0 && seccomp_load(f) == 0;
        bool in = held && enter(&w);
        _exit(!held || write(pipes[1], &w.in_force, sizeof w.in_force) < 0 ? 99 : in ? 0 : 1);
    }
    close(pipes[1]);
    assert_true(read(pipes[0], in_force, sizeof *in_force) == sizeof *in_force);
    close(pipes[0]);
    assert_int_equal(waitpid(p, &status, 0), p);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static void test_containers(void **state)
{
    unsigned whole = 0, in_force = 0;
    assert_int_equal(enter_without(SCMP_SYS(reboot), EPERM, &whole), 0);
    for (int error = EPERM; error <= ENOSYS; error += ENOSYS - EPERM) {
        assert_int_equal(enter_without(SCMP_SYS(landlock_create_ruleset), error, &in_force), 0);
        assert_int_equal(in_force, whole & SANDBOX_CALLS);
    }
    if ((whole & SANDBOX_FILES) != 0) {
        assert_int_equal(enter_without(SCMP_SYS(landlock_add_rule), EPERM, &in_force), whole & SANDBOX_PORTS ? 1 : 0);
        assert_int_equal(enter_without(SCMP_SYS(landlock_restrict_self), EPERM, &in_force), 1);
    }
    if ((whole & SANDBOX_CALLS) != 0)
        assert_int_equal(enter_without(SCMP_SYS(seccomp), EPERM, &in_force), 1);
}

static void test_ports(void **state)
{
    struct sandbox_ports p = {{0}};
    sandbox_ports_add(&p, 0);
    sandbox_ports_add(&p, 443);
    sandbox_ports_add(&p, 65535);
    assert_true(sandbox_ports_has(&p, 443) && sandbox_ports_has(&p, 0) && sandbox_ports_has(&p, 65535));
    assert_false(sandbox_ports_has(&p, 442) || sandbox_ports_has(&p, 444));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_ports),
        cmocka_unit_test(test_containers),
        cmocka_unit_test_setup_teardown(test_table, setup, teardown),
        cmocka_unit_test_setup_teardown(test_outside, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
