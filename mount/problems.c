/* A list of what is wrong with a file, in the order of the file. */
#include "mount/problems.h"
#include "drivers/buf.h"
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

/* More than anybody reads; a file of garbage must not become a screenful of errors for each byte.
 */
#define PROBLEMS_MAX 1000

struct problem {
    struct place place;
    size_t order;
    struct error error;
};

struct problems {
    char *file;
    struct problem *at;
    size_t n,
        lost; /* too many, or no memory: counted only, so that an error is never taken for none */
};

struct problems *problems_new(const char *file)
{
    struct problems *p = calloc(1, sizeof *p);

    if (p)
        p->file = strdup(file);
    if (p && p->file)
        return p;
    free(p);
    return NULL;
}

void problems_free(struct problems *p)
{
    if (!p)
        return;
    free(p->at);
    free(p->file);
    free(p);
}

static void add(struct problems *p, struct place place, const char *text)
{
    struct problem *bigger =
        p->n < PROBLEMS_MAX ? reallocarray(p->at, p->n + 1, sizeof *bigger) : NULL;

    if (!bigger) {
        p->lost++;
        return;
    }
    p->at = bigger;
    bigger[p->n] = (struct problem){.place = place, .order = p->n};
    (void)error_set(&bigger[p->n].error, 0, "%s", text);
    p->n++;
}

void problems_add(struct problems *p, struct place place, const char *fmt, ...)
{
    struct buf text = BUF_INIT;
    va_list ap;

    va_start(ap, fmt);
    buf_vprintf(&text, fmt, ap);
    va_end(ap);
    add(p, place, buf_text(&text));
    buf_free(&text);
}

void problems_add_error(struct problems *p, struct place place, const struct error *err)
{
    size_t len = strlen(p->file);
    const char *text = err->text;
    struct place own;
    int used = 0;

    if (strncmp(text, p->file, len) == 0 && text[len] == ':') {
        text += len + 1;
        if (sscanf(text, "%d:%d: %n", &own.line, &own.column, &used) == 2 && used) {
            place = own;
            text += used;
        }
        text += strspn(text, " ");
    }
    add(p, place, text);
}

size_t problems_count(const struct problems *p)
{
    return p->n + p->lost;
}

const char *problems_file(const struct problems *p)
{
    return p->file;
}

static int by_place(const void *a, const void *b)
{
    const struct problem *x = a, *y = b;

    if (x->place.line != y->place.line)
        return x->place.line < y->place.line ? -1 : 1;
    if (x->place.column != y->place.column)
        return x->place.column < y->place.column ? -1 : 1;
    return x->order < y->order ? -1 : x->order > y->order;
}

/* What stands behind an anchor is met once for each alias. */
static bool repeats(const struct problem *a, const struct problem *b)
{
    return a->place.line == b->place.line && a->place.column == b->place.column &&
           strcmp(a->error.text, b->error.text) == 0;
}

void problems_each(struct problems *p, void (*show)(const char *line, void *arg), void *arg)
{
    struct buf line = BUF_INIT;

    if (p->n)
        qsort(p->at, p->n, sizeof *p->at, by_place);
    for (size_t i = 0; i < p->n; i++) {
        if (i && repeats(&p->at[i], &p->at[i - 1]))
            continue;
        buf_clear(&line);
        buf_str(&line, p->file);
        if (p->at[i].place.line)
            buf_printf(&line, ":%d:%d", p->at[i].place.line, p->at[i].place.column);
        buf_printf(&line, ": %s", p->at[i].error.text);
        show(buf_text(&line), arg);
    }
    if (p->lost) {
        buf_clear(&line);
        buf_printf(&line, "%s: and %zu more", p->file, p->lost);
        show(buf_text(&line), arg);
    }
    buf_free(&line);
}
