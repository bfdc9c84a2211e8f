/* What the reader says of texts that do not fit the tables. */
#include "cases.h"

#include <stdarg.h>
#include <setjmp.h>
#include <stdlib.h>

#include <cmocka.h>

static const struct rules_case cases[] = {
    {"in order", WITH("'tier':'x'"), NULL, NULL, 0, ONE_ERROR},
    {"comments", "// a\n{ // b\n" LISTEN "," GATES "," ORIGINS "," HOSTS " // 'c'\n}", NULL, NULL, 0, ONE_ERROR},
    {"$schema of any kind", WITH("'$schema':7"), NULL, NULL, 0, ONE_ERROR},
    /* JSON */
    {"empty", "", "", "not JSON", 0, ONE_ERROR},
    {"no JSON, with line", "{\n'tier': x\n}", "", "not JSON", 2, ONE_ERROR},
    {"duplicate key", WITH("'tier':'a','tier':'b'"), "", "duplicate", 0, ONE_ERROR},
    {"trailing text", WITH("'tier':'a'") "x", "", "not JSON", 0, ONE_ERROR},
    {"root is a list", "[]", "", "must be an object, not array", 1, SEVERAL_ERRORS},
    /* unknown keys */
    {"unknown at the top", WITH("\n'host':[]"), "host", "unknown key: did you mean \"hosts\"?", 2, ONE_ERROR},
    {"unknown, nothing near", WITH("'frobnicate':1"), "frobnicate", "known here are", 0, ONE_ERROR},
    {"unknown, other case", WITH("'Tier':'x'"), "Tier", "did you mean \"tier\"?", 0, ONE_ERROR},
    {"unknown in listen",
     WITH_LISTEN("'listen':[{'address':'127.0.0.1:1','plain':true,'adress':''}],"
                 "'client_address':{'trusted_proxies':['127.0.0.1']}"),
     "listen[0].adress", "did you mean \"address\"?", 0, ONE_ERROR},
    {"unknown in a gate", WITH_GATE("{'basik':{},'basic':{'users':{'u':'env:U'}}}"), "gates.g.basik",
     "did you mean \"basic\"?", 0, ONE_ERROR},
    {"unknown in an origin", WITH_ORIGIN("{'url':'https://o.example.org','header':{}}"), "origins.o.header",
     "did you mean \"headers\"?", 0, ONE_ERROR},
    {"unknown in a rule", WITH_RULES("{'path':'/*','action':'allow','method':['GET']}"), "hosts[0].rules[0].method",
     "did you mean \"methods\"?", 0, ONE_ERROR},
    {"unknown in session", WITH_SESSION("{'lifetme':'1h'}"), "gates.g.session.lifetme", "did you mean \"lifetime\"?", 0,
     ONE_ERROR},
    {"unknown in limits", WITH("'limits':{'conections':5}"), "limits.conections", "did you mean \"connections\"?", 0,
     ONE_ERROR},
    {"unknown in log", WITH("'log':{'file':'x'}"), "log.file", "known here are to, format", 0, ONE_ERROR},
    {"a name that needs quotes", WITH("'a b':1"), "[\"a b\"]", "unknown key", 0, ONE_ERROR},
    /* types */
    {"text is a number", WITH("'tier':7"), "tier", "must be a string, not integer", 0, ONE_ERROR},
    {"text is null", WITH("'tier':null"), "tier", "must be a string, not null", 0, ONE_ERROR},
    {"bool is a text",
     WITH_HOSTS("{'host':'h.example.org','origin':'o','gate':'g','public':'yes','rules':[" ALLOW "]}"),
     "hosts[0].public", "must be true or false, not string", 0, ONE_ERROR},
    {"int is a text", WITH("'limits':{'connections':'5'}"), "limits.connections", "must be a whole number", 0,
     ONE_ERROR},
    {"int is a real", WITH("'limits':{'connections':5.5}"), "limits.connections", "must be a whole number", 0,
     ONE_ERROR},
    {"int too small", WITH("'limits':{'connections':0}"), "limits.connections", "must be from 1 to 1000000, not 0", 0,
     ONE_ERROR},
    {"int negative", WITH("'limits':{'connections':-1}"), "limits.connections", "from 1 to 1000000, not -1", 0,
     ONE_ERROR},
    {"int too large", WITH("'limits':{'connections':1000001}"), "limits.connections", "from 1 to 1000000", 0,
     ONE_ERROR},
    {"duration is a number", WITH("'limits':{'header_timeout':15}"), "limits.header_timeout",
     "must be a duration such as", 0, ONE_ERROR},
    {"duration without unit", WITH("'limits':{'header_timeout':'15'}"), "limits.header_timeout",
     "\"15\" must be a duration", 0, ONE_ERROR},
    {"duration with blank", WITH("'limits':{'header_timeout':'15 s'}"), "limits.header_timeout", "must be a duration",
     0, ONE_ERROR},
    {"duration negative", WITH("'limits':{'header_timeout':'-1s'}"), "limits.header_timeout", "must be a duration", 0,
     ONE_ERROR},
    {"duration overflows", WITH("'limits':{'header_timeout':'99999999999d'}"), "limits.header_timeout",
     "must be a duration", 0, ONE_ERROR},
    {"duration too long", WITH("'limits':{'header_timeout':'10m'}"), "limits.header_timeout",
     "must be from \"1s\" to \"5m\", not \"10m\"", 0, ONE_ERROR},
    {"duration too short", WITH("'limits':{'header_timeout':'999ms'}"), "limits.header_timeout", "from \"1s\"", 0,
     ONE_ERROR},
    {"duration zero where allowed", WITH("'limits':{'drain_timeout':'0'}"), NULL, NULL, 0, ONE_ERROR},
    {"size without unit", WITH("'limits':{'header_bytes':'32768'}"), "limits.header_bytes", "must be a size", 0,
     ONE_ERROR},
    {"size with other unit", WITH("'limits':{'header_bytes':'32KB'}"), "limits.header_bytes", "must be a size", 0,
     ONE_ERROR},
    {"size too large", WITH("'limits':{'header_bytes':'1MiB'}"), "limits.header_bytes",
     "must be from \"4KiB\" to \"64KiB\", not \"1MiB\"", 0, ONE_ERROR},
    {"size in bytes", WITH("'limits':{'header_bytes':'8000B'}"), NULL, NULL, 0, ONE_ERROR},
    {"choice is no text", WITH_RULES("{'path':'/*','action':1}"), "hosts[0].rules[0].action",
     "must be \"block\", \"bypass\" or \"allow\", not integer", 0, ONE_ERROR},
    {"choice near", WITH_RULES("{'path':'/*','action':'alow'}"), "hosts[0].rules[0].action", "did you mean \"allow\"?",
     0, ONE_ERROR},
    {"choice far", WITH_RULES("{'path':'/*','action':'deny'}"), "hosts[0].rules[0].action",
     "must be \"block\", \"bypass\" or \"allow\"", 0, ONE_ERROR},
    {"choice of another case", WITH_RULES("{'path':'/*','action':'Allow'}"), "hosts[0].rules[0].action",
     "did you mean \"allow\"?", 0, ONE_ERROR},
    {"list is a text", WITH_RULES("{'path':'/*','action':'allow','methods':'GET'}"), "hosts[0].rules[0].methods",
     "must be a list of strings, not string", 0, ONE_ERROR},
    {"list holds a number", WITH_RULES("{'path':'/*','action':'allow','methods':['GET',\n5]}"),
     "hosts[0].rules[0].methods[1]", "must be a string, not integer", 2, ONE_ERROR},
    {"path is a number", WITH_RULES("{'path':5,'action':'allow'}"), "hosts[0].rules[0].path",
     "must be a string or a list of strings", 0, ONE_ERROR},
    {"rules is a number", WITH_HOSTS("{'host':'h.example.org','origin':'o','gate':'g','rules':5}"), "hosts[0].rules",
     "must be a list of objects or the name of one", 0, ONE_ERROR},
    {"rule is a text", WITH_RULES("'/*'"), "hosts[0].rules[0]", "must be an object, not string", 0, ONE_ERROR},
    {"host is a text", WITH_HOSTS("'h.example.org'"), "hosts[0]", "must be an object", 0, ONE_ERROR},
    {"hosts is an object", "{" LISTEN "," GATES "," ORIGINS ",'hosts':{}}", "hosts", "must be a list of objects", 0,
     ONE_ERROR},
    {"gates is a list", "{" LISTEN ",'gates':[]," ORIGINS "," HOSTS "}", "gates", "must be an object, not array", 0,
     SEVERAL_ERRORS},
    {"gate is a text", WITH_GATE("'x'"), "gates.g", "must be an object, not string", 0, ONE_ERROR},
    {"groups holds a text", WITH("'groups':{'a':'ip:10.0.0.0/8'}"), "groups.a", "must be a list of strings", 0,
     ONE_ERROR},
    {"secret is a number", WITH_GATE("{'basic':{'users':{'u':5}}}"), "gates.g.basic.users.u",
     "must be a string such as", 0, ONE_ERROR},
    {"file is a list", WITH_GATE("{'basic':{'htpasswd':[]}}"), "gates.g.basic.htpasswd", "the path of a file", 0,
     ONE_ERROR},
    /* required */
    {"no listen", "{" GATES "," ORIGINS "," HOSTS "}", NULL, "\"listen\" is missing", 0, ONE_ERROR},
    {"empty listen", "{'listen':[]," GATES "," ORIGINS "," HOSTS "}", "listen", "\"listen\" is missing", 0, ONE_ERROR},
    {"no hosts", "{" LISTEN "}", NULL, "\"hosts\" is missing", 0, ONE_ERROR},
    {"no address", WITH_LISTEN("'listen':[{}],'certificates':[{'cert':'a','key':'b'}]"), "listen[0]",
     "\"address\" is missing", 0, ONE_ERROR},
    {"no url", WITH_ORIGIN("{}"), "origins.o", "\"url\" is missing", 0, ONE_ERROR},
    {"no path", WITH_RULES("{'action':'allow'}"), "hosts[0].rules[0]", "\"path\" is missing", 0, ONE_ERROR},
    {"no action", WITH_RULES("{'path':'/*'}"), "hosts[0].rules[0]", "\"action\" is missing", 0, ONE_ERROR},
    {"no name of a host", WITH_HOSTS("{'origin':'o','gate':'g','rules':[" ALLOW "]}"), "hosts[0]",
     "\"host\" is missing", 0, ONE_ERROR},
    {"no key of a certificate", WITH("'certificates':[{'cert':'x'}]"), "certificates[0]", "\"key\" is missing", 0,
     ONE_ERROR},
    /* later */
    {"acme", WITH("'acme':{}"), "acme", "acme is not supported yet", 0, ONE_ERROR},
    {"store", WITH("'store':{}"), "store", "not supported yet", 0, ONE_ERROR},
    {"redis", WITH("'redis':'x'"), "redis", "not supported yet", 0, ONE_ERROR},
    {"client_cert", WITH_ORIGIN("{'url':'https://o.example.org','tls':{'client_cert':{}}}"),
     "origins.o.tls.client_cert", "not supported yet", 0, ONE_ERROR},
};

static void test_shape(void **state)
{
    run_cases(cases, sizeof(cases) / sizeof(cases[0]));
}

/* Not the first alone. */
static void test_all_at_once(void **state)
{
    static const char rules[] = "{\"tier\": 1,\n\"listen\": [{\"address\": \"nowhere\"}],\n\"gates\": {\"g\": {}},\n"
                                "\"origins\": {\"o\": {\"url\": \"ftp://x\"}},\n\"hosts\": [{\"host\": \"UP.example\", "
                                "\"origin\": \"p\",\n\"gate\": \"h\", \"rules\": \"r\"}],\n\"limits\": "
                                "{\"connections\": 0},\n\"frob\": 1}";
    static const struct {
        unsigned line;
        const char *path;
    } wanted[] = {{1, "tier"},          {2, "listen[0].address"}, {3, "gates.g"},
                  {4, "origins.o.url"}, {5, "hosts[0].host"},     {5, "hosts[0].origin"},
                  {6, "hosts[0].gate"}, {6, "hosts[0].rules"},    {7, "limits.connections"},
                  {8, "frob"}};
    struct diags d;

    diags_init(&d);
    assert_null(kit_compile(rules, &d));
    char *messages = kit_messages(&d);

    for (size_t i = 0; i < sizeof(wanted) / sizeof(wanted[0]); i++)
        if (!kit_find(&d, DIAG_ERROR, wanted[i].line, wanted[i].path, ""))
            fail_msg("no error at line %u, %s in%s", wanted[i].line, wanted[i].path, messages);
    free(messages);
    diags_fini(&d);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_shape),
        cmocka_unit_test(test_all_at_once),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
