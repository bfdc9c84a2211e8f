/* The system calls of the worker. Only sandbox_seccomp.c includes this. Several rows of one call are alternatives;
 * a call in no row is ENOSYS. Seen with strace under the flow tests, plus the rarer ways of the C library, OpenSSL,
 * libevent and c-ares. */
#ifndef TG_NET_SANDBOX_CALLS_H
#define TG_NET_SANDBOX_CALLS_H

#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sched.h>
#include <seccomp.h>
#include <stdint.h>
#include <sys/prctl.h>
#include <sys/socket.h>

#define CALL_TESTS 3
#define CALL_OWN_PID UINT32_MAX /* as a value */

enum call_deed { CALL_ALLOW = 0, CALL_KILL /* the whole process, so that an attempt is seen */ };

struct call_rule {
    int call;
    enum call_deed deed;
    unsigned tests; /* all must hold */
    struct {
        unsigned arg;
        uint64_t mask, value;
    } test[CALL_TESTS];
};

#define INT UINT32_MAX /* as a mask: the whole of an int */
/* By hand: each brace would get a line of its own. */
/* clang-format off */
#define CALL(name, deed_, n, ...) {.call = SCMP_SYS(name), .deed = (deed_), .tests = (n), .test = {__VA_ARGS__}}
#define ALLOW(name) {.call = SCMP_SYS(name), .deed = CALL_ALLOW}
#define KILL(name) {.call = SCMP_SYS(name), .deed = CALL_KILL}
/* clang-format on */
#define IF(name, a, value) CALL(name, CALL_ALLOW, 1, {a, INT, (uint32_t)(value)})
#define IF_NONE_OF(name, a, bits) CALL(name, CALL_ALLOW, 1, {a, (uint32_t)(bits), 0})
#define OPTION(level, name) CALL(setsockopt, CALL_ALLOW, 2, {1, INT, level}, {2, INT, name})
#define SOCKET(family, type, protocol) CALL(socket, CALL_ALLOW, 3, {0, INT, family}, {1, 0xf, type}, {2, INT, protocol})

/* What would make the open a write, by whatever name. */
#define OPEN_WRITES (O_ACCMODE | O_CREAT | O_TRUNC | O_APPEND)

static const struct call_rule calls[] = {
    /* Waiting, reading and writing */
    ALLOW(epoll_wait),
    ALLOW(epoll_pwait),
    ALLOW(epoll_pwait2),
    ALLOW(epoll_ctl),
    ALLOW(epoll_create1),
    ALLOW(eventfd2),
    ALLOW(pipe2),
    ALLOW(timerfd_create),
    ALLOW(timerfd_settime),
    ALLOW(poll),
    ALLOW(ppoll),
    ALLOW(select),
    ALLOW(pselect6),
    ALLOW(read),
    ALLOW(readv),
    ALLOW(pread64),
    ALLOW(preadv),
    ALLOW(write),
    ALLOW(writev),
    ALLOW(close),
    ALLOW(fstat),
    ALLOW(newfstatat),
    ALLOW(stat),
    ALLOW(statx),
    ALLOW(access),
    ALLOW(faccessat),
    ALLOW(faccessat2),
    ALLOW(readlink),
    ALLOW(readlinkat),
    ALLOW(getcwd),
    IF_NONE_OF(openat, 2, OPEN_WRITES),
    IF_NONE_OF(open, 1, OPEN_WRITES),
    /* No F_SETFL, no lseek: an open file belongs to the supervisor as well, and to each worker that follows. The log is for
     * appending, listening sockets do not block. */
    IF(fcntl, 1, F_GETFL),
    IF(fcntl, 1, F_GETFD),
    IF(fcntl, 1, F_SETFD),
    IF(fcntl, 1, F_DUPFD_CLOEXEC),
    IF(fcntl, 1, F_GET_SEALS),
    ALLOW(dup),
    /* Sockets. MSG_FASTOPEN would be a connect() that Landlock does not see, and so would other protocols than TCP. */
    SOCKET(AF_INET, SOCK_STREAM, 0),
    SOCKET(AF_INET, SOCK_STREAM, IPPROTO_TCP),
    SOCKET(AF_INET, SOCK_DGRAM, 0),
    SOCKET(AF_INET, SOCK_DGRAM, IPPROTO_UDP),
    SOCKET(AF_INET6, SOCK_STREAM, 0),
    SOCKET(AF_INET6, SOCK_STREAM, IPPROTO_TCP),
    SOCKET(AF_INET6, SOCK_DGRAM, 0),
    SOCKET(AF_INET6, SOCK_DGRAM, IPPROTO_UDP),
    ALLOW(connect),
    ALLOW(accept),
    ALLOW(accept4),
    ALLOW(recvfrom),
    ALLOW(recvmsg),
    IF_NONE_OF(sendto, 3, MSG_FASTOPEN),
    IF_NONE_OF(sendmsg, 2, MSG_FASTOPEN),
    IF_NONE_OF(sendmmsg, 3, MSG_FASTOPEN),
    IF(shutdown, 1, SHUT_WR), /* of the reading side it would end a listening socket for all who share it */
    ALLOW(getsockname),
    ALLOW(getpeername),
    ALLOW(getsockopt),
    /* No SO_LINGER: a close that waits would hold up whoever gets the socket: accepted ones inherit it, and the supervisor closes
     * what it is sent. */
    OPTION(SOL_SOCKET, SO_KEEPALIVE),
    OPTION(IPPROTO_TCP, TCP_NODELAY),
    OPTION(IPPROTO_TCP, TCP_KEEPIDLE),
    OPTION(IPPROTO_TCP, TCP_KEEPINTVL),
    OPTION(IPPROTO_TCP, TCP_USER_TIMEOUT),
    OPTION(IPPROTO_TCP, TCP_NOTSENT_LOWAT),
    /* Memory */
    ALLOW(brk),
    ALLOW(mmap),
    ALLOW(munmap),
    ALLOW(mremap),
    ALLOW(mprotect),
    ALLOW(madvise),
    ALLOW(mlock), /* OpenSSL's secure heap */
    ALLOW(munlock),
    ALLOW(membarrier),
    /* Threads and time */
    CALL(clone, CALL_ALLOW, 1, {0, CLONE_THREAD, CLONE_THREAD}),
    ALLOW(set_robust_list),
    ALLOW(rseq),
    ALLOW(futex),
    ALLOW(sched_yield),
    ALLOW(sched_getaffinity),
    ALLOW(gettid),
    ALLOW(getpid),
    ALLOW(getuid),
    ALLOW(geteuid),
    ALLOW(getgid),
    ALLOW(getegid),
    ALLOW(getcpu),
    ALLOW(getrandom),
    ALLOW(getrusage),
    ALLOW(sysinfo),
    ALLOW(uname),
    ALLOW(clock_gettime),
    ALLOW(clock_getres),
    ALLOW(gettimeofday),
    ALLOW(time),
    ALLOW(nanosleep),
    ALLOW(clock_nanosleep),
    ALLOW(restart_syscall),
    IF(prctl, 0, PR_SET_NAME),
    CALL(prlimit64, CALL_ALLOW, 2, {0, INT, 0}, {2, UINT64_MAX, 0}), /* only to ask */
    /* Signals, to ourselves only */
    ALLOW(rt_sigaction),
    ALLOW(rt_sigprocmask),
    ALLOW(rt_sigreturn),
    ALLOW(sigaltstack),
    IF(tgkill, 0, CALL_OWN_PID),
    IF(kill, 0, CALL_OWN_PID),
    ALLOW(exit),
    ALLOW(exit_group),
    /* Nothing of ours ever makes these: whoever does has taken this process over. */
    KILL(execve),
    KILL(execveat),
    KILL(fork),
    KILL(vfork),
    KILL(process_vm_writev),
    KILL(pidfd_getfd),
    KILL(kcmp),
    KILL(bpf),
    KILL(userfaultfd),
    KILL(perf_event_open),
    KILL(io_uring_setup),
    KILL(io_uring_enter),
    KILL(io_uring_register),
    KILL(unshare),
    KILL(setns),
    KILL(chroot),
    KILL(pivot_root),
    KILL(mount),
    KILL(umount2),
    KILL(move_mount),
    KILL(open_tree),
    KILL(fsopen),
    KILL(fsmount),
    KILL(open_by_handle_at),
    KILL(add_key),
    KILL(request_key),
    KILL(keyctl),
    KILL(init_module),
    KILL(finit_module),
    KILL(delete_module),
    KILL(kexec_load),
    KILL(kexec_file_load),
    KILL(reboot),
    KILL(swapon),
    KILL(swapoff),
    KILL(acct),
    KILL(iopl),
    KILL(ioperm),
    KILL(modify_ldt),
    KILL(settimeofday),
    KILL(clock_settime),
    KILL(sethostname),
    KILL(setdomainname),
};

/* Where there is a folder to write to; Landlock says which. Opened in the one way that SQLite has (store/), never emptied; what is to be
 * cut off is blanked (store/vfs.c): ftruncate(2) would empty the log, too. */
static const struct call_rule store_calls[] = {
    CALL(openat, CALL_ALLOW, 1, {2, ~(uint32_t)O_CREAT, O_RDWR | O_NOFOLLOW | O_CLOEXEC}),
    ALLOW(pwrite64),
    ALLOW(fdatasync),
    ALLOW(fsync),
    ALLOW(unlink),
    IF(unlinkat, 2, 0),
    IF(fcntl, 1, F_SETLK),
    IF(fcntl, 1, F_GETLK),
};

/* Where no sanitizer needs them. */
static const struct call_rule process_calls[] = {
    CALL(clone, CALL_KILL, 1, {0, CLONE_THREAD, 0}),
    KILL(ptrace),
    KILL(process_vm_readv),
};

/* The leak checker: a process that stops the threads of this one and reads their registers. */
static const struct call_rule sanitizer_calls[] = {
    CALL(clone, CALL_ALLOW, 1, {0, CLONE_THREAD, 0}),
    ALLOW(ptrace),
    ALLOW(process_vm_readv),
    ALLOW(wait4),
    ALLOW(getppid),
    ALLOW(prctl),
    ALLOW(getdents),
    ALLOW(getdents64),
    ALLOW(lstat),
    ALLOW(kill),
    ALLOW(tgkill),
    ALLOW(mincore),
    ALLOW(msync),
    ALLOW(lseek),
};

static const struct call_rule coverage_calls[] = {
    ALLOW(openat), ALLOW(fcntl), ALLOW(ftruncate), ALLOW(mkdir), ALLOW(umask), ALLOW(lseek),
};

#endif
