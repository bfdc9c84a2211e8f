/* What of a gate hangs on its hosts: where people sign in, whom its rules mean; then its seal. */
#include "config/build.h"

/* --- the sign-in host --------------------------------------------------------------------------------------------- */

static bool is_below(struct span name, struct span domain)
{
    if (!domain.n || !span_has_suffix(name, domain))
        return false;
    return name.n == domain.n || name.p[name.n - domain.n - 1] == '.';
}

static bool is_host_of(const struct build *b, size_t pattern, const struct gate_config *gate)
{
    return b->patterns[pattern].kind == HOST_EXACT && b->build_hosts[b->host_of[pattern]].gate == gate;
}

/* The first exact name below the session domain, where a sign-in reaches most hosts at once, else the first. */
static struct span default_host(const struct build *b, const struct gate_config *gate)
{
    struct span first = SPAN_NONE;

    for (size_t i = 0; i < b->pattern_count; i++) {
        if (!is_host_of(b, i, gate))
            continue;
        if (is_below(b->patterns[i].text, gate->session.domain))
            return b->patterns[i].text;
        if (!first.n)
            first = b->patterns[i].text;
    }
    return first;
}

static bool has_host(const struct build *b, const struct gate_config *gate, struct span name)
{
    for (size_t i = 0; i < b->pattern_count; i++) {
        if (is_host_of(b, i, gate) && span_eq(b->patterns[i].text, name))
            return true;
    }
    return false;
}

static void check_host(struct build *b, const struct text_field *t, const struct gate_config *gate)
{
    if (t->v.p && !has_host(b, gate, t->v))
        place_error(
            b->d, t->f.at,
            "no host with gate %.*s has exactly the name \"%.*s\": write one of them, without a pattern, or leave "
            "it out",
            SHOW(gate->name), SHOW(t->v));
}

/* At the top it is meant for the gate that has this host. */
static void check_top(struct build *b, const struct raw_session *top)
{
    for (size_t i = 0; i < b->raw->gates.n; i++) {
        if (has_host(b, &b->gates[i], top->sign_in_host.v))
            return;
    }
    place_error(
        b->d, top->sign_in_host.f.at,
        "no host with a gate has exactly the name \"%.*s\": write one of them, without a pattern, or leave it out",
        SHOW(top->sign_in_host.v));
}

static void set_sign_in_host(struct build *b, const struct build_gate *g, struct gate_config *gate)
{
    const struct raw_session *own = g->raw->session.v, *top = b->raw->session.v;

    gate->session.sign_in_host = default_host(b, gate);
    if (own && own->sign_in_host.f.given) {
        check_host(b, &own->sign_in_host, gate);
        gate->session.sign_in_host = own->sign_in_host.v;
    } else if (top && top->sign_in_host.v.p && has_host(b, gate, top->sign_in_host.v)) {
        gate->session.sign_in_host = top->sign_in_host.v;
    }
}

/* --- what the ways need ------------------------------------------------------------------------------------------- */

static void check_github(struct build *b, const struct build_gate *g, const struct gate_config *gate, bool used)
{
    if (used && g->github && !gate->session.sign_in_host.n)
        place_error(b->d, g->raw->github.f.at,
                    "GitHub sends people back to one address, and none of this gate's hosts has a name without a "
                    "pattern: give one such host this gate");
}

static void set_audience(struct build *b, const struct build_gate *g, const struct gate_config *gate, bool used)
{
    const struct raw_actions *raw = g->raw->github_actions.v;

    if (!g->actions || raw->audience.f.given)
        return;
    if (gate->session.sign_in_host.n)
        g->actions->audience = arena_printf(b->arena, "https://%.*s", SPAN_ARG(gate->session.sign_in_host));
    else if (used)
        place_error(b->d, raw->e.at,
                    "\"audience\" is missing: without a host that has a name of its own there is no default");
    b->failed |= gate->session.sign_in_host.n && !g->actions->audience.p;
}

static bool has_numbered_host(const struct build *b, const struct gate_config *gate)
{
    for (size_t i = 0; i < b->pattern_count; i++) {
        const struct host_pattern *p = &b->patterns[i];

        if (p->kind == HOST_TEMPLATE && p->capture_kind == CAPTURE_INT && b->build_hosts[b->host_of[i]].gate == gate)
            return true;
    }
    return false;
}

static void check_previews(struct build *b, const struct build_gate *g, const struct gate_config *gate, bool used)
{
    const struct raw_actions *raw = g->raw->github_actions.v;

    if (used && g->actions && g->actions->own_preview_only && !has_numbered_host(b, gate))
        place_error(b->d, raw->own_preview_only.f.at,
                    "no host of this gate has a {name:int} that could be the number of a pull request, so that no job "
                    "would reach anything");
}

/* Codes that are good once, limits that hold for all, and what takes sessions back must outlast this process. */
static void check_state(struct build *b, const struct raw_gate *raw)
{
    struct span folder;
    bool needs = build_is_interactive(raw) || raw->github_actions.f.given || raw->share_links.v;

    if (needs && b->serves && !bundle_find(b->bundle, BLOB_OPTION, SPAN("state"), &folder))
        place_error(
            b->d, raw->e.at,
            "this gate keeps one-time codes and what takes sessions back in the state folder, and there is none: "
            "start with `tiergate serve --state DIR`");
}

void build_ways(struct build *b)
{
    const struct raw_session *top = b->raw->session.v;

    for (size_t i = 0; i < b->raw->gates.n && !b->failed; i++) {
        struct build_gate *g = &b->build_gates[i];

        set_sign_in_host(b, g, &b->gates[i]);
        check_github(b, g, &b->gates[i], b->gate_used[i]);
        set_audience(b, g, &b->gates[i], b->gate_used[i]);
        check_previews(b, g, &b->gates[i], b->gate_used[i]);
        check_state(b, g->raw);
        build_way_lists(b, g, &b->gates[i]);
        build_session_seal(b, g, &b->gates[i]);
    }
    if (top && top->sign_in_host.v.p)
        check_top(b, top);
}
