#include "control/supervisor_priv.h"

#include <unistd.h>

#include "base/text.h"
#include "control/sink.h"

static void close_fd(int *fd)
{
    if (*fd != -1) {
        (void)close(*fd);
        *fd = -1;
    }
}

void sup_config_init(struct sup_config *c)
{
    c->generation = c->hosts = c->drain_ms = 0;
    c->bundle_fd = c->log_fd = -1;
    c->log_to[0] = '\0';
    c->listens.n = 0;
}

void sup_config_drop(struct sup_config *c, const struct sup_config *other)
{
    close_fd(&c->bundle_fd);
    close_fd(&c->log_fd);
    listen_set_close_except(&c->listens, other != NULL ? &other->listens : NULL);
    sup_config_init(c);
}

static bool bind_all(struct supervisor *s)
{
    size_t failed = 0;
    for (size_t i = 0; i < s->loader.wanted_count; i++) {
        const struct addr *a = &s->loader.wanted[i];
        struct res r = listen_set_take_or_bind(&s->next.listens, &s->current.listens, a, s->threads);
        if (!res_ok(r)) {
            char text[LISTEN_TEXT];
            listen_text(a, text);
            sup_say("cannot listen on %s: %s", text, r.err);
            failed++;
        }
    }
    return failed == 0;
}

bool sup_config_open(struct supervisor *s)
{
    struct res r = sink_open(s->next.log_to, &s->next.log_fd);
    if (!res_ok(r)) {
        sup_say("cannot open the log %s: %s", s->next.log_to, r.err);
    }
    return bind_all(s) && res_ok(r);
}

void sup_config_reopen_log(struct supervisor *s)
{
    int fd;
    struct res r = sink_open(s->current.log_to, &fd);
    if (!res_ok(r)) {
        sup_say("cannot open the log %s again: %s; the old one stays", s->current.log_to, r.err);
        return;
    }
    close_fd(&s->current.log_fd);
    s->current.log_fd = fd;
    sup_workers_log(s);
}

void sup_config_say(const struct supervisor *s, const char *what)
{
    const struct sup_config *c = &s->current;
    struct text t;
    text_init(&t);
    for (size_t i = 0; i < c->listens.n; i++) {
        char one[LISTEN_TEXT];
        listen_text(&c->listens.v[i].address, one);
        text_addf(&t, "%s%s", i > 0 ? ", " : "", one);
    }
    sup_say("%s %llu host%s on %s", what, (unsigned long long)c->hosts, c->hosts == 1 ? "" : "s",
            t.p != NULL ? t.p : "no address");
    text_fini(&t);
}
