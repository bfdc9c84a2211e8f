/* Any bytes as an authority: the normal form is its own normal form, and of harmless bytes only. */
#include <stdlib.h>

#include "http/host.h"

#define MUST(condition)                                                                                                \
    do {                                                                                                               \
        if (!(condition))                                                                                              \
            abort();                                                                                                   \
    } while (0)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct host h, again;
    uint8_t *in = malloc(size + 1);
    MUST(in);
    memcpy(in, data, size);
    if (host_parse(span_make(in, size), &h)) {
        struct span name = host_span(&h);
        MUST(name.n > 0 && name.n <= HOST_MAX && h.name[name.n] == '\0');
        MUST(h.port == -1 || (h.port >= 1 && h.port <= 65535));
        for (size_t i = 0; i < name.n; i++)
            MUST(strchr("abcdefghijklmnopqrstuvwxyz0123456789-_.:[]", name.p[i]) && name.p[i]);
        MUST(name.p[name.n - 1] != '.' && (name.p[0] == '[' || span_find(name, ':') == name.n));
        MUST(host_parse(name, &again) && span_eq(host_span(&again), name) && again.port == -1);
    }
    free(in);
    return 0;
}
