#include "config/build.h"

static const char *const formats[] = {"json", NULL};

static const struct key keys[] = {
    KEY(struct raw_log, to, KEY_TEXT, .text_def = "stdout"),
    KEY(struct raw_log, format, KEY_CHOICE, .choices = formats),
};

const struct section section_log = SECTION(struct raw_log, keys);

void build_log(struct build *b)
{
    const struct raw_log *raw = b->raw->log.v;
    struct log_config *log = &b->snapshot->log;

    *log = (struct log_config){SPAN("stdout"), LOG_JSON};
    if (!raw || !raw->to.f.given)
        return;
    struct span to = raw->to.v;

    if (!to.n)
        place_error(b->d, raw->to.f.at, "is empty: write \"stdout\", \"none\" or the path of a file");
    else if (span_eq(to, SPAN("stdout")) || span_eq(to, SPAN("none")))
        log->to = to;
    else
        log->to = reader_resolve(b->arena, raw->to.f.at.file, to);
    if (!log->to.p)
        b->failed = true;
}
