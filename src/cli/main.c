/* tiergate: finds the command and runs it. */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/count.h"
#include "cli/commands.h"
#include "config/nearest.h"
#include "control/loader.h"
#include "control/process.h"
#include "control/worker.h"

int cli_usage(const char *command, const char *format, ...)
{
    va_list ap;
    char line[1000];
    va_start(ap, format);
    (void)vsnprintf(line, sizeof(line), format, ap);
    va_end(ap);
    (void)fprintf(stderr, "tiergate %s: %s\nSee `tiergate %s --help`.\n", command, line, command);
    return CLI_USAGE;
}

const char *cli_default_rules(void)
{
    static const char *const places[] = {"./rules", "/etc/tiergate/rules"};
    for (size_t i = 0; i < COUNT(places); i++) {
        if (access(places[i], F_OK) == 0) {
            return places[i];
        }
    }
    return NULL;
}

static const struct cli_command *find(const char *name)
{
    for (const struct cli_command *c = cli_commands(); c->name != NULL; c++) {
        if (strcmp(c->name, name) == 0) {
            return c;
        }
    }
    return NULL;
}

static int overview(FILE *out)
{
    (void)fputs("tiergate: the gate in front of your tiers\n\nusage: tiergate COMMAND [ARGUMENT…]\n\n", out);
    for (const struct cli_command *c = cli_commands(); c->name != NULL; c++) {
        if (c->summary != NULL) {
            (void)fprintf(out, "  %-9s %s\n", c->name, c->summary);
        }
    }
    (void)fputs("\n`tiergate COMMAND --help` says more. Rules default to ./rules, then /etc/tiergate/rules.\n"
                "Answers go to stdout, errors to stderr. Exit codes: 0 done, 1 failed, 2 not understood.\n\n"
                "Example: tiergate demo\n",
                out);
    return out == stdout ? CLI_OK : CLI_USAGE;
}

static int unknown(const char *name)
{
    struct nearest n = nearest_to(span_of(name));
    for (const struct cli_command *c = cli_commands(); c->name != NULL; c++) {
        nearest_offer(&n, span_of(c->name));
    }
    (void)fprintf(stderr, "tiergate: unknown command \"%s\"", name);
    if (n.best.n > 0) {
        (void)fprintf(stderr, "; did you mean \"%.*s\"?", SPAN_ARG(n.best));
    }
    (void)fputs("\nSee `tiergate --help`.\n", stderr);
    return CLI_USAGE;
}

static bool is_help(const char *arg)
{
    return strcmp(arg, "--help") == 0 || strcmp(arg, "-h") == 0;
}

static bool asks_for_help(int argc, char **argv)
{
    for (int i = 1; i < argc && strcmp(argv[i], "--") != 0; i++) {
        if (is_help(argv[i])) {
            return true;
        }
    }
    return false;
}

/* `tiergate help`, `tiergate help COMMAND`. */
static int help(int argc, char **argv)
{
    const struct cli_command *c = argc > 1 ? find(argv[1]) : NULL;
    if (argc < 2) {
        return overview(stdout);
    }
    if (c == NULL) {
        return unknown(argv[1]);
    }
    (void)fputs(c->help, stdout);
    return CLI_OK;
}

static int dispatch(int argc, char **argv)
{
    const struct cli_command *c = find(argv[0]);
    if (is_help(argv[0]) || strcmp(argv[0], "help") == 0) {
        return help(argc, argv);
    }
    if (strcmp(argv[0], "--version") == 0) {
        return cli_version(1, argv);
    }
    if (c == NULL) {
        return unknown(argv[0]);
    }
    if (asks_for_help(argc, argv)) {
        (void)fputs(c->help, stdout);
        return CLI_OK;
    }
    return c->run(argc, argv);
}

/* The processes that the supervisor starts; not for people. */
static const struct {
    const char *name;
    int (*run)(int argc, char **argv);
} hidden[] = {{"loader", loader_main}, {"worker", worker_main}};

int main(int argc, char **argv)
{
    struct res r = process_fill_stdio();
    if (!res_ok(r)) {
        (void)fprintf(stderr, "tiergate: %s\n", r.err);
        return CLI_FAILED;
    }
    if (argc < 2) {
        return overview(stderr);
    }
    for (size_t i = 0; i < COUNT(hidden); i++) {
        if (strcmp(argv[1], hidden[i].name) == 0) {
            return hidden[i].run(argc - 1, argv + 1);
        }
    }
    int code = dispatch(argc - 1, argv + 1);
    if (fflush(stdout) != 0 && code == CLI_OK) {
        (void)fputs("tiergate: cannot write to standard output\n", stderr);
        code = CLI_FAILED;
    }
    return code;
}
