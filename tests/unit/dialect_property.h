/* What holds for a dialect whatever a pool's file says: for the fuzzers and for dialect_property.
 *
 * Of a text that is listed as a pool: a new node is added and seen, with all others as before; the
 * same edit again is no change; without it the listing is as it was; each node can go and come
 * back. Of any other text: nothing is written into it. A promise that is broken aborts. */
#ifndef BALANCERFS_DIALECT_PROPERTY_H
#define BALANCERFS_DIALECT_PROPERTY_H

#include "drivers/buf.h"
#include "drivers/dialect.h"
#include "drivers/listing.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PROPERTY(holds)                                                                            \
    do {                                                                                           \
        if (!(holds)) {                                                                            \
            (void)fprintf(stderr, "%s: broken: %s\nof:\n%.*s\n", __func__, #holds,                 \
                          (int)property_text.len, property_text.at);                               \
            abort();                                                                               \
        }                                                                                          \
    } while (0)

/* What is under test, for the message. */
static struct {
    const char *at;
    size_t len;
} property_text;

struct property {
    const struct dialect *dialect;
    struct dialect_settings settings;
    struct pool pool;
};

/* The pool's nodes, a line each, and the number of hidden members; "none" without the pool. */
static void property_list(const struct property *p, const struct files *files, struct buf *out)
{
    struct listing *l = listing_new(NULL);
    struct error err;
    size_t i = 0;

    p->dialect->list(&p->settings, files, l);
    PROPERTY(listing_finish(l, &err) == 0);
    while (i < listing_pool_count(l) && strcmp(listing_pool_name(l, i), p->pool.name) != 0)
        i++;
    buf_clear(out);
    if (i == listing_pool_count(l)) {
        buf_str(out, "none");
    } else {
        buf_printf(out, "%zu hidden\n", listing_pool_hidden(l, i));
        for (size_t n = 0; n < listing_node_count(l, i); n++)
            buf_printf(out, "%s\n", listing_node_name(l, i, n));
    }
    listing_free(l);
}

/* One change; false: refused, and files are as they were. written: how many files it made of it. */
static bool property_edit(const struct property *p, struct files *files, enum change_kind kind,
                          const char *node, size_t *written)
{
    struct change c = {.kind = kind, .pool = p->pool};
    struct files out = FILES_INIT, after = FILES_INIT;
    struct error err;

    PROPERTY(kind == CREATE_POOL || node_parse(&c.node, node, &err) == 0);
    *written = 0;
    if (p->dialect->edit(&p->settings, files, &c, 1, &out, &err) != 0) {
        PROPERTY(err.num == EREMOTEIO || err.num == EINVAL || err.num == EEXIST);
        files_clear(&out);
        return false;
    }
    *written = out.n;
    for (size_t i = 0; i < out.n; i++)
        files_add(&after, out.at[i].name, out.at[i].text, out.at[i].len, NULL);
    files_sort(&out);
    for (size_t i = 0; i < files->n; i++)
        if (!files_find(&out, files->at[i].name))
            files_add(&after, files->at[i].name, files->at[i].text, files->at[i].len, NULL);
    files_sort(&after);
    files_clear(&out);
    files_clear(files);
    *files = after;
    return true;
}

static void property_node_goes_and_comes(const struct property *p, struct files *files,
                                         const char *node, const struct buf *before)
{
    struct buf now = BUF_INIT;
    size_t written;
    char line[300];

    (void)snprintf(line, sizeof line, "\n%s\n", node);
    PROPERTY(property_edit(p, files, DELETE_NODE, node, &written) && written);
    property_list(p, files, &now);
    PROPERTY(!strstr(buf_text(&now), line) && strcmp(buf_text(&now), "none") != 0);
    PROPERTY(property_edit(p, files, DELETE_NODE, node, &written) && !written);
    PROPERTY(property_edit(p, files, ADD_NODE, node, &written) && written);
    property_list(p, files, &now);
    PROPERTY(strcmp(buf_text(&now), buf_text(before)) == 0);
    buf_free(&now);
}

/* A new node comes and goes. */
static void property_node_comes_and_goes(const struct property *p, struct files *files,
                                         const char *node, const struct buf *before)
{
    struct buf now = BUF_INIT;
    size_t written;
    char line[300];

    (void)snprintf(line, sizeof line, "\n%s\n", node);
    PROPERTY(property_edit(p, files, ADD_NODE, node, &written) && written);
    property_list(p, files, &now);
    PROPERTY(strstr(buf_text(&now), line) && now.len == before->len + strlen(line) - 1);
    PROPERTY(property_edit(p, files, ADD_NODE, node, &written) && !written);
    PROPERTY(property_edit(p, files, DELETE_NODE, node, &written) && written);
    property_list(p, files, &now);
    PROPERTY(strcmp(buf_text(&now), buf_text(before)) == 0);
    buf_free(&now);
}

static void property_pool(const struct property *p, struct files *files, const struct buf *before)
{
    static const char *const new_ones[] = {"10.98.76.54:32", "[2001:db8::98]:7654", "new.test:1"};
    char *nodes = strdup(buf_text(before)), *rest = NULL;
    int n = 0;

    PROPERTY(nodes);
    for (size_t i = 0; i < sizeof new_ones / sizeof *new_ones; i++)
        if (!strstr(nodes, new_ones[i]))
            property_node_comes_and_goes(p, files, new_ones[i], before);
    (void)strtok_r(nodes, "\n", &rest);
    for (char *node; n < 8 && (node = strtok_r(NULL, "\n", &rest)); n++)
        property_node_goes_and_comes(p, files, node, before);
    free(nodes);
}

/* text: of the file of a pool "app". */
static void property_check(const struct dialect *dialect, const char *file, const char *text,
                           size_t len)
{
    struct property p = {dialect, {"/etc/lb/", "pool-", "pools.vcl", 4}, {"app"}};
    struct files files = FILES_INIT;
    struct buf before = BUF_INIT;
    size_t written;

    files_add(&files, file, text, len, NULL);
    property_text.at = text;
    property_text.len = len;
    property_list(&p, &files, &before);
    if (strcmp(buf_text(&before), "none") == 0)
        PROPERTY(!property_edit(&p, &files, ADD_NODE, "10.98.76.54:32", &written));
    else
        property_pool(&p, &files, &before);
    files_clear(&files);
    buf_free(&before);
}

#endif
