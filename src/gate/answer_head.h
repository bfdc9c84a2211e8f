/* What all of our answers have in common: marks, CORS, the body. Private to gate/. */
#ifndef TG_GATE_ANSWER_HEAD_H
#define TG_GATE_ANSWER_HEAD_H

#include "base/text.h"
#include "gate/answer.h"
#include "gate/pages.h"

/* An answer being made. The first failure stays; answer_end() tells it. */
struct draft {
    const struct answer_request *q;
    struct answer *out;
    struct text body;
    struct page_frame frame; /* site, when set before, is another than the host that was asked for */
    bool failed;
};

/* Status and marks; an answer that may be kept has but the first of them. */
void draft_begin_kept(struct draft *d, const struct answer_request *q, unsigned status, struct answer *out);
void draft_begin(struct draft *d, const struct answer_request *q, unsigned status, struct answer *out);
void draft_field(struct draft *d, const char *name, struct span value);
/* A page around what is added to the body meanwhile, and its fields. error: it says what went wrong. */
void draft_page_begin(struct draft *d, const char *title, bool error);
void draft_page_end(struct draft *d);
/* All of one. */
void draft_page(struct draft *d, const struct page *p);
/* Normal form of the host that was asked for; empty: unknown. */
struct span draft_site(struct draft *d);
/* The body so far is JSON. */
void draft_json_type(struct draft *d);
/* Adds a member; the first one opens the object, which the caller closes. */
void draft_json_string(struct draft *d, const char *key, struct span value);
/* False: no memory; *out must not be used. */
bool draft_end(struct draft *d);
/* Does the asker want a page rather than JSON? */
bool wants_page(const struct answer_request *q);
/* "https://host[:port]" + path for what the client asked for; empty when its name is unknown. */
struct span draft_url(struct draft *d, const char *path);

#endif
