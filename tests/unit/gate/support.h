/* What the tests of gate/ share: gates made by hand, requests, a loop that is turned until something happened. */
#ifndef TG_TESTS_GATE_SUPPORT_H
#define TG_TESTS_GATE_SUPPORT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include <cmocka.h>

#include "base/count.h"
#include "base/crypto/base64.h"
#include "gate/gate.h"
#include "gate/token.h"

#define CHECK(name, condition)                                                                                         \
    do {                                                                                                               \
        if (!(condition))                                                                                              \
            fail_msg("%s: %s", name, #condition);                                                                      \
    } while (0)

#define CHECK_SPAN(name, got, want)                                                                                    \
    do {                                                                                                               \
        struct span got_ = (got), want_ = (want);                                                                      \
        if (!span_eq(got_, want_))                                                                                     \
            fail_msg("%s: %s is \"%.*s\", not \"%.*s\"", name, #got, SPAN_ARG(got_), SPAN_ARG(want_));                 \
    } while (0)

/* Hashes of "open sesame", by crypt(3) with low costs. */
#define BCRYPT "$2b$04$abcdefghijklmnopqrstuu/LVz6MZlItEy42I2juLihZ66HnQx/cy"
#define BCRYPT_10 "$2y$10$abcdefghijklmnopqrstuu4SuEsu2LsUrAYUpWQHLMMc4GV5pZTxK"
#define YESCRYPT "$y$j75$k2XAnEHBqQ1Ct2aMXFKNa/$XHuqBDG.B1kMSA1CeriOCRR7sEFF6foXgi9Tw2jZJF/"
#define YESCRYPT_5 "$y$j9T$k2XAnEHBqQ1Ct2aMXFKNa/$.X04N2hVpz9eY4aeVVLaxg3XSrxlrakD29MzAfFP0a/"
#define SHA512 "$6$saltsalt$e/5XKibXPLqVcfjpD.ouauaJrAOL5V0uo80Lt7n7EbRdRiCx3HbQ90yjOHr.G0T.mx79PEMRy8nmtr0qSYhQp1"
#define SHA512_ROUNDS                                                                                                  \
    "$6$rounds=1000$saltsalt$/IiX/CoEcxCZ9SksEXnbjfCT1LGvD4z5OpJkaFYl/T37OAwuKZ8I8BixDhruhPLkw6lS7dw/6wQWgQnGo7lLg/"
#define SHA256 "$5$rounds=1000$saltsalt$nKsyTQBmKz4GdCft0Sv/FbzLiu0y3wFdEXOzudLQLJ5"
#define MD5 "$1$saltsalt$Yo6tRKYGO/jWyb1etwHDS/"

struct memory {
    struct slab blocks;
    struct arena arena;
};

static inline void memory_init(struct memory *m)
{
    slab_init(&m->blocks, 4096, 4);
    arena_init(&m->arena, &m->blocks);
}

/* Every allocation of this arena is one of its own. */
static inline void memory_init_tiny(struct memory *m)
{
    slab_init(&m->blocks, 64, 0);
    arena_init(&m->arena, &m->blocks);
}

static inline void memory_fini(struct memory *m)
{
    arena_fini(&m->arena);
    assert_int_equal(m->blocks.used, 0);
    slab_fini(&m->blocks);
}

#define SECRET_A SPAN("0123456789abcdef0123456789abcdef-a")
#define SECRET_B SPAN("0123456789abcdef0123456789abcdef-b")

/* The same for a table. */
#define KEY(last)                                                                                                      \
    {                                                                                                                  \
        (const uint8_t *)"0123456789abcdef0123456789abcdef-" last, 34                                                  \
    }

/* A gate to change before it is sealed. */
struct gate_fixture {
    struct basic_user users[8];
    struct basic_config basic;
    struct gate_config gate;
};

static inline void fixture_init(struct gate_fixture *f, const char *name, const char *domain)
{
    *f = (struct gate_fixture){
        .basic = {.realm = SPAN("Beta")},
        .gate = {.name = span_of(name),
                 .session = {.domain = span_of(domain),
                             .cookie = domain ? SPAN("__Secure-tiergate") : SPAN("__Host-tiergate"),
                             .lifetime_s = 86400}},
    };
    f->basic.users = f->users;
    f->gate.basic = &f->basic;
}

static inline void fixture_add(struct gate_fixture *f, const char *user, const char *secret, const char *hash)
{
    assert_true(f->basic.user_count < COUNT(f->users));
    f->users[f->basic.user_count++] =
        (struct basic_user){.name = span_of(user), .secret = span_of(secret), .hash = span_of(hash)};
}

static inline void fixture_seal(struct gate_fixture *f, struct arena *a, struct span secret)
{
    struct res r = gate_config_seal(&f->gate, &secret, 1, a);
    if (!res_ok(r))
        fail_msg("seal: %s", r.err);
}

/* Of somebody who proved to be that user. */
static inline struct session session_of(const char *user, int64_t issued, int64_t active)
{
    return (struct session){.who = {.way = WAY_BASIC, .subject = span_of(user), .proven_s = issued},
                            .issued = issued,
                            .active = active,
                            .ends = INT64_MAX};
}

static inline void pause_ms(long ms)
{
    nanosleep(&(struct timespec){.tv_nsec = ms * 1000000}, NULL);
}

/* A GET with the fields of `lines`: "Name: value\nName: value". */
static inline void request_make(struct http_request *r, struct arena *a, const char *lines)
{
    struct span rest = span_of(lines), line, name, value;
    *r = (struct http_request){.method = M_GET,
                               .method_name = SPAN("GET"),
                               .path_query = SPAN("/"),
                               .authority = SPAN("app.test"),
                               .version = HTTP_1_1};
    assert_true(headers_init(&r->headers, a, 16));
    while (rest.n) {
        span_cut(rest, '\n', &line, &rest);
        assert_true(span_cut(line, ':', &name, &value));
        assert_true(headers_add(&r->headers, a, name, span_trim(value)));
    }
}

/* "Basic dXNlcjpwYXNz" */
static inline struct span basic_value(struct arena *a, const char *pair)
{
    char *out = arena_alloc(a, 6 + BASE64_SIZE(strlen(pair)));
    assert_non_null(out);
    memcpy(out, "Basic ", 6);
    return span_make(out, 6 + base64_encode(span_of(pair), out + 6));
}

#endif
