#include "base/json.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/json_lines.h"

struct json_value {
    json_t *node; /* borrows: the doc's root holds all */
    struct span key;
    unsigned line, key_line;
    size_t count;
    struct json_value *items; /* borrows: a run of doc->values */
};

struct json_doc {
    json_t *root; /* owns */
    struct json_value *values;
    size_t used;
};

static size_t count_values(const json_t *node)
{
    size_t total = 1, i;
    const char *key;
    json_t *child;

    if (json_is_array(node)) {
        json_array_foreach(node, i, child)
            total += count_values(child);
    } else if (json_is_object(node)) {
        void *iter;

        /* jansson wants the object not const although it only reads it. */
        for (iter = json_object_iter((json_t *)(uintptr_t)node); iter;
             iter = json_object_iter_next((json_t *)(uintptr_t)node, iter))
            total += count_values(json_object_iter_value(iter));
    }
    (void)key;
    return total;
}
