#include "net/stream_impl.h"

#include <errno.h>

#define IOV_MAX_USED 8

/* A read that returned less than was asked for has emptied the socket: another one would only say EAGAIN. The FIN
 * of the peer is announced (KNOW_HUP); a reset behind the bytes is not, libevent reports it as plain readiness. So
 * the stream looks again some time later. */
static void drained(struct stream *s)
{
    s->flags &= ~KNOW_READABLE;
    loop_task_later(s->loop, &s->recheck);
}

ssize_t stream_sock_read(struct stream *s, void *p, size_t n)
{
    ssize_t r = recv(s->fd, p, n, 0);
    if (r > 0) {
        s->bytes_read += (size_t)r;
        s->read_budget -= s->read_budget < (size_t)r ? s->read_budget : (size_t)r;
        if ((size_t)r < n && !(s->flags & KNOW_HUP))
            drained(s);
        return r;
    }
    if (r < 0 && errno == EINTR)
        errno = EAGAIN; /* still readable: the ready list comes back to it */
    else
        s->flags &= ~KNOW_READABLE;
    if (r == 0)
        s->flags |= KNOW_END;
    return r;
}

ssize_t stream_sock_write(struct stream *s, const struct iovec *iov, size_t count)
{
    struct msghdr msg = {.msg_iov = (struct iovec *)(uintptr_t)iov, .msg_iovlen = count};
    size_t asked = 0;
    for (size_t i = 0; i < count; i++)
        asked += iov[i].iov_len;
    ssize_t r =
        count == 1 ? send(s->fd, iov->iov_base, iov->iov_len, MSG_NOSIGNAL) : sendmsg(s->fd, &msg, MSG_NOSIGNAL);
    if (r < 0 && errno == EINTR) {
        errno = EAGAIN;
        return r;
    }
    if (r < (ssize_t)asked)
        s->flags &= ~KNOW_WRITABLE;
    if (r > 0)
        s->bytes_written += (size_t)r;
    return r;
}

enum io_res stream_broken(struct stream *s, int err)
{
    if (!(s->flags & OUT_BROKEN)) {
        s->flags |= OUT_BROKEN | KNOW_READABLE | KNOW_HUP;
        /* The read side says later that it is over; why is known now. */
        if (s->failure == STREAM_FAIL_NONE) {
            s->failure = err == EPIPE || err == ECONNRESET ? STREAM_FAIL_RESET : STREAM_FAIL_OTHER;
            s->error = err == EPIPE || err == ECONNRESET ? "connection reset while writing" : "write failed";
        }
    }
    chunkq_clear(&s->out);
    chunkq_clear(&s->wire);
    /* Nothing is read any more, so nothing else would tell. */
    if (s->input == STREAM_IN_EOF || s->input == STREAM_IN_TRUNC)
        stream_fail(s, s->failure, s->error);
    return IO_FAIL;
}

enum io_res stream_sock_push(struct stream *s, struct chunkq *q, size_t budget)
{
    struct iovec iov[IOV_MAX_USED];
    size_t moved = 0;
    while (q->bytes && moved < budget) {
        if (!(s->flags & KNOW_WRITABLE))
            return IO_AGAIN;
        ssize_t r = stream_sock_write(s, iov, chunkq_iov(q, iov, IOV_MAX_USED));
        if (r < 0)
            return errno == EAGAIN ? IO_AGAIN : stream_broken(s, errno);
        chunkq_drop(q, (size_t)r);
        moved += (size_t)r;
    }
    return IO_MORE;
}

static enum io_res plain_handshake(struct stream *s)
{
    return IO_MORE;
}

/* What is not wanted now need not be held here. */
static size_t most_wanted(const struct stream *s)
{
    size_t high = s->limits.read_high, have = s->in.bytes;
    return high < have + STREAM_ROOM ? STREAM_ROOM : high - have;
}

static enum io_res plain_read(struct stream *s)
{
    if (!(s->flags & KNOW_READABLE))
        return IO_AGAIN;
    size_t room;
    uint8_t *p = chunkq_reserve_at_most(&s->in, STREAM_ROOM, most_wanted(s), &room);
    if (!p)
        return stream_fail(s, STREAM_FAIL_OTHER, "out of memory");
    ssize_t r = stream_sock_read(s, p, room);
    int err = errno;
    chunkq_commit(&s->in, r > 0 ? (size_t)r : 0);
    if (r > 0)
        return IO_MORE;
    if (r == 0)
        return IO_EOF;
    return err == EAGAIN ? IO_AGAIN : stream_fail_errno(s, err);
}

static enum io_res plain_write(struct stream *s)
{
    return stream_sock_push(s, &s->out, STREAM_BUDGET);
}

static void plain_notify(struct stream *s)
{
}

static enum held plain_held(const struct stream *s)
{
    return HELD_NONE;
}

static void plain_fini(struct stream *s)
{
}

const struct stream_ops stream_plain_ops = {plain_handshake, plain_read, plain_write,
                                            plain_notify,    plain_held, plain_fini};
