/* Places: nobody gets more than there are, an address not more than are free, and all come back. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <sys/socket.h>

#include <cmocka.h>

#include "config/snapshot.h"
#include "edge/addresses.h"
#include "edge/conn.h"
#include "edge/exchange.h"

static struct place_pool pool_of(unsigned limit)
{
    struct place_pool p = {0};
    atomic_init(&p.limit, limit);
    return p;
}

static unsigned take_all(struct place_pool *p, atomic_uint *of_address)
{
    unsigned n = 0;
    while (place_take(p, of_address) < PLACE_NONE)
        n++;
    return n;
}

/* Each address takes all it gets, one after the other. */
static const struct {
    const char *name;
    unsigned limit;
    unsigned gets[5];
} crowds[] = {
    {"one", 1, {1, 0, 0, 0, 0}},  {"two", 2, {1, 1, 0, 0, 0}},
    {"few", 8, {4, 2, 1, 1, 0}},  {"many", 1000, {500, 250, 125, 63, 31}},
    {"none", 0, {0, 0, 0, 0, 0}},
};

static void an_address_gets_as_many_as_are_free(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof crowds / sizeof crowds[0]; i++) {
        struct place_pool p = pool_of(crowds[i].limit);
        for (size_t a = 0; a < 5; a++) {
            atomic_uint of_address = 0;
            unsigned n = take_all(&p, &of_address);
            if (n != crowds[i].gets[a] || atomic_load(&of_address) != n)
                fail_msg("%s: address %zu got %u, counted %u", crowds[i].name, a, n, atomic_load(&of_address));
        }
    }
}

/* Side by side, each gets the same, and one more would have found as many. */
static void those_who_come_together_share(void **state)
{
    (void)state;
    for (unsigned addresses = 1; addresses <= 9; addresses++) {
        struct place_pool p = pool_of(1000);
        atomic_uint of_address[9] = {0};
        for (unsigned round = 0; round < 1000; round++)
            for (unsigned a = 0; a < addresses; a++)
                (void)place_take(&p, &of_address[a]);
        for (unsigned a = 0; a < addresses; a++)
            assert_in_range(atomic_load(&of_address[a]), 1000 / (addresses + 1) - 1, 1000 / (addresses + 1) + 1);
        atomic_uint late = 0;
        assert_in_range(take_all(&p, &late), 1000 / (addresses + 1) / 2 - 2, 1000 / (addresses + 1) / 2 + 2);
    }
}

static void of_nobody_only_the_pool_counts(void **state)
{
    (void)state;
    struct place_pool p = pool_of(100);
    assert_int_equal(take_all(&p, NULL), 100);
    assert_int_equal(place_take(&p, NULL), PLACE_NONE);
}

static void why_not(void **state)
{
    (void)state;
    struct place_pool p = pool_of(10);
    atomic_uint of_address = 0;
    assert_int_equal(take_all(&p, &of_address), 5);
    assert_int_equal(place_take(&p, &of_address), PLACE_ENOUGH);
    assert_int_equal(take_all(&p, NULL), 5);
    assert_int_equal(place_take(&p, &of_address), PLACE_NONE);
}

/* The first quarter of a pool may fill whole queues. At no time do more than that have been told so. */
static void the_first_quarter(void **state)
{
    (void)state;
    struct place_pool p = pool_of(100);
    for (unsigned i = 0; i < 100; i++)
        assert_int_equal(place_take(&p, NULL), i < 25 ? PLACE_TAKEN : PLACE_TAKEN_LATE);
}

static void what_is_given_back_is_there_again(void **state)
{
    (void)state;
    struct place_pool p = pool_of(100);
    atomic_uint of_address = 0;
    for (unsigned i = 0; i < 1000; i++) {
        assert_int_equal(take_all(&p, &of_address), 50);
        for (unsigned k = 0; k < 50; k++)
            place_give(&p, &of_address);
        assert_int_equal(atomic_load(&of_address), 0);
        assert_int_equal(atomic_load(&p.taken), 0);
    }
}

/* limits.memory: what it is good for. The figures are those of docs/rules.md. */
static void memory_makes_places(void **state)
{
    (void)state;
    static const struct {
        size_t mib;
        unsigned places;
    } cases[] = {{0, 1}, {4, 12}, {16, 50}, {128, 402}, {2048, 6432}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        if (places_for_memory(cases[i].mib << 20) != cases[i].places)
            fail_msg("%zu MiB: %u places", cases[i].mib, places_for_memory(cases[i].mib << 20));
    assert_true(places_for_memory(SIZE_MAX) <= INT32_MAX);
}

/* Behind a proxy; somebody who is signed in asks beside another request, an origin of whose version nobody knows yet: it speaks
 * HTTP/2, so the descriptor's place goes back, and it refuses, so the request asks once more. */
static void asking_again_holds_the_address_once(void **state)
{
    (void)state;
    struct edge_shared shared = {.addresses = address_counts_new()};
    struct loop loop = {.now_ms = 1};
    struct edge_thread thread = {.shared = &shared, .loop = &loop};
    struct origin_config origin = {.http = ORIGIN_HTTP_AUTO};
    struct host_config site = {.origin = &origin};
    struct identity who = {0};
    struct conn conn = {.thread = &thread, .place_lent = true};
    struct exchange x = {.thread = &thread, .conn = &conn, .site = &site, .who = &who};
    x.client_addr = (struct addr){.family = AF_INET, .ip = {1}};
    atomic_init(&shared.places[PLACE_SIGNED_IN_MORE].limit, 8);

    assert_null(places_enter(&x));
    places_share(&x);
    assert_null(places_enter(&x));
    atomic_store(edge_address_wanted(x.place.address), 7);
    places_leave(&x);

    struct address_count *after = edge_address_hold(&shared, &x.client_addr);
    assert_int_equal(atomic_load(edge_address_wanted(after)), 0); /* not the one that was held before */
    edge_address_let_go(&shared, after);
    address_counts_free(shared.addresses);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_address_gets_as_many_as_are_free),
        cmocka_unit_test(those_who_come_together_share),
        cmocka_unit_test(of_nobody_only_the_pool_counts),
        cmocka_unit_test(why_not),
        cmocka_unit_test(the_first_quarter),
        cmocka_unit_test(what_is_given_back_is_there_again),
        cmocka_unit_test(memory_makes_places),
        cmocka_unit_test(asking_again_holds_the_address_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
