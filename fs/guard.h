/* Guard rails: what may be removed, and how much of it in a time. Pure but for its own counters;
 * under the balancer's lock. The caller tells the time, so that tests need not wait. */
#ifndef BALANCERFS_GUARD_H
#define BALANCERFS_GUARD_H

#include "drivers/driver.h"

struct guard;

/* Reads read_only, min_nodes, max_removal ("50%/60s" or "5/60s") and protected_pools. NULL with
 * *err (options_error) for a bad value. options are borrowed as long as the guard. */
struct guard *guard_new(const struct options *options, struct error *err);
void guard_free(struct guard *g);

/* May this pool be changed at all? -1: EROFS (read_only), EPERM (protected). */
int guard_change(const struct guard *g, const char *pool, struct error *err);

/* n nodes are about to be removed from a pool that has pool_size now, of a balancer that has
 * all_size in all (both before the removal); added: how many the same change adds to the pool.
 * 0: they may, and are counted (at now_ms, monotonic). -1: EPERM, one of min_nodes, max_removal
 * of the pool, max_removal of the balancer, with numbers and remedy; nothing is counted then.
 * A pool that does not shrink (added is n or more) may be below min_nodes.
 * A removal of max_removal percent is rounded down, but one node may always go. What a
 * percentage is of: the size now plus what is added, plus what was removed within the time. The
 * time slides: each removal counts for all of it, and up to a 64th longer (fs/window.h). */
int guard_remove(struct guard *g, const char *pool, size_t n, size_t added, size_t pool_size,
                 size_t all_size, int64_t now_ms, struct error *err);

/* Would a pool with so many nodes left be below min_nodes? -1: EPERM. For a removal that was
 * judged when more nodes were expected than came. */
int guard_left(const struct guard *g, const char *pool, size_t left, struct error *err);

/* A counted removal has not happened after all (refused, withdrawn). counted_ms: the now_ms of its
 * guard_remove, so that exactly that one is taken back. When nothing was counted then (a caller
 * that tells the present), the oldest are. */
void guard_refund(struct guard *g, const char *pool, size_t n, int64_t counted_ms);

#endif
