#include "gate/page_notes.h"

#include <stdio.h>

#include "base/count.h"
#include "gate/pages.h"

/* '#': when to try again. A page that says that something went wrong is no success: scripts, probes and logs read the status alone. */
static const struct {
    unsigned status; /* 0: 200 */
    bool error;
    const char *words;
} notes[] = {
    [NOTE_NONE] = {0, false, NULL},
    [NOTE_ADDRESS] = {400, true, "That is no e-mail address. Write it like name@example.com."},
    [NOTE_PIN_WRONG] = {403, true,
                        "That code does not work: it is wrong, too old, or was used before. Look for the newest mail, "
                        "or ask for another code."},
    [NOTE_SENT_AGAIN] =
        {0, false, "If this address may come in, another code is on its way. The codes before it no longer work."},
    [NOTE_LIMITED] = {429, true, "Too many tries in a short time. Try again #."},
    [NOTE_EXPIRED] = {400, true, "This sign-in is too old, or was begun in another browser. Please begin again."},
    [NOTE_NO_COOKIE] = {400, true,
                        "Your browser did not keep this site's cookie, and without it nobody can be signed in. Allow "
                        "cookies for this site, then sign in again."},
    [NOTE_UNREACHABLE] = {503, true, "GitHub does not answer just now. You did nothing wrong: try again #."},
    [NOTE_CANCELLED] = {403, false, "You cancelled at GitHub, so nothing happened. Sign in whenever you like."},
    [NOTE_FAILED] = {503, true, "Something went wrong here. You did nothing wrong: try again #."},
};

static enum page_note known(enum page_note note)
{
    return (size_t)note < COUNT(notes) ? note : NOTE_FAILED;
}

struct span page_notes_wait(uint32_t seconds, char out[32])
{
    static const struct {
        uint32_t unit, up_to; /* seconds */
        const char *name;
    } units[] = {{1, 90, "second"}, {60, 5400, "minute"}, {3600, UINT32_MAX, "hour"}};
    size_t i = 0;
    if (seconds == 0)
        return SPAN("in a moment");
    while (seconds > units[i].up_to)
        i++;
    uint32_t n = seconds / units[i].unit + (seconds % units[i].unit != 0);
    int length = snprintf(out, 32, "in %u %s%s", (unsigned)n, units[i].name, n == 1 ? "" : "s");
    return span_make(out, (size_t)length);
}

void page_notes_add(struct text *out, enum page_note note, uint32_t retry_after_s)
{
    char wait[32];
    const char *words = notes[known(note)].words;
    if (words)
        page_note(out, page_notes_error(note), (struct page_words){words, {page_notes_wait(retry_after_s, wait)}});
}

bool page_notes_error(enum page_note note)
{
    return notes[known(note)].error;
}

unsigned page_notes_status(enum page_note note)
{
    unsigned status = notes[known(note)].status;
    return status ? status : 200;
}
