/* .status as YAML, from plain values: no lock, no balancer. libyaml does the quoting, so that any
 * server's message is a valid scalar. */
#ifndef BALANCERFS_STATUS_TEXT_H
#define BALANCERFS_STATUS_TEXT_H

#include "drivers/buf.h"
#include "drivers/status.h"

/* A pool whose hosts do not have the same nodes. */
struct status_difference {
    const char *pool;
    const char *node;  /* NULL: the pool itself */
    const char *hosts; /* those that have it, ", " between */
};

struct status_pool {
    const char *name;
    size_t hidden; /* members that no file name can show */
};

/* Borrowed. Times are real, ms since 1970; 0: never. */
struct balancer_status {
    const char *name, *driver;
    const char *state; /* "up", "down" or "unknown" */
    bool read_only;
    int64_t listed_ms;       /* when the listing shown is from */
    bool stale;              /* serve_stale is at work */
    size_t pools, nodes;     /* known */
    size_t queued, running;  /* changes */
    size_t refused_names;    /* names of the balancer's that are not shown */
    int64_t last_change_ms;  /* of a change that succeeded */
    const char *last_change; /* its .log line, or NULL */
    int64_t last_error_ms;   /* of any call that failed */
    const char *last_error;  /* in full, or NULL */
    const char *last_errno;  /* its name, such as EREMOTEIO */
    const struct status *of; /* what the driver says: hosts, notes; or NULL */
    const struct status_difference *differences;
    size_t n_differences;             /* those given, at most */
    size_t all_differences;           /* that there are */
    const struct status_pool *hidden; /* pools with hidden members */
    size_t n_hidden;
};

/* One balancer: a mapping. */
int status_text_balancer(const struct balancer_status *b, struct buf *out, struct error *err);
/* All: a mapping of version, and balancers by name. */
int status_text_all(const char *version, const struct balancer_status *at, size_t n,
                    struct buf *out, struct error *err);

#endif
