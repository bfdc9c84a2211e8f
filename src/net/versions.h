/* The libraries this program runs with, as they name themselves. */
#ifndef TG_NET_VERSIONS_H
#define TG_NET_VERSIONS_H

struct net_version {
    const char *name;
    const char *(*text)(void); /* static text */
};

/* Ends with an entry whose name is NULL. */
const struct net_version *net_versions(void);

#endif
