/* A remote stream over the ends of a child. */
#include "drivers/piped.h"
#include <errno.h>
#include <string.h>

ptrdiff_t piped_take(struct remote *r, enum remote_stream which, void *data, size_t size,
                     struct error *err)
{
    ptrdiff_t n = child_take(&((struct piped *)r)->child, which, data, size);

    if (n >= 0)
        return n;
    return errno == EAGAIN ? REMOTE_AGAIN
                           : error_set(err, EIO, "the command on %s: %s", r->host, strerror(errno));
}

ptrdiff_t piped_give(struct remote *r, const void *data, size_t len, struct error *err)
{
    ptrdiff_t n = child_give(&((struct piped *)r)->child, data, len);

    if (n >= 0)
        return n;
    return errno == EAGAIN
               ? REMOTE_AGAIN
               : error_set(err, EPIPE, "the command on %s: %s", r->host, strerror(errno));
}

int piped_wait(struct remote *r, short events, int64_t deadline, struct error *err)
{
    const struct child *c = &((struct piped *)r)->child;
    struct pollfd fds[2] = {{c->any, POLLIN, 0}, {c->in, POLLOUT, 0}};

    return remote_wait(r, fds, events & POLLOUT ? 2 : 1, deadline, err);
}

int piped_poll_fd(const struct remote *r)
{
    return ((const struct piped *)r)->child.any;
}

/* An end that was seen, but not by remote_read: its descriptor is closed and tells no more. */
bool piped_pending(const struct remote *r)
{
    const struct child *c = &((const struct piped *)r)->child;

    return (c->out[0] < 0 && !r->ended[0]) || (c->out[1] < 0 && !r->ended[1]);
}
