/* The origin behind the demo's gate: a small HTTP/1.1 server on loopback, in a process of its own. */
#ifndef TG_CLI_DEMO_ORIGIN_H
#define TG_CLI_DEMO_ORIGIN_H

#include <stdbool.h>
#include <sys/types.h>

struct demo_origin {
    pid_t pid;
    unsigned port;
};

/* It is killed when this process ends. False: told on stderr. */
bool demo_origin_start(struct demo_origin *o);

#endif
