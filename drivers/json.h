/* Scalars as JSON has them; the brackets around are the caller's. */
#ifndef BALANCERFS_JSON_H
#define BALANCERFS_JSON_H

#include "drivers/buf.h"

/* In quotes. Bytes that are no UTF-8 stay as they are. */
void json_string(struct buf *out, const char *text);
/* What YAML 1.1 makes of a scalar that is not quoted: null, true, false, a number; else a string.
 */
void json_plain(struct buf *out, const char *text);

#endif
