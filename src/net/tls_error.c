#include "net/tls_impl.h"

#include "base/count.h"

#include <openssl/err.h>
#include <openssl/sslerr.h>
#include <openssl/x509_vfy.h>

struct text {
    long code;
    const char *text;
};

static const char *find(const struct text *list, size_t count, long code, const char *otherwise)
{
    for (size_t i = 0; i < count; i++)
        if (list[i].code == code)
            return list[i].text;
    return otherwise;
}

const char *tls_verify_text(long result)
{
    static const struct text texts[] = {
        {X509_V_ERR_CERT_HAS_EXPIRED, "certificate verify failed: expired"},
        {X509_V_ERR_CERT_NOT_YET_VALID, "certificate verify failed: not yet valid"},
        {X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT, "certificate verify failed: self-signed"},
        {X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN, "certificate verify failed: unknown CA (self-signed in chain)"},
        {X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT, "certificate verify failed: unknown CA"},
        {X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY, "certificate verify failed: unknown CA"},
        {X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE, "certificate verify failed: unknown CA"},
        {X509_V_ERR_HOSTNAME_MISMATCH, "certificate verify failed: hostname mismatch"},
        {X509_V_ERR_IP_ADDRESS_MISMATCH, "certificate verify failed: IP address mismatch"},
        {X509_V_ERR_CERT_SIGNATURE_FAILURE, "certificate verify failed: bad signature"},
        {X509_V_ERR_CERT_REVOKED, "certificate verify failed: revoked"},
        {X509_V_ERR_INVALID_PURPOSE, "certificate verify failed: not for servers"},
        {X509_V_ERR_INVALID_CA, "certificate verify failed: issuer is no CA"},
        {X509_V_ERR_CERT_CHAIN_TOO_LONG, "certificate verify failed: chain too long"},
        {X509_V_ERR_EE_KEY_TOO_SMALL, "certificate verify failed: key too small"},
        {X509_V_ERR_CA_KEY_TOO_SMALL, "certificate verify failed: CA key too small"},
        {X509_V_ERR_CA_MD_TOO_WEAK, "certificate verify failed: signature digest too weak"},
        {X509_V_ERR_PERMITTED_VIOLATION, "certificate verify failed: name not permitted by its CA"},
        {X509_V_ERR_EXCLUDED_VIOLATION, "certificate verify failed: name excluded by its CA"},
    };
    return find(texts, COUNT(texts), result, "certificate verify failed");
}

/* RFC 8446 §6.2 */
static const char *alert_text(long alert)
{
    static const struct text texts[] = {
        {SSL_AD_HANDSHAKE_FAILURE, "the peer sent the alert handshake_failure"},
        {SSL_AD_BAD_CERTIFICATE, "the peer sent the alert bad_certificate"},
        {SSL_AD_UNSUPPORTED_CERTIFICATE, "the peer sent the alert unsupported_certificate"},
        {SSL_AD_CERTIFICATE_EXPIRED, "the peer sent the alert certificate_expired"},
        {SSL_AD_CERTIFICATE_UNKNOWN, "the peer sent the alert certificate_unknown"},
        {SSL_AD_ILLEGAL_PARAMETER, "the peer sent the alert illegal_parameter"},
        {SSL_AD_UNKNOWN_CA, "the peer sent the alert unknown_ca"},
        {SSL_AD_DECODE_ERROR, "the peer sent the alert decode_error"},
        {SSL_AD_DECRYPT_ERROR, "the peer sent the alert decrypt_error"},
        {SSL_AD_PROTOCOL_VERSION, "the peer sent the alert protocol_version"},
        {SSL_AD_INSUFFICIENT_SECURITY, "the peer sent the alert insufficient_security"},
        {SSL_AD_INTERNAL_ERROR, "the peer sent the alert internal_error"},
        {SSL_AD_UNRECOGNIZED_NAME, "the peer sent the alert unrecognized_name"},
        {TLS13_AD_CERTIFICATE_REQUIRED, "the peer sent the alert certificate_required"},
        {SSL_AD_NO_APPLICATION_PROTOCOL, "the peer sent the alert no_application_protocol"},
    };
    return find(texts, COUNT(texts), alert, "the peer sent a TLS alert");
}

const char *tls_error_text(unsigned long err)
{
    static const struct text texts[] = {
        {SSL_R_WRONG_VERSION_NUMBER, "the peer does not speak TLS, or only an old version"},
        {SSL_R_HTTP_REQUEST, "plain HTTP on a TLS port"},
        {SSL_R_HTTPS_PROXY_REQUEST, "a proxy request on a TLS port"},
        {SSL_R_UNSUPPORTED_PROTOCOL, "no common TLS version (1.2 or 1.3)"},
        {SSL_R_VERSION_TOO_LOW, "no common TLS version (1.2 or 1.3)"},
        {SSL_R_NO_SHARED_CIPHER, "no common cipher"},
        {SSL_R_NO_SUITABLE_KEY_SHARE, "no common key exchange group"},
        {SSL_R_NO_SHARED_GROUPS, "no common key exchange group"},
        {SSL_R_NO_APPLICATION_PROTOCOL, "no common application protocol"},
        {SSL_R_CALLBACK_FAILED, "no certificate covers the name that was asked for"},
        {SSL_R_CERTIFICATE_VERIFY_FAILED, "certificate verify failed"},
        {SSL_R_DECRYPTION_FAILED_OR_BAD_RECORD_MAC, "a TLS record was damaged"},
        {SSL_R_UNEXPECTED_MESSAGE, "an unexpected TLS message"},
        {SSL_R_NO_RENEGOTIATION, "renegotiation is not allowed"},
    };
    long reason = ERR_GET_REASON(err);
    if (ERR_GET_LIB(err) != ERR_LIB_SSL)
        return "TLS error";
    if (reason >= SSL_AD_REASON_OFFSET)
        return alert_text(reason - SSL_AD_REASON_OFFSET);
    return find(texts, COUNT(texts), reason, "TLS protocol error");
}
