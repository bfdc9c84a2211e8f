#include "config/nearest.h"

#define LONGEST 63

struct nearest nearest_to(struct span word)
{
    return (struct nearest){word, SPAN_NONE, LONGEST + 1};
}

static size_t least(size_t a, size_t b, size_t c)
{
    size_t m = a < b ? a : b;

    return m < c ? m : c;
}

/* Levenshtein, one row at a time. Both at most LONGEST bytes. */
static size_t distance(struct span a, struct span b)
{
    size_t row[LONGEST + 1];

    for (size_t j = 0; j <= b.n; j++)
        row[j] = j;
    for (size_t i = 1; i <= a.n; i++) {
        size_t diagonal = row[0];

        row[0] = i;
        for (size_t j = 1; j <= b.n; j++) {
            size_t same = diagonal + (ascii_lower(a.p[i - 1]) != ascii_lower(b.p[j - 1]));

            diagonal = row[j];
            row[j] = least(same, row[j] + 1, row[j - 1] + 1);
        }
    }
    return row[b.n];
}

void nearest_offer(struct nearest *n, struct span candidate)
{
    if (n->word.n > LONGEST || candidate.n > LONGEST || !candidate.n)
        return;
    size_t d = distance(n->word, candidate);
    size_t most = candidate.n / 3 > 1 ? candidate.n / 3 : 1;

    if (d <= most && d < n->distance) {
        n->distance = d;
        n->best = candidate;
    }
}
