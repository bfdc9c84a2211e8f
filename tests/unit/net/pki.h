/* A certificate authority for tests. */
#ifndef TG_TESTS_NET_PKI_H
#define TG_TESTS_NET_PKI_H

#include "base/text.h"

struct pki;

struct pki_cert {
    struct text cert, key; /* PEM */
};

struct pki_wish {
    const char *san;      /* "DNS:a.test,DNS:*.b.test,IP:127.0.0.1" */
    long from_s, until_s; /* from now; both 0: yesterday until tomorrow */
    bool self_signed;
};

struct pki *pki_new(const char *name);
void pki_free(struct pki *p);
struct span pki_ca(const struct pki *p);
void pki_issue(struct pki *p, const struct pki_wish *wish, struct pki_cert *out);
/* A certificate of this authority whose basic constraints are no ASN.1. */
void pki_unreadable(struct pki *p, struct text *pem);
void pki_cert_fini(struct pki_cert *c);

#endif
