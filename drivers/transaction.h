/* A change over many hosts at once: on all of them, or on none.
 *
 * Each host has a thread and, once needed, one session (agent.h) that stays open; the thread reads
 * from it while idle, so a dead one is noticed and opened again without an error to anybody. The
 * callers below run on one thread, and tell all hosts' threads what to do, in parallel.
 *
 *   1 read     hosts whose files are not known
 *   2 make up  a host that missed changes while it was down gets them, in a transaction before
 *   3 edit     each host's own files; where hosts differ in a pool of the change, all get all
 *   4 prepare  lock, compare, put in place, test.   one refuses: all put back; the error
 *                                                   one is stale, busy or lost: all put back;
 *                                                   again, now with the first host's lock taken
 *                                                   before 1, so that nobody can come between
 *   5 commit   reload.                              one refuses: all roll back; the error,
 *                                                   EIO when one of them could not
 *                                                   one is lost: it is asked (opened again, its
 *                                                   lock awaited, its files compared); if it
 *                                                   cannot be, it has missed the change: success
 *                                                   with a quorum of others, else EIO
 *   6 forget   the old files go; nobody waits for it
 *
 * A host that edit leaves as it is takes part all the same: its lock, and that its files are what
 * the edit was made from, keep two changes that cross from half undoing each other. That nothing
 * is to be changed anywhere is believed only of files that were read in this change, while no
 * other was under way. What hosts that are down miss is written on those that are up, in the
 * same transaction (missed.h). */
#ifndef BALANCERFS_TRANSACTION_H
#define BALANCERFS_TRANSACTION_H

#include "drivers/agent.h"

struct hosts;

/* How pools are written in files. Pure functions; dialect.h says more. */
struct hosts_dialect {
    int (*edit)(const void *arg, const struct files *in, const struct change *changes, size_t n,
                struct files *out, struct error *err);
    void (*list)(const void *arg, const struct files *in, struct listing *out);
    const void *arg;
    const char *main_file; /* every edit rests on it too; or NULL */
};

/* All are borrowed for good. quorum: hosts that must be up (1 to all of them). */
struct hosts *hosts_new(const struct remote_config *c, const struct agent_setup *setup,
                        const struct hosts_dialect *dialect, size_t quorum, struct error *err);
void hosts_free(struct hosts *h); /* ends the sessions; bounded by seconds */

/* Around the calls below: hosts that come back are seen to between them. */
void hosts_take(struct hosts *h);
void hosts_give(struct hosts *h);

/* Reads all hosts. -1 when fewer than quorum can be read: the first one's error. */
int hosts_read(struct hosts *h, int64_t deadline, struct error *err);
size_t hosts_count(const struct hosts *h);
/* After hosts_read: the host's pool files, or false when it was not read or is behind the others.
 * *out is borrowed until hosts_give. */
bool hosts_files(const struct hosts *h, size_t host, struct files *out);

/* Why the host was not read: 0 when it was. */
int hosts_failure(const struct hosts *h, size_t host, struct error *err);

/* After hosts_read, on the hosts that were read: does the test pass as they are? */
void hosts_test(struct hosts *h, int64_t deadline);
/* After hosts_test. -1 with *err: not there. */
int hosts_tested(const struct hosts *h, size_t host, struct error *err);

/* The transaction. -1: nothing has changed anywhere, unless errno is EIO. */
int hosts_change(struct hosts *h, const struct change *changes, size_t n, int64_t deadline,
                 struct error *err);

/* Any thread, at any time. */
void hosts_status(struct hosts *h, struct status *out);

#endif
