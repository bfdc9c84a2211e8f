/* `tiergate revoke`: sessions are taken back, and what obeys is counted. */
#include "cli/commands.h"

#include "base/count.h"
#include "cli/admin.h"
#include "cli/options.h"

#include <stdio.h>

static const char *plural(uint64_t n)
{
    return n == 1 ? "" : "s";
}

static int tell(const struct cli_receipt *r)
{
    bool good = r->workers > 0 && r->good == r->workers;
    FILE *out = good ? stdout : stderr;
    if (r->good > 0) {
        (void)fprintf(out,
                      "revoked: effective on %llu thread%s of %llu worker%s, %llu open connection%s or stream%s ended, "
                      "%llu.%llu ms\n",
                      (unsigned long long)r->threads, plural(r->threads), (unsigned long long)r->good, plural(r->good),
                      (unsigned long long)r->ended, plural(r->ended), plural(r->ended),
                      (unsigned long long)r->us / 1000, (unsigned long long)r->us / 100 % 10);
    }
    if (!good) {
        (void)fprintf(stderr, "tiergate revoke: %llu of %llu worker%s did not do it\n%.*s",
                      (unsigned long long)(r->workers - r->good), (unsigned long long)r->workers, plural(r->workers),
                      SPAN_ARG(r->text));
    }
    return good ? CLI_OK : CLI_FAILED;
}

static int ask(const char *state, struct span what, struct span gate)
{
    struct wire_msg m;
    struct cli_receipt r;
    struct text words;
    text_init(&words);
    admin_revoke_words(what, gate, &words);
    wire_begin(&m, WIRE_ADMIN);
    wire_put_u64(&m, 0);
    wire_put_bytes(&m, text_span(&words));
    bool made = !words.failed;
    text_fini(&words);
    if (!made) {
        (void)fputs("tiergate revoke: out of memory\n", stderr);
        return CLI_FAILED;
    }
    return cli_ask("revoke", state, &m, ADMIN_ANSWER_MS, &r) ? tell(&r) : CLI_FAILED;
}

int cli_revoke(int argc, char **argv)
{
    const char *state = NULL, *gate = NULL;
    const struct cli_option options[] = {{"--state", &state, NULL}, {"--gate", &gate, NULL}};
    struct admin_revoke judged;
    int n = cli_options_parse(argc, argv, options, COUNT(options));
    if (n < 0) {
        return CLI_USAGE;
    }
    if (n != 1) {
        return cli_usage("revoke", "needs one argument: what is to be taken back");
    }
    const char *why = admin_revoke_parse(span_of(argv[1]), span_of(gate), &judged);
    if (why != NULL) {
        return cli_usage("revoke", "%s: %s", argv[1], why);
    }
    return ask(state, span_of(argv[1]), span_of(gate));
}
