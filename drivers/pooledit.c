/* What a set of changes makes of the pool files: dialect.edit, once for all grammars.
 *
 * Every pool that a change names gets a plan: its file as it was, a table of its nodes with their
 * wished-for state, and whether the pool exists. The changes are applied to the plans in order,
 * then each plan is written. Time is linear in the sizes of the touched files and the changes. */
#include "drivers/poolfile.h"
#include <assert.h>
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <uthash.h>

struct wish {
    UT_hash_handle hh;
    bool before, after;
    struct node node;
};

struct plan {
    UT_hash_handle hh;
    struct plan *namesake; /* the next one whose name differs in case only */
    struct pool pool;
    const struct file *file;
    bool is_named; /* by a change */
    bool is_read, existed, exists;
    struct poolfile text;
    struct wish *wishes;
    size_t nodes, hidden; /* members as wished for */
};

struct namesakes {
    UT_hash_handle hh;
    struct plan *first;
    struct pool folded;
};

struct edit {
    const struct grammar *g;
    const struct dialect_settings *s;
    const struct files *in;
    struct plan *plans;
    struct namesakes *folded; /* of every pool file, where the server ignores case */
    struct error *err;
};

static struct wish *find_wish(struct plan *plan, const struct node *node, bool before)
{
    size_t len = strlen(node->name);
    struct wish *wish;

    HASH_FIND(hh, plan->wishes, node->name, len, wish);
    if (wish)
        return wish;
    wish = calloc(1, sizeof *wish);
    if (!wish)
        return NULL;
    wish->node = *node;
    wish->before = wish->after = before;
    plan->nodes += before;
    HASH_ADD_KEYPTR(hh, plan->wishes, wish->node.name, len, wish);
    return wish;
}

static int no_memory(struct edit *e)
{
    return error_set(e->err, ENOMEM, "out of memory for a change of pools");
}

/* ---- plans -------------------------------------------------------------------------------- */

static void file_name(const struct edit *e, const struct pool *pool, struct buf *out)
{
    buf_printf(out, "%s%s%s", e->g->has_prefix ? e->s->prefix : "", pool->name, e->g->suffix);
}

static int read_plan(struct edit *e, struct plan *plan)
{
    if (plan->is_read)
        return 0;
    plan->is_read = true;
    if (!plan->file || !poolfile_read(e->g, e->s, &plan->pool, plan->file, &plan->text))
        return 0;
    plan->existed = plan->exists = true;
    if (plan->text.failed)
        return no_memory(e);
    for (size_t i = 0; i < plan->text.n; i++) {
        const struct member *m = &plan->text.at[i];

        plan->hidden += m->kind == MEMBER_HIDDEN;
        if (m->kind == MEMBER_NODE && !find_wish(plan, &m->node, true))
            return no_memory(e);
    }
    return 0;
}

static int note_namesake(struct edit *e, struct plan *plan)
{
    struct namesakes *group;
    struct pool folded = plan->pool;

    for (char *c = folded.name; *c; c++)
        *c = (char)tolower((unsigned char)*c);
    HASH_FIND_STR(e->folded, folded.name, group);
    if (!group) {
        group = calloc(1, sizeof *group);
        if (!group)
            return no_memory(e);
        group->folded = folded;
        HASH_ADD_KEYPTR(hh, e->folded, group->folded.name, strlen(group->folded.name), group);
    }
    plan->namesake = group->first;
    group->first = plan;
    return 0;
}

static struct plan *find_plan(struct edit *e, const struct pool *pool, const struct file *file)
{
    struct plan *plan;

    HASH_FIND_STR(e->plans, pool->name, plan);
    if (plan)
        return plan;
    plan = calloc(1, sizeof *plan);
    if (!plan)
        return NULL;
    plan->pool = *pool;
    plan->file = file;
    HASH_ADD_KEYPTR(hh, e->plans, plan->pool.name, strlen(plan->pool.name), plan);
    if (e->g->ignores_case && note_namesake(e, plan) == -1)
        return NULL;
    return plan;
}

/* A plan for every file: cheap, the files are read only when needed. */
static int plan_all(struct edit *e)
{
    for (size_t i = 0; i < e->in->n; i++) {
        struct pool pool;

        if (poolfile_pool(e->g, e->s, e->in->at[i].name, &pool) == -1)
            continue;
        if (!find_plan(e, &pool, &e->in->at[i]))
            return no_memory(e);
    }
    return 0;
}

static void free_edit(struct edit *e)
{
    struct plan *plan, *next_plan;
    struct namesakes *group, *next_group;

    HASH_ITER(hh, e->plans, plan, next_plan)
    {
        struct wish *wish, *next;

        HASH_ITER(hh, plan->wishes, wish, next)
        {
            HASH_DEL(plan->wishes, wish);
            free(wish);
        }
        HASH_DEL(e->plans, plan);
        poolfile_free(&plan->text);
        free(plan);
    }
    HASH_ITER(hh, e->folded, group, next_group)
    {
        HASH_DEL(e->folded, group);
        free(group);
    }
}

/* ---- changes ------------------------------------------------------------------------------ */

static int check_case(struct edit *e, struct plan *plan)
{
    struct namesakes *group = NULL;
    struct pool folded = plan->pool;

    for (char *c = folded.name; *c; c++)
        *c = (char)tolower((unsigned char)*c);
    HASH_FIND_STR(e->folded, folded.name, group);
    for (struct plan *p = group ? group->first : NULL; p; p = p->namesake) {
        if (p == plan)
            continue;
        if (read_plan(e, p) == -1)
            return -1;
        if (p->exists)
            return error_set(e->err, EEXIST,
                             "pool %s exists as %s, and the server takes both for one name",
                             plan->pool.name, p->pool.name);
    }
    return 0;
}

static int begin_pool(struct edit *e, struct plan *plan)
{
    const char *why = NULL;

    if (plan->exists)
        return 0;
    if (plan->file && !plan->existed)
        return error_set(e->err, EREMOTEIO,
                         "%s%s does not hold just the pool %s and is left alone: "
                         "move that file away, or give the pool another name",
                         e->s->include_dir, plan->file->name, plan->pool.name);
    if (e->g->refuses && !plan->existed)
        why = e->g->refuses(plan->pool.name);
    if (why)
        return error_set(e->err, EINVAL, "pool %s: %s", plan->pool.name, why);
    if (check_case(e, plan) == -1)
        return -1;
    plan->exists = true;
    return 0;
}

static int end_pool(struct edit *e, struct plan *plan)
{
    const char *name = plan->pool.name;

    if (!plan->exists)
        return 0;
    if (plan->nodes)
        return error_set(e->err, ENOTEMPTY, "pool %s still has nodes: %zu", name, plan->nodes);
    if (plan->hidden)
        return error_set(e->err, ENOTEMPTY,
                         "pool %s still has members that no file name can show: %zu in %s%s", name,
                         plan->hidden, e->s->include_dir, plan->file->name);
    plan->exists = false;
    return 0;
}

static int set_node(struct edit *e, struct plan *plan, const struct node *node, bool after)
{
    struct wish *wish = find_wish(plan, node, false);

    if (!wish)
        return no_memory(e);
    if (after && !wish->after)
        plan->nodes++;
    if (!after && wish->after)
        plan->nodes--;
    wish->after = after;
    return 0;
}

static int apply(struct edit *e, const struct change *c)
{
    struct buf name = BUF_INIT;
    struct plan *plan = NULL;

    file_name(e, &c->pool, &name);
    if (!name.failed)
        plan = find_plan(e, &c->pool, files_find(e->in, name.data));
    buf_free(&name);
    if (!plan)
        return no_memory(e);
    plan->is_named = true;
    if (read_plan(e, plan) == -1)
        return -1;
    switch (c->kind) {
    case CREATE_POOL:
        return begin_pool(e, plan);
    case ADD_NODE:
        return begin_pool(e, plan) == -1 ? -1 : set_node(e, plan, &c->node, true);
    case DELETE_NODE:
        return plan->exists ? set_node(e, plan, &c->node, false) : 0;
    case DELETE_POOL:
        return end_pool(e, plan);
    }
    assert(false && "a change of unknown kind");
    return 0;
}

/* ---- writing ------------------------------------------------------------------------------ */

/* The nodes to add, in the order they were first named; and the members to cut. */
static int collect(struct plan *plan, struct nodes *added)
{
    struct wish *wish;

    added->at = calloc(HASH_COUNT(plan->wishes) + 1, sizeof *added->at);
    if (!added->at)
        return -1;
    for (wish = plan->wishes; wish; wish = wish->hh.next)
        if (wish->after && !wish->before)
            added->at[added->n++] = &wish->node;
    for (size_t i = 0; i < plan->text.n; i++) {
        struct member *m = &plan->text.at[i];

        if (m->kind != MEMBER_NODE)
            continue;
        HASH_FIND_STR(plan->wishes, m->node.name, wish);
        m->gone = wish && !wish->after;
    }
    return 0;
}

static void change_text(struct edit *e, struct plan *plan, const struct nodes *added,
                        struct buf *out)
{
    struct poolfile *p = &plan->text;
    struct splice splice;

    splice_start(&splice, p->text, p->len);
    e->g->change(p, added, &splice);
    for (size_t i = 0; i < p->n; i++) {
        if (!p->at[i].gone)
            continue;
        splice_cut(&splice, p->at[i].at[0].from, p->at[i].at[0].to);
        splice_cut(&splice, p->at[i].at[1].from, p->at[i].at[1].to);
    }
    splice_make(&splice, out);
    splice_end(&splice);
}

static void write_text(struct edit *e, struct plan *plan, struct buf *text)
{
    struct nodes added = {0};

    if (collect(plan, &added) == -1) {
        text->failed = true;
        return;
    }
    if (plan->existed)
        change_text(e, plan, &added, text);
    else
        e->g->create(e->s, plan->pool.name, &added, text);
    free(added.at);
}

static bool is_changed(const struct plan *plan, const struct buf *text)
{
    return !plan->existed || plan->file->len != text->len ||
           (text->len && memcmp(plan->file->text, text->data, text->len) != 0);
}

static int write_plan(struct edit *e, struct plan *plan, struct files *out)
{
    struct buf text = BUF_INIT, name = BUF_INIT;

    if (!plan->exists) {
        if (plan->existed)
            files_add(out, plan->file->name, NULL, 0, NULL);
        return 0;
    }
    file_name(e, &plan->pool, &name);
    write_text(e, plan, &text);
    out->failed |= text.failed || name.failed;
    if (!out->failed && is_changed(plan, &text))
        files_add(out, name.data, buf_text(&text), text.len, NULL);
    buf_free(&text);
    buf_free(&name);
    return out->failed ? no_memory(e) : 0;
}

static int edit_all(struct edit *e, const struct change *changes, size_t n, struct files *out)
{
    struct plan *plan;

    if (e->g->ignores_case && plan_all(e) == -1)
        return -1;
    for (size_t i = 0; i < n; i++)
        if (apply(e, &changes[i]) == -1)
            return -1;
    for (plan = e->plans; plan; plan = plan->hh.next)
        if (plan->is_named && write_plan(e, plan, out) == -1)
            return -1;
    return out->failed ? no_memory(e) : 0;
}

int poolfile_edit(const struct grammar *g, const struct dialect_settings *s, const struct files *in,
                  const struct change *changes, size_t n, struct files *out, struct error *err)
{
    struct edit e = {.g = g, .s = s, .in = in, .err = err};
    int rc = edit_all(&e, changes, n, out);

    free_edit(&e);
    return rc;
}
