/* Everything that is wrong with a rules file, collected and told at once. */
#ifndef TG_CONFIG_DIAG_H
#define TG_CONFIG_DIAG_H

#include <stdio.h>

#include "base/span.h"
#include "base/text.h"

enum diag_level { DIAG_WARNING = 0, DIAG_ERROR };

struct diag {
    enum diag_level level;
    char *file;    /* may be NULL */
    unsigned line; /* 0: unknown */
    char *path;    /* "hosts[1].rules[0].path"; may be NULL */
    char *message; /* what is wrong and what to write instead */
};

struct diags {
    struct diag *v;
    size_t n, cap;
    size_t errors, warnings;
    bool failed; /* an entry was lost for want of memory: counts as an error */
};

void diags_init(struct diags *d);
void diags_fini(struct diags *d);
void diags_addf(struct diags *d, enum diag_level level, const char *file, unsigned line, const char *path,
                const char *format, ...) __attribute__((format(printf, 6, 7)));
bool diags_ok(const struct diags *d);
/* Has some error already said something that holds `words`? So that one missing thing is not told twice. */
bool diags_mentions(const struct diags *d, const char *words);
/* "rules/a.json:12: hosts[1].rules[0].path: …" per line, errors first; colour only when asked. */
void diags_print(const struct diags *d, bool colour, struct text *out);
/* The same to a stream. */
void diags_tell(const struct diags *d, bool colour, FILE *f);
/* {"ok":false,"errors":[{"file","line","path","message"}],"warnings":[…]} */
void diags_json(const struct diags *d, struct text *out);

#endif
