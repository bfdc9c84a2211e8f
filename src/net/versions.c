#include "net/versions.h"

#include <stddef.h>

#include <ares.h>
#include <curl/curl.h>
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

static const char *curl_text(void)
{
    return curl_version_info(CURLVERSION_NOW)->version;
}

static const struct net_version versions[] = {
    {"OpenSSL", openssl_text},
    {"libevent", event_get_version},
    {"c-ares", cares_text},
    {"libcurl", curl_text},
    {NULL, NULL},
};

const struct net_version *net_versions(void)
{
    return versions;
}
