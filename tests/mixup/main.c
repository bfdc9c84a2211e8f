/* Clients and faulty origins around one tiergate, in one process, so that what either side sees can be held against what the other one did.
 *
 *   mixup --requests N --seed HEX --cert FILE --key FILE [--lanes N] [--lenient]
 *
 * prints one line with what tiergate needs to know of the groups, waits for a line "PLAIN TLS" with its two ports, runs, prints a line
 * {"ended": n} at each hundredth, and last a report. Exit code 0: nothing went wrong, 1: something did, 2: it can't run. */
#include "client.h"
#include "origin.h"
#include "pattern.h"
#include "report.h"

#include <getopt.h>
#include <inttypes.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define POKE_US 20000u

struct options {
    uint64_t requests, seed;
    unsigned lanes;
    const char *cert, *key;
    bool lenient;
};

static const struct {
    bool client_tls, origin_tls, calm, gated;
} kinds[] = {
    {false, false, true, false}, {false, false, false, false}, {false, false, true, true}, {false, false, false, true},
    {true, true, true, false},   {true, true, false, true},    {false, true, true, true},  {true, false, false, false},
};

static bool read_options(int argc, char **argv, struct options *o)
{
    static const struct option known[] = {
        {"requests", required_argument, NULL, 'r'},
        {"seed", required_argument, NULL, 's'},
        {"lanes", required_argument, NULL, 'l'},
        {"cert", required_argument, NULL, 'c'},
        {"key", required_argument, NULL, 'k'},
        {"lenient", no_argument, NULL, 'n'},
        {NULL, 0, NULL, 0},
    };
    *o = (struct options){.requests = 20000, .lanes = 4};
    for (int c; (c = getopt_long(argc, argv, "", known, NULL)) != -1;) {
        if (c == 'r')
            o->requests = strtoull(optarg, NULL, 10);
        else if (c == 's')
            o->seed = strtoull(optarg, NULL, 16);
        else if (c == 'l')
            o->lanes = (unsigned)strtoul(optarg, NULL, 10);
        else if (c == 'c')
            o->cert = optarg;
        else if (c == 'k')
            o->key = optarg;
        else if (c == 'n')
            o->lenient = true;
        else
            return false;
    }
    return o->requests > 0 && o->requests < UINT32_MAX && o->lanes > 0 && o->lanes <= LANES_MAX && o->cert && o->key;
}

static bool open_world(struct world *w, const struct options *o)
{
    w->seed = o->seed;
    w->count = (uint32_t)o->requests;
    w->lenient = o->lenient;
    w->asks = calloc(w->count, sizeof *w->asks);
    if (!w->asks || !reactor_init(&w->reactor) || SSL_CTX_use_certificate_chain_file(w->reactor.server, o->cert) != 1 ||
        SSL_CTX_use_PrivateKey_file(w->reactor.server, o->key, SSL_FILETYPE_PEM) != 1)
        return false;
    for (unsigned i = 0; i < GROUPS; i++) {
        struct group *g = &w->groups[i];
        size_t kind = i % (sizeof kinds / sizeof *kinds);
        *g = (struct group){
            .world = w, .number = i, .client_tls = kinds[kind].client_tls, .origin_tls = kinds[kind].origin_tls};
        g->calm = kinds[kind].calm;
        g->gated = kinds[kind].gated;
        snprintf(g->host, sizeof g->host, "g%u.example.test", i);
        if (!origin_open(g))
            return false;
    }
    return true;
}

static void tell_groups(const struct world *w)
{
    printf("[");
    for (unsigned i = 0; i < GROUPS; i++) {
        const struct group *g = &w->groups[i];
        printf("%s{\"host\": \"%s\", \"port\": %u, \"tls\": %s, \"gated\": %s}", i ? ", " : "", g->host, g->port,
               g->origin_tls ? "true" : "false", g->gated ? "true" : "false");
    }
    printf("]\n");
    fflush(stdout);
}

static bool hear_ports(struct world *w)
{
    char line[64], *end;
    if (!fgets(line, sizeof line, stdin))
        return false;
    w->gate_plain = (unsigned)strtoul(line, &end, 10);
    w->gate_tls = (unsigned)strtoul(end, NULL, 10);
    return w->gate_plain && w->gate_tls;
}

/* One processor's packets over loopback arrive in the order in which they were sent: what was said to an idle connection is there before
 * the request that is sent after it. */
static void stay_on_one_processor(void)
{
    cpu_set_t set;
    int here = sched_getcpu();
    CPU_ZERO(&set);
    if (here < 0)
        return;
    CPU_SET((unsigned)here, &set);
    sched_setaffinity(0, sizeof set, &set);
}

static bool are_done(struct lane *const *lanes, unsigned n)
{
    for (unsigned i = 0; i < n; i++)
        if (!lane_is_done(lanes[i]))
            return false;
    return true;
}

static void tell_progress(const struct world *w, uint32_t *told)
{
    if (w->ended - *told < w->count / 100 || w->count < 100)
        return;
    *told = w->ended;
    printf("{\"ended\": %" PRIu32 "}\n", *told);
    fflush(stdout);
}

static void run(struct world *w, unsigned per_group)
{
    struct lane *lanes[GROUPS * LANES_MAX];
    unsigned n = GROUPS * per_group;
    uint64_t poked_us = 0;
    uint32_t told = 0;
    for (unsigned i = 0; i < n; i++)
        lanes[i] = lane_new(&w->groups[i % GROUPS]);
    while (!are_done(lanes, n)) {
        reactor_turn(&w->reactor);
        bool pokes = w->roused || w->reactor.now_us - poked_us >= POKE_US;
        w->roused = false;
        for (unsigned i = 0; pokes && i < n; i++)
            lane_poke(lanes[i]);
        if (pokes)
            poked_us = w->reactor.now_us;
        tell_progress(w, &told);
    }
    for (unsigned i = 0; i < n; i++)
        lane_free(lanes[i]);
}

int main(int argc, char **argv)
{
    struct options o;
    struct world w = {0};
    signal(SIGPIPE, SIG_IGN);
    if (!read_options(argc, argv, &o)) {
        fprintf(stderr, "usage: mixup --cert FILE --key FILE [--requests N] [--seed HEX] [--lanes N] [--lenient]\n");
        return 2;
    }
    if (!open_world(&w, &o)) {
        fprintf(stderr, "mixup: no memory, no ports, or no certificate\n");
        return 2;
    }
    tell_groups(&w);
    if (!hear_ports(&w))
        return 2;
    stay_on_one_processor();
    uint64_t start_us = w.reactor.now_us;
    run(&w, o.lanes);
    report_print(&w, (double)(w.reactor.now_us - start_us) / 1e6);
    bool good = report_is_good(&w);
    for (unsigned i = 0; i < GROUPS; i++)
        origin_close(&w.groups[i]);
    reactor_fini(&w.reactor);
    free(w.asks);
    return good ? 0 : 1;
}
