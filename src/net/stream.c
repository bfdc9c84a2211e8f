#include "net/stream.h"

#include "net/stream_impl.h"

#include <assert.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

static struct stream *stream_alloc(struct loop *loop, const struct stream_limits *limits,
                                   const struct stream_events *events, void *arg)
{
    struct stream *s = calloc(1, sizeof *s);
    if (!s)
        return NULL;
    s->loop = loop;
    s->ops = &stream_plain_ops;
    s->limits = *limits;
    s->error = "";
    s->fd = -1;
    stream_set_cost(s, STREAM_COST);
    stream_set_events(s, events, arg);
    chunkq_init(&s->in, &loop->chunks);
    chunkq_init(&s->out, &loop->chunks);
    chunkq_init(&s->wire, &loop->chunks);
    loop_task_init(&s->task, stream_on_task, s);
    loop_task_init(&s->recheck, stream_on_recheck, s);
    return s;
}

/* The stream was never anybody's. */
static struct stream *give_up(struct stream *s)
{
    if (s->fd >= 0)
        close(s->fd);
    loop_task_cancel(&s->task);
    s->ops->fini(s);
    stream_set_cost(s, 0);
    free(s);
    return NULL;
}

/* All edges, once for the life of the socket. */
static bool watch(struct stream *s)
{
    short what = EV_READ | EV_WRITE | EV_CLOSED | EV_ET | EV_PERSIST;
    return event_assign(&s->event, s->loop->base, s->fd, what, stream_on_event, s) == 0 &&
           event_add(&s->event, NULL) == 0;
}

struct stream *stream_accept(struct loop *loop, int fd, struct tls_server *tls, const struct stream_limits *limits,
                             const struct stream_events *events, void *arg)
{
    struct stream *s = stream_alloc(loop, limits, events, arg);
    if (!s) {
        close(fd);
        return NULL;
    }
    s->fd = fd;
    s->flags = KNOW_WRITABLE | ACCEPTED;
    s->state = tls ? STREAM_HANDSHAKE : STREAM_OPEN;
    addr_of_peer(fd, &s->peer);
    if ((tls && !stream_tls_accept(s, tls)) || !watch(s))
        return give_up(s);
    return s;
}

/* A connect that fails at once is told like one that fails later. */
static void start_connect(struct stream *s)
{
    struct sockaddr_storage sa;
    socklen_t n = addr_to_sockaddr(&s->peer, &sa);
    if (connect(s->fd, (struct sockaddr *)&sa, n) != 0 && errno != EINPROGRESS)
        stream_fail_errno(s, errno);
}

struct stream *stream_open(struct loop *loop, const struct stream_connect *to, const struct stream_limits *limits,
                           const struct stream_events *events, void *arg)
{
    static const int on = 1, unsent = STREAM_UNSENT_BYTES;
    struct stream *s = stream_alloc(loop, limits, events, arg);
    if (!s)
        return NULL;
    s->peer = to->to;
    s->fd = socket(to->to.family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (s->fd < 0 || (to->tls && !stream_tls_connect(s, to)))
        return give_up(s);
    setsockopt(s->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    setsockopt(s->fd, IPPROTO_TCP, TCP_NOTSENT_LOWAT, &unsent, sizeof unsent);
    start_connect(s);
    if (!watch(s))
        return give_up(s);
    stream_settle(s);
    return s;
}

void stream_set_events(struct stream *s, const struct stream_events *events, void *arg)
{
    s->events = *events;
    s->arg = arg;
}

struct chunkq *stream_in(struct stream *s)
{
    return &s->in;
}

struct chunkq *stream_out(struct stream *s)
{
    return &s->out;
}

enum stream_state stream_state(const struct stream *s)
{
    return s->state;
}

enum stream_input stream_input(const struct stream *s)
{
    return s->input;
}

const char *stream_error(const struct stream *s)
{
    return s->error;
}

enum stream_failure stream_failure(const struct stream *s)
{
    return s->failure;
}

void stream_pause(struct stream *s, unsigned bits)
{
    s->pause |= bits;
}

void stream_resume(struct stream *s, unsigned bits)
{
    s->pause &= ~bits;
    stream_settle(s);
}

void stream_poll(struct stream *s)
{
    s->flags |= NEWS_READ;
    stream_settle(s);
}

bool stream_flush(struct stream *s)
{
    if (s->state == STREAM_OPEN) {
        stream_write_out(s);
        stream_settle(s);
    } else if (s->out.bytes > s->limits.write_low) {
        s->flags |= OUT_ABOVE; /* waits for the connection: on_drained follows */
    }
    return !(s->flags & OUT_BROKEN);
}

/* What has arrived since the loop last looked. Under load that is many exchanges ago. KNOW_READABLE would say more than is
 * known: it is also set where another look is due, behind a read that filled its buffer or some time later. */
static bool socket_is_silent(const struct stream *s)
{
    uint8_t first;
    return recv(s->fd, &first, 1, MSG_PEEK) < 0 && errno == EAGAIN;
}

bool stream_is_quiet(const struct stream *s)
{
    return s->state == STREAM_OPEN && s->input == STREAM_IN_OPEN && s->in.bytes == 0 && !stream_has_unsent(s) &&
           !(s->flags & (KNOW_HUP | FIN_ASKED | OUT_BROKEN)) && s->ops->held(s) == HELD_NONE && socket_is_silent(s);
}

void stream_finish(struct stream *s)
{
    s->flags |= FIN_ASKED;
    stream_flush(s);
}

void stream_close(struct stream *s, enum stream_close how)
{
    assert(s->state != STREAM_CLOSED);
    bool was_open = s->state == STREAM_OPEN;
    s->state = STREAM_CLOSED;
    s->events = (struct stream_events){0};
    loop_task_cancel(&s->task);
    /* A reset could overtake the alert that says why the handshake failed. */
    bool has_alert = s->failure == STREAM_FAIL_TLS || s->failure == STREAM_FAIL_TLS_VERIFY;
    if (how == STREAM_CLOSE_NOW || !was_open || (s->flags & OUT_BROKEN))
        stream_destroy(s, how == STREAM_CLOSE_NOW && !has_alert);
    else
        stream_ending_start(s, how == STREAM_CLOSE_FLUSH ? ENDING_FLUSH : ENDING_LINGER);
}

const struct addr *stream_peer(const struct stream *s)
{
    return &s->peer;
}

void stream_keepalive(struct stream *s, int idle_s, int interval_s, unsigned user_ms)
{
    static const int on = 1;
    setsockopt(s->fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof on);
    setsockopt(s->fd, IPPROTO_TCP, TCP_KEEPIDLE, &idle_s, sizeof idle_s);
    setsockopt(s->fd, IPPROTO_TCP, TCP_KEEPINTVL, &interval_s, sizeof interval_s);
    setsockopt(s->fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &user_ms, sizeof user_ms);
}

uint64_t stream_bytes_read(const struct stream *s)
{
    return s->bytes_read;
}

uint64_t stream_bytes_written(const struct stream *s)
{
    return s->bytes_written;
}
