/* Varnish: a pool is a director that is alone in its file, and an include of that in the main file.
 *
 *   pools.vcl        include "./pool-app.vcl";
 *   pool-app.vcl     import directors;
 *                    backend app__127_2e0_2e0_2e1_3a80 { .host = "127.0.0.1"; .port = "80"; }
 *                    sub vcl_init {
 *                      new app = directors.round_robin();
 *                      app.add_backend(app__127_2e0_2e0_2e1_3a80);
 *                    }
 *
 * The file decides what is a pool. An include that is missing in the main file, and one of a pool
 * that is not there, are mended with the next change of that pool. No file says "vcl 4.1;", so that
 * they go with 4.0 and 4.1. Old files make every load of a newer server fail: the next change of
 * any pool rewrites them all. */
#include "drivers/varnish.h"
#include "drivers/buf.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <uthash.h>

struct edit {
    const struct dialect_settings *s;
    const struct files *in;
    struct change *changes; /* those asked for, after those of old files */
    size_t n;
    struct files pools; /* the pools' files that change */
    struct error *err;
};

static int no_memory(struct error *err)
{
    return error_set(err, ENOMEM, "out of memory for a change of pools");
}

static void file_name(const struct dialect_settings *s, const struct pool *pool, struct buf *out)
{
    buf_printf(out, "%s%s.vcl", s->prefix, pool->name);
}

static int check_names(const struct edit *e, const struct change *changes, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        struct buf name = BUF_INIT;
        bool is_main;

        file_name(e->s, &changes[i].pool, &name);
        is_main = strcmp(buf_text(&name), e->s->main_file) == 0;
        buf_free(&name);
        if (is_main)
            return error_set(e->err, EINVAL, "pool %s: its file would be %s%s itself",
                             changes[i].pool.name, e->s->include_dir, e->s->main_file);
    }
    return 0;
}

/* Every old file is edited, too. */
static int take_changes(struct edit *e, const struct change *changes, size_t n)
{
    e->changes = calloc(e->in->n + n + 1, sizeof *e->changes);
    if (!e->changes)
        return no_memory(e->err);
    for (size_t i = 0; i < e->in->n && n; i++) {
        struct change *c = &e->changes[e->n];

        if (poolfile_pool(&varnish_grammar, e->s, e->in->at[i].name, &c->pool) != 0 ||
            !varnish_is_old(e->s, &c->pool, &e->in->at[i]))
            continue;
        c->kind = CREATE_POOL;
        e->n++;
    }
    if (n)
        memcpy(e->changes + e->n, changes, n * sizeof *changes);
    e->n += n;
    return 0;
}

/* ---- the main file ------------------------------------------------------------------------ */

/* A pool that a change names. */
struct named {
    UT_hash_handle hh;
    const struct pool *pool;
    char *file;
    bool is_edited, is_there;
};

static int name_pool(struct named **all, const struct edit *e, const struct pool *pool)
{
    struct buf file = BUF_INIT;
    struct named *n;

    file_name(e->s, pool, &file);
    HASH_FIND_STR(*all, buf_text(&file), n);
    if (!n) {
        n = calloc(1, sizeof *n);
        if (!n || file.failed) {
            free(n);
            buf_free(&file);
            return no_memory(e->err);
        }
        *n = (struct named){.pool = pool, .file = file.data};
        HASH_ADD_KEYPTR(hh, *all, n->file, strlen(n->file), n);
        return 0;
    }
    buf_free(&file);
    return 0;
}

static void free_named(struct named **all)
{
    struct named *n, *next;

    HASH_ITER(hh, *all, n, next)
    {
        HASH_DEL(*all, n);
        free(n->file);
        free(n);
    }
}

/* The pools' includes as they are to be. A file that is no pool, though named like one, is left
 * alone, and so is its include. */
static size_t want_includes(const struct edit *e, struct named *all, struct include *out)
{
    struct named *n;
    size_t wanted = 0;

    for (size_t i = 0; i < e->pools.n; i++) {
        HASH_FIND_STR(all, e->pools.at[i].name, n);
        if (n) {
            n->is_edited = true;
            n->is_there = e->pools.at[i].text != NULL;
        }
    }
    for (n = all; n; n = n->hh.next) {
        const struct file *old = files_find(e->in, n->file);
        struct poolfile p;

        if (!n->is_edited && old) {
            if (!poolfile_read(&varnish_grammar, e->s, n->pool, old, &p))
                continue;
            poolfile_free(&p);
            n->is_there = true;
        }
        out[wanted++] = (struct include){n->file, n->is_there};
    }
    return wanted;
}

static int edit_main(const struct edit *e, struct buf *text)
{
    struct named *all = NULL;
    struct include *includes = NULL;
    int result = 0;

    for (size_t i = 0; i < e->n && result == 0; i++)
        result = name_pool(&all, e, &e->changes[i].pool);
    if (result == 0) {
        includes = calloc(e->n + 1, sizeof *includes);
        result = includes ? 0 : no_memory(e->err);
    }
    if (result == 0)
        result = varnish_main_edit(e->s, files_find(e->in, e->s->main_file), includes,
                                   want_includes(e, all, includes), text, e->err);
    free(includes);
    free_named(&all);
    return result;
}

/* ---- the dialect -------------------------------------------------------------------------- */

static void add_main(const struct edit *e, const struct buf *text, struct files *out)
{
    const struct file *old = files_find(e->in, e->s->main_file);
    bool same = old ? old->len == text->len && memcmp(old->text, buf_text(text), text->len) == 0
                    : text->len == 0;

    if (!same)
        files_add(out, e->s->main_file, buf_text(text), text->len, NULL);
}

static int edit_all(struct edit *e, const struct change *changes, size_t n, struct files *out)
{
    struct buf text = BUF_INIT;
    int result = check_names(e, changes, n);

    if (result == 0)
        result = take_changes(e, changes, n);
    if (result == 0)
        result = poolfile_edit(&varnish_grammar, e->s, e->in, e->changes, e->n, &e->pools, e->err);
    if (result == 0)
        result = edit_main(e, &text);
    for (size_t i = 0; i < e->pools.n && result == 0; i++)
        if (e->pools.at[i].text)
            files_add(out, e->pools.at[i].name, e->pools.at[i].text, e->pools.at[i].len, NULL);
    if (result == 0)
        add_main(e, &text, out);
    for (size_t i = 0; i < e->pools.n && result == 0; i++)
        if (!e->pools.at[i].text)
            files_add(out, e->pools.at[i].name, NULL, 0, NULL);
    buf_free(&text);
    return result == 0 && out->failed ? no_memory(e->err) : result;
}

static int varnish_edit(const struct dialect_settings *s, const struct files *in,
                        const struct change *changes, size_t n, struct files *out,
                        struct error *err)
{
    struct edit e = {.s = s, .in = in, .err = err};
    int result = edit_all(&e, changes, n, out);

    free(e.changes);
    files_clear(&e.pools);
    return result;
}

static void varnish_list(const struct dialect_settings *s, const struct files *in,
                         struct listing *out)
{
    poolfile_list(&varnish_grammar, s, in, out);
}

/* "Symbol not found: 'app.backend'", and older ones "Symbol not found: 'app' ..."; without any
 * backend left, there is no VCL at all. */
static bool varnish_in_use(const struct pool *pool, const char *said)
{
    static const char missing[] = "Symbol not found: '";
    struct buf director = BUF_INIT;
    bool is = strstr(said, "No backends or directors found") != NULL;

    varnish_director(pool->name, &director);
    while (!is && !director.failed && (said = strstr(said, missing))) {
        said += sizeof missing - 1;
        is = strncasecmp(said, director.data, director.len) == 0 &&
             (said[director.len] == '.' || said[director.len] == '\'');
    }
    buf_free(&director);
    return is;
}

const struct dialect varnish_dialect = {
    .name = "varnish",
    .suffix = ".vcl",
    .ignores_case = true,
    .list = varnish_list,
    .edit = varnish_edit,
    .in_use = varnish_in_use,
};
