/* The file of one pool, in either version of VCL: read, made and changed. */
#include "drivers/varnish.h"
#include "drivers/vcl.h"
#include <stdio.h>
#include <string.h>
#include <strings.h>

/* VCL 3 may not like a director without backends. No node looks like this. */
#define PLACEHOLDER "{ .backend = { .host = \"127.0.0.1\"; .port = \"1\"; .max_connections = 1; } }"

/* ---- reading ------------------------------------------------------------------------------ */

static bool is_main_file(const struct dialect_settings *s, const char *pool)
{
    char name[512];

    (void)snprintf(name, sizeof name, "%s%s.vcl", s->prefix, pool);
    return strcmp(name, s->main_file) == 0;
}

/* "host:port", or "" for what no file name can show. */
static void node_of(const struct poolfile *p, const struct vcl_backend *b, char *out, size_t size)
{
    const char *host = p->text + b->host.from, *port = p->text + b->port.from;
    size_t host_len = b->host.to - b->host.from, port_len = b->port.to - b->port.from;
    bool is_bare_ipv6 = port_len && memchr(host, ':', host_len) && host[0] != '[';

    out[0] = '\0';
    if (!b->is_plain || host_len + port_len + 4 > size)
        return;
    (void)snprintf(out, size, "%s%.*s%s%s%.*s", is_bare_ipv6 ? "[" : "", (int)host_len, host,
                   is_bare_ipv6 ? "]" : "", port_len ? ":" : "", (int)port_len, port);
}

static bool is_placeholder(const struct poolfile *p, const struct vcl_member *m)
{
    static const char body[] = PLACEHOLDER;
    size_t len = m->entry.to - m->entry.from;

    return len == sizeof body - 1 && memcmp(p->text + m->entry.from, body, len) == 0;
}

static void read_member(struct poolfile *p, const struct vcl_pool *v, const struct vcl_member *from)
{
    const struct vcl_backend *b = &from->own;
    struct member m = {.kind = MEMBER_PLACEHOLDER};
    char node[300];

    m.at[0] = from->cut;
    if (from->name.to) {
        b = vcl_pool_backend(v, p->text, p->text + from->name.from,
                             from->name.to - from->name.from);
        m.at[1] = b ? b->cut : (struct span){0, 0};
    }
    if (is_placeholder(p, from)) {
        poolfile_add(p, m);
        return;
    }
    node[0] = '\0';
    if (b)
        node_of(p, b, node, sizeof node);
    poolfile_node(p, node, strlen(node), m);
}

static void read_members(struct poolfile *p, const struct vcl_pool *v)
{
    for (size_t i = 0; i < v->n_members; i++)
        if (!v->members[i].is_option)
            read_member(p, v, &v->members[i]);
    for (size_t i = 0; i < v->others; i++)
        poolfile_add(p, (struct member){.kind = MEMBER_HIDDEN});
    p->slot[0] = v->backend_slot;
    p->slot[1] = v->member_slot;
    p->flavour = v->version;
    p->failed |= v->failed;
}

static bool varnish_read(struct poolfile *p)
{
    struct vcl_pool v;
    bool is_pool = !is_main_file(p->settings, p->pool) && vcl_pool_read(&v, p);

    if (is_main_file(p->settings, p->pool))
        return false;
    is_pool = is_pool && v.directors == 1 && varnish_is_director(p->text, v.name, p->pool);
    if (is_pool)
        read_members(p, &v);
    vcl_pool_free(&v);
    return is_pool;
}

/* ---- writing ------------------------------------------------------------------------------ */

void varnish_address(const struct node *node, struct buf *out)
{
    struct node_address a;

    node_split(node, &a);
    buf_printf(out, "{ .host = \"%s\"; .port = \"%u\"; }", a.host, (unsigned)a.port);
}

static void create_old(const char *pool, const struct nodes *nodes, struct buf *out)
{
    buf_str(out, "director ");
    varnish_director(pool, out);
    buf_str(out, " round-robin {\n");
    for (size_t i = 0; i < nodes->n; i++) {
        buf_str(out, "  { .backend = ");
        varnish_address(nodes->at[i], out);
        buf_str(out, " }\n");
    }
    if (!nodes->n)
        buf_str(out, "  " PLACEHOLDER " # pool is empty\n");
    buf_str(out, "}\n");
}

static void varnish_create(const struct dialect_settings *s, const char *pool,
                           const struct nodes *nodes, struct buf *out)
{
    struct buf director = BUF_INIT;

    if (s->version == 3) {
        create_old(pool, nodes, out);
        return;
    }
    varnish_director(pool, &director);
    buf_str(out, "import directors;\n");
    for (size_t i = 0; i < nodes->n; i++) {
        buf_str(out, "backend ");
        varnish_backend(pool, nodes->at[i]->name, out);
        buf_str(out, " ");
        varnish_address(nodes->at[i], out);
        buf_str(out, "\n");
    }
    buf_printf(out, "sub vcl_init {\n  new %s = directors.round_robin();\n", buf_text(&director));
    for (size_t i = 0; i < nodes->n; i++) {
        buf_printf(out, "  %s.add_backend(", buf_text(&director));
        varnish_backend(pool, nodes->at[i]->name, out);
        buf_str(out, ");\n");
    }
    buf_str(out, "}\n");
    out->failed |= director.failed;
    buf_free(&director);
}

/* ---- changing ----------------------------------------------------------------------------- */

/* Directors that want to know how much each backend is to get. */
static bool wants_weight(const struct poolfile *p, const struct vcl_pool *v)
{
    return text_is(p->text, v->type, "directors.random") ||
           text_is(p->text, v->type, "directors.hash");
}

/* A name that this file has not given to another backend yet. true: the file has such a backend
 * already, with the node's address. */
static bool name_backend(const struct poolfile *p, const struct vcl_pool *v,
                         const struct node *node, struct buf *name)
{
    const struct vcl_backend *b;
    char has[300];

    varnish_backend(p->pool, node->name, name);
    for (unsigned i = 2; (b = vcl_pool_backend(v, p->text, buf_text(name), name->len)); i++) {
        node_of(p, b, has, sizeof has);
        if (strcmp(has, node->name) == 0)
            return true;
        buf_clear(name);
        varnish_backend(p->pool, node->name, name);
        buf_printf(name, "__%u", i);
    }
    return false;
}

static void add_node(const struct poolfile *p, const struct vcl_pool *v, const struct node *node,
                     struct splice *out)
{
    struct buf name = BUF_INIT, address = BUF_INIT;
    bool is_there = name_backend(p, v, node, &name);

    varnish_address(node, &address);
    if (!is_there)
        slot_printf(&p->slot[0], p, out, "backend %s %s", buf_text(&name), buf_text(&address));
    slot_printf(&p->slot[1], p, out, "%.*s.add_backend(%s%s);", (int)(v->name.to - v->name.from),
                p->text + v->name.from, buf_text(&name), wants_weight(p, v) ? ", 1.0" : "");
    out->arena.failed |= name.failed || address.failed;
    buf_free(&name);
    buf_free(&address);
}

static bool is_empty(const struct poolfile *p)
{
    for (size_t i = 0; i < p->n; i++)
        if (p->at[i].kind != MEMBER_PLACEHOLDER && !p->at[i].gone)
            return false;
    return true;
}

/* In its own syntax. */
static void change_old(struct poolfile *p, const struct nodes *added, struct splice *out)
{
    bool has_placeholder = false, empty = added->n == 0 && is_empty(p);

    for (size_t i = 0; i < p->n; i++) {
        if (p->at[i].kind != MEMBER_PLACEHOLDER)
            continue;
        has_placeholder = true;
        p->at[i].gone = !empty;
    }
    for (size_t i = 0; i < added->n; i++) {
        struct buf address = BUF_INIT;

        varnish_address(added->at[i], &address);
        slot_printf(&p->slot[1], p, out, "{ .backend = %s }", buf_text(&address));
        out->arena.failed |= address.failed;
        buf_free(&address);
    }
    if (empty && !has_placeholder)
        slot_printf(&p->slot[1], p, out, PLACEHOLDER "%s",
                    p->slot[1].in_line ? "" : " # pool is empty");
}

/* ---- probes ------------------------------------------------------------------------------- */

static bool uses(const struct poolfile *p, const struct vcl_backend *b,
                 const struct vcl_probe *probe)
{
    size_t len = probe->name.to - probe->name.from;

    return b->probe.to - b->probe.from == len &&
           strncasecmp(p->text + b->probe.from, p->text + probe->name.from, len) == 0;
}

/* Marks the backends whose members are gone. */
static void mark_gone(const struct poolfile *p, struct vcl_pool *v)
{
    size_t n = 0;

    for (size_t i = 0; i < v->n_members; i++) {
        struct vcl_member *m = &v->members[i];
        struct vcl_backend *b = &m->own;

        if (m->is_option || !p->at[n++].gone)
            continue;
        if (m->name.to)
            b = vcl_pool_backend(v, p->text, p->text + m->name.from, m->name.to - m->name.from);
        if (b)
            b->is_gone = true;
    }
}

/* Does every backend that uses it go away, and is there one? */
static bool loses_all(const struct poolfile *p, const struct vcl_pool *v,
                      const struct vcl_probe *probe)
{
    bool gone = false;

    for (size_t i = 0; i < v->n_backends + v->n_members; i++) {
        const struct vcl_backend *b =
            i < v->n_backends ? &v->backends[i] : &v->members[i - v->n_backends].own;

        if (!uses(p, b, probe))
            continue;
        if (!b->is_gone)
            return false;
        gone = true;
    }
    return gone;
}

/* A probe that nothing uses is an error to the server: it stays, but as a comment. */
static void mute_probes(const struct poolfile *p, struct vcl_pool *v, struct splice *out)
{
    mark_gone(p, v);
    for (size_t i = 0; i < v->n_probes; i++) {
        struct span cut = v->probes[i].cut;

        if (!loses_all(p, v, &v->probes[i]))
            continue;
        if (!v->probes[i].has_lines)
            splice_cut(out, cut.from, cut.to);
        for (size_t at = cut.from; v->probes[i].has_lines && at < cut.to;
             at = text_next_line(p->text, p->len, at))
            splice_put(out, at, "# ", 2);
    }
}

static void varnish_change(struct poolfile *p, const struct nodes *added, struct splice *out)
{
    struct vcl_pool v;

    (void)vcl_pool_read(&v, p);
    out->arena.failed |= v.failed;
    mute_probes(p, &v, out);
    if (p->flavour == 3 && p->settings->version != 3 && varnish_can_convert(p, &v))
        varnish_convert(p, &v, added, out);
    else if (p->flavour == 3)
        change_old(p, added, out);
    else
        for (size_t i = 0; i < added->n; i++)
            add_node(p, &v, added->at[i], out);
    vcl_pool_free(&v);
}

bool varnish_is_old(const struct dialect_settings *s, const struct pool *pool,
                    const struct file *file)
{
    struct poolfile p;
    bool is_old;

    if (s->version == 3 || !poolfile_read(&varnish_grammar, s, pool, file, &p))
        return false;
    is_old = p.flavour == 3;
    poolfile_free(&p);
    return is_old;
}

const struct grammar varnish_grammar = {
    .suffix = ".vcl",
    .has_prefix = true,
    .ignores_case = true,
    .read = varnish_read,
    .create = varnish_create,
    .change = varnish_change,
};
