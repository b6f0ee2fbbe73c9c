/* Where a password comes from, asked anew each time, so that none lies about in memory. */
#ifndef BALANCERFS_SECRET_H
#define BALANCERFS_SECRET_H

#include "drivers/buf.h"

/* The first line of the file; "$CREDENTIALS_DIRECTORY" at its start is expanded. EACCES when
 * group or others may read it, EINVAL when it is empty. */
int secret_from_file(const char *path, struct buf *out, struct error *err);

/* The first line that a shell command prints by the deadline. */
int secret_from_command(const char *command, int64_t deadline, struct buf *out, struct error *err);

#endif
