#include "net/tls_impl.h"

#include "net/addr.h"

#include <openssl/x509v3.h>

#include <stdlib.h>

#define NAME_MAX_BYTES 255

static int compare(const void *a, const void *b)
{
    const struct span *x = a, *y = b;
    return span_cmp(*x, *y);
}

/* A wildcard stands alone in the left-most label or the name is not used: partial ones are refused everywhere. */
static bool is_usable_dns(struct span s)
{
    if (s.n == 0 || s.n > NAME_MAX_BYTES || memchr(s.p, 0, s.n))
        return false;
    struct span rest = span_has_prefix(s, SPAN("*.")) ? span_from(s, 2) : s;
    return rest.n > 0 && span_find(rest, '*') == rest.n;
}

static bool add(struct tls_names *names, struct span s)
{
    uint8_t *copy = malloc(s.n);
    if (!copy)
        return false;
    for (size_t i = 0; i < s.n; i++)
        copy[i] = ascii_lower(s.p[i]);
    names->list[names->count++] = span_make(copy, s.n);
    return true;
}

static bool add_ip(struct tls_names *names, struct span ip)
{
    struct addr a = {.family = AF_INET6};
    char text[ADDR_TEXT];
    if (ip.n == 4) {
        a.family = AF_INET;
        memcpy(a.ip + 12, ip.p, 4);
    } else if (ip.n == 16) {
        memcpy(a.ip, ip.p, 16);
    } else {
        return true;
    }
    return add(names, span_make(text, addr_format_ip(&a, text)));
}

static bool add_general(struct tls_names *names, const GENERAL_NAME *name)
{
    int type;
    const ASN1_STRING *value = GENERAL_NAME_get0_value(name, &type);
    if (type != GEN_DNS && type != GEN_IPADD)
        return true;
    struct span s = span_make(ASN1_STRING_get0_data(value), (size_t)ASN1_STRING_length(value));
    if (type == GEN_IPADD)
        return add_ip(names, s);
    return !is_usable_dns(s) || add(names, s);
}

static struct res fill(struct tls_names *names, const GENERAL_NAMES *from)
{
    int count = sk_GENERAL_NAME_num(from);
    names->list = calloc(count > 0 ? (size_t)count : 1, sizeof *names->list);
    if (!names->list)
        return res_err("out of memory");
    for (int i = 0; i < count; i++)
        if (!add_general(names, sk_GENERAL_NAME_value(from, i)))
            return res_err("out of memory");
    if (names->count == 0)
        return res_err("the certificate names no host in its subjectAltName");
    qsort(names->list, names->count, sizeof *names->list, compare);
    return RES_OK;
}

struct res tls_names_init(struct tls_names *names, X509 *cert)
{
    *names = (struct tls_names){0};
    GENERAL_NAMES *from = X509_get_ext_d2i(cert, NID_subject_alt_name, NULL, NULL);
    if (!from)
        return res_err("the certificate has no subjectAltName");
    struct res r = fill(names, from);
    GENERAL_NAMES_free(from);
    return r;
}

void tls_names_fini(struct tls_names *names)
{
    for (size_t i = 0; i < names->count; i++)
        free((void *)(uintptr_t)names->list[i].p);
    free(names->list);
    *names = (struct tls_names){0};
}

static bool has(const struct tls_names *names, struct span key)
{
    return bsearch(&key, names->list, names->count, sizeof key, compare) != NULL;
}

/* Lower case, and an IPv6 literal as the table spells it. False: nothing that a certificate could name. */
static bool normalise(struct span host, uint8_t buf[NAME_MAX_BYTES + 1], struct span *out)
{
    struct addr a;
    char text[ADDR_TEXT];
    if (host.n == 0 || host.n > NAME_MAX_BYTES || span_find(host, '*') < host.n)
        return false;
    if (host.p[0] == '[' && addr_parse_ip(host, &a))
        host = span_make(text, addr_format_ip(&a, text));
    for (size_t i = 0; i < host.n; i++)
        buf[i] = ascii_lower(host.p[i]);
    *out = span_make(buf, host.n);
    return true;
}

bool tls_names_has_exact(const struct tls_names *names, struct span host)
{
    uint8_t buf[NAME_MAX_BYTES + 1];
    struct span key;
    return normalise(host, buf, &key) && has(names, key);
}

bool tls_names_has_wildcard(const struct tls_names *names, struct span host)
{
    uint8_t buf[NAME_MAX_BYTES + 1];
    struct span key;
    struct addr a;
    if (!normalise(host, buf, &key) || addr_parse_ip(key, &a))
        return false;
    size_t dot = span_find(key, '.');
    if (dot == 0 || dot == key.n)
        return false;
    buf[dot - 1] = '*';
    return has(names, span_make(buf + dot - 1, key.n - dot + 1));
}
