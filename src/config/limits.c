/* Every limit with its default and range. */
#include "config/build.h"

#define MIB(n) ((uint64_t)(n) << 20)
#define LIMIT(name_, type_, def_, min_, max_)                                                                          \
    KEY(struct raw_limits, name_, type_, .def = (def_), .min = (min_), .max = (max_))

static const struct key keys[] = {
    LIMIT(connections, KEY_INT, 10000, 1, 1000000),
    KEY(struct raw_limits, memory, KEY_SIZE, .depends = true, .min = MIB(4), .max = MIB(1024 * 1024)),
    /* One office behind one address, and test suites that open a thousand connections at once, are no attack. */
    LIMIT(connections_per_address, KEY_INT, 2048, 1, 1000000),
    /* No more than a stream reads ahead: the end of a longer head would never be seen. */
    LIMIT(header_bytes, KEY_SIZE, 32 * 1024, 4 * 1024, 64 * 1024),
    LIMIT(header_fields, KEY_INT, 100, 16, 1000),
    LIMIT(handshake_timeout, KEY_DURATION, SECONDS(10), SECONDS(1), SECONDS(120)),
    LIMIT(header_timeout, KEY_DURATION, SECONDS(15), SECONDS(1), SECONDS(300)),
    LIMIT(body_timeout, KEY_DURATION, SECONDS(60), SECONDS(1), HOURS(1)),
    LIMIT(body_rate, KEY_INT, 250, 0, 1000000),
    LIMIT(body_rate_after, KEY_DURATION, SECONDS(30), SECONDS(1), HOURS(1)),
    LIMIT(write_timeout, KEY_DURATION, SECONDS(60), SECONDS(1), HOURS(1)),
    LIMIT(write_rate, KEY_INT, 250, 0, 1000000),
    LIMIT(write_rate_after, KEY_DURATION, SECONDS(30), SECONDS(1), HOURS(1)),
    LIMIT(backpressure_timeout, KEY_DURATION, SECONDS(600), SECONDS(1), HOURS(24)),
    LIMIT(keepalive_timeout, KEY_DURATION, SECONDS(75), SECONDS(1), HOURS(1)),
    LIMIT(requests_per_connection, KEY_INT, 10000, 1, 1000000000),
    LIMIT(tunnel_idle_timeout, KEY_DURATION, HOURS(1), SECONDS(10), HOURS(24 * 7)),
    LIMIT(drain_timeout, KEY_DURATION, SECONDS(30), 0, HOURS(1)),
    LIMIT(tunnel_grace, KEY_DURATION, SECONDS(5), 0, HOURS(1)),
    LIMIT(login_failures_per_user, KEY_INT, 10, 1, 100000),
    LIMIT(login_failures_per_address, KEY_INT, 40, 1, 100000),
    LIMIT(login_window, KEY_DURATION, SECONDS(60), SECONDS(1), HOURS(24)),
    LIMIT(hash_queue, KEY_INT, 256, 1, 65536),
    LIMIT(hash_queue_per_address, KEY_INT, 32, 1, 65536),
};

const struct section section_limits = SECTION(struct raw_limits, keys);

/* All values but that of `memory` fit 32 bits: the ranges above end below. */
static uint32_t value(const struct num_field *f)
{
    return (uint32_t)f->v;
}

static void set_limits(const struct raw_limits *r, struct limits_config *l)
{
    *l = (struct limits_config){
        .connections = value(&r->connections),
        .origin_idle = UINT32_MAX,
        .places_more = UINT32_MAX,
        .connections_per_address = value(&r->connections_per_address),
        .memory_kib = r->memory.f.given ? (uint32_t)(r->memory.v / 1024) : 0,
        .header_bytes = value(&r->header_bytes),
        .header_fields = value(&r->header_fields),
        .handshake_timeout_ms = value(&r->handshake_timeout),
        .header_timeout_ms = value(&r->header_timeout),
        .body_timeout_ms = value(&r->body_timeout),
        .body_rate = value(&r->body_rate),
        .body_rate_after_ms = value(&r->body_rate_after),
        .write_timeout_ms = value(&r->write_timeout),
        .write_rate = value(&r->write_rate),
        .write_rate_after_ms = value(&r->write_rate_after),
        .backpressure_timeout_ms = value(&r->backpressure_timeout),
        .keepalive_timeout_ms = value(&r->keepalive_timeout),
        .requests_per_connection = value(&r->requests_per_connection),
        .tunnel_idle_timeout_ms = value(&r->tunnel_idle_timeout),
        .drain_timeout_ms = value(&r->drain_timeout),
        .tunnel_grace_ms = value(&r->tunnel_grace),
        .gate.failures_per_user = value(&r->login_failures_per_user),
        .gate.failures_per_address = value(&r->login_failures_per_address),
        .gate.window_s = (uint32_t)(r->login_window.v / 1000),
        .gate.hash_queue = value(&r->hash_queue),
        .gate.hash_queue_per_address = value(&r->hash_queue_per_address),
    };
}

void build_limits(struct build *b)
{
    struct reader r = {.arena = b->arena, .file = NULL};
    const struct raw_limits *raw = b->raw->limits.v;

    if (!raw)
        raw = reader_new_object(&r, &section_limits, (struct place){NULL, 0, "limits"});
    if (!raw) {
        b->failed = true;
        return;
    }
    if (raw->connections_per_address.f.given && raw->connections_per_address.v > raw->connections.v)
        place_warning(b->d, raw->connections_per_address.f.at,
                      "is larger than limits.connections (%u), so it never counts", value(&raw->connections));
    set_limits(raw, &b->snapshot->limits);
}
