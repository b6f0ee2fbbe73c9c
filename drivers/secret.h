/* Where a password comes from: the options password, password_file and password_command, which
 * every driver with a login has. Asked anew each time, so that none lies about in memory. */
#ifndef BALANCERFS_SECRET_H
#define BALANCERFS_SECRET_H

#include "drivers/buf.h"

/* -1 with EINVAL and the place when more than one of the three was written. */
int secret_check(const struct options *o, struct error *err);

/* The password, as it stands, or the first line of the file or of what the command prints by the
 * deadline. "~/" (home) and "$CREDENTIALS_DIRECTORY" at the start of the file are expanded.
 * Nothing when there is none of the three. EACCES when others may read the file or the command
 * fails, EINVAL when it is empty. Wipe out (buf_wipe) soon. */
int secret_read(const struct options *o, const char *home, int64_t deadline, struct buf *out,
                struct error *err);

#endif
