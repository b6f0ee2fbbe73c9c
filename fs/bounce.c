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

#define PATIENCE_MS 1000

struct bounce *bounce_find(const struct fs_balancer *b, pid_t tid)
{
    struct bounce *bounce = NULL;

    if (tid)
        HASH_FIND(hh, b->bounces, &tid, sizeof tid, bounce);
    return bounce;
}

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

bool bounce_new(struct fs_balancer *b, pid_t tid, uint32_t dir, uint32_t slot, struct work *w)
{
    struct bounce *bounce = bounce_find(b, tid);

    if (bounce)
        bounce_drop(b, bounce);
    bounce = calloc(1, sizeof *bounce);
    if (!bounce)
        return false;
    *bounce = (struct bounce){
        .tid = tid, .dir = dir, .slot = slot, .work = w, .began_ms = clock_now_ms()};
    w->refs++;
    inode_at(b->view.inodes, slot)->pins++;
    HASH_ADD(hh, b->bounces, tid, sizeof bounce->tid, bounce);
    return true;
}

void bounce_reap(struct fs_balancer *b)
{
    struct bounce *bounce, *next;
    int64_t now = clock_now_ms();

    HASH_ITER(hh, b->bounces, bounce, next)
    {
        if (bounce->work->state == WORK_DONE && now - bounce->began_ms > PATIENCE_MS)
            bounce_drop(b, bounce);
    }
}
