/* The HTTP/2 codec: what a client sends, what the user is told, what the client sees. Each conversation whole and split at every byte. */
#include "h2_site.h"

#include <stdio.h>

/* Feeds `bytes`, the first `split` of them apart; fills in what was seen. */
static void converse(struct site *t, struct span bytes, size_t split, char *seen)
{
    struct h2_reader *r = h2_reader_new();
    struct chunkq in;
    chunkq_init(&in, &t->m.chunks);
    feed(&in, span_make(bytes.p, split));
    h2_session_read(t->session, &in, 1);
    feed(&in, span_from(bytes, split));
    h2_session_read(t->session, &in, 1);
    assert_int_equal(in.bytes, 0);
    site_collect(t, r, seen);
    h2_reader_free(r);
}

#define OK(id) "H " id " - :status=200|content-length=5|x-name=Value\nD " id " e 5\n"

/* `sees`: after the server's own greeting, which is the same always. */
static const struct {
    const char *name, *sends, *told, *sees;
} conversations[] = {
    {"get", HELLO "H 1 e " GET, "head 1 GET / at a.test none 0 ended\ngone 1\n", OK("1")},
    {"two at a time", HELLO "H 1 e " GET "\nH 3 e " GET,
     "head 1 GET / at a.test none 0 ended\nhead 3 GET / at a.test none 0 ended\ngone 1\ngone 3\n",
     "H 1 - :status=200|content-length=5|x-name=Value\nH 3 - :status=200|content-length=5|x-name=Value\nD 1 e 5\nD 3 e "
     "5\n"},
    {"fields", HELLO "H 1 e " GET "|accept=*/*|te=trailers|x=",
     "head 1 GET / at a.test none 0 ended accept=*/* te=trailers x=\ngone 1\n", OK("1")},
    {"in continuations", HELLO "H 1 eh " GET "\nC 1 h a=b\nC 1 - c=d",
     "head 1 GET / at a.test none 0 ended a=b c=d\ngone 1\n", OK("1")},
    {"cookie crumbs", HELLO "H 1 e " GET "|cookie=a=1|x=y|cookie=b=2|cookie=c=3",
     "head 1 GET / at a.test none 0 ended cookie=a=1; b=2; c=3 x=y\ngone 1\n", OK("1")},
    {"empty crumbs", HELLO "H 1 e " GET "|cookie=|cookie=a=1|cookie=|cookie=b=2|cookie=",
     "head 1 GET / at a.test none 0 ended cookie=a=1; b=2\ngone 1\n", OK("1")},
    {"post with length", HELLO "H 1 - " POST "|content-length=5\nD 1 - he\nD 1 e llo",
     "head 1 POST /up at a.test length 5 content-length=5\nbody 1 5\ngone 1\n", OK("1")},
    {"post without", HELLO "H 1 - " POST "\nD 1 e hello", "head 1 POST /up at a.test chunked 0\nbody 1 5\ngone 1\n",
     OK("1")},
    {"post of nothing", HELLO "H 1 e " POST, "head 1 POST /up at a.test length 0 ended\ngone 1\n", OK("1")},
    {"trailers", HELLO "H 1 - " POST "\nD 1 - hello\nH 1 e host=evil.test|x=y",
     "head 1 POST /up at a.test chunked 0\nbody 1 5\ngone 1\n", OK("1")},
    {"expect", HELLO "H 1 - " POST "|expect=100-continue\nD 1 e hello",
     "head 1 POST /up at a.test chunked 0 expects\nbody 1 5\ngone 1\n", OK("1")},
    {"host instead of authority", HELLO "H 1 e :method=GET|:scheme=https|:path=/|host=a.test",
     "head 1 GET / at a.test none 0 ended\ngone 1\n", OK("1")},
    {"host and authority agree", HELLO "H 1 e " GET "|host=A.test:443", "head 1 GET / at a.test none 0 ended\ngone 1\n",
     OK("1")},
    {"options *", HELLO "H 1 e :method=OPTIONS|:scheme=https|:authority=a.test|:path=*",
     "head 1 OPTIONS * at a.test none 0 ended\ngone 1\n", OK("1")},
    {"websocket", HELLO "H 1 - " WS "|sec-websocket-version=13|origin=https://a.test\nR 1 8",
     "head 1 GET /ws at a.test none 0 websocket sec-websocket-version=13 origin=https://a.test\ngone 1 reset\n", ""},
    {"ping", HELLO "I", "", "I\n"},
    {"unknown frame", HELLO "F 99 0 0 00", "", ""},
    {"priorities", HELLO "H 1 - " POST "|priority=u=1, i\nU 1 u=0\nO 1\nD 1 e hello",
     "head 1 POST /up at a.test chunked 0 priority=u=1, i\nbody 1 5\ngone 1\n", OK("1")},

    {"bad method", HELLO "H 1 e :method=G T|:scheme=https|:authority=a.test|:path=/", "gone 1 reset\n", "R 1 1\n"},
    {"connect", HELLO "H 1 - :method=CONNECT|:authority=a.test:443", "refused 1 405 method-not-allowed\n",
     "H 1 e :status=405|x-name=Value\n"},
    {"trace", HELLO "H 1 e :method=TRACE|:scheme=https|:authority=a.test|:path=/",
     "refused 1 405 method-not-allowed\ngone 1\n", "H 1 e :status=405|x-name=Value\n"},
    {"other protocol", HELLO "H 1 - :method=CONNECT|:protocol=webtransport|:scheme=https|:authority=a.test|:path=/",
     "refused 1 501 protocol-not-supported\n", "H 1 e :status=501|x-name=Value\n"},
    {"websocket of another version", HELLO "H 1 - " WS "|sec-websocket-version=8", "refused 1 400 bad-websocket\n",
     "H 1 e :status=400|x-name=Value\n"},
    {"websocket that ends", HELLO "H 1 e " WS "|sec-websocket-version=13", "refused 1 400 bad-websocket\ngone 1\n",
     "H 1 e :status=400|x-name=Value\n"},
    {"scheme", HELLO "H 1 e :method=GET|:scheme=ftp|:authority=a.test|:path=/", "refused 1 400 bad-scheme\ngone 1\n",
     "H 1 e :status=400|x-name=Value\n"},
    {"fragment in path", HELLO "H 1 e :method=GET|:scheme=https|:authority=a.test|:path=/a#b",
     "refused 1 400 bad-target\ngone 1\n", "H 1 e :status=400|x-name=Value\n"},
    {"space in path", HELLO "H 1 e :method=GET|:scheme=https|:authority=a.test|:path=/a HTTP/1.1", "gone 1 reset\n",
     "R 1 1\n"},
    {"absolute path", HELLO "H 1 e :method=GET|:scheme=https|:authority=a.test|:path=https://b.test/", "gone 1 reset\n",
     "R 1 1\n"},
    {"authority with user", HELLO "H 1 e :method=GET|:scheme=https|:authority=u@a.test|:path=/",
     "refused 1 400 bad-authority\ngone 1\n", "H 1 e :status=400|x-name=Value\n"},
    {"host and authority differ", HELLO "H 1 e " GET "|host=b.test", "refused 1 400 host-mismatch\ngone 1\n",
     "H 1 e :status=400|x-name=Value\n"},
    {"two hosts", HELLO "H 1 e " GET "|host=a.test|host=a.test", "gone 1 reset\n", "R 1 1\n"},
    {"upper case", HELLO "H 1 e " GET "|X-Upper=1", "gone 1 reset\n", "R 1 1\n"},
    {"pseudo field behind others", HELLO "H 1 e :method=GET|:scheme=https|:path=/|a=b|:authority=a.test",
     "gone 1 reset\n", "R 1 1\n"},
    {"unknown pseudo field", HELLO "H 1 e " GET "|:what=1", "gone 1 reset\n", "R 1 1\n"},
    {"no path", HELLO "H 1 e :method=GET|:scheme=https|:authority=a.test", "gone 1 reset\n", "R 1 1\n"},
    {"two methods", HELLO "H 1 e :method=GET|" GET, "gone 1 reset\n", "R 1 1\n"},
    {"connection", HELLO "H 1 e " GET "|connection=close", "gone 1 reset\n", "R 1 1\n"},
    {"transfer-encoding", HELLO "H 1 e " GET "|transfer-encoding=chunked", "gone 1 reset\n", "R 1 1\n"},
    {"transfer_encoding", HELLO "H 1 e " GET "|transfer_encoding=chunked", "refused 1 400 bad-header-name\ngone 1\n",
     "H 1 e :status=400|x-name=Value\n"},
    {"upgrade", HELLO "H 1 e " GET "|upgrade=h2c", "gone 1 reset\n", "R 1 1\n"},
    {"te", HELLO "H 1 e " GET "|te=gzip", "gone 1 reset\n", "R 1 1\n"},
    {"CR in a value", HELLO "H 1 e " GET "|x=a\rb", "refused 1 400 bad-header-value\ngone 1\n",
     "H 1 e :status=400|x-name=Value\n"},
    {"space before a value", HELLO "H 1 e " GET "|x= a", "refused 1 400 bad-header-value\ngone 1\n",
     "H 1 e :status=400|x-name=Value\n"},
    {"colon in a name", HELLO "H 1 e " GET "|a:b=c", "refused 1 400 bad-header-value\ngone 1\n",
     "H 1 e :status=400|x-name=Value\n"},
    {"obs-text where it decides", HELLO "H 1 e " GET "|origin=https://\xc3\xa9.test",
     "refused 1 400 bad-header-value\ngone 1\n", "H 1 e :status=400|x-name=Value\n"},
    {"expect of something else", HELLO "H 1 - " POST "|expect=miracles", "refused 1 417 bad-expect\n",
     "H 1 e :status=417|x-name=Value\n"},
    {"length with zeros before", HELLO "H 1 - " POST "|content-length=05", "refused 1 400 bad-content-length\n",
     "H 1 e :status=400|x-name=Value\n"},
    {"length and no body", HELLO "H 1 e " POST "|content-length=5", "gone 1 reset\n", "R 1 1\n"},
    {"more than its length", HELLO "H 1 - " POST "|content-length=2\nD 1 - hello",
     "head 1 POST /up at a.test length 2 content-length=2\ngone 1 reset\n", "R 1 1\n"},
    {"less than its length", HELLO "H 1 - " POST "|content-length=9\nD 1 e hello",
     "head 1 POST /up at a.test length 9 content-length=9\ngone 1 reset\n", "R 1 1\n"},
    {"data on an idle stream", HELLO "D 1 e hello", "", "G 0 1\n"},
    {"even stream", HELLO "H 2 e " GET, "", "G 0 1\n"},
    {"stream ids go back", HELLO "H 3 e " GET "\nH 1 e " GET, "head 3 GET / at a.test none 0 ended\n", "G 3 1\n"},
    {"window update of 0", HELLO "H 1 - " POST "\nW 1 0", "head 1 POST /up at a.test chunked 0\n", "G 1 1\n"},
    {"reset by the client", HELLO "H 1 - " POST "\nR 1 8", "head 1 POST /up at a.test chunked 0\ngone 1 reset\n", ""},
    {"PRIORITY for no stream", HELLO "O 0", "", "G 0 1\n"},
    {"PRIORITY_UPDATE for no stream", HELLO "U 0 u=1", "", "G 0 1\n"},
    {"SETTINGS that make a window overflow", HELLO "H 1 - " POST "\nW 1 2147418112\nS 4=65536",
     "head 1 POST /up at a.test chunked 0\n", "G 1 3\n"},
    {"SETTINGS that make a window the largest", HELLO "H 1 - " POST "\nW 1 2147418112\nS 4=65535\nI",
     "head 1 POST /up at a.test chunked 0\n", "A\nI\n"},
    {"not a preface", "F 0 0 0 00112233445566778899", "", "G 0 1\n"},
};

static struct span bytes_of(const char *words)
{
    static uint8_t bytes[BYTES];
    return span_make(bytes, h2_frames(words, bytes, sizeof bytes));
}

/* Without the greeting: the server's SETTINGS, its window, its word that it has read the client's. */
static void leave_out_greeting(char *seen)
{
    static const char *greeting[] = {"S\n", "A\n", "W 0 983041\n"};
    for (size_t i = 0; i < COUNT(greeting); i++) {
        char *at = strstr(seen, greeting[i]);
        if (at)
            memmove(at, at + strlen(greeting[i]), strlen(at + strlen(greeting[i])) + 1);
    }
}

static void run(const char *name, struct span bytes, size_t split, const char *told, const char *sees)
{
    struct site t;
    char seen[TEXT] = "";
    site_init(&t, false);
    converse(&t, bytes, split, seen);
    leave_out_greeting(seen);
    if (strcmp(t.told, told) != 0)
        fail_msg("%s, split at %zu: told\n%snot\n%s", name, split, t.told, told);
    if (strcmp(seen, sees) != 0)
        fail_msg("%s, split at %zu: the client sees\n%snot\n%s", name, split, seen, sees);
    *t.told = '\0';
    site_fini(&t);
}

static void test_conversations(void **state)
{
    for (size_t i = 0; i < COUNT(conversations); i++) {
        struct span bytes = bytes_of(conversations[i].sends);
        for (size_t split = 0; split < bytes.n; split++)
            run(conversations[i].name, bytes, split, conversations[i].told, conversations[i].sees);
    }
}

/* --- limits ------------------------------------------------------------------------------------------------------- */

#define CRUMBS10 "|cookie=a|cookie=a|cookie=a|cookie=a|cookie=a|cookie=a|cookie=a|cookie=a|cookie=a|cookie=a"
#define HOSTS10 "|host=a|host=a|host=a|host=a|host=a|host=a|host=a|host=a|host=a|host=a"
#define X1000 X100 X100 X100 X100 X100 X100 X100 X100 X100 X100
#define X100 X10 X10 X10 X10 X10 X10 X10 X10 X10 X10
#define X10 "xxxxxxxxxx"

/* What ends the connection, and the last that is well: `why` NULL. */
static const struct {
    const char *name, *sends, *why;
    bool silent;
} floods[] = {
    {"13 SETTINGS", HELLO "*12 S", NULL, false},
    {"SETTINGS", HELLO "*20 S", "SETTINGS flood", false},
    {"60 PING", HELLO "*60 I", NULL, false},
    {"PING", HELLO "*61 I", "PING flood", false},
    {"120 PRIORITY", HELLO "*120 O 1", NULL, false},
    {"PRIORITY", HELLO "*121 O 1", "PRIORITY flood", false},
    {"PRIORITY_UPDATE", HELLO "*121 U 1 u=0", "PRIORITY flood", false},
    {"one empty DATA", HELLO "H 1 - " POST "\nD 1 - \nD 1 - x\nD 1 - \nD 1 - x", NULL, false},
    {"empty DATA", HELLO "H 1 - " POST "\nD 1 - \nD 1 - ", "empty DATA flood", false},
    {"5 WINDOW_UPDATE", HELLO "*5 W 0 1", NULL, false},
    {"WINDOW_UPDATE", HELLO "*6 W 0 1", "WINDOW_UPDATE flood", false},
    {"GOAWAY", HELLO "*376 F 7 0 0 0000000000000000", "flood of odd frames", false},
    {"CONTINUATION", HELLO "H 1 h " GET "\n*9 C 1 h ", "Too many CONTINUATION frames following a HEADER frame", false},
    {"fields far beyond", HELLO "H 1 e " GET CRUMBS10 CRUMBS10 CRUMBS10 CRUMBS10 CRUMBS10 CRUMBS10 CRUMBS10 CRUMBS10,
     "head far too large", false},
    {"bytes far beyond",
     HELLO "H 1 eh " GET "\nC 1 h x=" X1000 X1000 X1000 X1000 "|x=" X1000 X1000 X1000 X1000
           "\nC 1 - x=" X1000 X1000 X1000 X1000 "|x=" X1000 X1000 X1000 X1000 X1000,
     "head far too large", false},
    {"frame too large",
     HELLO "H 1 e " GET
           "|x=" X1000 X1000 X1000 X1000 X1000 X1000 X1000 X1000 X1000 X1000 X1000 X1000 X1000 X1000 X1000 X1000 X1000,
     "FRAME_SIZE_ERROR", false},
};

static void test_floods(void **state)
{
    for (size_t i = 0; i < COUNT(floods); i++) {
        struct site t;
        char seen[TEXT] = "";
        site_init(&t, floods[i].silent);
        converse(&t, bytes_of(floods[i].sends), 0, seen);
        const char *why = h2_session_error(t.session);
        if ((why == NULL) != (floods[i].why == NULL) || (why && strcmp(why, floods[i].why) != 0))
            fail_msg("%s: ended for \"%s\"", floods[i].name, why ? why : "nothing");
        CHECK(floods[i].name, !why || strstr(seen, "G "));
        CHECK(floods[i].name, !why || h2_session_is_over(t.session));
        const struct h2_stream *s = h2_session_first(t.session);
        CHECK(floods[i].name, !why || !s || s->fields <= 4 * site_config.fields + 1); /* the rest is not looked at */
        site_fini(&t);
    }
}

/* Requests one by one, each reset: by the client, or made to be reset by us. */
static unsigned resets_until_end(const char *head, const char *then, const char *what, unsigned most)
{
    struct site t;
    struct h2_reader *r = h2_reader_new();
    struct chunkq in;
    static char seen[TEXT];
    unsigned n = 0;
    site_init(&t, true);
    chunkq_init(&in, &t.m.chunks);
    feed(&in, bytes_of(HELLO));
    while (n < most && h2_session_read(t.session, &in, 1)) {
        char words[400];
        unsigned id = 1 + 2 * n++;
        (void)snprintf(words, sizeof words, "H %u %s\n%s %u %s", id, head, then, id, what);
        feed(&in, bytes_of(words));
        *seen = *t.told = '\0';
        site_collect(&t, r, seen);
    }
    chunkq_clear(&in);
    CHECK(head, n == most || strcmp(h2_session_error(t.session), "reset flood") == 0);
    h2_reader_free(r);
    site_fini(&t);
    return n;
}

static void test_resets(void **state)
{
    static const struct {
        const char *head, *then, *what;
    } kinds[] = {
        {"- " POST, "R", "8"},
        {"- " POST "|content-length=1", "D", "- xx"},
        {"- " POST, "W", "2147483647"},
        {"e " GET "|connection=close", "W", "1"},
    };
    for (size_t i = 0; i < COUNT(kinds); i++) {
        unsigned n = resets_until_end(kinds[i].head, kinds[i].then, kinds[i].what, 400);
        if (n < 200 || n > 204)
            fail_msg("%s, %s: ends after %u", kinds[i].head, kinds[i].then, n);
    }
}

static void test_too_large(void **state)
{
    static const struct {
        const char *name, *sends, *told;
    } rows[] = {
        {"16 crumbs fit", HELLO "H 1 e " GET CRUMBS10 "|cookie=a|cookie=a|cookie=a|cookie=a|cookie=a|cookie=a",
         "head 1"},
        {"17 do not", HELLO "H 1 e " GET CRUMBS10 "|cookie=a|cookie=a|cookie=a|cookie=a|cookie=a|cookie=a|cookie=a",
         "refused 1 431 too-many-headers\n"},
        {"bytes", HELLO "H 1 e " GET "|x=" X100 X1000 X1000 X1000 X1000, "refused 1 431 head-too-large\n"},
        {"trailers", HELLO "H 1 - " POST "\nH 1 e a=b" CRUMBS10 CRUMBS10, "gone 1 reset\n"},
        {"target", HELLO "H 1 e :method=GET|:scheme=https|:authority=a.test|:path=/" X100 X1000 X1000 X1000 X1000,
         "refused 1 431 head-too-large\n"},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct site t;
        char seen[TEXT] = "";
        site_init(&t, false);
        converse(&t, bytes_of(rows[i].sends), 0, seen);
        if (!strstr(t.told, rows[i].told))
            fail_msg("%s: told %s", rows[i].name, t.told);
        site_fini(&t);
    }
}

/* --- flow control, going away ------------------------------------------------------------------------------------- */

static void test_going_away(void **state)
{
    struct talk k;
    talk_begin(&k, true);
    assert_true(talk_sends(&k, HELLO "H 1 e " GET));
    h2_session_notice(k.t.session);
    talk_hears(&k);
    assert_non_null(strstr(k.seen, "G 2147483647 0\n"));
    assert_true(talk_sends(&k, "H 3 e " GET));
    h2_session_last_stream(k.t.session);
    assert_true(talk_sends(
        &k, "H 7 e " GET)); /* crosses the last word, which is not yet written: it is not to be taken and disowned */
    talk_hears(&k);
    assert_non_null(strstr(k.seen, "G 3 0\n"));
    assert_non_null(strstr(k.seen, "R 7 7\n"));
    assert_null(strstr(k.t.told, "7"));
    assert_true(talk_sends(&k, "H 9 e " GET));
    assert_null(strstr(k.t.told, "head 9"));
    for (struct h2_stream *s = h2_session_first(k.t.session), *next; s; s = next) {
        next = s->next;
        site_answer(&k.t, s, 200, true);
    }
    talk_hears(&k);
    assert_non_null(strstr(k.seen, "D 1 e 5\n"));
    assert_non_null(strstr(k.seen, "D 3 e 5\n"));
    assert_null(h2_session_first(k.t.session));
    talk_end(&k);
}

/* Piece by piece: 1xx, a head, payload when there is some; the stream outlives what asked for it. */
static void test_in_pieces(void **state)
{
    struct talk k;
    talk_begin(&k, true);
    struct h2_stream *s = talk_asks(&k, HELLO "H 1 e " GET);
    struct request *x = s->owner;
    struct headers early;
    struct http_response resp = {.status = 200, .body = BODY_CHUNKED};
    assert_true(headers_init(&early, &x->arena, 1) && headers_init(&resp.headers, &x->arena, 1));
    assert_true(headers_add(&early, &x->arena, SPAN("Link"), SPAN("</a>")));
    assert_true(h2_stream_interim(s, 103, &early) && h2_stream_respond(s, &resp, NULL));
    talk_hears(&k);
    assert_non_null(strstr(k.seen, "H 1 - :status=103|link=</a>\nH 1 - :status=200\n"));
    assert_true(chunkq_append(&s->out, SPAN("abc")));
    h2_stream_wake(s);
    talk_hears(&k);
    assert_non_null(strstr(k.seen, "D 1 - 3\n"));
    h2_stream_leave(s);
    arena_fini(&x->arena);
    free(x);
    h2_stream_finish(s);
    talk_hears(&k);
    assert_non_null(strstr(k.seen, "D 1 e 0\n"));
    assert_null(h2_session_first(k.t.session));
    talk_end(&k);
}

/* A tunnel that is over for both: the client's half is declined like the rest of any request. */
static void test_websocket_over_for_both(void **state)
{
    struct talk k;
    talk_begin(&k, true);
    struct h2_stream *s = talk_asks(&k, HELLO "H 1 - " WS "|sec-websocket-version=13");
    struct request *x = s->owner;
    struct http_response resp = {.status = 101};
    assert_true(headers_init(&resp.headers, &x->arena, 1) && h2_stream_respond(s, &resp, NULL));
    talk_hears(&k);
    assert_non_null(strstr(k.seen, "H 1 - :status=200\n"));
    assert_false(h2_stream_is_answered(s));
    h2_stream_finish_both(s);
    talk_hears(&k);
    assert_non_null(strstr(k.seen, "D 1 e 0\n"));
    assert_true(h2_stream_is_answered(s));
    talk_end(&k);
}

/* RFC 9113 §8.1: what still comes of a request that was answered is thrown away, then declined. */
static void test_answered_early(void **state)
{
    struct talk k;
    talk_begin(&k, false);
    assert_true(talk_sends(&k, HELLO "H 1 - " POST "|expect=miracles"));
    talk_hears(&k);
    struct h2_stream *s = h2_session_first(k.t.session);
    assert_non_null(strstr(k.seen, "H 1 e :status=417"));
    assert_true(h2_stream_is_answered(s));
    for (unsigned i = 0; i < 16; i++) {
        assert_true(talk_sends(&k, "D 1 - " X1000 X1000 X1000 X1000));
        talk_hears(&k);
    }
    assert_null(strstr(k.seen, "R 1"));
    assert_int_equal(s->in.bytes, 0);
    assert_true(talk_sends(&k, "D 1 - " X1000 X1000 X1000 X1000));
    talk_hears(&k);
    assert_non_null(strstr(k.seen, "R 1 0\n"));
    assert_null(h2_session_first(k.t.session));
    talk_end(&k);
}

/* A stream whose window is shut keeps its bytes; another one goes on; both get theirs when there is room. */
static void test_windows(void **state)
{
    struct talk k;
    talk_begin(&k, false);
    assert_true(talk_sends(&k, "P\nS 4=2\nA\nH 1 e " GET));
    talk_hears(&k);
    assert_non_null(strstr(k.seen, "D 1 - 2\n"));
    struct h2_stream *s = h2_session_first(k.t.session);
    assert_int_equal(s->out.bytes, 3);
    assert_int_equal(s->bytes_sent, 2);
    assert_true(talk_sends(&k, "H 3 e " GET "\nW 3 3"));
    talk_hears(&k);
    assert_non_null(strstr(k.seen, "D 3 e"));
    assert_null(strstr(k.seen, "D 1 e"));
    assert_true(talk_sends(&k, "W 1 100"));
    talk_hears(&k);
    assert_non_null(strstr(k.seen, "D 1 e 3\n"));
    talk_end(&k);
}

/* What nobody reads yet has 16 KiB of room; then as much as was said, whenever the client's ACK comes. */
static void test_widening(void **state)
{
    for (unsigned late = 0; late <= 1; late++) {
        struct talk k;
        talk_begin(&k, true);
        struct h2_stream *s = talk_asks(&k, late ? "P\nS\nH 1 - " POST : HELLO "H 1 - " POST);
        talk_hears(&k);
        assert_null(strstr(k.seen, "W 1"));
        h2_stream_widen(s, 60000);
        h2_stream_widen(s, 50000);
        if (late) /* it was 65535 until then */
            assert_true(talk_sends(&k, "A"));
        talk_hears(&k);
        assert_non_null(strstr(k.seen, "W 1 43616\n"));
        for (unsigned i = 0; i < 14; i++)
            assert_true(talk_sends(&k, "D 1 - " X1000 X1000 X1000 X1000));
        talk_hears(&k);
        assert_null(strstr(k.seen, "R 1"));
        assert_string_equal(k.t.told, "head 1 POST /up at a.test chunked 0\n");
        talk_end(&k);
    }
}

static void test_first_window(void **state)
{
    struct talk k;
    talk_begin(&k, true);
    k.t.holds = true;
    struct h2_stream *s = talk_asks(&k, HELLO "H 1 - " POST);
    for (unsigned i = 0; i < 4; i++)
        assert_true(talk_sends(&k, "D 1 - " X1000 X1000 X1000 X1000));
    talk_hears(&k);
    assert_null(strstr(k.seen, "R 1"));
    assert_int_equal(s->in.bytes, 16000);
    assert_true(talk_sends(&k, "D 1 - " X1000));
    talk_hears(&k);
    assert_non_null(strstr(k.seen, "R 1 3\n"));
    talk_end(&k);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_conversations),
        cmocka_unit_test(test_floods),
        cmocka_unit_test(test_resets),
        cmocka_unit_test(test_too_large),
        cmocka_unit_test(test_going_away),
        cmocka_unit_test(test_windows),
        cmocka_unit_test(test_answered_early),
        cmocka_unit_test(test_widening),
        cmocka_unit_test(test_first_window),
        cmocka_unit_test(test_in_pieces),
        cmocka_unit_test(test_websocket_over_for_both),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
