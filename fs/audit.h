/* Who did what to a balancer, when, and what came of it: lines for .log, syslog and the journal. */
#ifndef BALANCERFS_AUDIT_H
#define BALANCERFS_AUDIT_H

#include "drivers/buf.h"
#include <sys/types.h>

struct who {
    uid_t uid;
    gid_t gid;
    pid_t pid;
    int64_t loginuid; /* who had logged in before su or sudo; -1: nobody, or unknown */
    char command[16]; /* "" when the process is gone */
};

/* Reads /proc: for changes only. pid 0 (a foreign name space): nothing is known but uid and gid. */
struct who who_get(uid_t uid, gid_t gid, pid_t pid);

/* One change, done or refused. Borrowed. */
struct audit_entry {
    int64_t when_ms; /* real time */
    struct who who;
    const char *operation; /* touch (add), rm (delete), mkdir, rmdir, mv, nodes */
    const char *pool;
    const struct change *changes;
    size_t n;         /* at most a few are written out, then how many more */
    struct error err; /* num 0: success */
    int64_t took_ms;
    const char *hosts; /* ", " between, or "" */
};

/* The last AUDIT_LINES lines of one balancer. Locks itself; any thread. */
#define AUDIT_LINES 1000
struct audit;

/* log: also gets each line, with the balancer's name in front; NULL: nobody. */
struct audit *audit_new(const char *balancer, void (*log)(int priority, const char *line));
void audit_free(struct audit *a);

/* One line, whatever is in the texts: time, uid, loginuid, pid, command, operation, pool, nodes,
 * result, milliseconds, hosts, and the error's sentence at its end. */
void audit_add(struct audit *a, const struct audit_entry *e);
/* All lines, oldest first, each ended by a newline. */
void audit_text(struct audit *a, struct buf *out);
/* The line of the last change that succeeded, or "". Appended to out. */
void audit_last(struct audit *a, struct buf *out);

#endif
