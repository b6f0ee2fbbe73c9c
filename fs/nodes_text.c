/* Reading .nodes: lines are cut and sorted as they stand in the text, then each distinct one is
 * parsed once; so a million lines cost no more memory than the nodes they name. */
#include "fs/nodes_text.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct line {
    const char *at;
    size_t len;
    size_t number;
};

struct lines {
    struct line *at;
    size_t n, size;
};

/* What was wrong: the first line of it, and how many. */
struct bad {
    size_t number, n;
    struct error why;
};

static bool is_blank(char c)
{
    return c == ' ' || c == '\t';
}

static bool lines_add(struct lines *l, struct line line)
{
    if (l->n == l->size) {
        size_t size = l->size ? l->size * 2 : 64;
        struct line *at = reallocarray(l->at, size, sizeof *at);

        if (!at)
            return false;
        l->at = at;
        l->size = size;
    }
    l->at[l->n++] = line;
    return true;
}

/* from: the line without its newline. */
static bool add_line(struct lines *l, const char *from, size_t len, size_t number)
{
    if (len && from[len - 1] == '\r')
        len--;
    while (len && is_blank(from[len - 1]))
        len--;
    while (len && is_blank(*from)) {
        from++;
        len--;
    }
    if (len == 0 || *from == '#')
        return true;
    return lines_add(l, (struct line){from, len, number});
}

static bool cut(struct lines *l, const char *text, size_t len)
{
    const char *end = text + len;

    for (size_t number = 1; text < end; number++) {
        const char *newline = memchr(text, '\n', (size_t)(end - text));
        const char *stop = newline ? newline : end;

        if (!add_line(l, text, (size_t)(stop - text), number))
            return false;
        text = stop + 1;
    }
    return true;
}

/* As strcmp does with names; equal ones by where they stand. */
static int compare(const void *a, const void *b)
{
    const struct line *x = a, *y = b;
    int d = memcmp(x->at, y->at, x->len < y->len ? x->len : y->len);

    if (d == 0)
        d = (x->len > y->len) - (x->len < y->len);
    return d ? d : (x->number > y->number) - (x->number < y->number);
}

static bool is_same(const struct line *x, const struct line *y)
{
    return x->len == y->len && memcmp(x->at, y->at, x->len) == 0;
}

static int line_parse(const struct line *line, struct node *out, struct error *err)
{
    /* One byte more than a name may have is enough for node_parse to refuse it. */
    char text[sizeof out->name + 1];
    size_t len = line->len < sizeof text ? line->len : sizeof text - 1;

    if (memchr(line->at, '\0', line->len))
        return error_set(err, EINVAL, "holds a NUL byte: this is no text");
    memcpy(text, line->at, len);
    text[len] = '\0';
    return node_parse(out, text, err);
}

static void note_bad(struct bad *bad, const struct line *line, const struct error *why)
{
    if (bad->n == 0 || line->number < bad->number) {
        bad->number = line->number;
        bad->why = *why;
    }
    bad->n++;
}

/* lines are sorted; out->at has room for the distinct ones. */
static void parse_distinct(const struct lines *l, struct node_set *out, struct bad *bad)
{
    struct error why = {0};
    int rc = 0;

    for (size_t i = 0; i < l->n; i++) {
        bool again = i > 0 && is_same(&l->at[i - 1], &l->at[i]);

        if (!again)
            rc = line_parse(&l->at[i], &out->at[out->n], &why);
        if (rc == -1)
            note_bad(bad, &l->at[i], &why);
        else if (!again)
            out->n++;
    }
}

static size_t count_distinct(const struct lines *l)
{
    size_t n = 0;

    for (size_t i = 0; i < l->n; i++)
        n += i == 0 || !is_same(&l->at[i - 1], &l->at[i]);
    return n;
}

static int set_error(const struct bad *bad, struct error *err)
{
    struct error why = bad->why; /* may be *err */

    if (bad->n == 1)
        return error_set(err, EINVAL, "line %zu: %s", bad->number, why.text);
    return error_set(err, EINVAL, "line %zu: %s (and %zu more bad %s)", bad->number, why.text,
                     bad->n - 1, bad->n == 2 ? "line" : "lines");
}

static int parse_lines(struct lines *l, struct node_set *out, struct error *err)
{
    struct bad bad = {0};

    if (l->n == 0)
        return 0;
    qsort(l->at, l->n, sizeof *l->at, compare);
    out->at = calloc(count_distinct(l), sizeof *out->at);
    if (!out->at)
        return error_set(err, ENOMEM, "out of memory");
    parse_distinct(l, out, &bad);
    if (bad.n == 0)
        return 0;
    node_set_free(out);
    return set_error(&bad, err);
}

int nodes_text_parse(const char *text, size_t len, struct node_set *out, struct error *err)
{
    struct lines l = {0};
    int rc;

    *out = (struct node_set){0};
    if (len > NODES_TEXT_MAX)
        return error_set(err, EFBIG, "a list of nodes may have %zu MiB", NODES_TEXT_MAX >> 20);
    if (cut(&l, text, len))
        rc = parse_lines(&l, out, err);
    else
        rc = error_set(err, ENOMEM, "out of memory");
    free(l.at);
    return rc;
}

void node_set_free(struct node_set *s)
{
    free(s->at);
    *s = (struct node_set){0};
}

bool node_set_equals(const struct node_set *s, size_t n, const char *(*at)(const void *arg, size_t),
                     const void *arg)
{
    if (s->n != n)
        return false;
    for (size_t i = 0; i < n; i++)
        if (strcmp(s->at[i].name, at(arg, i)) != 0)
            return false;
    return true;
}
