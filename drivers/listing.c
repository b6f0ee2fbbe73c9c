/* Collects pools and nodes, host by host, and merges them once at the end.
 *
 * Adding only appends: a name goes into one arena, an entry of 12 bytes beside it. Finishing sorts
 * the entries by pool, node and host and walks them once. Sets of hosts are interned: in the
 * usual case, all hosts alike, there is one. */
#include "drivers/listing.h"
#include "drivers/buf.h"
#include <assert.h>
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <uthash.h>

enum { THE_POOL = 0, HIDDEN = 1, FIRST_NAME = 2 }; /* what entry.node says when not a name */

struct entry {
    uint32_t pool, node, host; /* offsets into names; host: an index */
};

struct hostset {
    UT_hash_handle hh;
    char *text; /* NULL: every host */
    size_t len;
    unsigned char bits[];
};

struct seen {
    uint32_t name;
    const struct hostset *hosts;
};

struct seen_pool {
    struct seen seen;
    size_t first, n, hidden;
};

struct listing {
    struct buf names;
    struct entry *entries;
    size_t n_entries, size_entries;
    uint32_t *hosts; /* offsets into names */
    uint32_t n_hosts, host;
    uint32_t pool; /* the current one, 0: none or not acceptable */
    bool whole, failed, finished;
    size_t refused;
    struct hostset *sets;
    char *all_hosts;
    struct seen_pool *pools;
    size_t n_pools;
    struct seen *nodes;
    size_t n_nodes;
};

static uint32_t keep_name(struct listing *l, const char *name)
{
    size_t at = l->names.len;

    buf_add(&l->names, name, strlen(name) + 1);
    if (l->names.failed || at > UINT32_MAX - 1024)
        l->failed = true;
    return (uint32_t)at;
}

static void add_entry(struct listing *l, uint32_t node)
{
    size_t size = l->size_entries ? l->size_entries * 2 : 64;

    if (l->n_entries == l->size_entries) {
        struct entry *bigger = reallocarray(l->entries, size, sizeof *bigger);

        if (!bigger) {
            l->failed = true;
            return;
        }
        l->entries = bigger;
        l->size_entries = size;
    }
    l->entries[l->n_entries++] = (struct entry){l->pool, node, l->host};
}

struct listing *listing_new(const char *pool)
{
    struct listing *l = calloc(1, sizeof *l);

    if (!l)
        return NULL;
    buf_add(&l->names, "\0\0", FIRST_NAME); /* so that no name has an offset with a meaning */
    if (pool)
        l->pool = keep_name(l, pool);
    return l;
}

void listing_free(struct listing *l)
{
    struct hostset *set, *next;

    if (!l)
        return;
    HASH_ITER(hh, l->sets, set, next)
    {
        HASH_DEL(l->sets, set);
        free(set->text);
        free(set);
    }
    buf_free(&l->names);
    free(l->entries);
    free(l->hosts);
    free(l->all_hosts);
    free(l->pools);
    free(l->nodes);
    free(l);
}

void listing_host(struct listing *out, const char *host)
{
    uint32_t *hosts;

    assert(!out->finished);
    hosts = reallocarray(out->hosts, (size_t)out->n_hosts + 1, sizeof *hosts);
    if (!hosts) {
        out->failed = true;
        return;
    }
    out->hosts = hosts;
    out->host = out->n_hosts++;
    hosts[out->host] = keep_name(out, host);
}

void listing_pool(struct listing *out, const char *name)
{
    struct pool pool;
    struct error err;

    assert(!out->finished);
    out->pool = 0;
    if (pool_parse(&pool, name, &err) == -1) {
        out->refused++;
        return;
    }
    out->pool = keep_name(out, name);
    add_entry(out, THE_POOL);
}

void listing_node(struct listing *out, const char *name)
{
    struct node node;
    struct error err;

    assert(!out->finished);
    if (out->pool == 0)
        return;
    if (node_parse(&node, name, &err) == -1) {
        out->refused++;
        add_entry(out, HIDDEN);
        return;
    }
    add_entry(out, keep_name(out, name));
}

void listing_hidden(struct listing *out)
{
    if (out->pool != 0)
        add_entry(out, HIDDEN);
}

void listing_is_whole(struct listing *out)
{
    out->whole = true;
}

/* ---- merging ------------------------------------------------------------------------------ */

static const char *name_at(const struct listing *l, uint32_t offset)
{
    return l->names.data + offset;
}

static int compare(const void *a, const void *b, void *arg)
{
    const struct entry *x = a, *y = b;
    const struct listing *l = arg;
    int d = x->pool == y->pool ? 0 : strcmp(name_at(l, x->pool), name_at(l, y->pool));

    if (d)
        return d;
    if (x->node < FIRST_NAME || y->node < FIRST_NAME) {
        if (x->node != y->node)
            return x->node < y->node ? -1 : 1;
    } else {
        d = strcmp(name_at(l, x->node), name_at(l, y->node));
        if (d)
            return d;
    }
    return x->host < y->host ? -1 : x->host > y->host;
}

static bool same_pool(const struct listing *l, const struct entry *x, const struct entry *y)
{
    return strcmp(name_at(l, x->pool), name_at(l, y->pool)) == 0;
}

static bool same_node(const struct listing *l, const struct entry *x, const struct entry *y)
{
    if (x->node < FIRST_NAME || y->node < FIRST_NAME)
        return x->node == y->node;
    return strcmp(name_at(l, x->node), name_at(l, y->node)) == 0;
}

static char *set_text(const struct listing *l, const unsigned char *bits)
{
    struct buf text = BUF_INIT;

    buf_str(&text, "");
    for (uint32_t h = 0; h < l->n_hosts; h++)
        if (!bits || (bits[h / 8] >> (h % 8) & 1))
            buf_printf(&text, "%s%s", text.len ? ", " : "", name_at(l, l->hosts[h]));
    return text.data;
}

/* The interned set of the hosts of entries [from, to). */
static const struct hostset *intern(struct listing *l, size_t from, size_t to)
{
    size_t len = (l->n_hosts + 7u) / 8u + 1;
    struct hostset *set = calloc(1, sizeof *set + len), *known;
    uint32_t n = 0;

    if (!set) {
        l->failed = true;
        return NULL;
    }
    for (size_t i = from; i < to; i++) {
        uint32_t h = l->entries[i].host;
        unsigned char bit = (unsigned char)(1u << (h % 8));

        n += !(set->bits[h / 8] & bit);
        set->bits[h / 8] |= bit;
    }
    HASH_FIND(hh, l->sets, set->bits, len, known);
    if (known) {
        free(set);
        return known;
    }
    set->len = len;
    if (n < l->n_hosts) {
        set->text = set_text(l, set->bits);
        l->failed |= !set->text;
    }
    HASH_ADD(hh, l->sets, bits, len, set);
    return set;
}

/* How many hidden members the pool has where it has most. Entries are sorted by host. */
static size_t most_hidden(const struct listing *l, size_t from, size_t to)
{
    size_t most = 0, run = 0;

    for (size_t i = from; i < to; i++) {
        run = i > from && l->entries[i].host == l->entries[i - 1].host ? run + 1 : 1;
        if (run > most)
            most = run;
    }
    return most;
}

static size_t run_end(const struct listing *l, size_t from)
{
    size_t to = from + 1;

    while (to < l->n_entries && same_pool(l, &l->entries[from], &l->entries[to]) &&
           same_node(l, &l->entries[from], &l->entries[to]))
        to++;
    return to;
}

static struct seen_pool *current_pool(struct listing *l, size_t at)
{
    const struct entry *e = &l->entries[at];
    struct seen_pool *p = l->n_pools ? &l->pools[l->n_pools - 1] : NULL;

    if (p && strcmp(name_at(l, p->seen.name), name_at(l, e->pool)) == 0)
        return p;
    p = &l->pools[l->n_pools++];
    *p = (struct seen_pool){.seen = {e->pool, NULL}, .first = l->n_nodes};
    return p;
}

static void merge(struct listing *l)
{
    for (size_t from = 0, to; from < l->n_entries; from = to) {
        uint32_t node = l->entries[from].node;
        struct seen_pool *p = current_pool(l, from);

        to = run_end(l, from);
        if (node == THE_POOL) {
            p->seen.hosts = intern(l, from, to);
        } else if (node == HIDDEN) {
            p->hidden = most_hidden(l, from, to);
        } else {
            l->nodes[l->n_nodes++] = (struct seen){node, intern(l, from, to)};
            p->n++;
        }
    }
}

int listing_finish(struct listing *l, struct error *err)
{
    assert(!l->finished);
    l->finished = true;
    if (l->pool != 0 && l->n_entries == 0)
        add_entry(l, THE_POOL); /* get_nodes of an empty pool still has its one pool */
    l->pools = calloc(l->n_entries + 1, sizeof *l->pools);
    l->nodes = calloc(l->n_entries + 1, sizeof *l->nodes);
    l->all_hosts = set_text(l, NULL);
    if (l->failed || !l->pools || !l->nodes || !l->all_hosts)
        return error_set(err, ENOMEM, "out of memory for a listing of %zu names", l->n_entries);
    if (l->n_entries)
        qsort_r(l->entries, l->n_entries, sizeof *l->entries, compare, l);
    merge(l);
    if (l->failed)
        return error_set(err, ENOMEM, "out of memory for a listing of %zu names", l->n_entries);
    return 0;
}

/* ---- reading ------------------------------------------------------------------------------ */

bool listing_whole(const struct listing *l)
{
    return l->whole;
}

size_t listing_pool_count(const struct listing *l)
{
    return l->n_pools;
}

const char *listing_pool_name(const struct listing *l, size_t pool)
{
    return name_at(l, l->pools[pool].seen.name);
}

size_t listing_pool_hidden(const struct listing *l, size_t pool)
{
    return l->pools[pool].hidden;
}

size_t listing_node_count(const struct listing *l, size_t pool)
{
    return l->pools[pool].n;
}

const char *listing_node_name(const struct listing *l, size_t pool, size_t node)
{
    return name_at(l, l->nodes[l->pools[pool].first + node].name);
}

size_t listing_refused(const struct listing *l)
{
    return l->refused;
}

const char *listing_pool_hosts(const struct listing *l, size_t pool)
{
    const struct hostset *set = l->pools[pool].seen.hosts;

    return set ? set->text : NULL;
}

const char *listing_node_hosts(const struct listing *l, size_t pool, size_t node)
{
    const struct hostset *set = l->nodes[l->pools[pool].first + node].hosts;

    return set ? set->text : NULL;
}

const char *listing_all_hosts(const struct listing *l)
{
    return l->all_hosts;
}
