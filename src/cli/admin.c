/* `tiergate status`, `reload` and `drain`, and how all commands ask. */
#include "cli/admin.h"

#include "base/count.h"
#include "cli/commands.h"
#include "cli/options.h"
#include "cli/state_dir.h"

#include <stdio.h>

#define SPARE_MS 5000u /* beyond the limit of who answers */

static bool read_receipt(struct wire_msg *m, struct cli_receipt *out)
{
    out->workers = wire_get_u64(m);
    out->good = wire_get_u64(m);
    out->threads = wire_get_u64(m);
    out->ended = wire_get_u64(m);
    out->us = wire_get_u64(m);
    out->text = wire_get_bytes(m);
    return wire_done(m);
}

bool cli_ask(const char *command, const char *state, struct wire_msg *m, unsigned timeout_ms, struct cli_receipt *out)
{
    struct text dir;
    text_init(&dir);
    struct res r = cli_state_dir_find(state, &dir) ? admin_ask(dir.p, m, (int)(timeout_ms + SPARE_MS))
                                                   : res_err("no state folder: name it with --state");
    if (res_ok(r) && !read_receipt(m, out)) {
        r = res_err("the answer is another version's");
    }
    if (!res_ok(r)) {
        (void)fprintf(stderr, "tiergate %s: %s (%s)\n", command, r.err, dir.n > 0 ? dir.p : "no state folder");
    }
    text_fini(&dir);
    return res_ok(r);
}

/* A command without words of its own. */
static bool ask_plain(int argc, char **argv, enum wire_type type, unsigned timeout_ms, struct wire_msg *m,
                      struct cli_receipt *out, int *code)
{
    const char *state = NULL;
    const struct cli_option options[] = {{"--state", &state, NULL}};
    int n = cli_options_parse(argc, argv, options, COUNT(options));
    if (n != 0) {
        *code = n < 0 ? CLI_USAGE : cli_usage(argv[0], "takes no arguments");
        return false;
    }
    wire_begin(m, type);
    *code = CLI_FAILED;
    return cli_ask(argv[0], state, m, timeout_ms, out);
}

int cli_status(int argc, char **argv)
{
    struct wire_msg m;
    struct cli_receipt r;
    int code;
    if (!ask_plain(argc, argv, WIRE_STATUS, ADMIN_ANSWER_MS, &m, &r, &code)) {
        return code;
    }
    (void)fwrite(r.text.p, 1, r.text.n, stdout);
    return r.workers > 0 && r.good == r.workers ? CLI_OK : CLI_FAILED;
}

int cli_reload(int argc, char **argv)
{
    struct wire_msg m;
    struct cli_receipt r;
    int code;
    if (!ask_plain(argc, argv, WIRE_RELOAD, ADMIN_RELOAD_MS, &m, &r, &code)) {
        return code;
    }
    if (r.workers > 0 && r.good == r.workers) {
        (void)printf("reload: ok, %.*s", SPAN_ARG(r.text));
        return CLI_OK;
    }
    (void)fprintf(stderr, "reload: refused, the running rules stay: %.*s", SPAN_ARG(r.text));
    return CLI_FAILED;
}

int cli_drain(int argc, char **argv)
{
    struct wire_msg m;
    struct cli_receipt r;
    int code;
    if (!ask_plain(argc, argv, WIRE_DRAIN, ADMIN_ANSWER_MS, &m, &r, &code)) {
        return code;
    }
    (void)puts("draining");
    return CLI_OK;
}
