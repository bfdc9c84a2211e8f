/* The rules files that ship: what `check` says of them on a machine without their secrets and certificates. */
#include "kit.h"

#include <stdarg.h>
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

struct example {
    const char *file;
    bool good;
    struct {
        const char *path, *part;
    } errors[16]; /* exactly these */
};

static const struct example examples[] = {
    {"local.json", true, {{NULL, NULL}}},
    {"patchtogether.json", true, {{NULL, NULL}}},
    {"plyr.json", true, {{NULL, NULL}}},
};

static struct snapshot *check(const char *file, enum load_mode mode, struct diags *d)
{
    char path[512];
    const char *const paths[] = {path};
    const struct load_request q = {.paths = paths, .path_count = 1, .mode = mode};

    snprintf(path, sizeof(path), "%s/%s", getenv("RULES_DIR"), file);
    struct bundle *b = config_load(&q, d);

    assert_non_null(b);
    struct snapshot *s = config_compile(b, d);

    bundle_free(b);
    return s;
}

static void compare(const struct example *e, const struct diags *d)
{
    char *messages = kit_messages(d);
    size_t n = 0;

    for (; e->errors[n].path; n++)
        if (!kit_find(d, DIAG_ERROR, 0, e->errors[n].path, e->errors[n].part))
            fail_msg("%s: no error at %s with \"%s\" in%s", e->file, e->errors[n].path, e->errors[n].part, messages);
    if (d->errors != n)
        fail_msg("%s: %zu errors wanted, in%s", e->file, n, messages);
    free(messages);
}

static void test_check(void **state)
{
    for (size_t i = 0; i < sizeof(examples) / sizeof(examples[0]); i++) {
        struct diags d;

        diags_init(&d);
        struct snapshot *s = check(examples[i].file, LOAD_CHECK, &d);

        compare(&examples[i], &d);
        if ((s != NULL) != examples[i].good)
            fail_msg("%s: snapshot %s", examples[i].file, s ? "made" : "missing");
        snapshot_unref(s);
        diags_fini(&d);
    }
}

/* On the machine that serves, each missing thing is an error: once per name. */
static void test_deploy(void **state)
{
    static const char *const missing[] = {"AUTOTEST_PASSWORD", "DEV_PASSWORD", "ORIGIN_KEY", "patchtogether.pem",
                                          "patchtogether.key"};
    struct diags d;

    diags_init(&d);
    assert_null(check("patchtogether.json", LOAD_DEPLOY, &d));
    for (size_t i = 0; i < 5; i++)
        if (!kit_find(&d, DIAG_ERROR, 0, NULL, missing[i]))
            fail_msg("%s is not told", missing[i]);
    assert_int_equal(d.errors, 5);
    diags_fini(&d);
}

static void test_patchtogether(void **state)
{
    struct diags d;
    struct span captured;

    diags_init(&d);
    struct snapshot *s = check("patchtogether.json", LOAD_CHECK, &d);

    assert_non_null(s);
    const struct host_config *pr = snapshot_find_host(s, SPAN("pr-42.autotest.patchtogether.live"), &captured);
    const struct host_config *web = snapshot_find_host(s, SPAN("autotest.patchtogether.live"), &captured);
    const struct host_config *prod = snapshot_find_host(s, SPAN("patchtogether.live"), &captured);

    assert_non_null(pr);
    assert_non_null(web);
    assert_non_null(prod);
    assert_true(pr->noindex && !prod->noindex && prod->is_public);
    assert_ptr_equal(pr->policy, web->policy);
    assert_ptr_equal(pr->gate, web->gate);
    assert_true(
        snapshot_same_circle(s, pr, SPAN("pr-42.autotest.patchtogether.live"), SPAN("autotest.patchtogether.live")));
    assert_true(
        snapshot_same_circle(s, web, SPAN("autotest.patchtogether.live"), SPAN("sync.autotest.patchtogether.live")));
    assert_false(snapshot_same_circle(s, web, SPAN("autotest.patchtogether.live"), SPAN("dev.patchtogether.live")));
    assert_false(
        snapshot_same_circle(s, web, SPAN("autotest.patchtogether.live"), SPAN("x.autotest.patchtogether.live")));
    assert_false(snapshot_same_circle(s, prod, SPAN("patchtogether.live"), SPAN("patchtogether.live")));
    assert_null(snapshot_find_host(s, SPAN("pr-x.autotest.patchtogether.live"), &captured));
    assert_int_equal(s->expect_count, 14);
    assert_int_equal(s->listen_count, 2);
    assert_true(s->listen[1].kind == LISTEN_REDIRECT);
    snapshot_unref(s);
    diags_fini(&d);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_check),
        cmocka_unit_test(test_deploy),
        cmocka_unit_test(test_patchtogether),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
