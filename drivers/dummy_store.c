/* Sorted sets of pools and nodes, and changes to them that can be taken back. */
#include "drivers/dummy_store.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>

static void free_pool(struct store_pool *p)
{
    for (size_t i = 0; i < p->n; i++)
        free(p->nodes[i]);
    free(p->nodes);
    free(p->name);
}

void store_clear(struct store *s)
{
    for (size_t i = 0; i < s->n; i++)
        free_pool(&s->pools[i]);
    free(s->pools);
    *s = (struct store)STORE_INIT;
}

/* Where the pool is, or where it would be. */
static size_t pool_at(const struct store *s, const char *name, bool *found)
{
    size_t low = 0, high = s->n;

    *found = false;
    while (low < high && !*found) {
        size_t mid = low + (high - low) / 2;
        int d = strcmp(s->pools[mid].name, name);

        *found = d == 0;
        if (d < 0)
            low = mid + 1;
        else
            high = mid;
    }
    return high;
}

static size_t node_at(const struct store_pool *p, const char *name, bool *found)
{
    size_t low = 0, high = p->n;

    *found = false;
    while (low < high && !*found) {
        size_t mid = low + (high - low) / 2;
        int d = strcmp(p->nodes[mid], name);

        *found = d == 0;
        if (d < 0)
            low = mid + 1;
        else
            high = mid;
    }
    return high;
}

struct store_pool *store_find(const struct store *s, const char *pool)
{
    bool found;
    size_t at = pool_at(s, pool, &found);

    return found ? &s->pools[at] : NULL;
}

/* Room for one more element at index `at` of *array; NULL: no memory. */
static void *make_room(void *array, size_t *n, size_t *size, size_t at, size_t width)
{
    char *base = array;

    if (*n == *size) {
        base = reallocarray(array, *size ? *size * 2 : 8, width);
        if (!base)
            return NULL;
        *size = *size ? *size * 2 : 8;
    }
    memmove(base + (at + 1) * width, base + at * width, (*n - at) * width);
    (*n)++;
    return base;
}

static int create_pool(struct store *s, const char *name)
{
    bool found;
    size_t at = pool_at(s, name, &found);
    char *copy;
    void *pools;

    if (found)
        return 0;
    copy = strdup(name);
    pools = copy ? make_room(s->pools, &s->n, &s->size, at, sizeof *s->pools) : NULL;
    if (!pools) {
        free(copy);
        return -1;
    }
    s->pools = pools;
    s->pools[at] = (struct store_pool){.name = copy};
    return 1;
}

static void delete_pool(struct store *s, struct store_pool *p)
{
    size_t at = (size_t)(p - s->pools);

    free_pool(p);
    s->n--;
    memmove(p, p + 1, (s->n - at) * sizeof *p);
}

static int add_node(struct store *s, const struct change *c)
{
    bool found;
    struct store_pool *p;
    size_t at;
    char *copy;
    void *nodes;

    if (create_pool(s, c->pool.name) == -1)
        return -1;
    p = store_find(s, c->pool.name);
    at = node_at(p, c->node.name, &found);
    if (found)
        return 0;
    copy = strdup(c->node.name);
    nodes = copy ? make_room(p->nodes, &p->n, &p->size, at, sizeof *p->nodes) : NULL;
    if (!nodes) {
        free(copy);
        return -1;
    }
    p->nodes = nodes;
    p->nodes[at] = copy;
    return 1;
}

static int delete_node(struct store *s, const struct change *c)
{
    struct store_pool *p = store_find(s, c->pool.name);
    bool found = false;
    size_t at = p ? node_at(p, c->node.name, &found) : 0;

    if (!found)
        return 0;
    free(p->nodes[at]);
    p->n--;
    memmove(&p->nodes[at], &p->nodes[at + 1], (p->n - at) * sizeof *p->nodes);
    return 1;
}

int store_change(struct store *s, const struct change *c, struct error *err)
{
    struct store_pool *p = store_find(s, c->pool.name);
    int rc = 0;

    switch (c->kind) {
    case ADD_NODE:
        rc = add_node(s, c);
        break;
    case DELETE_NODE:
        rc = delete_node(s, c);
        break;
    case CREATE_POOL:
        rc = create_pool(s, c->pool.name);
        break;
    case DELETE_POOL:
        if (p && p->n)
            return error_set(err, ENOTEMPTY, "pool %s has %zu nodes", c->pool.name, p->n);
        if (p)
            delete_pool(s, p);
        rc = p != NULL;
        break;
    }
    return rc == -1 ? error_set(err, ENOMEM, "out of memory") : rc;
}

/* What takes back changes [0, n): done[i] says whether change i did something, made[i] whether it
 * made the pool. */
static void undo(struct store *s, const struct change *changes, size_t n, const bool *done,
                 const bool *made)
{
    struct error ignored;

    while (n-- > 0) {
        struct change back = changes[n];

        if (!done[n])
            continue;
        back.kind =
            (enum change_kind[]){DELETE_NODE, ADD_NODE, DELETE_POOL, CREATE_POOL}[changes[n].kind];
        (void)store_change(s, &back, &ignored);
        back.kind = DELETE_POOL;
        if (made[n])
            (void)store_change(s, &back, &ignored);
    }
}

int store_apply(struct store *s, const struct change *changes, size_t n, struct error *err)
{
    bool *done = calloc(n + 1, 2 * sizeof *done), *made = done ? done + n + 1 : NULL;
    int changed = 0, rc = 0;
    size_t i;

    if (!done)
        return error_set(err, ENOMEM, "out of memory");
    for (i = 0; i < n && rc != -1; i++) {
        made[i] = changes[i].kind == ADD_NODE && !store_find(s, changes[i].pool.name);
        rc = store_change(s, &changes[i], err);
        done[i] = rc == 1;
        changed += done[i];
    }
    if (rc == -1)
        undo(s, changes, i, done, made);
    free(done);
    return rc == -1 ? -1 : changed;
}
