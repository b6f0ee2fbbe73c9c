/* Cuts and insertions, collected in any order and made in one pass. */
#include "drivers/splice.h"
#include <stdlib.h>

void splice_start(struct splice *s, const char *text, size_t len)
{
    *s = (struct splice){.text = text, .len = len, .arena = BUF_INIT};
}

static void add_edit(struct splice *s, struct splice_edit edit)
{
    size_t size = s->size ? s->size * 2 : 16;

    if (s->n == s->size) {
        struct splice_edit *at = reallocarray(s->at, size, sizeof *at);

        if (!at) {
            s->arena.failed = true;
            return;
        }
        s->at = at;
        s->size = size;
    }
    edit.seq = s->n;
    s->at[s->n++] = edit;
}

void splice_cut(struct splice *s, size_t from, size_t to)
{
    if (from < to)
        add_edit(s, (struct splice_edit){.from = from, .to = to});
}

void splice_put(struct splice *s, size_t at, const char *text, size_t len)
{
    size_t added = s->arena.len;

    buf_add(&s->arena, text, len);
    add_edit(s, (struct splice_edit){at, at, added, len, 0});
}

void splice_printf(struct splice *s, size_t at, const char *fmt, ...)
{
    size_t added = s->arena.len;
    va_list ap;

    va_start(ap, fmt);
    buf_vprintf(&s->arena, fmt, ap);
    va_end(ap);
    add_edit(s, (struct splice_edit){at, at, added, s->arena.len - added, 0});
}

static int by_place(const void *a, const void *b)
{
    const struct splice_edit *x = a, *y = b;

    if (x->from != y->from)
        return x->from < y->from ? -1 : 1;
    return x->seq < y->seq ? -1 : x->seq > y->seq;
}

void splice_make(struct splice *s, struct buf *out)
{
    size_t pos = 0;

    out->failed |= s->arena.failed;
    if (out->failed)
        return;
    if (s->n)
        qsort(s->at, s->n, sizeof *s->at, by_place);
    for (size_t i = 0; i < s->n; i++) {
        const struct splice_edit *e = &s->at[i];

        if (e->from > pos) {
            buf_add(out, s->text + pos, e->from - pos);
            pos = e->from;
        }
        if (e->n_added)
            buf_add(out, s->arena.data + e->added, e->n_added);
        if (e->to > pos)
            pos = e->to;
    }
    if (s->len > pos)
        buf_add(out, s->text + pos, s->len - pos);
}

void splice_end(struct splice *s)
{
    free(s->at);
    buf_free(&s->arena);
}
