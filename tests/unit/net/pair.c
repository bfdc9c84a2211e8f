#include "pair.h"

#include "check.h"

#include <unistd.h>

#define SEND_HIGH 65536u
#define PAIR_TICK_MS 10u

uint8_t pattern_at(size_t i)
{
    return (uint8_t)(i * 31 + (i >> 8) * 7 + (i >> 16));
}

static void check_done(struct pair *p)
{
    if (p->is_done && p->is_done(p))
        loop_stop(p->loop);
}

static void consume(struct end *e)
{
    struct chunkq *in = stream_in(e->stream);
    while (in->bytes) {
        struct span s = chunkq_peek(in);
        for (size_t i = 0; i < s.n; i++)
            e->corrupt |= s.p[i] != pattern_at(e->got + i);
        e->got += s.n;
        chunkq_drop(in, s.n);
    }
}

static void fill(struct end *e)
{
    struct chunkq *out = stream_out(e->stream);
    while (e->sent < e->to_send && out->bytes < SEND_HIGH) {
        uint8_t piece[3001];
        size_t n = e->to_send - e->sent < sizeof piece ? e->to_send - e->sent : sizeof piece;
        for (size_t i = 0; i < n; i++)
            piece[i] = pattern_at(e->sent + i);
        assert_true(chunkq_append(out, span_make(piece, n)));
        e->sent += n;
    }
}

/* While the socket takes all at once nobody says "drained". */
void end_send(struct end *e)
{
    do {
        fill(e);
        if (!stream_flush(e->stream))
            return;
    } while (e->sent < e->to_send && stream_out(e->stream)->bytes <= e->pair->limits.write_low);
    if (e->finishes && e->sent == e->to_send)
        stream_finish(e->stream);
}

void end_put(struct end *e, const char *text)
{
    assert_true(chunkq_append(stream_out(e->stream), span_of(text)));
    stream_flush(e->stream);
}

void end_close(struct end *e, enum stream_close how)
{
    stream_close(e->stream, how);
    e->stream = NULL;
}

static void on_open(void *arg)
{
    struct end *e = arg;
    e->opened++;
    if (e->on_open)
        e->on_open(e);
    check_done(e->pair);
}

static void on_read(void *arg)
{
    struct end *e = arg;
    struct pair *p = e->pair;
    e->reads++;
    if (e->on_read)
        e->on_read(e);
    else if (e->consumes)
        consume(e);
    check_done(p);
}

static void on_drained(void *arg)
{
    struct end *e = arg;
    e->drained++;
    end_send(e);
    check_done(e->pair);
}

static const struct stream_events events = {on_open, on_read, on_drained};

static int listen_any(struct addr *at)
{
    struct sockaddr_storage sa;
    assert_true(addr_parse_ip(SPAN("127.0.0.1"), at));
    socklen_t n = addr_to_sockaddr(at, &sa);
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    assert_true(fd >= 0 && bind(fd, (struct sockaddr *)&sa, n) == 0 && listen(fd, 1) == 0);
    n = sizeof sa;
    assert_int_equal(getsockname(fd, (struct sockaddr *)&sa, &n), 0);
    *at = addr_from_sockaddr(&sa);
    return fd;
}

static void shrink(int fd, int size)
{
    if (!size)
        return;
    setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &size, sizeof size);
    setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof size);
}

void pair_init(struct pair *p, const struct pair_config *config)
{
    struct stream_limits limits = config->limits.read_high ? config->limits : (struct stream_limits){65536, 16384};
    *p = (struct pair){.loop = loop_new(), .limits = limits};
    assert_non_null(p->loop);
    p->client = (struct end){.pair = p, .peer = &p->server, .consumes = true};
    p->server = (struct end){.pair = p, .peer = &p->client, .consumes = true};
    struct stream_connect to = {.tls = config->client, .resume = config->resume};
    to.name = span_of(config->name);
    int listening = listen_any(&to.to);
    shrink(listening, config->socket_buffer); /* inherited */
    p->client.stream = stream_open(p->loop, &to, &limits, &events, &p->client);
    assert_non_null(p->client.stream);
    int fd = accept4(listening, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    assert_true(fd >= 0);
    close(listening);
    p->server.stream = stream_accept(p->loop, fd, config->server, &limits, &events, &p->server);
    assert_non_null(p->server.stream);
    p->server.opened = config->server ? 0 : 1;
}

void pair_fini(struct pair *p)
{
    if (p->client.stream)
        stream_close(p->client.stream, STREAM_CLOSE_NOW);
    if (p->server.stream)
        stream_close(p->server.stream, STREAM_CLOSE_NOW);
    loop_free(p->loop);
}

static void on_tick(void *arg)
{
    struct pair *p = arg;
    if (p->ticks-- > 0) {
        assert_true(timer_set(&p->tick, PAIR_TICK_MS));
        return;
    }
    p->timed_out = true;
    loop_stop(p->loop);
}

bool pair_run(struct pair *p, bool (*is_done)(struct pair *p), unsigned ms)
{
    p->is_done = is_done;
    p->timed_out = false;
    if (is_done && is_done(p))
        return true;
    loop_refresh(p->loop);
    p->ticks = ms / PAIR_TICK_MS;
    timer_init(&p->tick, p->loop, on_tick, p);
    assert_true(timer_set(&p->tick, ms % PAIR_TICK_MS));
    loop_run(p->loop);
    timer_fini(&p->tick);
    p->is_done = NULL;
    return !p->timed_out;
}

void pair_rest(struct pair *p, unsigned ms)
{
    pair_run(p, NULL, ms);
}

bool pair_is_open(struct pair *p)
{
    return p->client.opened && p->server.opened;
}
