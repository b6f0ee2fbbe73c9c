/* Parking a question, running it again, answering it; and what an interrupt does to it. */
#include "fs/call.h"
#include "fs/balancer.h"
#include "fs/control.h"
#include "fs/ops.h"
#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* ---- lists -------------------------------------------------------------------------------- */

static void append(struct call_list *l, struct call *c)
{
    c->next = NULL;
    c->prev = l->last;
    if (l->last)
        l->last->next = c;
    else
        l->first = c;
    l->last = c;
    l->n++;
}

static void unlink_call(struct call_list *l, struct call *c)
{
    if (c->prev)
        c->prev->next = c->next;
    else
        l->first = c->next;
    if (c->next)
        c->next->prev = c->prev;
    else
        l->last = c->prev;
    l->n--;
}

void call_take(struct call_list *from, struct call *c, struct call_list *to)
{
    unlink_call(from, c);
    c->state = CALL_TAKEN;
    append(to, c);
}

void call_take_all(struct call_list *from, struct call_list *to)
{
    while (from->first)
        call_take(from, from->first, to);
}

/* ---- the life of a call ------------------------------------------------------------------- */

static void call_free(struct call *c)
{
    if (!c->lasts)
        return;
    if (c->work) {
        (void)pthread_mutex_lock(&c->b->lock);
        work_unref(c->b, c->work);
        (void)pthread_mutex_unlock(&c->b->lock);
    }
    free(c);
}

/* Nobody else has it any more after this. An interrupt that is being handled is waited for. */
static void disarm(struct call *c)
{
    if (c->lasts)
        fuse_req_interrupt_func(c->req, NULL, NULL);
}

/* On the reader's thread, with the request's lock. What runs is seen to its end; what has not
 * begun and has nobody else who waits for it is withdrawn. */
static void on_interrupt(fuse_req_t req, void *arg)
{
    struct call *c = arg;
    struct fs_balancer *b = c->b;
    struct bounce *bounce;
    struct work *w;

    (void)pthread_mutex_lock(&b->lock);
    bounce = bounce_find(b, fuse_req_ctx(req)->pid);
    if (bounce)
        bounce_drop(b, bounce);
    if (c->state != CALL_WAITING) {
        c->interrupted = true;
        (void)pthread_mutex_unlock(&b->lock);
        return;
    }
    w = c->work;
    unlink_call(w ? &w->waiting : &b->waiting, c);
    c->state = CALL_TAKEN;
    if (w && work_may_withdraw(w) && !w->accepted)
        work_withdraw(b, w);
    (void)pthread_mutex_unlock(&b->lock);
    (void)fuse_reply_err(req, EINTR);
    call_free(c);
}

bool call_keep(struct call *c)
{
    struct call *lasting;

    if (c->lasts)
        return true;
    lasting = malloc(sizeof *lasting);
    if (!lasting) {
        reply_err(c, ENOMEM);
        return false;
    }
    *lasting = *c;
    lasting->lasts = true;
    fuse_req_interrupt_func(lasting->req, on_interrupt, lasting);
    lasting->op(lasting);
    return false;
}

static void wait_in(struct call *c, struct call_list *list)
{
    struct fs_balancer *b = c->b;

    if (c->interrupted) {
        if (c->own && work_may_withdraw(c->work) && !c->work->accepted)
            work_withdraw(b, c->work);
        (void)pthread_mutex_unlock(&b->lock);
        reply_err(c, EINTR);
        return;
    }
    c->state = CALL_WAITING;
    append(list, c);
    balancer_wake(b);
    (void)pthread_mutex_unlock(&b->lock);
}

void call_wait_listing(struct call *c, uint32_t pool)
{
    if (!c->lasts) {
        (void)pthread_mutex_unlock(&c->b->lock);
        (void)call_keep(c);
        return;
    }
    c->pool = pool;
    c->came = c->b->listings;
    wait_in(c, &c->b->waiting);
}

void call_wait_work(struct call *c, struct work *w)
{
    if (!c->lasts) {
        (void)pthread_mutex_unlock(&c->b->lock);
        (void)call_keep(c);
        return;
    }
    if (c->work != w) {
        if (c->work)
            work_unref(c->b, c->work);
        w->refs++;
        c->work = w;
    }
    wait_in(c, &w->waiting);
}

void call_run(struct call *c)
{
    c->op(c);
}

void call_fail(struct call *c, const struct error *err)
{
    c->failed = true;
    c->err = *err;
}

void call_resume_all(struct call_list *list)
{
    while (list->first) {
        struct call *c = list->first;

        unlink_call(list, c);
        (void)pthread_mutex_lock(&c->b->lock);
        c->state = CALL_NEW;
        (void)pthread_mutex_unlock(&c->b->lock);
        if (c->failed)
            reply_err(c, c->err.num);
        else
            c->op(c);
    }
}

/* ---- answers ------------------------------------------------------------------------------ */

void reply_err(struct call *c, int num)
{
    disarm(c);
    (void)fuse_reply_err(c->req, num);
    call_free(c);
}

/* The kernel has looked the entry up once more, unless it did not get the answer. */
void reply_entry(struct call *c, const struct fuse_entry_param *e)
{
    struct fs_balancer *b = c->to ? c->to : c->b;

    disarm(c);
    if (fuse_reply_entry(c->req, e) != 0 && e->ino) {
        struct inode *i;

        (void)pthread_mutex_lock(&b->lock);
        i = inode_at(b->view.inodes, (uint32_t)e->ino);
        if (i && i->lookups)
            i->lookups--;
        inode_reap(b->view.inodes, (uint32_t)e->ino);
        (void)pthread_mutex_unlock(&b->lock);
    }
    call_free(c);
}

void reply_attr(struct call *c, const struct stat *st, double timeout)
{
    disarm(c);
    (void)fuse_reply_attr(c->req, st, timeout);
    call_free(c);
}

void reply_buf(struct call *c, const char *data, size_t len)
{
    disarm(c);
    (void)fuse_reply_buf(c->req, data, len);
    call_free(c);
}

void reply_write(struct call *c, size_t n)
{
    disarm(c);
    (void)fuse_reply_write(c->req, n);
    call_free(c);
}

void reply_xattr(struct call *c, size_t n)
{
    disarm(c);
    (void)fuse_reply_xattr(c->req, n);
    call_free(c);
}

void reply_open(struct call *c)
{
    disarm(c);
    /* Interrupted: nobody will close what was opened. */
    if (fuse_reply_open(c->req, &c->fi) != 0 && c->fi.direct_io)
        handle_free(handle_of(&c->fi));
    call_free(c);
}
