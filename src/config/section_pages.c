/* How our own pages look. */
#include "config/build.h"

#include "base/count.h"

#define LOGO_MAX ((size_t)64 << 10)
#define NAME_MAX_BYTES 64

static const struct key keys[] = {
    KEY(struct raw_pages, logo, KEY_FILE),
    KEY(struct raw_pages, name, KEY_TEXT),
};

const struct section section_pages = SECTION(struct raw_pages, keys);

/* By what the bytes are, not by what the file is called. No SVG: it can hold scripts. */
static const char *type_of(struct span s)
{
    static const struct {
        struct span magic;
        size_t at;
        const char *type;
    } types[] = {{{(const uint8_t *)"\x89PNG\r\n\x1a\n", 8}, 0, "image/png"},
                 {{(const uint8_t *)"\xff\xd8\xff", 3}, 0, "image/jpeg"},
                 {{(const uint8_t *)"WEBP", 4}, 8, "image/webp"}};

    for (size_t i = 0; i < COUNT(types); i++) {
        if (span_has_prefix(span_from(s, types[i].at), types[i].magic))
            return types[i].type;
    }
    return NULL;
}

static void read_logo(struct build *b, const struct file_field *f)
{
    struct pages_config *p = &b->snapshot->pages;
    const char *type = type_of(f->v);

    if (!f->f.given || f->f.bad || f->missing)
        return;
    if (!type)
        place_error(b->d, f->f.at, "is no PNG, JPEG or WebP: write the path of one (an SVG can hold scripts)");
    else if (f->v.n > LOGO_MAX)
        place_error(b->d, f->f.at, "has %zu KiB: at most 64 KiB are taken, as it comes with every page",
                    (f->v.n + 1023) / 1024);
    if (!type || f->v.n > LOGO_MAX)
        return;
    p->logo = arena_copy(b->arena, f->v); /* the bundle does not live as long */
    p->logo_type = type;
    b->failed |= !p->logo.p;
}

void build_pages(struct build *b)
{
    const struct raw_pages *raw = b->raw->pages.v;

    if (!raw)
        return;
    read_logo(b, &raw->logo);
    b->snapshot->pages.name = raw->name.v;
    if (raw->name.v.p && (!raw->name.v.n || raw->name.v.n > NAME_MAX_BYTES || span_has_control(raw->name.v)))
        place_error(b->d, raw->name.f.at, "the name has 1 to %d bytes and no line ends, or is left out",
                    NAME_MAX_BYTES);
}
