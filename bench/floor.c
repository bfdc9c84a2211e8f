/*
 * The floor: the least a TLS-terminating proxy can cost. One thread, one origin connection per client connection, no
 * HTTP at all: decrypt, write, read, encrypt. What the gate costs is told as a factor of this.
 * usage: floor PORT ORIGIN-PORT CERT KEY
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <sys/epoll.h>
#include <sys/socket.h>

enum { BUFFER = 16384, BATCH = 64 };

struct pair;
struct end {
    struct pair *pair; /* back */
    int fd;
    uint32_t interest;
};
struct half {
    size_t at, n;
    char bytes[BUFFER];
};
struct pair {
    struct end client, origin;
    SSL *ssl; /* owns */
    struct half up, down;
    bool dead;
    struct pair *next_dead;
};
struct floor {
    int epoll, listener;
    SSL_CTX *tls;
    struct sockaddr_in origin;
    struct pair *dead;
};

static void die(const char *what)
{
    perror(what);
    exit(1);
}

static void set_interest(struct floor *f, struct end *e, uint32_t want)
{
    struct epoll_event ev = {.events = want, .data.ptr = e};
    if (want == e->interest)
        return;
    e->interest = want;
    if (epoll_ctl(f->epoll, EPOLL_CTL_MOD, e->fd, &ev) != 0)
        die("epoll_ctl");
}

static void watch(struct floor *f, struct end *e, int fd)
{
    struct epoll_event ev = {.events = EPOLLIN, .data.ptr = e};
    int one = 1;
    e->fd = fd;
    e->interest = EPOLLIN;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    if (epoll_ctl(f->epoll, EPOLL_CTL_ADD, fd, &ev) != 0)
        die("epoll_ctl");
}

/* Freed after the batch: a later event of it may still name the pair. */
static void kill_pair(struct floor *f, struct pair *p)
{
    if (p->dead)
        return;
    p->dead = true;
    p->next_dead = f->dead;
    f->dead = p;
    SSL_free(p->ssl);
    close(p->client.fd);
    close(p->origin.fd);
}

/* The sum of bytes moved, 0 = would block, -1 = over. */
static ssize_t tls_result(struct pair *p, int r)
{
    if (r > 0)
        return r;
    r = SSL_get_error(p->ssl, r);
    ERR_clear_error();
    return r == SSL_ERROR_WANT_READ || r == SSL_ERROR_WANT_WRITE ? 0 : -1;
}

static ssize_t plain_result(ssize_t r)
{
    if (r > 0)
        return r;
    return r < 0 && (errno == EAGAIN || errno == EINTR || errno == ENOTCONN) ? 0 : -1;
}

static bool fill(struct half *h, ssize_t r)
{
    h->at = 0;
    h->n = r > 0 ? (size_t)r : 0;
    return r >= 0;
}

static bool drain(struct half *h, ssize_t r)
{
    if (r > 0) {
        h->at += (size_t)r;
        h->n -= (size_t)r;
    }
    return r >= 0;
}

static bool client_to_origin(struct pair *p)
{
    bool ok = true;
    do {
        if (p->up.n == 0)
            ok = fill(&p->up, tls_result(p, SSL_read(p->ssl, p->up.bytes, BUFFER)));
        if (ok && p->up.n > 0)
            ok = drain(&p->up, plain_result(write(p->origin.fd, p->up.bytes + p->up.at, p->up.n)));
    } while (ok && p->up.n == 0 && SSL_pending(p->ssl) > 0);
    return ok;
}

static bool origin_to_client(struct pair *p)
{
    if (p->down.n == 0 && !fill(&p->down, plain_result(read(p->origin.fd, p->down.bytes, BUFFER))))
        return false;
    if (p->down.n == 0)
        return true;
    return drain(&p->down, tls_result(p, SSL_write(p->ssl, p->down.bytes + p->down.at, (int)p->down.n)));
}

static void on_event(struct floor *f, struct end *e)
{
    struct pair *p = e->pair;
    bool ok = true;
    if (p->dead)
        return;
    if (e == &p->client)
        ok = client_to_origin(p) && (p->down.n == 0 || origin_to_client(p));
    else
        ok = origin_to_client(p) && (p->up.n == 0 || client_to_origin(p));
    if (!ok) {
        kill_pair(f, p);
        return;
    }
    set_interest(f, &p->client, (p->up.n ? 0 : EPOLLIN) | (p->down.n ? EPOLLOUT : 0));
    set_interest(f, &p->origin, (p->down.n ? 0 : EPOLLIN) | (p->up.n ? EPOLLOUT : 0));
}

static void on_accept(struct floor *f)
{
    int c = accept4(f->listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC), o;
    struct pair *p;
    if (c < 0)
        return;
    o = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (o < 0 || connect(o, (struct sockaddr *)&f->origin, sizeof f->origin) != 0)
        die("origin");
    fcntl(o, F_SETFL, O_NONBLOCK);
    p = calloc(1, sizeof *p);
    if (!p || !(p->ssl = SSL_new(f->tls)))
        die("memory");
    p->client.pair = p->origin.pair = p;
    watch(f, &p->client, c);
    watch(f, &p->origin, o);
    SSL_set_fd(p->ssl, c);
    SSL_set_accept_state(p->ssl);
}

static SSL_CTX *make_tls(const char *cert, const char *key)
{
    SSL_CTX *t = SSL_CTX_new(TLS_server_method());
    if (!t || SSL_CTX_use_certificate_chain_file(t, cert) != 1 ||
        SSL_CTX_use_PrivateKey_file(t, key, SSL_FILETYPE_PEM) != 1) {
        ERR_print_errors_fp(stderr);
        exit(1);
    }
    SSL_CTX_set_mode(t, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER | SSL_MODE_RELEASE_BUFFERS);
    SSL_CTX_set_read_ahead(t, 1);
    return t;
}

static int make_listener(int port)
{
    struct sockaddr_in a = {
        .sin_family = AF_INET, .sin_port = htons((uint16_t)port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int one = 1, fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    if (fd < 0 || bind(fd, (struct sockaddr *)&a, sizeof a) != 0 || listen(fd, 1024) != 0)
        die("listen");
    return fd;
}

static void free_dead(struct floor *f)
{
    while (f->dead) {
        struct pair *p = f->dead;
        f->dead = p->next_dead;
        free(p);
    }
}

int main(int argc, char **argv)
{
    struct floor f = {0};
    struct epoll_event ev[BATCH] = {{.events = EPOLLIN}};
    if (argc != 5) {
        fprintf(stderr, "usage: floor PORT ORIGIN-PORT CERT KEY\n");
        return 2;
    }
    signal(SIGPIPE, SIG_IGN);
    f.tls = make_tls(argv[3], argv[4]);
    f.origin = (struct sockaddr_in){.sin_family = AF_INET,
                                    .sin_port = htons((uint16_t)strtol(argv[2], NULL, 10)),
                                    .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    f.listener = make_listener((int)strtol(argv[1], NULL, 10));
    f.epoll = epoll_create1(EPOLL_CLOEXEC);
    if (epoll_ctl(f.epoll, EPOLL_CTL_ADD, f.listener, ev) != 0)
        die("epoll_ctl");
    for (;;) {
        int n = epoll_wait(f.epoll, ev, BATCH, -1);
        for (int i = 0; i < n; i++) {
            if (ev[i].data.ptr)
                on_event(&f, ev[i].data.ptr);
            else
                on_accept(&f);
        }
        free_dead(&f);
    }
}
