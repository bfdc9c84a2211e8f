#include "world.h"

#include "check.h"

#include <errno.h>
#include <stdio.h>
#include <unistd.h>

#define RUN_MS 8000u
#define STANDSTILL_MS 10u

/* --- the loop ----------------------------------------------------------------------------------------------------- */

static void spend(struct world *w)
{
    uint64_t ms = w->loop->now_ms - w->last_ms;
    w->spent_ms += ms < STANDSTILL_MS ? ms : STANDSTILL_MS;
    w->last_ms = w->loop->now_ms;
}

static void on_tick(void *arg)
{
    struct world *w = arg;
    spend(w);
    if (w->spent_ms >= w->until_ms || (w->is_done && w->is_done(w->arg)))
        loop_stop(w->loop);
    else
        assert_true(timer_set(&w->tick, 1));
}

void world_init(struct world *w)
{
    *w = (struct world){.loop = loop_new()};
    assert_non_null(w->loop);
    w->resolver = resolver_new(w->loop, "127.0.0.1:9");
    assert_non_null(w->resolver);
    w->origins = origin_thread_new(w->loop, w->resolver);
    assert_non_null(w->origins);
    timer_init(&w->tick, w->loop, on_tick, w);
}

void world_fini(struct world *w)
{
    origin_thread_free(w->origins);
    resolver_free(w->resolver);
    timer_fini(&w->tick);
    loop_free(w->loop);
}

bool world_run(struct world *w, bool (*is_done)(void *arg), void *arg, unsigned ms)
{
    w->is_done = is_done;
    w->arg = arg;
    loop_refresh(w->loop);
    w->last_ms = w->loop->now_ms;
    w->until_ms = w->spent_ms + ms;
    assert_true(timer_set(&w->tick, 1));
    loop_run(w->loop);
    return is_done && is_done(arg);
}

void world_rest(struct world *w)
{
    world_run(w, NULL, NULL, 20);
}

/* --- servers ------------------------------------------------------------------------------------------------------ */

static void drop_served(struct served *c, enum stream_close how)
{
    stream_close(c->stream, how);
    c->stream = NULL;
}

static void on_served_read(void *arg)
{
    struct served *c = arg;
    chunkq_clear(stream_in(c->stream));
    if (stream_input(c->stream) == STREAM_IN_OPEN)
        return;
    c->server->ended++;
    drop_served(c, STREAM_CLOSE_FLUSH);
}

static void greet(void *arg)
{
    struct served *c = arg;
    const struct server *s = c->server;
    if (!s->greeting)
        return;
    struct span bytes = s->greeting_n ? span_make(s->greeting, s->greeting_n) : span_of(s->greeting);
    assert_true(chunkq_append(stream_out(c->stream), bytes));
    stream_flush(c->stream);
}

static void on_accept(void *arg, int fd, const struct addr *peer)
{
    static const struct stream_limits limits = {.read_high = 4096, .write_low = 4096};
    static const struct stream_events events = {.on_open = greet, .on_read = on_served_read};
    struct server *s = arg;
    assert_true(s->accepted < SERVED_MAX);
    struct served *c = &s->served[s->accepted++];
    *c = (struct served){.server = s};
    c->stream = stream_accept(s->world->loop, fd, s->tls, &limits, &events, c);
    assert_non_null(c->stream);
    if (!s->tls)
        greet(c);
}

bool server_bind(struct server *s, struct world *w, const char *ip, uint16_t port)
{
    struct sockaddr_storage sa;
    socklen_t n;
    struct addr a;
    *s = (struct server){.world = w, .fd = -1};
    assert_true(addr_parse_ip(span_of(ip), &a));
    a.port = port;
    n = addr_to_sockaddr(&a, &sa);
    s->fd = socket(a.family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (s->fd < 0 || bind(s->fd, (struct sockaddr *)&sa, n) != 0) {
        if (s->fd >= 0)
            close(s->fd);
        s->fd = -1;
        return false;
    }
    n = sizeof sa;
    assert_int_equal(0, getsockname(s->fd, (struct sockaddr *)&sa, &n));
    s->port = addr_from_sockaddr(&sa).port;
    return true;
}

void server_listen(struct server *s)
{
    assert_int_equal(0, listen(s->fd, 64));
    s->listener = listener_new(s->world->loop, s->fd, on_accept, s);
    assert_non_null(s->listener);
}

void server_stall(struct server *s, int fds[8])
{
    struct sockaddr_storage sa;
    socklen_t n = sizeof sa;
    assert_int_equal(0, listen(s->fd, 0));
    assert_int_equal(0, getsockname(s->fd, (struct sockaddr *)&sa, &n));
    for (size_t i = 0; i < 8; i++) {
        fds[i] = socket(sa.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
        assert_true(fds[i] >= 0);
        assert_true(connect(fds[i], (struct sockaddr *)&sa, n) == 0 || errno == EINPROGRESS);
    }
}

void server_fini(struct server *s)
{
    for (unsigned i = 0; i < s->accepted; i++)
        if (s->served[i].stream)
            drop_served(&s->served[i], STREAM_CLOSE_NOW);
    listener_free(s->listener);
    tls_server_unref(s->tls);
    if (s->fd >= 0)
        close(s->fd);
}

void server_send(struct server *s, unsigned which, const char *text)
{
    assert_true(chunkq_append(stream_out(s->served[which].stream), span_of(text)));
    assert_true(stream_flush(s->served[which].stream));
}

void server_close(struct server *s, unsigned which, enum stream_close how)
{
    drop_served(&s->served[which], how);
}

/* --- whoever asks ------------------------------------------------------------------------------------------------- */

static void on_conn(void *arg, struct origin_conn *conn, enum origin_error error, const char *detail)
{
    struct asker *a = arg;
    a->calls++;
    a->conn = conn;
    a->error = error;
    a->detail = detail;
    a->took_ms = a->world->loop->now_ms - a->start_ms;
    spend(a->world);
    a->spent_ms = a->world->spent_ms - a->start_spent_ms;
}

void asker_init(struct asker *a, struct world *w, const char *host, uint16_t port)
{
    *a = (struct asker){.world = w};
    a->config = (struct origin_config){
        .name = SPAN("app"),
        .host_before = span_of(host),
        .port = port,
        .connect_timeout_ms = 20000,
        .pool_idle_ms = 30000,
        .pool_size = 4,
        .key = 1,
    };
    a->ask = (struct origin_ask){.origin = &a->config, .tls_name = SPAN("app.test")};
    a->wait.on_conn = on_conn;
    a->wait.arg = a;
}

bool asker_take(struct asker *a)
{
    loop_refresh(a->world->loop);
    a->start_ms = a->world->loop->now_ms;
    a->start_spent_ms = a->world->spent_ms;
    a->calls = 0;
    a->error = ORIGIN_OK;
    a->conn = origin_take(a->world->origins, &a->ask, &a->wait);
    assert_int_equal(0, a->calls); /* never from inside */
    return a->conn != NULL;
}

bool asker_is_told(void *arg)
{
    return ((struct asker *)arg)->calls > 0;
}

bool asker_get(struct asker *a)
{
    if (!asker_take(a))
        assert_true(world_run(a->world, asker_is_told, a, RUN_MS));
    return a->conn != NULL;
}

void asker_give(struct asker *a)
{
    origin_give(a->world->origins, a->conn);
    a->conn = NULL;
}

void asker_drop(struct asker *a)
{
    origin_drop(a->world->origins, a->conn, STREAM_CLOSE_FLUSH);
    a->conn = NULL;
}

void asker_warm(struct asker *a)
{
    assert_true(asker_get(a));
    world_rest(a->world);
    asker_give(a);
}
