/* `tiergate check`: everything that is wrong with the rules, and whether their expectations hold. */
#include "cli/commands.h"

#include "base/count.h"
#include "base/terminal.h"
#include "cli/options.h"
#include "cli/rules.h"
#include "control/expect.h"

#include <stdio.h>

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
        expect_judge(s, &d);
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
