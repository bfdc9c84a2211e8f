#include "control/listen_set.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#include "net/listener.h"

bool listen_same(const struct addr *a, const struct addr *b)
{
    return a->family == b->family && a->port == b->port && memcmp(a->ip, b->ip, sizeof(a->ip)) == 0;
}

const struct listen_entry *listen_set_find(const struct listen_set *s, const struct addr *a)
{
    for (size_t i = 0; i < s->n; i++) {
        if (listen_same(&s->v[i].address, a)) {
            return &s->v[i];
        }
    }
    return NULL;
}

bool listen_set_add(struct listen_set *s, const struct listen_entry *e)
{
    if (s->n == LISTEN_ADDRESSES || listen_set_find(s, &e->address) != NULL) {
        return false;
    }
    s->v[s->n++] = *e;
    return true;
}

static void entry_close(struct listen_entry *e)
{
    for (size_t i = 0; i < e->n; i++) {
        (void)close(e->fds[i]);
    }
    e->n = 0;
}

void listen_set_close_except(struct listen_set *s, const struct listen_set *keep)
{
    for (size_t i = 0; i < s->n; i++) {
        if (keep == NULL || listen_set_find(keep, &s->v[i].address) == NULL) {
            entry_close(&s->v[i]);
        }
    }
    s->n = 0;
}

/* SO_REUSEPORT would let a second tiergate of the same user take half of the connections unnoticed. A bind without it
 * finds anybody who listens there. */
static struct res probe(const struct addr *a)
{
    struct sockaddr_storage sa;
    socklen_t n = addr_to_sockaddr(a, &sa);
    int on = 1, off = 0;
    int fd = socket(sa.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd == -1) {
        return listener_bind_error(errno);
    }
    (void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
    if (sa.ss_family == AF_INET6) {
        (void)setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof(off));
    }
    int failed = bind(fd, (const struct sockaddr *)&sa, n) == -1 ? errno : 0;
    (void)close(fd);
    return failed == 0 ? RES_OK : listener_bind_error(failed);
}

static bool has_port(const struct listen_set *s, uint16_t port)
{
    for (size_t i = 0; i < s->n; i++) {
        if (s->v[i].address.port == port) {
            return true;
        }
    }
    return false;
}

static struct res entry_bind(struct listen_entry *e, size_t per, bool ours)
{
    struct res r = ours ? RES_OK : probe(&e->address);
    while (res_ok(r) && e->n < per) {
        r = listener_bind(&e->address, &e->fds[e->n]);
        e->n += res_ok(r);
    }
    if (!res_ok(r)) {
        entry_close(e);
    }
    return r;
}

struct res listen_set_take_or_bind(struct listen_set *out, const struct listen_set *old, const struct addr *a,
                                   size_t per)
{
    const struct listen_entry *have = listen_set_find(old, a);
    struct listen_entry e = {.address = *a};
    if (listen_set_find(out, a) != NULL) {
        return res_err("named twice");
    }
    if (out->n == LISTEN_ADDRESSES || per == 0 || per > LISTEN_SOCKETS) {
        return res_err("too many addresses");
    }
    if (have != NULL) {
        e = *have;
    } else {
        /* "[::]:443" may take over from, or stand beside, our own "0.0.0.0:443". */
        struct res r = entry_bind(&e, per, has_port(old, a->port) || has_port(out, a->port));
        if (!res_ok(r)) {
            return r;
        }
    }
    out->v[out->n++] = e;
    return RES_OK;
}

static bool is_listening(int fd)
{
    int yes = 0;
    socklen_t n = sizeof(yes);
    return getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &yes, &n) == 0 && yes != 0;
}

static bool bind_anew(const struct addr *a, int fd)
{
    int fresh;
    struct res r = listener_bind(a, &fresh);
    if (!res_ok(r)) {
        return false;
    }
    bool done = dup3(fresh, fd, O_CLOEXEC) != -1;
    (void)close(fresh);
    return done;
}

size_t listen_set_mend(const struct listen_set *s)
{
    size_t failed = 0;
    for (size_t i = 0; i < s->n; i++) {
        for (size_t k = 0; k < s->v[i].n; k++) {
            int fd = s->v[i].fds[k];
            failed += !is_listening(fd) && !bind_anew(&s->v[i].address, fd);
        }
    }
    return failed;
}

void listen_text(const struct addr *a, char out[LISTEN_TEXT])
{
    char ip[ADDR_TEXT];
    size_t n = addr_format_ip(a, ip);
    bool v6 = a->family == AF_INET6;
    (void)snprintf(out, LISTEN_TEXT, "%s%.*s%s:%u", v6 ? "[" : "", (int)n, ip, v6 ? "]" : "", a->port);
}
