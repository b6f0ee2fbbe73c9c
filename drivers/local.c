/* Transport "local": the command runs on this machine, as a child. */
#include "drivers/child.h"
#include "drivers/clock.h"
#include "drivers/remote_impl.h"
#include <errno.h>
#include <string.h>

struct local {
    struct remote base;
    struct child child;
};

static void local_close(struct remote *r)
{
    struct local *l = (struct local *)r;

    child_hang_up(&l->child);
    /* One that is putting files back must not be killed half-way. */
    if (child_wait(&l->child, clock_now_ms() + 1000) == -1)
        child_abandon(&l->child);
    remote_free(r);
}

static struct remote *local_open(const struct remote_config *c, const struct remote_host *host,
                                 const char *command, int64_t deadline, struct error *err)
{
    const char *argv[] = {"sh", "-c", command, NULL};
    struct local *l = remote_new(sizeof *l, &transport_local, host, err);

    (void)c;
    (void)deadline;
    if (!l)
        return NULL;
    if (child_spawn(&l->child, argv, NULL, err) == 0)
        return &l->base;
    remote_free(&l->base);
    return NULL;
}

static ptrdiff_t local_take(struct remote *r, enum remote_stream which, void *data, size_t size,
                            struct error *err)
{
    ptrdiff_t n = child_take(&((struct local *)r)->child, which, data, size);

    if (n >= 0)
        return n;
    return errno == EAGAIN ? REMOTE_AGAIN
                           : error_set(err, EIO, "the command on %s: %s", r->host, strerror(errno));
}

static ptrdiff_t local_give(struct remote *r, const void *data, size_t len, struct error *err)
{
    ptrdiff_t n = child_give(&((struct local *)r)->child, data, len);

    if (n >= 0)
        return n;
    return errno == EAGAIN
               ? REMOTE_AGAIN
               : error_set(err, EPIPE, "the command on %s: %s", r->host, strerror(errno));
}

static int local_wait(struct remote *r, short events, int64_t deadline, struct error *err)
{
    const struct child *c = &((struct local *)r)->child;
    struct pollfd fds[3] = {{c->any, POLLIN, 0}, {c->in, POLLOUT, 0}};

    return remote_wait(r, fds, events & POLLOUT ? 2 : 1, deadline, err);
}

static int local_poll_fd(const struct remote *r)
{
    return ((const struct local *)r)->child.any;
}

static bool local_pending(const struct remote *r)
{
    (void)r;
    return false;
}

const struct transport transport_local = {
    .name = "local",
    .open = local_open,
    .take = local_take,
    .give = local_give,
    .wait = local_wait,
    .poll_fd = local_poll_fd,
    .pending = local_pending,
    .close = local_close,
};
