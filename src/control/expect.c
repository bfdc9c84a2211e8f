#include "control/expect.h"

#include <stdarg.h>
#include <stdlib.h>

#include "base/text.h"
#include "control/decide.h"

__attribute__((format(printf, 3, 4))) static void tell(struct diags *d, const struct expect_config *e,
                                                       const char *format, ...)
{
    struct text message;
    char *where = span_dup(e->where);
    va_list ap;
    text_init(&message);
    va_start(ap, format);
    text_vaddf(&message, format, ap);
    va_end(ap);
    diags_addf(d, DIAG_ERROR, e->file, e->line, where, "%s", message.p ? message.p : "out of memory");
    text_fini(&message);
    free(where);
}

static const char *reason_of(const struct decided *a)
{
    return a->trace.note ? a->trace.note : a->decision.reason;
}

static void tell_verdict(struct diags *d, const struct expect_config *e, const struct decided *a)
{
    const char *is = verdict_name(a->decision.verdict);
    int rule = a->decision.rule;
    struct span name = rule >= 0 ? policy_rule_name(a->host->policy, (size_t)rule) : SPAN_NONE;
    if (rule >= 0)
        tell(d, e, "%.*s as %.*s is %s, not %.*s: rules[%d]%s%.*s%s decides (%s)", SPAN_ARG(e->request),
             SPAN_ARG(e->as), is, SPAN_ARG(e->is), rule, name.n ? " \"" : "", SPAN_ARG(name), name.n ? "\"" : "",
             a->decision.reason);
    else
        tell(d, e, "%.*s as %.*s is %s, not %.*s: %s", SPAN_ARG(e->request), SPAN_ARG(e->as), is, SPAN_ARG(e->is),
             reason_of(a));
}

static void judge(struct diags *d, const struct expect_config *e, const struct decided *a)
{
    switch (a->by) {
    case ANSWERED_BY_RULES:
        if (!span_eq(e->is, span_of(verdict_name(a->decision.verdict))))
            tell_verdict(d, e, a);
        return;
    case ANSWERED_BY_ENDPOINT:
        tell(d, e, "tiergate answers this path itself, no rule decides: leave it out");
        return;
    case ANSWERED_BY_REFUSAL:
        tell(d, e, "the path is malformed (%s) and always answered with 400", a->path.why);
        return;
    case ANSWERED_BY_NOBODY:
        break;
    }
    tell(d, e, "no host is called %.*s: that is always answered with 421", SPAN_ARG(host_span(&a->name)));
}

static void check_one(const struct snapshot *s, const struct expect_config *e, struct diags *d)
{
    struct question q = {.as = e->as};
    struct decided a;
    span_cut(e->request, ' ', &q.method, &q.url);
    struct res r = decide(s, &q, &a);
    if (res_ok(r))
        judge(d, e, &a);
    else
        tell(d, e, "%s", r.err);
    decided_fini(&a);
}

void expect_judge(const struct snapshot *s, struct diags *d)
{
    for (size_t i = 0; i < s->expect_count; i++)
        check_one(s, &s->expects[i], d);
}
