#include "request.h"

#include "pattern.h"

#define CHUNKS 4u

static void add_identity(struct bytes *to, const struct group *g, const struct ask *a, bool by_cookie)
{
    const char *cookie = g->cookies[a->user];
    if (cookie[0] && by_cookie)
        bytes_print(to, "Cookie: a=b; %s\r\n", cookie);
    else
        bytes_print(to, "Authorization: Basic %s\r\n", world_credentials(a->user));
}

static void add_framing(struct bytes *to, const struct ask *a)
{
    if (a->manner == MANNER_CHUNKED_BODY)
        bytes_text(to, "Transfer-Encoding: chunked\r\n");
    else if (a->request_n > 0 || a->method == ASK_POST || a->method == ASK_PUT)
        bytes_print(to, "Content-Length: %u\r\n", a->request_n);
    if (a->manner == MANNER_CONTINUE)
        bytes_text(to, "Expect: 100-continue\r\n");
    if (a->manner == MANNER_CLOSE)
        bytes_text(to, "Connection: close\r\n");
    if (ask_is_upgrade(a))
        bytes_text(to, "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
                       "Sec-WebSocket-Key: " WORLD_WS_KEY "\r\n");
}

static void add_chunks(struct bytes *to, uint64_t key, size_t n)
{
    struct bytes body = {0};
    pattern_add(&body, key, n);
    for (size_t piece = 1 + n / CHUNKS; bytes_count(&body) > 0;) {
        size_t here = bytes_count(&body) < piece ? bytes_count(&body) : piece;
        bytes_print(to, "%zX\r\n", here);
        bytes_add(to, bytes_at(&body), here);
        bytes_text(to, "\r\n");
        bytes_drop(&body, here);
    }
    bytes_text(to, "0\r\n\r\n");
    bytes_fini(&body);
}

size_t request_add(struct bytes *to, const struct group *g, uint32_t id, bool by_cookie)
{
    const struct ask *a = &g->world->asks[id];
    uint64_t key = ask_request_key(g->world->seed, id);
    size_t before = bytes_count(to);
    bytes_print(to, "%s /r/%08x?q=%u HTTP/1.%c\r\nHost: %s\r\nX-Ask: %016llx\r\n", ask_method(a), id, id,
                a->manner == MANNER_HTTP10 ? '0' : '1', g->host, (unsigned long long)key);
    if (g->gated)
        add_identity(to, g, a, by_cookie);
    add_framing(to, a);
    bytes_text(to, "\r\n");
    size_t head = bytes_count(to) - before;
    if (a->manner == MANNER_CHUNKED_BODY)
        add_chunks(to, key, a->request_n);
    else
        pattern_add(to, key, a->request_n);
    return head;
}
