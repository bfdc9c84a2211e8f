/* From an accepted socket to a connection: which listen entry it belongs to, whether its peer may use it, the caps. */
#include <stdlib.h>
#include <unistd.h>

#include "edge/conn.h"
#include "net/proxy_accept.h"

static const struct listen_config *listen_of(const struct snapshot *s, const struct addr *address)
{
    for (size_t i = 0; i < s->listen_count; i++)
        if (addr_same_ip(&s->listen[i].address, address) && s->listen[i].address.port == address->port)
            return &s->listen[i];
    return NULL;
}

static bool is_trusted(const struct snapshot *s, const struct addr *peer)
{
    for (size_t i = 0; i < s->client_address.trusted_count; i++)
        if (cidr_has(&s->client_address.trusted[i], peer))
            return true;
    return false;
}

/* A socket that waits for its PROXY header. It has a place among all connections, but none of an address yet. */
struct waiting {
    struct edge_thread *thread;
    struct listen_config listen;
    struct addr proxy;
};

static void on_proxy_header(void *arg, int fd, const struct addr *source)
{
    struct waiting *w = arg;
    atomic_fetch_sub_explicit(&w->thread->shared->connections, 1, memory_order_relaxed);
    bool takes = w->thread->state == EDGE_SERVING ||
                 (w->thread->state == EDGE_DRAINING && w->thread->drain == EDGE_DRAIN_HAND_OVER);
    if (fd >= 0 && takes)
        conn_start(w->thread, fd, &w->listen, source->family ? source : &w->proxy, true, source);
    else if (fd >= 0)
        close(fd);
    free(w);
}

static void wait_for_proxy_header(struct edge_thread *t, int fd, const struct listen_config *listen,
                                  const struct addr *peer)
{
    atomic_uint_fast64_t *places = &t->shared->connections;
    bool room = atomic_fetch_add_explicit(places, 1, memory_order_relaxed) < t->hold->snapshot->limits.connections;
    struct waiting *w = room ? calloc(1, sizeof *w) : NULL;
    if (!w) {
        atomic_fetch_sub_explicit(places, 1, memory_order_relaxed);
        close(fd);
        return;
    }
    w->thread = t;
    w->listen = *listen;
    w->proxy = *peer;
    proxy_acceptor_take(t->proxies, fd, t->hold->snapshot->limits.handshake_timeout_ms, on_proxy_header, w);
}

/* While many handshakes wait, those who would bring more stay in the kernel's queue, where they cost nothing and no time of
 * ours runs. */
bool edge_is_open(void *arg)
{
    const struct edge_listener *l = arg;
    if (!loop_is_behind(l->thread->loop))
        return true;
    const struct listen_config *listen = listen_of(l->thread->hold->snapshot, &l->address);
    return !listen || listen->plain || listen->kind == LISTEN_REDIRECT;
}

void edge_on_accept(void *arg, int fd, const struct addr *peer)
{
    struct edge_listener *l = arg;
    struct edge_thread *t = l->thread;
    const struct snapshot *s = t->hold->snapshot;
    const struct listen_config *listen = listen_of(s, &l->address);
    bool trusted = is_trusted(s, peer);
    /* `plain` and `proxy_protocol` believe what the peer says of the client: only trusted proxies may say it. */
    if (!listen || ((listen->plain || listen->proxy_protocol) && !trusted)) {
        close(fd);
        return;
    }
    if (listen->proxy_protocol)
        wait_for_proxy_header(t, fd, listen, peer);
    else
        conn_start(t, fd, listen, peer, trusted, peer);
}
