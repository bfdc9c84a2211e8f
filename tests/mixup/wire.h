/* One connection, plain or TLS, and the loop that all of them turn in. Not tiergate's own streams: what tests them must not share their
 * faults. One thread. */
#ifndef MIXUP_WIRE_H
#define MIXUP_WIRE_H

#include "bytes.h"

#include <stdbool.h>

#include <openssl/ssl.h>

enum wire_state { WIRE_CONNECTING = 0, WIRE_HANDSHAKE, WIRE_OPEN, WIRE_CLOSED };
enum wire_input {
    WIRE_IN_OPEN = 0,
    WIRE_IN_END, /* FIN; with TLS after close_notify */
    WIRE_IN_CUT  /* reset, or with TLS a FIN alone */
};
enum wire_end { WIRE_END_FIN = 0, WIRE_END_RESET };

struct reactor;

struct wire {
    struct reactor *reactor; /* back */
    struct wire *next, *prev;
    int fd;
    SSL *ssl; /* owned; NULL: plain */
    enum wire_state state;
    enum wire_input input;
    struct bytes in, out;
    uint64_t due_us; /* on_event then; 0: not */
    uint32_t watched;
    bool deaf;     /* does not read for now */
    bool finishes; /* no more after what is in out */
    bool finished;
    void (*on_event)(void *arg); /* bytes came, out ran empty, the state changed, or it was due */
    void (*release)(void *arg);  /* told when the memory goes; may be NULL */
    void *arg;
};

struct reactor {
    int epoll;
    uint64_t now_us;
    uint64_t next_due_us; /* none before; UINT64_MAX: none */
    struct wire *wires;
    struct wire *closed; /* freed at the end of the turn */
    SSL_CTX *client, *server;
};

struct door {
    struct reactor *reactor;
    int fd;
    SSL_CTX *tls; /* NULL: plain */
    void (*on_wire)(void *arg, struct wire *w);
    void *arg;
};

bool reactor_init(struct reactor *r);
void reactor_fini(struct reactor *r);
/* Waits, and tells all that something happened to. */
void reactor_turn(struct reactor *r);

/* Listens at a free port of 127.0.0.1, which is returned; 0: can't. The taker sets on_event of what comes. */
unsigned door_open(struct door *d, struct reactor *r);
void door_close(struct door *d);

/* NULL: no descriptors. */
struct wire *wire_connect(struct reactor *r, unsigned port, const char *tls_name);
/* Writes what the socket takes of `out`; the rest follows. */
void wire_flush(struct wire *w);
void wire_finish(struct wire *w);
/* All that was written, the end included, has left: on loopback it is there. */
bool wire_has_left(const struct wire *w);
void wire_listen(struct wire *w, bool listens);
/* 0: at once. */
void wire_due_in(struct wire *w, uint64_t us);
/* Of `out` nothing more is sent. No on_event any more; the memory stays until the turn's end. */
void wire_close(struct wire *w, enum wire_end how);

#endif
