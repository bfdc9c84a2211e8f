#include "cases.h"

#include <stdarg.h>
#include <setjmp.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static char *with_quotes(const char *rules)
{
    char *copy = strdup(rules);

    assert_non_null(copy);
    for (char *p = copy; *p; p++)
        if (*p == '\'')
            *p = '"';
    return copy;
}

static bool is_as_wanted(const struct rules_case *c, const struct diags *d, const struct snapshot *s)
{
    enum diag_level level = c->want == ONE_WARNING ? DIAG_WARNING : DIAG_ERROR;

    if ((s != NULL) != (d->errors == 0))
        return false;
    if (!c->part)
        return s && d->n == 0;
    if (!kit_find(d, level, c->line, c->path, c->part))
        return false;
    if (c->want == ONE_WARNING)
        return s && d->warnings == 1;
    return c->want == ONE_ERROR ? d->errors == 1 : d->errors > 1;
}

/* One case; what is wrong with it goes to `bad`. */
static void run_case(const struct rules_case *c, struct text *bad)
{
    char *rules = with_quotes(c->rules);
    struct diags d;

    diags_init(&d);
    struct snapshot *s = kit_compile(rules, &d);
    char *messages = kit_messages(&d);

    if (!is_as_wanted(c, &d, s))
        text_addf(bad, "\n%s: wanted %s at %s:%u \"%s\", got%s", c->name,
                  c->want == ONE_WARNING ? "one warning" : "an error", c->path ? c->path : "-", c->line,
                  c->part ? c->part : "nothing", messages);
    free(messages);
    free(rules);
    snapshot_unref(s);
    diags_fini(&d);
}

void run_cases(const struct rules_case *cases, size_t n)
{
    struct text bad;

    text_init(&bad);
    for (size_t i = 0; i < n; i++)
        run_case(&cases[i], &bad);
    if (bad.n)
        fail_msg("%s", bad.p);
    text_fini(&bad);
}
