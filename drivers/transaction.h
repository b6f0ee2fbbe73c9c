/* A change over many hosts at once: on all of them, or on none.
 *
 * Each host has a thread and, once needed, one session (agent.h) that stays open; the thread reads
 * from it while idle, so a dead one is noticed and opened again without an error to anybody. The
 * callers below run on one thread, and tell all hosts' threads what to do, in parallel.
 *
 *   1 read     hosts whose files are not known
 *   2 edit     each host's own files
 *   3 prepare  lock, compare, put in place, test.   one refuses: all put back; the error
 *                                                   one is stale or busy: all put back; again,
 *                                                   now with the first host's lock taken before
 *                                                   1, so that nobody else can come between
 *   4 commit   reload.                              one refuses: all roll back; the error
 *                                                   one is lost: it is asked (opened again, its
 *                                                   lock awaited, its files compared); if it
 *                                                   cannot be: EIO, the others stay new
 *   5 forget   the old files go; nobody waits for it
 *
 * A host that edit leaves as it is takes no part in 3 to 5, if it was read in this change. */
#ifndef BALANCERFS_TRANSACTION_H
#define BALANCERFS_TRANSACTION_H

#include "drivers/agent.h"

struct hosts;

/* c and setup are borrowed for good. quorum: hosts that must be up (1 to all of them). */
struct hosts *hosts_new(const struct remote_config *c, const struct agent_setup *setup,
                        size_t quorum, struct error *err);
void hosts_free(struct hosts *h); /* ends the sessions; bounded by seconds */

/* Reads all hosts. -1 when fewer than quorum can be read: the first one's error. */
int hosts_read(struct hosts *h, int64_t deadline, struct error *err);
size_t hosts_count(const struct hosts *h);
/* After hosts_read: the host's files, or NULL when it was not read. */
const struct files *hosts_files(const struct hosts *h, size_t host);

/* Why the host was not read: 0 when it was. */
int hosts_failure(const struct hosts *h, size_t host, struct error *err);

/* What is to become of one host's files: adds to out what changes. 0 or -1 with *err. Pure. */
typedef int hosts_edit(const void *arg, const struct files *in, struct files *out,
                       struct error *err);

/* The transaction. -1: nothing has changed anywhere, unless errno is EIO. */
int hosts_change(struct hosts *h, hosts_edit *edit, const void *arg, int64_t deadline,
                 struct error *err);

/* Any thread, at any time. */
void hosts_status(struct hosts *h, struct status *out);

#endif
