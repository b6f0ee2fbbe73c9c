/* A driver under test, and a short way to write what is done to it and what it must then have.
 *
 *   changes  "+a1 -b2 +c -d"   add node 1 to pool a, delete node 2 from b, create c, delete d
 *   state    "a12 b"           pool a has nodes 1 and 2, b has none, others do not exist
 *
 * Pools a to e are called conformance-a and so on, node 1 is 192.0.2.1:8001 (an address that is
 * nobody's). What else the balancer has is left alone, and looked at in the end. */
#ifndef BALANCERFS_CONFORMANCE_SUITE_H
#define BALANCERFS_CONFORMANCE_SUITE_H

#include "drivers/buf.h"
#include "drivers/listing.h"

#define SUITE_POOLS "abcde"

struct suite {
    struct balancer b;
    const struct options *options;
    char used[8]; /* the pools that this promise has to do with, besides those that are listed */
    struct buf others; /* what the balancer had besides, when the suite began */
    struct buf why;    /* why the promise that is looked at is not kept; empty: it is */
    struct buf note;   /* something to know of it */
};

/* All of these return false, and have said why, when it is not so. */
bool suite_fail(struct suite *s, const char *fmt, ...) BALANCERFS_PRINTF(2, 3);

/* Something to know of a promise that is kept. */
void suite_note(struct suite *s, const char *fmt, ...) BALANCERFS_PRINTF(2, 3);

/* The changes succeed. Those that add nodes to one pool, or delete from one, go by the seed's
 * functions. */
bool suite_do(struct suite *s, const char *changes);
/* They are refused, and with this errno. */
bool suite_refused(struct suite *s, const char *changes, int num);
/* By get_pools, by get_nodes of every pool, and by the whole listing where there is one. */
bool suite_has(struct suite *s, const char *state);

struct pool suite_pool(char letter);
/* Deletes what is in pools a to e, and them. */
bool suite_clean(struct suite *s);
/* The other pools and their nodes. */
bool suite_others(struct suite *s, struct buf *out);

/* get_pools (pool NULL) or get_nodes, finished; NULL: it failed, and that is said. */
struct listing *suite_list(struct suite *s, const struct balancer *b, const struct pool *pool);

/* The error is one: a number, and a sentence of one line. */
bool suite_is_error(struct suite *s, const struct error *err);

#endif
