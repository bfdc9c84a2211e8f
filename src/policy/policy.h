/* One compiled, ordered list of rules, and the decision. Pure: no I/O, and no
 * allocation per request. Immutable after policy_compile; used by all threads, each with its own scratch. */
#ifndef TG_POLICY_POLICY_H
#define TG_POLICY_POLICY_H

#include "base/res.h"
#include "base/span.h"
#include "http/path.h"
#include "net/addr.h"
#include "policy/identity.h"

/* --- what config hands in ----------------------------------------------------------------------------------------- */

enum action { ACTION_BLOCK = 0, ACTION_BYPASS, ACTION_ALLOW };

enum selector_kind {
    SEL_NOBODY = 0,
    SEL_EVERYONE,
    SEL_BASIC,
    SEL_IP,
    SEL_EMAIL,
    SEL_EMAIL_DOMAIN,
    SEL_GITHUB,
    SEL_GITHUB_ORG,
    SEL_GITHUB_TEAM,
    SEL_SERVICE_TOKEN,
    SEL_ACTIONS,
    SEL_GROUP
};

struct selector {
    enum selector_kind kind;
    struct span gate; /* SEL_BASIC: empty = the host's own gate */
    /* SEL_BASIC: user; SEL_EMAIL: address; SEL_EMAIL_DOMAIN: domain; SEL_GITHUB: login; SEL_GITHUB_ORG: organisation; SEL_GITHUB_TEAM:
     * "organisation/slug"; SEL_SERVICE_TOKEN: name; SEL_ACTIONS: "owner/repository". Users and names of tokens are compared byte by
     * byte, the others with ASCII case folded. */
    struct span subject;
    struct cidr range; /* SEL_IP */
    /* SEL_GROUP: holds when any member holds (no member: never). Members are no groups themselves. In
     * `require`, where all entries must hold, a group must stay one entry; and a group without members
     * must not turn into an empty `who`. */
    const struct selector *members;
    size_t member_count;
};

struct selectors {
    const struct selector *v;
    size_t n;
};

/* Groups of groups are flattened. Everything pointed to must outlive the policy. */
struct rule_spec {
    struct span name; /* may be empty */
    const struct span *paths;
    size_t path_count; /* as written, presets allowed */
    const struct span *methods;
    size_t method_count; /* 0: all */
    enum action action;
    struct selectors who, require, except; /* an empty `who` of an allow: whoever passed the gate */
    uint32_t
        lifetime_s; /* of an allow: who proved himself longer ago must do so anew; 0: as long as the session lives */
};

struct policy_error {
    size_t rule;       /* index */
    const char *key;   /* "path", "methods", "who", … */
    size_t item;       /* index within the list, where there is one */
    char message[240]; /* what is wrong and what to write instead */
};

struct policy;

/* `public`: the host says so; the exemption of §3a (its only rule bypasses everything, without methods
 * or conditions) follows from the rules themselves then. All errors are handed to on_error (may be
 * called often); NULL is returned then. */
const struct policy *policy_compile(const struct rule_spec *rules, size_t count, bool is_public,
                                    void (*on_error)(void *arg, const struct policy_error *e), void *arg);
void policy_free(const struct policy *p);

/* --- the decision ------------------------------------------------------------------------------------------------- */

enum verdict {
    VERDICT_BLOCK = 0, /* 403 */
    VERDICT_BYPASS,    /* to the origin without identity */
    VERDICT_GATE,      /* an identity is needed, and there is none or it was proven too long ago */
    VERDICT_ALLOW      /* to the origin with the identity */
};

struct policy_query {
    const struct path *path;    /* canonical or ambiguous (malformed never gets here) */
    struct span method;         /* as received */
    struct addr client;         /* family 0: unknown */
    const struct identity *who; /* NULL: anonymous */
    struct span gate;           /* name of the host's gate; empty when it has none */
    int64_t now_s;              /* wall clock */
};

struct decision {
    enum verdict verdict;
    int rule; /* index of the deciding rule; -1: none matched, or all rules at once */
    /* Static token for logs and the Tiergate header: "rule", "no-rule", "not-allowed", "ambiguous-path", "session-too-old",
     * "outside-share-link", … */
    const char *reason;
};

/* What happened to each rule on the way, for explain. */
enum rule_outcome {
    RULE_SKIPPED = 0,
    RULE_PATH_MISS,
    RULE_METHOD_MISS,
    RULE_CONDITION_MISS,
    RULE_MATCHED,
    RULE_REFUSED,
    RULE_SATISFIED,
    RULE_NEEDS_IDENTITY,
    RULE_TOO_OLD
};
struct policy_trace {
    enum rule_outcome *outcome; /* room for policy_rule_count() */
    const char *note;           /* static, may be NULL: "judged by all rules: dot segment", … */
};

struct policy_scratch; /* PCRE2 match data and room for folded paths; thread: one */
struct policy_scratch *policy_scratch_new(void);
void policy_scratch_free(struct policy_scratch *s);

/* trace may be NULL. Fails closed: a match limit or any internal error makes a bypass not apply and a block apply. */
struct decision policy_decide(const struct policy *p, const struct policy_query *q, struct policy_scratch *s,
                              struct policy_trace *trace);

/* Could somebody at this address satisfy `require` and `except` of the rule, whoever he is? For what reaches the origin without
 * an identity although the rule asks for one: a preflight. */
bool policy_admits_address(const struct policy *p, size_t rule, struct addr client);

/* Could any allow let this identity in, whatever the path, the method and the address? For what is done before somebody comes: a mail with a
 * PIN, the page after a sign-in. gate: of the host that has the rules. */
bool policy_could_admit(const struct policy *p, struct span gate, const struct identity *who);

/* --- for lint, explain, logs -------------------------------------------------------------------------------------- */

size_t policy_rule_count(const struct policy *p);
/* The rule as config gave it. */
const struct rule_spec *policy_rule_spec(const struct policy *p, size_t rule);
struct span policy_rule_name(const struct policy *p, size_t rule); /* may be empty */
const char *action_name(enum action a);
const char *verdict_name(enum verdict v);
const char *rule_outcome_name(enum rule_outcome o);
/* The patterns a preset stands for ("preset:pwa"); NULL when there is no such preset. *count is set. */
const char *const *policy_preset(struct span name, size_t *count);
/* Does an unconditional bypass reach everything (or so much that it must be called public)? */
bool policy_is_open(const struct policy *p);
/* Index of a rule that can never decide because an earlier one takes all of its paths and methods, from `from`
 * on; -1 if none. *by = that earlier rule. */
int policy_find_shadowed(const struct policy *p, size_t from, size_t *by);
/* Index of an allow or block before a bypass, from `from` on, whose expression excludes something, so that any path with a
 * letter may be one of its own in another spelling; -1 if none. *bypass = the first bypass that hardly ever applies so. */
int policy_find_doubtful(const struct policy *p, size_t from, size_t *bypass);

#endif
