/* Guard rails: read_only, protected_pools, min_nodes and max_removal. */
#include "fs/guard.h"
#include "drivers/options.h"
#include "fs/window.h"
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <uthash.h>

/* max_removal; length_ms 0: there is no limit. */
struct limit {
    uint64_t amount;
    bool is_percent;
    int64_t length_ms;
};

struct pool_count {
    UT_hash_handle hh;
    struct window window;
    char name[sizeof((struct pool *)0)->name];
};

struct guard {
    const struct options *options;
    struct limit limit;
    uint64_t min_nodes;
    struct window all;
    struct pool_count *pools; /* those of which something was removed lately */
    int64_t sweep_ms;
};

/* What is about to go. */
struct removal {
    const char *what; /* "pool app" */
    size_t n, size;   /* size: of what it is taken from, with what is added */
};

/* ---- settings ----------------------------------------------------------------------------- */

static bool limit_parse(struct limit *out, const char *text)
{
    char *end;

    if (*text < '1' || *text > '9')
        return false;
    out->amount = strtoull(text, &end, 10);
    out->is_percent = *end == '%';
    end += out->is_percent;
    if (out->amount > (out->is_percent ? 100 : 1000000000) || *end != '/')
        return false;
    out->length_ms = duration_parse(end + 1);
    return out->length_ms > 0;
}

static int check_pools(const struct options *o, struct error *err)
{
    struct pool pool;
    struct error why;

    for (size_t i = 0; i < options_count(o, "protected_pools"); i++)
        if (pool_parse(&pool, options_item(o, "protected_pools", i), &why) == -1)
            return options_error(o, "protected_pools", err, "protected_pools: %s", why.text);
    return 0;
}

static int read_settings(struct guard *g, struct error *err)
{
    const char *limit = options_string(g->options, "max_removal");

    if (limit && !limit_parse(&g->limit, limit))
        return options_error(g->options, "max_removal", err,
                             "max_removal must be like 50%%/60s or 5/60s (1 and up): %s", limit);
    g->min_nodes = (uint64_t)options_number(g->options, "min_nodes");
    window_init(&g->all, g->limit.length_ms);
    return check_pools(g->options, err);
}

struct guard *guard_new(const struct options *options, struct error *err)
{
    struct guard *g = calloc(1, sizeof *g);

    if (!g) {
        (void)error_set(err, ENOMEM, "out of memory");
        return NULL;
    }
    g->options = options;
    if (read_settings(g, err) == 0)
        return g;
    guard_free(g);
    return NULL;
}

void guard_free(struct guard *g)
{
    struct pool_count *p, *next;

    if (!g)
        return;
    HASH_ITER(hh, g->pools, p, next)
    {
        HASH_DEL(g->pools, p);
        free(p);
    }
    free(g);
}

/* ---- counters ----------------------------------------------------------------------------- */

/* The pool's counter, slid to now; NULL when out of memory. */
static struct pool_count *pool_at(struct guard *g, const char *pool, int64_t now_ms)
{
    struct pool_count *p;

    HASH_FIND_STR(g->pools, pool, p);
    if (!p) {
        p = calloc(1, sizeof *p);
        if (!p)
            return NULL;
        (void)snprintf(p->name, sizeof p->name, "%s", pool);
        window_init(&p->window, g->limit.length_ms);
        HASH_ADD_STR(g->pools, name, p);
    }
    window_slide(&p->window, now_ms);
    return p;
}

/* Forgets pools of which nothing was removed lately, once in a while. */
static void sweep(struct guard *g, int64_t now_ms)
{
    struct pool_count *p, *next;

    if (now_ms < g->sweep_ms)
        return;
    g->sweep_ms = now_ms + g->limit.length_ms;
    HASH_ITER(hh, g->pools, p, next)
    {
        window_slide(&p->window, now_ms);
        if (p->window.total)
            continue;
        HASH_DEL(g->pools, p);
        free(p);
    }
}

/* ---- judgement ---------------------------------------------------------------------------- */

int guard_change(const struct guard *g, const char *pool, struct error *err)
{
    if (options_bool(g->options, "read_only"))
        return error_set(err, EROFS, "balancer %s is read-only (read_only)",
                         options_balancer(g->options));
    for (size_t i = 0; i < options_count(g->options, "protected_pools"); i++)
        if (strcmp(options_item(g->options, "protected_pools", i), pool) == 0)
            return error_set(err, EPERM, "pool %s is protected (protected_pools)", pool);
    return 0;
}

/* How many may go within the time, when counted have gone already. */
static uint64_t allowed(const struct limit *limit, size_t counted, size_t size)
{
    uint64_t n = limit->amount;

    if (limit->is_percent)
        n = (size + counted) * limit->amount / 100;
    return n ? n : 1;
}

/* When the removal would be within the limit, if nothing else happens; -1: at no time. */
static int64_t possible_at(const struct limit *limit, const struct window *w,
                           const struct removal *r)
{
    size_t counted = w->total;

    for (size_t i = 0; i < w->n_slots; i++) {
        counted -= w->slots[i].n;
        if (counted + r->n <= allowed(limit, counted, r->size))
            return window_end_ms(w, i);
    }
    return -1;
}

static int refuse(const struct guard *g, const struct window *w, const struct removal *r,
                  int64_t now_ms, struct error *err)
{
    int64_t when = possible_at(&g->limit, w, r);
    char remedy[64] = "delete fewer at a time";

    if (when != -1)
        (void)snprintf(remedy, sizeof remedy, "try again in %" PRId64 " s",
                       (when - now_ms + 999) / 1000);
    return error_set(err, EPERM,
                     "max_removal %s: %zu deleted of %s within the time and %zu more are too many, "
                     "%" PRIu64 " may go; %s%s",
                     options_string(g->options, "max_removal"), w->total, r->what, r->n,
                     allowed(&g->limit, w->total, r->size), remedy,
                     g->limit.is_percent ? ", or add nodes first" : "");
}

static int check_limit(const struct guard *g, const struct window *w, const struct removal *r,
                       int64_t now_ms, struct error *err)
{
    if (w->total + r->n <= allowed(&g->limit, w->total, r->size))
        return 0;
    return refuse(g, w, r, now_ms, err);
}

/* A pool that does not shrink may be as small as it is. */
static int check_min_nodes(const struct guard *g, const char *pool, size_t n, size_t added,
                           size_t pool_size, struct error *err)
{
    size_t left = pool_size + added > n ? pool_size + added - n : 0;

    if (left >= g->min_nodes || added >= n)
        return 0;
    return error_set(err, EPERM,
                     "min_nodes %" PRIu64
                     ": deleting %zu of the %zu nodes of pool %s would leave %zu; add nodes first",
                     g->min_nodes, n, pool_size, pool, left);
}

static int check_removal(struct guard *g, struct pool_count *p, const struct removal *of_pool,
                         const struct removal *of_all, int64_t now_ms, struct error *err)
{
    window_slide(&g->all, now_ms);
    if (check_limit(g, &p->window, of_pool, now_ms, err) == -1 ||
        check_limit(g, &g->all, of_all, now_ms, err) == -1)
        return -1;
    window_add(&p->window, of_pool->n, now_ms);
    window_add(&g->all, of_all->n, now_ms);
    return 0;
}

int guard_remove(struct guard *g, const char *pool, size_t n, size_t added, size_t pool_size,
                 size_t all_size, int64_t now_ms, struct error *err)
{
    char name[80];
    struct removal of_pool = {name, n, pool_size + added};
    struct removal of_all = {"the balancer", n, all_size + added};
    struct pool_count *p;

    if (n == 0)
        return 0;
    if (check_min_nodes(g, pool, n, added, pool_size, err) == -1)
        return -1;
    if (g->limit.length_ms == 0)
        return 0;
    sweep(g, now_ms);
    p = pool_at(g, pool, now_ms);
    if (!p)
        return error_set(err, ENOMEM, "out of memory");
    (void)snprintf(name, sizeof name, "pool %s", pool);
    return check_removal(g, p, &of_pool, &of_all, now_ms, err);
}

int guard_left(const struct guard *g, const char *pool, size_t left, struct error *err)
{
    if (left >= g->min_nodes)
        return 0;
    return error_set(err, EPERM,
                     "min_nodes %" PRIu64 ": pool %s would keep %zu, for an addition that this "
                     "deletion relied on was refused; add nodes first",
                     g->min_nodes, pool, left);
}

void guard_refund(struct guard *g, const char *pool, size_t n, int64_t counted_ms)
{
    struct pool_count *p;

    HASH_FIND_STR(g->pools, pool, p);
    if (!p)
        return;
    window_take_back(&p->window, n, counted_ms);
    window_take_back(&g->all, n, counted_ms);
}
