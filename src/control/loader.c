#include "control/loader.h"

#include <stdio.h>
#include <unistd.h>

#include "base/terminal.h"
#include "config/load.h"
#include "config/snapshot.h"
#include "control/expect.h"
#include "control/listen_set.h"
#include "control/process.h"
#include "control/wire.h"

#define SEND_MS 10000

static struct res send_addresses(const struct snapshot *s, struct wire_msg *m)
{
    if (s->listen_count > LISTEN_ADDRESSES) {
        return res_err("more than 64 addresses to listen on");
    }
    for (size_t i = 0; i < s->listen_count; i++) {
        wire_begin(m, WIRE_ADDRESS);
        wire_put_addr(m, &s->listen[i].address);
        struct res r = wire_send(CONTROL_FD, m, SEND_MS);
        if (!res_ok(r)) {
            return r;
        }
    }
    return RES_OK;
}

static struct res send_summary(const struct snapshot *s, int bundle_fd, struct wire_msg *m)
{
    wire_begin(m, WIRE_SUMMARY);
    wire_put_u64(m, s->host_count);
    wire_put_u64(m, (uint64_t)s->limits.drain_timeout_ms + s->limits.tunnel_grace_ms);
    wire_put_bytes(m, s->log.to);
    wire_put_fd(m, bundle_fd);
    return wire_send(CONTROL_FD, m, SEND_MS);
}

static struct res hand_over(const struct bundle *b, const struct snapshot *s)
{
    struct wire_msg m;
    int fd = -1;
    struct res r = bundle_seal(b, &fd);
    if (res_ok(r)) {
        r = send_addresses(s, &m);
    }
    if (res_ok(r)) {
        r = send_summary(s, fd, &m);
    }
    if (fd != -1) {
        (void)close(fd);
    }
    return r;
}

/* Compiles what the worker will compile, so that it never sees anything that fails, and holds it against its expectations. */
static struct res judge_and_hand_over(const struct bundle *b, struct diags *d)
{
    struct snapshot *s = config_compile(b, d);
    if (s != NULL) {
        expect_judge(s, d);
    }
    diags_tell(d, terminal_wants_colour(stderr), stderr);
    if (s == NULL || !diags_ok(d)) {
        snapshot_unref(s);
        return res_err("the rules are not usable");
    }
    struct res r = hand_over(b, s);
    snapshot_unref(s);
    return r;
}

static struct res load(const struct load_request *q)
{
    struct diags d;
    diags_init(&d);
    struct bundle *b = config_load(q, &d);
    struct res r = b != NULL ? judge_and_hand_over(b, &d) : res_err("out of memory");
    bundle_free(b);
    diags_fini(&d);
    return r;
}

int loader_main(int argc, char **argv)
{
    if (argc < 3) {
        return 2;
    }
    struct load_request q = {
        .paths = (const char *const *)(argv + 2),
        .path_count = (size_t)(argc - 2),
        .state_dir = argv[1][0] != '\0' ? argv[1] : NULL,
        .mode = LOAD_SERVE,
    };
    struct res r = load(&q);
    if (!res_ok(r)) {
        (void)fprintf(stderr, "tiergate: %s\n", r.err);
    }
    return res_ok(r) ? 0 : 1;
}
