/* The keys at the top of a rules file. */
#include "config/raw.h"

static const struct key keys[] = {
    {.name = "$schema", .type = KEY_IGNORED},
    KEY(struct raw_root, tier, KEY_TEXT),
    KEY(struct raw_root, listen, KEY_OBJECTS, .sub = &section_listen),
    KEY(struct raw_root, client_address, KEY_OBJECT, .sub = &section_client_address),
    KEY(struct raw_root, certificates, KEY_OBJECTS, .sub = &section_certificate),
    KEY_NOT_YET("acme"),
    KEY(struct raw_root, session, KEY_OBJECT, .sub = &section_session),
    KEY(struct raw_root, gates, KEY_MAP, .sub = &section_gate),
    KEY(struct raw_root, groups, KEY_TEXTS_MAP),
    KEY(struct raw_root, origins, KEY_MAP, .sub = &section_origin),
    KEY(struct raw_root, rulesets, KEY_OBJECTS_MAP, .sub = &section_rule),
    KEY(struct raw_root, hosts, KEY_OBJECTS, .sub = &section_host),
    KEY(struct raw_root, expect, KEY_OBJECTS, .sub = &section_expect),
    KEY(struct raw_root, pages, KEY_OBJECT, .sub = &section_pages),
    KEY(struct raw_root, log, KEY_OBJECT, .sub = &section_log),
    KEY(struct raw_root, limits, KEY_OBJECT, .sub = &section_limits),
    KEY_NOT_YET("store"),
    KEY_NOT_YET("redis"),
};

const struct section section_root = SECTION(struct raw_root, keys);
