/* A stream: bytes both ways over one socket, plain or TLS behind one vtable, on one loop. What has been read lies in
 * `in`, what is to be written in `out`; both are ordinary chunk queues that the owner consumes and fills directly.
 *
 * Reading: the stream reads by itself while `in.bytes` < read_high and no pause bit is set; it calls on_read after bytes
 * arrived or the state of the input changed. An owner that takes bytes out of a full `in` calls stream_resume() or
 * stream_poll() then; bytes that TLS already holds (SSL_pending) come by the ready list.
 *
 * Writing: fill `out`, then stream_flush(): it writes what the socket takes at once and the rest when it is writable;
 * on_drained is called (never from inside stream_flush) when `out` fell to write_low or below after having been above
 * it when a flush ended. With TLS, several records leave by one write. When a write fails, what the peer still has said
 * is read (one turn's budget, pauses or not) before the input turns to STREAM_IN_ERROR: an early answer is not lost.
 *
 * Fairness: at most a byte budget per turn (64 KiB each way), the rest by the ready list. Handshakes of accepted streams are
 * heavy tasks (net/loop.h).
 *
 * Callbacks may call any function of the stream, stream_close included; after stream_close no callback comes any more
 * and the memory is freed on the loop's next turn. thread: the loop's. Sources: RFC 9112 §9.6, §9.8; RFC 8446 §6.1. */
#ifndef TG_NET_STREAM_H
#define TG_NET_STREAM_H

#include "base/chunkq.h"
#include "net/addr.h"
#include "net/loop.h"
#include "net/tls.h"

enum stream_state {
    STREAM_CONNECTING = 0, /* TCP connect under way */
    STREAM_HANDSHAKE,      /* TLS handshake under way */
    STREAM_OPEN,
    STREAM_CLOSED /* stream_close was called */
};

enum stream_input {
    STREAM_IN_OPEN = 0,
    STREAM_IN_EOF,   /* clean end: FIN, with TLS close_notify */
    STREAM_IN_TRUNC, /* TLS without close_notify: an error where the length of a body is not known otherwise */
    STREAM_IN_ERROR  /* reset, protocol error, handshake failure, write failure; see stream_error() */
};

/* Why reading is paused; reading resumes when all bits are clear. */
#define STREAM_PAUSE_PEER_FULL 1u /* the other side's out queue is above its mark */
#define STREAM_PAUSE_IDLE 2u      /* the owner is not interested now */

struct stream_events {
    /* The stream is open (TCP connected and, with TLS, handshake done and verified). Not for accepted plain streams. */
    void (*on_open)(void *arg);
    /* in grew, or the input left STREAM_IN_OPEN (told once; failure of connect or handshake comes here too). */
    void (*on_read)(void *arg);
    void (*on_drained)(void *arg);
};

struct stream;

/* What the kernel takes from us ahead of what it can send; set on listeners, and on what stream_open() makes. Its own
 * bound is megabytes for each connection, and who reads slowly fills them. What is on its way does not count, so a long fast
 * line is not held back. */
#define STREAM_UNSENT_BYTES (128 * 1024)

struct stream_limits {
    size_t read_high; /* no reading while in.bytes >= this; passed by less than 4 KiB, with TLS by less than a record */
    size_t write_low; /* on_drained threshold */
};

/* An accepted socket (non-blocking, owned from here on, also on failure). `tls` NULL: plain, state OPEN at once.
 * NULL: no memory; fd is closed. */
struct stream *stream_accept(struct loop *loop, int fd, struct tls_server *tls, const struct stream_limits *limits,
                             const struct stream_events *events, void *arg);

struct stream_connect {
    struct addr to;
    struct tls_client *tls;           /* NULL: plain */
    struct span name;                 /* SNI and name to verify (an IP literal is verified as an IP, without SNI) */
    const struct tls_session *resume; /* may be NULL; borrowed for the call */
    unsigned alpn;                    /* what to offer: TLS_ALPN_…; 0: HTTP/1.1 */
};
/* Starts a connect. NULL: no memory or descriptors. Failure to connect is told by on_read with STREAM_IN_ERROR. */
struct stream *stream_open(struct loop *loop, const struct stream_connect *to, const struct stream_limits *limits,
                           const struct stream_events *events, void *arg);

/* Gives the stream to another owner; events is copied. */
void stream_set_events(struct stream *s, const struct stream_events *events, void *arg);

struct chunkq *stream_in(struct stream *s);
struct chunkq *stream_out(struct stream *s);
enum stream_state stream_state(const struct stream *s);
enum stream_input stream_input(const struct stream *s);
/* Static text of what went wrong ("connection refused", "certificate verify failed: hostname
 * mismatch", …); "" if nothing. */
const char *stream_error(const struct stream *s);
/* errno-like class of a connect failure, so that the origin layer can tell "refused" (start on demand) from others. */
enum stream_failure {
    STREAM_FAIL_NONE = 0,
    STREAM_FAIL_REFUSED,
    STREAM_FAIL_UNREACHABLE,
    STREAM_FAIL_RESET,
    STREAM_FAIL_TLS_VERIFY,
    STREAM_FAIL_TLS,
    STREAM_FAIL_OTHER
};
enum stream_failure stream_failure(const struct stream *s);

void stream_pause(struct stream *s, unsigned bits);
void stream_resume(struct stream *s, unsigned bits);
/* Asks for on_read on the ready list although nothing new arrived (a pipelined request is still in `in`). */
void stream_poll(struct stream *s);
/* Writes what can be written now. Never calls back. False: the stream has failed (on_read will tell). */
bool stream_flush(struct stream *s);
/* Open both ways, and nothing is unread or unsent, here or in the socket (which is asked): fit to carry another
 * exchange. */
bool stream_is_quiet(const struct stream *s);
/* No more bytes after those in out: FIN (TLS: close_notify first) once out is empty. The input stays open. */
void stream_finish(struct stream *s);

enum stream_close {
    STREAM_CLOSE_NOW = 0, /* TLS: no close_notify, TCP: RST, so that the peer sees a truncated body as truncated */
    STREAM_CLOSE_FLUSH,   /* what is in out goes (until the peer takes nothing for 30 s), close_notify, FIN, close */
    STREAM_CLOSE_LINGER   /* as FLUSH, but input is read and thrown away meanwhile and then until its end, 2 s of
                             silence or 64 MiB (RFC 9112 §9.6): a client still sending its body can read our refusal */
};
void stream_close(struct stream *s, enum stream_close how);

const struct addr *stream_peer(const struct stream *s);
/* TLS only, else empty: SNI as sent by the client (lower case), and whether the certificate shown covers `host`. */
struct span stream_sni(const struct stream *s);
bool stream_cert_covers(const struct stream *s, struct span host);
bool stream_is_tls(const struct stream *s);
/* ALPN result, empty when none. */
struct span stream_alpn(const struct stream *s);
/* The server speaks nothing of what was offered by ALPN, and said so. */
bool stream_alpn_refused(const struct stream *s);
bool stream_resumed(const struct stream *s);
/* Client side: the newest session to resume, handed over to the caller; NULL when there is none. With TLS 1.3 it comes
 * with the first bytes read, not with on_open, and serves one connection (RFC 8446 C.4): ask when the stream is given
 * back or closed. It is offered only to the tls_client and name it came from, whatever `resume` says. */
struct tls_session *stream_take_session(struct stream *s);
/* Bytes not yet given to the socket: those in out and, with TLS, those already encrypted. */
size_t stream_unsent(const struct stream *s);
/* As stream_limits.read_high, from now on. */
void stream_set_read_high(struct stream *s, size_t read_high);
/* About how much memory it holds, libssl's included. */
size_t stream_holds(const struct stream *s);

/* What the kernel knows of how the peer takes what we send. A system call: for sweeps, not for requests. */
struct stream_taken {
    uint64_t bytes; /* acknowledged by the peer's system */
    bool closed;    /* its window is: more would go if it only read. Also when this kernel can't say (before 5.4) */
};
bool stream_taken(const struct stream *s, struct stream_taken *out) MUSTUSE;
/* Has the peer ended its side or broken off, although what it sent before is still unread, so that stream_input() does not know yet?
 * A system call too. */
bool stream_peer_ended(const struct stream *s);
/* SO_KEEPALIVE with first probe after idle_s, interval_s between, TCP_USER_TIMEOUT user_ms: tunnels. */
void stream_keepalive(struct stream *s, int idle_s, int interval_s, unsigned user_ms);
/* Wire bytes so far, for logs. */
uint64_t stream_bytes_read(const struct stream *s);
uint64_t stream_bytes_written(const struct stream *s);

#endif
