/* A bundle's way through a memfd: sealed by the loader, refused unsealed by the worker. */
#include "config/bundle.h"

#include "config/bundle_format.h"

#include "base/crypto/mac.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define SEALS (F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE)

static bool write_all(int fd, struct span s)
{
    while (s.n) {
        ssize_t n = write(fd, s.p, s.n);

        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return false;
        s = span_from(s, (size_t)n);
    }
    return true;
}

struct res bundle_seal(const struct bundle *b, int *out_fd)
{
    int fd = memfd_create("tiergate-bundle", MFD_CLOEXEC | MFD_ALLOW_SEALING);

    if (fd < 0)
        return res_err("no memfd for the bundle");
    if (!write_all(fd, bundle_bytes(b)) || fcntl(fd, F_ADD_SEALS, SEALS) < 0) {
        close(fd);
        return res_err("the bundle could not be written and sealed");
    }
    *out_fd = fd;
    return RES_OK;
}

static bool read_all(int fd, uint8_t *p, size_t n)
{
    size_t at = 0;

    while (at < n) {
        ssize_t got = pread(fd, p + at, n - at, (off_t)at);

        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            return false;
        at += (size_t)got;
    }
    return true;
}

struct res bundle_open(int fd, struct bundle **out)
{
    int seals = fcntl(fd, F_GET_SEALS);
    struct stat st;

    /* What is not sealed could still change under our eyes. */
    if (seals < 0 || (seals & SEALS) != SEALS)
        return res_err("the bundle is not sealed");
    if (fstat(fd, &st) < 0 || st.st_size <= 0 || (uint64_t)st.st_size > BUNDLE_MAX)
        return res_err("the bundle is malformed");
    size_t n = (size_t)st.st_size;
    uint8_t *p = malloc(n);

    if (!p)
        return res_err("out of memory");
    struct res r = read_all(fd, p, n) ? bundle_parse(span_make(p, n), out) : res_err("the bundle could not be read");

    wipe(p, n);
    free(p);
    return r;
}
