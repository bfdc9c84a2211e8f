#include "control/supervisor_priv.h"

#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "control/process.h"

#define LOAD_LIMIT_MS 60000u

/* argv of the loader; NULL: no memory. The strings are the options'. */
static const char **loader_argv(const struct supervisor_options *o)
{
    const char **argv = calloc(o->rule_count + 4, sizeof(*argv));
    if (argv == NULL) {
        return NULL;
    }
    argv[0] = "tiergate";
    argv[1] = "loader";
    argv[2] = o->state_dir != NULL ? o->state_dir : "";
    memcpy(argv + 3, o->rules, o->rule_count * sizeof(*argv));
    return argv;
}

void sup_load_start(struct supervisor *s)
{
    sigset_t none;
    struct process p = {0, -1};
    const char **argv = loader_argv(s->o);
    (void)sigemptyset(&none);
    s->change = SUP_CHANGE_LOADING;
    s->reload_wanted = false;
    sup_admin_load_started(s);
    struct process_spec spec = {.argv = argv, .env = PROCESS_ENV_ALL, .blocked = &none};
    struct res r = argv != NULL ? process_start(&spec, &p) : res_err("out of memory");
    free(argv);
    if (!res_ok(r)) {
        sup_change_refused(s, r.err);
        return;
    }
    s->loader = (struct sup_loader){.pid = p.pid, .sock = p.sock, .due_ms = clock_mono_ms() + LOAD_LIMIT_MS};
}

static bool take_address(struct supervisor *s)
{
    struct sup_loader *l = &s->loader;
    struct addr a = wire_get_addr(&s->msg);
    if (!wire_done(&s->msg) || l->wanted_count == LISTEN_ADDRESSES) {
        return false;
    }
    l->wanted[l->wanted_count++] = a;
    return true;
}

static bool take_summary(struct supervisor *s)
{
    struct sup_config *c = &s->next;
    c->hosts = wire_get_u64(&s->msg);
    c->drain_ms = wire_get_u64(&s->msg);
    struct span log = wire_get_bytes(&s->msg);
    if (!wire_done(&s->msg) || s->loader.complete || log.n == 0 || log.n >= LOG_TO) {
        return false;
    }
    memcpy(c->log_to, log.p, log.n);
    c->log_to[log.n] = '\0';
    c->bundle_fd = wire_take_fd(&s->msg, 0);
    s->loader.complete = true;
    return true;
}

/* False: nothing more will come. */
static bool read_one(struct supervisor *s)
{
    enum wire_io io = wire_recv(s->loader.sock, WIRE_BIT(WIRE_ADDRESS) | WIRE_BIT(WIRE_SUMMARY), &s->msg);
    if (io == WIRE_IO_AGAIN) {
        return false;
    }
    bool good = io == WIRE_IO_OK && (s->msg.type == WIRE_ADDRESS ? take_address(s) : take_summary(s));
    wire_close_fds(&s->msg);
    if (!good) {
        (void)close(s->loader.sock);
        s->loader.sock = -1;
    }
    return good;
}

void sup_load_read(struct supervisor *s)
{
    while (s->loader.sock != -1 && read_one(s)) {
    }
}

void sup_load_kill(struct supervisor *s)
{
    if (s->loader.pid != 0) {
        (void)kill(s->loader.pid, SIGKILL);
        s->loader.due_ms = 0;
    }
}

static void loader_forget(struct supervisor *s)
{
    if (s->loader.sock != -1) {
        (void)close(s->loader.sock);
    }
    s->loader.pid = 0;
    s->loader.sock = -1;
}

void sup_load_exited(struct supervisor *s, int status)
{
    char text[100];
    sup_load_read(s); /* all of it was sent before the exit */
    loader_forget(s);
    if (s->state == SUP_DRAINING || s->state == SUP_ENDED) {
        sup_config_drop(&s->next, &s->current);
        s->change = SUP_CHANGE_NONE;
        return;
    }
    if (!WIFEXITED(status) || WEXITSTATUS(status) > 1) {
        process_status_text(status, text, sizeof(text));
        sup_say("the loader %s", text);
    }
    if (!WIFEXITED(status) || WEXITSTATUS(status) != 0 || !s->loader.complete || !sup_config_open(s)) {
        sup_change_refused(s, NULL);
        return;
    }
    s->next.generation = ++s->generation;
    s->change = SUP_CHANGE_READY;
}
