#include "store/vfs.h"

#include "store/store.h"

#include <sqlite3.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define NAME "tiergate"

/* The path as it was given. SQLite would make it absolute and look at each folder above; the worker may not pass through the state
 * folder, which is root's, and reaches the store as its working directory. */
static int full_path(sqlite3_vfs *v, const char *path, int cap, char *out)
{
    (void)v;
    size_t n = strlen(path);
    if (cap < 0 || n >= (size_t)cap)
        return SQLITE_CANTOPEN;
    memcpy(out, path, n + 1);
    return SQLITE_OK;
}

/* Instead of ftruncate(2), which the worker has not: it could empty the log. What would be cut off becomes zeros, and all readers of
 * SQLite's files take that for nothing: beyond the database's own length, no valid frame of the log, no index. */
static int blank_rest(int fd, off_t from)
{
    static const char zeros[4096];
    struct stat st;
    if (fstat(fd, &st) != 0)
        return -1;
    while (from < st.st_size) {
        size_t n = st.st_size - from < (off_t)sizeof(zeros) ? (size_t)(st.st_size - from) : sizeof(zeros);
        ssize_t done = pwrite(fd, zeros, n, from);
        if (done < 0 && errno != EINTR)
            return -1;
        from += done > 0 ? done : 0;
    }
    return 0;
}

/* One for the whole process, as SQLite has it. */
static void replace_truncation(sqlite3_vfs *unix_vfs)
{
    sqlite3_syscall_ptr ours = (sqlite3_syscall_ptr)blank_rest;
    if (unix_vfs->xGetSystemCall(unix_vfs, "ftruncate") != ours)
        (void)unix_vfs->xSetSystemCall(unix_vfs, "ftruncate", ours);
}

/* It stays: SQLite keeps a list of them. */
static const char *make(const sqlite3_vfs *unix_vfs)
{
    sqlite3_vfs *v = malloc(sizeof(*v));
    if (!v)
        return NULL;
    *v = *unix_vfs;
    v->zName = NAME;
    v->xFullPathname = full_path;
    v->pNext = NULL;
    if (sqlite3_vfs_register(v, 0) == SQLITE_OK)
        return NAME;
    free(v);
    return NULL;
}

const char *store_sqlite_version(void)
{
    return sqlite3_libversion();
}

const char *store_vfs(void)
{
    sqlite3_vfs *unix_vfs = sqlite3_vfs_find("unix");
    if (!unix_vfs)
        return NULL;
    replace_truncation(unix_vfs);
    return sqlite3_vfs_find(NAME) ? NAME : make(unix_vfs);
}
