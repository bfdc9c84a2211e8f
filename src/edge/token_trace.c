/* Service tokens leave a trace now and then: in the audit trail, and as the time of their last use. Once in ten minutes per token and thread;
 * the service makes one of them. */
#include "edge/own.h"
#include "gate/cache.h"

#define TRACE_EVERY_MS 600000u
#define KEY_MAX 600

void token_trace(struct exchange *x)
{
    uint8_t room[KEY_MAX];
    struct span gate = x->who->gate, name = x->who->subject, seen;
    if (x->who->way != WAY_SERVICE_TOKEN || gate.n + 1 + name.n > sizeof room)
        return;
    memcpy(room, gate.p, gate.n);
    room[gate.n] = '\n';
    memcpy(room + gate.n + 1, name.p, name.n);
    struct span key = span_make(room, gate.n + 1 + name.n);
    uint64_t now = x->thread->loop->now_ms;
    if (cache_get(x->thread->token_traces, key, now, &seen))
        return;
    cache_put(x->thread->token_traces, key, SPAN("1"), now, now + TRACE_EVERY_MS);
    struct signin_question q = {.kind = SIGNIN_TOKEN_USED, .who = *x->who};
    own_tell(x, &q);
}
