/* What may stand in a mail and around it. Pure. */
#include "net/mail_impl.h"

#define ADDRESS_MAX 254 /* RFC 5321 §4.5.3.1.3, without the angle brackets */
#define LOCAL_MAX 64
#define HOST_MAX 253
#define LABEL_MAX 63
#define LINE_MAX_BYTES 998 /* RFC 5322 §2.1.1 */

static bool is_alnum(uint8_t c)
{
    uint8_t lower = ascii_lower(c);
    return (lower >= 'a' && lower <= 'z') || (c >= '0' && c <= '9');
}

static bool is_label(struct span s)
{
    for (size_t i = 0; i < s.n; i++)
        if (!is_alnum(s.p[i]) && s.p[i] != '-')
            return false;
    return s.n > 0 && s.n <= LABEL_MAX && s.p[0] != '-' && s.p[s.n - 1] != '-';
}

bool mail_is_host(struct span s)
{
    struct span label, rest = s;
    while (span_cut(rest, '.', &label, &rest))
        if (!is_label(label))
            return false;
    return s.n <= HOST_MAX && is_label(label);
}

static bool is_atom(struct span s)
{
    for (size_t i = 0; i < s.n; i++)
        if (!is_alnum(s.p[i]) && (s.p[i] == '\0' || strchr("!#$%&'*+-/=?^_`{|}~", s.p[i]) == NULL))
            return false;
    return s.n > 0;
}

static bool is_dot_atom(struct span s)
{
    struct span atom, rest = s;
    while (span_cut(rest, '.', &atom, &rest))
        if (!is_atom(atom))
            return false;
    return is_atom(atom);
}

bool mail_is_address(struct span s)
{
    struct span local, host;
    return s.n <= ADDRESS_MAX && span_cut(s, '@', &local, &host) && local.n <= LOCAL_MAX && is_dot_atom(local) &&
           mail_is_host(host);
}

static bool is_line(struct span s)
{
    for (size_t i = 0; i < s.n; i++)
        if ((s.p[i] < 0x20 && s.p[i] != '\t') || s.p[i] >= 0x7f)
            return false;
    return s.n <= LINE_MAX_BYTES;
}

bool mail_is_message(struct span s)
{
    struct span line, rest = s;
    bool ok = span_has_suffix(s, SPAN("\r\n"));
    while (ok && rest.n > 0) {
        (void)span_cut(rest, '\n', &line, &rest);
        ok = line.n > 0 && line.p[line.n - 1] == '\r' && is_line(span_make(line.p, line.n - 1));
    }
    return ok;
}

void mail_stuff(struct text *out, struct span message)
{
    struct span line, rest = message;
    while (rest.n > 0) {
        (void)span_cut(rest, '\n', &line, &rest);
        if (line.n > 0 && line.p[0] == '.')
            text_add(out, SPAN("."));
        text_add(out, line);
        text_add(out, SPAN("\n"));
    }
    text_add(out, SPAN(".\r\n"));
}

unsigned mail_status(struct span line, bool *last)
{
    uint64_t status = 0;
    bool ok = line.n >= 3 && span_parse_u64(span_make(line.p, 3), 599, &status) && status >= 200;
    uint8_t next = line.n > 3 ? line.p[3] : ' ';
    *last = next != '-';
    return ok && (next == ' ' || next == '-' || next == '\r') ? (unsigned)status : 0;
}
