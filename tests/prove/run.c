/* Every string goes through the parser and the policy that serve. Two things are left out, neither of which trusts
 * them: a path that does not pass needs no oracle (a malformed one is refused before any policy is asked); and a path
 * that the string before it had too, byte for byte (they differ in the query alone), has the readings that were just
 * checked: they are made of the path alone. */
#include "run.h"

#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "base/count.h"

#define WORKERS_MAX 64

static const char alphabet[] = "/.%2ef5c;\\?#adAD";
const char *const run_prefixes[] = {
    "/", "/open", "/open/", "/open/d", "/open/d/", "/open/%2e", "/open/a/..", "/gate/", "/gate/..%2fopen/",
};
const size_t run_prefix_count = COUNT(run_prefixes);

_Static_assert(COUNT(run_prefixes) <= PREFIXES_MAX, "counts of every prefix");

/* What was found out about the path of the last string that was not malformed. */
struct memory {
    uint8_t path[READING_BYTES];
    size_t n;
    bool has_readings;
    bool is_checked[SETS_MAX];
};

struct worker {
    struct run *run;
    struct policy_scratch *scratch; /* owns */
    struct memory memory;
    struct readings readings; /* of memory.path, if it has them */
    struct counts counts;     /* of the job under way */
    struct leak leak;         /* of the job under way */
    uint64_t job;
};

/* --- one string --------------------------------------------------------------------------------------------------- */

static void set_leak(struct worker *w, struct span target, const struct prove_set *set, enum verdict verdict)
{
    w->leak.job = w->job;
    w->leak.n = target.n;
    memcpy(w->leak.target, target.p, target.n);
    w->leak.set = set;
    w->leak.verdict = verdict;
}

static bool rule_opens(const struct prove_set *set, size_t rule)
{
    return rule < prove_rule_count(set) && set->rules[rule].action == ACTION_BYPASS;
}

static void check_reading(struct worker *w, struct span target, const struct prove_set *set, size_t reading)
{
    for (size_t eyes = 0; eyes < prove_eyes_count && w->leak.job == UINT64_MAX; eyes++) {
        size_t rule = prove_first_rule(set, reading_text(&w->readings.v[reading]), &prove_eyes[eyes]);
        w->counts.checks++;
        if (rule_opens(set, rule))
            continue;
        set_leak(w, target, set, VERDICT_BYPASS);
        w->leak.eyes = eyes;
        w->leak.rule = rule;
        w->leak.reading = reading;
        w->leak.readings = w->readings;
    }
}

static void remember(struct memory *m, struct span path)
{
    if (span_eq(span_make(m->path, m->n), path))
        return;
    *m = (struct memory){.n = path.n};
    memcpy(m->path, path.p, path.n);
}

static void find_readings(struct worker *w, struct span path)
{
    if (w->memory.has_readings)
        return;
    readings_find(path, &w->readings);
    w->memory.has_readings = true;
    w->counts.readings += w->readings.n;
    if (w->readings.is_full) {
        fprintf(stderr, "%.*s: more than %d readings\n", SPAN_ARG(path), READINGS_MAX);
        abort();
    }
}

static void check_bypass(struct worker *w, struct span target, const struct path *path, size_t set)
{
    w->counts.bypassed++;
    if (w->memory.is_checked[set])
        return;
    find_readings(w, path->raw);
    for (size_t i = 0; i < w->readings.n && w->leak.job == UINT64_MAX; i++)
        check_reading(w, target, &prove_sets[set], i);
    w->memory.is_checked[set] = true;
}

static void try_target(struct worker *w, struct span target)
{
    const struct run *run = w->run;
    uint8_t room[READING_BYTES];
    struct path path;
    run->judge->parse(run->judge, target, room, &path);
    w->counts.tried++;
    if (path.kind == PATH_MALFORMED)
        return;
    remember(&w->memory, path.raw);
    for (size_t i = 0; i < prove_set_count && w->leak.job == UINT64_MAX; i++) {
        enum verdict v = run->judge->decide(&prove_sets[i], &run->policies[i], &path, w->scratch);
        if (v == VERDICT_BYPASS)
            check_bypass(w, target, &path, i);
        else if (v == VERDICT_ALLOW)
            set_leak(w, target, &prove_sets[i], v);
    }
}

/* --- all strings -------------------------------------------------------------------------------------------------- */

/* The first symbols of a string are its job's, the rest are gone through. */
static size_t symbols_of_job(size_t length)
{
    return length < 2 ? length : 2;
}

static uint64_t jobs_of_length(size_t length)
{
    return COUNT(run_prefixes) * ((uint64_t)1 << (4 * symbols_of_job(length)));
}

static void put_symbols(uint8_t *out, size_t n, uint64_t number)
{
    for (size_t i = n; i-- > 0; number >>= 4)
        out[i] = (uint8_t)alphabet[number & 15];
}

/* Returns the prefix. */
static size_t do_job(struct worker *w, uint64_t job)
{
    uint8_t target[READING_BYTES];
    size_t length = 0;
    for (; job >= jobs_of_length(length); length++)
        job -= jobs_of_length(length);
    size_t head = symbols_of_job(length), prefix = job >> (4 * head), at = strlen(run_prefixes[prefix]);
    memcpy(target, run_prefixes[prefix], at);
    put_symbols(target + at, head, job);
    uint64_t total = (uint64_t)1 << (4 * (length - head));
    for (uint64_t i = 0; i < total && w->leak.job == UINT64_MAX; i++) {
        put_symbols(target + at + head, length - head, i);
        try_target(w, span_make(target, at + length));
    }
    return prefix;
}

void counts_add(struct counts *to, const struct counts *c)
{
    to->tried += c->tried;
    to->bypassed += c->bypassed;
    to->readings += c->readings;
    to->checks += c->checks;
}

static void deliver(struct worker *w, size_t prefix)
{
    pthread_mutex_lock(&w->run->lock);
    counts_add(&w->run->counts[prefix], &w->counts);
    if (w->leak.job < w->run->leak.job) {
        w->run->leak = w->leak;
        /* Jobs before this one are under way or done already: the first leak of all stays the first. */
        atomic_store(&w->run->next, w->run->jobs);
    }
    pthread_mutex_unlock(&w->run->lock);
    atomic_fetch_add(&w->run->done, w->counts.tried);
}

static void *work(void *arg)
{
    struct worker *w = arg;
    while ((w->job = atomic_fetch_add(&w->run->next, 1)) < w->run->jobs) {
        w->counts = (struct counts){0};
        w->memory = (struct memory){0};
        deliver(w, do_job(w, w->job));
    }
    return NULL;
}

/* --- a run -------------------------------------------------------------------------------------------------------- */

static size_t worker_count(void)
{
    cpu_set_t set;
    size_t n = sched_getaffinity(0, sizeof(set), &set) == 0 ? (size_t)CPU_COUNT(&set) : 1;
    return n > WORKERS_MAX ? WORKERS_MAX : n;
}

static void *must(void *p)
{
    if (p)
        return p;
    fputs("out of memory\n", stderr);
    exit(2);
}

static struct worker *worker_new(struct run *run)
{
    struct worker *w = must(calloc(1, sizeof(*w)));
    w->run = run;
    w->scratch = must(policy_scratch_new());
    w->leak.job = UINT64_MAX;
    return w;
}

static void worker_free(struct worker *w)
{
    policy_scratch_free(w->scratch);
    free(w);
}

double run_clock(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* Every ten seconds, so that short runs say nothing. */
static void show_progress(struct run *run)
{
    double start = run_clock(), last = start;
    while (atomic_load(&run->next) < run->jobs) {
        usleep(20 * 1000);
        if (run_clock() - last < 10)
            continue;
        last = run_clock();
        fprintf(stderr, "%3.0f %% of the work, %.0f s\n",
                100.0 * (double)atomic_load(&run->done) / (double)run->strings, last - start);
    }
}

void run_go(struct run *run)
{
    pthread_t threads[WORKERS_MAX];
    struct worker *workers[WORKERS_MAX];
    size_t n = worker_count();
    for (size_t i = 0; i < n; i++) {
        workers[i] = worker_new(run);
        if (pthread_create(&threads[i], NULL, work, workers[i]) != 0)
            must(NULL);
    }
    show_progress(run);
    for (size_t i = 0; i < n; i++) {
        pthread_join(threads[i], NULL);
        worker_free(workers[i]);
    }
}

struct run *run_new(const struct judge *judge, const struct prove_policy *policies, size_t length)
{
    struct run *run = must(calloc(1, sizeof(*run)));
    run->judge = judge;
    run->policies = policies;
    for (size_t i = 0; i <= length; i++) {
        run->jobs += jobs_of_length(i);
        run->strings += run_prefix_count << (4 * i);
    }
    run->leak.job = UINT64_MAX;
    pthread_mutex_init(&run->lock, NULL);
    return run;
}

void run_free(struct run *run)
{
    pthread_mutex_destroy(&run->lock);
    free(run);
}
