/* What reads well and still cannot be. */
#include "cases.h"

#include <stdarg.h>
#include <setjmp.h>
#include <stdlib.h>

#include <cmocka.h>

#define RULE "hosts[0].rules[0]"

static const struct rules_case listen_cases[] = {
    {"bad address", WITH_LISTEN("'listen':[{'address':'example.org:443'}],'certificates':[{'cert':'a','key':'b'}]"),
     "listen[0].address", "write \"[::]:443\"", 0, ONE_ERROR},
    {"no port", WITH_LISTEN("'listen':[{'address':'127.0.0.1'}],'certificates':[{'cert':'a','key':'b'}]"),
     "listen[0].address", "write", 0, ONE_ERROR},
    {"twice",
     WITH_LISTEN("'listen':[{'address':'[::]:443'},{'address':'[::]:443'}],'certificates':[{'cert':'a','key':'b'}]"),
     "listen[1].address", "is listened on already", 0, ONE_ERROR},
    {"no certificates", WITH_LISTEN("'listen':[{'address':'[::]:443'}]"), NULL, "\"certificates\" is missing", 0,
     ONE_ERROR},
    {"redirect needs none", WITH_LISTEN("'listen':[{'address':'[::]:80','redirect_to_https':true}]"), NULL, NULL, 0,
     ONE_ERROR},
    {"redirect and plain",
     WITH_LISTEN("'listen':[{'address':'[::]:80','redirect_to_https':true,'plain':true}],"
                 "'client_address':{'trusted_proxies':['10.0.0.0/8']}"),
     "listen[0].plain", "speaks plain HTTP anyway", 0, ONE_ERROR},
    {"plain without trust", WITH_LISTEN("'listen':[{'address':'[::]:80','plain':true}]"), "listen[0].plain",
     "trusted_proxies", 0, ONE_ERROR},
    {"PROXY without trust",
     WITH_LISTEN("'listen':[{'address':'[::]:443','proxy_protocol':true}],'certificates':[{'cert':'a','key':'b'}]"),
     "listen[0].proxy_protocol", "trusted_proxies", 0, ONE_ERROR},
    {"empty trust",
     WITH_LISTEN("'listen':[{'address':'[::]:80','plain':true}],'client_address':{'trusted_proxies':[]}"),
     "client_address.trusted_proxies", "is empty", 0, ONE_ERROR},
    {"bad range",
     WITH_LISTEN("'listen':[{'address':'[::]:80','plain':true}],'client_address':{'trusted_proxies':['10.0.0.1/8']}"),
     "client_address.trusted_proxies[0]", "write a range", 0, ONE_ERROR},
    {"trusts everybody",
     WITH_LISTEN("'listen':[{'address':'[::]:80','plain':true}],'client_address':{'trusted_proxies':['0.0.0.0/"
                 "0'],'header':'Fly-Client-IP'}"),
     "client_address.trusted_proxies[0]", "trusts everybody", 0, ONE_WARNING},
    {"trusts everybody by IPv6",
     WITH_LISTEN("'listen':[{'address':'[::]:80','plain':true}],'client_address':{'trusted_proxies':['::/"
                 "0'],'header':'Fly-Client-IP'}"),
     "client_address.trusted_proxies[0]", "trusts everybody", 0, ONE_WARNING},
    {"plain, and nobody says who the clients are",
     WITH_LISTEN("'listen':[{'address':'[::]:80','plain':true}],'client_address':{'trusted_proxies':['10.0.0.0/8']}"),
     "listen[0].plain", "one limit of wrong passwords", 0, ONE_WARNING},
    {"plain, and the header says",
     WITH_LISTEN("'listen':[{'address':'[::]:80','plain':true}],'client_address':{'trusted_proxies':['10.0.0.0/8'],"
                 "'header':'Fly-Client-IP'}"),
     NULL, NULL, 0, ONE_ERROR},
    {"bad header",
     WITH_LISTEN("'listen':[{'address':'[::]:80','plain':true}],'client_address':{'trusted_proxies':['10.0.0.0/"
                 "8'],'header':'a b'}"),
     "client_address.header", "is no header name", 0, ONE_ERROR},
    {"Forwarded",
     WITH_LISTEN("'listen':[{'address':'[::]:80','plain':true}],'client_address':{'trusted_proxies':['10.0.0.0/"
                 "8'],'header':'forwarded'}"),
     "client_address.header", "X-Forwarded-For", 0, ONE_ERROR},
    {"log to nothing", WITH("'log':{'to':''}"), "log.to", "is empty", 0, ONE_ERROR},
    {"limit that never counts", WITH("'limits':{'connections':5,'connections_per_address':6}"),
     "limits.connections_per_address", "never counts", 0, ONE_WARNING},
    {"certificates without use", WITH("'certificates':[{'cert':'a','key':'b'}]"), "certificates", "have no effect", 0,
     ONE_WARNING},
    {"empty path", WITH("'certificates':[{'cert':'','key':'b'}]"), "certificates[0].cert", "the path is empty", 0,
     ONE_ERROR},
};

static const struct rules_case gate_cases[] = {
    {"no way in", WITH_GATE("{}"), "gates.g", "has no way in", 0, ONE_ERROR},
    {"no users", WITH_GATE("{'basic':{}}"), "gates.g.basic", "nobody could sign in", 0, ONE_ERROR},
    {"empty users", WITH_GATE("{'basic':{'users':{}}}"), "gates.g.basic", "nobody could sign in", 0, ONE_ERROR},
    {"user with colon", WITH_GATE("{'basic':{'users':{'a:b':'env:U'}}}"), NULL, "cannot hold ':'", 0, ONE_ERROR},
    {"user without name", WITH_GATE("{'basic':{'users':{'':'env:U'}}}"), NULL, "needs a name", 0, ONE_ERROR},
    {"user with control", WITH_GATE("{'basic':{'users':{'a\\u0007':'env:U'}}}"), NULL, "control", 0, ONE_ERROR},
    {"literal", WITH_GATE("{'basic':{'users':{'u':'hunter2'}}}"), "gates.g.basic.users.u", "stands in the rules file",
     0, ONE_WARNING},
    {"empty literal", WITH_GATE("{'basic':{'users':{'u':''}}}"), "gates.g.basic.users.u",
     "is empty: write \"env:NAME\"", 0, ONE_ERROR},
    {"no variable", WITH_GATE("{'basic':{'users':{'u':'env:'}}}"), "gates.g.basic.users.u", "the name of a variable", 0,
     ONE_ERROR},
    {"bad variable", WITH_GATE("{'basic':{'users':{'u':'env:A-B'}}}"), "gates.g.basic.users.u",
     "the name of a variable", 0, ONE_ERROR},
    {"no file", WITH_GATE("{'basic':{'users':{'u':'file:'}}}"), "gates.g.basic.users.u", "the path of a file", 0,
     ONE_ERROR},
    {"realm with quote", WITH_GATE("{'basic':{'realm':'a\\\\b','users':{'u':'env:U'}}}"), "gates.g.basic.realm",
     "printable ASCII", 0, ONE_ERROR},
    {"realm of UTF-8", WITH_GATE("{'basic':{'realm':'\xc3\xa4','users':{'u':'env:U'}}}"), "gates.g.basic.realm",
     "printable ASCII", 0, ONE_ERROR},
    {"empty realm", WITH_GATE("{'basic':{'realm':'','users':{'u':'env:U'}}}"), "gates.g.basic.realm", "1 to 128", 0,
     ONE_ERROR},
    {"gate with a slash",
     "{" LISTEN ",'gates':{'a/b':{'basic':{'users':{'u':'env:U'}}}}," ORIGINS
     ",'hosts':[{'host':'h.example.org','origin':'o','gate':'a/b','rules':[" ALLOW "]}]}",
     "gates[\"a/b\"]", "the name of a gate is", 0, ONE_ERROR},
    {"unused gate",
     "{" LISTEN ",'gates':{'g':{'basic':{'users':{'u':'env:U'}}},'x':{'basic':{'users':{'u':'env:U'}}}}," ORIGINS
     "," HOSTS "}",
     "gates.x", "no host uses this", 0, ONE_WARNING},
};

static const struct rules_case session_cases[] = {
    {"domain of the host", WITH_SESSION("{'domain':'h.example.org'}"), NULL, NULL, 0, ONE_ERROR},
    {"domain above", WITH_SESSION("{'domain':'example.org'}"), NULL, NULL, 0, ONE_ERROR},
    {"public suffix", WITH_SESSION("{'domain':'org'}"), "gates.g.session.domain", "is a public suffix", 0, ONE_ERROR},
    {"private suffix", WITH("'session':{'domain':'pages.dev'}"), "session.domain", "is a public suffix", 0,
     SEVERAL_ERRORS},
    {"leading dot", WITH_SESSION("{'domain':'.example.org'}"), "gates.g.session.domain", "without the dot in front", 0,
     SEVERAL_ERRORS},
    {"upper case", WITH_SESSION("{'domain':'Example.org'}"), "gates.g.session.domain", "is no domain", 0,
     SEVERAL_ERRORS},
    {"address", WITH_SESSION("{'domain':'127.0.0.1'}"), "gates.g.session.domain", "is no domain", 0, SEVERAL_ERRORS},
    {"with port", WITH_SESSION("{'domain':'example.org:1'}"), "gates.g.session.domain", "is no domain", 0,
     SEVERAL_ERRORS},
    {"host outside", WITH_SESSION("{'domain':'other.example.org'}"), "hosts[0].host",
     "is not other.example.org and does not lie below it", 0, ONE_ERROR},
    {"host beside", WITH_SESSION("{'domain':'ample.org'}"), "hosts[0].host", "does not lie below", 0, ONE_ERROR},
    {"domain at the top", WITH("'session':{'domain':'other.example.org'}"), "hosts[0].host", "does not lie below", 0,
     ONE_ERROR},
    {"taken back in the gate",
     "{" LISTEN ",'session':{'domain':'other.example.org'},'gates':{'g':{'basic':{'users':{'u':'env:U'}},'session':{'"
     "domain':''}}}," ORIGINS "," HOSTS "}",
     NULL, NULL, 0, ONE_ERROR},
    {"lifetime too short", WITH_SESSION("{'lifetime':'30s'}"), "gates.g.session.lifetime", "from \"1m\" to \"400d\"", 0,
     ONE_ERROR},
    {"idle longer", WITH_SESSION("{'lifetime':'1h','idle':'2h'}"), "gates.g.session.idle",
     "longer than the session's lifetime", 0, ONE_ERROR},
    {"idle longer than the top's",
     "{" LISTEN ",'session':{'idle':'2h'},'gates':{'g':{'basic':{'users':{'u':'env:U'}},"
     "'session':{'lifetime':'1h'}}}," ORIGINS "," HOSTS "}",
     "session.idle", "longer than", 0, ONE_ERROR},
    {"idle too short", WITH_SESSION("{'idle':'1s'}"), "gates.g.session.idle", "at least \"1m\"", 0, ONE_ERROR},
    {"bad cookie", WITH_SESSION("{'cookie':'a b'}"), "gates.g.session.cookie", "is no cookie name", 0, ONE_ERROR},
    {"empty cookie", WITH_SESSION("{'cookie':''}"), "gates.g.session.cookie", "is no cookie name", 0, ONE_ERROR},
    {"__Host- with a domain", WITH_SESSION("{'domain':'example.org','cookie':'__host-x'}"), "gates.g.session.cookie",
     "write \"__Secure-x\"", 0, ONE_ERROR},
    {"own cookie with a domain", WITH_SESSION("{'domain':'example.org','cookie':'CF_Authorization'}"), NULL, NULL, 0,
     ONE_ERROR},
    {"no secrets", WITH_SESSION("{'secret':[]}"), "gates.g.session.secret", "1 to 4 secrets", 0, ONE_ERROR},
    {"too many secrets", WITH_SESSION("{'secret':['env:A','env:B','env:C','env:D','env:E']}"), "gates.g.session.secret",
     "1 to 4 secrets", 0, ONE_ERROR},
    {"short secret", WITH_SESSION("{'secret':'short'}"), "gates.g.session.secret", "has 5 bytes and needs 32", 0,
     ONE_ERROR},
};

/* Two gates: their cookies must not meet. */
#define TWO(a, b, hosts)                                                                                               \
    "{" LISTEN ",'gates':{'a':{'basic':{'users':{'u':'env:U'}},'session':" a                                           \
    "},'b':{'basic':{'users':{'u':'env:U'}},'"                                                                         \
    "session':" b "}}," ORIGINS ",'hosts':[" hosts "]}"
#define HA "{'host':'a.example.org','origin':'o','gate':'a','rules':[" ALLOW "]}"
#define HB "{'host':'b.example.org','origin':'o','gate':'b','rules':[" ALLOW "]}"

static const struct rules_case circle_cases[] = {
    {"no domains", TWO("{}", "{}", HA "," HB), NULL, NULL, 0, ONE_ERROR},
    {"domains apart", TWO("{'domain':'a.example.org'}", "{'domain':'b.example.org'}", HA "," HB), NULL, NULL, 0,
     ONE_ERROR},
    {"the same domain", TWO("{'domain':'example.org'}", "{'domain':'example.org'}", HA "," HB), "gates.b",
     "write \"session\": {\"cookie\": \"__Secure-b\"} here", 0, ONE_ERROR},
    {"one below the other", TWO("{'domain':'example.org'}", "{'domain':'b.example.org'}", HA "," HB), "gates.b",
     "would meet on the same hosts", 0, ONE_ERROR},
    {"the same domain, other cookie",
     TWO("{'domain':'example.org'}", "{'domain':'example.org','cookie':'__Secure-b'}", HA "," HB), NULL, NULL, 0,
     ONE_ERROR},
    {"domain over a single host, other names", TWO("{'domain':'example.org'}", "{}", HA "," HB), NULL, NULL, 0,
     ONE_ERROR},
    {"domain over a single host, same name", TWO("{'domain':'example.org','cookie':'x'}", "{'cookie':'x'}", HA "," HB),
     "gates.b", "would meet", 0, ONE_ERROR},
    {"template below",
     TWO("{'domain':'a.example.org'}", "{}",
         "{'host':'pr-{n}.a.example.org','origin':'o','gate':'a','rules':[" ALLOW "]}," HB),
     NULL, NULL, 0, ONE_ERROR},
    {"wildcard below",
     TWO("{'domain':'a.example.org'}", "{}",
         "{'host':'*.a.example.org','origin':'o','gate':'a','rules':[" ALLOW "]}," HB),
     NULL, NULL, 0, ONE_ERROR},
    {"wildcard above",
     TWO("{'domain':'a.example.org'}", "{}",
         "{'host':'*.example.org','origin':'o','gate':'a','rules':[" ALLOW "]}," HB),
     "hosts[0].host", "does not lie below", 0, ONE_ERROR},
};

static const struct rules_case origin_cases[] = {
    {"no scheme", WITH_ORIGIN("{'url':'o.example.org'}"), "origins.o.url", "write \"https://name.example\"", 0,
     ONE_ERROR},
    {"wss", WITH_ORIGIN("{'url':'wss://o.example.org'}"), "origins.o.url", "by https:// or http://", 0, ONE_ERROR},
    {"upper scheme", WITH_ORIGIN("{'url':'HTTPS://o.example.org'}"), "origins.o.url", "https://", 0, ONE_ERROR},
    {"no host", WITH_ORIGIN("{'url':'https://'}"), "origins.o.url", "the host is missing", 0, ONE_ERROR},
    {"path", WITH_ORIGIN("{'url':'https://o.example.org/x'}"), "origins.o.url", "no path", 0, ONE_ERROR},
    {"slash", WITH_ORIGIN("{'url':'https://o.example.org/'}"), "origins.o.url", "no path", 0, ONE_ERROR},
    {"query", WITH_ORIGIN("{'url':'https://o.example.org?x'}"), "origins.o.url", "no path, query", 0, ONE_ERROR},
    {"user", WITH_ORIGIN("{'url':'https://u:p@o.example.org'}"), "origins.o.url", "no user or password", 0, ONE_ERROR},
    {"upper host", WITH_ORIGIN("{'url':'https://O.example.org'}"), "origins.o.url", "lower case", 0, ONE_ERROR},
    {"bad host", WITH_ORIGIN("{'url':'https://o..example.org'}"), "origins.o.url", "malformed", 0, ONE_ERROR},
    {"bad port", WITH_ORIGIN("{'url':'https://o.example.org:0'}"), "origins.o.url", "the port must", 0, ONE_ERROR},
    {"port", WITH_ORIGIN("{'url':'https://o.example.org:8443'}"), NULL, NULL, 0, ONE_ERROR},
    {"IPv6", WITH_ORIGIN("{'url':'http://[::1]:8443'}"), NULL, NULL, 0, ONE_ERROR},
    {"loopback name", WITH_ORIGIN("{'url':'http://app.localhost'}"), NULL, NULL, 0, ONE_ERROR},
    {"plain and far", WITH_ORIGIN("{'url':'http://o.example.org'}"), "origins.o.url", "not encrypted", 0, ONE_WARNING},
    {"plain, loopback in front", WITH_ORIGIN("{'url':'http://127.0.0.1.example.org'}"), "origins.o.url",
     "not encrypted", 0, ONE_WARNING},
    {"tls of http", WITH_ORIGIN("{'url':'http://127.0.0.1:1','tls':{}}"), "origins.o.tls", "has no effect on http://",
     0, ONE_ERROR},
    {"verification off", WITH_ORIGIN("{'url':'https://o.example.org','tls':{'verify':'off'}}"), "origins.o.tls.verify",
     "NO VERIFICATION", 0, ONE_WARNING},
    {"verification of another word", WITH_ORIGIN("{'url':'https://o.example.org','tls':{'verify':'none'}}"),
     "origins.o.tls.verify", "\"full\" or \"off\"", 0, ONE_ERROR},
    {"verification by bool", WITH_ORIGIN("{'url':'https://o.example.org','tls':{'verify':false}}"),
     "origins.o.tls.verify", "must be \"full\" or \"off\", not boolean", 0, ONE_ERROR},
    {"version by number", WITH_ORIGIN("{'url':'https://o.example.org','http':2}"), "origins.o.http",
     "must be \"1.1\", \"2\" or \"auto\", not integer", 0, ONE_ERROR},
    {"host client", WITH_ORIGIN("{'url':'https://o.example.org','host':'client'}"), NULL, NULL, 0, ONE_ERROR},
    {"host fixed", WITH_ORIGIN("{'url':'https://o.example.org','host':'x.example.org'}"), NULL, NULL, 0, ONE_ERROR},
    {"host with port", WITH_ORIGIN("{'url':'https://o.example.org','host':'x.example.org:1'}"), "origins.o.host",
     "must be \"client\"", 0, ONE_ERROR},
    {"host empty", WITH_ORIGIN("{'url':'https://o.example.org','host':''}"), "origins.o.host", "must be \"client\"", 0,
     ONE_ERROR},
    {"header of HTTP", WITH_ORIGIN("{'url':'https://o.example.org','headers':{'Host':'env:A'}}"),
     "origins.o.headers.Host", "is set by tiergate or by HTTP itself", 0, ONE_ERROR},
    {"header of framing", WITH_ORIGIN("{'url':'https://o.example.org','headers':{'transfer_encoding':'env:A'}}"), NULL,
     "by HTTP itself", 0, ONE_ERROR},
    {"header of ours", WITH_ORIGIN("{'url':'https://o.example.org','headers':{'X-Forwarded-For':'env:A'}}"), NULL,
     "by HTTP itself", 0, ONE_ERROR},
    {"header of Access", WITH_ORIGIN("{'url':'https://o.example.org','headers':{'Cf-Access-Jwt-Assertion':'env:A'}}"),
     NULL, "by HTTP itself", 0, ONE_ERROR},
    {"header name bad", WITH_ORIGIN("{'url':'https://o.example.org','headers':{'a b':'env:A'}}"), NULL,
     "no header name", 0, ONE_ERROR},
    {"header twice", WITH_ORIGIN("{'url':'https://o.example.org','headers':{'X-Key':'env:A','x_key':'env:A'}}"),
     "origins.o.headers.x_key", "the same header as X-Key", 0, ONE_ERROR},
    {"header with a line end", WITH_ORIGIN("{'url':'https://o.example.org','headers':{'X-Key':'a\\r\\nb'}}"),
     "origins.o.headers.X-Key", "control characters", 0, ONE_ERROR},
    {"timeout too short", WITH_ORIGIN("{'url':'https://o.example.org','connect_timeout':'1ms'}"),
     "origins.o.connect_timeout", "from \"100ms\" to \"5m\"", 0, ONE_ERROR},
    {"unused", WITH_HOSTS("{'host':'h.example.org','origin':'o','gate':'g','rules':[" ALLOW "]}"), NULL, NULL, 0,
     ONE_ERROR},
    {"a circle", WITH_ORIGIN("{'url':'https://h.example.org:8080'}"), "origins.o.url", "go round in circles", 0,
     ONE_WARNING},
    {"no circle: another port", WITH_ORIGIN("{'url':'https://h.example.org'}"), NULL, NULL, 0, ONE_ERROR},
    {"two origins, one unused",
     "{" LISTEN "," GATES
     ",'origins':{'o':{'url':'https://o.example.org'},\n'p':{'url':'https://p.example.org'}}," HOSTS "}",
     "origins.p", "no host uses this", 2, ONE_WARNING},
};

/* Captures: what the pattern has and the url needs. */
#define CAPTURE(url, host)                                                                                             \
    "{" LISTEN "," GATES ",'origins':{'o':{'url':'" url "'}},'hosts':[{'host':" host                                   \
    ",'origin':'o','gate':'g','rules':[" ALLOW "]}]}"

static const struct rules_case capture_cases[] = {
    {"fits", CAPTURE("https://pr-{n}.o.pages.dev", "'pr-{n:int}.example.org'"), NULL, NULL, 0, ONE_ERROR},
    {"fits, list", CAPTURE("https://{n}-x.pages.dev:8443", "['pr-{n:int}.example.org','q-{n}.example.org']"), NULL,
     NULL, 0, ONE_ERROR},
    {"another name", CAPTURE("https://pr-{m}.o.pages.dev", "'pr-{n}.example.org'"), "hosts[0].host", "has no {m}", 0,
     ONE_ERROR},
    {"one of the list lacks it", CAPTURE("https://pr-{n}.o.pages.dev", "['pr-{n}.example.org','x.example.org']"),
     "hosts[0].host[1]", "has no {n}", 0, ONE_ERROR},
    {"wildcard lacks it", CAPTURE("https://pr-{n}.o.pages.dev", "'*.example.org'"), "hosts[0].host", "has no {n}", 0,
     ONE_ERROR},
    {"suffix of one label", CAPTURE("https://pr-{n}.dev", "'pr-{n}.example.org'"), "origins.o.url",
     "two labels or more", 0, ONE_ERROR},
    {"no suffix", CAPTURE("https://{n}", "'pr-{n}.example.org'"), "origins.o.url", "two labels or more", 0, ONE_ERROR},
    {"second label", CAPTURE("https://a.{n}.pages.dev", "'pr-{n}.example.org'"), "origins.o.url", "in the first label",
     0, ONE_ERROR},
    {"two captures", CAPTURE("https://{n}{n}.o.pages.dev", "'pr-{n}.example.org'"), "origins.o.url", "is one {name}", 0,
     ONE_ERROR},
    {"typed", CAPTURE("https://{n:int}.o.pages.dev", "'pr-{n}.example.org'"), "origins.o.url", "is one {name}", 0,
     ONE_ERROR},
    {"open", CAPTURE("https://{n.o.pages.dev", "'pr-{n}.example.org'"), "origins.o.url", "is one {name}", 0, ONE_ERROR},
    {"in the port", CAPTURE("https://o.pages.dev:{n}", "'pr-{n}.example.org'"), "origins.o.url", "write", 0, ONE_ERROR},
};

static const struct rules_case host_cases[] = {
    {"unknown origin", WITH_HOSTS("{'host':'h.example.org','origin':'oo','gate':'g','rules':[" ALLOW "]}"),
     "hosts[0].origin", "there is no origin \"oo\": did you mean \"o\"?", 0, ONE_ERROR},
    {"unknown gate", WITH_HOSTS("{'host':'h.example.org','origin':'o','gate':'gg','rules':[" ALLOW "]}"),
     "hosts[0].gate", "there is no gate \"gg\": did you mean \"g\"?", 0, ONE_ERROR},
    {"gate, other case", WITH_HOSTS("{'host':'h.example.org','origin':'o','gate':'G','rules':[" ALLOW "]}"),
     "hosts[0].gate", "there is no gate \"G\": did you mean \"g\"?", 0, ONE_ERROR},
    {"gate, nothing near", WITH_HOSTS("{'host':'h.example.org','origin':'o','gate':'staging','rules':[" ALLOW "]}"),
     "hosts[0].gate", "there is no gate \"staging\": there is only \"g\"", 0, ONE_ERROR},
    {"origin, nothing near", WITH_HOSTS("{'host':'h.example.org','origin':'webs','gate':'g','rules':[" ALLOW "]}"),
     "hosts[0].origin", "there is no origin \"webs\": there is only \"o\"", 0, ONE_ERROR},
    {"unknown ruleset", WITH_HOSTS("{'host':'h.example.org','origin':'o','gate':'g','rules':'web'}"), "hosts[0].rules",
     "there is no ruleset \"web\"", 0, ONE_ERROR},
    {"twice", WITH_HOSTS(HOST ",\n" HOST), "hosts[1].host", "is defined already as hosts[0].host at rules/test.json:1",
     2, ONE_ERROR},
    {"twice in a list",
     WITH_HOSTS("{'host':['h.example.org','h.example.org'],'origin':'o','gate':'g','rules':[" ALLOW "]}"),
     "hosts[0].host[1]", "is defined already", 0, ONE_ERROR},
    {"wildcard twice",
     WITH_HOSTS("{'host':['*.example.org','*.example.org'],'origin':'o','gate':'g','rules':[" ALLOW "]}"),
     "hosts[0].host[1]", "is defined already", 0, ONE_ERROR},
    {"templates overlap",
     WITH_HOSTS("{'host':['pr-{n}.example.org','{x}-1.example.org'],'origin':'o','gate':'g','rules':[" ALLOW "]}"),
     "hosts[0].host[1]", "overlaps with hosts[0].host[0] at rules/test.json:1", 0, ONE_ERROR},
    {"exact, template and wildcard",
     WITH_HOSTS(
         "{'host':['pr-1.example.org','pr-{n}.example.org','*.example.org'],'origin':'o','gate':'g','rules':[" ALLOW
         "]}"),
     NULL, NULL, 0, ONE_ERROR},
    {"bad name", WITH_HOSTS("{'host':'h_.example..org','origin':'o','gate':'g','rules':[" ALLOW "]}"), "hosts[0].host",
     "", 0, ONE_ERROR},
    {"upper case", WITH_HOSTS("{'host':'H.example.org','origin':'o','gate':'g','rules':[" ALLOW "]}"), "hosts[0].host",
     "", 0, ONE_ERROR},
    {"last day of the old cache",
     WITH_HOSTS("{'host':'h.example.org','origin':'o','gate':'g','clear_cache_until':'2026-12-31','rules':[" ALLOW
                "]}"),
     NULL, NULL, 0, ONE_ERROR},
    {"no such day",
     WITH_HOSTS("{'host':'h.example.org','origin':'o','gate':'g','clear_cache_until':'2026-02-29','rules':[" ALLOW
                "]}"),
     "hosts[0].clear_cache_until", "is no date", 0, ONE_ERROR},
    {"time of day",
     WITH_HOSTS("{'host':'h.example.org','origin':'o','gate':'g','clear_cache_until':'2026-12-31T00:00','rules':[" ALLOW
                "]}"),
     "hosts[0].clear_cache_until", "is no date", 0, ONE_ERROR},
    {"cache of an open host",
     "{" LISTEN "," GATES "," ORIGINS ",'hosts':[" HOST
     ",{'host':'i.example.org','origin':'o','public':true,'clear_cache_until':"
     "'2026-12-31','rules':[{'path':'/*','action':'bypass'}]}]}",
     "hosts[1].clear_cache_until", "does nothing", 0, ONE_WARNING},
    {"no names", WITH_HOSTS("{'host':[],'origin':'o','gate':'g','rules':[" ALLOW "]}"), "hosts[0].host", "is empty", 0,
     ONE_ERROR},
    {"allow without gate",
     "{" LISTEN "," ORIGINS ",'hosts':[{'host':'h.example.org','origin':'o','rules':[" ALLOW "]}]}", "hosts[0]",
     "\"gate\" is missing: the rule hosts[0].rules[0] says \"allow\"", 0, ONE_ERROR},
    {"no rules", WITH_RULES(""), "hosts[0].rules", "everything is refused", 0, ONE_WARNING},
    {"open and silent", WITH_RULES("{'path':'/*','action':'bypass'}"), "hosts[0]", "write \"public\": true", 0,
     ONE_ERROR},
    {"open for GET and silent", WITH_RULES("{'path':'/*','methods':['GET'],'action':'bypass'}"), "hosts[0]",
     "\"public\": true", 0, ONE_ERROR},
    {"public and open",
     WITH_HOSTS("{'host':'h.example.org','origin':'o','gate':'g','public':true,'rules':[{'path':'/*','action':"
                "'bypass'}]}"),
     NULL, NULL, 0, ONE_ERROR},
    {"public and not open",
     WITH_HOSTS("{'host':'h.example.org','origin':'o','gate':'g','public':true,'rules':[" ALLOW "]}"),
     "hosts[0].public", "opens nothing by itself", 0, ONE_WARNING},
    {"CORS star",
     WITH_HOSTS("{'host':'h.example.org','origin':'o','gate':'g','cors':{'origins':['*']},'rules':[" ALLOW "]}"),
     "hosts[0].cors.origins[0]", "* is refused", 0, ONE_ERROR},
    {"CORS path",
     WITH_HOSTS(
         "{'host':'h.example.org','origin':'o','gate':'g','cors':{'origins':['https://a.example/']},'rules':[" ALLOW
         "]}"),
     "hosts[0].cors.origins[0]", "as browsers send it", 0, ONE_ERROR},
    {"CORS upper",
     WITH_HOSTS(
         "{'host':'h.example.org','origin':'o','gate':'g','cors':{'origins':['https://A.example']},'rules':[" ALLOW
         "]}"),
     "hosts[0].cors.origins[0]", "as browsers send it", 0, ONE_ERROR},
    {"CORS own port",
     WITH_HOSTS("{'host':'h.example.org','origin':'o','gate':'g','cors':{'origins':['https://a.example:443']},"
                "'rules':[" ALLOW "]}"),
     "hosts[0].cors.origins[0]", "own port", 0, ONE_ERROR},
    {"CORS dot",
     WITH_HOSTS("{'host':'h.example.org','origin':'o','gate':'g','cors':{'origins':['https://a.example.']},"
                "'rules':[" ALLOW "]}"),
     "hosts[0].cors.origins[0]", "without a dot", 0, ONE_ERROR},
    {"CORS good",
     WITH_HOSTS(
         "{'host':'h.example.org','origin':'o','gate':'g','cors':{'origins':['http://localhost:5173']},'rules':[" ALLOW
         "]}"),
     NULL, NULL, 0, ONE_ERROR},
};

static const struct rules_case rule_cases[] = {
    {"relative path", WITH_RULES("{'path':'x','action':'allow'}"), RULE ".path", "", 0, ONE_ERROR},
    {"no paths", WITH_RULES("{'path':[],'action':'allow'}"), RULE ".path", "", 0, ONE_ERROR},
    {"second path", WITH_RULES("{'path':['/a',\n'b'],'action':'allow'}"), RULE ".path[1]", "", 2, ONE_ERROR},
    {"bad expression", WITH_RULES("{'path':'re:^/(','action':'allow'}"), RULE ".path", "", 0, ONE_ERROR},
    {"unknown preset", WITH_RULES("{'path':'preset:x','action':'allow'}"), RULE ".path", "no such preset", 0,
     ONE_ERROR},
    {"lower method", WITH_RULES("{'path':'/*','methods':['get'],'action':'allow'}"), RULE ".methods[0]", "capitals", 0,
     ONE_ERROR},
    {"no methods", WITH_RULES("{'path':'/*','methods':[],'action':'allow'}"), RULE ".methods", "leave \"methods\" out",
     0, ONE_ERROR},
    {"nobody", WITH_RULES("{'path':'/*','action':'allow','who':[]}"), RULE ".who", "leave \"who\" out", 0, ONE_ERROR},
    {"empty require", WITH_RULES("{'path':'/*','action':'allow','require':[]}"), RULE ".require", "is empty", 0,
     ONE_ERROR},
    {"empty except", WITH_RULES("{'path':'/*','action':'allow','except':[]}"), RULE ".except", "is empty", 0,
     ONE_ERROR},
    {"user", WITH_RULES("{'path':'/*','action':'allow','who':['basic:u']}"), NULL, NULL, 0, ONE_ERROR},
    {"everyone", WITH_RULES("{'path':'/*','action':'allow','who':['everyone']}"), NULL, NULL, 0, ONE_ERROR},
    {"unknown user", WITH_RULES("{'path':'/*','action':'allow','who':['basic:u','basic:v']}"), RULE ".who[1]",
     "gate g of host h.example.org has no such user", 0, ONE_ERROR},
    {"unknown user in except", WITH_RULES("{'path':'/*','action':'allow','except':['basic:v']}"), RULE ".except[0]",
     "no such user", 0, ONE_ERROR},
    {"user of a gate", WITH_RULES("{'path':'/*','action':'allow','who':['basic:g/u']}"), RULE ".who[0]",
     "write \"basic:u\"", 0, ONE_ERROR},
    {"no user", WITH_RULES("{'path':'/*','action':'allow','who':['basic:']}"), RULE ".who[0]", "the user behind", 0,
     ONE_ERROR},
    {"address as who", WITH_RULES("{'path':'/*','action':'allow','who':['ip:10.0.0.0/8']}"), RULE ".who[0]",
     "no identity", 0, ONE_ERROR},
    {"address as require", WITH_RULES("{'path':'/*','action':'allow','require':['ip:10.0.0.0/8']}"), NULL, NULL, 0,
     ONE_ERROR},
    {"bad address", WITH_RULES("{'path':'/*','action':'allow','require':['ip:10.0.0.1/8']}"), RULE ".require[0]",
     "write \"ip:203.0.113.7\"", 0, ONE_ERROR},
    {"bypass for someone", WITH_RULES("{'path':'/a','action':'bypass','who':['everyone']}," ALLOW), RULE ".who[0]",
     "asks for no identity", 0, ONE_ERROR},
    {"bypass requires someone", WITH_RULES("{'path':'/a','action':'bypass','require':['basic:u']}," ALLOW),
     RULE ".require[0]", "only `ip:`", 0, ONE_ERROR},
    {"block with selectors", WITH_RULES("{'path':'/a','action':'block','except':['everyone']}," ALLOW),
     RULE ".except[0]", "takes no selectors", 0, ONE_ERROR},
    {"shadowed", WITH_RULES(ALLOW ",\n{'path':'/a','action':'block'}"), "hosts[0].rules[1]",
     "can never decide: hosts[0].rules[0] (line 1)", 2, ONE_WARNING},
    {"no selector", WITH_RULES("{'path':'/*','action':'allow','who':['bob']}"), RULE ".who[0]",
     "neither a group nor a selector", 0, ONE_ERROR},
    {"client_cert:", WITH_RULES("{'path':'/*','action':'allow','who':['client_cert:x']}"), RULE ".who[0]",
     "client_cert: is not supported yet", 0, ONE_ERROR},
};

#define GROUPS(groups, rules)                                                                                          \
    "{" LISTEN "," GATES "," ORIGINS ",'groups':{" groups                                                              \
    "},'hosts':[{'host':'h.example.org','origin':'o','gate':'g','rules':[" rules "]}]}"
#define WHO "{'path':'/*','action':'allow','who':['team']}"

static const struct rules_case group_cases[] = {
    {"used", GROUPS("'team':['basic:u']", WHO), NULL, NULL, 0, ONE_ERROR},
    {"near", GROUPS("'teams':['basic:u']", WHO), RULE ".who[0]", "there is no group \"team\": did you mean \"teams\"?",
     0, ONE_ERROR},
    {"unused", GROUPS("'team':['basic:u']", ALLOW), "groups.team", "no rule uses this", 0, ONE_WARNING},
    {"empty", GROUPS("'team':[]", WHO), "groups.team", "nobody belongs", 0, ONE_WARNING},
    {"addresses as who", GROUPS("'team':['basic:u','ip:10.0.0.0/8']", WHO), RULE ".who[0]", "no identity", 0,
     ONE_ERROR},
    {"a group within", GROUPS("'a':['basic:u'],'team':['a']", WHO), "groups.team[0]",
     "a group holds selectors, not groups", 0, ONE_ERROR},
    {"unknown within", GROUPS("'team':['x']", WHO), "groups.team[0]", "is no selector", 0, ONE_ERROR},
    {"later within", GROUPS("'team':['client_cert:x']", WHO), "groups.team[0]", "not supported yet", 0, ONE_ERROR},
    {"unknown user within", GROUPS("'team':['basic:v']", WHO), RULE ".who[0]",
     "basic:v of group team: gate g of host h.example.org has no such user", 0, ONE_ERROR},
    {"called everyone", GROUPS("'everyone':['basic:u'],'team':['basic:u']", WHO), "groups.everyone",
     "is a selector already", 0, ONE_ERROR},
    {"called like a selector", GROUPS("'ip:x':['basic:u'],'team':['basic:u']", WHO), NULL, "the name of a group is", 0,
     ONE_ERROR},
};

#define SETS(sets, rules)                                                                                              \
    "{" LISTEN "," GATES "," ORIGINS ",'rulesets':{" sets                                                              \
    "},'hosts':[{'host':'h.example.org','origin':'o','gate':'g','rules':" rules                                        \
    "},{'host':'i.example.org','origin':'o','gate':'g','rules':" rules "}]}"

static const struct rules_case ruleset_cases[] = {
    {"shared", SETS("'web':[" ALLOW "]", "'web'"), NULL, NULL, 0, ONE_ERROR},
    {"a mistake is told once", SETS("'web':[{'path':'x','action':'allow'}]", "'web'"), "rulesets.web[0].path", "", 0,
     ONE_ERROR},
    {"shadowed once", SETS("'web':[" ALLOW "," ALLOW "]", "'web'"), "rulesets.web[1]", "can never decide", 0,
     ONE_WARNING},
    {"unused", SETS("'web':[" ALLOW "]", "[" ALLOW "]"), "rulesets.web", "no host uses this", 0, ONE_WARNING},
    {"unused and wrong", SETS("'web':[{'path':'x','action':'allow'}]", "[" ALLOW "]"), "rulesets.web[0].path", "", 0,
     ONE_ERROR},
    {"near", SETS("'webb':[" ALLOW "]", "'web'"), "hosts[0].rules", "did you mean \"webb\"?", 0, SEVERAL_ERRORS},
    {"near, letters swapped", SETS("'web':[" ALLOW "]", "'wbe'"), "hosts[0].rules", "did you mean \"web\"?", 0,
     SEVERAL_ERRORS},
    {"not near", SETS("'web':[" ALLOW "],'api':[" ALLOW "]", "'wxy'"), "hosts[0].rules", "there are \"web\", \"api\"",
     0, SEVERAL_ERRORS},
    {"bad name", SETS("'a b':[" ALLOW "]", "'a b'"), "rulesets[\"a b\"]", "the name of a ruleset is", 0, ONE_ERROR},
};

#define EXPECT(request, as, is) WITH("'expect':[{'request':'" request "','as':'" as "','is':'" is "'}]")

static const struct rules_case expect_cases[] = {
    {"fine", EXPECT("GET https://h.example.org/", "anonymous", "gate"), NULL, NULL, 0, ONE_ERROR},
    {"user", EXPECT("GET https://h.example.org/", "basic:g/u", "allow"), NULL, NULL, 0, ONE_ERROR},
    {"no method", EXPECT("https://h.example.org/", "anonymous", "gate"), "expect[0].request", "is no request", 0,
     ONE_ERROR},
    {"http", EXPECT("GET http://h.example.org/", "anonymous", "gate"), "expect[0].request", "whole https:// URL", 0,
     ONE_ERROR},
    {"no path", EXPECT("GET https://h.example.org", "anonymous", "gate"), "expect[0].request", "with a path", 0,
     ONE_ERROR},
    {"unknown host", EXPECT("GET https://x.example.org/", "anonymous", "gate"), "expect[0].request",
     "no host is called", 0, ONE_ERROR},
    {"malformed path", EXPECT("GET https://h.example.org/%zz", "anonymous", "gate"), "expect[0].request", "always 400",
     0, ONE_ERROR},
    {"bad verdict", EXPECT("GET https://h.example.org/", "anonymous", "deny"), "expect[0].is", "must be", 0, ONE_ERROR},
    {"unknown gate", EXPECT("GET https://h.example.org/", "basic:x/u", "gate"), "expect[0].as", "there is no gate", 0,
     ONE_ERROR},
    {"unknown user", EXPECT("GET https://h.example.org/", "basic:g/v", "gate"), "expect[0].as", "has no user", 0,
     ONE_ERROR},
    {"no gate", EXPECT("GET https://h.example.org/", "basic:u", "gate"), "expect[0].as", "basic:GATE/USER", 0,
     ONE_ERROR},
    {"nonsense", EXPECT("GET https://h.example.org/", "bob", "allow"), "expect[0].as", "who asks is \"anonymous\", ", 0,
     ONE_ERROR},
};

#define RUN(name)                                                                                                      \
    static void test_##name(void **state)                                                                              \
    {                                                                                                                  \
        run_cases(name##_cases, sizeof(name##_cases) / sizeof(name##_cases[0]));                                       \
    }

RUN(listen)
RUN(gate)
RUN(session)
RUN(circle)
RUN(origin)
RUN(capture)
RUN(host)
RUN(rule)
RUN(group)
RUN(ruleset)
RUN(expect)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_listen),  cmocka_unit_test(test_gate),   cmocka_unit_test(test_session),
        cmocka_unit_test(test_circle),  cmocka_unit_test(test_origin), cmocka_unit_test(test_capture),
        cmocka_unit_test(test_host),    cmocka_unit_test(test_rule),   cmocka_unit_test(test_group),
        cmocka_unit_test(test_ruleset), cmocka_unit_test(test_expect),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
