#include "player.h"

#include <openssl/pem.h>
#include <openssl/ssl.h>

#include <assert.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "net/addr.h"
#include "net/listener.h"

#define LIFE_S 60u

/* In the child. */
struct stage {
    SSL_CTX *ctx;
    SSL *ssl;
    int fd, heard_fd;
};

static SSL_CTX *make_ctx(const struct pki_cert *cert)
{
    SSL_CTX *ctx = SSL_CTX_new(TLS_server_method());
    BIO *bio = BIO_new_mem_buf(cert->cert.p, (int)cert->cert.n);
    X509 *x509 = PEM_read_bio_X509(bio, NULL, NULL, NULL);
    BIO_free(bio);
    bio = BIO_new_mem_buf(cert->key.p, (int)cert->key.n);
    EVP_PKEY *key = PEM_read_bio_PrivateKey(bio, NULL, NULL, NULL);
    BIO_free(bio);
    assert(SSL_CTX_use_certificate(ctx, x509) == 1 && SSL_CTX_use_PrivateKey(ctx, key) == 1);
    X509_free(x509);
    EVP_PKEY_free(key);
    return ctx;
}

static bool start_tls(struct stage *s, bool old)
{
    s->ssl = SSL_new(s->ctx);
    if (old) {
        SSL_set_security_level(s->ssl, 0);
        SSL_set_min_proto_version(s->ssl, TLS1_VERSION);
        SSL_set_max_proto_version(s->ssl, TLS1_VERSION);
    }
    return SSL_set_fd(s->ssl, s->fd) == 1 && SSL_accept(s->ssl) == 1;
}

static bool say(struct stage *s, const char *text)
{
    size_t n = strlen(text);
    return n == 0 ||
           (s->ssl ? SSL_write(s->ssl, text, (int)n) == (int)n : send(s->fd, text, n, MSG_NOSIGNAL) == (ssize_t)n);
}

static bool hear(struct stage *s, char *c)
{
    bool ok = s->ssl ? SSL_read(s->ssl, c, 1) == 1 : recv(s->fd, c, 1, 0) == 1;
    return ok && write(s->heard_fd, c, 1) == 1;
}

static bool hear_line(struct stage *s, char *line, size_t cap)
{
    size_t n = 0;
    char c = '\0';
    while (c != '\n' && hear(s, &c))
        if (n + 1 < cap)
            line[n++] = c;
    line[n] = '\0';
    return c == '\n';
}

static bool hear_until(struct stage *s, const char *last)
{
    char line[2048];
    while (hear_line(s, line, sizeof line))
        if (strcmp(line, last) == 0)
            return true;
    return false;
}

static bool hear_this(struct stage *s, const char *wanted)
{
    char line[2048];
    return hear_line(s, line, sizeof line) && strncmp(line, wanted, strlen(wanted)) == 0;
}

static bool reset(struct stage *s)
{
    struct linger l = {.l_onoff = 1};
    (void)setsockopt(s->fd, SOL_SOCKET, SO_LINGER, &l, sizeof l);
    return false;
}

static bool hush(struct stage *s)
{
    char c;
    while (hear(s, &c)) {
    }
    return false;
}

static bool play(struct stage *s, const struct play_step *step)
{
    char c;
    switch (step->play) {
    case PLAY_END:
        return false;
    case PLAY_TLS:
    case PLAY_OLD_TLS:
        return start_tls(s, step->play == PLAY_OLD_TLS);
    case PLAY_SAY:
        return say(s, step->text);
    case PLAY_FOREVER:
        while (say(s, step->text)) {
        }
        return false;
    case PLAY_HEAD:
        return hear_until(s, "\r\n");
    case PLAY_LINE:
        return hear_this(s, step->text);
    case PLAY_BYTE:
        return hear(s, &c);
    case PLAY_DOT:
        return hear_until(s, ".\r\n");
    case PLAY_SILENCE:
        return hush(s);
    case PLAY_RESET:
        return reset(s);
    }
    return false;
}

static void run(int listening, int heard_fd, SSL_CTX *ctx, const struct play_step *script)
{
    struct stage s = {.ctx = ctx, .heard_fd = heard_fd};
    alarm(LIFE_S);
    signal(SIGPIPE, SIG_IGN);
    s.fd = accept(listening, NULL, NULL);
    while (play(&s, script))
        script++;
    close(s.fd); /* no close_notify: what a length or a chunk did not end is cut */
    _exit(0);
}

void player_start(struct player *p, const struct pki_cert *cert, const struct play_step *script, bool v6)
{
    int pipes[2];
    struct addr at;
    struct sockaddr_storage sa;
    socklen_t n = sizeof sa;
    *p = (struct player){0};
    assert(addr_parse_ip(v6 ? SPAN("::1") : SPAN("127.0.0.1"), &at) && res_ok(listener_bind(&at, &p->listening)));
    assert(getsockname(p->listening, (struct sockaddr *)&sa, &n) == 0 && pipe(pipes) == 0);
    p->port = addr_from_sockaddr(&sa).port;
    int flags = fcntl(p->listening, F_GETFL);
    assert(fcntl(p->listening, F_SETFL, flags & ~O_NONBLOCK) == 0);
    SSL_CTX *ctx = make_ctx(cert);
    p->child = fork();
    if (p->child == 0)
        run(p->listening, pipes[1], ctx, script);
    SSL_CTX_free(ctx);
    close(pipes[1]);
    p->heard_fd = pipes[0];
}

void player_stop(struct player *p)
{
    char some[4096];
    ssize_t n;
    if (p->child <= 0)
        return;
    /* The connection is over on our side, so what plays comes to its end; what still waits for one does now. */
    (void)shutdown(p->listening, SHUT_RDWR);
    for (unsigned i = 0; waitpid(p->child, NULL, WNOHANG) == 0; i++) {
        usleep(1000);
        if (i == 3000)
            kill(p->child, SIGKILL);
    }
    p->child = 0;
    while ((n = read(p->heard_fd, some, sizeof some)) > 0)
        text_add(&p->heard, span_make(some, (size_t)n));
    close(p->heard_fd);
    close(p->listening);
}

void player_fini(struct player *p)
{
    player_stop(p);
    text_fini(&p->heard);
}
