#include "support.h"

#include "http/host.h"

#define V(name, want, port, bytes) {name, S(bytes), want, port},
static const struct {
    const char *name;
    struct span in;
    const char *want; /* NULL: malformed */
    int port;
} cases[] = {
#include "../../vectors/hosts.inc"
};

static void test_table(void **state)
{
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct host h;
        void *p;
        bool ok = host_parse(exact(cases[i].in, &p), &h);
        free(p);
        CHECK(cases[i].name, ok == (cases[i].want != NULL));
        if (!ok)
            continue;
        CHECK_SPAN(cases[i].name, host_span(&h), span_of(cases[i].want));
        CHECK(cases[i].name, h.port == cases[i].port && h.name[h.n] == '\0');
    }
}

/* The normal form is its own normal form. */
static void test_idempotent(void **state)
{
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct host once, twice;
        if (!cases[i].want)
            continue;
        assert_true(host_parse(cases[i].in, &once));
        CHECK(cases[i].name, host_parse(host_span(&once), &twice));
        CHECK_SPAN(cases[i].name, host_span(&twice), host_span(&once));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_table), cmocka_unit_test(test_idempotent)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
