/* One pool in one file: its members and the places for more. */
#include "drivers/poolfile.h"
#include <stdlib.h>
#include <string.h>

int poolfile_pool(const struct grammar *g, const struct dialect_settings *s, const char *file,
                  struct pool *pool)
{
    const char *prefix = g->has_prefix ? s->prefix : "";
    size_t len = strlen(file), before = strlen(prefix), after = strlen(g->suffix);
    char name[sizeof pool->name];
    struct error err;

    if (len <= before + after || len - before - after >= sizeof name)
        return -1;
    if (strncmp(file, prefix, before) != 0 || strcmp(file + len - after, g->suffix) != 0)
        return -1;
    memcpy(name, file + before, len - before - after);
    name[len - before - after] = '\0';
    return pool_parse(pool, name, &err);
}

bool poolfile_read(const struct grammar *g, const struct dialect_settings *s,
                   const struct pool *pool, const struct file *file, struct poolfile *p)
{
    *p = (struct poolfile){.settings = s, .pool = pool->name, .text = file->text, .len = file->len};
    if (file->text && strlen(file->text) == file->len && g->read(p))
        return true;
    poolfile_free(p);
    return false;
}

void poolfile_free(struct poolfile *p)
{
    free(p->at);
    p->at = NULL;
    p->n = p->size = 0;
}

static void list_file(const struct poolfile *p, struct listing *out)
{
    listing_pool(out, p->pool);
    for (size_t i = 0; i < p->n; i++) {
        if (p->at[i].kind == MEMBER_NODE)
            listing_node(out, p->at[i].node.name);
        else if (p->at[i].kind == MEMBER_HIDDEN)
            listing_hidden(out);
    }
}

void poolfile_list(const struct grammar *g, const struct dialect_settings *s,
                   const struct files *in, struct listing *out)
{
    for (size_t i = 0; i < in->n; i++) {
        struct poolfile p;
        struct pool pool;

        if (poolfile_pool(g, s, in->at[i].name, &pool) == -1)
            continue;
        if (!poolfile_read(g, s, &pool, &in->at[i], &p))
            continue;
        list_file(&p, out);
        poolfile_free(&p);
    }
    listing_is_whole(out);
}

/* ---- for grammars ------------------------------------------------------------------------- */

void poolfile_add(struct poolfile *p, struct member m)
{
    size_t size = p->size ? p->size * 2 : 16;

    if (p->n == p->size) {
        struct member *at = reallocarray(p->at, size, sizeof *at);

        if (!at) {
            p->failed = true;
            return;
        }
        p->at = at;
        p->size = size;
    }
    p->at[p->n++] = m;
}

void poolfile_node(struct poolfile *p, const char *text, size_t len, struct member m)
{
    char name[sizeof m.node.name];
    struct error err;

    m.kind = MEMBER_HIDDEN;
    if (len < sizeof name) {
        memcpy(name, text, len);
        name[len] = '\0';
        if (node_parse(&m.node, name, &err) == 0)
            m.kind = MEMBER_NODE;
    }
    poolfile_add(p, m);
}

bool text_is(const char *text, struct span at, const char *word)
{
    size_t len = at.to - at.from;

    return strlen(word) == len && memcmp(text + at.from, word, len) == 0;
}

size_t text_skip_blanks(const char *text, size_t len, size_t pos)
{
    while (pos < len && (text[pos] == ' ' || text[pos] == '\t'))
        pos++;
    return pos;
}

size_t text_next_line(const char *text, size_t len, size_t pos)
{
    const char *end = memchr(text + pos, '\n', len - pos);

    return end ? (size_t)(end - text) + 1 : len;
}

void slot_line(struct slot *s, const struct poolfile *p, size_t at, struct span indent)
{
    *s = (struct slot){.at = at, .indent = indent};
    s->crlf = at >= 2 && p->text[at - 1] == '\n' && p->text[at - 2] == '\r';
    s->needs_newline = at > 0 && p->text[at - 1] != '\n';
}

void slot_printf(const struct slot *s, const struct poolfile *p, struct splice *out,
                 const char *fmt, ...)
{
    const char *eol = s->crlf ? "\r\n" : "\n";
    struct buf line = BUF_INIT;
    va_list ap;

    if (s->in_line) {
        buf_str(&line, " ");
    } else {
        buf_str(&line, s->needs_newline ? eol : "");
        buf_add(&line, p->text + s->indent.from, s->indent.to - s->indent.from);
        buf_str(&line, s->deeper ? "  " : "");
    }
    va_start(ap, fmt);
    buf_vprintf(&line, fmt, ap);
    va_end(ap);
    if (!s->in_line && !s->needs_newline)
        buf_str(&line, eol);
    out->arena.failed |= line.failed;
    splice_put(out, s->at, buf_text(&line), line.len);
    buf_free(&line);
}
