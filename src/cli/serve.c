/* serve: from the command line to the supervisor. */

#include "base/count.h"
#include "cli/commands.h"
#include "cli/options.h"
#include "cli/state_dir.h"
#include "control/privilege.h"
#include "control/supervisor.h"
#include "net/addr.h"

#include <string.h>

struct serve_words {
    const char *state, *threads, *user, *resolver, *sandbox;
};

static int with_state(struct supervisor_options *o, const char *state)
{
    struct privilege worker;
    struct text dir;
    struct res r = privilege_find(o->user, &worker);
    if (!res_ok(r)) {
        return o->user != NULL ? cli_usage("serve", "--user %s: %s", o->user, r.err) : cli_usage("serve", "%s", r.err);
    }
    text_init(&dir);
    int code = CLI_FAILED;
    if (cli_state_dir(state, &worker, &dir)) {
        o->state_dir = dir.p;
        code = supervisor_run(o);
    }
    text_fini(&dir);
    return code;
}

/* As c-ares reads them: brackets only with a port behind them. */
static bool is_server(struct span s)
{
    struct addr a;
    if (addr_parse_ip(s, &a)) {
        return s.p[0] != '[';
    }
    return s.n > 0 && s.p[0] != ':' && res_ok(addr_parse_listen(s, &a)) && a.port != 0;
}

static bool is_server_list(struct span s)
{
    struct span one;
    bool more;
    do {
        more = span_cut(s, ',', &one, &s);
        if (!is_server(one)) {
            return false;
        }
    } while (more);
    return true;
}

int cli_serve(int argc, char **argv)
{
    struct serve_words words = {NULL, NULL, NULL, NULL, NULL};
    const struct cli_option options[] = {
        {"--state", &words.state, NULL},       {"--threads", &words.threads, NULL}, {"--user", &words.user, NULL},
        {"--resolver", &words.resolver, NULL}, {"--sandbox", &words.sandbox, NULL},
    };
    const char *fallback = cli_default_rules();
    struct supervisor_options o = {0};
    int n = cli_options_parse(argc, argv, options, COUNT(options));
    if (n < 0 ||
        (words.threads != NULL && !cli_option_number("serve", "--threads", words.threads, 1, 64, &o.threads))) {
        return CLI_USAGE;
    }
    if (n == 0 && fallback == NULL) {
        return cli_usage("serve", "no rules: there is neither ./rules nor /etc/tiergate/rules; name a file or folder");
    }
    if (words.sandbox != NULL && strcmp(words.sandbox, "off") != 0 && strcmp(words.sandbox, "on") != 0) {
        return cli_usage("serve", "--sandbox: \"on\" or \"off\"");
    }
    if (words.resolver != NULL && !is_server_list(span_of(words.resolver))) {
        return cli_usage("serve", "--resolver: addresses such as \"10.0.0.2,[fd00::2]:5353\", not \"%s\"",
                         words.resolver);
    }
    o.rules = n > 0 ? (const char *const *)(argv + 1) : &fallback;
    o.rule_count = n > 0 ? (size_t)n : 1;
    o.user = words.user;
    o.resolver = words.resolver;
    o.no_sandbox = words.sandbox != NULL && strcmp(words.sandbox, "off") == 0;
    return with_state(&o, words.state);
}
