/* The distance of words, as the number of letters to change, add, drop or swap. */
#include "mount/nearest.h"
#include <ctype.h>
#include <string.h>

#define WORD_MAX 32

static size_t least(size_t a, size_t b, size_t c)
{
    size_t ab = a < b ? a : b;

    return ab < c ? ab : c;
}

static bool is(char a, char b)
{
    return tolower((unsigned char)a) == tolower((unsigned char)b);
}

/* Words of WORD_MAX and more are at no distance: not compared. */
static size_t distance(const char *a, const char *b)
{
    size_t d[WORD_MAX + 1][WORD_MAX + 1], la = strlen(a), lb = strlen(b);

    if (la >= WORD_MAX || lb >= WORD_MAX)
        return WORD_MAX;
    for (size_t i = 0; i <= la; i++)
        d[i][0] = i;
    for (size_t j = 0; j <= lb; j++)
        d[0][j] = j;
    for (size_t i = 1; i <= la; i++)
        for (size_t j = 1; j <= lb; j++) {
            d[i][j] =
                least(d[i - 1][j] + 1, d[i][j - 1] + 1, d[i - 1][j - 1] + !is(a[i - 1], b[j - 1]));
            if (i > 1 && j > 1 && is(a[i - 1], b[j - 2]) && is(a[i - 2], b[j - 1]))
                d[i][j] = least(d[i][j], d[i - 2][j - 2] + 1, d[i][j]);
        }
    return d[la][lb];
}

const char *nearest_key(const char *key, const struct option *const tables[], size_t n_tables)
{
    size_t nearest = strlen(key) < 5 ? 2 : 3;
    const char *found = NULL;

    for (size_t t = 0; t < n_tables; t++)
        for (const struct option *row = tables[t]; row->name; row++)
            if (distance(key, row->name) < nearest) {
                nearest = distance(key, row->name);
                found = row->name;
            }
    return found;
}
