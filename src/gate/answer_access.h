/* Answers under the names that Cloudflare Access has (docs/access.md). */
#ifndef TG_GATE_ANSWER_ACCESS_H
#define TG_GATE_ANSWER_ACCESS_H

#include "gate/answer.h"
#include "gate/assertion.h"

/* The keys that assertions are verified by: for everybody, to be kept for some minutes. */
bool answer_certs(const struct answer_request *q, const struct assertion_keys *keys, struct answer *out);
/* Who is signed in, as the check found. */
bool answer_identity(const struct answer_request *q, const struct assertion_keys *keys, const struct gate_check *check,
                     struct answer *out);
/* A job's session: name and value for Cookie, and its end. */
struct sold_session {
    struct span name, value;
    int64_t ends_s;
};
bool answer_sold_session(const struct answer_request *q, const struct sold_session *s, struct answer *out);
/* JSON {error, detail} for scripts and jobs. */
bool answer_problem(const struct answer_request *q, unsigned status, const char *error, const char *detail,
                    struct answer *out);

#endif
