#include "net/stream_tls.h"

#include "net/stream_impl.h"

#include <openssl/err.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define RECORD_MAX 16384u
/* Ciphertext gathered before the socket is tried: four full records and their headers. */
#define WIRE_FILL (4 * (RECORD_MAX + 64))
/* Far above what a flush leaves: only a peer that provokes answers and never reads them gets here. */
#define WIRE_MAX (4 * WIRE_FILL)
/* A piece of `out` below this is worth copying to share a record with what follows. */
#define COALESCE_BELOW 4096u

/* --- the BIO: libssl's view of the socket ------------------------------------------------------------------------- */

/* Reads straight into libssl's record buffer. Without a system call when the socket is known to be empty, or when this
 * turn's budget is spent (the socket stays marked readable and the ready list comes back to it). */
static int bio_read(BIO *bio, char *buf, int n)
{
    struct stream *s = BIO_get_data(bio);
    BIO_clear_retry_flags(bio);
    if (!(s->flags & KNOW_READABLE) || s->read_budget == 0) {
        BIO_set_retry_read(bio);
        return -1;
    }
    ssize_t r = stream_sock_read(s, buf, (size_t)n);
    if (r > 0)
        s->tls->flags &= ~TLS_PARTIAL;
    else if (r < 0 && errno == EAGAIN)
        BIO_set_retry_read(bio);
    else if (r < 0)
        s->tls->sock_errno = errno;
    return (int)r;
}

static bool gather_wire(struct stream *s, const char *buf, size_t n)
{
    if (s->wire.bytes + n <= WIRE_MAX && chunkq_append(&s->wire, span_make(buf, n)))
        return true;
    stream_broken(s, ENOBUFS);
    return false;
}

/* Never asks for a retry: what the socket does not take is kept. The last record of a flush goes to the socket from
 * libssl's own buffer, without the detour through `wire`. */
static int bio_write(BIO *bio, const char *buf, int n)
{
    struct stream *s = BIO_get_data(bio);
    size_t sent = 0;
    BIO_clear_retry_flags(bio);
    if ((s->tls->flags & TLS_DIRECT) && s->wire.bytes == 0 && (s->flags & KNOW_WRITABLE)) {
        struct iovec iov = {(void *)(uintptr_t)buf, (size_t)n};
        ssize_t r = stream_sock_write(s, &iov, 1);
        if (r < 0 && errno != EAGAIN) {
            stream_broken(s, errno);
            return -1;
        }
        sent = r > 0 ? (size_t)r : 0;
    }
    if (sent < (size_t)n && !gather_wire(s, buf + sent, (size_t)n - sent))
        return -1;
    return n;
}

static long bio_ctrl(BIO *bio, int cmd, long num, void *ptr)
{
    return cmd == BIO_CTRL_FLUSH ? 1 : 0;
}

static int bio_create(BIO *bio)
{
    BIO_set_init(bio, 1);
    return 1;
}

BIO_METHOD *tls_bio_method_new(void)
{
    BIO_METHOD *m = BIO_meth_new(BIO_TYPE_SOURCE_SINK | 100, "stream");
    if (m && BIO_meth_set_read(m, bio_read) && BIO_meth_set_write(m, bio_write) && BIO_meth_set_ctrl(m, bio_ctrl) &&
        BIO_meth_set_create(m, bio_create))
        return m;
    BIO_meth_free(m);
    return NULL;
}

/* libssl judges by what lies in the error queue, so nobody else's may. Looking costs less than clearing. */
static void forget_errors(void)
{
    if (ERR_peek_error() != 0)
        ERR_clear_error();
}

/* --- results ------------------------------------------------------------------------------------------------------ */

/* The alert that libssl has just made goes out before all is dropped; why it failed is
 * noted before the push can fail. */
static enum io_res fail_tls(struct stream *s, enum stream_failure failure, const char *why)
{
    if (s->failure == STREAM_FAIL_NONE) {
        s->failure = failure;
        s->error = why;
    }
    stream_sock_push(s, &s->wire, STREAM_BUDGET);
    return stream_fail(s, failure, why);
}

static enum io_res protocol_error(struct stream *s)
{
    struct tls_conn *tls = s->tls;
    unsigned long err = ERR_peek_error();
    long verified = SSL_get_verify_result(tls->ssl);
    if (tls->client && tls->client->verify == TLS_VERIFY_FULL && verified != X509_V_OK)
        return fail_tls(s, STREAM_FAIL_TLS_VERIFY, tls_verify_text(verified));
    if (ERR_GET_REASON(err) == SSL_AD_REASON_OFFSET + SSL_AD_NO_APPLICATION_PROTOCOL)
        tls->flags |= TLS_ALPN_REFUSED;
    return fail_tls(s, STREAM_FAIL_TLS, tls_error_text(err));
}

/* The one place where what libssl says becomes an io_res. */
static enum io_res result_of(struct stream *s, int ret)
{
    switch (SSL_get_error(s->tls->ssl, ret)) {
    case SSL_ERROR_WANT_READ:
        s->tls->flags |= TLS_PARTIAL;
        return IO_AGAIN;
    case SSL_ERROR_WANT_WRITE:
        return IO_AGAIN;
    case SSL_ERROR_ZERO_RETURN:
        return IO_EOF;
    case SSL_ERROR_SYSCALL:
        if (s->flags & KNOW_END)
            return IO_TRUNC;
        if (s->flags & OUT_BROKEN)
            return stream_fail(s, s->failure, s->error);
        return stream_fail_errno(s, s->tls->sock_errno);
    case SSL_ERROR_SSL:
        return protocol_error(s);
    default:
        return fail_tls(s, STREAM_FAIL_TLS, "unexpected TLS state");
    }
}

/* --- the vtable --------------------------------------------------------------------------------------------------- */

static bool is_proven(const struct tls_conn *tls)
{
    return !tls->client || tls->client->verify != TLS_VERIFY_FULL || tls_peer_has_name(tls);
}

/* What the handshake's end has put into `wire` (Finished, tickets) stays there until the callbacks of this turn have
 * had their chance to add to it: the first request leaves by the same write. */
static enum io_res tls_handshake(struct stream *s)
{
    forget_errors();
    int ret = SSL_do_handshake(s->tls->ssl);
    if (ret == 1 && !is_proven(s->tls))
        return fail_tls(s, STREAM_FAIL_TLS_VERIFY, tls_verify_text(X509_V_ERR_HOSTNAME_MISMATCH));
    if (ret == 1) {
        stream_set_cost(s, STREAM_COST + STREAM_COST_TLS);
        return IO_MORE;
    }
    enum io_res r = result_of(s, ret);
    if (r == IO_EOF || r == IO_TRUNC)
        return stream_fail(s, STREAM_FAIL_RESET, "connection closed during the TLS handshake");
    if (r == IO_AGAIN && stream_sock_push(s, &s->wire, STREAM_BUDGET) == IO_FAIL)
        return stream_fail(s, s->failure, s->error);
    return r;
}

/* A header that came alone libssl has taken out of its buffer, and counts it no more; that a body is due it still knows. */
static bool has_begun_a_record(const struct stream *s)
{
    return SSL_has_pending(s->tls->ssl) || strcmp(SSL_rstate_string(s->tls->ssl), "RB") == 0;
}

static enum held tls_held(const struct stream *s)
{
    if (!has_begun_a_record(s))
        return HELD_NONE;
    return s->tls->flags & TLS_PARTIAL ? HELD_PART : HELD_WHOLE;
}

/* Who sends half a record and waits makes libssl keep a whole one's buffer. */
static enum io_res record_is_partial(struct stream *s, enum io_res r)
{
    if (r == IO_AGAIN && has_begun_a_record(s))
        stream_set_cost(s, STREAM_COST + STREAM_COST_TLS + STREAM_COST_RECORD);
    return r;
}

static enum io_res record_came(struct stream *s)
{
    if (s->cost != STREAM_COST + STREAM_COST_TLS)
        stream_set_cost(s, STREAM_COST + STREAM_COST_TLS);
    return IO_MORE;
}

static enum io_res tls_read(struct stream *s)
{
    if (!(s->flags & KNOW_READABLE) && tls_held(s) != HELD_WHOLE)
        return IO_AGAIN;
    size_t room, n = 0;
    uint8_t *p = chunkq_reserve(&s->in, STREAM_ROOM, &room);
    if (!p)
        return stream_fail(s, STREAM_FAIL_OTHER, "out of memory");
    forget_errors();
    int ret = SSL_read_ex(s->tls->ssl, p, room, &n);
    chunkq_commit(&s->in, ret == 1 ? n : 0);
    /* For a session ticket libssl sets up a write buffer as for any handshake, and would keep it until the next write:
     * that long an idle origin connection would hold 16 KiB. */
    if ((s->tls->flags & TLS_NEW_SESSION) && SSL_free_buffers(s->tls->ssl) == 1)
        s->tls->flags &= ~TLS_NEW_SESSION;
    return ret == 1 ? record_came(s) : record_is_partial(s, result_of(s, ret));
}

/* How many of the head's bytes and of the whole pieces behind it fit one record together. */
static size_t record_length(const struct stream *s)
{
    size_t n = 0;
    for (const struct chunk *c = s->out.head; c; c = c->next) {
        size_t piece = c->end - c->off;
        if (n + piece > RECORD_MAX)
            return n ? n : RECORD_MAX;
        n += piece;
        if (n >= COALESCE_BELOW)
            break;
    }
    return n;
}

static enum io_res encrypt(struct stream *s, const uint8_t *p, size_t n)
{
    size_t written = 0;
    unsigned direct = n == s->out.bytes ? TLS_DIRECT : 0;
    s->tls->flags |= direct;
    forget_errors();
    int ret = SSL_write_ex(s->tls->ssl, p, n, &written);
    s->tls->flags &= ~direct;
    if (ret != 1)
        return result_of(s, ret);
    chunkq_drop(&s->out, written);
    return IO_MORE;
}

static enum io_res encrypt_record(struct stream *s)
{
    struct span head = chunkq_peek(&s->out);
    size_t n = record_length(s);
    if (n <= head.n)
        return encrypt(s, head.p, n);
    /* Head of a response and the beginning of its body, say. A copy is cheaper than a record. */
    uint8_t *together = slab_take(&s->loop->chunks);
    if (!together)
        return encrypt(s, head.p, head.n);
    chunkq_copy(&s->out, n, together);
    enum io_res r = encrypt(s, together, n);
    slab_give(&s->loop->chunks, together);
    return r;
}

static enum io_res tls_write(struct stream *s)
{
    uint64_t until = s->bytes_written + STREAM_BUDGET;
    enum io_res r = IO_MORE;
    while (stream_has_unsent(s) && s->bytes_written < until) {
        while (r == IO_MORE && s->out.bytes && s->wire.bytes < WIRE_FILL)
            r = encrypt_record(s);
        if (r == IO_FAIL)
            return r;
        if (stream_sock_push(s, &s->wire, WIRE_FILL) == IO_FAIL)
            return IO_FAIL;
        if (r != IO_MORE || !(s->flags & KNOW_WRITABLE))
            return IO_AGAIN;
    }
    return IO_MORE;
}

static void tls_notify(struct stream *s)
{
    forget_errors();
    SSL_shutdown(s->tls->ssl);
}

static void tls_fini(struct stream *s)
{
    struct tls_conn *tls = s->tls;
    if (!tls)
        return;
    /* libssl forgets a session whose connection ended without close_notify. TCP's way of ending says nothing about the
     * session's keys; only a protocol error does, and then nothing is set here. */
    if (tls->ssl && s->failure != STREAM_FAIL_TLS && s->failure != STREAM_FAIL_TLS_VERIFY)
        SSL_set_shutdown(tls->ssl, SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);
    SSL_free(tls->ssl);
    tls_session_free(tls->session);
    tls_server_unref(tls->server);
    tls_client_unref(tls->client);
    free(tls->name);
    free(tls);
    s->tls = NULL;
}

const struct stream_ops stream_tls_ops = {tls_handshake, tls_read, tls_write, tls_notify, tls_held, tls_fini};
