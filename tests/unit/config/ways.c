/* The ways of signing in: what is wrong with them, what good ones become, and what hangs on the rules of the hosts. */
#include "cases.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#define HASH "sha256:0123456789abcdef0123456789ABCDEF0123456789abcdef0123456789abcdef"
#define HUB "'github':{'client_id':'Iv1.x','client_secret':'env:S'}"
#define PIN "'email_pin':{'smtp':'smtps://smtp.example.org:465','from':'gate@example.org'}"
#define EVERYONE "{'path':'/*','action':'allow','who':['everyone']}"
#define OF(name, gate, rules) "{'host':'" name "','origin':'o','gate':'" gate "','rules':[" rules "]}"
/* One gate with these ways, one host with these rules. */
#define WAYS(ways, rules)                                                                                              \
    "{" LISTEN ",'gates':{'g':{" ways "}}," ORIGINS ",'hosts':[" OF("h.example.org", "g", rules) "]}"
#define HUB_WITH(more) WAYS("'github':{" more "}", EVERYONE)
#define PIN_WITH(more) WAYS("'email_pin':{" more "}", EVERYONE)
#define TOKENS_WITH(more) WAYS("'service_tokens':{" more "}", ALLOW)
#define JOBS_WITH(more) WAYS("'github_actions':{" more "}", ALLOW)
#define WHO(selector) "{'path':'/*','action':'allow','who':['" selector "']}"

static const struct rules_case way_cases[] = {
    {"github", WAYS(HUB, EVERYONE), NULL, NULL, 0, ONE_ERROR},
    {"no id", HUB_WITH("'client_secret':'env:S'"), "gates.g.github", "\"client_id\" is missing", 0, ONE_ERROR},
    {"no secret", HUB_WITH("'client_id':'x'"), "gates.g.github", "\"client_secret\" is missing", 0, ONE_ERROR},
    {"a literal secret", HUB_WITH("'client_id':'x','client_secret':'y'"), "gates.g.github.client_secret",
     "stands in the rules file itself", 0, ONE_WARNING},
    {"a space in the id", HUB_WITH("'client_id':'x y','client_secret':'env:S'"), "gates.g.github.client_id",
     "printable ASCII", 0, ONE_ERROR},
    {"an Enterprise server", HUB_WITH("'client_id':'x','client_secret':'env:S','base_url':'https://git.example.org'"),
     NULL, NULL, 0, ONE_ERROR},
    {"plain http", HUB_WITH("'client_id':'x','client_secret':'env:S','base_url':'http://git.example.org'"),
     "gates.g.github.base_url", "write \"https://\"", 0, ONE_ERROR},
    {"a path", HUB_WITH("'client_id':'x','client_secret':'env:S','base_url':'https://git.example.org/api'"),
     "gates.g.github.base_url", "without a path", 0, ONE_ERROR},
    {"PIN", WAYS(PIN, EVERYONE), NULL, NULL, 0, ONE_ERROR},
    {"STARTTLS", PIN_WITH("'smtp':'smtp://smtp.example.org:587','from':'a@b.c'"), NULL, NULL, 0, ONE_ERROR},
    {"no server", PIN_WITH("'from':'a@b.c'"), "gates.g.email_pin", "\"smtp\" is missing", 0, ONE_ERROR},
    {"no sender", PIN_WITH("'smtp':'smtps://s.example.org'"), "gates.g.email_pin", "\"from\" is missing", 0, ONE_ERROR},
    {"not SMTP", PIN_WITH("'smtp':'https://s.example.org','from':'a@b.c'"), "gates.g.email_pin.smtp", "smtps://", 0,
     ONE_ERROR},
    {"no scheme", PIN_WITH("'smtp':'s.example.org','from':'a@b.c'"), "gates.g.email_pin.smtp", "smtps://", 0,
     ONE_ERROR},
    {"a path behind", PIN_WITH("'smtp':'smtps://s.example.org/x','from':'a@b.c'"), "gates.g.email_pin.smtp",
     "nothing behind the port", 0, ONE_ERROR},
    {"a user in the url", PIN_WITH("'smtp':'smtps://u:p@s.example.org','from':'a@b.c'"), "gates.g.email_pin.smtp",
     "no user or password in the url", 0, ONE_ERROR},
    {"a user alone", PIN_WITH("'smtp':'smtps://s.example.org','from':'a@b.c','username':'u'"),
     "gates.g.email_pin.username", "belong together", 0, ONE_ERROR},
    {"a password alone", PIN_WITH("'smtp':'smtps://s.example.org','from':'a@b.c','password':'env:P'"),
     "gates.g.email_pin.password", "belong together", 0, ONE_ERROR},
    {"both", PIN_WITH("'smtp':'smtps://s.example.org','from':'a@b.c','username':'u','password':'env:P'"), NULL, NULL, 0,
     ONE_ERROR},
    {"a line end", PIN_WITH("'smtp':'smtps://s.example.org','from':'a@b.c','username':'u\\nv','password':'env:P'"),
     "gates.g.email_pin.username", "control character", 0, ONE_ERROR},
    {"sender with a name", PIN_WITH("'smtp':'smtps://s.example.org','from':'A gate <a@b.c>'"), NULL, NULL, 0,
     ONE_ERROR},
    {"two addresses", PIN_WITH("'smtp':'smtps://s.example.org','from':'a@b.c, d@e.f'"), "gates.g.email_pin.from",
     "is no sender", 0, ONE_ERROR},
    {"no end", PIN_WITH("'smtp':'smtps://s.example.org','from':'A <a@b.c'"), "gates.g.email_pin.from", "is no sender",
     0, ONE_ERROR},
    {"no name", PIN_WITH("'smtp':'smtps://s.example.org','from':'<a@b.c>'"), "gates.g.email_pin.from", "is no sender",
     0, ONE_ERROR},
    {"a header within", PIN_WITH("'smtp':'smtps://s.example.org','from':'A\\r\\nBcc: x <a@b.c>'"),
     "gates.g.email_pin.from", "is no sender", 0, ONE_ERROR},
    {"a comma in the name", PIN_WITH("'smtp':'smtps://s.example.org','from':'A, B <a@b.c>'"), "gates.g.email_pin.from",
     "is no sender", 0, ONE_ERROR},
    {"letters beyond ASCII", PIN_WITH("'smtp':'smtps://s.example.org','from':'\xc3\x84 <a@b.c>'"),
     "gates.g.email_pin.from", "in ASCII", 0, ONE_ERROR},
    {"token", TOKENS_WITH("'t':'env:H'"), NULL, NULL, 0, ONE_ERROR},
    {"a hash may stand there", TOKENS_WITH("'t':'" HASH "'"), NULL, NULL, 0, ONE_ERROR},
    {"the secret itself", TOKENS_WITH("'t':'tgs_0123456789abcdef'"), "gates.g.service_tokens.t",
     "`tiergate token new t`", 0, ONE_ERROR},
    {"a short hash", TOKENS_WITH("'t':'sha256:0123'"), "gates.g.service_tokens.t", "64 hex digits", 0, ONE_ERROR},
    {"no hex", TOKENS_WITH("'t':'sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdeg'"),
     "gates.g.service_tokens.t", "64 hex digits", 0, ONE_ERROR},
    {"another hash", TOKENS_WITH("'t':'sha512:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef'"),
     "gates.g.service_tokens.t", "64 hex digits", 0, ONE_ERROR},
    {"two hashes", TOKENS_WITH("'t':['env:H','" HASH "']"), NULL, NULL, 0, ONE_ERROR},
    {"the same hash twice", TOKENS_WITH("'t':['" HASH "','" HASH "']"), "gates.g.service_tokens.t[1]", "the same hash",
     0, ONE_ERROR},
    {"no hashes", TOKENS_WITH("'t':[]"), "gates.g.service_tokens.t", "1 to 4 hashes", 0, ONE_ERROR},
    {"too many hashes", TOKENS_WITH("'t':['env:A','env:B','env:C','env:D','env:E']"), "gates.g.service_tokens.t",
     "1 to 4 hashes", 0, ONE_ERROR},
    {"with an id", TOKENS_WITH("'t':{'id':'x.access','hash':'env:H'}"), NULL, NULL, 0, ONE_ERROR},
    {"an id with a space", TOKENS_WITH("'t':{'id':'x y','hash':'env:H'}"), "gates.g.service_tokens.t.id",
     "printable ASCII", 0, ONE_ERROR},
    {"no hash", TOKENS_WITH("'t':{'id':'x'}"), "gates.g.service_tokens.t", "\"hash\" is missing", 0, ONE_ERROR},
    {"a number", TOKENS_WITH("'t':5"), "gates.g.service_tokens.t", "must be \"env:NAME\"", 0, ONE_ERROR},
    {"one id for two", TOKENS_WITH("'t':'env:H','s':{'id':'t','hash':'env:I'}"), "gates.g.service_tokens.s",
     "has the same id as service token t", 0, ONE_ERROR},
    {"one secret for two", TOKENS_WITH("'t':'" HASH "','s':'" HASH "'"), "gates.g.service_tokens.s",
     "has the same secret as service token t", 0, ONE_WARNING},
    {"a bad name", TOKENS_WITH("'a b':'env:H'"), NULL, "the name of a service token is", 0, ONE_ERROR},
    {"no tokens", TOKENS_WITH(""), "gates.g.service_tokens", "holds no token", 0, ONE_ERROR},
    {"in Authorization", WAYS("'service_tokens':{'t':'env:H'},'service_token_header':'Authorization'", ALLOW), NULL,
     NULL, 0, ONE_ERROR},
    {"in another header", WAYS("'service_tokens':{'t':'env:H'},'service_token_header':'X-Token'", ALLOW),
     "gates.g.service_token_header", "must be \"Authorization\"", 0, ONE_ERROR},
    {"a header without tokens", WAYS("'basic':{'users':{'u':'env:U'}},'service_token_header':'Authorization'", ALLOW),
     "gates.g.service_token_header", "does nothing without", 0, ONE_ERROR},
    {"jobs", JOBS_WITH("'repository':'example/web'"), NULL, NULL, 0, ONE_ERROR},
    {"jobs of all", JOBS_WITH("'ref':'refs/heads/main'"), "gates.g.github_actions", "\"repository\" is missing", 0,
     ONE_ERROR},
    {"jobs of none", JOBS_WITH("'repository':[]"), "gates.g.github_actions.repository", "is empty", 0, ONE_ERROR},
    {"no owner", JOBS_WITH("'repository':'web'"), "gates.g.github_actions.repository", "write \"owner/name\"", 0,
     ONE_ERROR},
    {"a pattern", JOBS_WITH("'repository':['example/web','example/*']"), "gates.g.github_actions.repository[1]",
     "write \"owner/name\"", 0, ONE_ERROR},
    {"a branch", JOBS_WITH("'repository':'e/w','ref':'main'"), "gates.g.github_actions.ref", "\"refs/heads/main\"", 0,
     ONE_ERROR},
    {"no refs", JOBS_WITH("'repository':'e/w','ref':[]"), "gates.g.github_actions.ref", "is empty", 0, ONE_ERROR},
    {"environments", JOBS_WITH("'repository':'e/w','environment':['staging','a b']"), NULL, NULL, 0, ONE_ERROR},
    {"no environment", JOBS_WITH("'repository':'e/w','environment':''"), "gates.g.github_actions.environment",
     "the name of an environment", 0, ONE_ERROR},
    {"an empty audience", JOBS_WITH("'repository':'e/w','audience':''"), "gates.g.github_actions.audience",
     "the audience is", 0, ONE_ERROR},
    {"an Enterprise issuer", JOBS_WITH("'repository':'e/w','issuer':'https://git.example.org/_services/token'"), NULL,
     NULL, 0, ONE_ERROR},
    {"a plain issuer", JOBS_WITH("'repository':'e/w','issuer':'http://git.example.org'"),
     "gates.g.github_actions.issuer", "https:// address", 0, ONE_ERROR},
    {"too long", JOBS_WITH("'repository':'e/w','lifetime':'25h'"), "gates.g.github_actions.lifetime",
     "from \"1m\" to \"24h\"", 0, ONE_ERROR},
    {"previews without numbers", JOBS_WITH("'repository':'e/w','own_preview_only':true"),
     "gates.g.github_actions.own_preview_only", "no host of this gate has a {name:int}", 0, ONE_ERROR},
    {"share links", WAYS(HUB ",'share_links':true", EVERYONE), NULL, NULL, 0, ONE_ERROR},
    {"share links alone", WAYS("'share_links':true", ALLOW), "gates.g", "has no way in", 0, ONE_ERROR},
    {"no way in", WAYS("", ALLOW), "gates.g", "has no way in", 0, ONE_ERROR},
};

static const struct rules_case rule_cases[] = {
    {"the whole world", WAYS(HUB, ALLOW), "hosts[0].rules[0]", "if the whole world may sign in", 0, ONE_ERROR},
    {"the whole world by mail", WAYS(PIN, ALLOW), "hosts[0].rules[0]", "if the whole world may sign in", 0, ONE_ERROR},
    {"whoever has a password", WAYS("'basic':{'users':{'u':'env:U'}}", ALLOW), NULL, NULL, 0, ONE_ERROR},
    {"blocks need no who", WAYS(HUB, "{'path':'/a','action':'block'}," EVERYONE), NULL, NULL, 0, ONE_ERROR},
    {"age", WAYS(HUB, "{'path':'/*','action':'allow','who':['everyone'],'lifetime':'15m'}"), NULL, NULL, 0, ONE_ERROR},
    {"age by mail", WAYS(PIN, "{'path':'/*','action':'allow','who':['everyone'],'lifetime':'15m'}"), NULL, NULL, 0,
     ONE_ERROR},
    {"age of a password", WAYS("'basic':{'users':{'u':'env:U'}}", "{'path':'/*','action':'allow','lifetime':'15m'}"),
     "hosts[0].rules[0].lifetime", "nobody can be asked to sign in anew", 0, ONE_ERROR},
    {"age of a block", WAYS(HUB, "{'path':'/a','action':'block','lifetime':'15m'}," EVERYONE),
     "hosts[0].rules[0].lifetime", "only \"action\": \"allow\"", 0, ONE_ERROR},
    {"too young", WAYS(HUB, "{'path':'/*','action':'allow','who':['everyone'],'lifetime':'1s'}"),
     "hosts[0].rules[0].lifetime", "from \"1m\"", 0, ONE_ERROR},
    {"address by mail", WAYS(PIN, WHO("email:A@b.c")), NULL, NULL, 0, ONE_ERROR},
    {"address by GitHub", WAYS(HUB, WHO("email_domain:b.c")), NULL, NULL, 0, ONE_ERROR},
    {"address by password", WAYS("'basic':{'users':{'u':'env:U'}}", WHO("email:a@b.c")), "hosts[0].rules[0].who[0]",
     "email:a@b.c: gate g of host h.example.org has neither", 0, ONE_ERROR},
    {"domain by password", WAYS("'basic':{'users':{'u':'env:U'}}", WHO("email_domain:b.c")), "hosts[0].rules[0].who[0]",
     "so that nobody can prove an address", 0, ONE_ERROR},
    {"GitHub", WAYS(HUB, "{'path':'/*','action':'allow','who':['github:x','github_org:y','github_team:y/z']}"), NULL,
     NULL, 0, ONE_ERROR},
    {"login without GitHub", WAYS(PIN, WHO("github:x")), "hosts[0].rules[0].who[0]", "has no \"github\"", 0, ONE_ERROR},
    {"organisation without GitHub", WAYS(PIN, WHO("github_org:x")), "hosts[0].rules[0].who[0]", "has no \"github\"", 0,
     ONE_ERROR},
    {"team without GitHub", WAYS(PIN, WHO("github_team:x/y")), "hosts[0].rules[0].who[0]", "has no \"github\"", 0,
     ONE_ERROR},
    {"excepted without GitHub", WAYS(PIN, "{'path':'/*','action':'allow','who':['everyone'],'except':['github:x']}"),
     "hosts[0].rules[0].except[0]", "has no \"github\"", 0, ONE_ERROR},
    {"required without GitHub", WAYS(PIN, "{'path':'/*','action':'allow','who':['everyone'],'require':['github:x']}"),
     "hosts[0].rules[0].require[0]", "has no \"github\"", 0, ONE_ERROR},
    {"a token", TOKENS_WITH("'t':'env:H'"), NULL, NULL, 0, ONE_ERROR},
    {"a known token", WAYS("'service_tokens':{'t':'env:H'}", WHO("service_token:t")), NULL, NULL, 0, ONE_ERROR},
    {"an unknown token", WAYS("'service_tokens':{'smoke':'env:H'}", WHO("service_token:smoek")),
     "hosts[0].rules[0].who[0]", "has no such token: did you mean \"smoke\"?", 0, ONE_ERROR},
    {"no tokens at all", WAYS(HUB, WHO("service_token:t")), "hosts[0].rules[0].who[0]", "has no \"service_tokens\"", 0,
     ONE_ERROR},
    {"a job", WAYS("'github_actions':{'repository':['A/b','c/d']}", WHO("github_actions:a/B")), NULL, NULL, 0,
     ONE_ERROR},
    {"a job of another", WAYS("'github_actions':{'repository':'a/b'}", WHO("github_actions:a/c")),
     "hosts[0].rules[0].who[0]", "does not take jobs of that repository", 0, ONE_ERROR},
    {"jobs without Actions", WAYS(HUB, WHO("github_actions:a/b")), "hosts[0].rules[0].who[0]",
     "has no \"github_actions\"", 0, ONE_ERROR},
    {"a user without Basic", WAYS(HUB, WHO("basic:u")), "hosts[0].rules[0].who[0]", "has no \"basic\"", 0, ONE_ERROR},
    {"a bad address", WAYS(PIN, WHO("email:a")), "hosts[0].rules[0].who[0]", "write one address", 0, ONE_ERROR},
    {"two @", WAYS(PIN, WHO("email:a@b@c.d")), "hosts[0].rules[0].who[0]", "write one address", 0, ONE_ERROR},
    {"@ in a domain", WAYS(PIN, WHO("email_domain:@b.c")), "hosts[0].rules[0].who[0]", "behind the '@'", 0, ONE_ERROR},
    {"domains below", WAYS(PIN, WHO("email_domain:*.b.c")), "hosts[0].rules[0].who[0]", "behind the '@'", 0, ONE_ERROR},
    {"a dot in front", WAYS(PIN, WHO("email_domain:.b.c")), "hosts[0].rules[0].who[0]", "behind the '@'", 0, ONE_ERROR},
    {"a dot behind", WAYS(PIN, WHO("email_domain:b.c.")), "hosts[0].rules[0].who[0]", "behind the '@'", 0, ONE_ERROR},
    {"a team as an organisation", WAYS(HUB, WHO("github_org:a/b")), "hosts[0].rules[0].who[0]",
     "write the organisation", 0, ONE_ERROR},
    {"an organisation as a team", WAYS(HUB, WHO("github_team:a")), "hosts[0].rules[0].who[0]",
     "write organisation and team", 0, ONE_ERROR},
    {"no login", WAYS(HUB, WHO("github:")), "hosts[0].rules[0].who[0]", "write the login", 0, ONE_ERROR},
    {"no token", WAYS(HUB, WHO("service_token:")), "hosts[0].rules[0].who[0]", "write the name", 0, ONE_ERROR},
    {"no repository", WAYS(HUB, WHO("github_actions:a")), "hosts[0].rules[0].who[0]", "write owner and repository", 0,
     ONE_ERROR},
};

#define EXPECTED(ways, as)                                                                                             \
    "{" LISTEN ",'gates':{'g':{" ways "}}," ORIGINS                                                                    \
    ",'hosts':[" OF("h.example.org", "g", EVERYONE) "],'expect':[{'request':'GET https://h.example.org/','as':'" as    \
                                                    "','is':'allow'}]}"
#define SIGN_IN(session, hosts)                                                                                        \
    "{" LISTEN ",'gates':{'g':{" HUB ",'session':" session "}}," ORIGINS ",'hosts':[" hosts "]}"
#define PICTURE(pages) "{" LISTEN "," GATES "," ORIGINS "," HOSTS ",'pages':" pages "}"

static const struct rules_case other_cases[] = {
    {"by mail", EXPECTED(PIN, "email:a@b.c"), NULL, NULL, 0, ONE_ERROR},
    {"by no mail", EXPECTED(PIN, "email:a"), "expect[0].as", "write a mail address", 0, ONE_ERROR},
    {"by GitHub", EXPECTED(HUB, "github:x,github_org:y,github_team:y/z,email:a@b.c"), NULL, NULL, 0, ONE_ERROR},
    {"groups at last", EXPECTED(HUB, "github:x,email:a@b.c,github_org:y"), "expect[0].as", "comes last", 0, ONE_ERROR},
    {"something behind", EXPECTED(HUB, "github:x,y"), "expect[0].as", "there may be", 0, ONE_ERROR},
    {"by a token", EXPECTED("'service_tokens':{'t':'env:H'}", "service_token:t"), NULL, NULL, 0, ONE_ERROR},
    {"by no token", EXPECTED("'service_tokens':{'t':'env:H'}", "service_token:u"), "expect[0].as",
     "no gate has a service token \"u\"", 0, ONE_ERROR},
    {"by a job", EXPECTED("'github_actions':{'repository':'a/b'}", "github_actions:a/b"), NULL, NULL, 0, ONE_ERROR},
    {"by no job", EXPECTED("'github_actions':{'repository':'a/b'}", "github_actions:a"), "expect[0].as",
     "OWNER/REPOSITORY", 0, ONE_ERROR},
    {"by a link", EXPECTED(HUB ",'share_links':true", "share_link:/"), NULL, NULL, 0, ONE_ERROR},
    {"by no link", EXPECTED(HUB ",'share_links':true", "share_link:x"), "expect[0].as", "share_link:/docs/", 0,
     ONE_ERROR},
    {"elsewhere", SIGN_IN("{'domain':'other.example.org'}", OF("h.example.org", "g", EVERYONE)), NULL, NULL, 0,
     ONE_ERROR},
    {"a sign-in host", SIGN_IN("{'sign_in_host':'h.example.org'}", OF("h.example.org", "g", EVERYONE)), NULL, NULL, 0,
     ONE_ERROR},
    {"a strange sign-in host", SIGN_IN("{'sign_in_host':'x.example.org'}", OF("h.example.org", "g", EVERYONE)),
     "gates.g.session.sign_in_host", "no host with gate g has exactly the name", 0, ONE_ERROR},
    {"a pattern for GitHub", SIGN_IN("{}", OF("*.example.org", "g", EVERYONE)), "gates.g.github",
     "GitHub sends people back to one address", 0, ONE_ERROR},
    {"a pattern as sign-in host", SIGN_IN("{'sign_in_host':'*.example.org'}", OF("*.example.org", "g", EVERYONE)),
     "gates.g.session.sign_in_host", "without a pattern", 0, ONE_ERROR},
    {"a sign-in host at the top",
     "{" LISTEN ",'session':{'sign_in_host':'h.example.org'},'gates':{'g':{" HUB "}}," ORIGINS
     ",'hosts':[" OF("h.example.org", "g", EVERYONE) "]}",
     NULL, NULL, 0, ONE_ERROR},
    {"a strange one at the top",
     "{" LISTEN ",'session':{'sign_in_host':'x.example.org'},'gates':{'g':{" HUB "}}," ORIGINS
     ",'hosts':[" OF("h.example.org", "g", EVERYONE) "]}",
     "session.sign_in_host", "no host with a gate has exactly the name", 0, ONE_ERROR},
    {"jobs without an audience",
     "{" LISTEN ",'gates':{'g':{'github_actions':{'repository':'a/b'}}}," ORIGINS
     ",'hosts':[" OF("*.example.org", "g", ALLOW) "]}",
     "gates.g.github_actions", "\"audience\" is missing", 0, ONE_ERROR},
    {"previews",
     "{" LISTEN ",'gates':{'g':{'github_actions':{'repository':'a/b','audience':'x','own_preview_only':true}}}," ORIGINS
     ",'hosts':[" OF("pr-{n:int}.example.org", "g", ALLOW) "]}",
     NULL, NULL, 0, ONE_ERROR},
    {"previews by name",
     "{" LISTEN ",'gates':{'g':{'github_actions':{'repository':'a/b','audience':'x','own_preview_only':true}}}," ORIGINS
     ",'hosts':[" OF("pr-{n}.example.org", "g", ALLOW) "]}",
     "gates.g.github_actions.own_preview_only", "{name:int}", 0, ONE_ERROR},
    /* A host of one gate outside its own domain, below the domain of another. */
    {"cookies meet elsewhere",
     "{" LISTEN ",'gates':{'a':{" HUB ",'session':{'domain':'a.example.org'}},'b':{" HUB
     ",'session':{'domain':'b.example.org'}}}," ORIGINS ",'hosts':[" OF("a.example.org", "a", EVERYONE) "," OF(
         "x.b.example.org", "a", EVERYONE) "," OF("b.example.org", "b", EVERYONE) "]}",
     "gates.b", "would meet on the same hosts", 0, ONE_ERROR},
    {"audience",
     WITH_HOSTS("{'host':'h.example.org','origin':'o','gate':'g','access':{'aud':'x'},'rules':[" ALLOW "]}"), NULL,
     NULL, 0, ONE_ERROR},
    {"empty audience",
     WITH_HOSTS("{'host':'h.example.org','origin':'o','gate':'g','access':{'aud':''},'rules':[" ALLOW "]}"),
     "hosts[0].access.aud", "the audience is", 0, ONE_ERROR},
    {"no picture", PICTURE("{'name':'Example'}"), NULL, NULL, 0, ONE_ERROR},
    {"an empty name", PICTURE("{'name':''}"), "pages.name", "1 to 64 bytes", 0, ONE_ERROR},
    {"a name of two lines", PICTURE("{'name':'a\\nb'}"), "pages.name", "no line ends", 0, ONE_ERROR},
};

#define RUN(name)                                                                                                      \
    static void test_##name(void **state)                                                                              \
    {                                                                                                                  \
        run_cases(name##_cases, sizeof(name##_cases) / sizeof(name##_cases[0]));                                       \
    }

RUN(way)
RUN(rule)
RUN(other)

/* --- what good ones become ---------------------------------------------------------------------------------------- */

static struct snapshot *compile(const char *rules, const struct kit_blob *more, struct diags *d)
{
    struct kit_blob blobs[8] = {{BLOB_RULES, "rules/a.json", NULL}};
    char *text = strdup(rules);

    assert_non_null(text);
    for (char *p = text; *p; p++)
        if (*p == '\'')
            *p = '"';
    blobs[0].text = text;
    for (size_t i = 0; more && more[i].name; i++)
        blobs[i + 1] = more[i];
    struct bundle *b = kit_bundle(blobs);

    diags_init(d);
    struct snapshot *s = config_compile(b, d);

    bundle_free(b); /* a snapshot stands without it */
    free(text);
    return s;
}

static const struct kit_blob served[] = {{BLOB_ENV, "S", "the-secret"},
                                         {BLOB_ENV, "ID", "theid"},
                                         {BLOB_ENV, "H", HASH},
                                         {BLOB_OPTION, "state", "/state"},
                                         {0, NULL, NULL}};

static struct snapshot *good(const char *rules)
{
    struct diags d;
    struct snapshot *s = compile(rules, served, &d);

    if (!s)
        fail_msg("refused:%s", kit_messages(&d));
    diags_fini(&d);
    return s;
}

static void assert_span(struct span s, const char *want)
{
    if (!span_eq(s, span_of(want)))
        fail_msg("\"%.*s\", not \"%s\"", SPAN_ARG(s), want);
}

#define ALL_WAYS                                                                                                       \
    "{" LISTEN ",'groups':{'team':['github_org:Org','github_org:two','github:Me']},'gates':{'g':{'github':{"           \
    "'client_id':'env:ID','client_secret':'env:S','base_url':'https://git.example.org/'},'email_pin':{'smtp':"         \
    "'smtps://s.example.org','from':'A gate <g@example.org>','username':'u','password':'env:S'},'service_tokens':{"    \
    "'z':'env:H','a':{'id':'x.access','hash':['env:H','sha256:"                                                        \
    "0000000000000000000000000000000000000000000000000000000000000001']}},'service_token_header':'Authorization',"     \
    "'github_actions':{'repository':'A/B','ref':'refs/heads/Main','environment':['e','f'],'own_preview_only':true},"   \
    "'share_links':true,'session':{'domain':'in.example.org'}}}," ORIGINS ",'rulesets':{'r':[" EVERYONE "]},"          \
    "'pages':{'name':'Example'},'hosts':["                                                                             \
    "{'host':'first.example.org','origin':'o','gate':'g','rules':[{'path':'/a','action':'allow','who':['team'],"       \
    "'except':['github_team:Org/Bad']},{'path':'/*','action':'allow','who':['github_org:ORG','email:Me@X.org'],"       \
    "'require':['github:you'],'lifetime':'15m'}]},"                                                                    \
    "{'host':['a.in.example.org','b.in.example.org'],'origin':'o','gate':'g','access':{'aud':'tag'},'rules':'r'},"     \
    "{'host':'pr-{n:int}.example.org','origin':'o','gate':'g','rules':'r'}]}"

static void check_people(const struct gate_config *g)
{
    assert_span(g->github->client_id, "theid");
    assert_span(g->github->client_secret, "the-secret");
    assert_span(g->github->web, "https://git.example.org");
    assert_span(g->github->api, "https://git.example.org/api/v3");
    assert_int_equal(g->github->org_count, 2);
    assert_span(g->github->orgs[0], "org");
    assert_span(g->github->orgs[1], "two");
    assert_int_equal(g->github->team_count, 1);
    assert_span(g->github->teams[0], "org/bad");
    assert_int_equal(g->github->login_count, 2);
    assert_span(g->github->logins[0], "me");
    assert_span(g->github->logins[1], "you");
    assert_span(g->email_pin->smtp, "smtps://s.example.org");
    assert_span(g->email_pin->from, "A gate <g@example.org>");
    assert_span(g->email_pin->from_address, "g@example.org");
    assert_span(g->email_pin->username, "u");
    assert_span(g->email_pin->password, "the-secret");
}

static void check_machines(const struct gate_config *g)
{
    assert_int_equal(g->token_count, 2);
    assert_span(g->tokens[0].name, "a");
    assert_span(g->tokens[0].client_id, "x.access");
    assert_int_equal(g->tokens[0].hash_count, 2);
    assert_int_equal(g->tokens[0].hashes[1].n, 32);
    assert_int_equal(g->tokens[0].hashes[1].p[31], 1);
    assert_span(g->tokens[1].name, "z");
    assert_span(g->tokens[1].client_id, "z");
    assert_int_equal(g->tokens[1].hash_count, 1);
    assert_int_equal(g->tokens[1].hashes[0].p[0], 0x01);
    assert_int_equal(g->tokens[1].hashes[0].p[13], 0xab);
    assert_int_equal(g->tokens[1].hashes[0].p[31], 0xef);
    assert_true(g->token_in_authorization && g->share_links);
    assert_int_equal(g->actions->repository_count, 1);
    assert_span(g->actions->repositories[0], "a/b");
    assert_int_equal(g->actions->ref_count, 1);
    assert_span(g->actions->refs[0], "refs/heads/Main");
    assert_int_equal(g->actions->environment_count, 2);
    assert_span(g->actions->environments[1], "f");
    assert_span(g->actions->audience, "https://a.in.example.org");
    assert_span(g->actions->issuer, "https://token.actions.githubusercontent.com");
    assert_true(g->actions->own_preview_only);
    assert_int_equal(g->actions->lifetime_s, 3600);
}

static void test_values(void **state)
{
    struct snapshot *s = good(ALL_WAYS);
    const struct gate_config *g = &s->gates[0];

    check_people(g);
    check_machines(g);
    assert_span(g->session.sign_in_host, "a.in.example.org");
    assert_int_equal(g->policy_count, 2);
    assert_ptr_equal(g->policies[0], s->hosts[0].policy);
    assert_ptr_equal(g->policies[1], s->hosts[1].policy);
    assert_int_equal(policy_rule_spec(g->policies[0], 0)->lifetime_s, 0);
    assert_int_equal(policy_rule_spec(g->policies[0], 1)->lifetime_s, 900);
    assert_span(policy_rule_spec(g->policies[0], 1)->who.v[1].subject, "me@x.org");
    assert_span(s->hosts[1].access_aud, "tag");
    assert_int_equal(s->hosts[0].access_aud.n, 64);
    assert_span(s->pages.name, "Example");
    assert_null(s->pages.logo_type);
    snapshot_unref(s);
}

/* Outside the domain each host is a circle of its own; within, none of those outside counts. */
static void test_circles(void **state)
{
    struct snapshot *s = good(ALL_WAYS);
    struct span in = SPAN("a.in.example.org"), out = SPAN("first.example.org");

    assert_true(snapshot_same_circle(s, &s->hosts[1], in, SPAN("b.in.example.org")));
    assert_true(snapshot_same_circle(s, &s->hosts[0], out, out));
    assert_false(snapshot_same_circle(s, &s->hosts[0], out, in));
    assert_false(snapshot_same_circle(s, &s->hosts[1], in, out));
    assert_false(snapshot_same_circle(s, &s->hosts[2], SPAN("pr-1.example.org"), SPAN("pr-2.example.org")));
    snapshot_unref(s);
}

static void test_sign_in_hosts(void **state)
{
    static const struct {
        const char *rules, *want;
    } cases[] = {
        {SIGN_IN("{}", OF("b.example.org", "g", EVERYONE) "," OF("a.example.org", "g", EVERYONE)), "b.example.org"},
        {SIGN_IN("{}", OF("*.example.org", "g", EVERYONE) "," OF("a.example.org", "g", EVERYONE)), "a.example.org"},
        {SIGN_IN("{'domain':'b.example.org'}",
                 OF("a.example.org", "g", EVERYONE) "," OF("b.example.org", "g", EVERYONE)),
         "b.example.org"},
        {SIGN_IN("{'domain':'b.example.org'}",
                 OF("ab.example.org", "g", EVERYONE) "," OF("x.b.example.org", "g", EVERYONE)),
         "x.b.example.org"},
        {SIGN_IN("{'domain':'c.example.org'}", OF("a.example.org", "g", EVERYONE)), "a.example.org"},
        {SIGN_IN("{'sign_in_host':'a.example.org'}",
                 OF("b.example.org", "g", EVERYONE) "," OF("a.example.org", "g", EVERYONE)),
         "a.example.org"},
        {"{" LISTEN ",'session':{'sign_in_host':'b.example.org'},'gates':{'g':{" HUB "},'h':{" HUB "}}," ORIGINS
         ",'hosts':[" OF("c.example.org", "g", EVERYONE) "," OF("a.example.org", "h",
                                                                EVERYONE) "," OF("b.example.org", "h", EVERYONE) "]}",
         "c.example.org"},
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct snapshot *s = good(cases[i].rules);

        assert_span(s->gates[0].session.sign_in_host, cases[i].want);
        if (s->gate_count > 1)
            assert_span(s->gates[1].session.sign_in_host, "b.example.org");
        snapshot_unref(s);
    }
}

static void test_urls(void **state)
{
    static const struct {
        const char *base, *web, *api;
    } cases[] = {
        {"https://github.com", "https://github.com", "https://api.github.com"},
        {"https://github.com/", "https://github.com", "https://api.github.com"},
        {"https://acme.ghe.com", "https://acme.ghe.com", "https://api.acme.ghe.com"},
        {"https://git.example.org:8443", "https://git.example.org:8443", "https://git.example.org:8443/api/v3"},
    };
    char rules[1024];

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        snprintf(rules, sizeof(rules), "%s%s%s",
                 "{" LISTEN ",'gates':{'g':{'github':{'client_id':'x','client_secret':'env:S','base_url':'",
                 cases[i].base, "'}}}," ORIGINS ",'hosts':[" OF("h.example.org", "g", EVERYONE) "]}");
        struct snapshot *s = good(rules);

        assert_span(s->gates[0].github->web, cases[i].web);
        assert_span(s->gates[0].github->api, cases[i].api);
        snapshot_unref(s);
    }
}

/* What must outlast the process needs a place: told to who serves, and to nobody else. */
static void test_state(void **state)
{
    static const struct {
        const char *ways;
        bool needs;
    } gates[] = {{WAYS(HUB, EVERYONE), true},
                 {WAYS(PIN, EVERYONE), true},
                 {WAYS("'github_actions':{'repository':'a/b'}", ALLOW), true},
                 {WAYS("'basic':{'users':{'u':'env:S'}},'share_links':true", ALLOW), true},
                 {WAYS("'basic':{'users':{'u':'env:S'}},'share_links':false", ALLOW), false},
                 {WAYS("'service_tokens':{'t':'env:H'}", ALLOW), false}};
    static const struct {
        struct kit_blob option;
        bool forgives;
    } modes[] = {{{BLOB_OPTION, "mode", "serve"}, false},
                 {{BLOB_OPTION, "mode", "check"}, true},
                 {{BLOB_OPTION, "mode", "deploy"}, true},
                 {{BLOB_OPTION, "state", "/state"}, true},
                 {{0, NULL, NULL}, false}};

    for (size_t i = 0; i < sizeof(gates) / sizeof(gates[0]); i++)
        for (size_t k = 0; k < sizeof(modes) / sizeof(modes[0]); k++) {
            const struct kit_blob blobs[] = {served[0], served[2], modes[k].option, {0, NULL, NULL}};
            struct diags d;
            struct snapshot *s = compile(gates[i].ways, blobs, &d);
            bool refused = gates[i].needs && !modes[k].forgives;

            if ((s != NULL) == refused || (refused && !kit_find(&d, DIAG_ERROR, 0, "gates.g", "--state DIR")))
                fail_msg("gate %zu, mode %zu:%s", i, k, kit_messages(&d));
            snapshot_unref(s);
            diags_fini(&d);
        }
}

static void test_logo(void **state)
{
    static const struct {
        const char *bytes, *type, *part;
        size_t n;
    } cases[] = {{"\x89PNG\r\n\x1a\nrest", "image/png", NULL, 12},
                 {"\xff\xd8\xff\xe0rest", "image/jpeg", NULL, 8},
                 {"RIFF....WEBPrest", "image/webp", NULL, 16},
                 {"RIFF....WAVE", NULL, "is no PNG", 12},
                 {"<svg xmlns='http://www.w3.org/2000/svg'/>", NULL, "an SVG can hold scripts", 40},
                 {"", NULL, "is no PNG", 0},
                 {"\x89PNG\r\n\x1a\n", NULL, "at most 64 KiB", 64 * 1024 + 1},
                 {"\x89PNG\r\n\x1a\n", "image/png", NULL, 64 * 1024}};

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char *bytes = calloc(1, cases[i].n + 1);
        struct diags d;

        assert_non_null(bytes);
        memcpy(bytes, cases[i].bytes, strlen(cases[i].bytes));
        struct bundle *b = kit_bundle((const struct kit_blob[]){
            {BLOB_OPTION, "mode", "check"},
            {BLOB_RULES, "rules/a.json",
             "{\"listen\":[{\"address\":\"127.0.0.1:8080\",\"plain\":true}],\"client_address\":{\"trusted_proxies\":["
             "\"127.0.0.1\"]},\"pages\":{\"logo\":\"logo.png\"},\"origins\":{\"o\":{\"url\":\"https://"
             "o.example.org\"}},"
             "\"hosts\":[{\"host\":\"h.example.org\",\"origin\":\"o\",\"rules\":[{\"path\":\"/"
             "*\",\"action\":\"block\"}]"
             "}]}"},
            {0, NULL, NULL}});

        assert_true(res_ok(bundle_add(b, BLOB_FILE, SPAN("rules/logo.png"), span_make(bytes, cases[i].n))));
        diags_init(&d);
        struct snapshot *s = config_compile(b, &d);

        bundle_free(b);
        if ((s != NULL) != (cases[i].type != NULL))
            fail_msg("%zu:%s", i, kit_messages(&d));
        if (cases[i].part && !kit_find(&d, DIAG_ERROR, 0, "pages.logo", cases[i].part))
            fail_msg("%zu:%s", i, kit_messages(&d));
        if (s) {
            assert_string_equal(s->pages.logo_type, cases[i].type);
            assert_int_equal(s->pages.logo.n, cases[i].n);
            assert_memory_equal(s->pages.logo.p, bytes, cases[i].n);
        }
        snapshot_unref(s);
        diags_fini(&d);
        free(bytes);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_way),    cmocka_unit_test(test_rule),    cmocka_unit_test(test_other),
        cmocka_unit_test(test_values), cmocka_unit_test(test_circles), cmocka_unit_test(test_sign_in_hosts),
        cmocka_unit_test(test_urls),   cmocka_unit_test(test_state),   cmocka_unit_test(test_logo),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
