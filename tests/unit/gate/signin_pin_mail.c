/* The mail with the PIN: what stands in it, and that nothing can be smuggled into its header. */
#include "support.h"

#include "gate/signin/pin_mail.h"
#include "net/mail_impl.h"

static const struct pin_mail plain = {.from = SPAN("plyr staging <gate@plyr.test>"),
                                      .from_address = SPAN("gate@plyr.test"),
                                      .to = SPAN("anna@app.test"),
                                      .host = SPAN("stg.plyr.test"),
                                      .client = SPAN("2001:db8::9"),
                                      .pin = "01234567",
                                      .now_s = 1795307700,
                                      .random = {0xab, 0xcd}};

static char *compose(const struct pin_mail *m, struct text *t)
{
    text_init(t);
    pin_mail_compose(m, t);
    assert_false(t->failed);
    assert_true(mail_is_message(text_span(t)));
    return t->p;
}

static const char *const wanted[] = {
    "To: <anna@app.test>\r\n",
    "From: \"plyr staging\"\r\n <gate@plyr.test>\r\n",
    "Subject: Your code for\r\n stg.plyr.test\r\n",
    "Date: Sun, 22 Nov 2026 00:35:00 +0000\r\n",
    "Message-ID: <abcd0000000000000000000000000000@plyr.test>\r\n",
    "Auto-Submitted: auto-generated\r\n",
    "MIME-Version: 1.0\r\n",
    "Content-Type: multipart/alternative; boundary=\"tg-abcd0000000000000000000000000000\"\r\n\r\n",
    "--tg-abcd0000000000000000000000000000\r\nContent-Type: text/plain; charset=utf-8\r\n",
    "--tg-abcd0000000000000000000000000000\r\nContent-Type: text/html; charset=utf-8\r\n",
    "\r\n--tg-abcd0000000000000000000000000000--\r\n",
    "\r\n0123 4567\r\n",
    ">0123</span><span style=\"padding-left:.4em\">4567</span>",
    "2026-11-22 00:35 UTC",
    "from the address 2001:db8::9.",
    "ten minutes",
    "ignore this mail",
    "prefers-color-scheme:dark",
};

/* What would be fetched, followed or run. */
static const char *const unwanted[] = {"http",    "href",    "<a ",   "<img",  "src=",    "url(",
                                       "@import", "<script", "<link", "<form", "01234567"};

static void test_what_it_says(void **state)
{
    struct text t;
    const char *p = compose(&plain, &t);
    (void)state;
    for (size_t i = 0; i < COUNT(wanted); i++)
        CHECK(wanted[i], strstr(p, wanted[i]) != NULL);
    for (size_t i = 0; i < COUNT(unwanted); i++)
        CHECK(unwanted[i], strstr(p, unwanted[i]) == NULL);
    const char *asker = strstr(p, "from the address 2001:db8::9.\r\n"); /* in the text … */
    assert_non_null(asker);
    assert_non_null(strstr(asker + 1, "from the address 2001:db8::9.<br>")); /* … and in HTML */
    const char *body = strstr(p, "\r\n\r\n");
    for (const char *at = p; (at = strstr(at, "0123")) != NULL; at++)
        assert_true(at > body); /* not in the header, which servers log */
    text_fini(&t);
}

static void test_lines_are_short(void **state)
{
    struct text t;
    struct span rest, line;
    (void)state;
    (void)compose(&plain, &t);
    rest = text_span(&t);
    while (span_cut(rest, '\n', &line, &rest))
        CHECK("line", line.n <= 100);
    text_fini(&t);
}

static const struct {
    const char *from, *want;
} names[] = {
    {"gate@plyr.test", "From: <gate@plyr.test>\r\nTo:"},
    {"<gate@plyr.test>", "From: <gate@plyr.test>\r\nTo:"},
    {"Gate <gate@plyr.test>", "From: \"Gate\"\r\n <gate@plyr.test>\r\nTo:"},
    {"\"Gate, the\" <gate@plyr.test>", "From: \"Gate, the\"\r\n <gate@plyr.test>\r\nTo:"},
    {"a\"b\\c <gate@plyr.test>", "From: \"a\\\"b\\\\c\"\r\n <gate@plyr.test>\r\nTo:"},
    {"Gate\r\nBcc: eve@evil.test <gate@plyr.test>", "From: \"Gate  Bcc: eve@evil.test\"\r\n <gate@plyr.test>\r\nTo:"},
    {"\" <gate@plyr.test>", "From: \"\\\"\"\r\n <gate@plyr.test>\r\nTo:"},
    {"\"\" <gate@plyr.test>", "From: <gate@plyr.test>\r\nTo:"},
    {"a\" <gate@plyr.test>", "From: \"a\\\"\"\r\n <gate@plyr.test>\r\nTo:"},
    {"\"a <gate@plyr.test>", "From: \"\\\"a\"\r\n <gate@plyr.test>\r\nTo:"},
    {"a\x7f"
     "b\x1f"
     "c <gate@plyr.test>",
     "From: \"a b c\"\r\n <gate@plyr.test>\r\nTo:"},
    {"B\xc3\xbchne <gate@plyr.test>", "From: =?UTF-8?B?QsO8aG5l?=\r\n <gate@plyr.test>\r\nTo:"},
};

static void test_from(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(names); i++) {
        struct pin_mail m = plain;
        struct text t;
        m.from = span_of(names[i].from);
        CHECK(names[i].from, strstr(compose(&m, &t), names[i].want) != NULL);
        text_fini(&t);
    }
}

/* Each encoded word is a whole one: at most 75 bytes, and no character lies in two. */
static void test_long_name(void **state)
{
    struct pin_mail m = plain;
    struct text name, t;
    (void)state;
    text_init(&name);
    text_add(&name, SPAN("x"));
    for (unsigned i = 0; i < 60; i++)
        text_add(&name, SPAN("\xe2\x82\xac"));
    text_add(&name, SPAN(" <gate@plyr.test>"));
    m.from = text_span(&name);
    const char *at = compose(&m, &t), *end = strstr(at, "\r\nTo:");
    size_t words = 0, bytes = 0;
    while ((at = strstr(at, "=?UTF-8?B?")) != NULL && at < end) {
        uint8_t plain_text[100];
        const char *stop = strstr(at, "?=");
        size_t n = 0;
        assert_true(stop - at + 2 <= 75);
        assert_true(base64_decode(span_make(at + 10, (size_t)(stop - at) - 10), plain_text, sizeof(plain_text), &n));
        assert_true((plain_text[0] & 0xc0) != 0x80);
        bytes += n;
        words++;
        at = stop;
    }
    assert_int_equal(bytes, 181);
    assert_in_range(words, 4, 6);
    text_fini(&name);
    text_fini(&t);
}

/* What is no UTF-8 comes to an end, too. */
static void test_broken_name(void **state)
{
    struct pin_mail m = plain;
    struct text name, t;
    (void)state;
    text_init(&name);
    for (unsigned i = 0; i < 60; i++)
        text_add(&name, SPAN("\x80"));
    text_add(&name, SPAN(" <gate@plyr.test>"));
    m.from = text_span(&name);
    assert_non_null(strstr(compose(&m, &t), "From: =?UTF-8?B?gA==?=\r\n =?UTF-8?B?gA==?=\r\n"));
    text_fini(&name);
    text_fini(&t);
}

static void test_hostile_host_and_no_client(void **state)
{
    struct pin_mail m = plain;
    struct text t;
    (void)state;
    m.host = SPAN("a<b>&.test");
    m.client = SPAN_NONE;
    const char *p = compose(&m, &t);
    assert_non_null(strstr(p, "<strong>a&lt;b&gt;&amp;.test</strong>"));
    assert_null(strstr(p, "from the address"));
    text_fini(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_it_says), cmocka_unit_test(test_lines_are_short),
        cmocka_unit_test(test_from),         cmocka_unit_test(test_long_name),
        cmocka_unit_test(test_broken_name),  cmocka_unit_test(test_hostile_host_and_no_client),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
