/* What every driver promises, one after the other. */
#ifndef BALANCERFS_CONFORMANCE_PROMISES_H
#define BALANCERFS_CONFORMANCE_PROMISES_H

#include "suite.h"

/* In plain words; NULL behind the last. */
const char *promise_text(size_t i);
/* Whether it is kept; else s->why. What was there before is taken away, not what it leaves. */
bool promise_check(size_t i, struct suite *s);

#endif
