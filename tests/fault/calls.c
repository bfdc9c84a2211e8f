/* Everything else that can fail: system calls, libevent, libssl, libcrypto, libcrypt, PCRE2. Nothing of this is in the product; it
 * lies before the libraries because LD_PRELOAD says so, and execve() here hands that on to loader and worker, whose
 * environment the supervisor cleans. */
#include "fault.h"

#include <dlfcn.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <unistd.h>

#define ENV_MAX 64

/* RESULT name(PARAMETERS): the library's, unless a call of the class is to fail; then `failed`. */
#define FAILING(class, failed, result, name, parameters, arguments)                                                    \
    result name parameters;                                                                                            \
    result name parameters                                                                                             \
    {                                                                                                                  \
        static result(*_Atomic real) parameters;                                                                       \
        if (fault_hits(class))                                                                                         \
            return failed;                                                                                             \
        if (real == NULL)                                                                                              \
            real = (result(*) parameters)dlsym(RTLD_NEXT, #name);                                                      \
        return real arguments;                                                                                         \
    }

/* --- sockets ------------------------------------------------------------------------------------------------------ */

FAILING(FAULT_ACCEPT, -1, int, accept4, (int fd, struct sockaddr *a, socklen_t *n, int flags), (fd, a, n, flags))
FAILING(FAULT_SEND, -1, ssize_t, send, (int fd, const void *p, size_t n, int flags), (fd, p, n, flags))
FAILING(FAULT_SEND, -1, ssize_t, sendto,
        (int fd, const void *p, size_t n, int flags, const struct sockaddr *a, socklen_t an), (fd, p, n, flags, a, an))
FAILING(FAULT_SEND, -1, ssize_t, writev, (int fd, const struct iovec *v, int n), (fd, v, n))
FAILING(FAULT_CONNECT, -1, int, connect, (int fd, const struct sockaddr *a, socklen_t n), (fd, a, n))
FAILING(FAULT_SOCKET, -1, int, socket, (int domain, int type, int protocol), (domain, type, protocol))
FAILING(FAULT_SOCKOPT, -1, int, setsockopt, (int fd, int l, int o, const void *p, socklen_t n), (fd, l, o, p, n))
FAILING(FAULT_SOCKOPT, -1, int, getsockopt, (int fd, int l, int o, void *p, socklen_t *n), (fd, l, o, p, n))
FAILING(FAULT_SOCKOPT, -1, int, getpeername, (int fd, struct sockaddr *a, socklen_t *n), (fd, a, n))
FAILING(FAULT_SOCKOPT, -1, int, getsockname, (int fd, struct sockaddr *a, socklen_t *n), (fd, a, n))
FAILING(FAULT_SOCKOPT, -1, int, shutdown, (int fd, int how), (fd, how))
FAILING(FAULT_SOCKET, -1, int, bind, (int fd, const struct sockaddr *a, socklen_t n), (fd, a, n))
FAILING(FAULT_SOCKET, -1, int, listen, (int fd, int n), (fd, n))
FAILING(FAULT_SOCKET, -1, int, socketpair, (int domain, int type, int protocol, int v[2]), (domain, type, protocol, v))

static int recv_failed(void)
{
    return fault_error() == FAULT_END ? 0 : -1;
}

/* One byte where there were more. The rest stays for later, as after a real short read. */
static bool shortens(void)
{
    return fault_error() == FAULT_SHORT;
}

ssize_t recv(int fd, void *p, size_t n, int flags)
{
    static ssize_t (*_Atomic real)(int, void *, size_t, int);
    if (real == NULL)
        real = (ssize_t(*)(int, void *, size_t, int))dlsym(RTLD_NEXT, "recv");
    if (!fault_hits(FAULT_RECV))
        return real(fd, p, n, flags);
    return shortens() ? real(fd, p, n > 0 ? 1 : 0, flags) : recv_failed();
}

ssize_t recvfrom(int fd, void *restrict p, size_t n, int flags, struct sockaddr *restrict a, socklen_t *restrict an)
{
    static ssize_t (*_Atomic real)(int, void *, size_t, int, struct sockaddr *, socklen_t *);
    if (real == NULL)
        real = (ssize_t(*)(int, void *, size_t, int, struct sockaddr *, socklen_t *))dlsym(RTLD_NEXT, "recvfrom");
    if (!fault_hits(FAULT_RECV) || shortens())
        return real(fd, p, n, flags, a, an);
    return recv_failed();
}

ssize_t recvmsg(int fd, struct msghdr *m, int flags)
{
    static ssize_t (*_Atomic real)(int, struct msghdr *, int);
    if (real == NULL)
        real = (ssize_t(*)(int, struct msghdr *, int))dlsym(RTLD_NEXT, "recvmsg");
    if (!fault_hits(FAULT_RECV) || shortens())
        return real(fd, m, flags);
    return recv_failed();
}

/* --- what the loader tells ---------------------------------------------------------------------------------------- */

static void hash_in(const void *p, size_t n)
{
    uint64_t h = atomic_load(&fault_page()->message_hash);
    for (size_t i = 0; i < n; i++)
        h = (h ^ ((const unsigned char *)p)[i]) * 0x100000001b3u;
    atomic_store(&fault_page()->message_hash, h);
}

static void hash_file(int fd)
{
    char block[4096];
    ssize_t n;
    for (off_t at = 0; (n = pread(fd, block, sizeof(block), at)) > 0; at += n)
        hash_in(block, (size_t)n);
}

static void hash_message(const struct msghdr *m)
{
    for (size_t i = 0; i < m->msg_iovlen; i++)
        hash_in(m->msg_iov[i].iov_base, m->msg_iov[i].iov_len);
    for (struct cmsghdr *c = CMSG_FIRSTHDR(m); c != NULL; c = CMSG_NXTHDR((struct msghdr *)(uintptr_t)m, c)) {
        size_t count = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);
        for (size_t i = 0; c->cmsg_type == SCM_RIGHTS && i < count; i++) {
            int fd;
            memcpy(&fd, CMSG_DATA(c) + i * sizeof(fd), sizeof(fd));
            hash_file(fd);
        }
    }
    atomic_fetch_add(&fault_page()->messages, 1);
}

ssize_t sendmsg(int fd, const struct msghdr *m, int flags)
{
    static ssize_t (*_Atomic real)(int, const struct msghdr *, int);
    if (real == NULL)
        real = (ssize_t(*)(int, const struct msghdr *, int))dlsym(RTLD_NEXT, "sendmsg");
    if (fault_hits(FAULT_SEND))
        return -1;
    if (fault_role() == FAULT_LOADER)
        hash_message(m);
    return real(fd, m, flags);
}

/* --- descriptors, files, threads ---------------------------------------------------------------------------------- */

struct epoll_event;
FAILING(FAULT_EPOLL, -1, int, epoll_ctl, (int ep, int op, int fd, struct epoll_event *e), (ep, op, fd, e))
FAILING(FAULT_WAIT, -1, int, epoll_wait, (int ep, struct epoll_event *e, int n, int ms), (ep, e, n, ms))
FAILING(FAULT_FD, -1, int, epoll_create1, (int flags), (flags))
FAILING(FAULT_FD, -1, int, eventfd, (unsigned value, int flags), (value, flags))
FAILING(FAULT_FD, -1, int, timerfd_create, (int clock, int flags), (clock, flags))
struct itimerspec;
FAILING(FAULT_FD, -1, int, timerfd_settime, (int fd, int flags, const struct itimerspec *n, struct itimerspec *o),
        (fd, flags, n, o))
FAILING(FAULT_FD, -1, int, memfd_create, (const char *name, unsigned flags), (name, flags))
FAILING(FAULT_FD, -1, int, pipe2, (int v[2], int flags), (v, flags))
FAILING(FAULT_FD, -1, int, dup2, (int from, int to), (from, to))
FAILING(FAULT_FD, -1, int, open64, (const char *path, int flags, mode_t mode), (path, flags, mode))
FAILING(FAULT_FD, -1, int, openat64, (int at, const char *path, int flags, mode_t mode), (at, path, flags, mode))
FAILING(FAULT_FD, NULL, FILE *, fopen64, (const char *path, const char *mode), (path, mode))
FAILING(FAULT_FD, NULL, FILE *, fopen, (const char *path, const char *mode), (path, mode))
FAILING(FAULT_FILE, -1, ssize_t, read, (int fd, void *p, size_t n), (fd, p, n))
FAILING(FAULT_FILE, -1, ssize_t, write, (int fd, const void *p, size_t n), (fd, p, n))
FAILING(FAULT_FILE, -1, ssize_t, pread64, (int fd, void *p, size_t n, off_t at), (fd, p, n, at))
FAILING(FAULT_FILE, -1, int, fstat64, (int fd, struct stat64 *s), (fd, s))
FAILING(FAULT_FILE, -1, int, stat64, (const char *path, struct stat64 *s), (path, s))
FAILING(FAULT_FILE, -1, int, fcntl64, (int fd, int command, long argument), (fd, command, argument))
FAILING(FAULT_FILE, -1, int, fsync, (int fd), (fd))
FAILING(FAULT_FILE, -1, int, linkat, (int a, const char *b, int c, const char *d, int e), (a, b, c, d, e))
FAILING(FAULT_FILE, -1, int, chdir, (const char *path), (path))
FAILING(FAULT_FORK, -1, pid_t, fork, (void), ())

/* --- libraries ---------------------------------------------------------------------------------------------------- */

struct event;
struct timeval;
FAILING(FAULT_EVENT, -1, int, event_add, (struct event * e, const struct timeval *t), (e, t))

struct ssl;
struct ssl_ctx;
/* libssl tells why a call failed through libcrypto's queue: without an entry the failure would be a socket's. */
static int ssl_failed(int result)
{
    void (*begin)(void) = (void (*)(void))dlsym(RTLD_NEXT, "ERR_new");
    void (*set)(int, int, const char *, ...) = (void (*)(int, int, const char *, ...))dlsym(RTLD_NEXT, "ERR_set_error");
    begin();
    set(20, 0xc0103, NULL); /* ERR_LIB_SSL, ERR_R_INTERNAL_ERROR */
    return result;
}
FAILING(FAULT_SSL, NULL, struct ssl *, SSL_new, (struct ssl_ctx * ctx), (ctx))
FAILING(FAULT_SSL, ssl_failed(-1), int, SSL_do_handshake, (struct ssl * s), (s))
FAILING(FAULT_SSL, ssl_failed(0), int, SSL_read_ex, (struct ssl * s, void *p, size_t n, size_t *got), (s, p, n, got))
FAILING(FAULT_SSL, ssl_failed(0), int, SSL_write_ex, (struct ssl * s, const void *p, size_t n, size_t *put),
        (s, p, n, put))
FAILING(FAULT_SSL, ssl_failed(-1), int, SSL_shutdown, (struct ssl * s), (s))
FAILING(FAULT_SSL, 0, long, SSL_ctrl, (struct ssl * s, int command, long n, void *p), (s, command, n, p))
FAILING(FAULT_SSL, 0, int, SSL_set1_host, (struct ssl * s, const char *host), (s, host))
FAILING(FAULT_SSL, 0, int, SSL_set_ex_data, (struct ssl * s, int i, void *p), (s, i, p))
FAILING(FAULT_SSL, 0, int, SSL_set_session, (struct ssl * s, void *session), (s, session))
FAILING(FAULT_SSL, NULL, void *, SSL_set_SSL_CTX, (struct ssl * s, struct ssl_ctx *ctx), (s, ctx))
FAILING(FAULT_SSL, NULL, struct ssl_ctx *, SSL_CTX_new, (const void *method), (method))
FAILING(FAULT_SSL, 0, long, SSL_CTX_ctrl, (struct ssl_ctx * c, int command, long n, void *p), (c, command, n, p))
FAILING(FAULT_SSL, 0, int, SSL_CTX_set_cipher_list, (struct ssl_ctx * c, const char *list), (c, list))
FAILING(FAULT_SSL, 0, int, SSL_CTX_use_certificate, (struct ssl_ctx * c, void *x), (c, x))
FAILING(FAULT_SSL, 0, int, SSL_CTX_use_PrivateKey, (struct ssl_ctx * c, void *k), (c, k))
FAILING(FAULT_SSL, 0, int, SSL_CTX_set_ex_data, (struct ssl_ctx * c, int i, void *p), (c, i, p))
FAILING(FAULT_SSL, 0, int, SSL_CTX_set_session_id_context, (struct ssl_ctx * c, const void *p, unsigned n), (c, p, n))
FAILING(FAULT_SSL, 0, int, SSL_CTX_load_verify_file, (struct ssl_ctx * c, const char *file), (c, file))
FAILING(FAULT_SSL, 0, int, SSL_CTX_set_default_verify_paths, (struct ssl_ctx * c), (c))
FAILING(FAULT_SSL, 0, int, X509_STORE_add_cert, (void *store, void *x), (store, x))
FAILING(FAULT_SSL, 0, int, X509_STORE_set_flags, (void *store, unsigned long flags), (store, flags))
FAILING(FAULT_SSL, 0, int, X509_VERIFY_PARAM_set1_ip, (void *v, const void *ip, size_t n), (v, ip, n))

FAILING(FAULT_CRYPTO, NULL, void *, EVP_MAC_fetch, (void *lib, const char *name, const char *how), (lib, name, how))
FAILING(FAULT_CRYPTO, NULL, void *, EVP_MAC_CTX_new, (void *mac), (mac))
FAILING(FAULT_CRYPTO, 0, int, EVP_MAC_init, (void *c, const void *k, size_t n, const void *p), (c, k, n, p))
FAILING(FAULT_CRYPTO, 0, int, EVP_MAC_update, (void *c, const void *p, size_t n), (c, p, n))
FAILING(FAULT_CRYPTO, 0, int, EVP_MAC_final, (void *c, void *p, size_t *n, size_t room), (c, p, n, room))
FAILING(FAULT_CRYPTO, 0, int, EVP_MAC_CTX_set_params, (void *c, const void *p), (c, p))
FAILING(FAULT_CRYPTO, 0, int, EVP_KDF_derive, (void *c, void *key, size_t n, const void *p), (c, key, n, p))
FAILING(FAULT_CRYPTO, 0, int, EVP_Digest, (const void *p, size_t n, void *out, unsigned *len, const void *t, void *e),
        (p, n, out, len, t, e))
FAILING(FAULT_CRYPTO, 0, int, EVP_EncryptInit_ex,
        (void *c, const void *t, void *e, const unsigned char *k, const unsigned char *iv), (c, t, e, k, iv))
FAILING(FAULT_CRYPTO, 0, int, EVP_DecryptInit_ex,
        (void *c, const void *t, void *e, const unsigned char *k, const unsigned char *iv), (c, t, e, k, iv))
FAILING(FAULT_CRYPTO, 0, int, X509_digest, (const void *x, const void *t, void *out, unsigned *n), (x, t, out, n))
/* Not getrandom(2): of so few bytes as are asked for it cannot fail once the kernel has booted. */
FAILING(FAULT_RANDOM, 0, int, RAND_priv_bytes, (unsigned char *p, int n), (p, n))
FAILING(FAULT_CRYPT, NULL, char *, crypt_rn, (const char *word, const char *setting, void *data, int n),
        (word, setting, data, n))

#define NO_MEMORY (-48) /* PCRE2_ERROR_NOMEMORY */
FAILING(FAULT_REGEX, NULL, void *, pcre2_compile_8,
        (const void *p, size_t n, uint32_t options, int *error, size_t *at, void *context),
        (p, n, options, error, at, context))
FAILING(FAULT_REGEX, NO_MEMORY, int, pcre2_jit_compile_8, (void *code, uint32_t options), (code, options))
FAILING(FAULT_REGEX, NULL, void *, pcre2_match_data_create_8, (uint32_t n, void *context), (n, context))
FAILING(FAULT_REGEX, NULL, void *, pcre2_match_context_create_8, (void *context), (context))
FAILING(FAULT_REGEX, NO_MEMORY, int, pcre2_match_8,
        (const void *code, const void *p, size_t n, size_t at, uint32_t options, void *data, void *context),
        (code, p, n, at, options, data, context))

typedef void *(*thread_main)(void *);
FAILING(FAULT_THREAD, 11, int, pthread_create, (void *id, const void *attributes, thread_main run, void *arg),
        (id, attributes, run, arg)) /* EAGAIN is returned, not set */

/* --- into the next process ---------------------------------------------------------------------------------------- */

static bool is_variable(const char *entry, const char *name)
{
    size_t n = strlen(name);
    return strncmp(entry, name, n) == 0 && entry[n] == '=';
}

/* Adds ours, from our own environment, where it is missing. */
static size_t hand_on(char **env, size_t n, const char *name)
{
    for (size_t i = 0; i < n; i++)
        if (is_variable(env[i], name))
            return n;
    for (char **e = environ; *e != NULL; e++)
        if (is_variable(*e, name))
            env[n++] = *e;
    return n;
}

int execve(const char *path, char *const argv[], char *const envp[])
{
    int (*real)(const char *, char *const[], char *const[]) =
        (int (*)(const char *, char *const[], char *const[]))dlsym(RTLD_NEXT, "execve");
    char *env[ENV_MAX + 3];
    size_t n = 0;
    while (envp[n] != NULL && n < ENV_MAX) {
        env[n] = envp[n];
        n++;
    }
    n = hand_on(env, n, "LD_PRELOAD");
    n = hand_on(env, n, "TIERGATE_FAULT");
    env[n] = NULL;
    return real(path, argv, envp[n] == NULL || n < ENV_MAX ? env : envp);
}
