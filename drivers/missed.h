/* What hosts that were down have missed: a text that is kept on those that were up.
 *
 * It is the file MISSED_FILE beside the pools, and changes in the same transaction as they do; so
 * it is there exactly when the change is, outlives the machine that mounts, and two that mount
 * the same hosts agree. A line is "STAMP HOST add|delete POOL NODE" or "STAMP HOST create|remove
 * POOL"; STAMP is microseconds since 1970. Of one host and thing only the newest line is kept, and
 * what came last to a thing, on whatever host, is what all who missed something of it have to be
 * brought to. Pure functions on text. */
#ifndef BALANCERFS_MISSED_H
#define BALANCERFS_MISSED_H

#include "drivers/buf.h"

#define MISSED_FILE ".balancerfs-missed"

struct missed_line {
    int64_t stamp;
    char *host;
    struct change change;
};

struct missed {
    struct missed_line *at; /* by stamp, once missed_settle was called */
    size_t n, size;
    bool failed; /* out of memory; sticky */
};

#define MISSED_INIT                                                                                \
    {                                                                                              \
        NULL, 0, 0, false                                                                          \
    }

/* Adds the lines of a text; what is no such line is left out. */
void missed_read(struct missed *m, const char *text, size_t len);
/* Adds, with stamps from now_us on but above all others, what is not there as the newest already.
 */
void missed_add(struct missed *m, const char *host, const struct change *changes, size_t n,
                int64_t now_us);
void missed_drop(struct missed *m, const char *host);
/* Sorts, and keeps one line for each host and thing: the newest of that thing. */
void missed_settle(struct missed *m);
void missed_text(const struct missed *m, struct buf *out);
size_t missed_count(const struct missed *m, const char *host);
/* What makes up for it, in order; of a settled record. Their number; *out by malloc. NULL when
 * there are none, or no memory. */
size_t missed_changes(const struct missed *m, const char *host, struct change **out);
void missed_clear(struct missed *m);

#endif
