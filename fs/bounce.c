/* Which threads were sent round by ESTALE, so that they wait for their rm holding no lock.
 *
 *   UNLINK(pool, x)    the change is queued; ESTALE      the kernel lets the directory go
 *   LOOKUP(b, pool)    parked until the change has ended  and walks the path again
 *   LOOKUP(pool, x)    found, though it may be gone
 *   UNLINK(pool, x)    the answer                         the record is dropped
 *
 * Where nothing of the path is left to walk (cd pool; rm x) the second UNLINK comes at once and
 * waits under the directory's lock. */
#include "drivers/clock.h"
#include "fs/ops.h"
#include <stdlib.h>

/* Between the walk and its last step a thread may have to wait for the directory, behind others who
 * wait for a listing. */
#define PATIENCE_MS 60000

void bounce_drop(struct fs_balancer *b, struct bounce *bounce)
{
    struct inode *i = inode_at(b->view.inodes, bounce->slot);

    HASH_DEL(b->bounces, bounce);
    if (i) {
        i->pins--;
        inode_reap(b->view.inodes, bounce->slot);
    }
    work_unref(b, bounce->work);
    free(bounce);
}

/* Its thread has had the time to come again, and another may have its number by now. Who waits
 * for the work has not: it may have ended long before all of its transaction. */
static bool is_old(const struct bounce *bounce)
{
    const struct work *w = bounce->work;
    int64_t since = w->ended_ms > bounce->seen_ms ? w->ended_ms : bounce->seen_ms;

    return w->state == WORK_DONE && w->refs == 1 && clock_now_ms() - since > PATIENCE_MS;
}

struct bounce *bounce_find(struct fs_balancer *b, pid_t tid)
{
    struct bounce *bounce = NULL;

    if (tid)
        HASH_FIND(hh, b->bounces, &tid, sizeof tid, bounce);
    if (!bounce)
        return NULL;
    if (!is_old(bounce)) {
        bounce->seen_ms = clock_now_ms();
        return bounce;
    }
    bounce_drop(b, bounce);
    return NULL;
}

bool bounce_new(struct fs_balancer *b, pid_t tid, uint32_t dir, uint32_t slot, struct work *w)
{
    struct bounce *bounce = bounce_find(b, tid);

    if (bounce)
        bounce_drop(b, bounce);
    bounce = calloc(1, sizeof *bounce);
    if (!bounce)
        return false;
    *bounce = (struct bounce){.tid = tid, .dir = dir, .slot = slot, .work = w};
    w->refs++;
    inode_at(b->view.inodes, slot)->pins++;
    HASH_ADD(hh, b->bounces, tid, sizeof bounce->tid, bounce);
    return true;
}

void bounce_reap(struct fs_balancer *b)
{
    struct bounce *bounce, *next;

    HASH_ITER(hh, b->bounces, bounce, next)
    {
        if (is_old(bounce))
            bounce_drop(b, bounce);
    }
}

void bounce_found(struct fs_balancer *b, pid_t tid, uint32_t slot)
{
    struct retry *retry = NULL;

    HASH_FIND(hh, b->retries, &tid, sizeof tid, retry);
    if (retry)
        retry->slot = slot;
}

/* Drops the record of the thread, and old ones. true: it has found the slot since. */
static bool retry_take(struct fs_balancer *b, pid_t tid, uint32_t slot, int64_t now)
{
    struct retry *retry, *next;
    bool found = false;

    HASH_ITER(hh, b->retries, retry, next)
    {
        bool is_old = now - retry->when_ms > PATIENCE_MS;

        if (!is_old && retry->tid != tid)
            continue;
        found |= !is_old && retry->slot == slot;
        HASH_DEL(b->retries, retry);
        free(retry);
    }
    return found;
}

bool bounce_open(struct fs_balancer *b, pid_t tid, uint32_t slot)
{
    int64_t now = clock_now_ms();
    struct retry *retry;

    if (!tid)
        return false;
    if (retry_take(b, tid, slot, now))
        return true;
    retry = calloc(1, sizeof *retry);
    if (!retry)
        return false;
    *retry = (struct retry){.tid = tid, .when_ms = now};
    HASH_ADD(hh, b->retries, tid, sizeof retry->tid, retry);
    return false;
}
