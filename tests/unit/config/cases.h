/* Small rules texts and the one thing that each is wrong with. */
#ifndef TEST_CONFIG_CASES_H
#define TEST_CONFIG_CASES_H

#include "kit.h"

struct rules_case {
    const char *name;
    const char *rules; /* with ' for " */
    const char *path;  /* where; NULL: anywhere */
    const char *part;  /* of the message; NULL: nothing at all is told, warnings neither */
    unsigned line;     /* 0: any */
    enum { ONE_ERROR = 0, ONE_WARNING, SEVERAL_ERRORS } want;
};

void run_cases(const struct rules_case *cases, size_t n);

/* Parts of a configuration that is in order; each case replaces some. */
#define LISTEN                                                                                                         \
    "'listen':[{'address':'127.0.0.1:8080','plain':true}],'client_address':{'trusted_proxies':['127.0.0.1'],'header':" \
    "'Fly-Client-IP'}"
#define GATES "'gates':{'g':{'basic':{'users':{'u':'env:U'}}}}"
#define ORIGINS "'origins':{'o':{'url':'https://o.example.org'}}"
#define ALLOW "{'path':'/*','action':'allow'}"
#define HOST "{'host':'h.example.org','origin':'o','gate':'g','rules':[" ALLOW "]}"
#define HOSTS "'hosts':[" HOST "]"
/* Something more at the top, or instead. */
#define WITH(more) "{" LISTEN "," GATES "," ORIGINS "," HOSTS "," more "}"
#define WITH_LISTEN(listen) "{" listen "," GATES "," ORIGINS "," HOSTS "}"
#define WITH_GATE(gate) "{" LISTEN ",'gates':{'g':" gate "}," ORIGINS "," HOSTS "}"
#define WITH_ORIGIN(origin) "{" LISTEN "," GATES ",'origins':{'o':" origin "}," HOSTS "}"
#define WITH_HOSTS(hosts) "{" LISTEN "," GATES "," ORIGINS ",'hosts':[" hosts "]}"
#define WITH_RULES(rules) WITH_HOSTS("{'host':'h.example.org','origin':'o','gate':'g','rules':[" rules "]}")
#define WITH_SESSION(session) WITH_GATE("{'basic':{'users':{'u':'env:U'}},'session':" session "}")

#endif
