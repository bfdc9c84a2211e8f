#include "config/key.h"

static const struct {
    const char *name;
    size_t size;
} types[KEY_TYPES] = {
    [KEY_TEXT] = {"string", sizeof(struct text_field)},
    [KEY_BOOL] = {"boolean", sizeof(struct num_field)},
    [KEY_INT] = {"integer", sizeof(struct num_field)},
    [KEY_DURATION] = {"duration", sizeof(struct num_field)},
    [KEY_SIZE] = {"size", sizeof(struct num_field)},
    [KEY_CHOICE] = {"choice", sizeof(struct num_field)},
    [KEY_SECRET] = {"secret", sizeof(struct secret_field)},
    [KEY_SECRETS] = {"secret or list of secrets", sizeof(struct secrets_field)},
    [KEY_SECRET_MAP] = {"object of secrets", sizeof(struct objects_field)},
    [KEY_FILE] = {"file", sizeof(struct file_field)},
    [KEY_TEXTS] = {"list of strings", sizeof(struct texts_field)},
    [KEY_TEXT_OR_LIST] = {"string or list of strings", sizeof(struct texts_field)},
    [KEY_TEXTS_MAP] = {"object of lists of strings", sizeof(struct objects_field)},
    [KEY_OBJECT] = {"object", sizeof(struct object_field)},
    [KEY_OBJECTS] = {"list of objects", sizeof(struct objects_field)},
    [KEY_MAP] = {"object of objects", sizeof(struct objects_field)},
    [KEY_SHORT_MAP] = {"object of secrets or objects", sizeof(struct objects_field)},
    [KEY_OBJECTS_MAP] = {"object of lists of objects", sizeof(struct objects_field)},
    [KEY_NAME_OR_OBJECTS] = {"name or list of objects", sizeof(struct name_or_objects_field)},
    [KEY_LATER] = {"not supported yet", 0},
    [KEY_IGNORED] = {"ignored", 0},
};

const char *key_type_name(enum key_type t)
{
    return types[t].name;
}

size_t key_field_size(enum key_type t)
{
    return types[t].size;
}

bool key_is_number(enum key_type t)
{
    return t == KEY_BOOL || t == KEY_INT || t == KEY_DURATION || t == KEY_SIZE || t == KEY_CHOICE;
}
