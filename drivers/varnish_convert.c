/* A pool's file of VCL 3 as VCL 4: each member becomes a backend where it stands, so that comments
 * keep their places, and the director's end becomes the sub that fills it.
 *
 *   director app random {                     import directors;
 *     # rack 1                                  # rack 1
 *     { .backend = { .host = "a"; ... }   ->  backend app__a_3a80 { .host = "a"; ... }
 *       .weight = 2; }                        sub vcl_init {
 *   }                                           new app = directors.random();
 *                                               app.add_backend(app__a_3a80, 2);
 *                                             } */
#include "drivers/varnish.h"
#include "drivers/vcl.h"
#include <stdlib.h>
#include <string.h>
#include <uthash.h>

struct name {
    UT_hash_handle hh;
    char *text;
};

struct conversion {
    const struct poolfile *p;
    const struct vcl_pool *v;
    struct splice *out;
    const char *eol;
    const char *type;
    bool weighted;
    struct name *names;  /* of the backends made here */
    struct buf backends; /* of added nodes */
    struct buf filling;  /* the lines of add_backend */
    struct buf director;
};

static const struct {
    const char *old, *new;
    bool weighted;
} types[] = {
    {"round-robin", "round_robin", false},
    {"random", "random", true},
    {"hash", "hash", true},
    {"client", "hash", true},
    {"fallback", "fallback", false},
};

static bool find_type(const struct poolfile *p, const struct vcl_pool *v, const char **type,
                      bool *weighted)
{
    for (size_t i = 0; i < sizeof types / sizeof *types; i++) {
        if (!text_is(p->text, v->type, types[i].old))
            continue;
        *type = types[i].new;
        *weighted = types[i].weighted;
        return true;
    }
    return false;
}

bool varnish_can_convert(const struct poolfile *p, const struct vcl_pool *v)
{
    const char *type;
    bool weighted;

    return !v->has_list && find_type(p, v, &type, &weighted);
}

static void add_name(struct conversion *c, const struct buf *name)
{
    struct name *entry = calloc(1, sizeof *entry);

    if (entry)
        entry->text = strdup(buf_text(name));
    if (!entry || !entry->text) {
        free(entry);
        c->out->arena.failed = true;
        return;
    }
    HASH_ADD_KEYPTR(hh, c->names, entry->text, strlen(entry->text), entry);
}

static bool is_taken(const struct conversion *c, const struct buf *name)
{
    struct name *entry;

    HASH_FIND(hh, c->names, buf_text(name), name->len, entry);
    return entry || vcl_pool_backend(c->v, c->p->text, buf_text(name), name->len);
}

/* A new backend's name: of its node, or of nothing ("") when that cannot be shown. */
static void make_name(struct conversion *c, const char *node, struct buf *name)
{
    varnish_backend(c->p->pool, node, name);
    for (unsigned i = 2; is_taken(c, name); i++) {
        buf_clear(name);
        varnish_backend(c->p->pool, node, name);
        buf_printf(name, "__%u", i);
    }
    c->out->arena.failed |= name->failed;
    add_name(c, name);
}

static void fill(struct conversion *c, const char *name, size_t len, struct span weight)
{
    buf_printf(&c->filling, "  %s.add_backend(%.*s", buf_text(&c->director), (int)len, name);
    if (c->weighted && weight.from < weight.to)
        buf_printf(&c->filling, ", %.*s", (int)(weight.to - weight.from), c->p->text + weight.from);
    else if (c->weighted)
        buf_str(&c->filling, ", 1.0");
    buf_printf(&c->filling, ");%s", c->eol);
}

/* A member's braces give way to "backend NAME", indented no more. */
static void convert_member(struct conversion *c, const struct vcl_member *m, const char *node)
{
    struct buf name = BUF_INIT;
    bool first = m->cut.from == 0 || c->p->text[m->cut.from - 1] == '\n';
    size_t from = first ? m->cut.from : m->entry.from;

    if (m->name.to) {
        fill(c, c->p->text + m->name.from, m->name.to - m->name.from, m->weight);
        splice_cut(c->out, m->cut.from, m->cut.to);
        return;
    }
    make_name(c, node, &name);
    splice_printf(c->out, from, "backend %s ", buf_text(&name));
    splice_cut(c->out, from, m->own.body.from);
    splice_cut(c->out, m->own.body.to, m->entry.to);
    fill(c, buf_text(&name), name.len, m->weight);
    buf_free(&name);
}

static void convert_members(struct conversion *c, struct poolfile *p)
{
    size_t n = 0;

    for (size_t i = 0; i < c->v->n_members; i++) {
        const struct vcl_member *from = &c->v->members[i];
        struct member *m;

        if (from->is_option) {
            splice_cut(c->out, from->cut.from, from->cut.to);
            continue;
        }
        m = &p->at[n++];
        if (m->kind == MEMBER_PLACEHOLDER)
            m->gone = true;
        if (!m->gone)
            convert_member(c, from, m->kind == MEMBER_NODE ? m->node.name : "");
    }
}

static void add_nodes(struct conversion *c, const struct nodes *added)
{
    for (size_t i = 0; i < added->n; i++) {
        struct buf name = BUF_INIT;

        make_name(c, added->at[i]->name, &name);
        buf_printf(&c->backends, "backend %s ", buf_text(&name));
        varnish_address(added->at[i], &c->backends);
        buf_str(&c->backends, c->eol);
        fill(c, buf_text(&name), name.len, (struct span){0, 0});
        buf_free(&name);
    }
}

static void put_ends(struct conversion *c)
{
    const struct vcl_token *close = &c->v->close;
    size_t from = close->first ? close->line : close->at.from;
    struct buf *all[] = {&c->backends, &c->filling, &c->director};

    splice_printf(c->out, c->v->opening.from, "import directors;");
    splice_cut(c->out, c->v->opening.from, c->v->opening.to);
    splice_cut(c->out, from, close->at.to);
    splice_printf(c->out, from, "%s%ssub vcl_init {%s  new %s = directors.%s();%s%s}",
                  close->first ? "" : c->eol, buf_text(&c->backends), c->eol,
                  buf_text(&c->director), c->type, c->eol, buf_text(&c->filling));
    for (size_t i = 0; i < 3; i++) {
        c->out->arena.failed |= all[i]->failed;
        buf_free(all[i]);
    }
}

void varnish_convert(struct poolfile *p, const struct vcl_pool *v, const struct nodes *added,
                     struct splice *out)
{
    struct conversion c = {.p = p, .v = v, .out = out, .type = ""};
    const char *newline = memchr(p->text, '\n', p->len);
    struct name *name, *next;

    c.eol = newline && newline > p->text && newline[-1] == '\r' ? "\r\n" : "\n";
    (void)find_type(p, v, &c.type, &c.weighted);
    varnish_director(p->pool, &c.director);
    convert_members(&c, p);
    add_nodes(&c, added);
    put_ends(&c);
    HASH_ITER(hh, c.names, name, next)
    {
        HASH_DEL(c.names, name);
        free(name->text);
        free(name);
    }
}
