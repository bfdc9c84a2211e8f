#include "gate/signin/pin.h"

#include "base/crypto/mac.h"
#include "base/crypto/random.h"

#define PIN_COUNT 100000000u
#define PARTS_MAX 8

size_t pin_read_address(struct span typed, char out[PIN_ADDRESS_MAX])
{
    struct span s = span_trim(typed);
    if (s.n > PIN_ADDRESS_MAX || !mail_is_address(s))
        return 0;
    for (size_t i = 0; i < s.n; i++)
        out[i] = (char)ascii_lower(s.p[i]);
    return s.n;
}

bool pin_read(struct span typed, char out[PIN_DIGITS])
{
    size_t n = 0;
    for (size_t i = 0; i < typed.n; i++) {
        uint8_t c = typed.p[i];
        if (c == ' ' || c == '-')
            continue;
        if (c < '0' || c > '9' || n == PIN_DIGITS)
            return false;
        out[n++] = (char)c;
    }
    return n == PIN_DIGITS;
}

/* Numbers beyond the last whole run of all PINs are drawn again: they would make the first ones likelier. */
static bool draw(uint32_t *out)
{
    const uint32_t end = UINT32_MAX / PIN_COUNT * PIN_COUNT;
    do {
        if (!res_ok(random_bytes((uint8_t *)out, sizeof(*out))))
            return false;
    } while (*out >= end);
    return true;
}

bool pin_make(char out[PIN_DIGITS + 1])
{
    uint32_t n = 0;
    if (!draw(&n))
        return false;
    n %= PIN_COUNT;
    for (size_t i = PIN_DIGITS; i-- > 0; n /= 10)
        out[i] = (char)('0' + n % 10);
    out[PIN_DIGITS] = '\0';
    wipe(&n, sizeof(n));
    return true;
}

static bool key_of(const struct gate_config *gate, size_t nth, uint8_t key[32])
{
    const struct session_config *c = &gate->session;
    return nth < c->key_count && res_ok(hkdf_sha256(span_make(c->keys[nth].seal, sizeof(c->keys[nth].seal)), SPAN_NONE,
                                                    SPAN("tiergate one-time pin v1 key"), key, 32));
}

bool pin_hash(const struct gate_config *gate, const char *purpose, const struct span *parts, size_t count,
              uint8_t out[PIN_HASH])
{
    return pin_hash_by(gate, 0, purpose, parts, count, out);
}

bool pin_hash_by(const struct gate_config *gate, size_t nth, const char *purpose, const struct span *parts,
                 size_t count, uint8_t out[PIN_HASH])
{
    struct span all[PARTS_MAX] = {span_of(purpose), gate->name};
    uint8_t key[32];
    if (count > PARTS_MAX - 2 || !key_of(gate, nth, key))
        return false;
    for (size_t i = 0; i < count; i++)
        all[i + 2] = parts[i];
    struct mac *m = mac_new(span_make(key, sizeof(key)));
    bool ok = m && res_ok(mac_sum(m, all, count + 2, out));
    mac_free(m);
    wipe(key, sizeof(key));
    return ok;
}
