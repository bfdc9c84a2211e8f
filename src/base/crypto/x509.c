#include "base/crypto/x509.h"

#include "base/crypto/x509_pem.h"

#include <openssl/err.h>
#include <openssl/x509v3.h>

#include <arpa/inet.h>
#include <time.h>

static bool time_of(const ASN1_TIME *t, int64_t *out)
{
    struct tm tm;

    if (!t || ASN1_TIME_to_tm(t, &tm) != 1)
        return false;
    *out = timegm(&tm);
    return true;
}

static bool is_host_byte(uint8_t c)
{
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_' || c == '.';
}

/* Also keeps out a name with a NUL or newline inside, which must not be taken for the part before it. */
bool x509_is_name(struct span s)
{
    if (span_has_prefix(s, SPAN("*.")))
        s = span_from(s, 2);
    if (!s.n || s.n > 253 || s.p[0] == '.')
        return false;
    for (size_t i = 0; i < s.n; i++)
        if (!is_host_byte(ascii_lower(s.p[i])))
            return false;
    return true;
}

static void add_dns(struct text *names, const ASN1_IA5STRING *value)
{
    struct span s = span_make(ASN1_STRING_get0_data(value), (size_t)ASN1_STRING_length(value));

    if (!x509_is_name(s))
        return;
    for (size_t i = 0; i < s.n; i++) {
        uint8_t c = ascii_lower(s.p[i]);

        text_add(names, span_make(&c, 1));
    }
    text_add(names, SPAN("\n"));
}

static void add_address(struct text *names, const ASN1_OCTET_STRING *value)
{
    char out[INET6_ADDRSTRLEN];
    int n = ASN1_STRING_length(value);

    if ((n == 4 || n == 16) && inet_ntop(n == 4 ? AF_INET : AF_INET6, ASN1_STRING_get0_data(value), out, sizeof(out)))
        text_addf(names, "%s\n", out);
}

static struct res read_names(const X509 *cert, struct text *names)
{
    int found = 0;
    GENERAL_NAMES *list = X509_get_ext_d2i(cert, NID_subject_alt_name, &found, NULL);

    if (!list)
        return found == -1 ? RES_OK : res_err("the certificate's names cannot be read");
    for (int i = 0; i < sk_GENERAL_NAME_num(list); i++) {
        const GENERAL_NAME *name = sk_GENERAL_NAME_value(list, i);

        if (name->type == GEN_DNS)
            add_dns(names, name->d.dNSName);
        else if (name->type == GEN_IPADD)
            add_address(names, name->d.iPAddress);
    }
    GENERAL_NAMES_free(list);
    return names->failed ? res_err("out of memory") : RES_OK;
}

struct res x509_info_parse(struct span cert_pem, struct x509_info *out)
{
    X509 *cert = x509_pem_cert(cert_pem);
    struct res r = RES_OK;

    if (!cert)
        return res_err("no certificate in PEM form");
    text_init(&out->names);
    if (!time_of(X509_get0_notBefore(cert), &out->not_before) || !time_of(X509_get0_notAfter(cert), &out->not_after))
        r = res_err("the certificate's dates cannot be read");
    else
        r = read_names(cert, &out->names);
    if (!res_ok(r))
        text_fini(&out->names);
    X509_free(cert);
    ERR_clear_error();
    return r;
}

void x509_info_fini(struct x509_info *info)
{
    text_fini(&info->names);
}

bool x509_next_name(struct span *rest, struct span *name)
{
    return rest->n && span_cut(*rest, '\n', name, rest);
}

bool x509_covers(const struct x509_info *info, struct span host)
{
    struct span rest = text_span(&info->names), name;

    while (x509_next_name(&rest, &name))
        if (x509_name_covers(name, host))
            return true;
    return false;
}

static bool is_address(struct span s)
{
    bool digits_only = true;

    for (size_t i = 0; i < s.n; i++) {
        if (s.p[i] == ':')
            return true;
        digits_only = digits_only && ((s.p[i] >= '0' && s.p[i] <= '9') || s.p[i] == '.');
    }
    return digits_only;
}

bool x509_name_covers(struct span cert_name, struct span host)
{
    struct span label, parent, base;

    if (!host.n)
        return false;
    if (span_eq(cert_name, host))
        return true;
    if (!span_has_prefix(cert_name, SPAN("*.")) || is_address(host))
        return false;
    base = span_from(cert_name, 2);
    if (!span_cut(host, '.', &label, &parent) || !label.n || span_find(label, '*') < label.n)
        return false;
    return span_find(base, '.') < base.n && span_eq(base, parent);
}

struct res x509_key_matches(struct span cert_pem, struct span key_pem)
{
    struct res r = x509_pem_chain_ok(cert_pem) ? RES_OK : res_err("not a chain of certificates in PEM form");
    X509 *cert = res_ok(r) ? x509_pem_cert(cert_pem) : NULL;
    EVP_PKEY *key = cert ? x509_pem_key(key_pem) : NULL;

    if (cert && !key)
        r = res_err("no unencrypted private key in PEM form");
    else if (cert && X509_check_private_key(cert, key) != 1)
        r = res_err("the private key is not that of the certificate");
    else if (!cert && res_ok(r))
        r = res_err("out of memory");
    EVP_PKEY_free(key);
    X509_free(cert);
    ERR_clear_error();
    return r;
}
