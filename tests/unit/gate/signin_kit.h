/* A sign-in service with a real store on a loop of the test's own; GitHub and the mail server are played (fetch_start and mail_send are
 * wrapped). */
#ifndef TG_TESTS_GATE_SIGNIN_KIT_H
#define TG_TESTS_GATE_SIGNIN_KIT_H

#include "../store/kit.h"
#include "base/text.h"
#include "gate/signin.h"
#include "gate/signin/people.h"
#include "support.h"

/* What is answered to a request whose "METHOD url" ends with `end`. */
struct played {
    const char *end;
    enum fetch_error error;
    unsigned status;
    const char *body;
    const char *field, *value; /* one field; NULL: none. Of an error, value is its detail */
    const char *token;         /* only for this one; NULL: for any. The first that fits answers */
};

#define PLAYED_MAX 16

struct service_kit {
    struct kit base;
    struct memory memory;
    struct gate_fixture fixture;
    struct github_config github;
    struct email_pin_config pin;
    const struct policy *policies[2];
    struct gate_list gates;
    struct signin *signin;
    struct ledger *ledger; /* the last one */
    struct text audit;     /* all lines */
    struct played played[PLAYED_MAX];
    size_t played_count;
    struct text asked; /* "METHOD url\nbody\n" of each request */
    unsigned asked_count, running, most_running, cancelled;
    /* reading of people that does not come to an end until service_go_on() */
    bool hold_people, held;
    store_each held_each;
    store_done held_done;
    void *held_arg;
    unsigned times_listed; /* what takes sessions back */
    /* mail */
    struct text mail; /* the last one */
    unsigned mails;
    enum fetch_error mail_error;
    unsigned mail_status;
    bool mail_refused_address;
    const char *mail_detail;
};

struct answered {
    struct service_kit *kit;
    unsigned times;
    enum signin_outcome outcome;
    uint32_t retry_after_s;
    char detail[120], subject[260], what[120], email[260], login[120], groups[200], code[64];
    enum identity_way way;
    int64_t proven_s, session_ends_s;
    uint8_t session_id[16];
};

/* The one that is open. */
struct service_kit *service_current(void);
/* Rules of the gate "g": one allow whose `who` are these. */
void service_open(struct service_kit *k, const struct selector *who, size_t count);
/* The same store and gates, a new service; as after a restart. */
void service_restart(struct service_kit *k);
void service_go_on(struct service_kit *k);
void service_close(struct service_kit *k);
void service_set_rules(struct service_kit *k, const struct selector *who, size_t count);
void service_play(struct service_kit *k, const char *end, unsigned status, const char *body);
struct played *service_played(struct service_kit *k, const char *end);

void service_ask(struct service_kit *k, const struct signin_question *q, struct answered *a);
/* Until it is answered and nothing is under way. */
void service_wait(struct service_kit *k, const struct answered *a, size_t count);
void service_settle(struct service_kit *k);

/* From now on the wall clock goes on from there; until the next service_open(). */
void service_set_clock(int64_t now_s);

bool service_heard(const struct text *t, const char *needle);

#endif
