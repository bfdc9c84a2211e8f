#include "config/access_keys.h"

#include "base/crypto/base64.h"
#include "base/crypto/rsa.h"

#include <inttypes.h>

/* --- reading ---------------------------------------------------------------------------------------------------------- */

static struct span text_of(const struct json_value *v, const char *name)
{
    return json_as_string(json_get(v, name));
}

static int64_t time_of(const struct json_value *v, const char *name)
{
    const struct json_value *member = json_get(v, name);

    return json_type_of(member) == JSON_T_INT ? json_as_int(member) : -1;
}

static bool read_key(const struct json_value *v, struct access_key *out)
{
    *out = (struct access_key){.made_s = time_of(v, "made"),
                               .until_s = time_of(v, "until"),
                               .key = text_of(v, "key"),
                               .certificate = text_of(v, "certificate")};
    struct rsa_key *k = rsa_from_pem(out->key);
    bool good = k && out->made_s >= 0 && out->until_s >= 0 && out->certificate.n;

    rsa_key_free(k);
    return good;
}

static bool read_all(const struct json_value *root, struct access_keys *out)
{
    const struct json_value *keys = json_get(root, "keys");
    size_t n = 0;

    *out = (struct access_keys){.n = json_count(keys)};
    if (time_of(root, "version") != 1 || out->n == 0 || out->n > ACCESS_KEYS_MAX ||
        json_type_of(keys) != JSON_T_ARRAY ||
        !base64url_decode(text_of(root, "subject"), out->subject, sizeof(out->subject), &n) ||
        n != sizeof(out->subject))
        return false;
    for (size_t i = 0; i < out->n; i++)
        if (!read_key(json_at(keys, i), &out->v[i]))
            return false;
    return true;
}

bool access_keys_read(struct span text, struct access_keys *out, struct json_doc **doc)
{
    struct json_error err;

    *doc = json_parse(text, &err);
    if (*doc && read_all(json_root(*doc), out))
        return true;
    json_free(*doc);
    *doc = NULL;
    return false;
}

/* --- writing ---------------------------------------------------------------------------------------------------------- */

static void write_text(struct text *out, const char *name, struct span s)
{
    text_addf(out, ",\"%s\":\"", name);
    text_add_json(out, s);
    text_add(out, SPAN("\""));
}

static void write_key(struct text *out, const struct access_key *k)
{
    text_addf(out, "{\"made\":%" PRId64 ",\"until\":%" PRId64, k->made_s, k->until_s);
    write_text(out, "key", k->key);
    write_text(out, "certificate", k->certificate);
    text_add(out, SPAN("}"));
}

void access_keys_write(const struct access_keys *k, struct text *out)
{
    char subject[BASE64_SIZE(sizeof(k->subject))];
    size_t n = base64url_encode(span_make(k->subject, sizeof(k->subject)), subject);

    text_add(out, SPAN("{\"version\":1"));
    write_text(out, "subject", span_make(subject, n));
    text_add(out, SPAN(",\"keys\":["));
    for (size_t i = 0; i < k->n; i++) {
        text_add(out, i ? SPAN(",\n") : SPAN("\n"));
        write_key(out, &k->v[i]);
    }
    text_add(out, SPAN("]}\n"));
}
