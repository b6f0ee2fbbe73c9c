/* Reading a listing: the caller's side of struct listing (driver.h has the driver's). */
#ifndef BALANCERFS_LISTING_H
#define BALANCERFS_LISTING_H

#include "drivers/driver.h"

/* NULL when out of memory. pool: preset as the current one (for get_nodes), or NULL. */
struct listing *listing_new(const char *pool);
void listing_free(struct listing *l);

/* Sorts and merges. Ends the adding; all below may be called only after it returned 0. */
int listing_finish(struct listing *l, struct error *err);

bool listing_whole(const struct listing *l);
size_t listing_pool_count(const struct listing *l);
const char *listing_pool_name(const struct listing *l, size_t pool);
size_t listing_pool_hidden(const struct listing *l, size_t pool);
size_t listing_node_count(const struct listing *l, size_t pool);
const char *listing_node_name(const struct listing *l, size_t pool, size_t node);
/* Names of pools or members that did not pass the gate. */
size_t listing_refused(const struct listing *l);

/* On which hosts a pool or node was seen: the names with ", " between, or NULL where that is
 * every host of the listing (or the driver named none). The text lives as long as the listing;
 * equal sets give the same pointer. */
const char *listing_pool_hosts(const struct listing *l, size_t pool);
const char *listing_node_hosts(const struct listing *l, size_t pool, size_t node);
/* Every host of the listing, ", " between; "" when the driver named none. */
const char *listing_all_hosts(const struct listing *l);

#endif
