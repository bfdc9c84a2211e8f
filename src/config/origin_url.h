/* The url of an origin: scheme and host, no more; the host may hold one `{capture}`. Pure. */
#ifndef TG_CONFIG_ORIGIN_URL_H
#define TG_CONFIG_ORIGIN_URL_H

#include "base/span.h"

struct origin_url {
    bool tls;
    struct span before, capture, after; /* without a capture: before is the host, the others are empty */
    uint16_t port;
};

/* NULL: fine (spans into url); else what is wrong and what to write instead. url is NUL-terminated or not. */
const char *origin_url_parse(struct span url, struct origin_url *out);
/* Does the host stay on this machine? */
bool origin_url_is_loopback(const struct origin_url *u);

#endif
