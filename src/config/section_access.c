/* hosts[].access: what apps that verify Cloudflare Access expect. */
#include "config/build.h"

#include "base/crypto/mac.h"
#include "base/hex.h"
#include "config/syntax.h"

#define AUD_MAX 256

static const struct key keys[] = {
    KEY(struct raw_access, aud, KEY_TEXT, .depends = true),
};

const struct section section_access = SECTION(struct raw_access, keys);

/* The same as long as gate and pattern have their names; nobody can tell it from one that Access made. */
static struct span default_audience(struct build *b, const struct host_config *host)
{
    uint8_t sum[32];
    char *text = build_alloc(b, 1, 2 * sizeof(sum));
    struct span of =
        arena_printf(b->arena, "tiergate aud\n%.*s\n%.*s", SPAN_ARG(host->gate->name), SPAN_ARG(host->pattern));

    if (!text || !of.p || !res_ok(sha256(of, sum))) {
        b->failed = true;
        return SPAN_NONE;
    }
    hex_put(sum, sizeof(sum), text);
    return span_make(text, 2 * sizeof(sum));
}

void build_access(struct build *b, const struct raw_host *raw, struct host_config *out)
{
    const struct raw_access *access = raw->access.v;

    if (out->gate)
        out->access_aud = access && access->aud.v.n ? access->aud.v : default_audience(b, out);
    if (!access)
        return;
    if (access->aud.v.p && !syntax_is_visible(access->aud.v, AUD_MAX))
        place_error(b->d, access->aud.f.at,
                    "the audience is printable ASCII without spaces, 1 to %d characters: write the tag that the app "
                    "expects, as Access showed it",
                    AUD_MAX);
    if (!raw->gate.f.given)
        place_warning(b->d, raw->access.f.at, "does nothing on a host without a gate");
}
