/* The inside of a stream. Private to stream*.c: stream.c makes, closes and answers questions; stream_turn.c decides
 * what to do when; stream_plain.c and stream_tls.c move bytes; stream_close.c ends what its owner has let go. */
#ifndef TG_NET_STREAM_IMPL_H
#define TG_NET_STREAM_IMPL_H

#include "net/stream.h"

#include <event2/event.h>
#include <event2/event_struct.h>

#include <sys/types.h>

#define STREAM_BUDGET 65536u /* bytes each way per turn */
#define STREAM_ROOM 4096u    /* least room offered to a read: a smaller rest of a block is not worth a system call */

enum io_res {
    IO_MORE = 0, /* bytes moved, there may be more to move now */
    IO_AGAIN,    /* nothing more until the socket's next edge; with writes also: all is written */
    IO_EOF,
    IO_TRUNC,
    IO_FAIL /* stream_fail() has been called */
};

/* What was read from the socket and is not in `in` yet. */
enum held {
    HELD_NONE = 0,
    HELD_PART, /* of a record: nothing comes out before the next edge */
    HELD_WHOLE /* comes out without another edge */
};

struct stream_ops {
    /* IO_MORE: done; IO_AGAIN: in progress. */
    enum io_res (*handshake)(struct stream *s);
    /* One read into `in`. */
    enum io_res (*read)(struct stream *s);
    /* From `out` towards the socket, at most a budget. */
    enum io_res (*write)(struct stream *s);
    /* Queues what has to precede FIN. */
    void (*notify)(struct stream *s);
    enum held (*held)(const struct stream *s);
    void (*fini)(struct stream *s);
};

/* What is known of the socket, from its edges and from what the last calls returned. */
#define KNOW_READABLE 1u
#define KNOW_WRITABLE 2u
#define KNOW_HUP 4u /* the peer's FIN is in the queue: read until 0 */
#define KNOW_END 8u /* read returned 0 */
/* What the owner asked for or has to be told. */
#define NEWS_OPEN 16u
#define NEWS_READ 32u
#define NEWS_DRAINED 64u
#define OUT_ABOVE 128u /* out was above write_low when a flush ended */
/* The way to the end of our side: asked for, notified, FIN sent. */
#define FIN_ASKED 256u
#define FIN_NOTIFIED 512u
#define FIN_SENT 1024u
#define OUT_BROKEN 2048u /* a write failed: what can still be read is read, then the input is in error */
#define ACCEPTED 4096u   /* a peer connected to us */

enum stream_ending { ENDING_NONE = 0, ENDING_FLUSH, ENDING_LINGER };

struct tls_conn;

struct stream {
    struct loop *loop;
    const struct stream_ops *ops;
    struct stream_events events;
    void *arg;
    struct tls_conn *tls; /* owned; NULL: plain */
    struct chunkq in, out;
    struct chunkq wire; /* TLS: ciphertext on its way to the socket */
    struct stream_limits limits;
    int fd;
    unsigned flags;
    unsigned pause;
    enum stream_state state;
    enum stream_input input;
    enum stream_failure failure;
    enum stream_ending ending;
    const char *error;
    size_t read_budget; /* wire bytes that may still be read in this turn */
    uint64_t bytes_read, bytes_written;
    size_t discarded;
    size_t cost;              /* what the loop's meter was told of, besides chunks */
    struct loop_task task;    /* ready or heavy list, later the parked memory */
    struct loop_task recheck; /* looks again for a reset that hid behind a short read; as an orphan: the loop's end */
    struct timer limit;       /* of the ending */
    struct addr peer;
    struct event event;
};

/* About what malloc gives for a stream and its owner, and for libssl's side of it: while the handshake is under way, idle
 * once it is open, and for a record of which only a part has come. Measured with OpenSSL 3.0. */
#define STREAM_COST 2048u
#define STREAM_COST_HANDSHAKE (42u * 1024)
#define STREAM_COST_TLS (15u * 1024)
#define STREAM_COST_RECORD (17u * 1024)

/* stream_turn.c */
void stream_on_event(evutil_socket_t fd, short what, void *arg);
void stream_on_task(void *arg);
void stream_on_recheck(void *arg);
/* Writes, then FIN when that is asked for. */
void stream_write_out(struct stream *s);
/* Puts the stream on the ready or the heavy list when it could do something now. The one place where interest is derived. */
void stream_settle(struct stream *s);
/* Input ends in error; the first reason stays. */
enum io_res stream_fail(struct stream *s, enum stream_failure failure, const char *why);
enum io_res stream_fail_errno(struct stream *s, int err);

/* stream_cost.c: from now on the stream costs so much besides its chunks. */
void stream_set_cost(struct stream *s, size_t cost);

/* stream_plain.c: system calls and what they teach. Both return as read and write do, with errno. */
extern const struct stream_ops stream_plain_ops;
ssize_t stream_sock_read(struct stream *s, void *p, size_t n);
ssize_t stream_sock_write(struct stream *s, const struct iovec *iov, size_t count);
/* Writes the head of q to the socket: IO_MORE all or a budget of it, IO_AGAIN the socket is full, IO_FAIL. */
enum io_res stream_sock_push(struct stream *s, struct chunkq *q, size_t budget);
/* A write failed with errno. */
enum io_res stream_broken(struct stream *s, int err);

/* stream_tls.c. False: no memory. */
bool stream_tls_accept(struct stream *s, struct tls_server *server);
bool stream_tls_connect(struct stream *s, const struct stream_connect *to);

/* stream_close.c */
void stream_ending_turn(struct stream *s);
void stream_ending_start(struct stream *s, enum stream_ending ending);
void stream_destroy(struct stream *s, bool reset);
void stream_destroy_task(void *arg);

static inline bool stream_has_unsent(const struct stream *s)
{
    return s->out.bytes != 0 || s->wire.bytes != 0;
}

#endif
