/* The key tables as text: what the JSON Schema and docs/rules.md are held against. */
#include "config/key.h"
#include "config/units.h"

#include <inttypes.h>
#include <stdio.h>

static void number(struct text *out, const struct key *k, uint64_t v)
{
    char text[UNIT_TEXT];

    if (k->type == KEY_DURATION)
        duration_format(v, text);
    else if (k->type == KEY_SIZE)
        size_format(v, text);
    else
        snprintf(text, sizeof(text), "%" PRIu64, v);
    text_addf(out, "\t%s", text);
}

static void add_default(struct text *out, const struct key *k)
{
    if (k->required || k->depends || (!key_is_number(k->type) && !k->text_def))
        text_addf(out, "\t-");
    else if (k->type == KEY_BOOL)
        text_addf(out, "\t%s", k->def ? "true" : "false");
    else if (k->type == KEY_CHOICE)
        text_addf(out, "\t%s", k->choices[k->def]);
    else if (k->text_def)
        text_addf(out, "\t%s", k->text_def);
    else
        number(out, k, k->def);
}

static void add_range(struct text *out, const struct key *k)
{
    if (k->min == k->max) {
        text_addf(out, "\t-\t-");
        return;
    }
    number(out, k, k->min);
    number(out, k, k->max);
}

static void add_choices(struct text *out, const struct key *k)
{
    text_addf(out, "\t%s", k->choices ? "" : "-");
    for (size_t i = 0; k->choices && k->choices[i]; i++)
        text_addf(out, "%s%s", i ? "," : "", k->choices[i]);
    text_addf(out, "\n");
}

static const char *suffix(enum key_type t)
{
    switch (t) {
    case KEY_OBJECTS:
    case KEY_NAME_OR_OBJECTS:
        return "[]";
    case KEY_MAP:
    case KEY_SHORT_MAP:
        return "{}";
    case KEY_OBJECTS_MAP:
        return "{}[]";
    default:
        return "";
    }
}

static void describe(const struct section *s, const char *prefix, struct text *out)
{
    for (size_t i = 0; i < s->count; i++) {
        const struct key *k = &s->keys[i];
        char path[256];

        text_addf(out, "%s%s%s\t%s\t%s", prefix, *prefix ? "." : "", k->name, key_type_name(k->type),
                  k->required ? "required" : "optional");
        add_default(out, k);
        add_range(out, k);
        add_choices(out, k);
        if (!k->sub)
            continue;
        snprintf(path, sizeof(path), "%s%s%s%s", prefix, *prefix ? "." : "", k->name, suffix(k->type));
        describe(k->sub, path, out);
    }
}

void config_describe_keys(struct text *out)
{
    describe(&section_root, "", out);
}
