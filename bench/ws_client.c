/*
 * Many WebSockets over TLS on one thread. Each opens, and sends one message of 100 bytes; when its echo is whole, the next.
 * It prints "open N" when all are open and have echoed once, then a line of its own for each line it reads:
 *   "go SECONDS" -> echoes for so long, then prints "echoed COUNT"
 *   "closes"     -> waits until each has been sent a Close and prints "closed COUNT CODE FIRST LAST": CODE is that of all, or 0; the
 *                   times are of the clock that does not jump, in seconds
 *   "quit"       -> ends
 * Between them all sockets are silent. usage: ws_client PORT SOCKETS [HOST COOKIE]
 */
#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <sys/epoll.h>
#include <sys/socket.h>

enum { PAYLOAD = 100, FRAME = 6 + PAYLOAD, ECHO = 2 + PAYLOAD, HEAD = 4096, BATCH = 256, OPENING = 64, CLOSE = 4 };

static const char request_of[] =
    "GET /ws HTTP/1.1\r\nHost: %s\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n%s%s%s\r\n";

enum state { HANDSHAKE = 0, WAITS_101, ECHOING, SILENT, CLOSED };

struct socket_ {
    SSL *ssl;
    int fd;
    enum state state;
    size_t have;
    char *head; /* until the 101 is whole */
};

struct load {
    SSL_CTX *ctx;
    int epoll, port;
    size_t wanted, started, ready, busy; /* busy: an echo is awaited */
    const char *host;
    char *request;
    struct socket_ *sockets;
    bool closing; /* a Close is awaited */
    size_t closed;
    int code;
    double first, last;
    uint64_t echoed;
    bool again; /* the next message follows the echo */
};

static uint8_t frame[FRAME];

static void die(const char *what)
{
    perror(what);
    ERR_print_errors_fp(stderr);
    exit(1);
}

static void put(struct socket_ *s, const void *p, int n)
{
    if (SSL_write(s->ssl, p, n) != n) /* one message at a time always fits */
        die("write");
}

static void say(struct load *l, struct socket_ *s)
{
    s->state = ECHOING;
    s->have = 0;
    l->busy++;
    put(s, frame, FRAME);
}

static void open_one(struct load *l)
{
    struct socket_ *s = &l->sockets[l->started++];
    struct sockaddr_in a = {
        .sin_family = AF_INET, .sin_port = htons((uint16_t)l->port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    struct epoll_event ev = {.events = EPOLLIN | EPOLLOUT | EPOLLET, .data.ptr = s};
    int one = 1;
    s->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    if (s->fd < 0 || (connect(s->fd, (struct sockaddr *)&a, sizeof a) != 0 && errno != EINPROGRESS))
        die("connect");
    setsockopt(s->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    s->ssl = SSL_new(l->ctx);
    s->head = malloc(HEAD + 1);
    SSL_set_fd(s->ssl, s->fd);
    SSL_set_tlsext_host_name(s->ssl, l->host);
    SSL_set_connect_state(s->ssl);
    epoll_ctl(l->epoll, EPOLL_CTL_ADD, s->fd, &ev);
}

static bool again_later(struct socket_ *s, int r)
{
    int e = SSL_get_error(s->ssl, r);
    if (e != SSL_ERROR_WANT_READ && e != SSL_ERROR_WANT_WRITE)
        die("the proxy ended a connection");
    return true;
}

static void on_handshake(struct load *l, struct socket_ *s)
{
    int r = SSL_do_handshake(s->ssl);
    if (r != 1) {
        again_later(s, r);
        return;
    }
    s->state = WAITS_101;
    put(s, l->request, (int)strlen(l->request));
}

static bool on_head(struct load *l, struct socket_ *s)
{
    int r = SSL_read(s->ssl, s->head + s->have, (int)(HEAD - s->have));
    if (r <= 0)
        return !again_later(s, r);
    s->have += (size_t)r;
    s->head[s->have] = 0;
    if (!strstr(s->head, "\r\n\r\n"))
        return true;
    if (strncmp(s->head, "HTTP/1.1 101", 12) != 0)
        die("no 101");
    free(s->head);
    s->head = NULL;
    say(l, s);
    return true;
}

static bool on_echo(struct load *l, struct socket_ *s)
{
    uint8_t echo[ECHO + 1];
    int r = SSL_read(s->ssl, echo, (int)(ECHO + 1 - s->have));
    if (r <= 0)
        return !again_later(s, r);
    s->have += (size_t)r;
    if (s->have > ECHO)
        die("more than an echo");
    if (s->have < ECHO)
        return true;
    if (l->ready < l->wanted)
        l->ready++;
    l->echoed++;
    l->busy--;
    s->state = SILENT;
    if (l->again)
        say(l, s);
    return true;
}

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void on_close(struct load *l, struct socket_ *s)
{
    uint8_t frame_[CLOSE];
    int r = SSL_read(s->ssl, frame_, CLOSE);
    if (r < 0 && SSL_get_error(s->ssl, r) == SSL_ERROR_WANT_READ)
        return;
    int code = r == CLOSE && frame_[0] == 0x88 ? frame_[2] << 8 | frame_[3] : 0; /* no Close: cut */
    l->last = now();
    l->first = l->closed == 0 ? l->last : l->first;
    l->code = l->closed == 0 || l->code == code ? code : 0;
    l->closed++;
    s->state = CLOSED; /* stays open until exit: only when the Close came is measured */
}

static void on_silent(struct load *l, struct socket_ *s)
{
    uint8_t byte;
    if (l->closing) {
        on_close(l, s);
        return;
    }
    int r = SSL_read(s->ssl, &byte, 1);
    if (r > 0)
        die("a byte that nobody asked for");
    again_later(s, r);
}

static void on_event(struct load *l, struct socket_ *s)
{
    bool more = true;
    if (s->state == HANDSHAKE)
        on_handshake(l, s);
    while (more && s->state == WAITS_101)
        more = on_head(l, s);
    while (more && s->state == ECHOING)
        more = on_echo(l, s);
    if (s->state == SILENT)
        on_silent(l, s);
}

static void turn(struct load *l)
{
    struct epoll_event ev[BATCH];
    int n = epoll_wait(l->epoll, ev, BATCH, 1000);
    for (int i = 0; i < n; i++)
        on_event(l, ev[i].data.ptr);
}

static void await_closes(struct load *l)
{
    l->closing = true;
    printf("waits\n");
    while (l->closed < l->wanted)
        turn(l);
    printf("closed %zu %d %.6f %.6f\n", l->closed, l->code, l->first, l->last);
}

static void echo_for(struct load *l, double seconds)
{
    double end = now() + seconds;
    l->echoed = 0;
    l->again = true;
    for (size_t i = 0; i < l->wanted; i++)
        say(l, &l->sockets[i]);
    while (now() < end)
        turn(l);
    l->again = false;
    while (l->busy > 0)
        turn(l);
    printf("echoed %llu\n", (unsigned long long)l->echoed);
}

int main(int argc, char **argv)
{
    struct load l = {.epoll = epoll_create1(0)};
    char line[64];
    if (argc != 3 && argc != 5) {
        fprintf(stderr, "usage: ws_client PORT SOCKETS [HOST COOKIE]\n");
        return 2;
    }
    signal(SIGPIPE, SIG_IGN);
    l.port = (int)strtol(argv[1], NULL, 10);
    l.wanted = strtoul(argv[2], NULL, 10);
    l.host = argc == 5 ? argv[3] : "localhost";
    if (asprintf(&l.request, request_of, l.host, argc == 5 ? "Cookie: " : "", argc == 5 ? argv[4] : "",
                 argc == 5 ? "\r\n" : "") < 0)
        die("memory");
    l.sockets = calloc(l.wanted, sizeof *l.sockets);
    l.ctx = SSL_CTX_new(TLS_client_method());
    SSL_CTX_set_mode(l.ctx, SSL_MODE_RELEASE_BUFFERS);
    frame[0] = 0x82;
    frame[1] = 0x80 | PAYLOAD;
    memset(frame + 2, 0x5a, FRAME - 2);
    setvbuf(stdout, NULL, _IOLBF, 0);
    while (l.ready < l.wanted) {
        while (l.started < l.wanted && l.started - l.ready < OPENING)
            open_one(&l);
        turn(&l);
    }
    printf("open %zu\n", l.ready);
    while (fgets(line, sizeof line, stdin)) {
        if (strncmp(line, "go ", 3) == 0)
            echo_for(&l, strtod(line + 3, NULL));
        else if (strncmp(line, "closes", 6) == 0)
            await_closes(&l);
        else
            break;
    }
    return 0;
}
