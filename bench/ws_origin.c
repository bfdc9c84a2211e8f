/*
 * A cheap WebSocket origin: whatever upgrade comes is accepted, each message is echoed as one unmasked frame. One thread,
 * no TLS. Frames of up to 125 bytes, because that is what ws_client.c sends; anything else ends the connection.
 * usage: ws_origin PORT
 */
#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <openssl/evp.h>
#include <openssl/sha.h>
#include <sys/epoll.h>
#include <sys/socket.h>

enum { ROOM = 4096, BATCH = 256, HEADER = 6, MAX_PAYLOAD = 125 };

struct conn {
    int fd;
    bool open; /* the upgrade is done */
    size_t have;
    uint8_t *buffer; /* held only while a part of something is there: thousands of these sit idle */
};

static uint8_t room[ROOM + 1];

static void die(const char *what)
{
    perror(what);
    exit(1);
}

static bool put(int fd, const void *p, size_t n)
{
    return write(fd, p, n) == (ssize_t)n; /* little enough for a socket whose peer reads */
}

static bool accept_upgrade(struct conn *c, const char *head)
{
    static const char field[] = "sec-websocket-key:", guid[] = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
    const char *key = strcasestr(head, field);
    char text[128], answer[256];
    unsigned char digest[SHA_DIGEST_LENGTH], accepted[32];
    if (!key)
        return false;
    key += sizeof field - 1;
    key += strspn(key, " ");
    int n = snprintf(text, sizeof text, "%.*s%s", (int)strcspn(key, "\r"), key, guid);
    if (n >= (int)sizeof text)
        return false;
    SHA1((const unsigned char *)text, (size_t)n, digest);
    EVP_EncodeBlock(accepted, digest, sizeof digest);
    n = snprintf(answer, sizeof answer,
                 "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                 "Sec-WebSocket-Accept: %s\r\n\r\n",
                 accepted);
    c->open = true;
    return put(c->fd, answer, (size_t)n);
}

static size_t take_head(struct conn *c, uint8_t *p, size_t n)
{
    p[n] = 0;
    char *end = strstr((char *)p, "\r\n\r\n");
    if (!end)
        return 0;
    return accept_upgrade(c, (char *)p) ? (size_t)(end + 4 - (char *)p) : SIZE_MAX;
}

/* The echo of one frame goes to out; gives the bytes taken, 0: not whole, SIZE_MAX: not ours to understand. */
static size_t take_frame(const uint8_t *p, size_t n, uint8_t *out, size_t *made)
{
    size_t payload = n >= 2 ? p[1] & 0x7f : 0;
    if (n < HEADER)
        return 0;
    if (!(p[1] & 0x80) || payload > MAX_PAYLOAD)
        return SIZE_MAX;
    if (n < HEADER + payload)
        return 0;
    out[0] = p[0];
    out[1] = (uint8_t)payload;
    for (size_t i = 0; i < payload; i++)
        out[2 + i] = p[HEADER + i] ^ p[2 + (i & 3)];
    *made = 2 + payload;
    return HEADER + payload;
}

static bool take_all(struct conn *c, uint8_t *p, size_t n, size_t *left)
{
    static uint8_t out[ROOM];
    size_t made = 0, at = 0;
    while (at < n) {
        size_t one = 0;
        size_t took = c->open ? take_frame(p + at, n - at, out + made, &one) : take_head(c, p + at, n - at);
        if (took == SIZE_MAX)
            return false;
        if (took == 0)
            break;
        at += took;
        made += one;
    }
    *left = n - at;
    memmove(p, p + at, *left);
    return made == 0 || put(c->fd, out, made);
}

static bool keep_rest(struct conn *c, size_t left)
{
    free(c->buffer);
    c->buffer = NULL;
    c->have = left;
    if (left == 0)
        return true;
    c->buffer = malloc(left);
    if (c->buffer)
        memcpy(c->buffer, room, left);
    return c->buffer && left < ROOM;
}

static bool on_event(struct conn *c)
{
    size_t left;
    if (c->have > 0)
        memcpy(room, c->buffer, c->have);
    ssize_t r = read(c->fd, room + c->have, ROOM - c->have);
    if (r <= 0)
        return r < 0 && errno == EAGAIN;
    return take_all(c, room, c->have + (size_t)r, &left) && keep_rest(c, left);
}

static void on_accept(int epoll, int listener)
{
    int one = 1, fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK);
    struct conn *c = fd < 0 ? NULL : calloc(1, sizeof *c);
    struct epoll_event ev = {.events = EPOLLIN, .data.ptr = c};
    if (!c)
        return;
    c->fd = fd;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &ev);
}

static int make_listener(int port)
{
    struct sockaddr_in a = {
        .sin_family = AF_INET, .sin_port = htons((uint16_t)port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int one = 1, fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    if (fd < 0 || bind(fd, (struct sockaddr *)&a, sizeof a) != 0 || listen(fd, 4096) != 0)
        die("listen");
    return fd;
}

int main(int argc, char **argv)
{
    struct epoll_event ev[BATCH] = {{.events = EPOLLIN}};
    int listener, epoll = epoll_create1(0);
    if (argc != 2) {
        fprintf(stderr, "usage: ws_origin PORT\n");
        return 2;
    }
    signal(SIGPIPE, SIG_IGN);
    listener = make_listener((int)strtol(argv[1], NULL, 10));
    epoll_ctl(epoll, EPOLL_CTL_ADD, listener, ev);
    for (;;) {
        int n = epoll_wait(epoll, ev, BATCH, -1);
        for (int i = 0; i < n; i++) {
            struct conn *c = ev[i].data.ptr;
            if (!c) {
                on_accept(epoll, listener);
            } else if (!on_event(c)) {
                close(c->fd);
                free(c->buffer);
                free(c);
            }
        }
    }
}
