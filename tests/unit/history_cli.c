/* Checks a history: is there an order of all that was done, in which each was done at one moment
 * between its beginning and its end, and which gives what was seen?
 *
 * Lines on standard input: BEGAN ENDED KEY add|del|has|lacks ok|no|unknown
 *   add, del     made the key there, or not; "no": nothing was changed; "unknown": may have been,
 *                at any time after it began, or never
 *   has, lacks   saw it
 * At the beginning no key is there. Keys are independent, so each is checked by itself: all states
 * that can be (which were done, what is there) are followed, by Wing and Gong's rule that what
 * ended before another began comes first. 0: there is such an order of each; 1: names the keys
 * for which there is none; 2: bad input. */
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct op {
    int64_t began, ended;
    char key[32];
    bool reads, value; /* sees or makes it so */
};

struct ops {
    struct op *at;
    size_t n;
};

/* The first `low` in order of beginning are done; of those after, the ones in the mask. */
struct state {
    size_t low;
    uint64_t mask;
    bool value;
};

struct states {
    struct state *at;
    size_t n, size;
};

static void *grown(void *at, size_t n, size_t size)
{
    void *more = realloc(at, n * size);

    if (!more)
        abort();
    return more;
}

static int by_key_and_beginning(const void *a, const void *b)
{
    const struct op *x = a, *y = b;
    int order = strcmp(x->key, y->key);

    return order ? order : (x->began > y->began) - (x->began < y->began);
}

static void state_add(struct states *s, struct state state)
{
    for (size_t i = s->n; i-- > 0;)
        if (s->at[i].low == state.low && s->at[i].mask == state.mask &&
            s->at[i].value == state.value)
            return;
    if (s->n == s->size) {
        s->size = s->size ? 2 * s->size : 64;
        s->at = grown(s->at, s->size, sizeof *s->at);
    }
    s->at[s->n++] = state;
}

static bool is_done(const struct state *s, size_t i)
{
    return i < s->low || (i - s->low < 64 && (s->mask >> (i - s->low) & 1));
}

static struct state with(const struct op *ops, struct state s, size_t i)
{
    if (!ops[i].reads)
        s.value = ops[i].value;
    s.mask |= UINT64_C(1) << (i - s.low);
    while (s.mask & 1) {
        s.mask >>= 1;
        s.low++;
    }
    return s;
}

/* All that may come next. True: nothing has to come any more. */
static bool follow(const struct op *ops, size_t n, struct state s, struct states *out)
{
    int64_t first_end = INT64_MAX;

    for (size_t i = s.low; i < n; i++)
        if (!is_done(&s, i) && ops[i].ended < first_end)
            first_end = ops[i].ended;
    if (first_end == INT64_MAX)
        return true;
    for (size_t i = s.low; i < n && i < s.low + 64 && ops[i].began <= first_end; i++)
        if (!is_done(&s, i) && (!ops[i].reads || ops[i].value == s.value))
            state_add(out, with(ops, s, i));
    return false;
}

/* Breadth first: each round does one more, so what was followed need not be kept. */
static bool key_check(const struct op *ops, size_t n)
{
    struct states now = {0}, next = {0};
    bool found = false;

    state_add(&now, (struct state){0});
    while (now.n && !found) {
        next.n = 0;
        for (size_t i = 0; i < now.n && !found; i++)
            found = follow(ops, n, now.at[i], &next);
        struct states swap = now;

        now = next;
        next = swap;
    }
    free(now.at);
    free(next.at);
    return found;
}

static bool line_read(const char *line, struct ops *all)
{
    struct op op = {0};
    char what[16], result[16];

    if (sscanf(line, "%jd %jd %31s %15s %15s", &op.began, &op.ended, op.key, what, result) != 5)
        return false;
    if (strcmp(result, "no") == 0)
        return true;
    op.reads = strcmp(what, "has") == 0 || strcmp(what, "lacks") == 0;
    op.value = strcmp(what, "add") == 0 || strcmp(what, "has") == 0;
    if (strcmp(result, "unknown") == 0)
        op.ended = INT64_MAX;
    all->at = grown(all->at, all->n + 1, sizeof *all->at);
    all->at[all->n++] = op;
    return true;
}

int main(void)
{
    struct ops all = {0};
    char line[200];
    size_t to;
    int wrong = 0;

    while (fgets(line, sizeof line, stdin))
        if (!line_read(line, &all)) {
            printf("not an operation: %s", line);
            return 2;
        }
    if (all.n)
        qsort(all.at, all.n, sizeof *all.at, by_key_and_beginning);
    for (size_t from = 0; from < all.n; from = to) {
        for (to = from; to < all.n && strcmp(all.at[to].key, all.at[from].key) == 0; to++)
            ;
        if (key_check(all.at + from, to - from))
            continue;
        printf("no order explains %s\n", all.at[from].key);
        wrong = 1;
    }
    free(all.at);
    return wrong;
}
