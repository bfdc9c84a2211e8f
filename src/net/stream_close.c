#include "net/stream_impl.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#define FLUSH_STALL_MS 30000 /* a slow reader gets all of it as long as it reads */
#define LINGER_IDLE_MS 2000
#define LINGER_BYTES (64u << 20)

static void release(void *p)
{
    free(p);
}

/* Does what closing with SO_LINGER at zero does, an option that the sandbox has not (sandbox_calls.h). */
static void reset_peer(int fd)
{
    static const struct sockaddr nobody = {.sa_family = AF_UNSPEC};
    (void)connect(fd, &nobody, sizeof nobody);
}

void stream_destroy(struct stream *s, bool reset)
{
    event_del(&s->event);
    if (reset)
        reset_peer(s->fd);
    close(s->fd);
    s->fd = -1;
    loop_task_cancel(&s->task);
    loop_task_cancel(&s->recheck);
    timer_fini(&s->limit);
    chunkq_clear(&s->in);
    chunkq_clear(&s->out);
    chunkq_clear(&s->wire);
    s->ops->fini(s);
    stream_set_cost(s, 0);
    s->ending = ENDING_NONE;
    loop_defer_free(s->loop, &s->task, release, s);
}

void stream_destroy_task(void *arg)
{
    stream_destroy(arg, true);
}

static void on_limit(void *arg)
{
    stream_destroy(arg, false);
}

/* Reads and throws away, at most a budget. False: there is nothing more to come, or more than we put up with. */
static bool discard(struct stream *s)
{
    s->read_budget = STREAM_BUDGET;
    uint8_t *bin = slab_take(&s->loop->chunks);
    if (!bin)
        return false;
    bool alive = true;
    size_t before = s->discarded;
    while (alive && s->read_budget && (s->flags & KNOW_READABLE)) {
        ssize_t r = stream_sock_read(s, bin, CHUNK_BLOCK);
        if (r > 0)
            s->discarded += (size_t)r;
        else
            alive = r < 0 && !(s->flags & KNOW_END) && (errno == EAGAIN);
    }
    slab_give(&s->loop->chunks, bin);
    if (s->discarded != before && (s->flags & FIN_SENT) && !timer_set(&s->limit, LINGER_IDLE_MS))
        return false;
    return alive && s->discarded < LINGER_BYTES;
}

/* `alive`: the peer's side may still say something. */
static bool is_over(const struct stream *s, bool alive)
{
    bool sent = s->flags & FIN_SENT, ended = s->flags & KNOW_END;
    if (s->flags & OUT_BROKEN)
        return true;
    if (sent)
        return s->ending == ENDING_FLUSH || ended || !alive;
    return !alive && !ended;
}

/* What goes out puts the limit off. False: no memory. */
static bool write_on(struct stream *s)
{
    uint64_t before = s->bytes_written;
    stream_write_out(s);
    return s->bytes_written == before || timer_set(&s->limit, FLUSH_STALL_MS);
}

void stream_ending_turn(struct stream *s)
{
    if (s->ending == ENDING_NONE)
        return; /* destroyed in this very turn */
    bool was_sent = s->flags & FIN_SENT;
    if (!was_sent && !write_on(s)) {
        stream_destroy(s, false);
        return;
    }
    bool sent = s->flags & FIN_SENT, alive = true;
    /* Bytes left unread when the socket closes would turn the FIN into a reset, and that overtakes our last words. */
    if ((s->flags & KNOW_READABLE) && (sent || s->ending == ENDING_LINGER))
        alive = discard(s);
    if (is_over(s, alive) || (sent && !was_sent && !timer_set(&s->limit, LINGER_IDLE_MS))) {
        stream_destroy(s, false);
        return;
    }
    bool can_write = !sent && stream_has_unsent(s) && (s->flags & KNOW_WRITABLE);
    bool can_read = s->ending == ENDING_LINGER && (s->flags & KNOW_READABLE);
    if (can_write || can_read)
        loop_task_queue(s->loop, &s->task);
}

void stream_ending_start(struct stream *s, enum stream_ending ending)
{
    s->ending = ending;
    s->flags |= FIN_ASKED;
    chunkq_clear(&s->in);
    timer_init(&s->limit, s->loop, on_limit, s);
    if (!timer_set(&s->limit, FLUSH_STALL_MS)) {
        stream_destroy(s, true);
        return;
    }
    /* From here on only the loop knows the stream. */
    loop_task_cancel(&s->recheck);
    loop_task_init(&s->recheck, stream_destroy_task, s);
    loop_orphan(s->loop, &s->recheck);
    stream_ending_turn(s);
}
