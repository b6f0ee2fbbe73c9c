/* Transport "openssh": the system's ssh program. */
#include "drivers/remote_impl.h"
#include <errno.h>

static struct remote *openssh_open(const struct remote_config *c, const struct remote_host *host,
                                   const char *command, int64_t deadline, struct error *err)
{
    (void)c, (void)command, (void)deadline;
    (void)error_set(err, ENOSYS, "%s: transport openssh comes with the next change", host->name);
    return NULL;
}

const struct transport transport_openssh = {.name = "openssh", .open = openssh_open};
