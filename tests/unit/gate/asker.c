#include "support.h"

#include "gate/answer.h"

#define CORS "Origin: https://a.test\nAccess-Control-Request-Method: PUT"
#define HTML "Accept: text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"

static const struct {
    const char *name;
    enum http_method method;
    bool ambiguous, websocket;
    uint64_t body;
    const char *fields;
    enum asker asker;
    enum body_kind kind;
} cases[] = {
    {"curl", M_GET, .fields = "Accept: */*", .asker = ASKER_CLIENT},
    {"nothing at all", M_GET, .fields = "", .asker = ASKER_CLIENT},
    {"probe", M_HEAD, .fields = "Accept: */*", .asker = ASKER_CLIENT},
    {"service token", M_GET, .fields = "CF-Access-Client-Id: x\nCF-Access-Client-Secret: y", .asker = ASKER_TOKEN},
    {"half a service token", M_GET, .fields = "CF-Access-Client-Secret: y", .asker = ASKER_TOKEN},
    {"service token of a page", M_GET, .fields = "CF-Access-Client-Id: x\nSec-Fetch-Mode: navigate",
     .asker = ASKER_TOKEN},
    {"service token of a preflight", M_OPTIONS, .fields = "CF-Access-Client-Id: x\n" CORS, .asker = ASKER_TOKEN},
    {"preflight", M_OPTIONS, .fields = CORS "\nSec-Fetch-Mode: cors", .asker = ASKER_PREFLIGHT},
    {"preflight of an old browser", M_OPTIONS, .fields = CORS, .asker = ASKER_PREFLIGHT},
    {"preflight for an ambiguous path", M_OPTIONS, .ambiguous = true, .fields = CORS, .asker = ASKER_CLIENT},
    {"preflight with a body", M_OPTIONS, .body = 1, .fields = CORS, .asker = ASKER_CLIENT},
    {"preflight that says it has no body", M_OPTIONS, .kind = BODY_LENGTH, .fields = CORS, .asker = ASKER_PREFLIGHT},
    {"preflight in chunks", M_OPTIONS, .kind = BODY_CHUNKED, .fields = CORS, .asker = ASKER_CLIENT},
    {"OPTIONS without method", M_OPTIONS, .fields = "Origin: https://a.test\nSec-Fetch-Mode: cors",
     .asker = ASKER_SCRIPT},
    {"OPTIONS without origin", M_OPTIONS, .fields = "Access-Control-Request-Method: PUT", .asker = ASKER_CLIENT},
    {"GET with a preflight's fields", M_GET, .fields = CORS, .asker = ASKER_CLIENT},
    {"WebSocket of a page", M_GET, .websocket = true, .fields = "Origin: https://a.test", .asker = ASKER_WEBSOCKET},
    {"WebSocket, malformed", M_GET, .fields = "Origin: https://a.test\nUpgrade: WebSocket", .asker = ASKER_WEBSOCKET},
    {"WebSocket of a script without page", M_GET, .websocket = true, .fields = "", .asker = ASKER_CLIENT},
    {"navigation", M_GET, .fields = "Sec-Fetch-Mode: navigate\nSec-Fetch-Dest: document\n" HTML,
     .asker = ASKER_NAVIGATION},
    {"navigation of an old browser", M_GET, .fields = HTML, .asker = ASKER_NAVIGATION},
    {"html in capitals", M_GET, .fields = "Accept: TEXT/HTML;q=0.5", .asker = ASKER_NAVIGATION},
    {"html last", M_GET, .fields = "Accept: a/b , text/html", .asker = ASKER_NAVIGATION},
    {"only like html", M_GET, .fields = "Accept: text/html5, x/text/html", .asker = ASKER_CLIENT},
    {"html wanted by a script", M_GET, .fields = HTML "\nX-Requested-With: XMLHttpRequest", .asker = ASKER_CLIENT},
    {"html wanted by fetch", M_GET, .fields = HTML "\nSec-Fetch-Mode: cors", .asker = ASKER_SCRIPT},
    {"mode in capitals is no browser's", M_GET, .fields = "Sec-Fetch-Mode: NAVIGATE", .asker = ASKER_SCRIPT},
    {"two modes", M_GET, .fields = "Sec-Fetch-Mode: navigate\nSec-Fetch-Mode: cors", .asker = ASKER_SCRIPT},
    {"form", M_POST, .body = 3, .fields = "Sec-Fetch-Mode: navigate\n" HTML, .asker = ASKER_POST_NAVIGATION},
    {"form of an old browser", M_POST, .body = 3, .fields = HTML, .asker = ASKER_POST_NAVIGATION},
    {"PUT that wants html", M_PUT, .body = 3, .fields = HTML, .asker = ASKER_CLIENT},
    {"HEAD that wants html", M_HEAD, .fields = HTML, .asker = ASKER_CLIENT},
    {"fetch", M_GET, .fields = "Sec-Fetch-Mode: cors\nSec-Fetch-Dest: empty", .asker = ASKER_SCRIPT},
    {"POST by fetch", M_POST, .fields = "Sec-Fetch-Mode: cors\nOrigin: https://a.test", .asker = ASKER_SCRIPT},
    {"manifest", M_GET, .fields = "Sec-Fetch-Mode: cors\nSec-Fetch-Dest: manifest", .asker = ASKER_SCRIPT},
    {"service worker", M_GET, .fields = "Sec-Fetch-Mode: same-origin\nSec-Fetch-Dest: serviceworker",
     .asker = ASKER_SCRIPT},
    {"image", M_GET, .fields = "Sec-Fetch-Mode: no-cors\nSec-Fetch-Dest: image", .asker = ASKER_SCRIPT},
    {"destination alone", M_GET, .fields = "Sec-Fetch-Dest: document\n" HTML, .asker = ASKER_SCRIPT},
    {"html in another field", M_GET, .fields = "X-Accept: text/html\nAccept: */*", .asker = ASKER_CLIENT},
    {"site alone", M_GET, .fields = "Sec-Fetch-Site: same-origin\n" HTML, .asker = ASKER_SCRIPT},
};

static void test_table(void **state)
{
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct memory m;
        struct http_request r;
        memory_init(&m);
        request_make(&r, &m.arena, cases[i].fields);
        r.method = cases[i].method;
        r.websocket = cases[i].websocket;
        r.body = cases[i].body ? BODY_LENGTH : cases[i].kind;
        r.content_length = cases[i].body;
        CHECK(cases[i].name, asker_of(&r, !cases[i].ambiguous) == cases[i].asker);
        memory_fini(&m);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_table)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
