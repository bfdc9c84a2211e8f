/*
 * A cheap origin, so that what is measured is the proxy. One thread, HTTP/1.1 keep-alive, no TLS.
 * GET /anything gives 1 KiB, GET /bytes/N gives N zero bytes, a body with Content-Length is read and thrown away.
 * usage: origin PORT
 */
#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>
#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>

enum { HEAD = 16384, BULK = 1 << 17, BATCH = 64, PAGE = 1024 };

struct conn {
    int fd;
    size_t have;    /* bytes in head */
    uint64_t skip;  /* request body still to come; then it is answered */
    bool owes;      /* the answer to such a request */
    uint64_t zeros; /* response body still to go */
    bool wants_write;
    char head[HEAD];
};

static const char zeros[BULK];

static void die(const char *what)
{
    perror(what);
    exit(1);
}

static uint64_t number_after(const char *head, const char *end, const char *name)
{
    const char *p = strcasestr(head, name);
    return p && p < end ? strtoull(p + strlen(name), NULL, 10) : 0;
}

static bool put(struct conn *c, const char *p, size_t n)
{
    return write(c->fd, p, n) == (ssize_t)n; /* a head always fits into an idle socket's buffer */
}

static bool answer_bytes(struct conn *c, uint64_t n)
{
    char head[160];
    int len = snprintf(head, sizeof head,
                       "HTTP/1.1 200 OK\r\nContent-Type: application/octet-stream\r\nContent-Length: %llu\r\n\r\n",
                       (unsigned long long)n);
    c->zeros = n;
    return put(c, head, (size_t)len);
}

static bool answer_page(struct conn *c)
{
    char out[PAGE + 160];
    int len =
        snprintf(out, sizeof out, "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: %d\r\n\r\n", PAGE);
    memset(out + len, 'x', PAGE);
    return put(c, out, (size_t)len + PAGE);
}

/* One request whose head is whole. */
static bool serve(struct conn *c, const char *end)
{
    static const char bulk[] = "GET /bytes/";
    bool is_bulk = strncmp(c->head, bulk, sizeof bulk - 1) == 0;
    c->skip = number_after(c->head, end, "\r\nContent-Length:");
    c->owes = c->skip > 0;
    if (c->owes)
        return true;
    return is_bulk ? answer_bytes(c, strtoull(c->head + sizeof bulk - 1, NULL, 10)) : answer_page(c);
}

static bool pay(struct conn *c)
{
    if (!c->owes || c->skip > 0)
        return true;
    c->owes = false;
    return answer_page(c);
}

static bool take_heads(struct conn *c)
{
    while (c->have > 0) {
        size_t body = c->skip < c->have ? (size_t)c->skip : c->have;
        char *end;
        c->skip -= body;
        c->have -= body;
        memmove(c->head, c->head + body, c->have);
        c->head[c->have] = 0;
        if (!pay(c))
            return false;
        end = strstr(c->head, "\r\n\r\n");
        if (c->skip > 0 || !end)
            return c->have < HEAD - 1;
        if (!serve(c, end))
            return false;
        end += 4;
        c->have -= (size_t)(end - c->head);
        memmove(c->head, end, c->have);
    }
    return true;
}

static bool throw_body(struct conn *c)
{
    char sink[BULK];
    ssize_t r = read(c->fd, sink, c->skip < BULK ? (size_t)c->skip : BULK);
    if (r > 0)
        c->skip -= (uint64_t)r;
    return (r > 0 || (r < 0 && errno == EAGAIN)) && pay(c);
}

static bool read_head(struct conn *c)
{
    ssize_t r = read(c->fd, c->head + c->have, HEAD - 1 - c->have);
    if (r <= 0)
        return r < 0 && errno == EAGAIN;
    c->have += (size_t)r;
    return take_heads(c);
}

static bool send_zeros(struct conn *c)
{
    while (c->zeros > 0) {
        ssize_t r = write(c->fd, zeros, c->zeros < BULK ? (size_t)c->zeros : BULK);
        if (r <= 0)
            return r < 0 && errno == EAGAIN;
        c->zeros -= (uint64_t)r;
    }
    return true;
}

static bool on_event(int epoll, struct conn *c, uint32_t what)
{
    bool ok = true;
    if (what & (EPOLLIN | EPOLLHUP | EPOLLERR))
        ok = c->skip > 0 && c->have == 0 ? throw_body(c) : read_head(c);
    ok = ok && send_zeros(c);
    if (ok && (c->zeros > 0) != c->wants_write) {
        struct epoll_event ev = {.events = EPOLLIN, .data.ptr = c};
        c->wants_write = c->zeros > 0;
        if (c->wants_write)
            ev.events |= EPOLLOUT;
        epoll_ctl(epoll, EPOLL_CTL_MOD, c->fd, &ev);
    }
    return ok;
}

static void on_accept(int epoll, int listener)
{
    int one = 1, fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK);
    struct conn *c = fd < 0 ? NULL : calloc(1, sizeof *c);
    struct epoll_event ev = {.events = EPOLLIN, .data.ptr = c};
    if (!c)
        return;
    c->fd = fd;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &ev);
}

static int make_listener(int port)
{
    struct sockaddr_in a = {
        .sin_family = AF_INET, .sin_port = htons((uint16_t)port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int one = 1, fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    if (fd < 0 || bind(fd, (struct sockaddr *)&a, sizeof a) != 0 || listen(fd, 1024) != 0)
        die("listen");
    return fd;
}

int main(int argc, char **argv)
{
    struct epoll_event ev[BATCH] = {{.events = EPOLLIN}};
    int listener, epoll = epoll_create1(0);
    if (argc != 2) {
        fprintf(stderr, "usage: origin PORT\n");
        return 2;
    }
    signal(SIGPIPE, SIG_IGN);
    listener = make_listener((int)strtol(argv[1], NULL, 10));
    epoll_ctl(epoll, EPOLL_CTL_ADD, listener, ev);
    for (;;) {
        int n = epoll_wait(epoll, ev, BATCH, -1);
        for (int i = 0; i < n; i++) {
            struct conn *c = ev[i].data.ptr;
            if (!c) {
                on_accept(epoll, listener);
            } else if (!on_event(epoll, c, ev[i].events)) {
                close(c->fd);
                free(c);
            }
        }
    }
}
