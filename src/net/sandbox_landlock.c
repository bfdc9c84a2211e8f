/* Landlock: files and TCP ports. Debian 12's headers know version 2; what came later is defined here. */
#include "net/sandbox_impl.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/landlock.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#define FS_TRUNCATE (UINT64_C(1) << 14)  /* version 3 */
#define FS_IOCTL_DEV (UINT64_C(1) << 15) /* version 5 */
#define NET_BIND_TCP (UINT64_C(1) << 0)  /* version 4 */
#define NET_CONNECT_TCP (UINT64_C(1) << 1)
#define SCOPE_ABSTRACT_UNIX (UINT64_C(1) << 0) /* version 6 */
#define SCOPE_SIGNAL (UINT64_C(1) << 1)
#define RULE_NET_PORT 2

/* Nothing there is ever cut off, moved, or more than a plain file. */
#define WRITABLE                                                                                                       \
    (LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_READ_DIR | LANDLOCK_ACCESS_FS_WRITE_FILE |                      \
     LANDLOCK_ACCESS_FS_MAKE_REG | LANDLOCK_ACCESS_FS_REMOVE_FILE)

struct attr {
    uint64_t fs, net, scoped;
};

struct net_port {
    uint64_t access, port;
};

/* How much of struct attr a version knows: the kernel refuses more, unless it is zero. */
static size_t attr_size(long version)
{
    return version >= 6 ? sizeof(struct attr) : version >= 4 ? offsetof(struct attr, scoped) : sizeof(uint64_t);
}

static uint64_t all_of_fs(long version)
{
    uint64_t all = (LANDLOCK_ACCESS_FS_MAKE_SYM << 1) - 1; /* version 1, which ends with that one */
    all |= version >= 2 ? LANDLOCK_ACCESS_FS_REFER : 0;
    all |= version >= 3 ? FS_TRUNCATE : 0;
    return all | (version >= 5 ? FS_IOCTL_DEV : 0);
}

static struct attr attr_of(long version)
{
    return (struct attr){.fs = SANDBOX_COVERED ? LANDLOCK_ACCESS_FS_EXECUTE : all_of_fs(version),
                         .net = version >= 4 ? NET_BIND_TCP | NET_CONNECT_TCP : 0,
                         .scoped = version >= 6 ? SCOPE_ABSTRACT_UNIX | SCOPE_SIGNAL : 0};
}

static struct res allow_path(int ruleset, const char *path, uint64_t access)
{
    struct landlock_path_beneath_attr rule = {.allowed_access = access};
    if (SANDBOX_COVERED)
        return RES_OK; /* reading is not limited there, so it cannot be allowed */
    rule.parent_fd = open(path, O_PATH | O_CLOEXEC);
    if (rule.parent_fd < 0)
        return RES_OK; /* what is not there, or not for us, needs no permission */
    long done = syscall(SYS_landlock_add_rule, ruleset, LANDLOCK_RULE_PATH_BENEATH, &rule, 0);
    close(rule.parent_fd);
    return done == 0 ? RES_OK : res_err("Landlock refuses a path");
}

static struct res allow_paths(int ruleset, const struct sandbox_policy *p)
{
    struct res r = RES_OK;
    for (size_t i = 0; i < p->readable_count && res_ok(r); i++)
        r = allow_path(ruleset, p->readable[i], LANDLOCK_ACCESS_FS_READ_FILE);
    if (p->writable && res_ok(r))
        r = allow_path(ruleset, p->writable, WRITABLE);
    if (SANDBOX_SANITIZED && res_ok(r)) /* the leak checker lists threads and mappings */
        r = allow_path(ruleset, "/proc", LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_READ_DIR);
    return r;
}

static struct res allow_ports(int ruleset, const struct sandbox_ports *ports)
{
    for (uint32_t port = 0; port <= UINT16_MAX; port++) {
        struct net_port rule = {.access = NET_CONNECT_TCP, .port = port};
        if (sandbox_ports_has(ports, (uint16_t)port) &&
            syscall(SYS_landlock_add_rule, ruleset, RULE_NET_PORT, &rule, 0) != 0)
            return res_err("Landlock refuses a port");
    }
    return RES_OK;
}

static struct res fill_and_enter(int ruleset, const struct sandbox_policy *p, const struct attr *a)
{
    struct res r = allow_paths(ruleset, p);
    if (res_ok(r) && a->net != 0)
        r = allow_ports(ruleset, p->connect);
    if (res_ok(r) && syscall(SYS_landlock_restrict_self, ruleset, 0) != 0)
        r = res_err("Landlock refuses to hold this process");
    return r;
}

struct res sandbox_landlock(const struct sandbox_policy *p, unsigned *in_force)
{
    /* Any error here is that of a kernel without it, or of a container that hides it. */
    long version = syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION);
    if (version < 1)
        return RES_OK;
    struct attr a = attr_of(version);
    int ruleset = (int)syscall(SYS_landlock_create_ruleset, &a, attr_size(version), 0);
    if (ruleset < 0)
        return res_err("Landlock is there, but makes no ruleset");
    struct res r = fill_and_enter(ruleset, p, &a);
    close(ruleset);
    if (res_ok(r))
        *in_force |= SANDBOX_FILES | (a.net != 0 ? SANDBOX_PORTS : 0u) | (a.scoped != 0 ? SANDBOX_PEERS : 0u);
    return r;
}
