/* demo: a whole gated site on this machine. */
#include <stdio.h>

#include "base/terminal.h"
#include "cli/commands.h"
#include "cli/demo_origin.h"
#include "cli/demo_site.h"
#include "cli/options.h"
#include "control/supervisor.h"

#define FIRST_PORT 8443u

static void print_welcome(void *arg)
{
    const struct demo_site *s = arg;
    const char *bold = terminal_wants_colour(stdout) ? "\033[1m" : "", *plain = bold[0] != '\0' ? "\033[0m" : "";
    char c[DEMO_PATH + 100];
    (void)snprintf(c, sizeof(c), "curl --cacert '%s/certs/ca.pem' --resolve " DEMO_HOST ":%u:127.0.0.1", s->dir,
                   s->port);
    (void)printf("\n  open      %shttps://" DEMO_HOST ":%u/%s\n", bold, s->port, plain);
    (void)printf("  user      %s" DEMO_USER "%s\n  password  %s%s%s\n\n", bold, plain, bold, s->password, plain);
    (void)printf("The browser will not know the certificate: go on all the same, or trust %s/certs/ca.pem.\n\n",
                 s->dir);
    (void)printf("From a shell:\n"
                 "  %s https://" DEMO_HOST ":%u/api/health            # open: a bypass rule\n"
                 "  %s -i https://" DEMO_HOST ":%u/                   # 401: the gate\n"
                 "  %s -u '" DEMO_USER ":%s' https://" DEMO_HOST ":%u/whoami  # through\n\n",
                 c, s->port, c, s->port, c, s->password, s->port);
    (void)printf("Rules: %s/rules/demo.json   requests: tail -f %s/requests.log   Ctrl-C ends it.\n", s->dir, s->dir);
    (void)fflush(stdout);
}

static int serve(struct demo_site *s)
{
    char rules[DEMO_PATH + 20], state[DEMO_PATH + 20];
    const char *paths[] = {rules};
    (void)snprintf(rules, sizeof(rules), "%s/rules", s->dir);
    (void)snprintf(state, sizeof(state), "%s/state", s->dir);
    struct supervisor_options o = {
        .rules = paths,
        .rule_count = 1,
        .state_dir = state,
        .on_ready = print_welcome,
        .arg = s,
    };
    return supervisor_run(&o);
}

static int run(struct demo_site *s, unsigned port, const char *dir)
{
    struct demo_origin origin;
    s->port = demo_site_free_port(port, &s->ipv6);
    if (s->port == 0) {
        (void)fprintf(stderr, "tiergate demo: no free port from %u on\n", port);
        return CLI_FAILED;
    }
    if (!demo_site_make(s, dir) || !demo_origin_start(&origin)) {
        return CLI_FAILED;
    }
    s->origin_port = origin.port;
    return demo_site_write_rules(s) ? serve(s) : CLI_FAILED;
}

int cli_demo(int argc, char **argv)
{
    const char *port_word = NULL, *dir = NULL;
    unsigned port = FIRST_PORT;
    struct demo_site site = {.temporary = false};
    const struct cli_option options[] = {{"--port", &port_word, NULL}, {"--dir", &dir, NULL}};
    int n = cli_options_parse(argc, argv, options, 2);
    if (n < 0 || (port_word != NULL && !cli_option_number("demo", "--port", port_word, 1, 65535, &port))) {
        return CLI_USAGE;
    }
    if (n > 0) {
        return cli_usage("demo", "takes no arguments");
    }
    int code = run(&site, port, dir);
    demo_site_remove(&site);
    return code;
}
