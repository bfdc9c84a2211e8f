#include "cli/state_dir.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define SYSTEM_PLACE "/var/lib/tiergate"

static bool add_from_variable(struct text *out, const char *variable, const char *below)
{
    const char *base = getenv(variable);
    if (base == NULL || base[0] != '/') {
        return false;
    }
    text_addf(out, "%.*s%s", (int)strcspn(base, ":"), base, below); /* systemd may name several, separated by colons */
    return true;
}

static bool choose(const char *asked, struct text *out)
{
    if (asked != NULL) {
        text_addf(out, "%s", asked);
        return asked[0] != '\0';
    }
    if (add_from_variable(out, "STATE_DIRECTORY", "")) {
        return true;
    }
    if (geteuid() == 0 || access(SYSTEM_PLACE, W_OK) == 0) {
        text_addf(out, "%s", SYSTEM_PLACE);
        return true;
    }
    return add_from_variable(out, "XDG_STATE_HOME", "/tiergate") ||
           add_from_variable(out, "HOME", "/.local/state/tiergate");
}

/* As `mkdir -p` of everything above the last name. */
static void make_parents(char *path)
{
    for (char *p = path + 1; *p != '\0'; p++) {
        if (*p == '/') {
            *p = '\0';
            (void)mkdir(path, 0755); /* if it fails, the last one fails too, and is told */
            *p = '/';
        }
    }
}

/* It holds keys: nobody else may look in, or put his own in. */
static const char *problem(int fd)
{
    struct stat st;
    if (fstat(fd, &st) == -1) {
        return strerrordesc_np(errno);
    }
    if (st.st_uid != geteuid()) {
        return "it belongs to another user: chown it, or name another with --state";
    }
    return (st.st_mode & 022) != 0 ? "others may write to it: chmod 700" : NULL;
}

/* Somebody may have made it ready for the worker's user, who could then put another key in. */
static const char *take_back(int fd, const struct privilege *worker)
{
    struct stat st;
    if (geteuid() != 0 || worker->uid == 0 || fstat(fd, &st) == -1 || st.st_uid != worker->uid) {
        return NULL; /* whatever else is wrong, problem() tells */
    }
    return fchown(fd, 0, 0) == 0 ? NULL : "it belongs to the worker's user, and cannot be taken back (chown root)";
}

static bool tell(const char *path, const char *why)
{
    (void)fprintf(stderr, "tiergate: state folder %s: %s\n", path, why);
    return false;
}

static bool tell_unmade(const char *path, int why)
{
    (void)fprintf(stderr, "tiergate: state folder %s: it cannot be made (%s): name another with --state\n", path,
                  strerrordesc_np(why));
    return false;
}

static bool make(char *path, const struct privilege *worker)
{
    make_parents(path);
    if (mkdir(path, 0700) == -1 && errno != EEXIST) {
        return tell_unmade(path, errno);
    }
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd == -1) {
        return tell(path, errno == ELOOP || errno == ENOTDIR ? "it is a symbolic link, or no folder"
                                                             : strerrordesc_np(errno));
    }
    const char *why = take_back(fd, worker);
    why = why != NULL ? why : problem(fd);
    (void)close(fd);
    return why == NULL || tell(path, why);
}

bool cli_state_dir_find(const char *asked, struct text *out)
{
    return choose(asked, out) && !out->failed;
}

bool cli_state_dir(const char *asked, const struct privilege *worker, struct text *out)
{
    if (!choose(asked, out) || out->failed) {
        (void)fputs("tiergate: no state folder, where keys live: name one with --state\n", stderr);
        return false;
    }
    return make(out->p, worker);
}
