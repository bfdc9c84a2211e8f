/* A fetcher with an authority of its own, and what a fetch or a mail came to. */
#ifndef TG_TESTS_NET_FETCH_KIT_H
#define TG_TESTS_NET_FETCH_KIT_H

#include "net/fetch.h"
#include "net/mail.h"
#include "player.h"

enum { CERT_GOOD = 0, CERT_EXPIRED, CERT_EARLY, CERT_OTHER, CERT_SELF, CERT_FOREIGN, CERT_ADDRESS, CERTS };

struct outcome {
    struct fetch_kit *kit;
    unsigned calls;
    enum fetch_error error;
    unsigned status;
    bool refused_address;
    struct text body, location, detail; /* location: the field of that name */
    uint64_t took_ms;
};

struct fetch_kit {
    struct loop *loop;
    struct resolver *resolver;
    struct fetcher *fetcher;
    int dns_fd; /* a name server that knows app.test alone: 127.0.0.1. libcurl knows localhost without asking anybody */
    char dns[32];
    struct watch *dns_watch;
    struct pki *pki, *foreign;
    struct pki_cert certs[CERTS];
    char ca[64]; /* the file that SSL_CERT_FILE names */
    struct timer limit;
    uint64_t began_ms;
    unsigned left; /* outcomes that are waited for */
};

/* Keys and files; then the loop with what runs on it. */
void fetch_kit_issue(struct fetch_kit *k);
void fetch_kit_open(struct fetch_kit *k);
void fetch_kit_fini(struct fetch_kit *k);
/* As setup and teardown. */
int fetch_kit_new(void **state);
int fetch_kit_free(void **state);
/* As on_done, with a struct outcome. */
void fetch_kit_on_reply(void *arg, const struct fetch_reply *r);
void fetch_kit_on_mail(void *arg, const struct mail_reply *r);
/* Until so many have come, at most ms. */
void fetch_kit_run(struct fetch_kit *k, unsigned outcomes, unsigned ms);
void outcome_fini(struct outcome *o);

#endif
