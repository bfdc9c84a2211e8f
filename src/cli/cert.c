/* cert dev: certificates for development. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/crypto/x509.h"
#include "cli/cert_files.h"
#include "cli/commands.h"
#include "cli/options.h"
#include "net/addr.h"

static void print_trust(const char *dir, bool made_ca)
{
    (void)printf(
        "%s %s/ca.pem. Trust it once:\n"
        "  curl:            curl --cacert %s/ca.pem …\n"
        "  Debian, all:     cp %s/ca.pem /usr/local/share/ca-certificates/tiergate-dev.crt && update-ca-certificates\n"
        "  Chrome, Firefox: certutil -d sql:$HOME/.pki/nssdb -A -t C,, -n tiergate-dev -i %s/ca.pem\n"
        "                   (Firefox: the folder of your profile instead, or import it in its settings)\n"
        "  Node:            NODE_EXTRA_CA_CERTS=%s/ca.pem\n"
        "Keep %s/ca.key to yourself.\n",
        made_ca ? "A new authority:" : "Signed by the authority", dir, dir, dir, dir, dir, dir);
}

static void print_made(const char *dir, const struct span *names, size_t count)
{
    (void)printf("%s/dev.pem and %s/dev.key for", dir, dir);
    for (size_t i = 0; i < count; i++) {
        (void)printf("%s %.*s", i > 0 ? "," : "", SPAN_ARG(names[i]));
    }
    (void)printf("\n");
}

static bool is_good_name(struct span name)
{
    struct addr a;
    return x509_is_name(name) || addr_parse_ip(name, &a);
}

static int make(const char *dir, const struct span *names, size_t count)
{
    struct cert_request q = {.dir = dir, .leaf = "dev", .names = names, .count = count};
    bool made_ca = false;
    for (size_t i = 0; i < count; i++) {
        if (!is_good_name(names[i])) {
            return cli_usage("cert", "\"%.*s\" is no host name, no \"*.\" name and no address", SPAN_ARG(names[i]));
        }
    }
    if (!cert_files_make(&q, &made_ca)) {
        return CLI_FAILED;
    }
    print_made(dir, names, count);
    print_trust(dir, made_ca);
    return CLI_OK;
}

int cli_cert(int argc, char **argv)
{
    const char *dir = "certs";
    const struct cli_option options[] = {{"--out", &dir, NULL}};
    int n = cli_options_parse(argc, argv, options, 1);
    if (n < 0) {
        return CLI_USAGE;
    }
    if (n < 1 || strcmp(argv[1], "dev") != 0) {
        return cli_usage("cert", "the one kind of certificate made here is `cert dev NAME…`");
    }
    if (n < 2) {
        return cli_usage("cert", "name at least one host");
    }
    struct span *names = calloc((size_t)n, sizeof(*names));
    if (names == NULL) {
        (void)fputs("tiergate: out of memory\n", stderr);
        return CLI_FAILED;
    }
    for (int i = 2; i <= n; i++) {
        names[i - 2] = span_of(argv[i]);
    }
    int code = make(dir, names, (size_t)n - 1);
    free(names);
    return code;
}
