#include "control/sink.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

static struct res open_path(const char *path, int *fd)
{
    /* Non-blocking, so that a pipe without a reader is an error instead of a supervisor that hangs. */
    int f = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOCTTY | O_NONBLOCK, 0640);
    if (f == -1) {
        return res_err(strerrordesc_np(errno));
    }
    if (fcntl(f, F_SETFL, O_APPEND) == -1) {
        (void)close(f);
        return res_err("cannot set it up");
    }
    *fd = f;
    return RES_OK;
}

struct res sink_open(const char *to, int *fd)
{
    *fd = -1;
    if (strcmp(to, "none") == 0) {
        return RES_OK;
    }
    if (strcmp(to, "stdout") == 0) {
        *fd = fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 0);
        return *fd != -1 ? RES_OK : res_err("standard output is closed");
    }
    return open_path(to, fd);
}
