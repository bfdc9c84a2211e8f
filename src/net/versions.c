#include "net/versions.h"

#include <stddef.h>

#include <ares.h>
#include <event2/event.h>
#include <openssl/crypto.h>

static const char *openssl_text(void)
{
    return OpenSSL_version(OPENSSL_VERSION_STRING);
}

static const char *cares_text(void)
{
    return ares_version(NULL);
}

static const struct net_version versions[] = {
    {"OpenSSL", openssl_text},
    {"libevent", event_get_version},
    {"c-ares", cares_text},
    {NULL, NULL},
};

const struct net_version *net_versions(void)
{
    return versions;
}
