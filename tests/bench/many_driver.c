/* A balancer of any size that holds nothing: its pools and nodes are names counted up. What the
 * daemon needs for them is then all that there is to see. Changes are accepted and forgotten. */
#include "drivers/driver.h"
#include <stdio.h>
#include <stdlib.h>

struct many {
    unsigned pools, nodes;
};

static const struct option many_options[] = {
    {"pools", OPTION_NUMBER, "1", false, "how many pools: p0 and so on"},
    {"nodes", OPTION_NUMBER, "1000", false, "how many nodes in each: 10.0.0.0:80 and so on"},
    {NULL, OPTION_STRING, NULL, false, NULL}};

static void *many_open(const struct options *o, struct error *err)
{
    struct many *m = calloc(1, sizeof *m);

    (void)err;
    if (!m)
        return NULL;
    m->pools = (unsigned)options_number(o, "pools");
    m->nodes = (unsigned)options_number(o, "nodes");
    return m;
}

static void list_nodes(const struct many *m, struct listing *out)
{
    char name[32];

    for (unsigned i = 0; i < m->nodes; i++) {
        (void)snprintf(name, sizeof name, "10.%u.%u.%u:80", i >> 16 & 255, i >> 8 & 255, i & 255);
        listing_node(out, name);
    }
}

static int many_get_pools(void *lb, struct listing *out, struct error *err)
{
    const struct many *m = lb;
    char name[16];

    (void)err;
    listing_is_whole(out);
    for (unsigned i = 0; i < m->pools; i++) {
        (void)snprintf(name, sizeof name, "p%u", i);
        listing_pool(out, name);
        list_nodes(m, out);
    }
    return 0;
}

static int many_get_nodes(void *lb, const struct pool *pool, struct listing *out, struct error *err)
{
    (void)pool;
    (void)err;
    list_nodes(lb, out);
    return 0;
}

static int many_apply(void *lb, const struct change *changes, size_t n, struct error *err)
{
    (void)lb;
    (void)changes;
    (void)n;
    (void)err;
    return 0;
}

const struct driver balancerfs_driver = {
    .abi = BALANCERFS_ABI,
    .name = "many",
    .summary = "pools and nodes that are only counted",
    .options = many_options,
    .open = many_open,
    .get_pools = many_get_pools,
    .get_nodes = many_get_nodes,
    .apply = many_apply,
    .close = free,
};
