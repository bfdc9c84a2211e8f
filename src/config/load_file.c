#include "config/load_file.h"

#include "base/crypto/mac.h"
#include "base/crypto/random.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

const char *load_file_reason(int error)
{
    const char *text = strerrordesc_np(error);

    return text ? text : "unknown error";
}

/* O_NONBLOCK: opening a FIFO must not wait for its other end. */
#define READING (O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY)

/* fd: open, or -1 with errno; closed when there is a problem. */
static const char *check_regular(int fd, size_t max, size_t *size)
{
    struct stat st;
    const char *problem = NULL;

    if (fd < 0)
        return load_file_reason(errno);
    if (fstat(fd, &st) < 0)
        problem = load_file_reason(errno);
    else if (!S_ISREG(st.st_mode))
        problem = "not a regular file";
    else if ((uint64_t)st.st_size > max)
        problem = "too large";
    if (problem)
        close(fd);
    else
        *size = (size_t)st.st_size;
    return problem;
}

/* One byte more than fstat said, so that a file that grows meanwhile is noticed. */
static const char *read_all(int fd, size_t size, struct file_bytes *out)
{
    size_t at = 0;

    out->p = calloc(1, size + 1);
    if (!out->p)
        return "out of memory";
    while (at <= size) {
        ssize_t n = read(fd, out->p + at, size + 1 - at);

        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return load_file_reason(errno);
        if (n == 0)
            break;
        at += (size_t)n;
    }
    out->n = at;
    return at > size ? "changed while it was read" : NULL;
}

/* Takes fd. */
static const char *read_open(int fd, size_t max, struct file_bytes *out)
{
    size_t size = 0;
    const char *problem = check_regular(fd, max, &size);

    *out = (struct file_bytes){NULL, 0};
    if (problem)
        return problem;
    problem = read_all(fd, size, out);
    if (problem)
        load_file_fini(out);
    close(fd);
    return problem;
}

const char *load_file_read(const char *path, size_t max, struct file_bytes *out)
{
    return read_open(open(path, READING), max, out);
}

void load_file_fini(struct file_bytes *f)
{
    if (f->p)
        wipe(f->p, f->n);
    free(f->p);
    *f = (struct file_bytes){NULL, 0};
}

/* --- what the state folder keeps ------------------------------------------------------------------------------------- */

/* Whoever can write a key can sign what it signs, so it must be one that we made, or that who we are put there. */
static const char *distrust(int fd, const struct kept_file *k)
{
    struct stat st;

    if (fstat(fd, &st) < 0)
        return load_file_reason(errno);
    if (st.st_uid != geteuid())
        return k->is_others;
    return st.st_mode & 077 ? k->is_open : NULL;
}

static const char *open_kept(int dir, const struct kept_file *k, int *fd)
{
    *fd = openat(dir, k->name, READING | O_NOFOLLOW);
    if (*fd < 0)
        return errno == ELOOP ? k->is_link : load_file_reason(errno);
    const char *problem = distrust(*fd, k);

    if (problem)
        close(*fd);
    return problem;
}

const char *load_file_kept(int dir, const struct kept_file *k, struct file_bytes *out)
{
    int fd;
    const char *problem = open_kept(dir, k, &fd);

    *out = (struct file_bytes){NULL, 0};
    return problem ? problem : read_open(fd, k->max, out);
}

bool load_file_is_missing(int dir, const char *name)
{
    return faccessat(dir, name, F_OK, AT_SYMLINK_NOFOLLOW) < 0 && errno == ENOENT;
}

static bool write_new(int dir, const char *name, struct span bytes)
{
    int fd = openat(dir, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);

    if (fd < 0)
        return false;
    bool good = write(fd, bytes.p, bytes.n) == (ssize_t)bytes.n && fsync(fd) == 0;

    return close(fd) == 0 && good;
}

static bool give_name(int dir, const char *from, const char *name, bool replace)
{
    if (replace)
        return renameat(dir, from, dir, name) == 0;
    return linkat(dir, from, dir, name, 0) == 0 || errno == EEXIST;
}

/* Under another name first: nobody ever sees half a file, and of two that make one at once one wins. */
const char *load_file_keep(int dir, const char *name, struct span bytes, bool replace)
{
    char other[64];

    snprintf(other, sizeof(other), ".%s.%ld", name, (long)getpid());
    unlinkat(dir, other, 0);
    bool good = write_new(dir, other, bytes) && give_name(dir, other, name, replace);
    int error = errno;

    unlinkat(dir, other, 0);
    if (good && fsync(dir) < 0)
        return load_file_reason(errno);
    return good ? NULL : load_file_reason(error);
}

/* --- the session key ---------------------------------------------------------------------------------------------- */

static const struct kept_file session_key = {
    .name = "session.key",
    .max = 4096,
    .is_link = "it is a symbolic link: remove it, a new one is made (all sessions end)",
    .is_others = "it belongs to another user, who could have put it there: remove it, a new one is made (all sessions "
                 "end)",
    .is_open = "others may read or write it: chmod 600, or remove it if they may have (all sessions end)",
};

static const char *make_key(int dir)
{
    uint8_t key[32];

    if (!res_ok(random_bytes(key, sizeof(key))))
        return "no random bytes";
    const char *problem = load_file_keep(dir, session_key.name, span_make(key, sizeof(key)), false);

    wipe(key, sizeof(key));
    return problem;
}

static const char *read_key(int dir, uint8_t out[32])
{
    struct file_bytes f;
    const char *problem = load_file_kept(dir, &session_key, &f);

    if (problem)
        return problem;
    if (f.n == 32)
        memcpy(out, f.p, 32);
    else
        problem = "not 32 bytes: remove it, a new one is made (all sessions end)";
    load_file_fini(&f);
    return problem;
}

const char *load_session_key(const char *state_dir, bool make, uint8_t out[32])
{
    int dir = open(state_dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    const char *problem = NULL;

    if (dir < 0)
        return load_file_reason(errno);
    if (make && load_file_is_missing(dir, session_key.name))
        problem = make_key(dir);
    if (!problem)
        problem = read_key(dir, out);
    close(dir);
    return problem;
}
