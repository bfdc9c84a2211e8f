#include "answer.h"

#include "pattern.h"
#include "world.h"

#include <inttypes.h>
#include <string.h>

#define FLOOD 40
#define LATE_US 15000000u /* tiergate is told to wait for 10 s */

static void add_start(struct answer *to, unsigned status, uint64_t key)
{
    bytes_print(&to->flat,
                "HTTP/1.1 %u Whatever\r\nX-Nonce: %016" PRIx64 "\r\nContent-Type: application/octet-stream\r\n", status,
                key);
}

static void add_interim(struct answer *to, uint64_t key)
{
    bytes_print(&to->flat, "HTTP/1.1 103 Early Hints\r\nX-Nonce: %016" PRIx64 "\r\nLink: </a.css>; rel=preload\r\n\r\n",
                key);
}

static void add_chunks(struct answer *to, uint64_t key, size_t n)
{
    struct bytes body = {0};
    pattern_add(&body, key, n);
    for (size_t piece = 1 + n / 3; bytes_count(&body) > 0;) {
        size_t here = bytes_count(&body) < piece ? bytes_count(&body) : piece;
        bytes_print(&to->flat, "%zx\r\n", here);
        bytes_add(&to->flat, bytes_at(&body), here);
        bytes_add(&to->flat, "\r\n", 2);
        bytes_drop(&body, here);
    }
    bytes_fini(&body);
}

/* The answer as it should be. */
static void add_sound(struct answer *to, const struct ask *a, uint64_t key, enum fault fault)
{
    bool has_body = a->method != ASK_HEAD && a->status != 204 && a->status != 304;
    add_start(to, a->status, key);
    if (fault == FAULT_CLOSE || fault == FAULT_CLOSE_MORE)
        bytes_text(&to->flat, "Connection: close\r\n");
    if (fault == FAULT_UNTIL_CLOSE || fault == FAULT_UNTIL_CLOSE_CUT) {
        bytes_text(&to->flat, "\r\n");
        if (has_body)
            pattern_add(&to->flat, key, a->answer_n);
    } else if (fault == FAULT_CHUNKED || fault == FAULT_CHUNKED_CUT || fault == FAULT_CHUNKED_BAD) {
        bytes_text(&to->flat, "Transfer-Encoding: chunked\r\n\r\n");
        if (has_body)
            add_chunks(to, key, a->answer_n);
        if (has_body && fault != FAULT_CHUNKED_CUT)
            bytes_text(&to->flat, fault == FAULT_CHUNKED_BAD ? "zz\r\n" : "0\r\n\r\n");
    } else {
        if (a->status != 204)
            bytes_print(&to->flat, "Content-Length: %u\r\n", a->answer_n);
        bytes_text(&to->flat, "\r\n");
        if (has_body)
            pattern_add(&to->flat, key, a->answer_n);
    }
    to->whole = bytes_count(&to->flat);
}

static void add_switch(struct answer *to, uint64_t key, const char *accept)
{
    bytes_print(&to->flat,
                "HTTP/1.1 101 Switching Protocols\r\nX-Nonce: %016" PRIx64
                "\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
                "Sec-WebSocket-Accept: %s\r\n\r\n",
                key, accept);
    to->whole = bytes_count(&to->flat);
}

void answer_add_poison(struct bytes *to)
{
    bytes_print(to, "HTTP/1.1 200 OK\r\nX-Nonce: ffffffffffffffff\r\nContent-Length: %zu\r\n\r\n%s",
                strlen(ANSWER_POISON), ANSWER_POISON);
}

static size_t head_length(const struct answer *a)
{
    const uint8_t *end = memmem(bytes_at(&a->flat), bytes_count(&a->flat), "\r\n\r\n", 4);
    return (size_t)(end - bytes_at(&a->flat)) + 4;
}

/* All of it is sent up to somewhere, and that is all. */
static void cut_at(struct answer *to, size_t at, enum answer_end end)
{
    to->flat.end = to->flat.off + at;
    to->whole = SIZE_MAX;
    to->end = end;
}

static void add_body_nonetheless(struct answer *to, uint64_t key)
{
    pattern_add(&to->flat, ~key, 40);
    answer_add_poison(&to->flat);
}

/* What is said before or instead of the sound answer. */
static bool make_other(struct answer *to, uint64_t key, enum fault fault)
{
    switch (fault) {
    case FAULT_INTERIM_FLOOD:
        for (unsigned i = 0; i < FLOOD; i++)
            add_interim(to, key);
        break;
    case FAULT_INTERIMS:
        for (unsigned i = 0; i < 3; i++)
            add_interim(to, key);
        return false;
    case FAULT_WS_ACCEPTED:
        add_switch(to, key, WORLD_WS_ACCEPT);
        to->end = ANSWER_TUNNEL;
        return true;
    case FAULT_WS_WRONG:
        add_switch(to, key, "AAAAAAAAAAAAAAAAAAAAAAAAAAA=");
        break;
    case FAULT_UNASKED_101:
        add_switch(to, key, WORLD_WS_ACCEPT);
        break;
    case FAULT_NOT_HTTP:
        bytes_print(&to->flat, "220 mail.example.test ESMTP, and %s\r\n\r\n", ANSWER_POISON);
        break;
    default:
        return false;
    }
    answer_add_poison(&to->flat);
    to->whole = SIZE_MAX;
    to->end = ANSWER_KEEP;
    return true;
}

static void spoil(struct answer *to, const struct ask *a, uint64_t key, enum fault fault)
{
    size_t head = head_length(to), n = bytes_count(&to->flat);
    switch (fault) {
    case FAULT_UNTIL_CLOSE:
    case FAULT_CLOSE:
    case FAULT_AFTER_FIN:
        to->end = ANSWER_FIN;
        break;
    case FAULT_AFTER_RESET:
        to->end = ANSWER_RESET;
        break;
    case FAULT_HALF_CLOSE:
        to->end = ANSWER_HALF_CLOSE;
        break;
    case FAULT_SLOW:
        to->piece = 1 + n / 5;
        to->pause_us = 3000;
        break;
    case FAULT_DRIBBLE:
        to->piece = 1 + n / 150;
        to->pause_us = 200;
        break;
    case FAULT_RESET_BEFORE:
    case FAULT_FIN_BEFORE:
        to->early = key & 1;
        cut_at(to, 0, fault == FAULT_RESET_BEFORE ? ANSWER_RESET : ANSWER_FIN);
        break;
    case FAULT_RESET_IN_HEAD:
    case FAULT_FIN_IN_HEAD:
        cut_at(to, 1 + (size_t)(key % (head - 2)), fault == FAULT_RESET_IN_HEAD ? ANSWER_RESET : ANSWER_FIN);
        break;
    case FAULT_SHORT_BODY:
    case FAULT_RESET_IN_BODY:
        cut_at(to, head + (size_t)(key % a->answer_n), fault == FAULT_SHORT_BODY ? ANSWER_FIN : ANSWER_RESET);
        to->pause_us = 1000;
        break;
    case FAULT_CHUNKED_CUT:
        cut_at(to, head + (size_t)(key % (n - head + 1)), ANSWER_FIN);
        break;
    case FAULT_CHUNKED_BAD:
        cut_at(to, n, ANSWER_KEEP);
        break;
    case FAULT_UNTIL_CLOSE_CUT:
        cut_at(to, n, ANSWER_RESET);
        break;
    case FAULT_EARLY:
        to->early = true;
        break;
    case FAULT_EARLY_RESET:
        to->early = true;
        to->end = key & 1 ? ANSWER_RESET : ANSWER_FIN;
        break;
    case FAULT_STRAY_BYTES:
        bytes_text(&to->flat, key & 1 ? "\r\n" : ANSWER_POISON);
        break;
    case FAULT_CLOSE_MORE:
    case FAULT_STRAY_ANSWER:
        answer_add_poison(&to->flat);
        break;
    case FAULT_HEAD_BODY:
    case FAULT_NO_CONTENT_BODY:
    case FAULT_NOT_MODIFIED_BODY:
        add_body_nonetheless(to, key);
        break;
    case FAULT_LATE:
        to->wait_us = LATE_US;
        break;
    default:
        break;
    }
}

void answer_make(struct answer *to, const struct ask *a, uint64_t key, enum fault fault)
{
    struct bytes flat = to->flat;
    bytes_clear(&flat);
    *to = (struct answer){.flat = flat, .piece = SIZE_MAX};
    if (make_other(to, key, fault))
        return;
    size_t before = bytes_count(&to->flat);
    add_sound(to, a, key, fault);
    if (before == 0)
        spoil(to, a, key, fault);
}
