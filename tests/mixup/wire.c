#include "wire.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <linux/sockios.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <openssl/err.h>

#define EVENTS 256
#define READ_ROOM 32768u
#define DOOR 1u /* marks the pointer of a door in an event */

static uint64_t clock_us(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000 + (uint64_t)t.tv_nsec / 1000;
}

/* --- making ----------------------------------------------------------------------------------------------------------- */

static void watch(struct wire *w)
{
    bool reads = w->state != WIRE_CONNECTING && w->input == WIRE_IN_OPEN && !w->deaf;
    bool writes = w->state == WIRE_CONNECTING || bytes_count(&w->out) > 0;
    uint32_t want = (reads ? EPOLLIN : 0u) | (writes ? EPOLLOUT : 0u);
    struct epoll_event e = {.events = want, .data.ptr = w};
    if (want != w->watched && epoll_ctl(w->reactor->epoll, EPOLL_CTL_MOD, w->fd, &e) == 0)
        w->watched = want;
}

static struct wire *wire_new(struct reactor *r, int fd, SSL_CTX *tls)
{
    static const int on = 1;
    struct wire *w = calloc(1, sizeof *w);
    if (!w)
        abort();
    w->reactor = r;
    w->fd = fd;
    w->ssl = tls ? SSL_new(tls) : NULL;
    if (w->ssl)
        SSL_set_fd(w->ssl, fd);
    w->next = r->wires;
    if (w->next)
        w->next->prev = w;
    r->wires = w;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    struct epoll_event e = {.events = 0, .data.ptr = w};
    epoll_ctl(r->epoll, EPOLL_CTL_ADD, fd, &e);
    return w;
}

static struct sockaddr_in here(unsigned port)
{
    return (struct sockaddr_in){
        .sin_family = AF_INET, .sin_port = htons((uint16_t)port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
}

struct wire *wire_connect(struct reactor *r, unsigned port, const char *tls_name)
{
    struct sockaddr_in to = here(port);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return NULL;
    struct wire *w = wire_new(r, fd, tls_name ? r->client : NULL);
    if (tls_name) {
        SSL_set_connect_state(w->ssl);
        SSL_set_tlsext_host_name(w->ssl, tls_name);
    }
    if (connect(fd, (struct sockaddr *)&to, sizeof to) != 0 && errno != EINPROGRESS) {
        w->input = WIRE_IN_CUT;
        wire_due_in(w, 0);
    }
    watch(w);
    return w;
}

unsigned door_open(struct door *d, struct reactor *r)
{
    struct sockaddr_in at = here(0);
    socklen_t n = sizeof at;
    d->reactor = r;
    d->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    struct epoll_event e = {.events = EPOLLIN, .data.u64 = (uintptr_t)d | DOOR};
    if (d->fd < 0 || bind(d->fd, (struct sockaddr *)&at, n) != 0 || listen(d->fd, 1024) != 0 ||
        getsockname(d->fd, (struct sockaddr *)&at, &n) != 0 || epoll_ctl(r->epoll, EPOLL_CTL_ADD, d->fd, &e) != 0)
        return 0;
    return ntohs(at.sin_port);
}

void door_close(struct door *d)
{
    close(d->fd);
}

static void door_accept(struct door *d)
{
    int fd;
    while ((fd = accept4(d->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0) {
        struct wire *w = wire_new(d->reactor, fd, d->tls);
        w->state = w->ssl ? WIRE_HANDSHAKE : WIRE_OPEN;
        if (w->ssl)
            SSL_set_accept_state(w->ssl);
        watch(w);
        d->on_wire(d->arg, w);
    }
}

/* --- ending ----------------------------------------------------------------------------------------------------------- */

void wire_close(struct wire *w, enum wire_end how)
{
    static const struct linger now = {.l_onoff = 1, .l_linger = 0};
    if (w->state == WIRE_CLOSED)
        return;
    if (how == WIRE_END_RESET)
        setsockopt(w->fd, SOL_SOCKET, SO_LINGER, &now, sizeof now);
    close(w->fd);
    SSL_free(w->ssl);
    w->ssl = NULL;
    w->state = WIRE_CLOSED;
    *(w->prev ? &w->prev->next : &w->reactor->wires) = w->next;
    if (w->next)
        w->next->prev = w->prev;
    w->prev = NULL;
    w->next = w->reactor->closed;
    w->reactor->closed = w;
}

static void free_closed(struct reactor *r)
{
    for (struct wire *w = r->closed, *next; w; w = next) {
        next = w->next;
        if (w->release)
            w->release(w->arg);
        bytes_fini(&w->in);
        bytes_fini(&w->out);
        free(w);
    }
    r->closed = NULL;
}

/* --- bytes ------------------------------------------------------------------------------------------------------------ */

enum moved { MOVED_SOME, MOVED_NONE, MOVED_END, MOVED_CUT };

static enum moved tls_result(struct wire *w, int ret)
{
    switch (SSL_get_error(w->ssl, ret)) {
    case SSL_ERROR_WANT_READ:
    case SSL_ERROR_WANT_WRITE:
        return MOVED_NONE;
    case SSL_ERROR_ZERO_RETURN:
        return MOVED_END;
    default:
        return MOVED_CUT;
    }
}

static enum moved read_some(struct wire *w)
{
    uint8_t *to = bytes_room(&w->in, READ_ROOM);
    size_t n = 0;
    if (w->ssl) {
        ERR_clear_error();
        int ret = SSL_read_ex(w->ssl, to, READ_ROOM, &n);
        w->in.end += ret == 1 ? n : 0;
        return ret == 1 ? MOVED_SOME : tls_result(w, ret);
    }
    ssize_t r = recv(w->fd, to, READ_ROOM, 0);
    if (r > 0)
        w->in.end += (size_t)r;
    if (r > 0)
        return MOVED_SOME;
    if (r == 0)
        return MOVED_END;
    return errno == EAGAIN || errno == EINTR ? MOVED_NONE : MOVED_CUT;
}

static enum moved write_some(struct wire *w)
{
    size_t n = 0;
    if (w->ssl) {
        ERR_clear_error();
        int ret = SSL_write_ex(w->ssl, bytes_at(&w->out), bytes_count(&w->out), &n);
        if (ret != 1)
            return tls_result(w, ret);
    } else {
        ssize_t r = send(w->fd, bytes_at(&w->out), bytes_count(&w->out), MSG_NOSIGNAL);
        if (r < 0)
            return errno == EAGAIN || errno == EINTR ? MOVED_NONE : MOVED_CUT;
        n = (size_t)r;
    }
    bytes_drop(&w->out, n);
    return MOVED_SOME;
}

static void read_all(struct wire *w)
{
    enum moved m = MOVED_SOME;
    while (m == MOVED_SOME && !w->deaf && bytes_count(&w->in) < 8 * READ_ROOM)
        m = read_some(w);
    if (m == MOVED_END)
        w->input = WIRE_IN_END;
    else if (m == MOVED_CUT)
        w->input = WIRE_IN_CUT;
}

/* What can't be written any more is of no use; the reading side tells why. */
void wire_flush(struct wire *w)
{
    enum moved m = MOVED_SOME;
    if (w->state != WIRE_OPEN)
        return;
    while (m == MOVED_SOME && bytes_count(&w->out) > 0)
        m = write_some(w);
    if (m == MOVED_CUT || m == MOVED_END)
        bytes_clear(&w->out);
    if (w->finishes && !w->finished && bytes_count(&w->out) == 0) {
        w->finished = true;
        if (w->ssl)
            SSL_shutdown(w->ssl);
        shutdown(w->fd, SHUT_WR);
    }
    watch(w);
}

void wire_finish(struct wire *w)
{
    w->finishes = true;
    wire_flush(w);
}

bool wire_has_left(const struct wire *w)
{
    int held = 0;
    return bytes_count(&w->out) == 0 && (ioctl(w->fd, SIOCOUTQNSD, &held) != 0 || held == 0);
}

void wire_listen(struct wire *w, bool listens)
{
    w->deaf = !listens;
    watch(w);
    if (listens && w->ssl && SSL_has_pending(w->ssl))
        wire_due_in(w, 0);
}

void wire_due_in(struct wire *w, uint64_t us)
{
    w->due_us = w->reactor->now_us + us;
    if (w->due_us < w->reactor->next_due_us)
        w->reactor->next_due_us = w->due_us;
}

/* --- the loop --------------------------------------------------------------------------------------------------------- */

static void open_further(struct wire *w)
{
    int err = 0;
    socklen_t n = sizeof err;
    if (w->state == WIRE_CONNECTING) {
        if (getsockopt(w->fd, SOL_SOCKET, SO_ERROR, &err, &n) != 0 || err) {
            w->input = WIRE_IN_CUT;
            return;
        }
        w->state = w->ssl ? WIRE_HANDSHAKE : WIRE_OPEN;
    }
    if (w->state == WIRE_HANDSHAKE) {
        ERR_clear_error();
        int ret = SSL_do_handshake(w->ssl);
        if (ret == 1)
            w->state = WIRE_OPEN;
        else if (tls_result(w, ret) != MOVED_NONE)
            w->input = WIRE_IN_CUT;
    }
}

static void turn_wire(struct wire *w, uint32_t events)
{
    if (w->state == WIRE_CLOSED)
        return;
    if (w->state != WIRE_OPEN && w->input == WIRE_IN_OPEN)
        open_further(w);
    if (w->state == WIRE_OPEN) {
        wire_flush(w);
        if (w->input == WIRE_IN_OPEN && !w->deaf)
            read_all(w);
        if (w->deaf && (events & (EPOLLERR | EPOLLHUP)))
            w->input = WIRE_IN_CUT;
    }
    w->on_event(w->arg);
    if (w->state != WIRE_CLOSED)
        watch(w);
}

static void tell_due(struct reactor *r)
{
    if (r->now_us < r->next_due_us)
        return;
    r->next_due_us = UINT64_MAX;
    for (struct wire *w = r->wires, *next; w; w = next) {
        next = w->next;
        if (w->due_us && w->due_us <= r->now_us) {
            w->due_us = 0;
            turn_wire(w, 0);
            next = w->state == WIRE_CLOSED ? r->wires : w->next; /* the list may be another one now */
        } else if (w->due_us && w->due_us < r->next_due_us) {
            r->next_due_us = w->due_us;
        }
    }
}

static int patience_ms(const struct reactor *r)
{
    if (r->next_due_us == UINT64_MAX)
        return 100;
    uint64_t us = r->next_due_us > r->now_us ? r->next_due_us - r->now_us : 0;
    return us > 100000 ? 100 : (int)((us + 999) / 1000);
}

void reactor_turn(struct reactor *r)
{
    struct epoll_event events[EVENTS];
    int n = epoll_wait(r->epoll, events, EVENTS, patience_ms(r));
    r->now_us = clock_us();
    for (int i = 0; i < n; i++) {
        uintptr_t p = (uintptr_t)events[i].data.u64;
        if (p & DOOR)
            door_accept((struct door *)(p & ~(uintptr_t)DOOR));
        else
            turn_wire(events[i].data.ptr, events[i].events);
    }
    tell_due(r);
    free_closed(r);
}

bool reactor_init(struct reactor *r)
{
    *r = (struct reactor){.epoll = epoll_create1(EPOLL_CLOEXEC), .now_us = clock_us(), .next_due_us = UINT64_MAX};
    r->client = SSL_CTX_new(TLS_client_method());
    r->server = SSL_CTX_new(TLS_server_method());
    if (r->epoll < 0 || !r->client || !r->server)
        return false;
    SSL_CTX_set_mode(r->client, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    SSL_CTX_set_mode(r->server, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    return true;
}

void reactor_fini(struct reactor *r)
{
    while (r->wires)
        wire_close(r->wires, WIRE_END_RESET);
    free_closed(r);
    SSL_CTX_free(r->client);
    SSL_CTX_free(r->server);
    close(r->epoll);
}
