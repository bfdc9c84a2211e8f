#include "net/stream_impl.h"

#include "base/count.h"

#include <errno.h>

static void set_state(struct stream *s, enum stream_state to)
{
    s->state = to;
    if (to == STREAM_OPEN)
        s->flags |= NEWS_OPEN;
}

static void set_input(struct stream *s, enum stream_input to)
{
    s->input = to;
    s->flags |= NEWS_READ;
    s->flags &= ~KNOW_READABLE;
    loop_task_cancel(&s->recheck);
}

enum io_res stream_fail(struct stream *s, enum stream_failure failure, const char *why)
{
    if (s->failure == STREAM_FAIL_NONE) {
        s->failure = failure;
        s->error = why;
    }
    s->flags |= OUT_BROKEN;
    chunkq_clear(&s->out);
    chunkq_clear(&s->wire);
    if (s->input != STREAM_IN_ERROR)
        set_input(s, STREAM_IN_ERROR);
    return IO_FAIL;
}

enum io_res stream_fail_errno(struct stream *s, int err)
{
    static const struct {
        int err;
        enum stream_failure failure;
        const char *why;
    } known[] = {
        {ECONNREFUSED, STREAM_FAIL_REFUSED, "connection refused"},
        {ECONNRESET, STREAM_FAIL_RESET, "connection reset"},
        {EPIPE, STREAM_FAIL_RESET, "connection reset"},
        {ENETUNREACH, STREAM_FAIL_UNREACHABLE, "network unreachable"},
        {EHOSTUNREACH, STREAM_FAIL_UNREACHABLE, "host unreachable"},
        {EADDRNOTAVAIL, STREAM_FAIL_UNREACHABLE, "no local address for this destination"},
        {EACCES, STREAM_FAIL_UNREACHABLE, "not permitted by this machine's network rules"},
        {EPERM, STREAM_FAIL_UNREACHABLE, "not permitted by this machine's network rules"},
        {ETIMEDOUT, STREAM_FAIL_UNREACHABLE, "connection timed out"},
        {EAFNOSUPPORT, STREAM_FAIL_UNREACHABLE, "address family not supported"},
    };
    for (size_t i = 0; i < COUNT(known); i++)
        if (known[i].err == err)
            return stream_fail(s, known[i].failure, known[i].why);
    return stream_fail(s, STREAM_FAIL_OTHER, "socket error");
}

/* --- what it could do now ----------------------------------------------------------------------------------------- */

static bool wants_read(const struct stream *s)
{
    return s->state == STREAM_OPEN && s->input == STREAM_IN_OPEN &&
           ((s->pause == 0 && s->in.bytes < s->limits.read_high) || (s->flags & OUT_BROKEN));
}

static bool wants_write(const struct stream *s)
{
    if (s->state != STREAM_OPEN || (s->flags & OUT_BROKEN))
        return false;
    return stream_has_unsent(s) || (s->flags & (FIN_ASKED | FIN_SENT)) == FIN_ASKED;
}

static bool could_act(const struct stream *s)
{
    if (s->flags & (NEWS_OPEN | NEWS_READ | NEWS_DRAINED))
        return true;
    if (wants_write(s) && (s->flags & KNOW_WRITABLE))
        return true;
    if (s->state == STREAM_HANDSHAKE && s->input == STREAM_IN_OPEN)
        return (s->flags & KNOW_READABLE) || (s->wire.bytes && (s->flags & KNOW_WRITABLE));
    return wants_read(s) && ((s->flags & KNOW_READABLE) || s->ops->held(s) == HELD_WHOLE);
}

/* Anybody may ask for a handshake, and it costs as much as many requests: those of others do not wait for all of them. */
static bool is_heavy(const struct stream *s)
{
    return (s->flags & ACCEPTED) && s->state == STREAM_HANDSHAKE;
}

void stream_settle(struct stream *s)
{
    if (!could_act(s))
        return;
    if (is_heavy(s))
        loop_task_queue_heavy(s->loop, &s->task);
    else
        loop_task_queue(s->loop, &s->task);
}

/* --- doing it ----------------------------------------------------------------------------------------------------- */

static void advance_connect(struct stream *s)
{
    int err = 0;
    socklen_t n = sizeof err;
    if (!(s->flags & KNOW_WRITABLE))
        return;
    if (getsockopt(s->fd, SOL_SOCKET, SO_ERROR, &err, &n) != 0)
        err = errno;
    if (err) {
        stream_fail_errno(s, err);
        return;
    }
    set_state(s, s->tls ? STREAM_HANDSHAKE : STREAM_OPEN);
}

static void finish_out(struct stream *s)
{
    if ((s->flags & (FIN_ASKED | FIN_SENT | OUT_BROKEN)) != FIN_ASKED || s->out.bytes)
        return;
    if (!(s->flags & FIN_NOTIFIED)) {
        s->flags |= FIN_NOTIFIED;
        s->ops->notify(s);
    }
    if (s->wire.bytes && stream_sock_push(s, &s->wire, STREAM_BUDGET) == IO_FAIL)
        return;
    if (s->wire.bytes)
        return;
    s->flags |= FIN_SENT;
    if (shutdown(s->fd, SHUT_WR) != 0 && errno != ENOTCONN)
        stream_broken(s, errno);
}

static void note_level(struct stream *s)
{
    if (s->out.bytes > s->limits.write_low) {
        s->flags |= OUT_ABOVE;
    } else if (s->flags & OUT_ABOVE) {
        s->flags &= ~OUT_ABOVE;
        s->flags |= NEWS_DRAINED;
    }
}

void stream_write_out(struct stream *s)
{
    if (s->flags & OUT_BROKEN) {
        chunkq_clear(&s->out);
        return;
    }
    if (stream_has_unsent(s) && (s->flags & KNOW_WRITABLE))
        s->ops->write(s);
    finish_out(s);
    note_level(s);
}

static void read_in(struct stream *s)
{
    size_t goal = s->in.bytes + STREAM_BUDGET, before = s->in.bytes;
    enum io_res r = IO_MORE;
    while (r == IO_MORE && s->in.bytes < goal && wants_read(s))
        r = s->ops->read(s);
    if (s->in.bytes != before)
        s->flags |= NEWS_READ;
    if (r == IO_EOF || r == IO_TRUNC)
        set_input(s, r == IO_EOF ? STREAM_IN_EOF : STREAM_IN_TRUNC);
    /* After a failed write the peer's last words (an early answer) are still taken, one
     * turn's worth, then it is over. */
    if (s->flags & OUT_BROKEN)
        stream_fail(s, s->failure, s->error);
}

/* After the peer's FIN nothing is read any more; that it is gone altogether is seen by the socket's error alone. */
static void look_for_reset(struct stream *s)
{
    int err = 0;
    socklen_t n = sizeof err;
    s->flags &= ~KNOW_READABLE;
    if (getsockopt(s->fd, SOL_SOCKET, SO_ERROR, &err, &n) == 0 && err)
        stream_fail_errno(s, err);
}

static void advance(struct stream *s)
{
    s->read_budget = STREAM_BUDGET;
    if (s->state == STREAM_CONNECTING && s->input == STREAM_IN_OPEN)
        advance_connect(s);
    if (s->state == STREAM_HANDSHAKE && s->input == STREAM_IN_OPEN && s->ops->handshake(s) == IO_MORE)
        set_state(s, STREAM_OPEN);
    if (s->state != STREAM_OPEN)
        return;
    if (wants_write(s))
        stream_write_out(s);
    if (wants_read(s))
        read_in(s);
    else if ((s->flags & KNOW_READABLE) && (s->input == STREAM_IN_EOF || s->input == STREAM_IN_TRUNC))
        look_for_reset(s);
}

/* Each call may close the stream, or give it to another owner. False: closed. */
static bool tell(struct stream *s, unsigned news, void (*on_news)(void *arg))
{
    if (!(s->flags & news))
        return true;
    s->flags &= ~news;
    if (on_news)
        on_news(s->arg);
    return s->state != STREAM_CLOSED;
}

static void turn(struct stream *s)
{
    if (s->state == STREAM_CLOSED) {
        stream_ending_turn(s);
        return;
    }
    advance(s);
    if (!tell(s, NEWS_OPEN, s->events.on_open) || !tell(s, NEWS_DRAINED, s->events.on_drained) ||
        !tell(s, NEWS_READ, s->events.on_read))
        return;
    /* What TLS itself had to say (session ticket, key update) goes now if no answer has taken it along. */
    if (s->wire.bytes && s->state == STREAM_OPEN)
        stream_write_out(s);
    stream_settle(s);
}

void stream_on_event(evutil_socket_t fd, short what, void *arg)
{
    struct stream *s = arg;
    loop_enter(s->loop);
    if (what & EV_READ)
        s->flags |= KNOW_READABLE;
    if (what & EV_WRITE)
        s->flags |= KNOW_WRITABLE;
    if (what & EV_CLOSED)
        s->flags |= KNOW_READABLE | KNOW_HUP;
    if (is_heavy(s)) {
        stream_settle(s);
        return;
    }
    loop_task_cancel(&s->task);
    turn(s);
}

void stream_on_task(void *arg)
{
    turn(arg);
}

void stream_on_recheck(void *arg)
{
    struct stream *s = arg;
    s->flags |= KNOW_READABLE;
    stream_settle(s);
}
