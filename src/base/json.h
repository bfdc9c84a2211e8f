/* JSON by jansson, with `//` comments and with the line of every value. Reading only; writing is text_add_json(). */
#ifndef TG_BASE_JSON_H
#define TG_BASE_JSON_H

#include "base/res.h"
#include "base/span.h"

enum json_type { JSON_T_NULL = 0, JSON_T_BOOL, JSON_T_INT, JSON_T_REAL, JSON_T_STRING, JSON_T_ARRAY, JSON_T_OBJECT };

struct json_doc;   /* owns the tree */
struct json_value; /* borrowed from its doc */

struct json_error {
    unsigned line, column; /* from 1 */
    bool no_memory;
    char message[200];
};

/* Parses one document (duplicate keys, NUL escapes and invalid UTF-8 are errors). NULL: *err is filled. */
struct json_doc *json_parse(struct span text, struct json_error *err);
void json_free(struct json_doc *doc);
const struct json_value *json_root(const struct json_doc *doc);

/* What is asked of NULL, which json_get() gives for a member that is not there, is answered as for null. */
enum json_type json_type_of(const struct json_value *v);
/* "string", "array" … for messages. */
const char *json_type_name(enum json_type t);
/* Line (from 1) on which the value begins. */
unsigned json_line(const struct json_value *v);
/* Each is the value when its type is the one asked for, else empty, 0 or false. Not json_string() and so on: those are
 * symbols of jansson, which would then call ours. */
struct span json_as_string(const struct json_value *v);
int64_t json_as_int(const struct json_value *v);
bool json_as_bool(const struct json_value *v);
/* Arrays and objects: members in the order of the file; 0 for any other type. */
size_t json_count(const struct json_value *v);
/* NULL, an empty span and 0 when i is past the end. */
const struct json_value *json_at(const struct json_value *v, size_t i);
struct span json_key_at(const struct json_value *v, size_t i);
/* Line on which the key stands. */
unsigned json_key_line_at(const struct json_value *v, size_t i);
/* NULL when v is not an object or has no such key. */
const struct json_value *json_get(const struct json_value *v, const char *key);

#endif
