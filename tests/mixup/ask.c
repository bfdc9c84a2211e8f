#include "ask.h"

#include "pattern.h"

#define WEIGHTS 10000u
#define SMALL 1500u /* fits one record and one packet with its head */

/* Of a fault. */
#define NEEDS_BODY 1u   /* of the answer */
#define NEEDS_HEAD 2u   /* HEAD */
#define NEEDS_UPLOAD 4u /* a long request body */
#define NEEDS_WS 8u
#define NEEDS_SMALL 16u /* the harm must come with the answer, not after it */
#define NEEDS_LARGE 32u /* an answer that is on its way for a while */
#define UNRULY 64u      /* may hit the next request on that connection too, by the nature of HTTP */
#define CALM 128u       /* needs to know what is on its way; of those that vanish nobody does */

#define OWN OUTCOME_OWN
#define GATE OUTCOME_GATE
#define CUT OUTCOME_CUT

static const struct {
    const char *name;
    unsigned weight; /* of 10,000; what is left is sound */
    unsigned outcomes, needs;
} faults[FAULT_COUNT] = {
    [FAULT_NONE] = {"none", 0, OWN, 0},
    [FAULT_CHUNKED] = {"chunked", 600, OWN, 0},
    [FAULT_UNTIL_CLOSE] = {"until-close", 100, OWN, NEEDS_BODY},
    [FAULT_CLOSE] = {"close", 150, OWN, 0},
    [FAULT_NO_CONTENT] = {"204", 100, OWN, 0},
    [FAULT_NOT_MODIFIED] = {"304", 100, OWN, 0},
    [FAULT_SLOW] = {"slow", 60, OWN, NEEDS_BODY},
    [FAULT_DRIBBLE] = {"dribble", 30, OWN, NEEDS_SMALL},
    [FAULT_INTERIMS] = {"interims", 100, OWN, 0},
    [FAULT_WS_ACCEPTED] = {"websocket", 80, OWN, NEEDS_WS},
    [FAULT_WS_REFUSED] = {"websocket-refused", 80, OWN, NEEDS_WS | NEEDS_SMALL},
    [FAULT_RESET_BEFORE] = {"reset-before", 100, OWN | GATE, 0},
    [FAULT_FIN_BEFORE] = {"fin-before", 100, OWN | GATE, 0},
    [FAULT_RESET_IN_HEAD] = {"reset-in-head", 100, GATE, 0},
    [FAULT_FIN_IN_HEAD] = {"fin-in-head", 100, GATE, 0},
    [FAULT_RESET_IN_BODY] = {"reset-in-body", 100, CUT, NEEDS_BODY},
    [FAULT_SHORT_BODY] = {"short-body", 100, CUT, NEEDS_BODY},
    [FAULT_CHUNKED_CUT] = {"chunked-cut", 100, CUT, NEEDS_BODY},
    [FAULT_CHUNKED_BAD] = {"chunked-bad", 100, CUT, NEEDS_BODY},
    [FAULT_UNTIL_CLOSE_CUT] = {"until-close-cut", 80, CUT, NEEDS_BODY},
    [FAULT_EARLY] = {"early", 100, OWN, NEEDS_UPLOAD},
    [FAULT_EARLY_RESET] = {"early-reset", 60, OWN | GATE | CUT, NEEDS_UPLOAD},
    [FAULT_STRAY_BYTES] = {"stray-bytes", 100, OWN, NEEDS_SMALL},
    [FAULT_STRAY_ANSWER] = {"stray-answer", 150, OWN, NEEDS_SMALL},
    [FAULT_POOLED_BYTES] = {"pooled-bytes", 150, OWN, CALM},
    [FAULT_POOLED_ANSWER] = {"pooled-answer", 150, OWN, CALM},
    [FAULT_CLOSE_MORE] = {"close-more", 100, OWN, NEEDS_SMALL},
    [FAULT_HEAD_BODY] = {"head-body", 100, OWN, NEEDS_HEAD | NEEDS_SMALL},
    [FAULT_NO_CONTENT_BODY] = {"204-body", 80, OWN, NEEDS_SMALL},
    [FAULT_NOT_MODIFIED_BODY] = {"304-body", 80, OWN, NEEDS_SMALL},
    [FAULT_INTERIM_FLOOD] = {"interim-flood", 60, GATE, 0},
    [FAULT_UNASKED_101] = {"unasked-101", 80, GATE, 0},
    [FAULT_WS_WRONG] = {"websocket-wrong", 60, GATE, NEEDS_WS},
    [FAULT_NOT_HTTP] = {"not-http", 80, GATE, 0},
    [FAULT_AFTER_FIN] = {"after-fin", 100, OWN, UNRULY},
    [FAULT_AFTER_RESET] = {"after-reset", 60, OWN | GATE | CUT, UNRULY},
    [FAULT_HALF_CLOSE] = {"half-close", 80, OWN, UNRULY},
    [FAULT_IDLE_FIN] = {"idle-fin", 100, OWN, CALM},
    [FAULT_IDLE_RESET] = {"idle-reset", 100, OWN | CUT, UNRULY},
    [FAULT_LATE] = {"late", 3, GATE, 0},
};

/* What vanishes is not judged; for what it left behind others are. */
static const struct {
    const char *name;
    unsigned weight;
} manners[MANNER_COUNT] = {
    [MANNER_PLAIN] = {"plain", 0},
    [MANNER_PIPELINED] = {"pipelined", 1000},
    [MANNER_SLOW_BODY] = {"slow-body", 100},
    [MANNER_SLOW_READER] = {"slow-reader", 30},
    [MANNER_CHUNKED_BODY] = {"chunked-body", 300},
    [MANNER_CONTINUE] = {"expect-continue", 50},
    [MANNER_CLOSE] = {"close", 100},
    [MANNER_HTTP10] = {"http-1.0", 50},
    [MANNER_HALF_CLOSE] = {"half-close", 80},
    [MANNER_VANISH_SENDING] = {"vanish-sending", 50},
    [MANNER_VANISH_WAITING] = {"vanish-waiting", 80},
    [MANNER_VANISH_READING] = {"vanish-reading", 50},
};

static const char *const methods[] = {"GET", "HEAD", "POST", "PUT", "DELETE"};

uint64_t ask_answer_key(uint64_t seed, uint32_t id)
{
    return pattern_mix(seed ^ ((uint64_t)id << 2 | 1));
}

uint64_t ask_request_key(uint64_t seed, uint32_t id)
{
    return pattern_mix(seed ^ ((uint64_t)id << 2 | 2));
}

const char *ask_method(const struct ask *a)
{
    return methods[a->method];
}

bool ask_is_repeatable(const struct ask *a)
{
    return (a->method == ASK_GET || a->method == ASK_HEAD) && a->request_n == 0 && !ask_is_upgrade(a);
}

bool ask_is_upgrade(const struct ask *a)
{
    return faults[a->fault].needs & NEEDS_WS;
}

bool ask_vanishes(const struct ask *a)
{
    return a->manner >= MANNER_VANISH_SENDING && a->manner <= MANNER_VANISH_READING;
}

bool ask_can_pipeline(const struct ask *a)
{
    return a->manner == MANNER_PIPELINED && a->request_n <= 8192 && a->fault != FAULT_LATE && !ask_is_upgrade(a);
}

const char *fault_name(unsigned fault)
{
    return faults[fault].name;
}

const char *manner_name(unsigned manner)
{
    return manners[manner].name;
}

/* A POST that finds its connection gone the moment it is sent has not arrived and is not sent again: no more can be done for it. */
unsigned ask_outcomes(const struct ask *a, bool calm)
{
    unsigned may = faults[a->fault].outcomes;
    if (ask_vanishes(a))
        return OWN | GATE | CUT | OUTCOME_GONE;
    if (!calm && (a->arrivals == 0 || a->lost) && !ask_is_repeatable(a))
        may |= GATE;
    if (a->arrivals > 1)
        may |= OWN;
    return may;
}

/* --- choosing --------------------------------------------------------------------------------------------------------- */

struct dice {
    uint64_t state;
};

static uint32_t roll(struct dice *d, uint32_t below)
{
    d->state++;
    return (uint32_t)((pattern_mix(d->state) >> 32) * below >> 32);
}

static uint32_t request_length(struct dice *d)
{
    uint32_t kind = roll(d, 100);
    return kind < 50 ? roll(d, 300) : kind < 93 ? roll(d, 8000) : roll(d, 120000);
}

static uint32_t answer_length(struct dice *d)
{
    uint32_t kind = roll(d, 1000);
    return kind < 600 ? roll(d, 512) : kind < 930 ? roll(d, 8192) : kind < 995 ? roll(d, 65536) : roll(d, 300000);
}

static uint8_t choose_fault(struct dice *d, bool calm)
{
    uint32_t at = roll(d, WEIGHTS);
    for (unsigned i = 0; i < FAULT_COUNT; i++) {
        if (at < faults[i].weight)
            return (uint8_t)(faults[i].needs & (calm ? UNRULY : CALM) ? FAULT_NONE : i);
        at -= faults[i].weight;
    }
    return FAULT_NONE;
}

static uint8_t choose_manner(struct dice *d)
{
    uint32_t at = roll(d, WEIGHTS);
    for (unsigned i = 0; i < MANNER_COUNT; i++) {
        if (at < manners[i].weight)
            return (uint8_t)i;
        at -= manners[i].weight;
    }
    return MANNER_PLAIN;
}

static uint8_t choose_method(struct dice *d)
{
    static const uint8_t odds[] = {ASK_GET,  ASK_GET,  ASK_GET,  ASK_GET, ASK_HEAD,
                                   ASK_POST, ASK_POST, ASK_POST, ASK_PUT, ASK_DELETE};
    return odds[roll(d, sizeof odds)];
}

static uint16_t status_of_fault(uint8_t fault, uint16_t otherwise)
{
    switch (fault) {
    case FAULT_NO_CONTENT:
    case FAULT_NO_CONTENT_BODY:
        return 204;
    case FAULT_NOT_MODIFIED:
    case FAULT_NOT_MODIFIED_BODY:
        return 304;
    case FAULT_WS_ACCEPTED:
        return 101;
    case FAULT_WS_REFUSED:
        return 403;
    default:
        return otherwise;
    }
}

static void fit_to_fault(struct ask *a, struct dice *d)
{
    unsigned needs = faults[a->fault].needs;
    a->status = status_of_fault(a->fault, a->status);
    if ((needs & (NEEDS_BODY | NEEDS_WS)) && a->method == ASK_HEAD)
        a->method = ASK_GET;
    if (needs & NEEDS_HEAD)
        a->method = ASK_HEAD;
    if (needs & NEEDS_WS)
        a->method = ASK_GET;
    if (needs & NEEDS_UPLOAD) {
        a->method = ASK_POST;
        a->request_n = 30000 + roll(d, 200000);
    }
    if (needs & NEEDS_SMALL)
        a->answer_n %= SMALL;
    if ((needs & NEEDS_BODY) && a->answer_n < 2)
        a->answer_n = 2;
}

/* Some of the manners ask for more than the fault leaves; then the client behaves. */
static void fit_to_manner(struct ask *a, struct dice *d, bool calm)
{
    bool has_body = a->method == ASK_POST || a->method == ASK_PUT;
    bool uploads = a->manner == MANNER_SLOW_BODY || a->manner == MANNER_CHUNKED_BODY || a->manner == MANNER_CONTINUE;
    if (ask_is_upgrade(a) || (calm && ask_vanishes(a)) || (uploads && !has_body))
        a->manner = MANNER_PLAIN;
    else if ((uploads || a->manner == MANNER_VANISH_SENDING) && has_body && a->request_n < 200)
        a->request_n = 200;
    if (a->manner == MANNER_VANISH_READING || a->manner == MANNER_SLOW_READER)
        a->answer_n += faults[a->fault].needs & NEEDS_SMALL ? 0 : 150000;
    if (a->fault == FAULT_EARLY && roll(d, 2))
        a->manner = MANNER_SLOW_BODY;
}

void ask_make(struct ask *a, uint64_t seed, uint32_t id, bool calm)
{
    struct dice d = {pattern_mix(seed ^ ((uint64_t)id << 2 | 3))};
    static const uint16_t statuses[] = {200, 200, 200, 201, 404, 500};
    *a = (struct ask){.method = choose_method(&d), .fault = choose_fault(&d, calm), .manner = choose_manner(&d)};
    a->status = statuses[roll(&d, sizeof statuses / sizeof *statuses)];
    a->user = (uint8_t)roll(&d, ASK_USERS);
    a->answer_n = answer_length(&d);
    bool has_body = a->method == ASK_POST || a->method == ASK_PUT || roll(&d, 50) == 0;
    a->request_n = has_body ? request_length(&d) : 0;
    fit_to_fault(a, &d);
    if (ask_is_upgrade(a) || a->method == ASK_HEAD)
        a->request_n = 0;
    fit_to_manner(a, &d, calm);
}
