#include "policy/policy.h"

#include "base/count.h"

/* Each list holds only what is the same for everybody and names no data. docs/rules.md tells the reasons. */

static const char *const preset_health[] = {"/health", "/healthz", "/livez", "/readyz", "/api/health"};

/* What browsers fetch without credentials to install an app or to show its icon. The service worker is not here: it is
 * fetched with the page's cookie. */
static const char *const preset_pwa[] = {
    "/manifest.webmanifest",
    "/manifest.json",
    "/site.webmanifest",
    "/icons/*",
    "/favicon.ico",
    "/favicon.png",
    "/favicon.svg",
    "/apple-touch-icon.png",
    "/apple-touch-icon-precomposed.png",
    "/apple-touch-icon-*.png",
};

/* Only the build's own files. Not /_app/remote (calls), not /_app/env.js (values), no __data.json. */
static const char *const preset_sveltekit_assets[] = {
    "/_app/immutable/*", "/_app/version.json", "/favicon.ico", "/favicon.png", "/favicon.svg",
};

#define LIST(name, list)                                                                                               \
    {                                                                                                                  \
        name, list, COUNT(list)                                                                                        \
    }

static const struct {
    const char *name;
    const char *const *patterns;
    size_t count;
} presets[] = {
    LIST("preset:health", preset_health),
    LIST("preset:pwa", preset_pwa),
    LIST("preset:sveltekit-assets", preset_sveltekit_assets),
};

const char *const *policy_preset(struct span name, size_t *count)
{
    *count = 0;
    for (size_t i = 0; i < COUNT(presets); i++) {
        if (!span_eq(name, span_of(presets[i].name)))
            continue;
        *count = presets[i].count;
        return presets[i].patterns;
    }
    return NULL;
}
