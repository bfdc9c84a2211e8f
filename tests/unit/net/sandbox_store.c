/* What a worker that was taken over could do with a folder that it may write to, and with what lies beside it. */
#include "net/sandbox.h"

#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/count.h"

#include <setjmp.h>

#include <cmocka.h>

struct world {
    char folder[64], readable[96], secret[96], fresh[96], store[96], record[110];
    unsigned in_force;
};

static int result(long r)
{
    return r < 0 ? errno : 0;
}

static int open_it(const char *path, int flags)
{
    return result(open(path, flags | O_CLOEXEC, 0600));
}

static int read_key(struct world *w)
{
    return open_it(w->secret, O_RDONLY);
}

static int read_passwd(struct world *w)
{
    return open_it("/etc/passwd", O_RDONLY);
}

#define WAY (O_RDWR | O_NOFOLLOW) /* as SQLite opens its files */

static int at_record(struct world *w, int (*use)(int fd))
{
    int fd = open(w->record, WAY | O_CREAT | O_CLOEXEC, 0600);
    return fd < 0 ? errno : use(fd);
}

static int write_and_sync(int fd)
{
    char c;
    return result(pwrite(fd, "x", 1, 5000)) || pread(fd, &c, 1, 5000) != 1 ? errno : result(fdatasync(fd));
}

static int lock(int fd)
{
    struct flock l = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
    return result(fcntl(fd, F_GETLK, &l)) ? errno : result(fcntl(fd, F_SETLK, &l));
}

static int cut(int fd)
{
    return result(ftruncate(fd, 0));
}

static int mode_of(int fd)
{
    return result(fchmod(fd, 0777));
}

static int store_write(struct world *w)
{
    return at_record(w, write_and_sync);
}

static int store_lock(struct world *w)
{
    return at_record(w, lock);
}

static int store_cut(struct world *w)
{
    return at_record(w, cut);
}

static int store_mode(struct world *w)
{
    return at_record(w, mode_of);
}

static int store_remove(struct world *w)
{
    int r = open_it(w->record, WAY | O_CREAT);
    return r ? r : result(unlink(w->record));
}

static int store_list(struct world *w)
{
    return open_it(w->store, O_RDONLY | O_DIRECTORY);
}

static int store_empty(struct world *w)
{
    return open_it(w->record, WAY | O_CREAT | O_TRUNC);
}

static int store_folder(struct world *w)
{
    return result(mkdir(w->record, 0700));
}

static int store_link(struct world *w)
{
    return result(symlink(w->secret, w->record));
}

static int store_hard_link(struct world *w)
{
    return result(link(w->secret, w->record));
}

static int store_rename(struct world *w)
{
    return result(rename(w->secret, w->record));
}

static int write_key(struct world *w)
{
    return open_it(w->secret, WAY);
}

static int write_readable_so(struct world *w)
{
    return open_it(w->readable, WAY);
}

static int create_beside(struct world *w)
{
    return open_it(w->fresh, WAY | O_CREAT);
}

static int remove_key(struct world *w)
{
    return result(unlink(w->secret));
}

static int remove_store(struct world *w)
{
    return result(rmdir(w->store));
}

static const struct {
    const char *name;
    int (*try)(struct world *w);
    unsigned needs;
    int wants;
} cases[] = {
    {"make, write, read, sync", store_write, 0, 0},
    {"lock", store_lock, 0, 0},
    {"remove", store_remove, 0, 0},
    {"list, to sync it", store_list, 0, 0},
    {"cut off", store_cut, SANDBOX_CALLS, ENOSYS},
    {"change a mode", store_mode, SANDBOX_CALLS, ENOSYS},
    {"empty by opening", store_empty, SANDBOX_CALLS, ENOSYS},
    {"make a folder", store_folder, SANDBOX_CALLS, ENOSYS},
    {"make a link", store_link, SANDBOX_CALLS, ENOSYS},
    {"make another name for a key", store_hard_link, SANDBOX_CALLS, ENOSYS},
    {"move a key into it", store_rename, SANDBOX_CALLS, ENOSYS},
    {"write a key", write_key, SANDBOX_FILES, EACCES},
    {"write what may be read", write_readable_so, SANDBOX_FILES, EACCES},
    {"make a file beside it", create_beside, SANDBOX_FILES, EACCES},
    {"remove a key", remove_key, SANDBOX_FILES, EACCES},
    {"remove the folder", remove_store, SANDBOX_CALLS, ENOSYS},
    {"read a key", read_key, SANDBOX_FILES, EACCES},
    {"read /etc/passwd", read_passwd, SANDBOX_FILES, EACCES},
};

static void write_file(const char *path)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
    assert_true(fd >= 0 && write(fd, "x", 1) == 1 && close(fd) == 0);
}

static int setup(void **state)
{
    struct world *w = calloc(1, sizeof *w);
    assert_non_null(w);
    (void)snprintf(w->folder, sizeof w->folder, "/tmp/tiergate-sandbox-XXXXXX");
    assert_non_null(mkdtemp(w->folder));
    (void)snprintf(w->readable, sizeof w->readable, "%s/hosts", w->folder);
    (void)snprintf(w->secret, sizeof w->secret, "%s/session.key", w->folder);
    (void)snprintf(w->fresh, sizeof w->fresh, "%s/fresh", w->folder);
    (void)snprintf(w->store, sizeof w->store, "%s/store", w->folder);
    (void)snprintf(w->record, sizeof w->record, "%s/record", w->store);
    assert_int_equal(mkdir(w->store, 0700), 0);
    write_file(w->readable);
    write_file(w->secret);
    *state = w;
    return 0;
}

static int teardown(void **state)
{
    struct world *w = *state;
    (void)unlink(w->readable);
    (void)unlink(w->secret);
    (void)unlink(w->fresh);
    (void)unlink(w->record);
    assert_int_equal(rmdir(w->store), 0);
    assert_int_equal(rmdir(w->folder), 0);
    free(w);
    return 0;
}

static bool enter(struct world *w)
{
    static const struct sandbox_ports none;
    const char *readable[] = {w->readable};
    struct sandbox_policy p = {.readable = readable, .readable_count = 1, .writable = w->store, .connect = &none};
    return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 && res_ok(sandbox_enter(&p, &w->in_force));
}

#define NOT_ENTERED 255
#define NOT_IN_FORCE 254

static int outcome(struct world *w, int (*try)(struct world *w), unsigned needs)
{
    int status;
    pid_t p = fork();
    assert_true(p >= 0);
    if (p == 0)
        _exit(!enter(w) ? NOT_ENTERED : (w->in_force & needs) != needs ? NOT_IN_FORCE : try(w));
    assert_int_equal(waitpid(p, &status, 0), p);
    return WIFSIGNALED(status) ? -WTERMSIG(status) : WEXITSTATUS(status);
}

static void test_store(void **state)
{
    unsigned failed = 0;
#ifdef TG_COVERAGE
    skip(); /* such a build writes files */
#endif
    for (size_t i = 0; i < COUNT(cases); i++) {
        int got = outcome(*state, cases[i].try, cases[i].needs);
        if (got == NOT_IN_FORCE) {
            print_message("%s: this kernel cannot forbid it\n", cases[i].name);
        } else if (got != cases[i].wants) {
            failed++;
            print_error("%s: %d, wants %d\n", cases[i].name, got, cases[i].wants);
        }
    }
    assert_int_equal(failed, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test_setup_teardown(test_store, setup, teardown)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
