/* What the pages of signing in say above their forms. Private to gate/. */
#ifndef TG_GATE_PAGE_NOTES_H
#define TG_GATE_PAGE_NOTES_H

#include "base/text.h"
#include "gate/sign_in_pages.h"

/* Nothing for NOTE_NONE. */
void page_notes_add(struct text *out, enum page_note note, uint32_t retry_after_s);
/* Does it say that something went wrong? */
bool page_notes_error(enum page_note note);
/* The status of a page that says it. */
unsigned page_notes_status(enum page_note note);
/* "in 40 seconds", "in 5 minutes", "in 2 hours": rounded up; "in a moment" for 0. */
struct span page_notes_wait(uint32_t seconds, char out[32]);

#endif
