/* Parking a question, running it again, answering it; and what an interrupt does to it. */
#include "fs/call.h"
#include "drivers/clock.h"
#include "fs/balancer.h"
#include "fs/control.h"
#include "fs/ops.h"
#include "fs/watchdog.h"
#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* ---- lists -------------------------------------------------------------------------------- */

static void append(struct call_list *l, struct call *c)
{
    c->in = l;
    c->next = NULL;
    c->prev = l->last;
    if (l->last)
        l->last->next = c;
    else
        l->first = c;
    l->last = c;
    l->n++;
}

static void unlink_call(struct call *c)
{
    struct call_list *l = c->in;

    if (c->prev)
        c->prev->next = c->next;
    else
        l->first = c->next;
    if (c->next)
        c->next->prev = c->prev;
    else
        l->last = c->prev;
    l->n--;
    c->in = NULL;
}

void call_take(struct call *c, struct call_list *to)
{
    unlink_call(c);
    c->state = CALL_TAKEN;
    append(to, c);
}

void call_take_all(struct call_list *from, struct call_list *to)
{
    while (from->first)
        call_take(from->first, to);
}

/* ---- the life of a call ------------------------------------------------------------------- */

/* With the lock. */
static void line_join(struct call_line *line, struct call *c)
{
    c->older = line->youngest;
    c->younger = NULL;
    if (line->youngest)
        line->youngest->younger = c;
    else
        line->oldest = c;
    line->youngest = c;
}

static void line_leave(struct call_line *line, struct call *c)
{
    if (c->older)
        c->older->younger = c->younger;
    else
        line->oldest = c->younger;
    if (c->younger)
        c->younger->older = c->older;
    else
        line->youngest = c->older;
}

static void call_free(struct call *c)
{
    if (!c->lasts)
        return;
    if (c->work || c->until_ms) {
        (void)pthread_mutex_lock(&c->b->lock);
        if (c->until_ms)
            line_leave(&c->b->line, c);
        if (c->work)
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

/* What it waits for, or would, is taken back if it has not begun and nobody else waits for it; what
 * runs is seen to its end. With the lock. true: taken back. */
static bool take_back(const struct call *c, const struct call_list *list, const struct error *why)
{
    struct work *w = c->work && list == &c->work->waiting ? c->work : NULL;

    if (w && (c->own || w->who.pid == fuse_req_ctx(c->req)->pid))
        w->unasked = true;
    if (!w || !w->unasked || !work_may_withdraw(w) || w->accepted)
        return false;
    work_withdraw(c->b, w, why);
    return true;
}

static bool stop_waiting(struct call *c, const struct error *why)
{
    const struct call_list *list = c->in;

    unlink_call(c);
    c->state = CALL_TAKEN;
    return take_back(c, list, why);
}

static const struct error no_thread = {EAGAIN, "out of threads: no worker for this balancer"};
static const struct error interrupted = {EINTR, "interrupted while it waited"};

/* On the reader's thread, with the request's lock. */
static void on_interrupt(fuse_req_t req, void *arg)
{
    struct call *c = arg;
    struct fs_balancer *b = c->b;
    struct bounce *bounce;

    (void)pthread_mutex_lock(&b->lock);
    if (c->state != CALL_WAITING) {
        c->interrupted = true;
        (void)pthread_mutex_unlock(&b->lock);
        return;
    }
    bounce = bounce_find(b, fuse_req_ctx(req)->pid);
    if (bounce)
        bounce_drop(b, bounce);
    (void)stop_waiting(c, &interrupted);
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

/* It may not wait in the list: it was interrupted, or there is no sense in it. Releases the lock.
 */
static void end_wait(struct call *c, const struct call_list *list, const struct error *why)
{
    bool withdrew = take_back(c, list, why);

    (void)pthread_mutex_unlock(&c->b->lock);
    if (withdrew && why->num == ETIMEDOUT)
        work_audit(c->b, c->work, "");
    reply_err(c, why->num);
}

static struct error too_long(const struct fs_balancer *b)
{
    struct error err;

    (void)error_set(&err, ETIMEDOUT,
                    "%s: no answer for %" PRId64 " s (twice the timeout and 10 s): it is busy with "
                    "what came before, or its driver hangs",
                    b->name, balancer_patience_ms(b) / 1000);
    return err;
}

/* Who asks a driver that has not come back for so long gets the answer of those before: behind a
 * directory's lock they would come one by one. */
static bool is_overdue(const struct call *c, int64_t now)
{
    if (c->until_ms)
        return c->until_ms <= now;
    return c->b->calling_ms && c->b->calling_ms + balancer_patience_ms(c->b) <= now;
}

static void wait_in(struct call *c, struct call_list *list)
{
    struct fs_balancer *b = c->b;
    int64_t now = clock_now_ms();

    if (c->interrupted) {
        end_wait(c, list, &interrupted);
        return;
    }
    if (is_overdue(c, now)) {
        const struct error err = too_long(b);

        balancer_note_error(b, &err);
        end_wait(c, list, &err);
        return;
    }
    if (!balancer_wake(b)) {
        balancer_note_error(b, &no_thread);
        end_wait(c, list, &no_thread);
        return;
    }
    if (!c->until_ms) {
        c->until_ms = now + balancer_patience_ms(b);
        line_join(&b->line, c);
        watchdog_expect(b->fs->watchdog, c->until_ms);
    }
    c->state = CALL_WAITING;
    append(list, c);
    (void)pthread_mutex_unlock(&b->lock);
}

/* A lookup on rm's second way is not failed, or the kernel would take a third: its unlink is told.
 */
static void expire(struct call *c, struct call_list *out)
{
    const struct error err = too_long(c->b);
    struct bounce *bounce = bounce_find(c->b, fuse_req_ctx(c->req)->pid);

    if (bounce && c->in == &bounce->work->waiting)
        bounce->overdue = true;
    else
        call_fail(c, &err);
    c->withdrew = stop_waiting(c, &err);
    balancer_note_error(c->b, &err);
    append(out, c);
}

int64_t call_expire(struct fs_balancer *b, int64_t now_ms)
{
    struct call_list out = {NULL, NULL, 0};
    struct call *c;
    int64_t next;

    (void)pthread_mutex_lock(&b->lock);
    for (c = b->line.oldest; c && c->until_ms <= now_ms; c = c->younger)
        if (c->state == CALL_WAITING)
            expire(c, &out);
    next = c ? c->until_ms : INT64_MAX;
    (void)pthread_mutex_unlock(&b->lock);
    for (c = out.first; c; c = c->next)
        if (c->withdrew)
            work_audit(b, c->work, "");
    call_resume_all(&out);
    return next;
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

        unlink_call(c);
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
        (void)pthread_mutex_lock(&b->lock);
        view_forget(&b->view, (uint32_t)e->ino, 1);
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
