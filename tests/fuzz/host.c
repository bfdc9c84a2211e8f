/* Any bytes as an authority: the normal form is its own normal form, and of harmless bytes only. */
#include <stdio.h>

#include "http/host.h"
#include "must.h"

/* Other spellings of the same name. */
static void check_spellings(struct span in, const struct host *h)
{
    char text[HOST_MAX + 10];
    struct host again;
    uint8_t *upper = malloc(in.n);
    MUST(upper);
    for (size_t i = 0; i < in.n; i++)
        upper[i] = in.p[i] >= 'a' && in.p[i] <= 'z' ? (uint8_t)(in.p[i] - 32) : in.p[i];
    MUST(host_parse(span_make(upper, in.n), &again) && again.port == h->port);
    MUST(span_eq(host_span(&again), host_span(h)));
    free(upper);
    int n = snprintf(text, sizeof text, "%s:%d", h->name, h->port == -1 ? 443 : h->port);
    MUST(n > 0 && (size_t)n < sizeof text && host_parse(span_make(text, (size_t)n), &again));
    MUST(span_eq(host_span(&again), host_span(h)) && again.port == (h->port == -1 ? 443 : h->port));
}

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
        check_spellings(span_make(in, size), &h);
        MUST(host_parse(name, &again) && span_eq(host_span(&again), name) && again.port == -1);
    }
    free(in);
    return 0;
}
