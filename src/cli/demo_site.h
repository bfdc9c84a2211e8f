/* The demo's folder: certificate, password, rules, state. */
#ifndef TG_CLI_DEMO_SITE_H
#define TG_CLI_DEMO_SITE_H

#include <stdbool.h>

#include "net/addr.h"

#define DEMO_HOST "demo.localhost"
#define DEMO_USER "demo"
#define DEMO_PATH 4096

struct demo_site {
    char dir[DEMO_PATH]; /* absolute */
    bool temporary;      /* remove it at the end */
    bool ipv6;           /* listen on ::1 too */
    char password[32];
    unsigned port, origin_port;
};

/* Finds or makes the folder and all but the rules. `dir` NULL: a temporary one. False: told on stderr. */
bool demo_site_make(struct demo_site *s, const char *dir);
/* The first port from `port` on that nobody listens on; 0: none of a hundred. */
unsigned demo_site_free_port(unsigned port, bool *ipv6);
/* Once the ports are known. */
bool demo_site_write_rules(const struct demo_site *s);
void demo_site_remove(const struct demo_site *s);

#endif
