#include "cli/commands.h"

#include <stddef.h>

/* One literal for each line that is printed. */
/* clang-format off */

static const char serve_help[] =
    "usage: tiergate serve [FILE|DIR…] [--state DIR] [--threads N] [--user NAME] [--resolver IP[:PORT],…]\n"
    "                      [--sandbox on|off]\n"
    "\n"
    "Serves by the rules, in the foreground. A folder stands for its *.json. Default: ./rules, then /etc/tiergate/rules.\n"
    "\n"
    "  --state DIR     where keys live; default $STATE_DIRECTORY, /var/lib/tiergate (as root, or when it is writable),\n"
    "                  $XDG_STATE_HOME/tiergate, ~/.local/state/tiergate; made 0700\n"
    "  --threads N     loop threads, 1 to 64; default: one per CPU\n"
    "  --user NAME     whom the worker runs as when started as root; default \"tiergate\" if there is one, else \"nobody\"\n"
    "  --resolver IP   name servers to ask for origins' names instead of the system's\n"
    "  --sandbox off   only where the system refuses it and the worker says so (some containers): it holds the worker, which\n"
    "                  meets the world, to the files and TCP ports that it needs and to a list of system calls\n"
    "\n"
    "SIGHUP loads the rules anew, all or nothing, and opens the log file anew. Where origins move to ports that none had\n"
    "before, a new worker takes over, and the old one tells its WebSockets to connect again (1012).\n"
    "SIGTERM or SIGINT: no new connections, open exchanges end, then it exits; a second one ends it at once.\n"
    "Exit codes: 0 drained; 1 the rules have errors (all are printed), an address cannot be bound, or a hard end; 2 usage.\n"
    "\n"
    "Example: tiergate serve rules/ --state /var/lib/tiergate --user tiergate\n";

static const char check_help[] =
    "usage: tiergate check [FILE|DIR…] [--deploy] [--json]\n"
    "\n"
    "Reads the rules as serve would and prints everything that is wrong, each with file, line, place and what to write\n"
    "instead; holds the `expect` list against the rules. Secrets and certificates that cannot be read on this machine are\n"
    "warnings, with --deploy errors.\n"
    "\n"
    "  --deploy   judge as the machine that will serve\n"
    "  --json     {\"ok\", \"errors\": […], \"warnings\": […]}\n"
    "\n"
    "Exit codes: 0 no errors; 1 errors; 2 usage.\n"
    "\n"
    "Example: tiergate check rules/\n";

static const char explain_help[] =
    "usage: tiergate explain [METHOD] URL [--as IDENTITY] [--ip ADDRESS] [--rules FILE|DIR]\n"
    "\n"
    "Says what the rules decide about a request, and shows each rule that was tried, by the very code that serves.\n"
    "\n"
    "  METHOD          default GET\n"
    "  --as IDENTITY   anonymous (default), email:ADDRESS, github:LOGIN (with what he belongs to:\n"
    "                  github:LOGIN,github_org:ORG,github_team:ORG/TEAM,email:ADDRESS), service_token:NAME,\n"
    "                  github_actions:OWNER/REPOSITORY, share_link:/PATH, basic:USER, all of the host's own gate,\n"
    "                  or basic:GATE/USER\n"
    "  --ip ADDRESS    the client's address; default: unknown\n"
    "  --rules PATH    default ./rules, then /etc/tiergate/rules\n"
    "\n"
    "Exit codes: 0 decided; 1 the rules have errors or the URL is malformed; 2 usage.\n"
    "\n"
    "Example: tiergate explain GET https://dev.example.org/api/health --as basic:beta/beta\n";

static const char passwd_help[] =
    "usage: tiergate passwd [--yescrypt | --bcrypt] [--cost N] USER\n"
    "\n"
    "Asks for a password (on a terminal twice, without showing it; else one line of stdin) and prints the line for an\n"
    "htpasswd file: yescrypt, or bcrypt with --bcrypt. --cost: 1 to 11 for yescrypt, 4 to 17 for bcrypt.\n"
    "\n"
    "Exit codes: 0 printed; 1 no password, or the two differ; 2 usage.\n"
    "\n"
    "Example: tiergate passwd anna >> /etc/tiergate/beta.htpasswd\n";

static const char token_help[] =
    "usage: tiergate token new NAME\n"
    "       tiergate token hash < SECRET\n"
    "       tiergate token list [--state DIR]\n"
    "\n"
    "Service tokens let machines (tests, probes, deploys) through a gate by two headers, or by the secret alone as\n"
    "x-vercel-protection-bypass.\n"
    "\n"
    "  new NAME   prints the two headers, with a new secret that is shown this once, and the line with its hash for the rules\n"
    "  hash       prints the hash of a secret that there is already (one line of stdin), to move callers here unchanged\n"
    "  list       the tokens of the tiergate that runs with this state folder: gate, name, and when it was last used (to ten\n"
    "             minutes), or never\n"
    "\n"
    "Rotate by writing the new hash in front of the old one, [\"sha256:…\", \"sha256:…\"], until all callers have the new\n"
    "secret. Whoever has a secret of 256 random bits need not be slowed down: tokens have no limit of attempts.\n"
    "\n"
    "Exit codes: 0 printed; 1 no secret came, or nobody could tell; 2 usage.\n"
    "\n"
    "Example: tiergate token new playwright\n";

static const char share_help[] =
    "usage: tiergate share URL --for TIME [--path PATH] [--note TEXT] [--rules FILE|DIR] [--state DIR]\n"
    "\n"
    "Prints an address that lets whoever has it see one path of one host, and what is below it, without signing in. The gate\n"
    "must have \"share_links\": true. Run it where the gate runs, with the environment that serve has: the rules are read as\n"
    "serve reads them, and the address is signed with the session secret.\n"
    "\n"
    "  --for TIME      1m to 90d: after that neither the address nor what was opened with it lets anybody in\n"
    "  --path PATH     what is shared; default: the path of URL. A page whose styles and scripts lie elsewhere needs /\n"
    "  --note TEXT     for whom; whoever has the address can read it\n"
    "  --rules PATH    default ./rules, then /etc/tiergate/rules\n"
    "  --state DIR     where the session key is when the rules name none; default as for serve\n"
    "\n"
    "Exit codes: 0 printed; 1 the rules have errors, or the host or path cannot be shared; 2 usage.\n"
    "\n"
    "Example: tiergate share https://pr-7.dev.example.org/ --for 3d\n";

static const char revoke_help[] =
    "usage: tiergate revoke WHAT [--gate NAME] [--state DIR]\n"
    "\n"
    "Takes sessions back at once: on every thread, connection and stream, and of every open WebSocket (closed with 4401).\n"
    "They stay taken back after a restart. Nobody is locked out: who still has a password, an account or a token can sign in\n"
    "again; for that, change the rules.\n"
    "\n"
    "  WHAT            session:ID             as logs show it (8 hex digits), or all 32\n"
    "                  email:ADDRESS          whatever way proved it\n"
    "                  basic:USER\n"
    "                  github:NUMBER          of the account, as logs show it: a login may change hands\n"
    "                  service_token:NAME     and sessions that it was exchanged for\n"
    "                  github_actions:OWNER/REPOSITORY\n"
    "                  share_link:ID          the link and what was opened with it; the id as logs show it\n"
    "                  host:NAME              everybody, on this host\n"
    "                  all                    everybody\n"
    "  --gate NAME     of this gate alone; default: of all\n"
    "  --state DIR     the state folder of the tiergate that runs; default as for serve\n"
    "\n"
    "Exit codes: 0 everything obeys and the store has it; 1 it does not run, a worker did not answer, or the store could not\n"
    "keep it (then it holds until the next start); 2 usage.\n"
    "\n"
    "Example: tiergate revoke email:anna@example.org\n";

static const char status_help[] =
    "usage: tiergate status [--state DIR]\n"
    "\n"
    "What the tiergate that runs is doing: its processes, the generation of rules that each of them goes by, open connections\n"
    "of clients and how many there may be, how short memory is (calm, tight, short, full) and what connections hold of it.\n"
    "\n"
    "Exit codes: 0 it runs and all its workers answer; 1 not; 2 usage.\n"
    "\n"
    "Example: tiergate status\n";

static const char reload_help[] =
    "usage: tiergate reload [--state DIR]\n"
    "\n"
    "Loads the rules anew, all or nothing, as SIGHUP does, and waits until all go by them. What is wrong with them is told by\n"
    "the tiergate that runs, and by `tiergate check`.\n"
    "\n"
    "Exit codes: 0 the new rules are in force; 1 the old ones stay, or it does not run; 2 usage.\n"
    "\n"
    "Example: tiergate check rules/ && tiergate reload\n";

static const char drain_help[] =
    "usage: tiergate drain [--state DIR]\n"
    "\n"
    "Ends the tiergate that runs as SIGTERM does: no new connections, open exchanges end, then it exits. Does not wait for it.\n"
    "\n"
    "Exit codes: 0 told; 1 it does not run; 2 usage.\n"
    "\n"
    "Example: tiergate drain\n";

static const char cert_help[] =
    "usage: tiergate cert dev NAME… [--out DIR]\n"
    "\n"
    "Makes a certificate for development, signed by a local authority of your own: DIR/dev.pem and DIR/dev.key, and, when\n"
    "there is none yet, DIR/ca.pem and DIR/ca.key. Names may be wildcards (\"*.dev.localhost\") and IP addresses. Trust the\n"
    "authority once; how is printed. Keep ca.key to yourself: who has it can pretend to be any site to you.\n"
    "\n"
    "  --out DIR   default ./certs\n"
    "\n"
    "Exit codes: 0 made; 1 failed; 2 usage.\n"
    "\n"
    "Example: tiergate cert dev dev.localhost '*.dev.localhost'\n";

static const char demo_help[] =
    "usage: tiergate demo [--port N] [--dir DIR]\n"
    "\n"
    "A whole gated site on this machine: a small origin, a certificate, rules with a basic gate, printed address, user and\n"
    "password. Ctrl-C ends it and removes everything again.\n"
    "\n"
    "  --port N    default 8443, or the next free one\n"
    "  --dir DIR   keep certificate, rules, password and log there instead of in a temporary folder\n"
    "\n"
    "Exit codes: as serve.\n"
    "\n"
    "Example: tiergate demo --dir ./demo\n";

static const char version_help[] =
    "usage: tiergate version\n"
    "\n"
    "Prints the version, how it was built and the libraries it runs with.\n"
    "\n"
    "Example: tiergate version\n";

/* clang-format on */

static const struct cli_command commands[] = {
    {"serve", "serve by the rules, in the foreground", serve_help, cli_serve},
    {"check", "find everything that is wrong with the rules", check_help, cli_check},
    {"explain", "what the rules decide about a request, and why", explain_help, cli_explain},
    {"passwd", "make a line for an htpasswd file", passwd_help, cli_passwd},
    {"token", "make a secret for a machine, and its hash", token_help, cli_token},
    {"share", "make an address that opens one path for a time", share_help, cli_share},
    {"revoke", "take sessions back, at once", revoke_help, cli_revoke},
    {"status", "what the running one is doing", status_help, cli_status},
    {"reload", "load the rules anew", reload_help, cli_reload},
    {"drain", "end the running one in order", drain_help, cli_drain},
    {"cert", "make certificates for development", cert_help, cli_cert},
    {"demo", "a gated site on this machine, ready to look at", demo_help, cli_demo},
    {"version", "version, build and libraries", version_help, cli_version},
    {NULL, NULL, NULL, NULL},
};

const struct cli_command *cli_commands(void)
{
    return commands;
}
