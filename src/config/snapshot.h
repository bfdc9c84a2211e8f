/* One immutable compiled configuration. Made by config_compile from a bundle, purely; shared by all
 * threads; freed with its last reference. */
#ifndef TG_CONFIG_SNAPSHOT_H
#define TG_CONFIG_SNAPSHOT_H

#include <stdatomic.h>

#include "config/bundle.h"
#include "config/diag.h"
#include "gate/assertion.h"
#include "gate/look.h"
#include "net/tls.h"
#include "origin/origin.h"
#include "policy/hosts.h"
#include "policy/policy.h"

enum listen_kind { LISTEN_SERVE = 0, LISTEN_REDIRECT };

struct listen_config {
    struct addr address;
    struct span text; /* as written */
    enum listen_kind kind;
    bool plain; /* TLS ended before us */
    bool proxy_protocol;
};

struct client_address_config {
    const struct cidr *trusted;
    size_t trusted_count;
    struct span header; /* empty: the TCP peer, lower case */
};

enum cors_mode { CORS_EDGE = 0, CORS_ORIGIN /* edge: false */ };

struct host_config {
    struct span pattern; /* as written */
    struct span tier;
    const struct policy *policy;
    const struct gate_config *gate; /* NULL: none */
    const struct origin_config *origin;
    bool is_public;
    bool noindex;
    int64_t clear_cache_until_s; /* wall clock: browsers forget what they cached before the gate came; 0: never */
    enum cors_mode cors;
    const struct span *cors_origins; /* serialised origins, lower case */
    size_t cors_origin_count;
    struct span access_aud; /* for the assertion: as the file says, or made of gate and pattern; empty: no gate */
};

enum log_format { LOG_JSON = 0 };

struct log_config {
    struct span to; /* "stdout", "none" or a path as resolved */
    enum log_format format;
};

/* Every limit with its default and range stands in the table of config/limits.c, in the schema and in docs/rules.md. */
struct limits_config {
    uint32_t connections; /* per worker; control lowers it to what the descriptors are good for */
    uint32_t origin_idle; /* connections to origins that wait in one thread's pools, at most: control's too */
    uint32_t places_more; /* see edge/places.h; of strangers and of others each: control's too */
    uint32_t connections_per_address;
    uint32_t memory_kib; /* that connections may hold; 0: a share of the machine's */
    uint32_t header_bytes, header_fields;
    uint32_t handshake_timeout_ms, header_timeout_ms, body_timeout_ms, write_timeout_ms, keepalive_timeout_ms;
    uint32_t body_rate; /* bytes per second of a request body, over spans of body_rate_after_ms; 0: none */
    uint32_t body_rate_after_ms;
    uint32_t write_rate; /* bytes per second that a peer must take while its window is open; 0: none */
    uint32_t write_rate_after_ms;
    uint32_t backpressure_timeout_ms; /* how long it may keep its window closed */
    uint32_t requests_per_connection;
    uint32_t tunnel_idle_timeout_ms;
    uint32_t drain_timeout_ms; /* exchanges; then tunnels get tunnel_grace_ms */
    uint32_t tunnel_grace_ms;
    struct gate_limits gate;
};

struct snapshot {
    atomic_uint refs;
    uint64_t generation;
    struct span tier;
    const struct listen_config *listen;
    size_t listen_count;
    struct tls_server *tls; /* NULL when every listener is plain or redirects */
    struct client_address_config client_address;
    struct limits_config limits;
    struct log_config log;
    struct pages_config pages;
    const struct host_pattern *patterns; /* patterns[i] belongs to hosts[host_of[i]] */
    const size_t *host_of;
    size_t pattern_count;
    struct host_table *table;
    const struct host_config *hosts;
    size_t host_count;
    const struct gate_config *gates;
    size_t gate_count;
    const struct origin_config *origins;
    size_t origin_count;
    struct assertion_keys access;
    const struct expect_config *expects;
    size_t expect_count;
    struct config_memory *memory; /* owns everything above */
};

/* `expect` entries, checked by `check` and usable by tests. */
struct expect_config {
    struct span request, as, is;
    struct span where; /* "expect[3]" for messages */
    const char *file;
    unsigned line; /* 0: unknown */
};

/* NULL when there is any error; all errors and warnings are in diags. In LOAD_CHECK mode (BLOB_OPTION "mode"="check")
 * secrets that are missing compile to unusable ones, so that everything else can be judged. */
struct snapshot *config_compile(const struct bundle *b, struct diags *d);
struct snapshot *snapshot_ref(struct snapshot *s);
void snapshot_unref(struct snapshot *s);

/* The host that a name belongs to (normal form); NULL: unknown. */
const struct host_config *snapshot_find_host(const struct snapshot *s, struct span name, struct span *captured);
/* Is `other` (normal form) in the same circle as a request on `host` under `name`? (same gate, and
 * below one session domain or equal) */
bool snapshot_same_circle(const struct snapshot *s, const struct host_config *host, struct span name,
                          struct span other);

#endif
