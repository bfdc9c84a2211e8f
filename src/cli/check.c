/* `tiergate check`: everything that is wrong with the rules, and whether their expectations hold. */
#include "cli/commands.h"

#include "base/count.h"
#include "base/terminal.h"
#include "cli/decide.h"
#include "cli/options.h"
#include "cli/rules.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

/* --- expect ------------------------------------------------------------------------------------------------------- */

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

static void check_expects(const struct snapshot *s, struct diags *d)
{
    for (size_t i = 0; i < s->expect_count; i++)
        check_one(s, &s->expects[i], d);
}

/* --- the command -------------------------------------------------------------------------------------------------- */

static size_t count_rules(const struct snapshot *s)
{
    size_t n = 0;
    for (size_t i = 0; i < s->host_count; i++)
        n += policy_rule_count(s->hosts[i].policy);
    return n;
}

static const char *plural(size_t n)
{
    return n == 1 ? "" : "s";
}

static void print_ok(const struct snapshot *s)
{
    size_t rules = count_rules(s);
    printf("ok: %zu host%s, %zu rule%s", s->host_count, plural(s->host_count), rules, plural(rules));
    if (s->expect_count)
        printf(", %zu expectation%s hold%s", s->expect_count, plural(s->expect_count), s->expect_count == 1 ? "s" : "");
    printf("\n");
}

static void print_json(const struct diags *d)
{
    struct text out;
    text_init(&out);
    diags_json(d, &out);
    if (out.n)
        fwrite(out.p, 1, out.n, stdout);
    text_fini(&out);
}

static int report(const struct snapshot *s, const struct diags *d, bool as_json)
{
    if (as_json)
        print_json(d);
    else
        diags_tell(d, terminal_wants_colour(stderr), stderr);
    if (!as_json && diags_ok(d))
        print_ok(s);
    if (!as_json && !diags_ok(d))
        fprintf(stderr, "%zu error%s, %zu warning%s\n", d->errors, plural(d->errors), d->warnings, plural(d->warnings));
    return diags_ok(d) && fflush(stdout) == 0 ? CLI_OK : CLI_FAILED;
}

static int check(const char *const *paths, size_t count, enum load_mode mode, bool as_json)
{
    struct diags d;
    diags_init(&d);
    struct snapshot *s = rules_compile(paths, count, mode, &d);
    if (s)
        check_expects(s, &d);
    int code = report(s, &d, as_json);
    snapshot_unref(s);
    diags_fini(&d);
    return code;
}

int cli_check(int argc, char **argv)
{
    bool as_json = false, deploy = false;
    const struct cli_option options[] = {{.name = "--json", .flag = &as_json}, {.name = "--deploy", .flag = &deploy}};
    const char *fallback = cli_default_rules();
    int n = cli_options_parse(argc, argv, options, COUNT(options));
    if (n < 0)
        return CLI_USAGE;
    if (n == 0 && !fallback)
        return cli_usage("check", "no rules: there is neither ./rules nor /etc/tiergate/rules; name a file or folder");
    return check(n ? (const char *const *)(argv + 1) : &fallback, n ? (size_t)n : 1, deploy ? LOAD_DEPLOY : LOAD_CHECK,
                 as_json);
}
