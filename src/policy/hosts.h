/* Host patterns: exact name, `*.name`, template `pr-{n:int}.name`. Exact > template > `*.`. Pure. */
#ifndef TG_POLICY_HOSTS_H
#define TG_POLICY_HOSTS_H

#include "base/res.h"
#include "base/span.h"

enum host_pattern_kind { HOST_EXACT = 0, HOST_TEMPLATE, HOST_WILDCARD };

struct host_pattern {
    enum host_pattern_kind kind;
    struct span text; /* as written, lower case */
    /* template: text before `{`, after `}` (both within the name), the capture's name and kind */
    struct span before, after, capture;
    enum { CAPTURE_LABEL = 0, CAPTURE_INT } capture_kind;
};

/* text must outlive the pattern and be lower case (an upper-case letter is an error that says so). The error names what
 * is wrong: two captures, a capture over a dot, `*` elsewhere than as the first label, bad label, … */
struct res host_pattern_parse(struct span text, struct host_pattern *out) MUSTUSE;
/* name: normal form (http/host.h). *captured: the capture's bytes, empty for the others. */
bool host_pattern_matches(const struct host_pattern *p, struct span name, struct span *captured);
/* Can some name match both templates? (Exact names and `*.` never count: they rank differently.) */
bool host_pattern_overlaps(const struct host_pattern *a, const struct host_pattern *b);

struct host_table; /* immutable */

struct host_match {
    size_t index;         /* of the pattern in the array given to host_table_new */
    struct span captured; /* within the name asked for */
};

/* NULL: no memory. patterns are borrowed and must outlive the table. */
struct host_table *host_table_new(const struct host_pattern *patterns, size_t count);
void host_table_free(struct host_table *t);
bool host_table_find(const struct host_table *t, struct span name, struct host_match *out);

#endif
