/* A balancer that is a table in memory: for tests and demonstrations, and as an example to read.
 *
 * It checks its caller too: two calls at once on one handle are a bug of ours, and abort. */
#include "drivers/buf.h"
#include "drivers/builtin.h"
#include "drivers/dummy_store.h"
#include <assert.h>
#include <errno.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <time.h>

enum call { GET_POOLS, GET_NODES, APPLY, N_CALLS };
static const char *const call_names[N_CALLS] = {"get_pools", "get_nodes", "apply"};

struct dummy {
    const struct options *options;
    struct store store;
    const char *file, *log, *fail_file; /* paths, borrowed from the options, or NULL */
    struct stat loaded;                 /* of file, when it was last read or written */
    int64_t latency_ms;
    int fail; /* an errno; 0: none */
    bool fails[N_CALLS];
    atomic_bool busy;
    atomic_uint_fast64_t calls[N_CALLS];
};

static const struct option dummy_options[] = {
    {"pools", OPTION_MAP, NULL, false, "pools at the start, each with a list of nodes"},
    {"file", OPTION_STRING, NULL, false, "YAML file that keeps the pools across mounts"},
    {"latency", OPTION_DURATION, "0", false, "how long each call takes"},
    {"fail", OPTION_STRING, NULL, false, "errno that calls fail with, such as EHOSTUNREACH"},
    {"fail_calls", OPTION_LIST, "get_pools, get_nodes, apply", false, "the calls that fail"},
    {"fail_file", OPTION_STRING, NULL, false, "file that holds such an errno while it exists"},
    {"refuse", OPTION_LIST, NULL, false, "nodes that apply refuses with EREMOTEIO"},
    {"log", OPTION_STRING, NULL, false, "file that gets a line for each call"},
    {NULL, OPTION_STRING, NULL, false, NULL}};

/* ---- every call --------------------------------------------------------------------------- */

static int errno_named(const char *name)
{
    for (int i = 1; i < 134; i++) {
        const char *known = strerrorname_np(i);

        if (known && strcasecmp(known, name) == 0)
            return i;
    }
    return 0;
}

static int failure_now(const struct dummy *d)
{
    char name[32] = "";
    FILE *file = d->fail_file ? fopen(d->fail_file, "re") : NULL;

    if (!file)
        return d->fail;
    if (fgets(name, sizeof name, file))
        name[strcspn(name, " \n")] = '\0';
    (void)fclose(file);
    return errno_named(name);
}

static void log_call(const struct dummy *d, enum call call, const char *text)
{
    FILE *file = d->log ? fopen(d->log, "ae") : NULL;

    if (!file)
        return;
    (void)fprintf(file, "%s%s\n", call_names[call], text);
    (void)fclose(file);
}

static bool same_file(const struct stat *a, const struct stat *b)
{
    return a->st_ino == b->st_ino && a->st_size == b->st_size &&
           a->st_mtim.tv_sec == b->st_mtim.tv_sec && a->st_mtim.tv_nsec == b->st_mtim.tv_nsec;
}

/* Somebody may have edited the file: then that is the truth. */
static int reload(struct dummy *d, struct error *err)
{
    struct stat now;

    if (!d->file || stat(d->file, &now) == -1 || same_file(&now, &d->loaded))
        return 0;
    if (store_load(&d->store, d->file, err) == -1)
        return -1;
    d->loaded = now;
    return 0;
}

static int begin(struct dummy *d, enum call call, struct error *err)
{
    struct timespec pause = {d->latency_ms / 1000, d->latency_ms % 1000 * 1000000};
    bool overlapping = atomic_exchange(&d->busy, true);
    int failure;

    assert(!overlapping);
    atomic_fetch_add(&d->calls[call], 1);
    if (d->latency_ms)
        (void)nanosleep(&pause, NULL);
    failure = d->fails[call] ? failure_now(d) : 0;
    if (failure)
        return error_set(err, failure, "dummy: %s fails as it was told to", call_names[call]);
    return reload(d, err);
}

static int end(struct dummy *d, int rc)
{
    atomic_store(&d->busy, false);
    return rc;
}

/* ---- the driver --------------------------------------------------------------------------- */

static void list_nodes(const struct store_pool *p, struct listing *out)
{
    for (size_t i = 0; i < p->n; i++)
        listing_node(out, p->nodes[i]);
}

static int dummy_get_pools(void *lb, struct listing *out, struct error *err)
{
    struct dummy *d = lb;
    int rc = begin(d, GET_POOLS, err);

    log_call(d, GET_POOLS, "");
    listing_is_whole(out);
    for (size_t i = 0; rc == 0 && i < d->store.n; i++) {
        listing_pool(out, d->store.pools[i].name);
        list_nodes(&d->store.pools[i], out);
    }
    return end(d, rc);
}

static int dummy_get_nodes(void *lb, const struct pool *pool, struct listing *out,
                           struct error *err)
{
    struct dummy *d = lb;
    int rc = begin(d, GET_NODES, err);
    const struct store_pool *p = store_find(&d->store, pool->name);

    log_call(d, GET_NODES, "");
    if (rc == 0 && p)
        list_nodes(p, out);
    return end(d, rc);
}

/* " app+10.0.0.1:80 app-10.0.0.2:80 mkdir:app rmdir:app" */
static void log_changes(const struct dummy *d, const struct change *changes, size_t n)
{
    struct buf text = BUF_INIT;

    for (size_t i = 0; d->log && i < n; i++) {
        const struct change *c = &changes[i];

        if (c->kind == ADD_NODE || c->kind == DELETE_NODE)
            buf_printf(&text, " %s%c%s", c->pool.name, c->kind == ADD_NODE ? '+' : '-',
                       c->node.name);
        else
            buf_printf(&text, " %s:%s", c->kind == CREATE_POOL ? "mkdir" : "rmdir", c->pool.name);
    }
    log_call(d, APPLY, buf_text(&text));
    buf_free(&text);
}

static int check_refused(const struct dummy *d, const struct change *c, struct error *err)
{
    for (size_t i = 0; i < options_count(d->options, "refuse"); i++)
        if (c->kind == ADD_NODE && strcmp(options_item(d->options, "refuse", i), c->node.name) == 0)
            return error_set(err, EREMOTEIO, "dummy: node %s is refused", c->node.name);
    return 0;
}

static int change_and_save(struct dummy *d, const struct change *changes, size_t n,
                           struct error *err)
{
    int changed;

    for (size_t i = 0; i < n; i++)
        if (check_refused(d, &changes[i], err) == -1)
            return -1;
    changed = store_apply(&d->store, changes, n, err);
    if (changed <= 0 || !d->file)
        return changed == -1 ? -1 : 0;
    if (store_save(&d->store, d->file, err) == -1) {
        struct error ignored;

        (void)store_load(&d->store, d->file, &ignored); /* the file is the truth */
        return -1;
    }
    (void)stat(d->file, &d->loaded);
    return 0;
}

static int dummy_apply(void *lb, const struct change *changes, size_t n, struct error *err)
{
    struct dummy *d = lb;
    int rc = begin(d, APPLY, err);

    log_changes(d, changes, n);
    if (rc == 0)
        rc = change_and_save(d, changes, n, err);
    return end(d, rc);
}

static void dummy_close(void *lb)
{
    struct dummy *d = lb;

    store_clear(&d->store);
    free(d);
}

static void dummy_status(void *lb, struct status *out)
{
    struct dummy *d = lb;

    for (int i = 0; i < N_CALLS; i++)
        status_note(out, call_names[i], "%llu", (unsigned long long)atomic_load(&d->calls[i]));
}

static int dummy_probe(void *lb, struct status *out, struct error *err)
{
    struct dummy *d = lb;
    int rc = end(d, begin(d, GET_POOLS, err));

    status_step(out, "-", "pools", rc == 0, rc == 0 ? "in memory" : err->text);
    return rc;
}

/* ---- opening ------------------------------------------------------------------------------ */

static int put_pool(struct dummy *d, const struct options *o, size_t i, struct error *err)
{
    struct change c = {.kind = CREATE_POOL};
    struct error why;

    if (pool_parse(&c.pool, options_key(o, "pools", i), &why) == -1)
        return options_error(o, "pools", err, "%s", why.text);
    if (store_change(&d->store, &c, err) == -1)
        return -1;
    c.kind = ADD_NODE;
    for (size_t j = 0; j < options_key_count(o, "pools", i); j++) {
        if (node_parse(&c.node, options_key_item(o, "pools", i, j), &why) == -1)
            return options_error(o, "pools", err, "%s", why.text);
        if (store_change(&d->store, &c, err) == -1)
            return -1;
    }
    return 0;
}

static int read_failures(struct dummy *d, const struct options *o, struct error *err)
{
    const char *fail = options_string(o, "fail");

    d->fail = fail ? errno_named(fail) : 0;
    if (fail && !d->fail)
        return options_error(o, "fail", err, "fail must be the name of an errno: %s", fail);
    for (size_t i = 0; i < options_count(o, "fail_calls"); i++) {
        const char *name = options_item(o, "fail_calls", i);
        bool known = false;

        for (int c = 0; c < N_CALLS; c++)
            if (strcmp(call_names[c], name) == 0)
                known = d->fails[c] = true;
        if (!known)
            return options_error(o, "fail_calls", err, "no such call: %s", name);
    }
    return 0;
}

/* The file is made at the first change: open is also what checks a configuration. */
static int fill(struct dummy *d, const struct options *o, struct error *err)
{
    for (size_t i = 0; i < options_count(o, "pools"); i++)
        if (put_pool(d, o, i, err) == -1)
            return -1;
    return d->file ? reload(d, err) : 0;
}

static void *dummy_open(const struct options *o, struct error *err)
{
    struct dummy *d = calloc(1, sizeof *d);

    if (!d) {
        (void)error_set(err, ENOMEM, "out of memory");
        return NULL;
    }
    d->options = o;
    d->file = options_string(o, "file");
    d->log = options_string(o, "log");
    d->fail_file = options_string(o, "fail_file");
    d->latency_ms = options_ms(o, "latency");
    if (read_failures(d, o, err) == 0 && fill(d, o, err) == 0)
        return d;
    dummy_close(d);
    return NULL;
}

const struct driver dummy_driver = {
    .abi = BALANCERFS_ABI,
    .name = "dummy",
    .classes = "DummyBalancer",
    .summary = "pools in memory, for tests and demonstrations",
    .options = dummy_options,
    .open = dummy_open,
    .get_pools = dummy_get_pools,
    .get_nodes = dummy_get_nodes,
    .apply = dummy_apply,
    .close = dummy_close,
    .status = dummy_status,
    .probe = dummy_probe,
};
