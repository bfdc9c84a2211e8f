#include "control/store_dir.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#define NAME "store"

static bool changes_user(const struct privilege *worker)
{
    return geteuid() == 0 && worker->uid != 0;
}

/* The worker may have put anything into it, but not anything in its place: that is the state folder's, and root's. What another user
 * left there is not given to the worker: it might be a link to a file of somebody else's. */
static struct res make_fit(int state, int folder, const struct privilege *worker)
{
    struct stat st;
    if (fstat(folder, &st) == -1) {
        return res_err("the store's folder cannot be looked at");
    }
    bool give = changes_user(worker) && st.st_uid == 0;
    if (!give && st.st_uid != (changes_user(worker) ? worker->uid : geteuid())) {
        return res_err("the folder \"store\" in the state folder belongs to another user: chown -R it to the worker's");
    }
    if ((st.st_mode & 07777) != 0700 && fchmodat(state, NAME, 0700, 0) == -1) {
        return res_err("the folder \"store\" in the state folder is open to others: chmod 700");
    }
    if (give && fchownat(folder, "", worker->uid, worker->gid, AT_EMPTY_PATH) == -1) {
        return res_err(
            "the folder \"store\" in the state folder cannot be given to the worker's user: chown it, or keep "
            "CAP_CHOWN");
    }
    return RES_OK;
}

static struct res make_in(int state, const struct privilege *worker)
{
    if (mkdirat(state, NAME, 0700) == -1 && errno != EEXIST) {
        return res_err("the store's folder cannot be made in the state folder");
    }
    /* O_PATH: root without CAP_DAC_OVERRIDE may not look into it any more. */
    int fd = openat(state, NAME, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd == -1) {
        return res_err("\"store\" in the state folder is a symbolic link, or no folder");
    }
    struct res r = make_fit(state, fd, worker);
    (void)close(fd);
    return r;
}

struct res store_dir_make(const char *state, const struct privilege *worker, struct text *out)
{
    int fd = open(state, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd == -1) {
        return res_err("the state folder cannot be opened");
    }
    struct res r = make_in(fd, worker);
    (void)close(fd);
    text_addf(out, "%s/" NAME, state);
    return res_ok(r) && out->failed ? res_err("out of memory") : r;
}
