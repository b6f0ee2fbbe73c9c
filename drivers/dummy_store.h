/* Pools as sorted sets of names: those of the dummy, in memory and in a YAML file, and those that a
 * chain plans with. One thread at a time. */
#ifndef BALANCERFS_DUMMY_STORE_H
#define BALANCERFS_DUMMY_STORE_H

#include "drivers/driver.h"

struct store_pool {
    char *name;
    char **nodes; /* sorted */
    size_t n, size;
};

struct store {
    struct store_pool *pools; /* sorted by name */
    size_t n, size;
};

#define STORE_INIT                                                                                 \
    {                                                                                              \
        NULL, 0, 0                                                                                 \
    }

void store_clear(struct store *s);
struct store_pool *store_find(const struct store *s, const char *pool); /* or NULL */

/* 1: changed; 0: it was so already; -1: ENOMEM, or ENOTEMPTY for a pool with nodes. */
int store_change(struct store *s, const struct change *c, struct error *err);

/* All n, or none. The number that changed something, or -1. */
int store_apply(struct store *s, const struct change *changes, size_t n, struct error *err);

/* The file is a mapping of pools to lists of nodes. A missing file is ENOENT. */
int store_load(struct store *s, const char *path, struct error *err);
/* Complete or not at all: written beside it, synced, renamed. */
int store_save(const struct store *s, const char *path, struct error *err);

#endif
