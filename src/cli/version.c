/* version: what this is and what it runs with. */
#include <stdio.h>

#include "cli/commands.h"
#include "net/versions.h"
#include "store/store.h"

int cli_version(int argc, char **argv)
{
    (void)argv;
    if (argc > 1) {
        return cli_usage("version", "takes no arguments");
    }
    (void)printf("tiergate %s (%s)\n", TG_VERSION, TG_BUILD);
    for (const struct net_version *v = net_versions(); v->name != NULL; v++) {
        (void)printf("%-9s %s\n", v->name, v->text());
    }
    (void)printf("%-9s %s\n", "SQLite", store_sqlite_version());
    return CLI_OK;
}
