/* The main file: one include for each pool, and whatever a person wrote beside them. */
#include "drivers/varnish.h"
#include "drivers/vcl.h"
#include <errno.h>
#include <fnmatch.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct inclusion {
    char *path;
    bool is_glob;
    struct span cut;
};

struct mainfile {
    const struct dialect_settings *settings;
    struct poolfile p; /* text only, for slots */
    struct vcl_lexer l;
    struct inclusion *at;
    size_t n, size;
    struct slot slot;
    bool has_slot; /* after an include of a pool: nothing better can come */
    bool past_rules;
    bool failed;
};

/* The name of the file in our directory that the path means, or NULL. */
static const char *in_our_directory(const struct mainfile *m, const char *path)
{
    size_t len = strlen(m->settings->include_dir);

    if (strncmp(path, m->settings->include_dir, len) == 0)
        path += len;
    else if (strncmp(path, "./", 2) == 0)
        path += 2;
    return strchr(path, '/') ? NULL : path;
}

static bool includes(const struct mainfile *m, const struct inclusion *i, const char *file)
{
    const char *name = in_our_directory(m, i->path);

    if (!name)
        return false;
    if (i->is_glob)
        return fnmatch(name, file, FNM_PERIOD) == 0;
    return strcmp(name, file) == 0;
}

static bool is_of_pool(const struct mainfile *m, const struct inclusion *i)
{
    const char *name = in_our_directory(m, i->path);
    struct pool pool;

    return name && (i->is_glob || poolfile_pool(&varnish_grammar, m->settings, name, &pool) == 0);
}

/* ---- reading ------------------------------------------------------------------------------ */

static struct inclusion *add_inclusion(struct mainfile *m, struct span path)
{
    size_t size = m->size ? m->size * 2 : 16;

    if (m->n == m->size) {
        struct inclusion *at = reallocarray(m->at, size, sizeof *at);

        m->failed |= !at;
        if (!at)
            return NULL;
        m->at = at;
        m->size = size;
    }
    m->at[m->n] =
        (struct inclusion){strndup(m->p.text + path.from, path.to - path.from), false, {0, 0}};
    m->failed |= !m->at[m->n].path;
    return m->at[m->n].path ? &m->at[m->n++] : NULL;
}

/* A statement's words as far as an include has any. */
struct statement {
    struct vcl_token first;
    struct span path; /* of an include */
    bool is_include, is_glob, is_sub;
    size_t end;
};

/* false: no end. Moves *t to what follows. */
static bool read_statement(struct mainfile *m, struct vcl_token *t, struct statement *s)
{
    *s = (struct statement){.first = *t};
    s->is_include = vcl_is_word(&m->l, t, "include");
    s->is_sub = vcl_is_word(&m->l, t, "sub");
    for (; t->kind != VCL_END && t->kind != VCL_BAD; *t = vcl_next(&m->l)) {
        if (vcl_is_mark(t, '{')) {
            *t = vcl_skip_block(&m->l, t, &s->end);
            return t->kind != VCL_BAD;
        }
        s->is_glob |= vcl_is_word(&m->l, t, "glob");
        if (t->kind == VCL_STRING)
            s->path = t->value;
        s->end = t->at.to;
        if (vcl_is_mark(t, ';')) {
            *t = vcl_next(&m->l);
            return true;
        }
    }
    return false;
}

/* New includes stand behind those that are there; else behind what comes before the first rules,
 * which may name the pools. */
static void note_slot(struct mainfile *m, const struct statement *s, const struct inclusion *i)
{
    if (i && is_of_pool(m, i)) {
        m->has_slot = true;
        vcl_slot_after(&m->slot, &m->p, &s->first, s->end, NULL);
        return;
    }
    if (s->is_sub && !m->past_rules && m->slot.at == 0 && !m->has_slot)
        vcl_slot_before(&m->slot, &m->p, &s->first);
    m->past_rules |= s->is_sub;
    if (!m->has_slot && !m->past_rules)
        vcl_slot_after(&m->slot, &m->p, &s->first, s->end, NULL);
}

static int unreadable(const struct mainfile *m, size_t at, struct error *err)
{
    size_t line = 1;

    for (size_t i = 0; i < at && i < m->p.len; i++)
        line += m->p.text[i] == '\n';
    return error_set(err, EREMOTEIO, "%s%s: line %zu: no VCL that can be edited: mend it",
                     m->settings->include_dir, m->settings->main_file, line);
}

static int read_main(struct mainfile *m, struct error *err)
{
    struct vcl_token t;
    bool any = false;

    vcl_start(&m->l, m->p.text, m->p.len);
    for (t = vcl_next(&m->l); t.kind != VCL_END; any = true) {
        struct inclusion *i = NULL;
        struct statement s;

        if (!read_statement(m, &t, &s))
            return unreadable(m, t.kind == VCL_BAD ? m->l.pos : s.first.at.from, err);
        if (s.is_include) {
            i = add_inclusion(m, s.path);
            if (!i)
                return error_set(err, ENOMEM, "out of memory");
            i->is_glob = s.is_glob;
            i->cut = vcl_cut(&m->l, &s.first, s.end);
        }
        note_slot(m, &s, i);
    }
    if (!any)
        slot_line(&m->slot, &m->p, m->p.len, (struct span){0, 0});
    return 0;
}

/* ---- writing ------------------------------------------------------------------------------ */

/* Absolute for old servers, which know no other; else as it stays right in a copy. */
static void put_include(const struct mainfile *m, const char *file, struct splice *out)
{
    slot_printf(&m->slot, &m->p, out, "include \"%s%s\";",
                m->settings->version == 3 ? m->settings->include_dir : "./", file);
}

static void edit_one(struct mainfile *m, const struct include *want, struct splice *out)
{
    bool is_there = false;

    for (size_t i = 0; i < m->n; i++) {
        if (!includes(m, &m->at[i], want->file))
            continue;
        is_there = true;
        if (!want->wanted && !m->at[i].is_glob)
            splice_cut(out, m->at[i].cut.from, m->at[i].cut.to);
    }
    if (want->wanted && !is_there)
        put_include(m, want->file, out);
}

int varnish_main_edit(const struct dialect_settings *s, const struct file *main,
                      const struct include *wanted, size_t n, struct buf *out, struct error *err)
{
    struct mainfile m = {.settings = s};
    struct splice splice;
    int result;

    m.p.text = main ? main->text : "";
    m.p.len = main ? main->len : 0;
    result = read_main(&m, err);
    splice_start(&splice, m.p.text, m.p.len);
    if (result == 0) {
        for (size_t i = 0; i < n; i++)
            edit_one(&m, &wanted[i], &splice);
        splice_make(&splice, out);
    }
    splice_end(&splice);
    for (size_t i = 0; i < m.n; i++)
        free(m.at[i].path);
    free(m.at);
    return result == 0 ? buf_check(out, err) : result;
}
