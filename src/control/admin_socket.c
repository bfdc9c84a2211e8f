#include "control/admin.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define BACKLOG 8
#define SEND_MS 2000
#define NO_ANSWER "no answer: it has ended, is another version, or you may not ask"

/* By way of the folder's descriptor: a socket's path may have 107 bytes, the folder's own any number. */
static struct res name_in(const char *state_dir, int *folder, struct sockaddr_un *name)
{
    *folder = open(state_dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (*folder == -1) {
        return res_err(errno == ENOENT   ? "there is no such state folder: name it with --state"
                       : errno == EACCES ? "the state folder is not yours to look into: ask as who started it"
                                         : "the state folder cannot be opened");
    }
    *name = (struct sockaddr_un){.sun_family = AF_UNIX};
    (void)snprintf(name->sun_path, sizeof(name->sun_path), "/proc/self/fd/%d/" ADMIN_SOCKET, *folder);
    return RES_OK;
}

static int socket_new(int flags)
{
    return socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | flags, 0);
}

/* Connected, or errno. */
static int connect_to(const struct sockaddr_un *name)
{
    int fd = socket_new(0);
    if (fd != -1 && connect(fd, (const struct sockaddr *)name, sizeof(*name)) == -1) {
        int why = errno;
        (void)close(fd);
        errno = why;
        fd = -1;
    }
    return fd;
}

static struct res remove_old(int folder, const struct sockaddr_un *name)
{
    int other = connect_to(name);
    if (other != -1) {
        (void)close(other);
        return res_err("another tiergate listens there");
    }
    if (errno != ENOENT && errno != ECONNREFUSED) {
        return res_err("something else is in its place");
    }
    return unlinkat(folder, ADMIN_SOCKET, 0) == 0 || errno == ENOENT ? RES_OK
                                                                     : res_err("the old one cannot be removed");
}

static struct res bind_new(const struct sockaddr_un *name, int *out)
{
    mode_t before = umask(0177);
    int fd = socket_new(SOCK_NONBLOCK);
    bool bound = fd != -1 && bind(fd, (const struct sockaddr *)name, sizeof(*name)) == 0 && listen(fd, BACKLOG) == 0;
    (void)umask(before);
    if (!bound) {
        if (fd != -1) {
            (void)close(fd);
        }
        return res_err("it cannot be made");
    }
    *out = fd;
    return RES_OK;
}

struct res admin_listen(const char *state_dir, int *fd)
{
    struct sockaddr_un name;
    int folder;
    *fd = -1;
    struct res r = name_in(state_dir, &folder, &name);
    if (!res_ok(r)) {
        return r;
    }
    r = remove_old(folder, &name);
    if (res_ok(r)) {
        r = bind_new(&name, fd);
    }
    (void)close(folder);
    return r;
}

void admin_remove(const char *state_dir)
{
    int folder = open(state_dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (folder != -1) {
        (void)unlinkat(folder, ADMIN_SOCKET, 0);
        (void)close(folder);
    }
}

bool admin_is_allowed(int client)
{
    struct ucred who;
    socklen_t n = sizeof(who);
    return getsockopt(client, SOL_SOCKET, SO_PEERCRED, &who, &n) == 0 && (who.uid == 0 || who.uid == geteuid());
}

/* --- asking ------------------------------------------------------------------------------------------------------- */

static struct res connect_error(int why)
{
    switch (why) {
    case ENOENT:
    case ECONNREFUSED:
        return res_err("no tiergate runs with this state folder: name its own with --state");
    case EACCES:
    case EPERM:
        return res_err("you may not ask: ask as who started it, or as root");
    default:
        return res_err("it cannot be asked: the socket admin.sock of the state folder cannot be connected to");
    }
}

static struct res receive(int fd, struct wire_msg *m, int timeout_ms)
{
    struct pollfd p = {.fd = fd, .events = POLLIN};
    int n;
    do {
        n = poll(&p, 1, timeout_ms);
    } while (n == -1 && errno == EINTR);
    if (n != 1) {
        return res_err("no answer came in time");
    }
    switch (wire_recv(fd, WIRE_BIT(WIRE_ADMIN_DONE), m)) {
    case WIRE_IO_OK:
        return RES_OK;
    case WIRE_IO_BAD:
        return res_err("the answer is another version's");
    default:
        return res_err(NO_ANSWER);
    }
}

struct res admin_ask(const char *state_dir, struct wire_msg *m, int timeout_ms)
{
    struct sockaddr_un name;
    int folder;
    struct res r = name_in(state_dir, &folder, &name);
    if (!res_ok(r)) {
        return r;
    }
    int fd = connect_to(&name);
    int why = errno;
    (void)close(folder);
    if (fd == -1) {
        return connect_error(why);
    }
    /* Who may not ask finds the line cut, before or after he has said a word. */
    r = res_ok(wire_send(fd, m, SEND_MS)) ? receive(fd, m, timeout_ms) : res_err(NO_ANSWER);
    (void)close(fd);
    return r;
}
