#include "control/process.h"

#include <fcntl.h>
#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/count.h"

/* What the C library, OpenSSL, the resolver and the sanitizers read. */
static const char *const kept_variables[] = {
    "LANG",          "LC_ALL",       "TZ",
    "RES_OPTIONS",   "LOCALDOMAIN",  "SSL_CERT_FILE",
    "SSL_CERT_DIR",  "OPENSSL_CONF", "MALLOC_CONF",
    "ASAN_OPTIONS",  "LSAN_OPTIONS", "TSAN_OPTIONS",
    "UBSAN_OPTIONS", "GCOV_PREFIX",  "GCOV_PREFIX_STRIP",
};

#define KEPT COUNT(kept_variables)

extern char **environ;

static bool is_variable(const char *entry, const char *name)
{
    size_t n = strlen(name);
    return strncmp(entry, name, n) == 0 && entry[n] == '=';
}

static bool is_kept(const char *entry)
{
    for (size_t i = 0; i < KEPT; i++) {
        if (is_variable(entry, kept_variables[i])) {
            return true;
        }
    }
    return false;
}

static void clean_environment(char *out[KEPT + 1])
{
    size_t n = 0;
    for (char **e = environ; *e != NULL && n < KEPT; e++) {
        if (is_kept(*e)) {
            out[n++] = *e;
        }
    }
    out[n] = NULL;
}

/* Puts `sock` at CONTROL_FD, open across exec, and marks everything above it to close. */
static bool place_socket(int sock)
{
    if (sock == CONTROL_FD) {
        if (fcntl(sock, F_SETFD, 0) == -1) {
            return false;
        }
    } else if (dup2(sock, CONTROL_FD) == -1) {
        return false;
    }
    (void)close_range(CONTROL_FD + 1, ~0u, 0); /* what our own parent left open; ours close by themselves */
    return true;
}

/* In the child; never returns. */
static _Noreturn void become(const struct process_spec *spec, int sock, pid_t parent)
{
    char *clean[KEPT + 1];
    char **env = environ;
    if (spec->env == PROCESS_ENV_CLEAN) {
        clean_environment(clean);
        env = clean;
    }
    /* The parent may have died before we asked to be killed with it. */
    if (prctl(PR_SET_PDEATHSIG, SIGKILL) == 0 && getppid() == parent && place_socket(sock) &&
        sigprocmask(SIG_SETMASK, spec->blocked, NULL) == 0) {
        (void)execve("/proc/self/exe", (char *const *)(uintptr_t)spec->argv, env);
    }
    static const char message[] = "tiergate: cannot start a helper process from /proc/self/exe\n";
    (void)!write(STDERR_FILENO, message, sizeof(message) - 1);
    _exit(127);
}

struct res process_start(const struct process_spec *spec, struct process *out)
{
    int pair[2];
    pid_t parent = getpid();
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair) == -1) {
        return res_err("cannot make a socket pair");
    }
    pid_t pid = fork();
    if (pid == 0) {
        become(spec, pair[1], parent);
    }
    (void)close(pair[1]);
    if (pid == -1) {
        (void)close(pair[0]);
        return res_err("cannot fork");
    }
    *out = (struct process){.pid = pid, .sock = pair[0]};
    return RES_OK;
}

void process_status_text(int status, char *out, size_t cap)
{
    if (WIFSIGNALED(status)) {
        const char *name = sigdescr_np(WTERMSIG(status));
        (void)snprintf(out, cap, "was killed by signal %d (%s)", WTERMSIG(status), name != NULL ? name : "unknown");
    } else {
        (void)snprintf(out, cap, "exited with status %d", WEXITSTATUS(status));
    }
}

struct res process_fill_stdio(void)
{
    int fd;
    do {
        fd = open("/dev/null", O_RDWR | O_CLOEXEC);
        if (fd == -1) {
            return res_err("cannot open /dev/null");
        }
        if (fd <= STDERR_FILENO && fcntl(fd, F_SETFD, 0) == -1) {
            return res_err("cannot open /dev/null");
        }
    } while (fd <= STDERR_FILENO);
    (void)close(fd);
    return RES_OK;
}

void process_raise_nofile(void)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur < limit.rlim_max) {
        limit.rlim_cur = limit.rlim_max;
        (void)setrlimit(RLIMIT_NOFILE, &limit); /* fewer connections then, nothing worse */
    }
}

uint64_t process_nofile(void)
{
    struct rlimit limit;
    return getrlimit(RLIMIT_NOFILE, &limit) == 0 ? limit.rlim_cur : 64;
}

unsigned process_cpus(void)
{
    cpu_set_t set;
    int n = sched_getaffinity(0, sizeof(set), &set) == 0 ? CPU_COUNT(&set) : 1;
    return n < 1 ? 1 : n > 64 ? 64 : (unsigned)n;
}
