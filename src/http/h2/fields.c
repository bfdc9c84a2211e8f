/* One field of a HEADERS block, whatever it belongs to. */
#include "http/bytes.h"
#include "http/field_rules.h"
#include "http/h2/impl.h"

/* So far beyond a limit, it is an attack and not a mistake. */
#define FAR_BEYOND 4u
#define FIELD_OVERHEAD 4u /* what `: ` and CRLF would be */
#define TRAILERS_FIRST 4

void h2_stream_fail(struct h2_stream *s, unsigned status, const char *why)
{
    if (s->error.status == 0)
        s->error = (struct h1_error){status, why};
}

bool h2_field_counts(struct h2_stream *s, const struct h2_config *most, unsigned status, struct span name,
                     struct span value)
{
    s->fields++;
    s->head_bytes += name.n + value.n + FIELD_OVERHEAD;
    if (s->head_bytes > most->head_bytes)
        h2_stream_fail(s, status, "head-too-large");
    else if (s->fields > most->fields)
        h2_stream_fail(s, status, "too-many-headers");
    return s->head_bytes <= most->head_bytes * FAR_BEYOND && s->fields <= most->fields * FAR_BEYOND;
}

bool h2_field_add(struct h2_stream *s, struct headers *to, uint64_t ascii_only, unsigned status, bool permanent,
                  struct span name, struct span value)
{
    unsigned classes = 0;
    if (!http_is_token(name) || field_is_framing_alias(name)) {
        h2_stream_fail(s, status, "bad-header-name");
        return true;
    }
    if (bytes_value_run(value, &classes) != value.n || span_trim(value).n != value.n) {
        h2_stream_fail(s, status, "bad-header-value");
        return true;
    }
    struct span kept = permanent ? name : arena_copy(s->arena, name), text = arena_copy(s->arena, value);
    if (!kept.p || !text.p || !headers_add(to, s->arena, kept, text))
        return false;
    if ((classes & BYTE_OBS) && (ascii_only & FIELD_BIT(to->v[to->n - 1].id)))
        h2_stream_fail(s, status, "bad-header-value");
    return true;
}

bool h2_trailer_add(struct h2_stream *s, unsigned status, bool permanent, struct span name, struct span value)
{
    if (!s->arena)
        return true; /* nobody wants them */
    if (name.n > 0 && name.p[0] == ':') {
        h2_stream_fail(s, status, "bad-header-name");
        return true;
    }
    if (!s->trailers_in.v && !headers_init(&s->trailers_in, s->arena, TRAILERS_FIRST))
        return false;
    return h2_field_add(s, &s->trailers_in, UINT64_MAX, status, permanent, name, value);
}
