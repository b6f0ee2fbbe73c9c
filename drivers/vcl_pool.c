/* What a VCL text was found to hold: backends, members, probes. */
#include "drivers/vcl.h"
#include <stdlib.h>
#include <string.h>
#include <strings.h>

static void *grown(void *at, size_t n, size_t *size, size_t item)
{
    size_t more = *size ? *size * 2 : 16;

    if (n < *size)
        return at;
    at = reallocarray(at, more, item);
    if (at)
        *size = more;
    return at;
}

void vcl_pool_add_backend(struct vcl_pool *v, const struct vcl_backend *b)
{
    struct vcl_backend *at = grown(v->backends, v->n_backends, &v->backends_size, sizeof *at);

    v->failed |= !at;
    if (!at)
        return;
    v->backends = at;
    at[v->n_backends++] = *b;
}

void vcl_pool_add_member(struct vcl_pool *v, const struct vcl_member *m)
{
    struct vcl_member *at = grown(v->members, v->n_members, &v->members_size, sizeof *at);

    v->failed |= !at;
    if (!at)
        return;
    v->members = at;
    at[v->n_members++] = *m;
}

void vcl_pool_add_probe(struct vcl_pool *v, const struct vcl_probe *p)
{
    struct vcl_probe *at = grown(v->probes, v->n_probes, &v->probes_size, sizeof *at);

    v->failed |= !at;
    if (!at)
        return;
    v->probes = at;
    at[v->n_probes++] = *p;
}

static int compare(const char *a, size_t a_len, const char *b, size_t b_len)
{
    int order = strncasecmp(a, b, a_len < b_len ? a_len : b_len);

    return order || a_len == b_len ? order : a_len < b_len ? -1 : 1;
}

static int by_name(const void *a, const void *b, void *text)
{
    const struct span x = ((const struct vcl_backend *)a)->name,
                      y = ((const struct vcl_backend *)b)->name;
    const char *at = text;

    return compare(at + x.from, x.to - x.from, at + y.from, y.to - y.from);
}

static void sort_backends(struct vcl_pool *v, const char *text)
{
    if (v->n_backends)
        qsort_r(v->backends, v->n_backends, sizeof *v->backends, by_name, (void *)(uintptr_t)text);
}

/* Members whose backends stand in other files, if anywhere: such a name is taken, too. */
static void add_missing(struct vcl_pool *v, const char *text)
{
    struct vcl_pool here = *v;

    for (size_t i = 0; i < v->n_members; i++) {
        struct vcl_backend b = {.name = v->members[i].name};

        here.backends = v->backends;
        if (b.name.to &&
            !vcl_pool_backend(&here, text, text + b.name.from, b.name.to - b.name.from))
            vcl_pool_add_backend(v, &b);
    }
}

static bool has_doubles(const struct vcl_pool *v, const char *text)
{
    for (size_t i = 1; i < v->n_backends; i++)
        if (by_name(&v->backends[i - 1], &v->backends[i], (void *)(uintptr_t)text) == 0)
            return true;
    return false;
}

bool vcl_pool_sort(struct vcl_pool *v, const char *text)
{
    sort_backends(v, text);
    if (has_doubles(v, text))
        return false;
    add_missing(v, text);
    sort_backends(v, text);
    return true;
}

void vcl_pool_free(struct vcl_pool *v)
{
    free(v->backends);
    free(v->members);
    free(v->probes);
    *v = (struct vcl_pool){.version = 0};
}

struct vcl_backend *vcl_pool_backend(const struct vcl_pool *v, const char *text, const char *name,
                                     size_t len)
{
    size_t low = 0, high = v->n_backends;

    while (low < high) {
        size_t mid = low + (high - low) / 2;
        struct vcl_backend *b = &v->backends[mid];
        int order = compare(name, len, text + b->name.from, b->name.to - b->name.from);

        if (order == 0)
            return b;
        if (order < 0)
            high = mid;
        else
            low = mid + 1;
    }
    return NULL;
}
