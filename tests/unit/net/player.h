/* A server in a process of its own that plays a script on one connection: whatever libcurl must be able to bear. */
#ifndef TG_TESTS_NET_PLAYER_H
#define TG_TESTS_NET_PLAYER_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "pki.h"

enum play {
    PLAY_END = 0, /* closes */
    PLAY_TLS,     /* handshake, as the server */
    PLAY_OLD_TLS, /* with TLS 1.0 alone */
    PLAY_SAY,     /* sends text */
    PLAY_FOREVER, /* sends text again and again, until nobody takes it */
    PLAY_HEAD,    /* reads to an empty line */
    PLAY_LINE,    /* reads a line, which must begin with text; else closes */
    PLAY_BYTE,    /* reads one */
    PLAY_DOT,     /* reads to a line with a dot alone */
    PLAY_SILENCE, /* reads to the end */
    PLAY_RESET
};

struct play_step {
    enum play play;
    const char *text;
};

struct player {
    int listening, heard_fd;
    uint16_t port;
    pid_t child;
    struct text heard; /* after player_stop() */
};

/* Listens on loopback (IPv6's when asked for), and plays to the first who comes. */
void player_start(struct player *p, const struct pki_cert *cert, const struct play_step *script, bool v6);
/* Ends it if need be; reads what it heard. */
void player_stop(struct player *p);
void player_fini(struct player *p);

#endif
