#include "net/tls_impl.h"

#include "base/crypto/mac.h"
#include "base/crypto/random.h"

#include <openssl/core_names.h>
#include <openssl/evp.h>

struct res tls_ticket_init(struct tls_ticket_key *key, struct span secret)
{
    uint8_t derived[sizeof key->name + sizeof key->aes + sizeof key->mac];
    if (secret.n < 32)
        return res_err("the ticket secret is shorter than 32 bytes");
    struct res r = hkdf_sha256(secret, SPAN_NONE, SPAN("tiergate tls ticket 1"), derived, sizeof derived);
    if (!res_ok(r))
        return r;
    memcpy(key->name, derived, sizeof key->name);
    memcpy(key->aes, derived + sizeof key->name, sizeof key->aes);
    memcpy(key->mac, derived + sizeof key->name + sizeof key->aes, sizeof key->mac);
    wipe(derived, sizeof derived);
    key->cipher = EVP_CIPHER_fetch(NULL, "AES-256-CBC", NULL);
    return key->cipher ? RES_OK : res_err("no AES-256-CBC for session tickets");
}

void tls_ticket_fini(struct tls_ticket_key *key)
{
    EVP_CIPHER_free(key->cipher);
    wipe(key, sizeof *key);
}

static bool set_mac(const struct tls_ticket_key *key, EVP_MAC_CTX *mac)
{
    char digest[] = "SHA256";
    uint8_t secret[sizeof key->mac];
    memcpy(secret, key->mac, sizeof secret);
    OSSL_PARAM params[] = {OSSL_PARAM_construct_octet_string(OSSL_MAC_PARAM_KEY, secret, sizeof secret),
                           OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, digest, 0),
                           OSSL_PARAM_construct_end()};
    bool ok = EVP_MAC_CTX_set_params(mac, params) == 1;
    wipe(secret, sizeof secret);
    return ok;
}

/* RFC 5077 §4. On opening: 0 = not our key, a full handshake follows; 1 = good. */
static int on_ticket(SSL *ssl, unsigned char name[16], unsigned char *iv, EVP_CIPHER_CTX *cipher, EVP_MAC_CTX *mac,
                     int sealing)
{
    const struct tls_server *server = SSL_CTX_get_app_data(SSL_get_SSL_CTX(ssl));
    const struct tls_ticket_key *key = &server->ticket;
    if (!sealing) {
        if (memcmp(name, key->name, sizeof key->name) != 0)
            return 0;
        return EVP_DecryptInit_ex(cipher, key->cipher, NULL, key->aes, iv) == 1 && set_mac(key, mac) ? 1 : -1;
    }
    if (!res_ok(random_bytes(iv, (size_t)EVP_CIPHER_get_iv_length(key->cipher))))
        return -1;
    memcpy(name, key->name, sizeof key->name);
    return EVP_EncryptInit_ex(cipher, key->cipher, NULL, key->aes, iv) == 1 && set_mac(key, mac) ? 1 : -1;
}

bool tls_ticket_install(SSL_CTX *ctx)
{
    return SSL_CTX_set_tlsext_ticket_key_evp_cb(ctx, on_ticket) == 1;
}
