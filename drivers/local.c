/* Transport "local": the command runs on this machine, as a child. */
#include "drivers/clock.h"
#include "drivers/piped.h"

static void local_close(struct remote *r)
{
    struct piped *l = (struct piped *)r;

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
    struct piped *l = remote_new(sizeof *l, &transport_local, host, err);

    (void)c;
    (void)deadline;
    if (!l)
        return NULL;
    if (child_spawn(&l->child, argv, NULL, err) == 0)
        return &l->base;
    remote_free(&l->base);
    return NULL;
}

const struct transport transport_local = {
    .name = "local",
    .open = local_open,
    .take = piped_take,
    .give = piped_give,
    .wait = piped_wait,
    .poll_fd = piped_poll_fd,
    .pending = piped_pending,
    .close = local_close,
};
