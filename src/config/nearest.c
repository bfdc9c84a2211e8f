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

static bool same_letter(uint8_t x, uint8_t y)
{
    return ascii_lower(x) == ascii_lower(y);
}

static bool are_swapped(struct span a, size_t i, struct span b, size_t j)
{
    return i > 1 && j > 1 && same_letter(a.p[i - 1], b.p[j - 2]) && same_letter(a.p[i - 2], b.p[j - 1]);
}

/* Letters put in, left out, changed, or swapped with their neighbour. Both at most LONGEST bytes. */
static size_t distance(struct span a, struct span b)
{
    size_t rows[3][LONGEST + 1];

    for (size_t j = 0; j <= b.n; j++)
        rows[0][j] = j;
    for (size_t i = 1; i <= a.n; i++) {
        size_t *row = rows[i % 3], *above = rows[(i + 2) % 3], *higher = rows[(i + 1) % 3];

        row[0] = i;
        for (size_t j = 1; j <= b.n; j++) {
            size_t same = above[j - 1] + !same_letter(a.p[i - 1], b.p[j - 1]);

            row[j] = least(same, above[j] + 1, row[j - 1] + 1);
            if (are_swapped(a, i, b, j) && higher[j - 2] + 1 < row[j])
                row[j] = higher[j - 2] + 1;
        }
    }
    return rows[a.n % 3][b.n];
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
