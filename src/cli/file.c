#include "cli/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

static struct res read_all(int fd, size_t max, struct text *out)
{
    uint8_t piece[4096];
    ssize_t n;
    while ((n = read(fd, piece, sizeof(piece))) != 0) {
        if (n == -1 && errno == EINTR) {
            continue;
        }
        if (n == -1) {
            return res_err(strerrordesc_np(errno));
        }
        if ((size_t)n > max - out->n) {
            return res_err("too large");
        }
        text_add(out, span_make(piece, (size_t)n));
    }
    return out->failed ? res_err("out of memory") : RES_OK;
}

struct res file_read(const char *path, size_t max, struct text *out)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd == -1) {
        return res_err(errno == ENOENT ? FILE_ABSENT : strerrordesc_np(errno));
    }
    struct res r = read_all(fd, max + out->n, out);
    (void)close(fd);
    return r;
}

bool file_is_absent(struct res r)
{
    return !res_ok(r) && strcmp(r.err, FILE_ABSENT) == 0;
}

static bool write_all(int fd, struct span s)
{
    while (s.n > 0) {
        ssize_t n = write(fd, s.p, s.n);
        if (n == -1 && errno != EINTR) {
            return false;
        }
        s = n > 0 ? span_from(s, (size_t)n) : s;
    }
    return fsync(fd) == 0;
}

static struct res write_and_rename(const char *path, const char *temporary, struct span bytes, mode_t mode)
{
    (void)unlink(temporary);
    int fd = open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, mode);
    if (fd == -1) {
        return res_err(strerrordesc_np(errno));
    }
    bool good = write_all(fd, bytes);
    int why = errno;
    good = close(fd) == 0 && good;
    if (!good || rename(temporary, path) == -1) {
        why = good ? errno : why;
        (void)unlink(temporary);
        return res_err(strerrordesc_np(why));
    }
    return RES_OK;
}

struct res file_write(const char *path, struct span bytes, mode_t mode)
{
    struct text temporary;
    text_init(&temporary);
    text_addf(&temporary, "%s.new", path);
    struct res r = temporary.failed ? res_err("out of memory") : write_and_rename(path, temporary.p, bytes, mode);
    text_fini(&temporary);
    return r;
}

struct res file_make_folder(const char *path, mode_t mode)
{
    struct stat st;
    if (mkdir(path, mode) == 0) {
        return RES_OK;
    }
    if (errno != EEXIST) {
        return res_err(strerrordesc_np(errno));
    }
    return stat(path, &st) == 0 && S_ISDIR(st.st_mode) ? RES_OK : res_err("there is a file of that name");
}
