/* Finds the shared page, and decides which call fails. Loaded by LD_PRELOAD into tiergate's processes; see calls.c. */
#include "fault.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include <unwind.h>

#define DEPTH 24

static struct fault_page *page;
static enum fault_role role;
/* What telling of a hit calls itself must neither count nor fail. */
static __thread bool busy;

struct fault_page *fault_page(void)
{
    return page;
}

enum fault_role fault_role(void)
{
    return role;
}

int fault_error(void)
{
    return page->order.error;
}

static enum fault_role role_of(int argc, char **argv)
{
    const char *command = argc > 1 ? argv[1] : "";
    if (strcmp(command, "worker") == 0)
        return FAULT_WORKER;
    if (strcmp(command, "loader") == 0)
        return FAULT_LOADER;
    return strcmp(command, "serve") == 0 ? FAULT_SUPERVISOR : FAULT_NOBODY;
}

static void begin_role(void)
{
    if (role == FAULT_WORKER) {
        atomic_store(&page->live, 0);
        atomic_store(&page->worker, (uint32_t)getpid());
        atomic_fetch_add(&page->workers, 1);
    } else if (role == FAULT_LOADER) {
        atomic_store(&page->message_hash, 0xcbf29ce484222325u);
        atomic_store(&page->messages, 0);
    }
}

__attribute__((constructor)) static void find_page(int argc, char **argv)
{
    const char *path = getenv("TIERGATE_FAULT");
    int fd = path != NULL ? open(path, O_RDWR | O_CLOEXEC) : -1;
    if (fd == -1)
        return;
    void *p = mmap(NULL, sizeof(struct fault_page), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    (void)close(fd);
    if (p == MAP_FAILED)
        return;
    role = role_of(argc, argv);
    page = p;
    begin_role();
}

struct trace {
    unsigned depth;
    size_t n;
};

/* Not backtrace(3): that loads a library when it is first called, and memory may be short then. */
static _Unwind_Reason_Code tell_frame(struct _Unwind_Context *context, void *arg)
{
    struct trace *t = arg;
    Dl_info info;
    void *at = (void *)_Unwind_GetIP(context);
    if (t->depth++ < 3 || dladdr(at, &info) == 0 || info.dli_fname == NULL) /* the first are our own */
        return _URC_NO_REASON;
    const char *slash = strrchr(info.dli_fname, '/');
    int w = snprintf(page->trace + t->n, FAULT_TRACE - t->n, "%s+0x%lx\n", slash != NULL ? slash + 1 : info.dli_fname,
                     (unsigned long)((char *)at - (char *)info.dli_fbase));
    t->n += w > 0 ? (size_t)w : 0;
    return t->depth < DEPTH && t->n < FAULT_TRACE ? _URC_NO_REASON : _URC_NORMAL_STOP;
}

static void tell_trace(void)
{
    struct trace t = {0, 0};
    (void)_Unwind_Backtrace(tell_frame, &t);
    page->trace[t.n < FAULT_TRACE ? t.n : FAULT_TRACE - 1] = '\0';
}

bool fault_hits(enum fault_class class)
{
    if (page == NULL || busy || atomic_load_explicit(&page->order.class, memory_order_acquire) != class ||
        page->order.role != role)
        return false;
    uint64_t seen = atomic_fetch_add(&page->seen, 1) + 1, nth = page->order.nth;
    if (nth == 0 || seen < nth || (seen > nth && page->order.mode == FAULT_ONCE))
        return false;
    if (atomic_fetch_add(&page->hits, 1) == 0) {
        busy = true;
        tell_trace();
        busy = false;
    }
    errno = page->order.error > 0 ? page->order.error : 0;
    return true;
}

/* Asked by the leak checker at the end. libcrypto leaks a name when it cannot set itself up; of a loader, which is about
 * to be gone, nobody minds. */
int __lsan_is_turned_off(void);
int __lsan_is_turned_off(void)
{
    return role == FAULT_LOADER;
}
