/* `tiergate share`: an address that lets whoever has it see one path of one host, for a time. */
#include "cli/commands.h"

#include "base/clock.h"
#include "base/count.h"
#include "base/crypto/random.h"
#include "base/terminal.h"
#include "cli/options.h"
#include "cli/state_dir.h"
#include "config/load.h"
#include "config/units.h"
#include "control/decide.h"
#include "gate/share_link.h"

#include <stdio.h>
#include <stdlib.h>

#define FOR_MIN_MS 60000u
#define PATH_MAX_BYTES 255

struct share_options {
    const char *url, *lasts, *path, *note, *rules, *state;
    uint64_t lasts_ms;
};

static int fail(const char *why)
{
    fprintf(stderr, "tiergate share: %s\n", why);
    return CLI_FAILED;
}

/* --- what is shared ----------------------------------------------------------------------------------------------- */

/* NULL: it can be; else why not. */
static const char *host_problem(const struct decided *d)
{
    if (!d->host)
        return "the rules have no host of that name";
    if (!d->host->gate)
        return "this host has no gate: everybody may see what its rules let through";
    if (!d->host->gate->share_links)
        return "the gate of this host has no share links: write \"share_links\": true there if that is meant";
    return NULL;
}

static const char *path_problem(const struct path *p)
{
    if (p->kind != PATH_CANONICAL)
        return "a path that could be read in two ways cannot be shared";
    return p->decoded.n > PATH_MAX_BYTES ? "the path is too long to be shared" : NULL;
}

/* *room is the caller's to free. */
static const char *parse_path(const char *text, uint8_t **room, struct path *out)
{
    struct span target = span_of(text);
    *room = malloc(target.n + 1);
    if (!*room)
        return "out of memory";
    if (target.n == 0 || target.p[0] != '/' || span_find(target, '?') < target.n)
        return "--path is the path alone: /docs/";
    path_parse(target, *room, out);
    return path_problem(out);
}

/* --- making it ---------------------------------------------------------------------------------------------------- */

static int print_link(const struct decided *d, const struct share_link *link, const char *text, size_t n)
{
    char until[24];
    clock_format_iso((uint64_t)link->ends_s * 1000000, until);
    printf("https://%.*s", SPAN_ARG(host_span(&d->name)));
    if (d->name.port >= 0 && d->name.port != 443)
        printf(":%d", d->name.port);
    printf(SHARE_PATH "?t=%.*s\n", (int)n, text);
    fprintf(stderr, "opens %.*s and what is below it until %.19sZ, for whoever has this address\n",
            SPAN_ARG(link->scope), until);
    return fflush(stdout) == 0 ? CLI_OK : fail("the address could not be written");
}

static int share_path(const struct decided *d, const struct share_options *o, struct span scope)
{
    char text[SHARE_TEXT_MAX];
    int64_t now = clock_wall_s();
    struct share_link link = {.made_s = now,
                              .ends_s = now + (int64_t)(o->lasts_ms / 1000),
                              .host = host_span(&d->name),
                              .scope = scope,
                              .note = span_of(o->note)};
    if (!res_ok(random_bytes(link.id, sizeof(link.id))))
        return fail("no random bytes");
    size_t n = share_link_make(d->host->gate, &link, text);
    return n ? print_link(d, &link, text, n) : fail("the link could not be made: path or note are too long");
}

static int share_decided(const struct decided *d, const struct share_options *o)
{
    uint8_t *room = NULL;
    struct path other = {.kind = PATH_MALFORMED};
    const char *problem = host_problem(d);
    if (!problem)
        problem = o->path ? parse_path(o->path, &room, &other) : path_problem(&d->path);
    int code = problem ? fail(problem) : share_path(d, o, o->path ? other.decoded : d->path.decoded);
    free(room);
    return code;
}

static int share_with(const struct snapshot *s, const struct share_options *o)
{
    struct question q = {.method = SPAN("GET"), .url = span_of(o->url), .as = SPAN("anonymous")};
    struct decided d;
    struct res r = decide(s, &q, &d);
    int code = res_ok(r) ? share_decided(&d, o) : fail(r.err);
    decided_fini(&d);
    return code;
}

/* The rules as the server has them: with its secrets, and its own key where the file names none. */
static int share(const struct share_options *o)
{
    struct diags d;
    struct text state;
    struct load_request q = {.paths = &o->rules, .path_count = 1, .mode = LOAD_DEPLOY};
    text_init(&state);
    diags_init(&d);
    q.state_dir = cli_state_dir_find(o->state, &state) ? state.p : ""; /* "": fails only where it is needed */
    struct bundle *b = config_load(&q, &d);
    struct snapshot *s = b ? config_compile(b, &d) : NULL;
    bundle_free(b);
    int code = CLI_FAILED;
    if (s && diags_ok(&d))
        code = share_with(s, o);
    else
        diags_tell(&d, terminal_wants_colour(stderr), stderr);
    snapshot_unref(s);
    diags_fini(&d);
    text_fini(&state);
    return code;
}

/* --- the command -------------------------------------------------------------------------------------------------- */

static int check_options(struct share_options *o)
{
    if (!o->lasts)
        return cli_usage("share", "for how long? --for 3d");
    if (!duration_parse(span_of(o->lasts), &o->lasts_ms) || o->lasts_ms < FOR_MIN_MS ||
        o->lasts_ms / 1000 > SHARE_FOR_MAX_S)
        return cli_usage("share", "--for is a time from 1m to 90d, such as 12h, not \"%s\"", o->lasts);
    if (!o->rules)
        o->rules = cli_default_rules();
    if (!o->rules)
        return cli_usage("share", "no rules: there is neither ./rules nor /etc/tiergate/rules; name some with --rules");
    return CLI_OK;
}

int cli_share(int argc, char **argv)
{
    struct share_options o = {.url = NULL};
    const struct cli_option options[] = {{.name = "--for", .value = &o.lasts},
                                         {.name = "--path", .value = &o.path},
                                         {.name = "--note", .value = &o.note},
                                         {.name = "--rules", .value = &o.rules},
                                         {.name = "--state", .value = &o.state}};
    int n = cli_options_parse(argc, argv, options, COUNT(options));
    if (n < 0)
        return CLI_USAGE;
    if (n != 1)
        return cli_usage("share", "needs one argument: the address to share");
    o.url = argv[1];
    int code = check_options(&o);
    return code == CLI_OK ? share(&o) : code;
}
