/* `tiergate token`: secrets for machines, and their hashes for the rules file. */
#include "cli/commands.h"

#include "base/count.h"
#include "base/crypto/base64.h"
#include "base/crypto/mac.h"
#include "base/crypto/random.h"
#include "base/hex.h"
#include "cli/admin.h"
#include "cli/options.h"
#include "gate/service_token.h"

#include <stdio.h>
#include <unistd.h>

#define PREFIX "tgs_" /* so that scanners for lost secrets know it */
#define RANDOM 32
#define NAME_MAX_BYTES 64

static int fail(const char *why)
{
    fprintf(stderr, "tiergate token: %s\n", why);
    return CLI_FAILED;
}

static bool print_hash(struct span secret, const char *end)
{
    uint8_t sum[32];
    char text[2 * sizeof(sum)];
    if (!res_ok(sha256(secret, sum)))
        return false;
    hex_put(sum, sizeof(sum), text);
    printf("sha256:%.*s%s", (int)sizeof(text), text, end);
    return true;
}

/* As the rules file takes it. */
static bool is_name(struct span s)
{
    for (size_t i = 0; i < s.n; i++)
        if (!((s.p[i] >= '0' && s.p[i] <= '9') || (ascii_lower(s.p[i]) >= 'a' && ascii_lower(s.p[i]) <= 'z') ||
              memchr("._-", s.p[i], 3)))
            return false;
    return s.n > 0 && s.n <= NAME_MAX_BYTES;
}

/* --- new ---------------------------------------------------------------------------------------------------------- */

struct secret {
    char text[sizeof(PREFIX) + BASE64_SIZE(RANDOM)];
    size_t n;
};

static bool secret_make(struct secret *s)
{
    uint8_t bytes[RANDOM];
    if (!res_ok(random_bytes(bytes, sizeof(bytes))))
        return false;
    memcpy(s->text, PREFIX, sizeof(PREFIX) - 1);
    s->n = sizeof(PREFIX) - 1;
    s->n += base64url_encode(span_make(bytes, sizeof(bytes)), s->text + s->n);
    wipe(bytes, sizeof(bytes));
    return true;
}

static int print_new(const char *name, struct span secret)
{
    printf("CF-Access-Client-Id: %s\n", name);
    printf("CF-Access-Client-Secret: %.*s\n", SPAN_ARG(secret));
    printf("\"service_tokens\": {\"%s\": \"", name);
    if (!print_hash(secret, "\"}\n"))
        return fail("no hash could be made");
    fprintf(stderr,
            "The secret is shown this once and kept nowhere; the last line belongs into a gate of the rules.\n");
    return fflush(stdout) == 0 ? CLI_OK : fail("the token could not be written");
}

static int token_new(int argc, char **argv)
{
    struct secret s;
    if (argc != 3)
        return cli_usage("token", "new needs one argument: the token's name");
    if (!is_name(span_of(argv[2])))
        return cli_usage("token", "the name of a token is 1 to 64 letters, digits, '.', '_' and '-'");
    if (!secret_make(&s))
        return fail("no random bytes");
    int code = print_new(argv[2], span_make(s.text, s.n));
    wipe(&s, sizeof(s));
    return code;
}

/* --- hash --------------------------------------------------------------------------------------------------------- */

/* One line of stdin, without its end. False: none, or too long. */
static bool read_line(char *out, size_t cap, size_t *n)
{
    *n = 0;
    for (;;) {
        char c;
        ssize_t got = read(STDIN_FILENO, &c, 1);
        if (got < 0 || (got == 0 && *n == 0))
            return false;
        if (got == 0 || c == '\n')
            break;
        if (*n == cap)
            return false;
        out[(*n)++] = c;
    }
    if (*n && out[*n - 1] == '\r')
        (*n)--;
    return *n > 0;
}

static int hash_secret(struct span secret)
{
    if (span_trim(secret).n != secret.n || span_has_control(secret))
        return fail("a secret has no white space around it and no control characters: it travels in a field");
    if (!print_hash(secret, "\n"))
        return fail("no hash could be made");
    return fflush(stdout) == 0 ? CLI_OK : fail("the hash could not be written");
}

static int token_hash(int argc)
{
    char line[SERVICE_TOKEN_SECRET_MAX];
    size_t n;
    if (argc != 2)
        return cli_usage("token", "hash reads the secret from stdin: arguments are seen by everybody on the machine");
    int code = CLI_FAILED;
    if (read_line(line, sizeof(line), &n))
        code = hash_secret(span_make(line, n));
    else
        code = fail("no secret of 1 to 512 bytes came on stdin");
    wipe(line, sizeof(line));
    return code;
}

/* --- list --------------------------------------------------------------------------------------------------------- */

/* "worker 840: team smoke 2026-11-22T03:11:34Z, team ssr never": a line for each. */
static void print_list(struct span said)
{
    while (said.n > 0) {
        struct span line, token;
        (void)span_cut(said, '\n', &line, &said);
        size_t at = span_find(line, ':');
        line = span_from(line, at + 1 < line.n ? at + 1 : line.n);
        while (line.n > 0) {
            (void)span_cut(line, ',', &token, &line);
            token = span_trim(token);
            printf("%.*s\n", SPAN_ARG(token));
        }
    }
}

static int token_list(int argc, const char *state)
{
    struct wire_msg m;
    struct cli_receipt r;
    if (argc != 2)
        return cli_usage("token", "list takes no arguments");
    wire_begin(&m, WIRE_ADMIN);
    wire_put_u64(&m, 0);
    wire_put_bytes(&m, SPAN(ADMIN_TOKENS));
    if (!cli_ask("token", state, &m, ADMIN_ANSWER_MS, &r))
        return CLI_FAILED;
    if (r.workers == 0 || r.good < r.workers) {
        fprintf(stderr, "%.*s", SPAN_ARG(r.text));
        return fail("the one that runs could not tell");
    }
    print_list(r.text);
    return fflush(stdout) == 0 ? CLI_OK : fail("the list could not be written");
}

int cli_token(int argc, char **argv)
{
    const char *state = NULL;
    const struct cli_option options[] = {{"--state", &state, NULL}};
    int n = cli_options_parse(argc, argv, options, COUNT(options));
    if (n < 0)
        return CLI_USAGE;
    struct span what = n > 0 ? span_of(argv[1]) : SPAN_NONE;
    if (span_eq(what, SPAN("list")))
        return token_list(n + 1, state);
    if (state)
        return cli_usage("token", "--state is for list");
    if (span_eq(what, SPAN("new")))
        return token_new(n + 1, argv);
    if (span_eq(what, SPAN("hash")))
        return token_hash(n + 1);
    return cli_usage(
        "token", "new NAME makes one, hash reads a secret that there is already, list tells when each was last used");
}
