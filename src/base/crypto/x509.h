/* Certificates outside of TLS: what `check` and the loader must know of the configured ones, and the local authority
 * of `cert dev` and the demo. PEM in, PEM out; encrypted keys are refused, never prompted for. thread: any. */
#ifndef TG_BASE_CRYPTO_X509_H
#define TG_BASE_CRYPTO_X509_H

#include "base/res.h"
#include "base/text.h"

struct x509_info {
    int64_t not_before, not_after; /* seconds since the epoch */
    struct text names;             /* owns; each name ends in '\n' (which none can hold) */
};

/* Names and dates of the leaf: the first certificate of the PEM chain. Names are the SANs, in their order: DNS names
 * in lower case, addresses as inet_ntop writes them. A DNS name that is no host name is left out. No SAN: no names
 * (the subject is not looked at, as clients do not). *out is to be given to x509_info_fini only after success. */
struct res x509_info_parse(struct span cert_pem, struct x509_info *out) MUSTUSE;
void x509_info_fini(struct x509_info *info);
/* Steps through the names; *rest begins as text_span(&info->names). False at the end. */
bool x509_next_name(struct span *rest, struct span *name);
bool x509_covers(const struct x509_info *info, struct span host);
/* Does a name of a certificate cover a host (or host pattern) in lower case, without port or brackets? Exactly the same
 * name does; `*.a.b` covers each x.a.b of one label more, never an address and never a `*.x` other than itself. As for
 * OpenSSL and browsers a wildcard needs two labels behind it. */
bool x509_name_covers(struct span cert_name, struct span host);

/* A host name or `*.` name as certificates may hold it (any case). Addresses are judged elsewhere. */
bool x509_is_name(struct span s);

/* Is every certificate of the PEM chain readable, and the key that of the first? The reason says which is wrong. */
struct res x509_key_matches(struct span cert_pem, struct span key_pem) MUSTUSE;

struct x509_pair {
    struct text cert, key; /* owns; PEM */
};

void x509_pair_init(struct x509_pair *pair);
void x509_pair_fini(struct x509_pair *pair); /* wipes the key */
/* A new authority of EC P-256 for ten years, which may sign leaves only: "tiergate local CA <hostname>". *out as
 * x509_pair_init leaves it; after an error it holds nothing. */
struct res x509_make_ca(struct span hostname, struct x509_pair *out) MUSTUSE;
/* A server certificate for DNS names, `*.` names and addresses, signed by ca; 397 days, within ca's own time. */
struct res x509_make_leaf(const struct x509_pair *ca, const struct span *names, size_t count,
                          struct x509_pair *out) MUSTUSE;

#endif
