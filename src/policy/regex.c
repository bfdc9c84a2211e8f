#include "policy/regex.h"

#include <stdio.h>
#include <stdlib.h>

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

/* A path of a few KiB against a sane pattern needs a few thousand steps; a hostile one is
 * cut after about a millisecond. */
#define MATCH_LIMIT 100000
#define DEPTH_LIMIT 2000
#define HEAP_LIMIT_KIB 512
#define JIT_STACK (64 * 1024)
#define PATTERN_MAX 16384

#define COMPILE_OPTIONS                                                                                                \
    (PCRE2_ANCHORED | PCRE2_ENDANCHORED | PCRE2_UTF | PCRE2_NEVER_BACKSLASH_C | PCRE2_DOLLAR_ENDONLY | PCRE2_DOTALL)

struct regex {
    pcre2_code *code; /* owns */
};

struct regex_room {
    pcre2_match_data *data;       /* owns */
    pcre2_match_context *context; /* owns */
    pcre2_jit_stack *stack;       /* owns; of fixed size: growing ones had memory errors */
};

static bool pattern_is_plain(struct span pattern, char *error, size_t error_size)
{
    if (pattern.n == 0 || pattern.n > PATTERN_MAX) {
        snprintf(error, error_size, "a regular expression has 1 to %d bytes", PATTERN_MAX);
        return false;
    }
    /* Start-of-pattern verbs could lift limits and UTF checks; elsewhere (*ACCEPT) and its
     * like make patterns unreadable. */
    for (size_t i = 0; i + 1 < pattern.n; i++) {
        if (pattern.p[i] == '(' && pattern.p[i + 1] == '*') {
            snprintf(error, error_size, "verbs such as (*ACCEPT) are not allowed; write the pattern without them");
            return false;
        }
    }
    return true;
}

static pcre2_code *compile(struct span pattern, bool caseless, char *error, size_t error_size)
{
    int code = 0;
    PCRE2_SIZE offset = 0;
    uint32_t options = COMPILE_OPTIONS | (caseless ? PCRE2_CASELESS : 0);
    pcre2_code *compiled = pcre2_compile(pattern.p, pattern.n, options, &code, &offset, NULL);
    if (!compiled) {
        char text[128] = "";
        pcre2_get_error_message(code, (PCRE2_UCHAR *)text, sizeof(text));
        snprintf(error, error_size, "the regular expression is wrong at byte %zu: %s", (size_t)offset, text);
    }
    return compiled;
}

struct regex *regex_new(struct span pattern, bool caseless, char *error, size_t error_size)
{
    if (!pattern_is_plain(pattern, error, error_size))
        return NULL;
    struct regex *r = calloc(1, sizeof(*r));
    if (!r) {
        snprintf(error, error_size, "out of memory");
        return NULL;
    }
    r->code = compile(pattern, caseless, error, error_size);
    if (!r->code) {
        free(r);
        return NULL;
    }
    /* Where executable memory is forbidden the interpreter serves as well, only slower. */
    (void)pcre2_jit_compile(r->code, PCRE2_JIT_COMPLETE);
    return r;
}

void regex_free(struct regex *r)
{
    if (!r)
        return;
    pcre2_code_free(r->code);
    free(r);
}

static void set_limits(struct regex_room *room)
{
    pcre2_set_match_limit(room->context, MATCH_LIMIT);
    pcre2_set_depth_limit(room->context, DEPTH_LIMIT);
    pcre2_set_heap_limit(room->context, HEAP_LIMIT_KIB);
    pcre2_jit_stack_assign(room->context, NULL, room->stack);
}

struct regex_room *regex_room_new(void)
{
    struct regex_room *room = calloc(1, sizeof(*room));
    if (!room)
        return NULL;
    room->data = pcre2_match_data_create(1, NULL);
    room->context = pcre2_match_context_create(NULL);
    room->stack = pcre2_jit_stack_create(JIT_STACK, JIT_STACK, NULL);
    if (!room->data || !room->context) {
        regex_room_free(room);
        return NULL;
    }
    set_limits(room);
    return room;
}

void regex_room_free(struct regex_room *room)
{
    if (!room)
        return;
    pcre2_jit_stack_free(room->stack);
    pcre2_match_context_free(room->context);
    pcre2_match_data_free(room->data);
    free(room);
}

enum match regex_match(const struct regex *r, struct span subject, struct regex_room *room)
{
    int rc = pcre2_match(r->code, subject.p, subject.n, 0, 0, room->data, room->context);
    if (rc == PCRE2_ERROR_NOMATCH)
        return MATCH_NO;
    if (rc < 0)
        return MATCH_ERROR;
    /* \K moves the reported start, so only the end can be checked, and the anchors already hold it. */
    return pcre2_get_ovector_pointer(room->data)[1] == subject.n ? MATCH_YES : MATCH_ERROR;
}
