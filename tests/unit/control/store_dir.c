/* STATE/store: made for the worker, and refused when it is not what a worker may be given. */
#include "control/store_dir.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#define WORKER 65534u
#define STRANGER 12345u

struct world {
    char state[64], store[80];
    struct privilege worker;
};

static int setup(void **state)
{
    struct world *w = calloc(1, sizeof(*w));
    assert_non_null(w);
    (void)snprintf(w->state, sizeof(w->state), "/tmp/tiergate-state-XXXXXX");
    assert_non_null(mkdtemp(w->state));
    (void)snprintf(w->store, sizeof(w->store), "%s/store", w->state);
    bool root = geteuid() == 0;
    w->worker = (struct privilege){.uid = root ? WORKER : geteuid(), .gid = root ? WORKER : getegid(), .name = ""};
    *state = w;
    return 0;
}

static int teardown(void **state)
{
    struct world *w = *state;
    (void)unlink(w->store);
    (void)rmdir(w->store);
    assert_int_equal(rmdir(w->state), 0);
    free(w);
    return 0;
}

static const char *make(struct world *w, const char *wanted)
{
    struct text path;
    text_init(&path);
    struct res r = store_dir_make(w->state, &w->worker, &path);
    if (res_ok(r)) {
        assert_string_equal(path.p, wanted);
    }
    text_fini(&path);
    return r.err;
}

static void is_the_workers(const struct world *w)
{
    struct stat st;
    assert_int_equal(lstat(w->store, &st), 0);
    assert_true(S_ISDIR(st.st_mode));
    assert_int_equal(st.st_mode & 07777, 0700);
    assert_int_equal(st.st_uid, w->worker.uid);
    assert_int_equal(st.st_gid, w->worker.gid);
    assert_int_equal(stat(w->state, &st), 0);
    assert_int_equal(st.st_uid, geteuid()); /* not this one */
}

static void is_refused(struct world *w, const char *part)
{
    const char *why = make(w, w->store);
    assert_non_null(why);
    if (strstr(why, part) == NULL) {
        fail_msg("%s", why);
    }
}

static void is_made(void **state)
{
    struct world *w = *state;
    mode_t before = umask(0);
    assert_null(make(w, w->store));
    is_the_workers(w);
    assert_null(make(w, w->store)); /* and found again */
    is_the_workers(w);
    assert_int_equal(chmod(w->store, 0755), 0);
    assert_null(make(w, w->store));
    is_the_workers(w);
    (void)umask(before);
}

static void a_link_is_refused(void **state)
{
    struct world *w = *state;
    assert_int_equal(symlink("/tmp", w->store), 0);
    is_refused(w, "symbolic link");
}

static void a_file_is_refused(void **state)
{
    struct world *w = *state;
    int fd = open(w->store, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    assert_true(fd >= 0 && close(fd) == 0);
    is_refused(w, "no folder");
}

static void a_strangers_is_refused(void **state)
{
    struct world *w = *state;
    struct stat st;
    if (geteuid() != 0) {
        skip();
    }
    assert_int_equal(mkdir(w->store, 0700), 0);
    assert_int_equal(chown(w->store, STRANGER, STRANGER), 0);
    is_refused(w, "belongs to another user");
    assert_int_equal(stat(w->store, &st), 0);
    assert_int_equal(st.st_uid, STRANGER);
}

static void no_state_folder(void **state)
{
    struct world *w = *state;
    struct world none = {.worker = w->worker};
    (void)snprintf(none.state, sizeof(none.state), "/nowhere/at/all");
    is_refused(&none, "the state folder cannot be opened");
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(is_made),         TEST(a_link_is_refused), TEST(a_file_is_refused), TEST(a_strangers_is_refused),
        TEST(no_state_folder),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
