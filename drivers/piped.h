/* What the transports "local" and "openssh" share: the stream is that of a child's three ends. */
#ifndef BALANCERFS_PIPED_H
#define BALANCERFS_PIPED_H

#include "drivers/child.h"
#include "drivers/remote_impl.h"

struct piped {
    struct remote base;
    struct child child;
};

ptrdiff_t piped_take(struct remote *r, enum remote_stream which, void *data, size_t size,
                     struct error *err);
ptrdiff_t piped_give(struct remote *r, const void *data, size_t len, struct error *err);
int piped_wait(struct remote *r, short events, int64_t deadline, struct error *err);
int piped_poll_fd(const struct remote *r);
bool piped_pending(const struct remote *r);

#endif
