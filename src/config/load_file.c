#include "config/load_file.h"

#include "base/crypto/mac.h"
#include "base/crypto/random.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static const char *reason(int error)
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
        return reason(errno);
    if (fstat(fd, &st) < 0)
        problem = reason(errno);
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
            return reason(errno);
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
    size_t size;
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

/* --- the session key ---------------------------------------------------------------------------------------------- */

static bool write_key(int dir, const char *name, const uint8_t key[32])
{
    int fd = openat(dir, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);

    if (fd < 0)
        return false;
    bool good = write(fd, key, 32) == 32 && fsync(fd) == 0;

    return close(fd) == 0 && good;
}

/* Under another name first, then linked: nobody ever sees half a key, and of two that make one at once one wins. */
static const char *make_key(int dir)
{
    uint8_t key[32];
    char name[64];

    snprintf(name, sizeof(name), ".session.key.%ld", (long)getpid());
    unlinkat(dir, name, 0);
    if (!res_ok(random_bytes(key, sizeof(key))))
        return "no random bytes";
    bool good = write_key(dir, name, key);
    int error = errno;

    wipe(key, sizeof(key));
    if (good && linkat(dir, name, dir, "session.key", 0) < 0 && errno != EEXIST) {
        error = errno;
        good = false;
    }
    unlinkat(dir, name, 0);
    if (good && fsync(dir) < 0)
        return reason(errno);
    return good ? NULL : reason(error);
}

/* Whoever can write the key can sign sessions, so it must be one that we made, or that who we are put there. */
static const char *distrust(int fd)
{
    struct stat st;

    if (fstat(fd, &st) < 0)
        return reason(errno);
    if (st.st_uid != geteuid())
        return "it belongs to another user, who could have put it there: remove it, a new one is made (all sessions "
               "end)";
    return st.st_mode & 077 ? "others may read or write it: chmod 600, or remove it if they may have (all sessions end)"
                            : NULL;
}

static const char *open_key(int dir, int *fd)
{
    *fd = openat(dir, "session.key", READING | O_NOFOLLOW);
    if (*fd < 0)
        return errno == ELOOP ? "it is a symbolic link: remove it, a new one is made (all sessions end)"
                              : reason(errno);
    const char *problem = distrust(*fd);

    if (problem)
        close(*fd);
    return problem;
}

static const char *read_key(int dir, uint8_t out[32])
{
    struct file_bytes f;
    int fd;
    const char *problem = open_key(dir, &fd);

    if (!problem)
        problem = read_open(fd, 4096, &f);
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
        return reason(errno);
    if (make && faccessat(dir, "session.key", F_OK, AT_SYMLINK_NOFOLLOW) < 0 && errno == ENOENT)
        problem = make_key(dir);
    if (!problem)
        problem = read_key(dir, out);
    close(dir);
    return problem;
}
