/* What is asked, how the client behaves and what the origin does to it: all of it follows from the seed and the number of the request.
 * And what came of it, as both ends saw it. */
#ifndef MIXUP_ASK_H
#define MIXUP_ASK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum method { ASK_GET = 0, ASK_HEAD, ASK_POST, ASK_PUT, ASK_DELETE };

/* What the origin does. The first ones are sound. */
enum fault {
    FAULT_NONE = 0,
    FAULT_CHUNKED,
    FAULT_UNTIL_CLOSE,
    FAULT_CLOSE,
    FAULT_NO_CONTENT,
    FAULT_NOT_MODIFIED,
    FAULT_SLOW,
    FAULT_DRIBBLE,
    FAULT_INTERIMS,
    FAULT_WS_ACCEPTED,
    FAULT_WS_REFUSED,
    FAULT_RESET_BEFORE,
    FAULT_FIN_BEFORE,
    FAULT_RESET_IN_HEAD,
    FAULT_FIN_IN_HEAD,
    FAULT_RESET_IN_BODY,
    FAULT_SHORT_BODY,
    FAULT_CHUNKED_CUT,
    FAULT_CHUNKED_BAD,
    FAULT_UNTIL_CLOSE_CUT,
    FAULT_EARLY,
    FAULT_EARLY_RESET,
    FAULT_STRAY_BYTES,
    FAULT_STRAY_ANSWER,
    FAULT_POOLED_BYTES,
    FAULT_POOLED_ANSWER,
    FAULT_CLOSE_MORE,
    FAULT_HEAD_BODY,
    FAULT_NO_CONTENT_BODY,
    FAULT_NOT_MODIFIED_BODY,
    FAULT_INTERIM_FLOOD,
    FAULT_UNASKED_101,
    FAULT_WS_WRONG,
    FAULT_NOT_HTTP,
    FAULT_AFTER_FIN,
    FAULT_AFTER_RESET,
    FAULT_HALF_CLOSE,
    FAULT_IDLE_FIN,
    FAULT_IDLE_RESET,
    FAULT_LATE,
    FAULT_COUNT
};

/* What the client does. */
enum manner {
    MANNER_PLAIN = 0,
    MANNER_PIPELINED,
    MANNER_SLOW_BODY,
    MANNER_SLOW_READER,
    MANNER_CHUNKED_BODY,
    MANNER_CONTINUE,
    MANNER_CLOSE,
    MANNER_HTTP10,
    MANNER_HALF_CLOSE,
    MANNER_VANISH_SENDING,
    MANNER_VANISH_WAITING,
    MANNER_VANISH_READING,
    MANNER_COUNT
};

/* How it ended for the client; several may be right. */
enum outcome {
    OUTCOME_OWN = 1,  /* a whole answer of the origin */
    OUTCOME_GATE = 2, /* tiergate's own: 5xx */
    OUTCOME_CUT = 4,  /* the connection ended before the answer did */
    OUTCOME_GONE = 8  /* the client left, or stood behind a cut one */
};

#define ASK_USERS 4u

struct ask {
    uint32_t request_n, answer_n;
    uint16_t status; /* of the origin's answer */
    uint8_t fault, manner, method;
    uint8_t user;     /* of a gated host */
    uint8_t group;    /* set when it is sent */
    uint8_t arrivals; /* at the origin */
    uint8_t outcome;  /* 0: none yet */
    bool waits;       /* sent, and not arrived */
    bool begun;       /* a byte of an answer was sent */
    bool answered;    /* all of an answer was */
    bool lost;        /* arrived where nothing can be answered any more */
};

/* Fills in what is asked; `calm`: nothing whose harm to the next request can't be ruled out, and nobody vanishes. */
void ask_make(struct ask *a, uint64_t seed, uint32_t id, bool calm);
uint64_t ask_answer_key(uint64_t seed, uint32_t id);
uint64_t ask_request_key(uint64_t seed, uint32_t id);
const char *ask_method(const struct ask *a);
/* May tiergate send it again? */
bool ask_is_repeatable(const struct ask *a);
bool ask_is_upgrade(const struct ask *a);
bool ask_vanishes(const struct ask *a);
/* Does the client wait for its answer before it goes on, and can others stand behind it? */
bool ask_can_pipeline(const struct ask *a);
/* What may come of it. */
unsigned ask_outcomes(const struct ask *a, bool calm);
const char *fault_name(unsigned fault);
const char *manner_name(unsigned manner);

#endif
