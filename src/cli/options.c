#include "cli/options.h"

#include <string.h>

#include "base/span.h"
#include "cli/commands.h"
#include "config/nearest.h"

struct parse {
    const struct cli_option *options;
    size_t count;
    int argc, at; /* the next argument to look at */
    char **argv;
};

static const struct cli_option *find(const struct parse *p, struct span name)
{
    for (size_t i = 0; i < p->count; i++) {
        if (span_eq(name, span_of(p->options[i].name))) {
            return &p->options[i];
        }
    }
    return NULL;
}

static bool tell_unknown(const struct parse *p, struct span name)
{
    struct nearest n = nearest_to(name);
    nearest_offer(&n, SPAN("--help"));
    for (size_t i = 0; i < p->count; i++) {
        nearest_offer(&n, span_of(p->options[i].name));
    }
    if (n.best.n > 0) {
        (void)cli_usage(p->argv[0], "unknown option %.*s; did you mean %.*s?", SPAN_ARG(name), SPAN_ARG(n.best));
    } else {
        (void)cli_usage(p->argv[0], "unknown option %.*s", SPAN_ARG(name));
    }
    return false;
}

static bool take_value(struct parse *p, const struct cli_option *o, const char *inline_value)
{
    if (inline_value == NULL && p->at == p->argc) {
        (void)cli_usage(p->argv[0], "%s needs a value", o->name);
        return false;
    }
    *o->value = inline_value != NULL ? inline_value : p->argv[p->at++];
    return true;
}

static bool take_option(struct parse *p)
{
    const char *arg = p->argv[p->at++];
    const char *equals = strchr(arg, '=');
    struct span name = equals != NULL ? span_make(arg, (size_t)(equals - arg)) : span_of(arg);
    const struct cli_option *o = find(p, name);
    if (o == NULL) {
        return tell_unknown(p, name);
    }
    if (o->value != NULL) {
        return take_value(p, o, equals != NULL ? equals + 1 : NULL);
    }
    if (equals != NULL) {
        (void)cli_usage(p->argv[0], "%s takes no value", o->name);
        return false;
    }
    *o->flag = true;
    return true;
}

int cli_options_parse(int argc, char **argv, const struct cli_option *options, size_t count)
{
    struct parse p = {.options = options, .count = count, .argc = argc, .at = 1, .argv = argv};
    int kept = 0;
    bool only_arguments = false;
    while (p.at < p.argc) {
        char *arg = argv[p.at];
        if (!only_arguments && strcmp(arg, "--") == 0) {
            only_arguments = true;
            p.at++;
        } else if (!only_arguments && arg[0] == '-' && arg[1] != '\0') {
            if (!take_option(&p)) {
                return -1;
            }
        } else {
            argv[++kept] = arg;
            p.at++;
        }
    }
    return kept;
}

bool cli_option_number(const char *command, const char *name, const char *value, unsigned min, unsigned max,
                       unsigned *out)
{
    uint64_t v;
    if (!span_parse_u64(span_of(value), max, &v) || v < min) {
        (void)cli_usage(command, "%s must be a number from %u to %u, not \"%s\"", name, min, max, value);
        return false;
    }
    *out = (unsigned)v;
    return true;
}
