#include "control/wire.h"

#include <errno.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#define WIRE_MAGIC 0x54474331u /* another program's socket on fd 3 is told at once */

struct wire_head {
    uint32_t magic, type, n, fd_count;
};

/* How many descriptors a message of each type has, at least and at most. */
static const struct {
    uint8_t min_fds, max_fds;
} rules[WIRE_TYPES] = {
    [WIRE_ADDRESS] = {0, 0}, [WIRE_SUMMARY] = {1, 1},  [WIRE_LISTEN] = {1, WIRE_FDS}, [WIRE_LOG] = {0, 1},
    [WIRE_COMMIT] = {1, 1},  [WIRE_DRAIN] = {0, 0},    [WIRE_PART] = {1, 1},          [WIRE_COMMITTED] = {0, 0},
    [WIRE_FAILED] = {0, 0},  [WIRE_OUTGROWN] = {0, 0}, [WIRE_ADMIN] = {0, 0},         [WIRE_ADMIN_DONE] = {0, 0},
    [WIRE_STATUS] = {0, 0},  [WIRE_RELOAD] = {0, 0},
};

void wire_begin(struct wire_msg *m, enum wire_type type)
{
    m->type = type;
    m->n = m->at = m->fd_count = 0;
    m->bad = false;
}

static void put(struct wire_msg *m, const void *p, size_t n)
{
    if (m->bad || n > WIRE_BODY - m->n) {
        m->bad = true;
        return;
    }
    if (n > 0) {
        memcpy(m->body + m->n, p, n);
    }
    m->n += (uint32_t)n;
}

void wire_put_u64(struct wire_msg *m, uint64_t v)
{
    put(m, &v, sizeof(v));
}

void wire_put_bytes(struct wire_msg *m, struct span s)
{
    wire_put_u64(m, s.n);
    put(m, s.p, s.n);
}

void wire_put_addr(struct wire_msg *m, const struct addr *a)
{
    put(m, a->ip, sizeof(a->ip));
    put(m, &a->port, sizeof(a->port));
    put(m, &a->family, sizeof(a->family));
}

void wire_put_fd(struct wire_msg *m, int fd)
{
    if (m->bad || m->fd_count == WIRE_FDS) {
        m->bad = true;
        return;
    }
    m->fds[m->fd_count++] = fd;
}

static const uint8_t *get(struct wire_msg *m, size_t n)
{
    const uint8_t *p = m->body + m->at;
    if (m->bad || n > m->n - m->at) {
        m->bad = true;
        return NULL;
    }
    m->at += (uint32_t)n;
    return p;
}

uint64_t wire_get_u64(struct wire_msg *m)
{
    uint64_t v = 0;
    const uint8_t *p = get(m, sizeof(v));
    if (p != NULL) {
        memcpy(&v, p, sizeof(v));
    }
    return v;
}

struct span wire_get_bytes(struct wire_msg *m)
{
    uint64_t n = wire_get_u64(m);
    const uint8_t *p = get(m, n > WIRE_BODY ? WIRE_BODY + 1 : (size_t)n);
    return p != NULL ? span_make(p, (size_t)n) : SPAN_NONE;
}

struct addr wire_get_addr(struct wire_msg *m)
{
    struct addr a = {.family = 0};
    const uint8_t *p = get(m, sizeof(a.ip) + sizeof(a.port) + sizeof(a.family));
    if (p != NULL) {
        memcpy(a.ip, p, sizeof(a.ip));
        memcpy(&a.port, p + sizeof(a.ip), sizeof(a.port));
        a.family = p[sizeof(a.ip) + sizeof(a.port)];
    }
    return a;
}

int wire_take_fd(struct wire_msg *m, size_t i)
{
    int fd = -1;
    if (i < m->fd_count) {
        fd = m->fds[i];
        m->fds[i] = -1;
    }
    return fd;
}

bool wire_done(const struct wire_msg *m)
{
    return !m->bad && m->at == m->n;
}

void wire_close_fds(struct wire_msg *m)
{
    for (size_t i = 0; i < m->fd_count; i++) {
        if (m->fds[i] >= 0) {
            (void)close(m->fds[i]);
        }
    }
    m->fd_count = 0;
}

/* --- on the socket ------------------------------------------------------------------------------------------------ */

union wire_control {
    struct cmsghdr align;
    char room[CMSG_SPACE(sizeof(int) * WIRE_FDS)];
};

static void attach_fds(struct msghdr *h, union wire_control *c, const struct wire_msg *m)
{
    if (m->fd_count == 0) {
        return;
    }
    memset(c, 0, sizeof(*c));
    h->msg_control = c->room;
    h->msg_controllen = CMSG_SPACE(sizeof(int) * m->fd_count);
    struct cmsghdr *cm = CMSG_FIRSTHDR(h);
    cm->cmsg_level = SOL_SOCKET;
    cm->cmsg_type = SCM_RIGHTS;
    cm->cmsg_len = CMSG_LEN(sizeof(int) * m->fd_count);
    memcpy(CMSG_DATA(cm), m->fds, sizeof(int) * m->fd_count);
}

/* False: never, or not in time. */
static bool wait_for_room(int sock, int timeout_ms)
{
    struct pollfd p = {.fd = sock, .events = POLLOUT};
    int n;
    do {
        n = poll(&p, 1, timeout_ms);
    } while (n == -1 && errno == EINTR);
    return n == 1 && (p.revents & POLLOUT) != 0;
}

struct res wire_send(int sock, const struct wire_msg *m, int timeout_ms)
{
    struct wire_head head = {WIRE_MAGIC, m->type, m->n, m->fd_count};
    struct iovec iov[2] = {{&head, sizeof(head)}, {(void *)(uintptr_t)m->body, m->n}};
    struct msghdr h = {.msg_iov = iov, .msg_iovlen = 2};
    union wire_control control;
    if (m->bad) {
        return res_err("message too large");
    }
    attach_fds(&h, &control, m);
    for (;;) {
        if (sendmsg(sock, &h, MSG_NOSIGNAL | MSG_DONTWAIT) != -1) {
            return RES_OK;
        }
        if (errno == EINTR) {
            continue;
        }
        if (errno != EAGAIN) {
            return res_err("the other process is gone");
        }
        if (!wait_for_room(sock, timeout_ms)) {
            return res_err("the other process does not read");
        }
    }
}

static void collect_fds(struct msghdr *h, struct wire_msg *m)
{
    for (struct cmsghdr *cm = CMSG_FIRSTHDR(h); cm != NULL; cm = CMSG_NXTHDR(h, cm)) {
        if (cm->cmsg_level != SOL_SOCKET || cm->cmsg_type != SCM_RIGHTS) {
            continue;
        }
        size_t n = (cm->cmsg_len - CMSG_LEN(0)) / sizeof(int);
        if (n > WIRE_FDS - m->fd_count) {
            n = WIRE_FDS - m->fd_count; /* cannot be: the room we gave holds no more */
        }
        memcpy(m->fds + m->fd_count, CMSG_DATA(cm), n * sizeof(int));
        m->fd_count += (uint32_t)n;
    }
}

static bool head_fits(const struct wire_head *head, size_t received, const struct msghdr *h, const struct wire_msg *m)
{
    return received >= sizeof(*head) && (h->msg_flags & (MSG_TRUNC | MSG_CTRUNC)) == 0 && head->magic == WIRE_MAGIC &&
           head->n == received - sizeof(*head) && head->fd_count == m->fd_count;
}

static bool type_fits(uint32_t type, unsigned accept, uint32_t fd_count)
{
    return type > 0 && type < WIRE_TYPES && (accept & WIRE_BIT(type)) != 0 && fd_count >= rules[type].min_fds &&
           fd_count <= rules[type].max_fds;
}

enum wire_io wire_recv(int sock, unsigned accept, struct wire_msg *m)
{
    struct wire_head head;
    struct iovec iov[2] = {{&head, sizeof(head)}, {m->body, sizeof(m->body)}};
    union wire_control control;
    struct msghdr h = {
        .msg_iov = iov, .msg_iovlen = 2, .msg_control = control.room, .msg_controllen = sizeof(control.room)};
    ssize_t n;
    wire_begin(m, 0);
    do {
        n = recvmsg(sock, &h, MSG_CMSG_CLOEXEC | MSG_DONTWAIT);
    } while (n == -1 && errno == EINTR);
    if (n <= 0) {
        return n == -1 && errno == EAGAIN ? WIRE_IO_AGAIN : WIRE_IO_EOF;
    }
    collect_fds(&h, m);
    if (!head_fits(&head, (size_t)n, &h, m) || !type_fits(head.type, accept, m->fd_count)) {
        wire_close_fds(m);
        return WIRE_IO_BAD;
    }
    m->type = head.type;
    m->n = head.n;
    return WIRE_IO_OK;
}
