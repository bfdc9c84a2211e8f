#include "control/worker.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "control/memory.h"
#include "control/privilege.h"
#include "control/process.h"
#include "control/worker_priv.h"

#define SEND_MS 1000
#define LOG_FLUSH_MS 1000

void worker_die(const char *why)
{
    (void)fprintf(stderr, "tiergate: worker: %s\n", why);
    _exit(1);
}

void worker_send(struct worker *w)
{
    struct res r = wire_send(CONTROL_FD, &w->msg, SEND_MS);
    if (!res_ok(r)) {
        worker_drain_start(w, EDGE_DRAIN_END); /* nobody is there any more */
    }
}

void worker_answer(struct worker *w, enum wire_type type, uint64_t generation, const char *why)
{
    wire_begin(&w->msg, type);
    wire_put_u64(&w->msg, generation);
    if (why != NULL) {
        wire_put_bytes(&w->msg, span_of(why));
    }
    worker_send(w);
}

/* --- what the supervisor says ------------------------------------------------------------------------------------- */

static void on_log(struct worker *w)
{
    int fd = wire_take_fd(&w->msg, 0);
    if (w->log != NULL) {
        log_set_fd(w->log, fd);
        return;
    }
    if (w->first_log != -1) {
        (void)close(w->first_log);
    }
    w->first_log = fd;
}

/* False: nothing more now, or ever. */
static bool read_one(struct worker *w)
{
    const unsigned accept = WIRE_BIT(WIRE_LISTEN) | WIRE_BIT(WIRE_LOG) | WIRE_BIT(WIRE_COMMIT) | WIRE_BIT(WIRE_DRAIN) |
                            WIRE_BIT(WIRE_PART) | WIRE_BIT(WIRE_ADMIN);
    enum wire_io io = wire_recv(CONTROL_FD, accept, &w->msg);
    if (io != WIRE_IO_OK) {
        if (io != WIRE_IO_AGAIN) {
            watch_free(w->control);
            w->control = NULL;
            worker_drain_start(w, EDGE_DRAIN_END); /* the supervisor is gone */
        }
        return false;
    }
    switch (w->msg.type) {
    case WIRE_LISTEN:
        worker_listen_add(w);
        break;
    case WIRE_LOG:
        on_log(w);
        break;
    case WIRE_COMMIT:
        worker_commit_start(w, WORKER_GOES_ON);
        break;
    case WIRE_PART:
        worker_commit_start(w, WORKER_PARTS);
        break;
    case WIRE_ADMIN:
        worker_admin_asked(w);
        break;
    default:
        worker_drain_start(w, EDGE_DRAIN_END);
        break;
    }
    return true;
}

static void on_control(void *arg)
{
    struct worker *w = arg;
    while (w->control != NULL && read_one(w)) {
    }
}

/* --- life --------------------------------------------------------------------------------------------------------- */

static struct res set_up(struct worker *w)
{
    w->loop = loop_new();
    w->threads = calloc(w->thread_count, sizeof(*w->threads));
    if (w->loop == NULL || w->threads == NULL) {
        return res_err("out of memory");
    }
    w->control = watch_new(w->loop, CONTROL_FD, on_control, w);
    return w->control != NULL ? RES_OK : res_err("out of memory");
}

static void tear_down(struct worker *w)
{
    worker_threads_stop(w);
    worker_admin_stop(w);
    worker_signin_stop(w);
    snapshot_unref(w->commit.snapshot);
    snapshot_unref(w->current);
    listen_set_close_except(&w->incoming, &w->listens);
    listen_set_close_except(&w->listens, NULL);
    edge_shared_free(w->edge);
    gate_shared_free(w->gate);
    store_close(w->store);
    if (w->log != NULL) {
        log_free(w->log, LOG_FLUSH_MS);
    }
    watch_free(w->control);
    worker_watch_stop(w);
    if (w->limit.loop != NULL) {
        timer_fini(&w->limit);
    }
    loop_free(w->loop);
    free(w->threads);
    free(w);
}

static bool parse_number(const char *s, uint64_t max, uint64_t *out)
{
    return span_parse_u64(span_of(s), max, out);
}

static struct res take_arguments(struct worker *w, int argc, char **argv, struct privilege *user)
{
    uint64_t threads, uid, gid;
    if (argc < 6 || !parse_number(argv[1], LISTEN_SOCKETS, &threads) || threads == 0 ||
        !parse_number(argv[2], UINT32_MAX - 1, &uid) || !parse_number(argv[3], UINT32_MAX - 1, &gid)) {
        return res_err("this command is the supervisor's");
    }
    w->thread_count = (unsigned)threads;
    w->memory = memory_for_connections(memory_of_machine("/proc", "/sys/fs/cgroup"));
    w->nofile = process_nofile();
    w->sandboxed = strcmp(argv[4], "off") != 0;
    w->first_log = -1;
    w->has_store = argv[5][0] != '\0';
    w->resolver = argc > 6 ? argv[6] : NULL;
    *user = (struct privilege){.uid = (uid_t)uid, .gid = (gid_t)gid, .name = ""};
    return RES_OK;
}

/* What the supervisor was started with is none of the worker's: a terminal, a file that a shell opened. Errors are told, the log has a
 * descriptor of its own. */
static struct res let_go_of_terminal(void)
{
    int fd = open("/dev/null", O_RDWR | O_CLOEXEC);
    if (fd == -1) {
        return res_err("cannot open /dev/null");
    }
    bool done = dup2(fd, STDIN_FILENO) != -1 && dup2(fd, STDOUT_FILENO) != -1;
    (void)close(fd);
    return done ? RES_OK : res_err("cannot let go of the terminal");
}

/* While it may still pass through the state folder. O_PATH, for root may have no right to what is the worker's. */
static struct res find_store(const struct worker *w, const char *store, int *out)
{
    *out = w->has_store ? open(store, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC) : -1;
    return w->has_store && *out == -1 ? res_err("cannot find the store's folder") : RES_OK;
}

/* What it makes there is for its own user alone. */
static struct res settle(int store)
{
    (void)umask(077);
    int done = store != -1 ? fchdir(store) : chdir("/");
    if (store != -1) {
        (void)close(store);
    }
    return done == 0 ? RES_OK : res_err("cannot change the working directory");
}

static struct res become(struct worker *w, int argc, char **argv)
{
    struct privilege user;
    int store;
    struct res r = take_arguments(w, argc, argv, &user);
    if (res_ok(r)) {
        r = find_store(w, argv[5], &store);
    }
    if (res_ok(r)) {
        r = privilege_drop(&user);
    }
    return res_ok(r) ? settle(store) : r;
}

static struct res begin(struct worker *w, int argc, char **argv)
{
    struct res r = become(w, argc, argv);
    if (res_ok(r)) {
        r = let_go_of_terminal();
    }
    return res_ok(r) ? set_up(w) : r;
}

int worker_main(int argc, char **argv)
{
    struct worker *w = calloc(1, sizeof(*w));
    (void)prctl(PR_SET_NAME, "tiergate"); /* started from /proc/self/exe we are called "exe" */
    struct res r = w != NULL ? begin(w, argc, argv) : res_err("out of memory");
    if (!res_ok(r)) {
        worker_die(r.err);
    }
    loop_run(w->loop);
    tear_down(w);
    return 0;
}
