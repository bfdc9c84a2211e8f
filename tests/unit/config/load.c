/* The loader: what it reads, what it refuses to read, what it makes. */
#include "kit.h"

#include "cases.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#define PATH 512

struct place_of_test {
    char dir[PATH];
};

static char *in(const struct place_of_test *t, const char *name, char out[PATH * 2])
{
    snprintf(out, PATH * 2, "%s/%s", t->dir, name);
    return out;
}

/* With ' for ". */
static void put(const struct place_of_test *t, const char *name, const char *text)
{
    char path[PATH * 2];
    FILE *f = fopen(in(t, name, path), "we");

    assert_non_null(f);
    for (; *text; text++)
        fputc(*text == '\'' ? '"' : *text, f);
    assert_int_equal(fclose(f), 0);
}

static int set_up(void **state)
{
    struct place_of_test *t = calloc(1, sizeof(*t));
    char template[] = "config-load-XXXXXX";

    if (!t || !mkdtemp(template))
        return -1;
    snprintf(t->dir, sizeof(t->dir), "%s", template);
    *state = t;
    return 0;
}

static int tear_down(void **state)
{
    static const char *const names[] = {"a.json", "b.json",   "x.schema.json", ".hidden.json", "note.txt",
                                        "secret", "fifo",     "large",         "session.key",  "access.keys",
                                        "link",   "htpasswd", "c.json"};
    struct place_of_test *t = *state;
    char path[PATH * 2];

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        unlink(in(t, names[i], path));
    int r = rmdir(t->dir);

    free(t);
    return r;
}

static struct bundle *load(const struct place_of_test *t, const char *name, enum load_mode mode, struct diags *d)
{
    char path[PATH * 2];
    const char *const paths[] = {*name ? in(t, name, path) : t->dir};
    const struct load_request q = {
        .paths = paths, .path_count = 1, .mode = mode, .state_dir = mode == LOAD_SERVE ? t->dir : NULL};

    diags_init(d);
    struct bundle *b = config_load(&q, d);

    assert_non_null(b);
    return b;
}

/* Loads and compiles; the messages of both. */
static struct snapshot *make(const struct place_of_test *t, const char *name, enum load_mode mode, struct diags *d)
{
    struct bundle *b = load(t, name, mode, d);
    struct snapshot *s = config_compile(b, d);

    bundle_free(b);
    return s;
}

static void wants(const struct diags *d, enum diag_level level, const char *part)
{
    char *messages = kit_messages(d);

    if (!kit_find(d, level, 0, NULL, part))
        fail_msg("no \"%s\" in%s", part, messages);
    free(messages);
}

static void test_folder(void **state)
{
    const struct place_of_test *t = *state;
    struct diags d;

    put(t, "a.json", "{" LISTEN "," GATES "}");
    put(t, "b.json", "{" ORIGINS "," HOSTS "}");
    put(t, "x.schema.json", "not JSON");
    put(t, ".hidden.json", "not JSON");
    put(t, "note.txt", "not JSON");
    setenv("U", "a password", 1);
    struct snapshot *s = make(t, "", LOAD_SERVE, &d);

    assert_non_null(s);
    assert_int_equal(s->host_count, 1);
    assert_true(span_eq(s->gates[0].basic->users[0].secret, SPAN("a password")));
    snapshot_unref(s);
    diags_fini(&d);
}

/* Names of both places. */
static void test_folder_clashes(void **state)
{
    static const struct {
        const char *a, *b, *path, *part;
    } cases[] = {
        {"{" LISTEN "," GATES "," ORIGINS "," HOSTS "}", "{\n" GATES "}", "gates.g", "is defined already at "},
        {"{" LISTEN "," GATES "," ORIGINS "," HOSTS "}", "{\n" ORIGINS "}", "origins.o", "/a.json:1"},
        {"{" LISTEN "," GATES "," ORIGINS "," HOSTS "}", "{\n" HOSTS "}", "hosts[0].host", "/a.json:1"},
        {WITH("'tier':'a'"), "{'tier':'a'}", "tier", "it can stand in one file only"},
        {WITH("'limits':{}"), "{'limits':{}}", "limits", "/a.json:1"},
        {WITH("'log':{}"), "{'log':{}}", "log", "one file only"},
        {WITH("'session':{}"), "{'session':{}}", "session", "one file only"},
        {WITH("'tier':'a'"), "{'client_address':{'trusted_proxies':['10.0.0.0/8']}}", "client_address",
         "one file only"},
        {WITH("'groups':{'a':['everyone']}"), "{'groups':{'a':['everyone']}}", "groups.a", "/a.json:1"},
        {WITH("'rulesets':{'a':[]}"), "{'rulesets':{'a':[]}}", "rulesets.a", "/a.json:1"},
        {WITH("'tier':'a'"), "{'tier':}", "", "not JSON"},
    };
    const struct place_of_test *t = *state;

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct diags d;

        put(t, "a.json", cases[i].a);
        put(t, "b.json", cases[i].b);
        struct snapshot *s = make(t, "", LOAD_CHECK, &d);
        char *messages = kit_messages(&d);
        const struct diag *e = kit_find(&d, DIAG_ERROR, 0, cases[i].path, cases[i].part);

        if (s || !e || !strstr(e->file, "/b.json"))
            fail_msg("case %zu: no \"%s\" at %s of b.json in%s", i, cases[i].part, cases[i].path, messages);
        free(messages);
        diags_fini(&d);
    }
}

static void test_lists_join(void **state)
{
    const struct place_of_test *t = *state;
    struct diags d;

    put(t, "a.json", WITH("'expect':[{'request':'GET https://h.example.org/','is':'gate'}]"));
    put(t, "b.json",
        "{'listen':[{'address':'127.0.0.1:81','redirect_to_https':true}],'hosts':[{'host':'i.example.org','origin':'o',"
        "'gate':'g','rules':[" ALLOW "]}],'expect':[{'request':'GET https://i.example.org/','is':'gate'}]}");
    struct snapshot *s = make(t, "", LOAD_CHECK, &d);

    assert_non_null(s);
    assert_int_equal(s->listen_count, 2);
    assert_int_equal(s->host_count, 2);
    assert_int_equal(s->expect_count, 2);
    assert_non_null(strstr(s->expects[1].file, "/b.json"));
    assert_true(span_eq(s->expects[1].where, SPAN("expect[0]")));
    snapshot_unref(s);
    diags_fini(&d);
}

static void test_not_there(void **state)
{
    const struct place_of_test *t = *state;
    struct diags d;

    assert_null(make(t, "a.json", LOAD_CHECK, &d));
    wants(&d, DIAG_ERROR, "cannot be read: No such file");
    assert_int_equal(d.errors, 1);
    diags_fini(&d);
    assert_null(make(t, "", LOAD_CHECK, &d));
    wants(&d, DIAG_ERROR, "holds no *.json file");
    diags_fini(&d);
}

static void test_named_twice(void **state)
{
    const struct place_of_test *t = *state;
    char path[PATH * 2];
    const char *const paths[] = {in(t, "a.json", path), path};
    const struct load_request q = {.paths = paths, .path_count = 2, .mode = LOAD_CHECK};
    struct diags d;

    put(t, "a.json", WITH("'tier':'x'"));
    diags_init(&d);
    bundle_free(config_load(&q, &d));
    wants(&d, DIAG_ERROR, "is named twice");
    diags_fini(&d);
}

#define SECRET(reference) WITH_GATE("{'basic':{'users':{'u':'" reference "'}}}")

/* A missing secret: an error where one serves, a warning where one checks, told once and with its name. */
static void test_missing(void **state)
{
    static const struct {
        const char *rules, *part;
    } cases[] = {
        {SECRET("env:TG_TEST_NOT_SET"), "the environment variable TG_TEST_NOT_SET is not set"},
        {SECRET("file:nothing"), "/nothing cannot be read: No such file"},
        {WITH_GATE("{'basic':{'htpasswd':'nothing'}}"), "/nothing cannot be read: No such file"},
        {WITH_ORIGIN("{'url':'https://o.example.org','tls':{'ca':'nothing'}}"), "/nothing cannot be read"},
        {WITH_ORIGIN("{'url':'https://o.example.org','headers':{'A':'env:TG_TEST_NOT_SET','B':'env:TG_TEST_NOT_SET'}}"),
         "TG_TEST_NOT_SET is not set"},
        {WITH_SESSION("{'secret':'env:TG_TEST_NOT_SET'}"), "TG_TEST_NOT_SET is not set"},
    };
    const struct place_of_test *t = *state;

    setenv("U", "x", 1);
    unsetenv("TG_TEST_NOT_SET");
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct diags d;

        put(t, "a.json", cases[i].rules);
        struct snapshot *s = make(t, "a.json", LOAD_CHECK, &d);

        if (!s)
            fail_msg("case %zu: check refuses%s", i, kit_messages(&d));
        wants(&d, DIAG_WARNING, cases[i].part);
        assert_int_equal(d.warnings, 1);
        snapshot_unref(s);
        diags_fini(&d);
        assert_null(make(t, "a.json", LOAD_SERVE, &d));
        wants(&d, DIAG_ERROR, cases[i].part);
        assert_int_equal(d.errors, 1);
        diags_fini(&d);
        assert_null(make(t, "a.json", LOAD_DEPLOY, &d));
        diags_fini(&d);
    }
}

/* A bundle whose loader was not asked (or lied) does not pass either. */
static void test_bundle_without_secret(void **state)
{
    static const struct kit_blob blobs[] = {
        {BLOB_RULES, "a.json",
         "{\"listen\":[{\"address\":\":80\",\"redirect_to_https\":true}],\"gates\":{\"g\":{\"basic\":{\"users\":"
         "{\"u\":\"env:NOT_THERE\"}}}},\"origins\":{\"o\":{\"url\":\"https://o.example\"}},\"hosts\":[{\"host\":"
         "\"h.example\",\"origin\":\"o\",\"gate\":\"g\",\"rules\":[{\"path\":\"/*\",\"action\":\"allow\"}]}]}"},
        {0, NULL, NULL}};
    struct bundle *b = kit_bundle(blobs);
    struct diags d;

    diags_init(&d);
    assert_null(config_compile(b, &d));
    wants(&d, DIAG_ERROR, "the environment variable NOT_THERE is missing");
    diags_fini(&d);
    bundle_free(b);
}

static void test_file_secret(void **state)
{
    static const struct {
        const char *text, *want; /* NULL: refused as empty */
    } cases[] = {{"abc", "abc"}, {"abc\n", "abc"}, {"abc\r\n", "abc"}, {" abc \n", " abc "}, {"", NULL}, {"\n", NULL}};
    const struct place_of_test *t = *state;

    put(t, "a.json", SECRET("file:secret"));
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct diags d;

        put(t, "secret", cases[i].text);
        struct snapshot *s = make(t, "a.json", LOAD_SERVE, &d);

        if (!cases[i].want) {
            assert_null(s);
            wants(&d, DIAG_ERROR, "is empty: a secret must not be");
        } else {
            assert_non_null(s);
            assert_true(span_eq(s->gates[0].basic->users[0].secret, span_of(cases[i].want)));
        }
        snapshot_unref(s);
        diags_fini(&d);
    }
}

static void test_empty_variable(void **state)
{
    const struct place_of_test *t = *state;
    struct diags d;

    put(t, "a.json", SECRET("env:TG_TEST_EMPTY"));
    setenv("TG_TEST_EMPTY", "", 1);
    assert_null(make(t, "a.json", LOAD_CHECK, &d));
    wants(&d, DIAG_ERROR, "TG_TEST_EMPTY is empty");
    diags_fini(&d);
}

/* A pipe would hang the loader, a device could give bytes for ever. */
static void test_no_regular_file(void **state)
{
    const struct place_of_test *t = *state;
    char path[PATH * 2];
    struct diags d;

    assert_int_equal(mkfifo(in(t, "fifo", path), 0600), 0);
    put(t, "a.json", SECRET("file:fifo"));
    assert_null(make(t, "a.json", LOAD_SERVE, &d));
    wants(&d, DIAG_ERROR, "/fifo cannot be read: not a regular file");
    diags_fini(&d);
    put(t, "a.json", SECRET("file:/dev/zero"));
    assert_null(make(t, "a.json", LOAD_SERVE, &d));
    wants(&d, DIAG_ERROR, "/dev/zero cannot be read: not a regular file");
    diags_fini(&d);
    put(t, "a.json", SECRET("file:."));
    assert_null(make(t, "a.json", LOAD_SERVE, &d));
    wants(&d, DIAG_ERROR, "cannot be read: not a regular file");
    diags_fini(&d);
}

static void test_large_file(void **state)
{
    const struct place_of_test *t = *state;
    char path[PATH * 2];
    struct diags d;

    put(t, "large", "x");
    assert_int_equal(truncate(in(t, "large", path), (64 << 10) + 1), 0);
    put(t, "a.json", SECRET("file:large"));
    assert_null(make(t, "a.json", LOAD_SERVE, &d));
    wants(&d, DIAG_ERROR, "/large cannot be read: too large");
    diags_fini(&d);
}

/* --- the session key ---------------------------------------------------------------------------------------------- */

static struct span key_of(const struct bundle *b)
{
    struct span key;

    assert_true(bundle_find(b, BLOB_STATE, SPAN("session.key"), &key));
    assert_int_equal(key.n, 32);
    return key;
}

static void test_session_key(void **state)
{
    const struct place_of_test *t = *state;
    char path[PATH * 2];
    struct stat st;
    struct diags d;

    put(t, "a.json", SECRET("env:U"));
    struct bundle *first = load(t, "a.json", LOAD_SERVE, &d);

    diags_fini(&d);
    assert_int_equal(stat(in(t, "session.key", path), &st), 0);
    assert_int_equal(st.st_mode & 07777, 0600);
    assert_int_equal(st.st_size, 32);
    assert_int_equal(st.st_nlink, 1);
    struct bundle *second = load(t, "a.json", LOAD_SERVE, &d);

    diags_fini(&d);
    assert_true(span_eq(key_of(first), key_of(second)));
    bundle_free(first);
    bundle_free(second);
}

/* Checking leaves nothing behind, and knows no key. */
static void test_check_makes_no_key(void **state)
{
    const struct place_of_test *t = *state;
    char path[PATH * 2];
    const char *const paths[] = {in(t, "a.json", path)};
    const struct load_request q = {.paths = paths, .path_count = 1, .mode = LOAD_CHECK, .state_dir = t->dir};
    char key[PATH * 2];
    struct diags d;

    put(t, "a.json", SECRET("env:U"));
    diags_init(&d);
    bundle_free(config_load(&q, &d));
    assert_int_equal(access(in(t, "session.key", key), F_OK), -1);
    diags_fini(&d);
}

static void refuses_key(const struct place_of_test *t, const char *why)
{
    struct diags d;

    put(t, "a.json", SECRET("env:U"));
    assert_null(make(t, "a.json", LOAD_SERVE, &d));
    wants(&d, DIAG_ERROR, why);
    diags_fini(&d);
}

static void test_session_key_of_others(void **state)
{
    const struct place_of_test *t = *state;
    char key[PATH * 2], elsewhere[PATH * 2];

    put(t, "elsewhere", "0123456789abcdef0123456789abcdef");
    assert_int_equal(chmod(in(t, "elsewhere", elsewhere), 0600), 0);
    assert_int_equal(symlink("elsewhere", in(t, "session.key", key)), 0);
    refuses_key(t, "symbolic link");
    assert_int_equal(unlink(key), 0);
    assert_int_equal(symlink("nowhere", key), 0);
    refuses_key(t, "symbolic link");
    assert_int_equal(unlink(key), 0);
    assert_int_equal(rename(elsewhere, key), 0);
    for (unsigned bit = 1; bit < 0100; bit <<= 1) {
        assert_int_equal(chmod(key, 0600 | bit), 0);
        refuses_key(t, "others may read or write it");
    }
    assert_int_equal(chmod(key, 0600), 0);
    if (geteuid() != 0)
        return; /* only root can give a file away */
    assert_int_equal(chown(key, 65534, 65534), 0);
    refuses_key(t, "belongs to another user");
}

static void test_bad_session_key(void **state)
{
    const struct place_of_test *t = *state;
    char path[PATH * 2];
    struct diags d;

    put(t, "a.json", SECRET("env:U"));
    put(t, "session.key", "short");
    assert_int_equal(chmod(in(t, "session.key", path), 0600), 0);
    assert_null(make(t, "a.json", LOAD_SERVE, &d));
    wants(&d, DIAG_ERROR, "not 32 bytes");
    diags_fini(&d);
}

static void test_given_secret_needs_no_key(void **state)
{
    const struct place_of_test *t = *state;
    char key[PATH * 2];
    struct diags d;

    put(t, "a.json", WITH("'session':{'secret':'env:TG_TEST_SECRET'}"));
    setenv("TG_TEST_SECRET", "0123456789abcdef0123456789abcdef", 1);
    setenv("U", "x", 1);
    struct snapshot *s = make(t, "a.json", LOAD_SERVE, &d);

    assert_non_null(s);
    assert_int_equal(access(in(t, "session.key", key), F_OK), -1);
    snapshot_unref(s);
    diags_fini(&d);
}

/* --- the keys of assertions: see access-keys.c ------------------------------------------------------------------------ */

static void test_damaged_access_keys(void **state)
{
    const struct place_of_test *t = *state;
    char path[PATH * 2];
    struct diags d;

    put(t, "a.json", SECRET("env:U"));
    put(t, "access.keys", "{}");
    assert_int_equal(chmod(in(t, "access.keys", path), 0600), 0);
    assert_null(make(t, "a.json", LOAD_SERVE, &d));
    wants(&d, DIAG_ERROR, "access.keys in this state folder: it is damaged");
    diags_fini(&d);
}

static void test_snapshot_has_keys(void **state)
{
    const struct place_of_test *t = *state;
    struct diags d;

    put(t, "a.json", SECRET("env:U"));
    struct snapshot *s = make(t, "a.json", LOAD_SERVE, &d);

    assert_non_null(s);
    assert_non_null(s->access.key);
    assert_int_equal(s->access.kid.n, 64);
    assert_true(span_has_prefix(s->access.certs, SPAN("{\"keys\":[{\"kty\":\"RSA\"")));
    snapshot_unref(s);
    diags_fini(&d);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_folder),
        TEST(test_folder_clashes),
        TEST(test_lists_join),
        TEST(test_not_there),
        TEST(test_named_twice),
        TEST(test_missing),
        TEST(test_bundle_without_secret),
        TEST(test_file_secret),
        TEST(test_empty_variable),
        TEST(test_no_regular_file),
        TEST(test_large_file),
        TEST(test_session_key),
        TEST(test_check_makes_no_key),
        TEST(test_session_key_of_others),
        TEST(test_bad_session_key),
        TEST(test_given_secret_needs_no_key),
        TEST(test_damaged_access_keys),
        TEST(test_snapshot_has_keys),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
