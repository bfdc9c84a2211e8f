/* Fields behind the payload: RFC 9113 §8.1. */
#include "http/h2/impl.h"
#include "http/h2/nv.h"

/* The payload may leave long after whoever made the fields has gone: names and values follow the struct. */
struct h2_trailers {
    struct headers fields;
    struct header v[];
};

static size_t room_for(const struct headers *h)
{
    size_t n = sizeof(struct h2_trailers) + h->n * sizeof(struct header);
    for (size_t i = 0; i < h->n; i++)
        n += h->v[i].name.n + h->v[i].value.n;
    return n;
}

static struct span put(uint8_t **at, struct span s)
{
    uint8_t *to = *at;
    if (s.n)
        memcpy(to, s.p, s.n);
    *at += s.n;
    return span_make(to, s.n);
}

bool h2_stream_send_trailers(struct h2_stream *s, const struct headers *h)
{
    if (s->trailers || !fields_are_writable(h))
        return false;
    struct h2_trailers *t = malloc(room_for(h));
    if (!t)
        return false;
    uint8_t *bytes = (uint8_t *)(t->v + h->n);
    t->fields = (struct headers){.v = t->v};
    for (size_t i = 0; i < h->n; i++) {
        const struct header *f = &h->v[i];
        if (f->drop || (field_not_copied & FIELD_BIT(f->id)))
            continue;
        struct span name = put(&bytes, f->name), value = put(&bytes, f->value);
        t->v[t->fields.n++] = (struct header){name, value, f->id, 0};
    }
    if (t->fields.n == 0) { /* a HEADERS frame that says nothing */
        free(t);
        return true;
    }
    s->trailers = t;
    return true;
}

bool h2_trailers_submit(struct h2_stream *s)
{
    struct nv_list f;
    const struct headers *h = &s->trailers->fields;
    if (!nv_begin(&f, h->n))
        return false;
    nv_add_all(&f, h, 0);
    int rc = nghttp2_submit_trailer(s->session->ng, s->id, f.v, f.n);
    nv_end(&f);
    return rc == 0;
}

void h2_trailers_free(struct h2_stream *s)
{
    free(s->trailers);
    s->trailers = NULL;
}

struct headers *h2_stream_trailers(struct h2_stream *s)
{
    return s->arena && s->trailers_in.v && s->trailers_in.n ? &s->trailers_in : NULL;
}

void h2_stream_leave(struct h2_stream *s)
{
    s->owner = NULL;
    s->arena = NULL;
    s->req = NULL;
    s->resp = NULL;
}
