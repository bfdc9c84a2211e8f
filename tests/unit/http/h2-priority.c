/* RFC 9218: whose payload goes first when there is not room for all. */
#include "h2_site.h"

#include <stdio.h>

/* Three whole frames. */
#define BODY (3u * 16375u)
/* Five frames may leave, then nothing. */
#define WIDE "P\nS 4=1000000\nA\nW 0 16340\n"
#define ROOM "W 0 1000000\n"
#define ASK(id, priority) "H " id " e " GET "|priority=" priority "\n"
#define BARE(id) "H " id " e " GET "\n"

/* `asks`, then all is answered at once and five frames may leave; then `then`, and the rest leaves. `order`: whose DATA it is, runs of one
 * stream said once. */
static const struct {
    const char *name, *asks, *then, *order;
} rows[] = {
    {"one behind the other", ASK("1", "u=3") ASK("3", "u=3"), ROOM, "1 3 "},
    {"in turns", ASK("1", "i") ASK("3", "i"), ROOM, "1 3 1 3 1 3 "},
    {"in turns, three", ASK("1", "u=2, i") ASK("3", "i, u=2") ASK("5", "u=2, i"), ROOM, "1 3 5 1 3 5 1 3 5 "},
    {"urgent ones first", ASK("1", "u=5") ASK("3", "u=0") ASK("5", "u=4"), ROOM, "3 5 1 "},
    {"urgency before turns", ASK("1", "u=5, i") ASK("3", "u=1, i") ASK("5", "u=1, i"), ROOM, "3 5 3 5 3 5 1 "},
    {"no urgency is 3", ASK("1", "u=4") ASK("3", "i=?0") ASK("5", "u=2"), ROOM, "5 3 1 "},
    {"who says nothing shares", BARE("1") BARE("3"), ROOM, "1 3 1 3 1 3 "},
    {"who says nothing is of urgency 3", ASK("1", "u=4") BARE("3") ASK("5", "u=2"), ROOM, "5 3 1 "},
    {"updated before it began", "U 3 u=1\n" BARE("1") BARE("3"), ROOM, "3 1 "},
    {"who has said one means the default", ASK("1", "u=4") BARE("3") BARE("5"), ROOM, "3 5 1 "},
    {"updated in the middle", ASK("1", "u=3") ASK("3", "u=4") ASK("5", "u=5"), "U 5 u=0\n" ROOM, "1 3 5 3 "},
    {"updated to be the last", ASK("1", "u=3") ASK("3", "u=4") ASK("5", "u=5"), "U 3 u=6\n" ROOM, "1 3 5 3 "},
    {"updated to take turns", ASK("1", "u=0") ASK("3", "u=1") ASK("5", "u=4") ASK("7", "u=4"),
     "U 5 u=4,i\nU 7 u=4,i\n" ROOM, "1 3 5 7 5 7 5 7 "},
};

static void answer_at_length(struct h2_stream *s)
{
    static const uint8_t bytes[BODY];
    struct request *r = s->owner;
    struct http_response resp = {.status = 200, .body = BODY_LENGTH, .content_length = BODY};
    assert_true(headers_init(&resp.headers, &r->arena, 1));
    assert_true(h2_stream_respond(s, &resp, NULL));
    assert_true(chunkq_append(&s->out, span_make(bytes, BODY)));
    h2_stream_finish(s);
}

/* Of "D id e n" lines, those with at least a whole frame. */
static void order_of(const char *seen, char *order, size_t cap)
{
    unsigned last = 0, id, n;
    char flag;
    *order = '\0';
    for (const char *at = strstr(seen, "\nD "); at; at = strstr(at + 1, "\nD ")) {
        assert_int_equal(sscanf(at, "\nD %u %c %u", &id, &flag, &n), 3);
        if (id != last && n > 1000)
            h2_tell(order, cap, "%u ", id);
        last = n > 1000 ? id : last;
    }
}

static void test_order(void **state)
{
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct talk k;
        char order[100];
        talk_begin(&k, true);
        assert_true(talk_sends(&k, WIDE));
        for (struct h2_stream *s = talk_asks(&k, rows[i].asks); s; s = s->next)
            answer_at_length(s);
        talk_hears(&k);
        CHECK(rows[i].name, h2_session_first(k.t.session) != NULL);
        assert_true(talk_sends(&k, rows[i].then));
        talk_hears(&k);
        order_of(k.seen, order, sizeof order);
        if (strcmp(order, rows[i].order) != 0)
            fail_msg("%s: %s, not %s", rows[i].name, order, rows[i].order);
        CHECK(rows[i].name, h2_session_first(k.t.session) == NULL);
        talk_end(&k);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_order)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
