/* A conversation over HTTP/2 in words: what the client sends as lines, what it then saw and what the server's user was told as lines. */
#ifndef TG_TESTS_HTTP_H2_KIT_H
#define TG_TESTS_HTTP_H2_KIT_H

#include "base/span.h"

/* Frames from their description, one a line, without the client's preface (`P` writes it):
 *   P                         the preface's magic
 *   S [id=value]…             SETTINGS            A  SETTINGS with ACK
 *   H id flags name=value|…   HEADERS             C  CONTINUATION (the same)
 *   D id flags text           DATA                R id code   RST_STREAM
 *   W id increment            WINDOW_UPDATE       I  PING     O id  PRIORITY
 *   U id text                 PRIORITY_UPDATE     F type flags id hex   any frame
 * flags: e END_STREAM, h without END_HEADERS, - none; `*n` before a line repeats it n times. Returns the length; out has room for cap bytes. */
size_t h2_frames(const char *words, uint8_t *out, size_t cap);

/* The same the other way: `S`, `A`, `H id e status name=value|…`, `D id e n`, `R id code`, `G last code`, `W id n`, `I`. */
struct h2_reader;
struct h2_reader *h2_reader_new(void);
void h2_reader_free(struct h2_reader *r);
/* Appends lines to text. */
void h2_reader_take(struct h2_reader *r, struct span frames, char *text, size_t cap);

/* Appends to text, which has room for cap bytes. */
void h2_tell(char *text, size_t cap, const char *format, ...) __attribute__((format(printf, 3, 4)));
#define H2_SAY(site, ...) h2_tell((site)->told, sizeof((site)->told), __VA_ARGS__)

#endif
