/* A balancer's section: every key checked against its driver's table. */
#include "mount/section.h"
#include "drivers/buf.h"
#include "drivers/registry.h"
#include "fs/fs.h"
#include "mount/nearest.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

static const struct place nowhere = {0, 0};

/* ---- values ------------------------------------------------------------------------------- */

static int put_text(struct reader *r, struct section *s, const char *key, int node,
                    struct error *err)
{
    const char *text = document_text(r->document, node);
    struct place at = document_place(r->document, node);

    if (!text) {
        s->failed = true;
        return 0;
    }
    return options_put(s->options, key, text, at.line, at.column, err);
}

/* The text of an item, or NULL and a problem. */
static const char *item_text(struct reader *r, struct section *s, const char *key, int item)
{
    const char *text = NULL;

    if (!document_enter(r->document, item))
        s->failed = true;
    else if (document_kind(r->document, item) == NODE_TEXT)
        text = document_text(r->document, item);
    else
        problems_add(r->problems, document_place(r->document, item), "%s is a list of texts", key);
    document_leave(r->document);
    s->failed |= !text;
    return text;
}

static int put_list(struct reader *r, struct section *s, const char *key, int node,
                    struct error *err)
{
    struct place at = document_place(r->document, node);
    const char *text;
    int item;

    if (!document_item(r->document, node, 0))
        return options_put_empty(s->options, key, at.line, at.column, err);
    for (size_t i = 0; (item = document_item(r->document, node, i)); i++) {
        text = item_text(r, s, key, item);
        if (text && options_append(s->options, key, text, at.line, at.column, err) != 0)
            return -1;
    }
    return 0;
}

static void put_any_node(struct reader *r, struct section *s, int node);

static void put_any_map(struct reader *r, struct section *s, int node)
{
    struct pair *pairs;
    size_t n = document_pairs(r->document, node, strcmp, &pairs);

    options_any_open(s->options, true);
    for (size_t i = 0; i < n; i++) {
        options_any_scalar(s->options, pairs[i].name, false);
        put_any_node(r, s, pairs[i].value);
    }
    options_any_close(s->options);
    free(pairs);
}

static void put_any_list(struct reader *r, struct section *s, int node)
{
    int item;

    options_any_open(s->options, false);
    for (size_t i = 0; (item = document_item(r->document, node, i)); i++)
        put_any_node(r, s, item);
    options_any_close(s->options);
}

static void put_any_text(struct reader *r, struct section *s, int node)
{
    const char *text = document_text(r->document, node);

    s->failed |= !text;
    options_any_scalar(s->options, text ? text : "", document_is_plain(r->document, node));
}

/* Something is told of each node, so that what is begun is also ended. */
static void put_any_node(struct reader *r, struct section *s, int node)
{
    enum node_kind kind = document_kind(r->document, node);

    if (!document_enter(r->document, node)) {
        options_any_scalar(s->options, "", false);
        s->failed = true;
    } else if (kind == NODE_MAP) {
        put_any_map(r, s, node);
    } else if (kind == NODE_LIST) {
        put_any_list(r, s, node);
    } else {
        put_any_text(r, s, node);
    }
    document_leave(r->document);
}

/* A driver that takes any key takes any value. */
static int put_any(struct reader *r, struct section *s, const char *key, int node,
                   struct error *err)
{
    struct place at = document_place(r->document, node);

    if (options_any_begin(s->options, key, at.line, at.column, err) != 0)
        return -1;
    put_any_node(r, s, node);
    return options_any_end(s->options, err);
}

static int put_map_entry(struct reader *r, struct section *s, const char *key,
                         const struct pair *pair, struct error *err)
{
    struct document *d = r->document;
    struct place at = document_place(d, pair->key);
    const char *text = NULL;
    int item;

    if (options_put_map(s->options, key, pair->name, NULL, at.line, at.column, err) != 0)
        return -1;
    switch (document_kind(d, pair->value)) {
    case NODE_NULL:
        return 0;
    case NODE_TEXT:
        text = item_text(r, s, pair->name, pair->value);
        return text ? options_put_map(s->options, key, pair->name, text, at.line, at.column, err)
                    : 0;
    case NODE_LIST:
        for (size_t i = 0; (item = document_item(d, pair->value, i)); i++) {
            text = item_text(r, s, pair->name, item);
            if (text &&
                options_put_map(s->options, key, pair->name, text, at.line, at.column, err) != 0)
                return -1;
        }
        return 0;
    case NODE_MAP:
        problems_add(r->problems, document_place(d, pair->value), "%s: %s must be a list", key,
                     pair->name);
        s->failed = true;
    }
    return 0;
}

static int put_map(struct reader *r, struct section *s, const char *key, int node,
                   struct error *err)
{
    struct place at = document_place(r->document, node);
    struct pair *pairs;
    size_t n = document_pairs(r->document, node, strcmp, &pairs);
    int result = 0;

    if (n == 0)
        result = options_put_empty(s->options, key, at.line, at.column, err);
    for (size_t i = 0; i < n && result == 0; i++)
        result = put_map_entry(r, s, key, &pairs[i], err);
    free(pairs);
    return result;
}

static int put_section(struct reader *r, struct section *s, const char *key, int node,
                       struct error *err)
{
    struct place at = document_place(r->document, node);
    struct section inner = {.name = s->name, .place = at};
    int result = 0;

    if (document_kind(r->document, node) != NODE_MAP) {
        problems_add(r->problems, at, "%s is a list of balancers, each a mapping", key);
        inner.failed = true;
    } else if (section_read(r, &inner, node) == 0) {
        result = options_put_section(s->options, key, inner.driver, inner.options, at.line,
                                     at.column, err);
        inner.options = result == 0 ? NULL : inner.options;
    }
    options_free(inner.options);
    s->failed |= inner.failed;
    return result;
}

static int put_sections(struct reader *r, struct section *s, const char *key, int node,
                        struct error *err)
{
    struct place at = document_place(r->document, node);
    int item, result = 0;

    if (!document_item(r->document, node, 0))
        return options_put_empty(s->options, key, at.line, at.column, err);
    for (size_t i = 0; result == 0 && (item = document_item(r->document, node, i)); i++) {
        if (document_enter(r->document, item))
            result = put_section(r, s, key, item, err);
        else
            s->failed = true;
        document_leave(r->document);
    }
    return result;
}

/* ---- a section ---------------------------------------------------------------------------- */

static int put_value(struct reader *r, struct section *s, const char *key, int node,
                     struct error *err)
{
    const struct option *row = options_find(s->options, key);
    struct place at = document_place(r->document, node);

    if (row->type == OPTION_ANY)
        return put_any(r, s, key, node, err);
    switch (document_kind(r->document, node)) {
    case NODE_NULL:
        return options_put_empty(s->options, key, at.line, at.column, err);
    case NODE_TEXT:
        return put_text(r, s, key, node, err);
    case NODE_LIST:
        if (row->type == OPTION_SECTIONS)
            return put_sections(r, s, key, node, err);
        if (row->type == OPTION_LIST)
            return put_list(r, s, key, node, err);
        return error_set(err, EINVAL, "%s must not be a list", row->name);
    case NODE_MAP:
        if (row->type == OPTION_MAP)
            return put_map(r, s, key, node, err);
        return error_set(err, EINVAL, "%s must not be a mapping", row->name);
    }
    return 0;
}

static void put_pair(struct reader *r, struct section *s, const struct pair *pair)
{
    const struct option *const tables[] = {s->driver->options, fs_options};
    struct error err;

    if (!options_find(s->options, pair->name)) {
        const char *near = nearest_key(pair->name, tables, 2);

        problems_add(r->problems, document_place(r->document, pair->key),
                     "%s is no key of %s%s%s%s", pair->name, s->driver->name, near ? ": is " : "",
                     near ? near : "", near ? " meant?" : "");
        s->failed = true;
    } else if (!document_enter(r->document, pair->value)) {
        s->failed = true;
        document_leave(r->document);
    } else {
        if (put_value(r, s, pair->name, pair->value, &err) != 0) {
            problems_add(r->problems, document_place(r->document, pair->value), "%s", err.text);
            s->failed = true;
        }
        if (!r->password.line && options_hold_secret(s->options))
            r->password = document_place(r->document, pair->value);
        document_leave(r->document);
    }
}

static const struct pair *find(const struct pair *pairs, size_t n, const char *name)
{
    for (size_t i = 0; i < n; i++)
        if (strcasecmp(pairs[i].name, name) == 0)
            return &pairs[i];
    return NULL;
}

/* Which driver, or NULL and a problem. */
static const struct driver *section_driver(struct reader *r, const struct section *s,
                                           const struct pair *backend)
{
    const struct driver *driver = NULL;
    struct error err;
    const char *text;

    if (!backend) {
        problems_add(r->problems, s->place, "balancer %s has no BACKEND, as BACKEND: nginx",
                     s->name);
    } else if (document_kind(r->document, backend->value) != NODE_TEXT) {
        problems_add(r->problems, document_place(r->document, backend->value),
                     "BACKEND must be the name of a driver");
    } else if ((text = document_text(r->document, backend->value))) {
        driver = registry_find(text, &err);
        if (!driver)
            problems_add(r->problems, document_place(r->document, backend->value), "%s", err.text);
    }
    return driver;
}

static void check_required(struct reader *r, struct section *s, const struct pair *pairs, size_t n)
{
    for (const struct option *row = s->driver->options; row->name; row++) {
        if (!row->required || find(pairs, n, row->name))
            continue;
        problems_add(r->problems, s->place, "balancer %s has no %s (%s)", s->name, row->name,
                     row->help);
        s->failed = true;
    }
}

static void read_pairs(struct reader *r, struct section *s, const struct pair *pairs, size_t n)
{
    const struct pair *backend = find(pairs, n, "BACKEND");

    s->driver = section_driver(r, s, backend);
    if (s->driver) {
        const struct option *const tables[] = {s->driver->options, fs_options};

        s->options = options_new(problems_file(r->problems), s->name, tables, 2);
        if (!s->options)
            problems_add(r->problems, nowhere, "out of memory");
    }
    s->failed |= !s->options;
    for (size_t i = 0; i < n && s->options; i++)
        if (&pairs[i] != backend)
            put_pair(r, s, &pairs[i]);
    if (s->options)
        check_required(r, s, pairs, n);
}

int section_read(struct reader *r, struct section *s, int node)
{
    size_t before = problems_count(r->problems);
    struct pair *pairs;
    size_t n = document_pairs(r->document, node, strcasecmp, &pairs);

    s->failed |= problems_count(r->problems) != before;
    read_pairs(r, s, pairs, n);
    free(pairs);
    return s->failed ? -1 : 0;
}
