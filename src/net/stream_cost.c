/* What a stream costs, and what its peer takes of it: asked by those who watch over all of them. */
#include "net/stream_impl.h"

#include <linux/tcp.h>
#include <netinet/in.h>
#include <stddef.h>
#include <sys/socket.h>

void stream_set_cost(struct stream *s, size_t cost)
{
    size_t before = s->cost;
    s->cost = cost;
    if (cost > before)
        meter_add(&s->loop->meter, cost - before);
    else
        meter_sub(&s->loop->meter, before - cost);
}

size_t stream_unsent(const struct stream *s)
{
    return s->out.bytes + s->wire.bytes;
}

size_t stream_holds(const struct stream *s)
{
    return s->cost + chunkq_holds(&s->in) + chunkq_holds(&s->out) + chunkq_holds(&s->wire);
}

void stream_set_read_high(struct stream *s, size_t read_high)
{
    size_t before = s->limits.read_high;
    s->limits.read_high = read_high;
    if (read_high > before)
        stream_settle(s); /* an edge that was left alone does not come again */
}

/* With nothing in flight although there is something to send, only the window can be what holds it back. */
static bool is_closed(const struct tcp_info *i, socklen_t n)
{
    if (n < offsetof(struct tcp_info, tcpi_snd_wnd) + sizeof i->tcpi_snd_wnd)
        return true;
    return i->tcpi_snd_wnd == 0 || (i->tcpi_unacked == 0 && i->tcpi_notsent_bytes > 0);
}

static bool ask(const struct stream *s, struct tcp_info *i, socklen_t *n)
{
    *n = sizeof *i;
    return getsockopt(s->fd, IPPROTO_TCP, TCP_INFO, i, n) == 0;
}

bool stream_peer_ended(const struct stream *s)
{
    /* RFC 9293 §3.3.2, by the kernel's numbers: <netinet/tcp.h> has the names, but not beside <linux/tcp.h>. */
    enum { TIME_WAIT = 6, CLOSED = 7, CLOSE_WAIT = 8, LAST_ACK = 9, CLOSING = 11 };
    struct tcp_info i = {0};
    socklen_t n;
    if (!ask(s, &i, &n))
        return false;
    return i.tcpi_state == CLOSE_WAIT || i.tcpi_state == CLOSED || i.tcpi_state == LAST_ACK ||
           i.tcpi_state == CLOSING || i.tcpi_state == TIME_WAIT;
}

bool stream_taken(const struct stream *s, struct stream_taken *out)
{
    struct tcp_info i = {0};
    socklen_t n;
    if (!ask(s, &i, &n))
        return false;
    *out = (struct stream_taken){.bytes = i.tcpi_bytes_acked, .closed = is_closed(&i, n)};
    return true;
}
