/* The text of what hosts have missed: reading, merging, writing. */
#include "drivers/missed.h"
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define LINE_MAX_BYTES 1024

static const char *const kinds[] = {"add", "delete", "create", "remove"};

static bool has_node(const struct change *c)
{
    return c->kind == ADD_NODE || c->kind == DELETE_NODE;
}

/* Of two changes: do they speak of the same thing? */
static int compare_things(const struct change *a, const struct change *b)
{
    int order = strcmp(a->pool.name, b->pool.name);

    if (order == 0)
        order = (int)has_node(a) - (int)has_node(b);
    return order == 0 && has_node(a) ? strcmp(a->node.name, b->node.name) : order;
}

/* The same for every host, so that all write the same. */
static int by_stamp(const void *a, const void *b)
{
    const struct missed_line *x = a, *y = b;

    if (x->stamp != y->stamp)
        return x->stamp < y->stamp ? -1 : 1;
    return strcmp(x->host, y->host);
}

/* By thing, the newest first. */
static int by_thing(const void *a, const void *b)
{
    const struct missed_line *x = a, *y = b;
    int order = compare_things(&x->change, &y->change);

    return order ? order : by_stamp(b, a);
}

/* By thing, then by host. */
static int by_thing_and_host(const void *a, const void *b)
{
    const struct missed_line *x = a, *y = b;
    int order = compare_things(&x->change, &y->change);

    return order ? order : strcmp(x->host, y->host);
}

static void append(struct missed *m, int64_t stamp, const char *host, const struct change *c)
{
    if (m->n == m->size) {
        size_t size = m->size ? m->size * 2 : 16;
        struct missed_line *at = reallocarray(m->at, size, sizeof *at);

        m->failed |= !at;
        if (!at)
            return;
        m->at = at;
        m->size = size;
    }
    m->at[m->n] = (struct missed_line){stamp, strdup(host), *c};
    if (m->at[m->n].host)
        m->n++;
    else
        m->failed = true;
}

/* ---- reading ------------------------------------------------------------------------------ */

static bool stamp_parse(const char *text, int64_t *stamp)
{
    char *end;

    if (*text < '0' || *text > '9' || strlen(text) > 18)
        return false;
    *stamp = strtoll(text, &end, 10);
    return !*end;
}

static bool change_parse(struct change *c, const char *kind, const char *pool, const char *node)
{
    struct error ignored;

    *c = (struct change){0};
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        if (strcmp(kind, kinds[i]) != 0)
            continue;
        c->kind = (enum change_kind)i;
        if (pool_parse(&c->pool, pool, &ignored) != 0)
            return false;
        return has_node(c) ? node && node_parse(&c->node, node, &ignored) == 0 : !node;
    }
    return false;
}

static void line_read(struct missed *m, char *line)
{
    char *words[6], *rest = NULL;
    struct change change;
    int64_t stamp;
    int n = 0;

    for (char *w = strtok_r(line, " ", &rest); w && n < 6; w = strtok_r(NULL, " ", &rest))
        words[n++] = w;
    if ((n == 4 || n == 5) && stamp_parse(words[0], &stamp) &&
        change_parse(&change, words[2], words[3], n == 5 ? words[4] : NULL))
        append(m, stamp, words[1], &change);
}

void missed_read(struct missed *m, const char *text, size_t len)
{
    const char *end = text + len;

    while (text < end) {
        const char *newline = memchr(text, '\n', (size_t)(end - text));
        size_t n = (size_t)((newline ? newline : end) - text);
        char line[LINE_MAX_BYTES];

        if (n < sizeof line) {
            memcpy(line, text, n);
            line[n] = '\0';
            line_read(m, line);
        }
        text += n + 1;
    }
}

/* ---- changing ----------------------------------------------------------------------------- */

/* Is that how the thing was left last, and does the host's line say so? */
static bool is_known(const struct missed *m, const char *host, const struct change *c)
{
    const struct missed_line *newest = NULL;
    bool hosts = false;

    for (size_t i = 0; i < m->n; i++) {
        const struct missed_line *l = &m->at[i];

        if (compare_things(&l->change, c) != 0)
            continue;
        if (!newest || l->stamp > newest->stamp)
            newest = l;
        hosts |= strcmp(l->host, host) == 0 && l->change.kind == c->kind;
    }
    return hosts && newest->change.kind == c->kind;
}

void missed_add(struct missed *m, const char *host, const struct change *changes, size_t n,
                int64_t now_us)
{
    for (size_t i = 0; i < m->n; i++)
        if (m->at[i].stamp >= now_us)
            now_us = m->at[i].stamp + 1;
    for (size_t i = 0; i < n; i++)
        if (!is_known(m, host, &changes[i]))
            append(m, now_us++, host, &changes[i]);
}

static void remove_at(struct missed *m, size_t i)
{
    free(m->at[i].host);
    m->at[i].host = NULL;
}

static void close_ranks(struct missed *m)
{
    size_t kept = 0;

    for (size_t i = 0; i < m->n; i++)
        if (m->at[i].host)
            m->at[kept++] = m->at[i];
    m->n = kept;
}

void missed_drop(struct missed *m, const char *host)
{
    for (size_t i = 0; i < m->n; i++)
        if (strcmp(m->at[i].host, host) == 0)
            remove_at(m, i);
    close_ranks(m);
}

/* Every line of a thing becomes as the newest of them. */
static void newest_spread(struct missed *m)
{
    const struct missed_line *newest = m->at;

    qsort(m->at, m->n, sizeof *m->at, by_thing);
    for (size_t i = 0; i < m->n; i++) {
        struct missed_line *l = &m->at[i];

        if (compare_things(&l->change, &newest->change) != 0)
            newest = l;
        l->change.kind = newest->change.kind;
        l->stamp = newest->stamp;
    }
}

void missed_settle(struct missed *m)
{
    size_t last = 0;

    if (m->n == 0)
        return;
    newest_spread(m);
    qsort(m->at, m->n, sizeof *m->at, by_thing_and_host);
    for (size_t i = 1; i < m->n; i++)
        if (by_thing_and_host(&m->at[i], &m->at[last]) == 0)
            remove_at(m, i);
        else
            last = i;
    close_ranks(m);
    qsort(m->at, m->n, sizeof *m->at, by_stamp);
}

/* ---- telling ------------------------------------------------------------------------------ */

void missed_text(const struct missed *m, struct buf *out)
{
    for (size_t i = 0; i < m->n; i++) {
        const struct missed_line *l = &m->at[i];

        buf_printf(out, "%" PRId64 " %s %s %s%s%s\n", l->stamp, l->host, kinds[l->change.kind],
                   l->change.pool.name, has_node(&l->change) ? " " : "",
                   has_node(&l->change) ? l->change.node.name : "");
    }
}

size_t missed_count(const struct missed *m, const char *host)
{
    size_t count = 0;

    for (size_t i = 0; i < m->n; i++)
        count += strcmp(m->at[i].host, host) == 0;
    return count;
}

size_t missed_changes(const struct missed *m, const char *host, struct change **out)
{
    size_t count = missed_count(m, host), n = 0;

    *out = count ? calloc(count, sizeof **out) : NULL;
    for (size_t i = 0; *out && i < m->n; i++)
        if (strcmp(m->at[i].host, host) == 0)
            (*out)[n++] = m->at[i].change;
    return n;
}

void missed_clear(struct missed *m)
{
    for (size_t i = 0; i < m->n; i++)
        free(m->at[i].host);
    free(m->at);
    *m = (struct missed)MISSED_INIT;
}
