/* When each service token of the rules was last used, as the store has it: for `tiergate token list`. */
#include "base/text.h"
#include "control/admin.h"
#include "control/worker_priv.h"

#include <stdio.h>
#include <stdlib.h>

#define TEXT_MAX 2000u /* of an answer; what is beyond is counted */
#define TIME_TEXT 20u  /* "2026-11-22T03:11:34Z" */

/* One question, until the store has been read. */
struct worker_tokens {
    struct worker_tokens *next;
    struct worker *worker; /* back */
    uint64_t id;
    struct snapshot *rules;     /* a reference */
    char used[][TIME_TEXT + 1]; /* of all tokens of all gates, in the order of the rules; "": never */
};

static size_t count_tokens(const struct snapshot *s)
{
    size_t n = 0;
    for (size_t i = 0; i < s->gate_count; i++) {
        n += s->gates[i].token_count;
    }
    return n;
}

static void forget(struct worker_tokens *t)
{
    struct worker_tokens **at = &t->worker->tokens_asked;
    while (*at != t) {
        at = &(*at)->next;
    }
    *at = t->next;
    snapshot_unref(t->rules);
    free(t);
}

/* NULL: the rules have no such token any more. */
static char *used_of(struct worker_tokens *t, struct span gate, struct span name)
{
    size_t n = 0;
    for (size_t i = 0; i < t->rules->gate_count; i++) {
        const struct gate_config *g = &t->rules->gates[i];
        for (size_t k = 0; k < g->token_count; k++, n++) {
            if (span_eq(g->name, gate) && span_eq(g->tokens[k].name, name)) {
                return t->used[n];
            }
        }
    }
    return NULL;
}

static void on_record(void *arg, struct span key, struct span value, int64_t ends_s)
{
    struct span gate, name;
    (void)ends_s;
    char *used = signin_token_of(key, &gate, &name) ? used_of(arg, gate, name) : NULL;
    if (used != NULL && value.n >= TIME_TEXT) {
        (void)snprintf(used, TIME_TEXT + 1, "%.*sZ", (int)TIME_TEXT - 1, (const char *)value.p);
    }
}

static void add_token(struct text *out, struct span gate, struct span name, const char *used)
{
    text_addf(out, "%s%.*s %.*s %s", out->n > 0 ? ", " : "", SPAN_ARG(gate), SPAN_ARG(name),
              used[0] != '\0' ? used : "never");
}

static void add_all(struct worker_tokens *t, struct text *out)
{
    size_t n = 0, left_out = 0;
    for (size_t i = 0; i < t->rules->gate_count; i++) {
        const struct gate_config *g = &t->rules->gates[i];
        for (size_t k = 0; k < g->token_count; k++, n++) {
            if (out->n < TEXT_MAX) {
                add_token(out, g->name, g->tokens[k].name, t->used[n]);
            } else {
                left_out++;
            }
        }
    }
    if (left_out > 0) {
        text_addf(out, ", and %zu more", left_out);
    }
}

static void on_listed(void *arg, const struct store_reply *r)
{
    struct worker_tokens *t = arg;
    struct text said;
    text_init(&said);
    if (r->outcome == STORE_OK) {
        add_all(t, &said);
        worker_admin_answer(t->worker, t->id, !said.failed, said.failed ? "out of memory" : said.n > 0 ? said.p : "");
    } else {
        worker_admin_answer(t->worker, t->id, false, "the store cannot be read");
    }
    text_fini(&said);
    forget(t);
}

static bool is_busy(const struct worker *w)
{
    size_t n = 0;
    for (const struct worker_tokens *t = w->tokens_asked; t != NULL; t = t->next) {
        n++;
    }
    return n >= ADMIN_AT_ONCE;
}

void worker_tokens_asked(struct worker *w, uint64_t id)
{
    if (w->state != WORKER_SERVES || w->current == NULL) {
        worker_admin_answer(w, id, true, ""); /* the one that serves says it */
        return;
    }
    if (w->store == NULL) {
        worker_admin_answer(w, id, false, "without a state folder nobody knows");
        return;
    }
    struct worker_tokens *t = is_busy(w) ? NULL : calloc(1, sizeof(*t) + count_tokens(w->current) * sizeof(t->used[0]));
    if (t == NULL) {
        worker_admin_answer(w, id, false, "busy: what was asked before waits for the store");
        return;
    }
    *t = (struct worker_tokens){.next = w->tokens_asked, .worker = w, .id = id, .rules = snapshot_ref(w->current)};
    w->tokens_asked = t;
    store_list(w->store, STORE_TOKENS, on_record, on_listed, t);
}

void worker_tokens_stop(struct worker *w)
{
    while (w->tokens_asked != NULL) {
        forget(w->tokens_asked);
    }
}
