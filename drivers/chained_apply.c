/* A change on every member of a chain, or on none.
 *
 *   plan    each member is asked what it has, all at once, and what will take the change back is
 *           worked out from that; a change that a member must refuse ends here
 *   apply   one member after the other
 *   undo    when one fails: on those before it, last first; also on itself when its outcome is
 *           unknown. What takes back is made of sets too, so that it does no harm where the change
 *           was not made.
 *
 * It is not a lock: who changes the same nodes of a member meanwhile may find them put back. */
#include "drivers/chained_impl.h"
#include "drivers/dummy_store.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* ---- the plan ----------------------------------------------------------------------------- */

static bool is_touched(const struct question *q, const char *pool)
{
    for (size_t i = 0; i < q->n; i++)
        if (strcmp(q->changes[i].pool.name, pool) == 0)
            return true;
    return false;
}

static int put(struct store *s, enum change_kind kind, const char *pool, const char *node,
               struct error *err)
{
    struct change c = {.kind = kind};

    (void)pool_parse(&c.pool, pool, err);
    if (node)
        (void)node_parse(&c.node, node, err);
    return store_change(s, &c, err) == -1 ? -1 : 0;
}

static int put_nodes(struct store *s, const struct listing *seen, size_t p, struct error *err)
{
    const char *pool = listing_pool_name(seen, p);

    for (size_t n = 0; n < listing_node_count(seen, p); n++)
        if (put(s, ADD_NODE, pool, listing_node_name(seen, p, n), err) == -1)
            return -1;
    return 0;
}

static int ask_nodes(struct member *m, const char *name, struct store *s, struct error *err)
{
    struct pool pool;
    const struct question question = {.pool = &pool};
    int rc = pool_parse(&pool, name, err);

    if (rc == 0)
        rc = member_ask(m, &question, err);
    for (size_t p = 0; rc == 0 && p < listing_pool_count(m->seen); p++)
        rc = put_nodes(s, m->seen, p, err);
    return rc;
}

/* The pools that the changes are about, as the member has them. */
static int look(struct member *m, const struct question *q, struct store *s, struct error *err)
{
    const struct question pools = {.pool = NULL};
    bool whole;
    int rc = member_ask(m, &pools, err);

    for (size_t p = 0; rc == 0 && p < listing_pool_count(m->seen); p++) {
        const char *name = listing_pool_name(m->seen, p);

        if (is_touched(q, name))
            rc = put(s, CREATE_POOL, name, NULL, err);
        if (rc == 0 && is_touched(q, name) && listing_whole(m->seen))
            rc = put_nodes(s, m->seen, p, err);
    }
    whole = rc == 0 && listing_whole(m->seen);
    for (size_t p = 0; rc == 0 && !whole && p < s->n; p++)
        if (is_touched(q, s->pools[p].name))
            rc = ask_nodes(m, s->pools[p].name, s, err);
    return rc;
}

/* Collects backwards from the end of back, which has room for two of each change. */
static int work_out(struct member *m, const struct question *q, struct store *s, struct error *err)
{
    static const enum change_kind opposite[] = {DELETE_NODE, ADD_NODE, DELETE_POOL, CREATE_POOL};
    struct change *at = m->back + 2 * q->n;

    for (size_t i = 0; i < q->n; i++) {
        const struct change *c = &q->changes[i];
        bool makes_pool = c->kind == ADD_NODE && !store_find(s, c->pool.name);
        int changed = store_change(s, c, err);

        if (changed == -1)
            return -1;
        if (makes_pool)
            *--at = (struct change){.kind = DELETE_POOL, .pool = c->pool};
        if (changed) {
            *--at = *c;
            at->kind = opposite[c->kind];
        }
    }
    m->n_back = (size_t)(m->back + 2 * q->n - at);
    memmove(m->back, at, m->n_back * sizeof *at);
    return 0;
}

static int plan(struct member *m, const struct question *q, struct error *err)
{
    struct store store = STORE_INIT;
    int rc;

    m->n_back = 0;
    m->back = calloc(2 * q->n + 1, sizeof *m->back);
    rc = m->back ? look(m, q, &store, err) : error_set(err, ENOMEM, "out of memory");
    if (rc == 0)
        rc = work_out(m, q, &store, err);
    store_clear(&store);
    return rc;
}

/* ---- the change --------------------------------------------------------------------------- */

/* Of members [0, n), last first; each is tried. */
static int undo(struct chained *c, size_t n, const struct error *why, struct error *err)
{
    struct error failure;
    int rc = 0;

    while (n-- > 0) {
        struct member *m = &c->members[n];

        if (m->n_back && m->driver->apply(m->lb, m->back, m->n_back, &failure) == -1)
            rc = error_set(err, EIO, "%.400s; and what was done could not be taken back on %s: %s",
                           why->text, m->label, failure.text);
    }
    return rc;
}

/* why is what member i said. */
static int fail(struct chained *c, size_t i, const struct error *why, struct error *err)
{
    bool unknown = why->num == EIO;
    struct error told;

    (void)member_error(&c->members[i], why, &told);
    if (undo(c, unknown ? i + 1 : i, &told, err) == -1)
        return -1;
    return error_set(err, unknown ? EREMOTEIO : told.num, "%s", told.text);
}

int chained_apply(void *lb, const struct change *changes, size_t n, struct error *err)
{
    struct chained *c = lb;
    const struct question question = {.changes = changes, .n = n};
    struct error why;
    int rc = chained_each(c, &question, plan, err);

    for (size_t i = 0; rc == 0 && i < c->n; i++)
        if (c->members[i].driver->apply(c->members[i].lb, changes, n, &why) == -1)
            rc = fail(c, i, &why, err);
    for (size_t i = 0; i < c->n; i++) {
        struct member *m = &c->members[i];

        listing_free(m->seen);
        free(m->back);
        m->seen = NULL;
        m->back = NULL;
    }
    return rc;
}
