/* access.keys: made, changed in time, distrusted, and made once by many. */
#include "config/access_keys.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
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

static void put(const struct place_of_test *t, const char *name, const char *text)
{
    char path[PATH * 2];
    FILE *f = fopen(in(t, name, path), "we");

    assert_non_null(f);
    assert_true(fputs(text, f) >= 0);
    assert_int_equal(fclose(f), 0);
}

static int set_up(void **state)
{
    struct place_of_test *t = calloc(1, sizeof(*t));

    assert_non_null(t);
    snprintf(t->dir, sizeof(t->dir), "%s/tiergate-keys-XXXXXX", getenv("TMPDIR") ? getenv("TMPDIR") : "/tmp");
    assert_non_null(mkdtemp(t->dir));
    *state = t;
    return 0;
}

static int tear_down(void **state)
{
    struct place_of_test *t = *state;
    char path[PATH * 2];

    unlink(in(t, "access.keys", path));
    int r = rmdir(t->dir); /* nothing else was left there */

    free(t);
    return r;
}

static void read_keys(const struct place_of_test *t, int64_t now_s, struct access_keys *k, struct json_doc **doc)
{
    struct file_bytes f;

    assert_null(access_keys_load(t->dir, now_s, &f));
    assert_true(access_keys_read(span_make(f.p, f.n), k, doc));
    load_file_fini(&f);
}

static void test_access_keys(void **state)
{
    const struct place_of_test *t = *state;
    const int64_t start = 1800000000;
    struct access_keys first, second, third;
    struct json_doc *docs[3];
    char path[PATH * 2];
    struct stat st;

    read_keys(t, start, &first, &docs[0]);
    assert_int_equal(stat(in(t, "access.keys", path), &st), 0);
    assert_int_equal(st.st_mode & 07777, 0600);
    assert_int_equal(st.st_nlink, 1);
    assert_int_equal(first.n, 1);
    read_keys(t, start + ACCESS_KEY_S - 1, &second, &docs[1]);
    assert_int_equal(second.n, 1);
    assert_true(span_eq(second.v[0].key, first.v[0].key));
    json_free(docs[1]);
    /* Six weeks: a new one, and the old one is still there … */
    read_keys(t, start + ACCESS_KEY_S, &second, &docs[1]);
    assert_int_equal(second.n, 2);
    assert_false(span_eq(second.v[0].key, first.v[0].key));
    assert_true(span_eq(second.v[1].key, first.v[0].key));
    assert_true(span_eq(second.v[1].certificate, first.v[0].certificate));
    assert_memory_equal(second.subject, first.subject, sizeof(first.subject));
    /* … for seven days. */
    read_keys(t, start + ACCESS_KEY_S + ACCESS_KEY_KNOWN_S - 1, &third, &docs[2]);
    assert_int_equal(third.n, 2);
    json_free(docs[2]);
    read_keys(t, start + ACCESS_KEY_S + ACCESS_KEY_KNOWN_S, &third, &docs[2]);
    assert_int_equal(third.n, 1);
    assert_true(span_eq(third.v[0].key, second.v[0].key));
    assert_memory_equal(third.subject, first.subject, sizeof(first.subject));
    for (size_t i = 0; i < 3; i++)
        json_free(docs[i]);
}

/* A clock that was far ahead when the key was made. */
static void test_access_keys_of_the_future(void **state)
{
    const struct place_of_test *t = *state;
    struct access_keys first, second;
    struct json_doc *docs[2];

    read_keys(t, 1900000000, &first, &docs[0]);
    read_keys(t, 1800000000, &second, &docs[1]);
    assert_int_equal(second.n, 2);
    assert_false(span_eq(second.v[0].key, first.v[0].key));
    json_free(docs[0]);
    json_free(docs[1]);
}

static void refuses(const struct place_of_test *t, const char *why)
{
    struct file_bytes f;
    const char *problem = access_keys_load(t->dir, 1800000000, &f);

    assert_non_null(problem);
    assert_non_null(strstr(problem, why));
    assert_null(f.p);
}

static void test_bad_access_keys(void **state)
{
    static const char *const damaged[] = {
        "",
        "{}",
        "{\"version\":1}",
        "{\"version\":1,\"subject\":\"AAAA\",\"keys\":[]}",
        "{\"version\":1,\"subject\":\"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\",\"keys\":[]}",
        "{\"version\":1,\"subject\":\"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\",\"keys\":[{\"made\":1,\"until\":0,"
        "\"key\":\"x\",\"certificate\":\"x\"}]}",
    };
    const struct place_of_test *t = *state;
    char path[PATH * 2];

    for (size_t i = 0; i < sizeof(damaged) / sizeof(damaged[0]); i++) {
        put(t, "access.keys", damaged[i]);
        assert_int_equal(chmod(in(t, "access.keys", path), 0600), 0);
        refuses(t, "it is damaged");
    }
    assert_int_equal(chmod(path, 0640), 0);
    refuses(t, "others may read or write it");
    assert_int_equal(unlink(path), 0);
    assert_int_equal(symlink("nowhere", path), 0);
    refuses(t, "symbolic link");
}

/* Of many loaders at once all get the same keys. */
static void test_access_keys_at_once(void **state)
{
    enum { LOADERS = 6 };
    const struct place_of_test *t = *state;
    struct access_keys k;
    struct json_doc *doc;
    pid_t pids[LOADERS];

    for (size_t i = 0; i < LOADERS; i++) {
        pids[i] = fork();
        assert_true(pids[i] >= 0);
        if (pids[i] == 0) {
            struct file_bytes f;
            const char *problem = access_keys_load(t->dir, 1800000000, &f);

            _exit(problem || !access_keys_read(span_make(f.p, f.n), &k, &doc) ? 255 : k.subject[0] & 0x7f);
        }
    }
    read_keys(t, 1800000000, &k, &doc);
    for (size_t i = 0; i < LOADERS; i++) {
        int status;

        assert_int_equal(waitpid(pids[i], &status, 0), pids[i]);
        assert_true(WIFEXITED(status));
        assert_int_equal(WEXITSTATUS(status), k.subject[0] & 0x7f);
    }
    json_free(doc);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_access_keys),
        TEST(test_access_keys_of_the_future),
        TEST(test_bad_access_keys),
        TEST(test_access_keys_at_once),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
