/* hosts[].access: what apps that verify Cloudflare Access expect. */
#include "config/build.h"

#include "config/syntax.h"

#define AUD_MAX 256

static const struct key keys[] = {
    KEY(struct raw_access, aud, KEY_TEXT, .depends = true),
};

const struct section section_access = SECTION(struct raw_access, keys);

void build_access(struct build *b, const struct raw_host *raw, struct host_config *out)
{
    const struct raw_access *access = raw->access.v;

    if (!access)
        return;
    out->access_aud = access->aud.v;
    if (access->aud.v.p && !syntax_is_visible(access->aud.v, AUD_MAX))
        place_error(b->d, access->aud.f.at,
                    "the audience is printable ASCII without spaces, 1 to %d characters: write the tag that the app "
                    "expects, as Access showed it",
                    AUD_MAX);
    if (!raw->gate.f.given)
        place_warning(b->d, raw->access.f.at, "does nothing on a host without a gate");
}
