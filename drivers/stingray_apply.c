/* Changes over several pools as one transaction, as far as a server without transactions allows:
 *
 *   read    every pool concerned, and what each is to be; refusals (ENOTEMPTY) come here, while
 *           nothing has changed yet
 *   do      adds in all pools, then removals in all pools, then pools that go
 *   undo    after a failure: every pool that was touched is read again and led back to what it
 *           was. If that fails too: EIO
 *
 * A quarter of the time is kept for undoing. A deleted node is disabled here, and removed later
 * by the timer (stingray_grace.c). What undoing does not bring back: a removed node's weight and
 * priority, a deleted pool's settings; so these steps come last. */
#include "drivers/clock.h"
#include "drivers/stingray_pool.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define SPARE_MAX 15000

struct transaction {
    struct stingray *lb;
    struct caller caller;
    int64_t spare; /* the deadline of undoing */
    struct pool_work *pools;
};

/* ---- what is wished ----------------------------------------------------------------------- */

static struct pool_work *work_for(struct transaction *t, const struct pool *pool, struct error *err)
{
    struct pool_work *p = pool_work_new(t->lb->prefix, pool->name), *known = NULL;

    if (!p) {
        (void)error_set(err, ENOMEM, "out of memory");
        return NULL;
    }
    HASH_FIND_STR(t->pools, p->name, known);
    if (known) {
        pool_work_free(p);
        return known;
    }
    if (pool_read(&t->caller, p, true, err) == -1) {
        pool_work_free(p);
        return NULL;
    }
    for (struct member *m = p->members; m; m = m->hh.next)
        m->waiting = m->now == STATE_DISABLED && grace_has(t->lb->grace, p->name, m->key);
    HASH_ADD_STR(t->pools, name, p);
    return p;
}

/* Whether the user would find it in the pool, as far as the changes have come. */
static bool is_member(const struct member *m)
{
    if (m->wish == WISH_NONE)
        return m->now != STATE_ABSENT && !m->waiting;
    return m->wish == WISH_ACTIVE;
}

static int wish_pool_gone(struct pool_work *p, struct error *err)
{
    struct buf names = BUF_INIT;
    size_t disabled = 0;

    for (struct member *m = p->members; m; m = m->hh.next)
        if (is_member(m) && names.len < 200) {
            buf_printf(&names, " %s", m->text);
            disabled += m->now == STATE_DISABLED;
        }
    if (names.len) {
        (void)error_set(err, ENOTEMPTY, "pool %s has nodes:%s%s", p->shown, buf_text(&names),
                        disabled ? " (some are disabled: add them and delete them)" : "");
        buf_free(&names);
        return -1;
    }
    p->wish = POOL_GONE;
    return 0;
}

static int wish_node(struct pool_work *p, const struct change *c, int64_t grace_ms,
                     struct error *err)
{
    struct member *m = pool_member(p, c->node.name);

    if (!m)
        return error_set(err, ENOMEM, "out of memory");
    m->deleted = c->kind == DELETE_NODE;
    if (c->kind == ADD_NODE) {
        m->wish = WISH_ACTIVE;
        p->wish = POOL_THERE;
    } else if (m->waiting) {
        m->wish = WISH_NONE;
    } else {
        m->wish = m->now == STATE_ACTIVE && grace_ms ? WISH_DISABLED : WISH_ABSENT;
    }
    return 0;
}

static int wish(struct transaction *t, const struct change *c, struct error *err)
{
    struct pool_work *p = work_for(t, &c->pool, err);

    if (!p)
        return -1;
    switch (c->kind) {
    case ADD_NODE:
    case DELETE_NODE:
        return wish_node(p, c, t->lb->grace_ms, err);
    case CREATE_POOL:
        p->wish = POOL_THERE;
        return 0;
    case DELETE_POOL:
        return wish_pool_gone(p, err);
    }
    return 0;
}

/* A pool that is kept has nothing to be undone when it is the only one and has one step. */
static void be_careful(struct transaction *t)
{
    for (struct pool_work *p = t->pools; p; p = p->hh.next) {
        p->careful = HASH_COUNT(t->pools) > 1 || p->wish != POOL_KEEP;
        for (struct member *m = p->members; m; m = m->hh.next)
            p->careful |= m->wish == WISH_ACTIVE || m->wish == WISH_ABSENT;
    }
}

static bool wants_grace(const struct transaction *t)
{
    for (struct pool_work *p = t->pools; p; p = p->hh.next)
        for (struct member *m = p->members; m; m = m->hh.next)
            if (m->wish == WISH_DISABLED)
                return true;
    return false;
}

/* ---- doing and undoing -------------------------------------------------------------------- */

static int run(struct transaction *t, struct error *err)
{
    for (enum phase phase = 0; phase < N_PHASES; phase++)
        for (struct pool_work *p = t->pools; p; p = p->hh.next)
            if (pool_drive(&t->caller, p, phase, t->spare, err) == -1)
                return -1;
    return 0;
}

static void wish_back(struct pool_work *p)
{
    static const enum member_wish wishes[] = {[STATE_ABSENT] = WISH_ABSENT,
                                              [STATE_ACTIVE] = WISH_ACTIVE,
                                              [STATE_DISABLED] = WISH_DISABLED};

    p->undoing = true;
    p->empty_first = false;
    if (p->wish != POOL_KEEP)
        p->wish = p->existed ? POOL_THERE : POOL_GONE;
    for (struct member *m = p->members; m; m = m->hh.next)
        if (m->wish != WISH_NONE)
            m->wish = wishes[m->before];
}

static int undo_pool(struct transaction *t, struct pool_work *p, struct error *err)
{
    const struct caller c = {t->lb, t->caller.soap, t->spare};

    if (pool_read(&c, p, false, err) == -1)
        return -1;
    wish_back(p);
    for (enum phase phase = 0; phase < N_PHASES; phase++)
        if (pool_drive(&c, p, phase, t->spare, err) == -1)
            return -1;
    return 0;
}

/* What may have been disabled and cannot be asked about now, is still to be looked after. */
static void leave_to_timer(struct transaction *t, struct pool_work *p)
{
    struct error ignored;

    for (struct member *m = p->members; m; m = m->hh.next)
        if (m->deleted && m->before == STATE_ACTIVE && !m->waiting && t->lb->grace_ms)
            (void)grace_add(t->lb->grace, p->name, m->text, &ignored);
}

static int undo(struct transaction *t, struct error *err)
{
    struct error cause = *err, why;
    bool failed = false;

    for (struct pool_work *p = t->pools; p; p = p->hh.next) {
        if (!p->touched || undo_pool(t, p, &why) == 0)
            continue;
        failed = true;
        leave_to_timer(t, p);
    }
    if (failed && cause.num != EIO)
        (void)error_set(err, EIO, "%s; and what was done is not put back: %s", cause.text,
                        why.text);
    return -1;
}

/* ---- the end ------------------------------------------------------------------------------ */

/* Without memory for it, a node stays disabled: it is out of use, as was asked. */
static void settle(struct transaction *t)
{
    struct error ignored;

    for (struct pool_work *p = t->pools; p; p = p->hh.next) {
        if (p->wish == POOL_GONE)
            grace_drop(t->lb->grace, p->name, NULL);
        for (struct member *m = p->members; m; m = m->hh.next) {
            if (m->wish == WISH_ACTIVE || m->wish == WISH_ABSENT)
                grace_drop(t->lb->grace, p->name, m->key);
            else if (m->wish == WISH_DISABLED && m->now == STATE_DISABLED)
                (void)grace_add(t->lb->grace, p->name, m->text, &ignored);
        }
    }
}

static int apply(struct transaction *t, const struct change *changes, size_t n, struct error *err)
{
    for (size_t i = 0; i < n; i++)
        if (wish(t, &changes[i], err) == -1)
            return -1;
    be_careful(t);
    if (wants_grace(t) && grace_start(t->lb->grace, err) == -1)
        return -1;
    if (run(t, err) == -1)
        return undo(t, err);
    settle(t);
    return 0;
}

int stingray_apply(struct stingray *lb, const struct change *changes, size_t n, struct error *err)
{
    int64_t now = clock_now_ms(), keep = lb->timeout_ms / 4;
    struct transaction t = {.lb = lb, .spare = now + lb->timeout_ms};
    struct pool_work *p, *next;
    int result;

    keep = keep < SPARE_MAX ? keep : SPARE_MAX;
    t.caller = (struct caller){lb, lb->soap, t.spare - keep};
    if (grace_turn(lb->grace, t.caller.deadline, err) == -1)
        return -1;
    result = apply(&t, changes, n, err);
    grace_turn_end(lb->grace);
    HASH_ITER(hh, t.pools, p, next)
    {
        HASH_DEL(t.pools, p);
        pool_work_free(p);
    }
    return result;
}
