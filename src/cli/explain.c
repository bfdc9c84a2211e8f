/* `tiergate explain`: one request's decision with each step, by the code that serves. */
#include "cli/commands.h"

#include "base/count.h"
#include "base/terminal.h"
#include "cli/options.h"
#include "cli/rules.h"
#include "control/decide.h"
#include "gate/basic.h"

#include <stdio.h>

/* --- where -------------------------------------------------------------------------------------------------------- */

static const char *pattern_kind(enum host_pattern_kind k)
{
    switch (k) {
    case HOST_EXACT:
        return "exact name";
    case HOST_TEMPLATE:
        return "template";
    case HOST_WILDCARD:
        return "wildcard";
    }
    return "unknown";
}

static void print_host(const struct decided *d)
{
    const struct host_config *h = d->host;
    if (!h) {
        printf("host      %s: no host of that name\n", d->name.name);
        return;
    }
    printf("host      %.*s (%s", SPAN_ARG(d->pattern->text), pattern_kind(d->pattern->kind));
    if (d->captured.n)
        printf(", %.*s = %.*s", SPAN_ARG(d->pattern->capture), SPAN_ARG(d->captured));
    printf(")");
    if (h->tier.n)
        printf(", tier %.*s", SPAN_ARG(h->tier));
    if (h->gate)
        printf(", gate %.*s", SPAN_ARG(h->gate->name));
    else
        printf(", no gate");
    printf("%s\n", h->is_public ? ", public" : "");
}

static void print_path(const struct path *p)
{
    static const char *const kinds[] = {"malformed", "ambiguous", "canonical"};
    printf("path      %.*s (%s%s%s)", SPAN_ARG(p->raw), kinds[p->kind], p->kind == PATH_CANONICAL ? "" : ": ", p->why);
    if (p->kind == PATH_CANONICAL && !span_eq(p->decoded, p->raw))
        printf(", rules see %.*s", SPAN_ARG(p->decoded));
    printf("\n");
}

/* What the rules say of an identity that nobody could prove is of little use, but no error. */
static void print_doubts(const struct decided *d)
{
    if (d->who.way == WAY_NONE || !d->host)
        return;
    if (!d->host->gate || !span_eq(d->host->gate->name, d->who.gate)) {
        printf("          the host's gate cannot prove this identity: it counts as anonymous here\n");
        return;
    }
    if (d->who.way == WAY_BASIC && !basic_user_find(d->host->gate->basic, d->who.subject))
        printf("          gate %.*s has no such user as far as these files tell\n", SPAN_ARG(d->who.gate));
}

static void print_asker(const struct question *q, const struct decided *d)
{
    char ip[ADDR_TEXT];
    size_t n = addr_format_ip(&q->client, ip);
    printf("asker     %.*s, address %.*s\n", SPAN_ARG(q->as), (int)n, ip);
    print_doubts(d);
}

/* --- what --------------------------------------------------------------------------------------------------------- */

static void print_paths(const struct rule_spec *r)
{
    for (size_t i = 0; i < r->path_count; i++)
        printf("%s%.*s", i ? ", " : "", SPAN_ARG(r->paths[i]));
    for (size_t i = 0; i < r->method_count; i++)
        printf("%s%.*s", i ? ", " : " [", SPAN_ARG(r->methods[i]));
    if (r->method_count)
        printf("]");
}

static void print_rules(const struct decided *d)
{
    const struct policy *p = d->host->policy;
    printf("rules\n");
    for (size_t i = 0; i < policy_rule_count(p); i++) {
        const struct rule_spec *r = policy_rule_spec(p, i);
        printf("  [%zu]%*s%-6s  %-22s  ", i, i < 10 ? 5 : 4, "", action_name(r->action),
               rule_outcome_name(d->trace.outcome[i]));
        if (r->name.n)
            printf("\"%.*s\" ", SPAN_ARG(r->name));
        print_paths(r);
        if (r->lifetime_s)
            printf(" (proven within %u s)", r->lifetime_s);
        printf("\n");
    }
    if (d->trace.note)
        printf("          %s\n", d->trace.note);
}

static const char *verdict_meaning(enum verdict v)
{
    switch (v) {
    case VERDICT_BLOCK:
        return "403";
    case VERDICT_BYPASS:
        return "to the origin, without an identity";
    case VERDICT_GATE:
        return "asked to sign in";
    case VERDICT_ALLOW:
        return "to the origin, with the identity";
    }
    return "403";
}

static void print_decision(const char *label, const struct decision *d)
{
    printf("%-9s %s: %s (", label, verdict_name(d->verdict), verdict_meaning(d->verdict));
    if (d->rule >= 0)
        printf("rules[%d]%s", d->rule, strcmp(d->reason, "rule") == 0 ? "" : ", ");
    printf("%s)\n", d->rule >= 0 && strcmp(d->reason, "rule") == 0 ? "" : d->reason);
}

static void print_origin(const struct decided *d)
{
    const struct origin_config *o = d->host->origin;
    printf("origin    %.*s: %s://%.*s", SPAN_ARG(o->name), o->tls ? "https" : "http", SPAN_ARG(o->host_before));
    if (o->has_capture)
        printf("%.*s%.*s", SPAN_ARG(d->captured), SPAN_ARG(o->host_after));
    if (o->port != (o->tls ? 443 : 80))
        printf(":%u", o->port);
    printf("%s\n", o->host_mode == ORIGIN_NAME_CLIENT ? ", with the client's Host" : "");
}

/* What a verifier at the origin is to expect of the assertion. */
static void print_assertion(const struct decided *d)
{
    if (!d->host->gate || d->decision.verdict == VERDICT_BYPASS)
        return;
    struct span signs_in = d->host->gate->session.sign_in_host;
    if (!signs_in.n)
        signs_in = host_span(&d->name);
    printf("assertion iss https://%.*s", SPAN_ARG(signs_in));
    if (d->name.port >= 0 && d->name.port != 443)
        printf(":%d", d->name.port);
    printf(", aud %.*s\n", SPAN_ARG(d->host->access_aud));
}

static void print_verdict(const struct decided *d)
{
    if (d->is_http)
        printf("          a listener with redirect_to_https answers http:// with 308; what follows is for https://\n");
    print_rules(d);
    print_decision("verdict", &d->decision);
    if (d->who.way != WAY_NONE)
        print_decision("anonymous", &d->anonymous);
    if (d->decision.verdict == VERDICT_BLOCK)
        return;
    print_origin(d);
    print_assertion(d);
}

/* --- the command -------------------------------------------------------------------------------------------------- */

static int print_all(const struct question *q, const struct decided *d)
{
    printf("request   %.*s %.*s\n", SPAN_ARG(q->method), SPAN_ARG(q->url));
    print_host(d);
    print_path(&d->path);
    print_asker(q, d);
    switch (d->by) {
    case ANSWERED_BY_RULES:
        print_verdict(d);
        return CLI_OK;
    case ANSWERED_BY_ENDPOINT:
        printf("verdict   answered by tiergate itself: no rule is asked\n");
        return CLI_OK;
    case ANSWERED_BY_REFUSAL:
        printf("verdict   400, and the connection closes\n");
        return CLI_FAILED;
    case ANSWERED_BY_NOBODY:
        break;
    }
    printf("verdict   421: unknown host\n");
    return CLI_OK;
}

static int explain_with(const struct snapshot *s, const struct question *q)
{
    struct decided d;
    struct res r = decide(s, q, &d);
    int code = CLI_FAILED;
    if (res_ok(r))
        code = print_all(q, &d);
    else
        fprintf(stderr, "tiergate explain: %s\n", r.err);
    decided_fini(&d);
    return fflush(stdout) == 0 ? code : CLI_FAILED;
}

static int explain(const struct question *q, const char *rules)
{
    struct diags d;
    diags_init(&d);
    struct snapshot *s = rules_compile(&rules, 1, LOAD_CHECK, &d);
    int code = CLI_FAILED;
    if (s)
        code = explain_with(s, q);
    else
        diags_tell(&d, terminal_wants_colour(stderr), stderr);
    snapshot_unref(s);
    diags_fini(&d);
    return code;
}

/* A second --rules would silently take the place of the first, and the answer would be about other rules. */
static bool names_rules_twice(int argc, char **argv)
{
    int n = 0;
    for (int i = 1; i < argc; i++) {
        struct span arg = span_of(argv[i]);
        n += span_eq(arg, SPAN("--rules")) || span_has_prefix(arg, SPAN("--rules="));
    }
    return n > 1;
}

static bool is_method(struct span s)
{
    for (size_t i = 0; i < s.n; i++) {
        if (!((s.p[i] >= 'A' && s.p[i] <= 'Z') || (s.p[i] >= 'a' && s.p[i] <= 'z') || s.p[i] == '-' || s.p[i] == '_'))
            return false;
    }
    return s.n > 0;
}

int cli_explain(int argc, char **argv)
{
    const char *as = "anonymous", *ip = NULL, *rules = NULL;
    const struct cli_option options[] = {
        {.name = "--as", .value = &as}, {.name = "--ip", .value = &ip}, {.name = "--rules", .value = &rules}};
    struct question q = {.method = SPAN("GET")};
    if (names_rules_twice(argc, argv))
        return cli_usage("explain", "--rules is given once: a folder stands for all of its files");
    int n = cli_options_parse(argc, argv, options, COUNT(options));
    if (n < 0)
        return CLI_USAGE;
    if (n != 1 && n != 2)
        return cli_usage("explain", "needs a URL, and may have a method before it");
    q.url = span_of(argv[n]);
    q.as = span_of(as);
    if (n == 2)
        q.method = span_of(argv[1]);
    if (!is_method(q.method))
        return cli_usage("explain", "\"%s\" is not a method", argv[1]);
    if (ip && !addr_parse_ip(span_of(ip), &q.client))
        return cli_usage("explain", "--ip must be an IPv4 or IPv6 address, not \"%s\"", ip);
    if (!rules)
        rules = cli_default_rules();
    if (!rules)
        return cli_usage("explain",
                         "no rules: there is neither ./rules nor /etc/tiergate/rules; name some with --rules");
    return explain(&q, rules);
}
