/* Options of one command: `--name VALUE`, `--name=VALUE`, `--flag`; what is left are its arguments. */
#ifndef TG_CLI_OPTIONS_H
#define TG_CLI_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>

struct cli_option {
    const char *name;   /* with its dashes */
    const char **value; /* takes a value; exactly one of both is set */
    bool *flag;
};

/* Moves the arguments to argv[1 …] and returns how many there are; -1: told on stderr, the command ends with CLI_USAGE.
 * `--` ends the options. argv[0] is the command's name. */
int cli_options_parse(int argc, char **argv, const struct cli_option *options, size_t count);
/* 1*DIGIT within [min, max]; false: told on stderr. */
bool cli_option_number(const char *command, const char *name, const char *value, unsigned min, unsigned max,
                       unsigned *out);

#endif
