#include "report.h"

#include <inttypes.h>
#include <stdio.h>

static void print_table(const char *key, const uint64_t *counts, size_t n, const char *(*name)(unsigned))
{
    printf("  \"%s\": {", key);
    for (size_t i = 0; i < n; i++)
        printf("%s\n    \"%s\": %" PRIu64, i ? "," : "", name((unsigned)i), counts[i]);
    printf("\n  },\n");
}

void report_print(const struct world *w, double seconds)
{
    const struct {
        const char *name;
        uint64_t n;
    } sums[] = {
        {"requests", w->ended},
        {"own", w->own},
        {"gate", w->own_of_gate},
        {"cut", w->cut},
        {"gone", w->gone},
        {"tls", w->tls_asks},
        {"arrivals", w->arrivals},
        {"reused", w->reused},
        {"retries", w->retries},
        {"unlucky", w->unlucky},
        {"swept", w->swept},
        {"missed_poison", w->missed_poison},
        {"client_connections", w->client_connections},
        {"origin_connections", w->origin_connections},
    };
    printf("{\n  \"seed\": \"%016" PRIx64 "\",\n  \"seconds\": %.1f,\n", w->seed, seconds);
    for (size_t i = 0; i < sizeof sums / sizeof *sums; i++)
        printf("  \"%s\": %" PRIu64 ",\n", sums[i].name, sums[i].n);
    print_table("faults", w->faults, FAULT_COUNT, fault_name);
    print_table("clients", w->manners, MANNER_COUNT, manner_name);
    print_table("wrong", w->wrongs, WRONG_COUNT, world_wrong_name);
    printf("  \"good\": %s\n}\n", report_is_good(w) ? "true" : "false");
}

bool report_is_good(const struct world *w)
{
    for (unsigned i = 0; i < WRONG_COUNT; i++)
        if (w->wrongs[i])
            return false;
    return w->ended == w->count;
}
