/* Judges the keys of every balancer without making one, for a configuration that is only read. */
#include "fs/fs.h"
#include "fs/guard.h"
#include "fs/settings.h"

void fs_check(const struct options *options, void (*tell)(const struct error *err, void *arg),
              void *arg)
{
    struct error err;
    struct guard *guard = guard_new(options, &err);

    if (!guard)
        tell(&err, arg);
    guard_free(guard);
    settings_check(options, tell, arg);
}
