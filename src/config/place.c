#include "config/reader.h"

#include <stdio.h>
#include <stdlib.h>

static void say(struct diags *d, enum diag_level level, struct place at, const char *format, va_list ap)
{
    char *message = NULL;

    if (!d)
        return;
    if (vasprintf(&message, format, ap) < 0)
        message = NULL;
    diags_addf(d, level, at.file, at.line, at.path, "%s", message ? message : "out of memory");
    free(message);
}

void place_error(struct diags *d, struct place at, const char *format, ...)
{
    va_list ap;

    va_start(ap, format);
    say(d, DIAG_ERROR, at, format, ap);
    va_end(ap);
}

void place_warning(struct diags *d, struct place at, const char *format, ...)
{
    va_list ap;

    va_start(ap, format);
    say(d, DIAG_WARNING, at, format, ap);
    va_end(ap);
}
