/* Any bytes as a session token: none holds but the one that was signed, and the bytes between `1|` and the MAC are read
 * within their bounds. Input that begins with a zero byte is the raw form, so that the fuzzer gets past base64. */
#include <stdlib.h>

#include "base/crypto/base64.h"
#include "gate/token.h"

#define MUST(condition)                                                                                                \
    do {                                                                                                               \
        if (!(condition))                                                                                              \
            abort();                                                                                                   \
    } while (0)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct basic_user users[] = {{.name = {(const uint8_t *)"u", 1}, .fingerprint = {1}}};
    struct basic_config basic = {.users = users, .user_count = 1};
    const struct gate_config gate = {
        .name = SPAN("g"),
        .basic = &basic,
        .session = {.cookie = SPAN("c"), .lifetime_s = 1000, .keys = {{.id = {0}, .key = {7}}}, .key_count = 1}};
    const struct circle circle = {CIRCLE_HOST, SPAN("h")};
    struct session s;
    char *text = malloc(BASE64_SIZE(size) + 1);
    MUST(text);
    size_t n = size;
    if (size && data[0] == 0)
        n = base64url_encode(span_make(data + 1, size - 1), text);
    else if (size)
        memcpy(text, data, size);
    MUST(!token_verify(&gate, &circle, span_make(text, n), 0, &s));
    free(text);
    return 0;
}
