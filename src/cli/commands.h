/* The commands of the command line: one file each, one line each in the table of commands.c. */
#ifndef TG_CLI_COMMANDS_H
#define TG_CLI_COMMANDS_H

/* Exit codes, the same for all commands. */
enum cli_exit { CLI_OK = 0, CLI_FAILED = 1, CLI_USAGE = 2 };

struct cli_command {
    const char *name;
    const char *summary; /* one line for `tiergate --help`; NULL: not listed */
    const char *help;    /* whole text of `tiergate NAME --help`, with an example */
    /* argv[0] is the command's name; --help has been dealt with. Answers go to stdout, errors to
     * stderr. Returns an exit code. */
    int (*run)(int argc, char **argv);
};

/* Ends with an entry whose name is NULL. */
const struct cli_command *cli_commands(void);

int cli_serve(int argc, char **argv);
int cli_check(int argc, char **argv);
int cli_explain(int argc, char **argv);
int cli_passwd(int argc, char **argv);
int cli_token(int argc, char **argv);
int cli_share(int argc, char **argv);
int cli_revoke(int argc, char **argv);
int cli_status(int argc, char **argv);
int cli_reload(int argc, char **argv);
int cli_drain(int argc, char **argv);
int cli_cert(int argc, char **argv);
int cli_demo(int argc, char **argv);
int cli_version(int argc, char **argv);

/* "tiergate NAME: MESSAGE", a pointer to --help, and CLI_USAGE. */
int cli_usage(const char *command, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* The rules that are meant when none are named: "./rules", then "/etc/tiergate/rules"; NULL when neither exists. */
const char *cli_default_rules(void);

#endif
