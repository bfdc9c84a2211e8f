/* `tiergate passwd`: one line for an htpasswd file. */
#include "cli/commands.h"

#include "base/count.h"
#include "base/crypto/mac.h"
#include "cli/options.h"
#include "gate/basic.h"
#include "gate/crypt_hash.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#define BCRYPT_PASSWORD_MAX 72 /* bcrypt reads no further */

struct passwd_options {
    enum crypt_kind kind;
    unsigned cost; /* 0: the kind's default */
    const char *user;
};

struct password {
    char text[BASIC_PASSWORD_MAX + 2]; /* with room to see that it is too long */
    size_t n;
};

/* --- reading ------------------------------------------------------------------------------------------------------ */

static void on_interrupt(int signal)
{
    (void)signal; /* read() returns with EINTR, and the terminal is put right */
}

/* One line of fd, without its end. False: none, interrupted, or too long. */
static bool read_line(int fd, struct password *out)
{
    out->n = 0;
    while (out->n < sizeof(out->text)) {
        char c;
        ssize_t got = read(fd, &c, 1);
        if (got < 0 || (got == 0 && out->n == 0))
            return false;
        if (got == 0 || c == '\n')
            break;
        out->text[out->n++] = c;
    }
    if (out->n && out->text[out->n - 1] == '\r')
        out->n--;
    if (out->n > BASIC_PASSWORD_MAX)
        return false;
    out->text[out->n] = '\0';
    return true;
}

static bool read_hidden(const char *prompt, struct password *out)
{
    struct termios shown, hidden;
    struct sigaction quiet = {.sa_handler = on_interrupt}, before;
    if (tcgetattr(STDIN_FILENO, &shown) != 0)
        return false;
    hidden = shown;
    hidden.c_lflag &= ~(tcflag_t)ECHO;
    sigaction(SIGINT, &quiet, &before);
    fputs(prompt, stderr);
    bool ok = tcsetattr(STDIN_FILENO, TCSAFLUSH, &hidden) == 0 && read_line(STDIN_FILENO, out);
    tcsetattr(STDIN_FILENO, TCSAFLUSH, &shown);
    fputc('\n', stderr);
    sigaction(SIGINT, &before, NULL);
    return ok;
}

static int fail(const char *why)
{
    fprintf(stderr, "tiergate passwd: %s\n", why);
    return CLI_FAILED;
}

static int ask_twice(struct password *out)
{
    struct password again;
    if (!read_hidden("Password: ", out) || !read_hidden("Again: ", &again))
        return fail("no password was given");
    bool same = out->n == again.n && equal_const_time((uint8_t *)out->text, (uint8_t *)again.text, again.n);
    wipe(&again, sizeof(again));
    return same ? CLI_OK : fail("the two passwords differ");
}

static int read_password(struct password *out)
{
    if (isatty(STDIN_FILENO))
        return ask_twice(out);
    return read_line(STDIN_FILENO, out) ? CLI_OK : fail("no password of at most 256 bytes came on stdin");
}

/* --- checking ----------------------------------------------------------------------------------------------------- */

static int check_password(const struct passwd_options *o, const struct password *p)
{
    if (p->n == 0)
        return fail("an empty password lets nobody in: choose another");
    if (span_has_control(span_make(p->text, p->n)))
        return fail("a password cannot hold control characters: browsers cannot send them");
    if (o->kind == CRYPT_KIND_BCRYPT && p->n > BCRYPT_PASSWORD_MAX)
        return fail("bcrypt reads only the first 72 bytes: choose a shorter password, or yescrypt");
    return CLI_OK;
}

static int check_user(const char *user)
{
    size_t n = strlen(user);
    if (n == 0 || n > BASIC_USER_MAX || strchr(user, ':') || span_has_control(span_make(user, n)))
        return cli_usage("passwd", "a user name has 1 to 128 bytes and neither a colon nor control characters");
    return CLI_OK;
}

/* CLI_OK, or the exit code. */
static int parse_options(int argc, char **argv, struct passwd_options *o)
{
    bool bcrypt = false, yescrypt = false;
    const char *cost = NULL;
    const struct cli_option options[] = {{.name = "--bcrypt", .flag = &bcrypt},
                                         {.name = "--yescrypt", .flag = &yescrypt},
                                         {.name = "--cost", .value = &cost}};
    int n = cli_options_parse(argc, argv, options, COUNT(options));
    if (n < 0)
        return CLI_USAGE;
    if (n != 1)
        return cli_usage("passwd", "needs one argument: the user's name");
    if (bcrypt && yescrypt)
        return cli_usage("passwd", "either --bcrypt or --yescrypt");
    o->kind = bcrypt ? CRYPT_KIND_BCRYPT : CRYPT_KIND_YESCRYPT;
    if (cost && !cli_option_number("passwd", "--cost", cost, bcrypt ? 4 : 1, bcrypt ? 17 : 11, &o->cost))
        return CLI_USAGE;
    o->user = argv[1];
    return check_user(o->user);
}

/* --- the command -------------------------------------------------------------------------------------------------- */

static int print_line(const struct passwd_options *o, const struct password *p)
{
    char hash[CRYPT_HASH_MAX];
    struct res r = crypt_hash_make(o->kind, o->cost, p->text, hash);
    if (!res_ok(r))
        return fail(r.err);
    printf("%s:%s\n", o->user, hash);
    return fflush(stdout) == 0 ? CLI_OK : fail("the line could not be written");
}

int cli_passwd(int argc, char **argv)
{
    struct passwd_options o = {.kind = CRYPT_KIND_YESCRYPT};
    struct password p = {.n = 0};
    int code = parse_options(argc, argv, &o);
    if (code == CLI_OK)
        code = read_password(&p);
    if (code == CLI_OK)
        code = check_password(&o, &p);
    if (code == CLI_OK)
        code = print_line(&o, &p);
    wipe(&p, sizeof(p));
    return code;
}
