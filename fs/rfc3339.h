/* Times as people and YAML read them: 2026-11-24T23:28:01.123Z. */
#ifndef BALANCERFS_RFC3339_H
#define BALANCERFS_RFC3339_H

#include "drivers/buf.h"

/* when_ms: since 1970. */
void rfc3339_add(struct buf *out, int64_t when_ms);

#endif
