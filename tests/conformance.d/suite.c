/* Changes in a few letters, and listings in a few. */
#include "suite.h"
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PREFIX "conformance-"

bool suite_fail(struct suite *s, const char *fmt, ...)
{
    va_list ap;

    if (s->why.len)
        buf_str(&s->why, "; ");
    va_start(ap, fmt);
    buf_vprintf(&s->why, fmt, ap);
    va_end(ap);
    return false;
}

void suite_note(struct suite *s, const char *fmt, ...)
{
    va_list ap;

    if (s->note.len)
        buf_str(&s->note, "; ");
    va_start(ap, fmt);
    buf_vprintf(&s->note, fmt, ap);
    va_end(ap);
}

struct pool suite_pool(char letter)
{
    char name[] = PREFIX "?";
    struct pool pool;
    struct error err;

    name[sizeof name - 2] = letter;
    (void)pool_parse(&pool, name, &err);
    return pool;
}

static struct node make_node(char digit)
{
    char name[32];
    struct node node;
    struct error err;

    (void)snprintf(name, sizeof name, "192.0.2.%c:800%c", digit, digit);
    (void)node_parse(&node, name, &err);
    return node;
}

/* The letter of one of our pools, or 0. */
static char letter_of(const char *pool)
{
    size_t len = sizeof PREFIX - 1;

    if (strncmp(pool, PREFIX, len) != 0 || !pool[len] || pool[len + 1])
        return '\0';
    return strchr(SUITE_POOLS, pool[len]) ? pool[len] : '\0';
}

bool suite_is_error(struct suite *s, const struct error *err)
{
    if (err->num <= 0 || !strerrorname_np(err->num))
        return suite_fail(s, "an error without an errno (%d): %s", err->num, err->text);
    if (!err->text[0] || !memchr(err->text, '\0', sizeof err->text))
        return suite_fail(s, "an error without a sentence (%s)", strerrorname_np(err->num));
    if (strchr(err->text, '\n'))
        return suite_fail(s, "an error of two lines: %s", err->text);
    return true;
}

/* ---- listings ----------------------------------------------------------------------------- */

struct listing *suite_list(struct suite *s, const struct balancer *b, const struct pool *pool)
{
    struct listing *l = listing_new(pool ? pool->name : NULL);
    struct error err = {0};
    int rc;

    if (!l) {
        (void)suite_fail(s, "out of memory");
        return NULL;
    }
    rc = pool ? balancer_get_nodes(b, pool, l, &err) : b->driver->get_pools(b->lb, l, &err);
    if (rc == 0 && listing_finish(l, &err) == 0)
        return l;
    (void)suite_fail(s, "%s%s%s fails: %s", pool ? "get_nodes " : "get_pools",
                     pool ? pool->name : "", "", err.text);
    (void)suite_is_error(s, &err);
    listing_free(l);
    return NULL;
}

static void add_nodes(struct buf *out, const struct listing *l, size_t p)
{
    for (size_t n = 0; n < listing_node_count(l, p); n++) {
        const char *name = listing_node_name(l, p, n);

        if (strncmp(name, "192.0.2.", 8) == 0 && strcmp(make_node(name[8]).name, name) == 0)
            buf_add(out, name + 8, 1);
        else
            buf_printf(out, "(%s)", name);
    }
}

static size_t find_pool(const struct listing *l, char letter)
{
    for (size_t p = 0; p < listing_pool_count(l); p++)
        if (letter_of(listing_pool_name(l, p)) == letter)
            return p;
    return SIZE_MAX;
}

/* "a12" of one that get_pools has; what get_nodes says of another must be nothing. */
static bool add_pool(struct suite *s, struct buf *out, const struct listing *pools, char letter)
{
    struct pool pool = suite_pool(letter);
    struct listing *l = suite_list(s, &s->b, &pool);
    size_t p = find_pool(pools, letter);
    struct buf nodes = BUF_INIT, whole = BUF_INIT;
    bool ok = l != NULL;

    if (ok)
        add_nodes(&nodes, l, 0);
    if (ok && p != SIZE_MAX && listing_whole(pools)) {
        add_nodes(&whole, pools, p);
        if (strcmp(buf_text(&nodes), buf_text(&whole)) != 0)
            ok = suite_fail(s, "get_pools says %c has \"%s\", get_nodes \"%s\"", letter,
                            buf_text(&whole), buf_text(&nodes));
    }
    if (ok && p != SIZE_MAX)
        buf_printf(out, "%s%c%s", out->len ? " " : "", letter, buf_text(&nodes));
    else if (ok && nodes.len)
        ok = suite_fail(s, "get_nodes has %s of %s, which get_pools does not have",
                        buf_text(&nodes), pool.name);
    buf_free(&nodes);
    buf_free(&whole);
    listing_free(l);
    return ok;
}

static bool look(struct suite *s, struct buf *state)
{
    struct listing *pools = suite_list(s, &s->b, NULL);
    bool ok = pools != NULL;

    for (const char *letter = SUITE_POOLS; ok && *letter; letter++)
        if (strchr(s->used, *letter) || find_pool(pools, *letter) != SIZE_MAX)
            ok = add_pool(s, state, pools, *letter);
    listing_free(pools);
    return ok;
}

bool suite_has(struct suite *s, const char *state)
{
    struct buf now = BUF_INIT;
    bool ok = look(s, &now);

    if (ok && strcmp(buf_text(&now), state) != 0)
        ok = suite_fail(s, "it has \"%s\" where \"%s\" is right", buf_text(&now), state);
    buf_free(&now);
    return ok;
}

bool suite_others(struct suite *s, struct buf *out)
{
    struct listing *pools = suite_list(s, &s->b, NULL), *l;
    bool ok = pools != NULL;

    for (size_t p = 0; ok && p < listing_pool_count(pools); p++) {
        struct pool pool;
        struct error err;

        if (strncmp(listing_pool_name(pools, p), PREFIX, sizeof PREFIX - 1) == 0)
            continue;
        (void)pool_parse(&pool, listing_pool_name(pools, p), &err);
        l = suite_list(s, &s->b, &pool);
        ok = l != NULL;
        buf_printf(out, "%s:", pool.name);
        for (size_t n = 0; ok && n < listing_node_count(l, 0); n++)
            buf_printf(out, " %s", listing_node_name(l, 0, n));
        buf_str(out, "\n");
        listing_free(l);
    }
    listing_free(pools);
    return ok;
}

/* ---- changes ------------------------------------------------------------------------------ */

static void use(struct suite *s, char letter)
{
    if (!strchr(s->used, letter))
        s->used[strlen(s->used)] = letter;
}

/* "+a1 -b": how many, into changes. */
static size_t parse(struct suite *s, const char *text, struct change *changes)
{
    size_t n = 0;

    for (const char *c = text; *c; c++) {
        bool adds = *c == '+', has_node;

        if (*c == ' ')
            continue;
        use(s, c[1]);
        has_node = isdigit((unsigned char)c[2]);
        changes[n].pool = suite_pool(c[1]);
        if (has_node) {
            changes[n].kind = adds ? ADD_NODE : DELETE_NODE;
            changes[n].node = make_node(c[2]);
        } else {
            changes[n].kind = adds ? CREATE_POOL : DELETE_POOL;
        }
        n++;
        c += has_node ? 2 : 1;
    }
    return n;
}

static bool is_alike(const struct change *changes, size_t n)
{
    for (size_t i = 1; i < n; i++)
        if (changes[i].kind != changes[0].kind ||
            strcmp(changes[i].pool.name, changes[0].pool.name) != 0)
            return false;
    return n > 0;
}

static int make(const struct balancer *b, const struct change *changes, size_t n, struct error *err)
{
    bool alike = is_alike(changes, n);
    struct node *nodes;
    int rc;

    if (!alike || (changes[0].kind != ADD_NODE && changes[0].kind != DELETE_NODE))
        return b->driver->apply(b->lb, changes, n, err);
    nodes = calloc(n, sizeof *nodes);
    if (!nodes)
        return error_set(err, ENOMEM, "out of memory");
    for (size_t i = 0; i < n; i++)
        nodes[i] = changes[i].node;
    rc = changes[0].kind == ADD_NODE ? balancer_add_nodes(b, &changes[0].pool, nodes, n, err)
                                     : balancer_delete_nodes(b, &changes[0].pool, nodes, n, err);
    free(nodes);
    return rc;
}

bool suite_do(struct suite *s, const char *text)
{
    struct change changes[32] = {0};
    struct error err = {0};

    if (make(&s->b, changes, parse(s, text, changes), &err) == 0)
        return true;
    (void)suite_fail(s, "%s fails: %s %s", text,
                     err.num > 0 ? strerrorname_np(err.num) : "no errno", err.text);
    return false;
}

bool suite_refused(struct suite *s, const char *text, int num)
{
    struct change changes[32] = {0};
    struct error err = {0};

    if (make(&s->b, changes, parse(s, text, changes), &err) == 0)
        return suite_fail(s, "%s succeeds, and should be %s", text, strerrorname_np(num));
    if (!suite_is_error(s, &err))
        return false;
    return err.num == num || suite_fail(s, "%s is %s, and should be %s: %s", text,
                                        strerrorname_np(err.num), strerrorname_np(num), err.text);
}

/* What takes our pools away, in one set of changes. */
static bool plan_cleaning(struct suite *s, struct change **changes, size_t *n)
{
    struct listing *pools = suite_list(s, &s->b, NULL), *l;
    bool ok = pools != NULL;
    struct error err;

    for (const char *letter = SUITE_POOLS; ok && *letter; letter++) {
        struct pool pool = suite_pool(*letter);
        struct change *more = NULL;

        if (find_pool(pools, *letter) == SIZE_MAX)
            continue;
        l = suite_list(s, &s->b, &pool);
        if (l)
            more = reallocarray(*changes, *n + listing_node_count(l, 0) + 1, sizeof *more);
        ok = more != NULL;
        *changes = more ? more : *changes;
        for (size_t i = 0; ok && i < listing_node_count(l, 0); i++) {
            more[*n] = (struct change){.kind = DELETE_NODE, .pool = pool};
            (void)node_parse(&more[(*n)++].node, listing_node_name(l, 0, i), &err);
        }
        if (ok)
            more[(*n)++] = (struct change){.kind = DELETE_POOL, .pool = pool};
        listing_free(l);
    }
    listing_free(pools);
    return ok;
}

/* One by one, too, for a driver that cannot do it at once: then the next promise can be tried. */
bool suite_clean(struct suite *s)
{
    struct change *changes = NULL;
    struct error err = {0};
    size_t n = 0;
    bool ok = plan_cleaning(s, &changes, &n);

    if (ok && n && s->b.driver->apply(s->b.lb, changes, n, &err) == -1)
        for (size_t i = 0; i < n; i++)
            if (s->b.driver->apply(s->b.lb, &changes[i], 1, &err) == -1)
                ok = suite_fail(s, "%s: %s", changes[i].pool.name, err.text);
    free(changes);
    return ok;
}
