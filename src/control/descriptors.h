/* How the worker's descriptors are shared out: clients may take so many that each still finds one for its origin, and of what
 * is left those who ask for more at a time (edge/places.h). Whoever comes later is refused at the door, whatever more is
 * asked for gets 503; whoever was let in does not fail for want of a descriptor. */
#ifndef TG_CONTROL_DESCRIPTORS_H
#define TG_CONTROL_DESCRIPTORS_H

#include <stddef.h>
#include <stdint.h>

struct limits_config;

struct descriptors {
    uint64_t limit;   /* RLIMIT_NOFILE */
    unsigned threads; /* loops */
    size_t sockets;   /* that listen, all threads together */
    unsigned fetches; /* of our own to GitHub and mail servers, at a time */
};

/* Lowers the limits to what there is room for. Returns the least RLIMIT_NOFILE with which nothing need be lowered. */
uint64_t descriptors_fit(const struct descriptors *d, struct limits_config *limits);

#endif
