/* /.tiergate/session.js: a small script for apps, which use it or do not. The same for everybody, and no secret. */
#include "edge/session_js.h"
#include "edge/sign_in.h"

enum ex_next endpoint_session_script(struct exchange *x, enum gate_result gate)
{
    struct answer_request q;
    struct answer a;
    static const struct kept_answer script = {.type = "text/javascript; charset=utf-8",
                                              .bytes = {(const uint8_t *)SESSION_JS, sizeof(SESSION_JS) - 1},
                                              .tag = SESSION_JS_TAG};
    if (!x->site->gate)
        return exchange_refuse(x, 404, "no-gate");
    if (!own_is_read(x))
        return exchange_refuse(x, 405, "method");
    exchange_answer_request(x, "session-script", &q);
    return answer_kept(&q, &script, &a) ? exchange_reply(x, &a, "session-script") : exchange_end(x, true);
}
