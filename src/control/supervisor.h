/* The supervisor: binds sockets, starts the loader on start and SIGHUP, keeps one worker
 * running. Parses nothing itself.
 *
 * SIGHUP: the rules anew, all or nothing, and the log opened anew whatever becomes of that.
 * SIGTERM, SIGINT: drain, then exit 0; a second one: a hard end, exit 1.
 * A worker that dies is started again with the last good bundle; the sockets stay open all the while.
 * A reload that needs more than the worker's sandbox allows starts a worker beside it; the old one takes the new rules
 * for what is open, and parts. */
#ifndef TG_CONTROL_SUPERVISOR_H
#define TG_CONTROL_SUPERVISOR_H

#include <stdbool.h>
#include <stddef.h>

struct supervisor_options {
    const char *const *rules;
    size_t rule_count;
    const char *state_dir;       /* NULL: none */
    unsigned threads;            /* 0: one per CPU */
    const char *user;            /* of the worker; NULL: see privilege_find() */
    bool no_sandbox;             /* the operator's own decision */
    const char *resolver;        /* "ip[:port],…" to ask for names; NULL: the system's */
    void (*on_ready)(void *arg); /* once, when the first worker serves; may be NULL */
    void *arg;
};

/* Runs until told to end. Returns the program's exit code. Must be called before any thread is started. */
int supervisor_run(const struct supervisor_options *o);

#endif
