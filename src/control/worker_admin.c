/* What the command line asks of the worker, by way of the supervisor. */
#include "base/clock.h"
#include "control/admin.h"
#include "control/worker_priv.h"

#include <stdlib.h>

/* One question whose answer comes later. */
struct worker_admin {
    struct worker_admin *next;
    struct worker *worker; /* back */
    uint64_t id;
    unsigned waiting; /* entries that are not known to be done, and one for the asking itself */
    bool bad;
    uint32_t ended;
    const char *detail; /* static */
};

static void answer(struct worker *w, uint64_t id, bool good, uint32_t ended, const char *text)
{
    wire_begin(&w->msg, WIRE_ADMIN_DONE);
    wire_put_u64(&w->msg, id);
    wire_put_u64(&w->msg, good);
    wire_put_u64(&w->msg, w->thread_count);
    wire_put_u64(&w->msg, ended);
    wire_put_bytes(&w->msg, span_of(text));
    worker_send(w);
}

void worker_admin_answer(struct worker *w, uint64_t id, bool good, const char *text)
{
    answer(w, id, good, 0, text);
}

/* --- revoke ------------------------------------------------------------------------------------------------------- */

static void unlink_asked(struct worker_admin *a)
{
    struct worker_admin **at = &a->worker->asked;
    while (*at != a) {
        at = &(*at)->next;
    }
    *at = a->next;
}

static void one_less(struct worker_admin *a)
{
    if (--a->waiting > 0) {
        return;
    }
    unlink_asked(a);
    answer(a->worker, a->id, !a->bad, a->ended, a->detail);
    free(a);
}

static void on_revoked(void *arg, bool ok, uint32_t ended, const char *detail)
{
    struct worker_admin *a = arg;
    if (!ok) {
        a->bad = true;
        a->detail = detail;
    }
    /* All entries of one question come with one ledger, which tells one number. */
    a->ended = ended > a->ended ? ended : a->ended;
    one_less(a);
}

static void revoke_one(struct worker_admin *a, const struct ledger_entry *e)
{
    a->waiting++;
    signin_revoke(a->worker->signin.service, e, on_revoked, a);
}

/* That of the first commit while it waits for what was taken back: so does what is asked now. NULL: nothing was committed. */
static const struct snapshot *rules_of(const struct worker *w)
{
    return w->current != NULL ? w->current : w->commit.snapshot;
}

/* Somebody is who he is at one gate; where none was named, he is meant at each. */
static void revoke_at_gates(struct worker_admin *a, struct ledger_entry e)
{
    const struct snapshot *s = rules_of(a->worker);
    if (e.kind != LEDGER_IDENTITY || e.gate.n > 0) {
        revoke_one(a, &e);
        return;
    }
    for (size_t i = 0; i < s->gate_count; i++) {
        e.gate = s->gates[i].name;
        revoke_one(a, &e);
    }
}

static bool has_gate(const struct snapshot *s, struct span name)
{
    for (size_t i = 0; i < s->gate_count; i++) {
        if (span_eq(s->gates[i].name, name)) {
            return true;
        }
    }
    return false;
}

static bool takes_jobs_of(const struct gate_config *gate, struct span repository)
{
    for (size_t i = 0; gate->actions != NULL && i < gate->actions->repository_count; i++) {
        if (span_eq(gate->actions->repositories[i], repository)) {
            return true;
        }
    }
    return false;
}

/* Could there be a session of that one? Who was taken out of the rules has none any more. */
static bool may_be_in(const struct gate_config *gate, const struct ledger_entry *e)
{
    return e->way == WAY_ACTIONS ? takes_jobs_of(gate, e->name) : gate_fingerprint(gate, e->way, e->name) != NULL;
}

static bool may_be_somewhere(const struct snapshot *s, const struct ledger_entry *e)
{
    for (size_t i = 0; i < s->gate_count; i++) {
        if ((e->gate.n == 0 || span_eq(s->gates[i].name, e->gate)) && may_be_in(&s->gates[i], e)) {
            return true;
        }
    }
    return false;
}

/* A slip of the pen would be a revocation that takes nothing back. NULL: it can be. */
static const char *problem(const struct worker *w, const struct ledger_entry *e)
{
    struct span captured;
    const struct snapshot *s = rules_of(w);
    if (w->signin.service == NULL || s == NULL) {
        return "it does not serve yet: try again in a moment";
    }
    if (e->gate.n > 0 && !has_gate(s, e->gate)) {
        return "the rules have no gate of that name";
    }
    if (e->kind == LEDGER_IDENTITY && !may_be_somewhere(s, e)) {
        return "the rules let nobody of that name in: write it as the log does (\"identity\"). Who was taken out of "
               "the "
               "rules has no session any more";
    }
    if (e->kind == LEDGER_HOST && snapshot_find_host(s, e->name, &captured) == NULL) {
        return "the rules have no host of that name";
    }
    return NULL;
}

static unsigned pending(const struct worker *w)
{
    unsigned n = 0;
    for (const struct worker_admin *a = w->asked; a != NULL; a = a->next) {
        n++;
    }
    return n;
}

static void revoke(struct worker *w, uint64_t id, struct ledger_entry *e)
{
    struct worker_admin *a = pending(w) < ADMIN_AT_ONCE ? calloc(1, sizeof(*a)) : NULL;
    if (a == NULL) {
        answer(w, id, false, 0, "busy: what was asked before waits for the store");
        return;
    }
    *a = (struct worker_admin){.next = w->asked, .worker = w, .id = id, .waiting = 1};
    w->asked = a;
    e->at_s = clock_wall_s();
    e->ends_s = e->at_s + LEDGER_KEEP_S;
    revoke_at_gates(a, *e);
    one_less(a);
}

static void on_revoke(struct worker *w, uint64_t id, struct span what, struct span gate)
{
    struct admin_revoke r;
    const char *why = admin_revoke_parse(what, gate, &r);
    if (why == NULL) {
        why = problem(w, &r.entry);
    }
    if (why != NULL) {
        answer(w, id, false, 0, why);
        return;
    }
    revoke(w, id, &r.entry);
}

/* --- status ------------------------------------------------------------------------------------------------------- */

static const char *doing(const struct worker *w)
{
    return w->state != WORKER_SERVES ? "drains" : w->current != NULL ? "serves" : "starts";
}

static unsigned long long mib(size_t bytes)
{
    return (bytes + (1u << 20) - 1) >> 20;
}

/* What its connections take of what they may. */
static void add_load(const struct worker *w, const struct snapshot *s, struct text *out)
{
    struct edge_load l = edge_shared_load(w->edge);
    text_addf(out, "%llu of %u connections, memory %s (%llu of %llu MiB), ", (unsigned long long)l.connections,
              s->limits.connections, l.memory_level, mib(l.memory_held), mib(l.memory_limit));
}

static void on_status(struct worker *w, uint64_t id)
{
    struct text said;
    const struct snapshot *s = w->current;
    text_init(&said);
    text_addf(&said, "%s, ", doing(w));
    if (s != NULL) {
        text_addf(&said, "generation %llu, ", (unsigned long long)s->generation);
        add_load(w, s, &said);
    }
    text_addf(&said, "store %s, lines of the log dropped: %llu", w->store != NULL ? "open" : "none",
              w->log != NULL ? (unsigned long long)log_dropped(w->log) : 0ull);
    answer(w, id, true, 0, said.failed ? "out of memory" : said.p);
    text_fini(&said);
}

/* ------------------------------------------------------------------------------------------------------------------ */

void worker_admin_asked(struct worker *w)
{
    char room[ADMIN_WORDS_MAX];
    uint64_t id = wire_get_u64(&w->msg);
    struct span said = wire_get_bytes(&w->msg), what, gate;
    bool good = wire_done(&w->msg) && said.n <= sizeof(room);
    size_t n = good ? said.n : 0;
    if (n > 0) {
        memcpy(room, said.p, n); /* the message's room is the answer's too */
    }
    struct span words = span_make(room, n);
    if (span_eq(words, SPAN(ADMIN_STATUS))) {
        on_status(w, id);
    } else if (span_eq(words, SPAN(ADMIN_TOKENS))) {
        worker_tokens_asked(w, id);
    } else if (admin_revoke_split(words, &what, &gate)) {
        on_revoke(w, id, what, gate);
    } else {
        answer(w, id, false, 0, "this version does not understand that");
    }
}

void worker_admin_stop(struct worker *w)
{
    worker_tokens_stop(w);
    while (w->asked != NULL) {
        struct worker_admin *a = w->asked;
        w->asked = a->next;
        free(a);
    }
}
