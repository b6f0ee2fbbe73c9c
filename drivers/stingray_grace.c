/* Nodes that were disabled and wait for their removal, and the timer that removes them.
 *
 *   apply     disables a node, puts it here; adding it again takes it out
 *   timer     at its time takes the turn, asks which are still disabled, and removes those.
 *             One that is not disabled any more was added again by somebody else: it stays
 *   close     waits for what is left of the time, but not long, and tries once more
 *
 * A daemon that is killed in between leaves a node disabled: it gets no requests and is not
 * listed; adding or deleting it again deals with it, as nobody can tell it from one that a person
 * has disabled. */
#include "drivers/clock.h"
#include "drivers/stingray.h"
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <uthash.h>

#define CALL_MS 10000 /* for all calls of one removal */
#define CLOSE_MS 3000 /* of grace that close waits for */
#define RETRY_MS 2000 /* after a failure, doubled each time */
#define RETRY_MAX 60000

struct waiting {
    UT_hash_handle hh;
    char *pool, *node;
    int64_t due;
    bool chosen; /* the timer's: it is removing this one */
    char id[];   /* pool, newline, key */
};

struct grace {
    struct stingray *lb;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    pthread_t thread;
    bool started, closing;
    bool busy, wanted; /* somebody has the turn; the worker waits for it */
    struct waiting *all;
    int64_t retry_ms, close_by;
    struct soap *soap; /* the timer's own */
};

/* ---- turns -------------------------------------------------------------------------------- */

/* With the lock. */
static bool wait_until(struct grace *g, int64_t deadline)
{
    struct timespec t = {deadline / 1000, deadline % 1000 * 1000000};

    return pthread_cond_timedwait(&g->changed, &g->lock, &t) != ETIMEDOUT;
}

int grace_turn(struct grace *g, int64_t deadline, struct error *err)
{
    bool mine;

    (void)pthread_mutex_lock(&g->lock);
    g->wanted = true;
    while (g->busy && clock_now_ms() < deadline)
        (void)wait_until(g, deadline);
    mine = !g->busy;
    g->busy = true;
    g->wanted = false;
    (void)pthread_mutex_unlock(&g->lock);
    return mine ? 0
                : error_set(err, ETIMEDOUT, "%s: a removal is under way and does not end",
                            g->lb->server.name);
}

void grace_turn_end(struct grace *g)
{
    (void)pthread_mutex_lock(&g->lock);
    g->busy = false;
    (void)pthread_cond_broadcast(&g->changed);
    (void)pthread_mutex_unlock(&g->lock);
}

/* ---- what is waiting ---------------------------------------------------------------------- */

static char *make_id(const char *pool, const char *key)
{
    struct buf id = BUF_INIT;

    buf_printf(&id, "%s\n%s", pool, key);
    if (!id.failed)
        return id.data;
    buf_free(&id);
    return NULL;
}

/* With the lock. */
static struct waiting *find(struct grace *g, const char *pool, const char *key)
{
    char *id = make_id(pool, key);
    struct waiting *w = NULL;

    if (id)
        HASH_FIND_STR(g->all, id, w);
    free(id);
    return w;
}

static void forget(struct grace *g, struct waiting *w)
{
    HASH_DEL(g->all, w);
    free(w->pool);
    free(w->node);
    free(w);
}

static struct waiting *waiting_new(const char *pool, const char *node)
{
    char *key = stingray_key(node), *id = key ? make_id(pool, key) : NULL;
    struct waiting *w = id ? calloc(1, sizeof *w + strlen(id) + 1) : NULL;

    if (w) {
        strcpy(w->id, id);
        w->pool = strdup(pool);
        w->node = strdup(node);
    }
    free(key);
    free(id);
    if (w && w->pool && w->node)
        return w;
    if (w) {
        free(w->pool);
        free(w->node);
    }
    free(w);
    return NULL;
}

int grace_add(struct grace *g, const char *pool, const char *node, struct error *err)
{
    struct waiting *w = waiting_new(pool, node), *known = NULL;

    if (!w)
        return error_set(err, ENOMEM, "out of memory");
    w->due = clock_now_ms() + g->lb->grace_ms;
    (void)pthread_mutex_lock(&g->lock);
    HASH_FIND_STR(g->all, w->id, known);
    if (known)
        forget(g, known);
    HASH_ADD_STR(g->all, id, w);
    (void)pthread_cond_broadcast(&g->changed);
    (void)pthread_mutex_unlock(&g->lock);
    return 0;
}

void grace_drop(struct grace *g, const char *pool, const char *key)
{
    struct waiting *w, *next;

    (void)pthread_mutex_lock(&g->lock);
    if (key && (w = find(g, pool, key)))
        forget(g, w);
    if (!key) {
        HASH_ITER(hh, g->all, w, next)
        {
            if (strcmp(w->pool, pool) == 0)
                forget(g, w);
        }
    }
    (void)pthread_mutex_unlock(&g->lock);
}

bool grace_has(struct grace *g, const char *pool, const char *key)
{
    bool found;

    (void)pthread_mutex_lock(&g->lock);
    found = g->all && find(g, pool, key);
    (void)pthread_mutex_unlock(&g->lock);
    return found;
}

size_t grace_count(struct grace *g)
{
    size_t n;

    (void)pthread_mutex_lock(&g->lock);
    n = HASH_COUNT(g->all);
    (void)pthread_mutex_unlock(&g->lock);
    return n;
}

/* ---- removal ------------------------------------------------------------------------------ */

/* Chooses what is due of the first pool that has any; its name, to be freed. NULL: nothing. */
static char *choose(struct grace *g)
{
    int64_t now = clock_now_ms();
    struct waiting *w, *next;
    char *pool = NULL;

    (void)pthread_mutex_lock(&g->lock);
    HASH_ITER(hh, g->all, w, next)
    {
        w->chosen = false;
        if (w->due > now || (pool && strcmp(w->pool, pool) != 0))
            continue;
        if (!pool)
            pool = strdup(w->pool);
        w->chosen = pool != NULL;
    }
    (void)pthread_mutex_unlock(&g->lock);
    return pool;
}

/* What of row is chosen, as the server writes it. at: row->n entries. The others of the chosen
 * were enabled or removed by somebody else: nothing is to be done, and they end with these. */
static size_t still_disabled(struct grace *g, const char *pool, const struct soap_row *row,
                             const char **at)
{
    size_t n = 0;

    (void)pthread_mutex_lock(&g->lock);
    for (size_t i = 0; i < row->n; i++) {
        char *key = stingray_key(row->at[i]);
        const struct waiting *w = key ? find(g, pool, key) : NULL;

        if (w && w->chosen)
            at[n++] = row->at[i];
        free(key);
    }
    (void)pthread_mutex_unlock(&g->lock);
    return n;
}

/* What was not removed is tried again, but when closing. */
static void end_chosen(struct grace *g, bool removed)
{
    struct waiting *w, *next;

    (void)pthread_mutex_lock(&g->lock);
    if (removed)
        g->retry_ms = RETRY_MS;
    HASH_ITER(hh, g->all, w, next)
    {
        if (w->chosen && (removed || g->closing))
            forget(g, w);
        else if (w->chosen)
            w->due = clock_now_ms() + g->retry_ms;
    }
    if (!removed)
        g->retry_ms = g->retry_ms * 2 < RETRY_MAX ? g->retry_ms * 2 : RETRY_MAX;
    (void)pthread_mutex_unlock(&g->lock);
}

static int64_t call_deadline(struct grace *g)
{
    int64_t deadline = clock_now_ms() + CALL_MS;

    (void)pthread_mutex_lock(&g->lock);
    if (g->closing && g->close_by < deadline)
        deadline = g->close_by;
    (void)pthread_mutex_unlock(&g->lock);
    return deadline;
}

/* The chosen ones of the pool, if they are still disabled. */
static int remove_chosen(struct grace *g, const char *pool, struct error *err)
{
    struct caller c = {g->lb, g->soap, call_deadline(g)};
    struct soap_reply disabled, nothing;
    enum answer answer = stingray_call_pool(&c, GET_DISABLED_NODES, pool, NULL, &disabled, err);
    const char **at = answer == ANSWER_DONE ? calloc(disabled.rows[0].n + 1, sizeof *at) : NULL;
    struct soap_names nodes = {at, at ? still_disabled(g, pool, &disabled.rows[0], at) : 0};
    int result = answer == ANSWER_DONE || answer == ANSWER_MISSING ? 0 : -1;

    if (answer == ANSWER_DONE && !at)
        result = error_set(err, ENOMEM, "out of memory");
    if (nodes.n) {
        answer = stingray_call_pool(&c, REMOVE_NODES, pool, &nodes, &nothing, err);
        result = answer == ANSWER_DONE ? 0 : -1;
        soap_reply_free(&nothing);
    }
    free(at);
    soap_reply_free(&disabled);
    return result;
}

/* One pool a turn, so that the worker need not wait for all of them. */
static void remove_due(struct grace *g)
{
    struct error err = {0};
    char *pool = choose(g);
    int result = -1;

    if (!pool)
        return;
    if (!g->soap)
        g->soap = soap_new(&g->lb->server, &err);
    if (g->soap)
        result = remove_chosen(g, pool, &err);
    (void)stingray_note(g->lb, result, &err);
    end_chosen(g, result == 0);
    free(pool);
}

/* ---- the timer ---------------------------------------------------------------------------- */

static int64_t next_due(const struct grace *g)
{
    int64_t due = INT64_MAX;

    for (const struct waiting *w = g->all; w; w = w->hh.next)
        if (w->due < due)
            due = w->due;
    return due;
}

/* Until something is due and it is our turn. False: closing, and nothing waits. */
static bool wait_turn(struct grace *g)
{
    int64_t due;

    for (;;) {
        due = next_due(g);
        if (g->closing && due == INT64_MAX)
            return false;
        if (due <= clock_now_ms() && !g->busy && !g->wanted)
            return true;
        if (g->busy || g->wanted || due == INT64_MAX)
            (void)pthread_cond_wait(&g->changed, &g->lock);
        else
            (void)wait_until(g, due);
    }
}

static void *timer(void *arg)
{
    struct grace *g = arg;

    (void)pthread_mutex_lock(&g->lock);
    while (wait_turn(g)) {
        g->busy = true;
        (void)pthread_mutex_unlock(&g->lock);
        remove_due(g);
        (void)pthread_mutex_lock(&g->lock);
        g->busy = false;
        (void)pthread_cond_broadcast(&g->changed);
    }
    (void)pthread_mutex_unlock(&g->lock);
    return NULL;
}

int grace_start(struct grace *g, struct error *err)
{
    sigset_t all, old;
    int rc;

    if (g->started)
        return 0;
    (void)sigfillset(&all);
    (void)pthread_sigmask(SIG_SETMASK, &all, &old);
    rc = pthread_create(&g->thread, NULL, timer, g);
    (void)pthread_sigmask(SIG_SETMASK, &old, NULL);
    g->started = rc == 0;
    return rc == 0 ? 0 : error_set(err, rc, "no thread for grace periods: %s", strerror(rc));
}

struct grace *grace_new(struct stingray *lb, struct error *err)
{
    struct grace *g = calloc(1, sizeof *g);
    pthread_condattr_t monotonic;

    if (!g) {
        (void)error_set(err, ENOMEM, "out of memory");
        return NULL;
    }
    g->lb = lb;
    g->retry_ms = RETRY_MS;
    (void)pthread_condattr_init(&monotonic);
    (void)pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    (void)pthread_cond_init(&g->changed, &monotonic);
    (void)pthread_condattr_destroy(&monotonic);
    (void)pthread_mutex_init(&g->lock, NULL);
    return g;
}

void grace_free(struct grace *g)
{
    struct waiting *w, *next;

    if (!g)
        return;
    (void)pthread_mutex_lock(&g->lock);
    g->closing = true;
    g->close_by = clock_now_ms() + CLOSE_MS + CALL_MS;
    HASH_ITER(hh, g->all, w, next)
    {
        if (w->due > clock_now_ms() + CLOSE_MS)
            w->due = clock_now_ms() + CLOSE_MS;
    }
    (void)pthread_cond_broadcast(&g->changed);
    (void)pthread_mutex_unlock(&g->lock);
    if (g->started)
        (void)pthread_join(g->thread, NULL);
    HASH_ITER(hh, g->all, w, next)
    {
        forget(g, w);
    }
    soap_free(g->soap);
    (void)pthread_cond_destroy(&g->changed);
    (void)pthread_mutex_destroy(&g->lock);
    free(g);
}
