#include "control/privilege.h"

#include <errno.h>
#include <grp.h>
#include <linux/capability.h>
#include <pwd.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/count.h"

enum lookup { LOOKUP_NONE = 0, LOOKUP_FOUND, LOOKUP_FAILED };

/* getpwnam(3) lists so many values of errno for a name that is not there that only shortages tell something else. */
static bool is_shortage(int err)
{
    return err == ENOMEM || err == EMFILE || err == ENFILE || err == EIO || err == EINTR;
}

static enum lookup find_user(const char *name, struct privilege *out)
{
    errno = 0;
    const struct passwd *pw = getpwnam(name);
    if (pw == NULL) {
        return is_shortage(errno) ? LOOKUP_FAILED : LOOKUP_NONE;
    }
    *out = (struct privilege){.uid = pw->pw_uid, .gid = pw->pw_gid, .name = name};
    return LOOKUP_FOUND;
}

/* The first that there is. One that could not be looked up is not passed over: the worker would run as another. */
static struct res find_default(struct privilege *out)
{
    static const char *const names[] = {"tiergate", "nobody"};
    for (size_t i = 0; i < COUNT(names); i++) {
        enum lookup found = find_user(names[i], out);
        if (found != LOOKUP_NONE) {
            return found == LOOKUP_FOUND ? RES_OK : res_err("cannot look up users");
        }
    }
    return res_err("there is neither a user \"tiergate\" nor \"nobody\"; name one with --user");
}

struct res privilege_find(const char *user, struct privilege *out)
{
    *out = (struct privilege){.uid = geteuid(), .gid = getegid(), .name = ""};
    if (user == NULL) {
        return geteuid() == 0 ? find_default(out) : RES_OK;
    }
    enum lookup found = find_user(user, out);
    if (found != LOOKUP_FOUND) {
        return res_err(found == LOOKUP_NONE ? "there is no such user" : "cannot look up users");
    }
    return geteuid() == 0 || geteuid() == out->uid ? RES_OK : res_err("only root can run the worker as another user");
}

/* Ambient capabilities (a service that may bind port 443 without being root) survive exec; the worker needs none. */
static bool drop_capabilities(void)
{
    struct __user_cap_header_struct head = {.version = _LINUX_CAPABILITY_VERSION_3, .pid = 0};
    struct __user_cap_data_struct none[2] = {{0, 0, 0}, {0, 0, 0}};
    (void)prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
    return syscall(SYS_capset, &head, none) == 0;
}

static bool switch_user(const struct privilege *p)
{
    return setgroups(1, &p->gid) == 0 && setresgid(p->gid, p->gid, p->gid) == 0 &&
           setresuid(p->uid, p->uid, p->uid) == 0;
}

static void forbid_tracing(void)
{
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
    (void)prctl(PR_SET_DUMPABLE, 1, 0, 0, 0); /* the leak checker attaches to its own process */
#else
    (void)prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
#endif
}

struct res privilege_drop(const struct privilege *p)
{
    if (geteuid() == 0 && p->uid != 0) {
        if (!switch_user(p)) {
            return res_err("cannot become the worker's user");
        }
        if (setuid(0) == 0) {
            return res_err("the worker could become root again");
        }
    }
    if (geteuid() != 0 && !drop_capabilities()) {
        return res_err("cannot give up capabilities");
    }
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 || prctl(PR_SET_PDEATHSIG, SIGKILL) != 0) {
        return res_err("cannot tie the worker's hands"); /* becoming another user had reset the latter */
    }
    forbid_tracing();
    return RES_OK;
}
