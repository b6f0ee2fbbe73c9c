/* The one thread that ends waits which last too long, whatever the drivers do. It sleeps until the
 * first of them is due, and without a limit while nobody waits. */
#ifndef BALANCERFS_WATCHDOG_H
#define BALANCERFS_WATCHDOG_H

#include <stdint.h>

struct watchdog;

/* look is called on the thread, without a lock: it ends what is overdue at now and returns when the
 * next will be, INT64_MAX if nothing waits. Times are monotonic ms. NULL: no memory. */
struct watchdog *watchdog_new(int64_t (*look)(void *arg, int64_t now_ms), void *arg);
/* Ends the thread. */
void watchdog_free(struct watchdog *w);

/* Something will be overdue at that time. Starts the thread at the first. Any thread; its own lock
 * is the last that is taken. */
void watchdog_expect(struct watchdog *w, int64_t at_ms);

#endif
