/* The making of one snapshot: what the section_*.c files share. Each build_* reads b->raw, says what is wrong, and
 * fills its part of the snapshot; an error never ends the others. */
#ifndef TG_CONFIG_BUILD_H
#define TG_CONFIG_BUILD_H

#include "config/memory.h"
#include "config/raw.h"
#include "config/reader.h"
#include "config/snapshot.h"

/* A list of rules, a ruleset's or a host's own, compiled at most once for public hosts and once for others. */
struct build_rules {
    struct place at;
    struct span name; /* ruleset; empty: a host's own */
    const struct raw_rule *raw;
    struct rule_spec *specs;
    size_t count;
    bool bad; /* an error was said; nothing can be compiled */
    bool used;
    struct {
        bool tried;
        const struct policy *policy;
    } made[2]; /* [is_public] */
};

/* What of a gate is made before its hosts are known, and finished after them. */
struct build_gate {
    const struct raw_gate *raw;
    struct github_config *github;      /* NULL: none, or said already */
    struct actions_config *actions;    /* the same */
    struct span secrets[SESSION_KEYS]; /* of its sessions; wiped with mem */
    size_t secret_count;
};

struct build_host {
    const struct raw_host *raw;
    struct build_rules *rules;       /* NULL: said already */
    const struct raw_gate *raw_gate; /* NULL: none or said already */
    struct gate_config *gate;
    struct origin_config *origin;
    size_t first_pattern, pattern_count;
};

struct build {
    const struct bundle *bundle; /* borrows */
    struct diags *d;             /* borrows */
    bool check;                  /* what is missing is not an error: the loader has warned */
    bool serves;                 /* neither check nor check --deploy */
    bool unread;                 /* a file is no JSON (told) */
    bool failed;                 /* no memory */
    struct config_memory *mem;   /* the snapshot's */
    struct arena *arena;         /* mem's */
    struct raw_root *raw;
    struct snapshot *snapshot;

    struct gate_config *gates; /* gates[i] is made of the i-th raw gate */
    struct build_gate *build_gates;
    bool *gate_used;
    struct origin_config *origins;
    struct text_field *origin_captures; /* name of the capture in the i-th url; empty: none */
    bool *origin_used;
    struct selector *groups; /* groups[i]: a SEL_GROUP made of the i-th raw group */
    bool *group_bad, *group_used;
    struct build_rules *rulesets;
    size_t ruleset_count;
    struct host_config *hosts;
    struct build_host *build_hosts;
    struct host_pattern *patterns;
    struct place *pattern_places;
    size_t *host_of;
    size_t pattern_count;
    struct span secrets[SESSION_KEYS]; /* of the session at the top, or of the state directory; wiped with mem */
    size_t secret_count;
};

/* Zeroed memory of the snapshot; sets b->failed and is NULL when memory is out. n == 0 is fine. */
void *build_alloc(struct build *b, size_t n, size_t size);
struct span build_copy(struct build *b, struct span s);
/* A copy in ASCII lower case. */
struct span build_lower(struct build *b, struct span s);
/* A copy apart, wiped at the end. */
struct span build_secret(struct build *b, struct span s);
/* 32 random bytes for a secret that cannot be read here: `check` goes on, but nobody can send it as a password, and
 * what is signed with it holds nowhere else. */
struct span build_unusable_secret(struct build *b);

/* Index of the entry of that name in a map; count when there is none. Every element begins with a struct entry. */
size_t build_find(const struct objects_field *map, size_t size, struct span name);
/* The name there that somebody probably meant; empty: none is near enough. */
struct span build_nearest(const struct objects_field *map, size_t size, struct span name);
/* For an unknown name: ": did you mean "x"?", else the names that there are if they are few, else "". */
const char *build_suggest(struct build *b, const struct objects_field *map, size_t size, struct span name);
/* Gates, origins, groups and rulesets: 1–64 letters, digits, `.`, `_`, `-`. */
void build_check_names(struct build *b, const struct objects_field *map, size_t size, const char *what);

/* In this order. */
void build_limits(struct build *b);
void build_log(struct build *b);
void build_pages(struct build *b);
void build_client_address(struct build *b);
void build_listen(struct build *b);
void build_gates(struct build *b);
void build_origins(struct build *b);
void build_groups(struct build *b);
void build_rulesets(struct build *b);
void build_hosts(struct build *b);
void build_expect(struct build *b);
void build_circles(struct build *b);
void build_ways(struct build *b);
void build_tls(struct build *b);
void build_lint(struct build *b);
void build_access_keys(struct build *b);

/* section_session.c; the top first */
void build_session_top(struct build *b);
void build_session(struct build *b, struct build_gate *g, struct gate_config *gate);
void build_session_seal(struct build *b, const struct build_gate *g, struct gate_config *gate);
/* way_*.c: one way of a gate each */
void build_github(struct build *b, struct build_gate *g, struct gate_config *gate);
void build_email_pin(struct build *b, const struct build_gate *g, struct gate_config *gate);
void build_service_tokens(struct build *b, const struct build_gate *g, struct gate_config *gate);
void build_actions(struct build *b, struct build_gate *g, struct gate_config *gate);
/* way_lists.c: the organisations, teams and logins that the rules of the gate's hosts name, and those rules */
void build_way_lists(struct build *b, struct build_gate *g, struct gate_config *gate);
/* Can people sign in on a page of this gate? */
bool build_is_interactive(const struct raw_gate *raw);
/* section_access.c */
void build_access(struct build *b, const struct raw_host *raw, struct host_config *out);
/* section_gates.c: does the gate have that user of basic? */
bool build_gate_has_user(const struct gate_config *gate, struct span user);
/* provable.c: what the selectors of a host's rules ask of its gate */
void build_check_rule(struct build *b, const struct build_host *h, size_t rule);
/* section_rules.c */
void build_rules_read(struct build *b, struct build_rules *r, const struct objects_field *list);
const struct policy *build_rules_policy(struct build *b, struct build_rules *r, bool is_public);
/* selectors.c: "github_org:" …; "" for those without */
const char *build_selector_prefix(enum selector_kind kind);
/* One selector per item, a group staying one. *bad is set when an item cannot be used (told). */
struct selectors build_selectors(struct build *b, const struct texts_field *list, bool *bad);

#endif
