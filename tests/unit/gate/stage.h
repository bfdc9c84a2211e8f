/* A thread of a worker with one gate, and requests that ask it. */
#ifndef TG_TESTS_GATE_STAGE_H
#define TG_TESTS_GATE_STAGE_H

#include "support.h"

#include "net/loop.h"

static const struct gate_limits standard = {
    .failures_per_user = 5, .failures_per_address = 20, .window_s = 60, .hash_queue = 64, .hash_queue_per_address = 8};

struct stage {
    struct memory m;
    struct loop *loop;
    struct gate_shared *shared;
    struct gate_thread *thread;
    struct gate_fixture f;
};

static inline void stage_init_with(struct stage *s, const char *domain, const struct gate_limits *limits)
{
    memory_init(&s->m);
    s->loop = loop_new();
    s->shared = gate_shared_new(limits);
    assert_non_null(s->loop);
    assert_non_null(s->shared);
    s->thread = gate_thread_new(s->shared, s->loop);
    assert_non_null(s->thread);
    fixture_init(&s->f, "beta", domain);
    fixture_add(&s->f, "anna", "open sesame", NULL);
    fixture_add(&s->f, "bob", NULL, BCRYPT);
    fixture_add(&s->f, "eve", NULL, SHA512_ROUNDS);
    fixture_add(&s->f, "yes", NULL, YESCRYPT);
    fixture_add(&s->f, "nobody", NULL, NULL);
    fixture_seal(&s->f, &s->m.arena, SECRET_A);
}

static inline void stage_init(struct stage *s, const char *domain)
{
    stage_init_with(s, domain, &standard);
}

static inline void stage_fini(struct stage *s)
{
    gate_thread_free(s->thread);
    gate_shared_free(s->shared);
    loop_free(s->loop);
    memory_fini(&s->m);
}

struct ask {
    struct stage *stage;
    struct http_request request;
    struct gate_check check;
    enum gate_result result;
    unsigned done;
    unsigned *stop_after; /* shared count: the loop stops when it reaches 0 */
};

static inline void on_done(void *arg, enum gate_result result)
{
    struct ask *a = arg;
    a->result = result;
    a->done++;
    if (a->stop_after && --*a->stop_after == 0)
        loop_stop(a->stage->loop);
}

static inline void ask_init(struct ask *a, struct stage *s, const char *host, const char *fields)
{
    *a = (struct ask){.stage = s};
    request_make(&a->request, &s->m.arena, fields);
    a->check = (struct gate_check){.gate = &s->f.gate,
                                   .request = &a->request,
                                   .host = span_of(host),
                                   .arena = &s->m.arena,
                                   .on_done = on_done,
                                   .arg = a};
    assert_true(addr_parse_ip(SPAN("192.0.2.7"), &a->check.client));
}

static inline enum gate_result ask(struct ask *a)
{
    unsigned left = 1;
    a->stop_after = &left;
    a->result = gate_check(a->stage->thread, &a->check);
    if (a->result == GATE_PENDING)
        loop_run(a->stage->loop);
    a->stop_after = NULL;
    return a->result;
}

static inline const char *with_basic(struct stage *s, const char *pair)
{
    struct span v = basic_value(&s->m.arena, pair);
    return (const char *)arena_printf(&s->m.arena, "Authorization: %.*s", SPAN_ARG(v)).p;
}

static inline enum gate_result ask_basic(struct stage *s, const char *host, const char *pair, struct ask *a)
{
    ask_init(a, s, host, with_basic(s, pair));
    return ask(a);
}

/* "name=token" of a Set-Cookie value. */
static inline struct span pair_of(struct span set_cookie)
{
    return span_make(set_cookie.p, span_find(set_cookie, ';'));
}

static inline const char *with_cookie(struct stage *s, struct span pair)
{
    return (const char *)arena_printf(&s->m.arena, "Cookie: %.*s", SPAN_ARG(pair)).p;
}

#endif
