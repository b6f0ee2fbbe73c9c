/* The seed's interface: get_nodes, add_nodes and delete_nodes over a driver's apply. */
#include "drivers/driver.h"
#include <errno.h>
#include <stdlib.h>

int balancer_get_nodes(const struct balancer *b, const struct pool *pool, struct listing *out,
                       struct error *err)
{
    return b->driver->get_nodes(b->lb, pool, out, err);
}

static int apply_all(const struct balancer *b, enum change_kind kind, const struct pool *pool,
                     const struct node *nodes, size_t n, struct error *err)
{
    struct change *changes;
    int rc;

    if (n == 0)
        return 0;
    changes = calloc(n, sizeof *changes);
    if (!changes)
        return error_set(err, ENOMEM, "out of memory");
    for (size_t i = 0; i < n; i++)
        changes[i] = (struct change){kind, *pool, nodes[i]};
    rc = b->driver->apply(b->lb, changes, n, err);
    free(changes);
    return rc;
}

int balancer_add_nodes(const struct balancer *b, const struct pool *pool, const struct node *nodes,
                       size_t n, struct error *err)
{
    return apply_all(b, ADD_NODE, pool, nodes, n, err);
}

int balancer_delete_nodes(const struct balancer *b, const struct pool *pool,
                          const struct node *nodes, size_t n, struct error *err)
{
    return apply_all(b, DELETE_NODE, pool, nodes, n, err);
}
