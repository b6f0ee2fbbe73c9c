/* Building a balancer's settings: what the file says, checked row by row against tables. */
#include "drivers/options_impl.h"
#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* ---- values ------------------------------------------------------------------------------- */

static int check_value(const struct option *row, const char *value, struct error *err)
{
    switch (row->type) {
    case OPTION_NUMBER:
        if (number_parse(value) < 0)
            return error_set(err, EINVAL, "%s must be a number: %s", row->name, value);
        return 0;
    case OPTION_BOOL:
        if (bool_parse(value) < 0)
            return error_set(err, EINVAL, "%s must be true or false: %s", row->name, value);
        return 0;
    case OPTION_DURATION:
        if (duration_parse(value) < 0)
            return error_set(err, EINVAL, "%s must be a time such as 200ms, 10s or 2m: %s",
                             row->name, value);
        return 0;
    case OPTION_STRING:
    case OPTION_SECRET:
    case OPTION_LIST:
    case OPTION_ANY:
        return 0;
    case OPTION_MAP:
        return error_set(err, EINVAL, "%s must be a mapping of names to lists", row->name);
    case OPTION_SECTIONS:
        return error_set(err, EINVAL, "%s must be a list of balancers", row->name);
    }
    return 0;
}

/* ---- building ----------------------------------------------------------------------------- */

const struct option *options_find(const struct options *o, const char *key)
{
    for (size_t i = 0; i < o->n_rows; i++)
        if (o->rows[i]->type == OPTION_ANY || strcasecmp(o->rows[i]->name, key) == 0)
            return o->rows[i];
    return NULL;
}

static struct item *add_item(struct setting *s, const char *text)
{
    struct item *items = reallocarray(s->items, s->n + 1, sizeof *items);
    char *copy = text ? strdup(text) : NULL;

    if (items)
        s->items = items;
    if (!items || (text && !copy)) {
        free(copy);
        return NULL;
    }
    items[s->n] = (struct item){.text = copy};
    return &items[s->n++];
}

static struct setting *add_setting(struct options *o, const struct option *row, const char *key)
{
    struct setting *settings = reallocarray(o->settings, o->n + 1, sizeof *settings);
    char *copy = strdup(key);

    if (settings)
        o->settings = settings;
    if (!settings || !copy) {
        free(copy);
        return NULL;
    }
    settings[o->n] = (struct setting){.row = row, .key = copy};
    return &settings[o->n++];
}

/* A comma-separated fallback of a list is its items; others are one item. */
static bool put_fallback(struct options *o, const struct option *row)
{
    struct setting *s = add_setting(o, row, row->name);
    const char *from = row->fallback;

    if (!s)
        return false;
    if (!from)
        return true;
    if (row->type != OPTION_LIST)
        return add_item(s, from) != NULL;
    while (*from) {
        size_t len = strcspn(from, ",");
        char *part = strndup(from, len);
        bool added = part && add_item(s, part);

        free(part);
        if (!added)
            return false;
        from += len;
        from += strspn(from, ", ");
    }
    return true;
}

static bool add_rows(struct options *o, const struct option *table, bool any)
{
    for (; table->name; table++) {
        if ((table->type == OPTION_ANY) != any)
            continue;
        o->rows = reallocarray(o->rows, o->n_rows + 1, sizeof *o->rows);
        if (!o->rows)
            return false;
        o->rows[o->n_rows++] = table;
        if (!any && !put_fallback(o, table))
            return false;
    }
    return true;
}

struct options *options_new(const char *file, const char *balancer,
                            const struct option *const tables[], size_t n_tables)
{
    struct options *o = calloc(1, sizeof *o);
    bool ok = o != NULL;

    if (ok) {
        o->file = strdup(file);
        o->balancer = strdup(balancer);
        ok = o->file && o->balancer;
    }
    for (size_t i = 0; ok && i < n_tables; i++)
        ok = add_rows(o, tables[i], false);
    for (size_t i = 0; ok && i < n_tables; i++)
        ok = add_rows(o, tables[i], true);
    if (ok)
        return o;
    options_free(o);
    return NULL;
}

static void free_items(struct setting *s)
{
    for (size_t i = 0; i < s->n; i++) {
        struct item *item = &s->items[i];

        if (item->text && (s->row->type == OPTION_SECRET || s->row->type == OPTION_ANY))
            explicit_bzero(item->text, strlen(item->text));
        free(item->text);
        for (size_t j = 0; j < item->n_subs; j++)
            free(item->subs[j]);
        free(item->subs);
        options_free(item->section);
    }
    free(s->items);
    s->items = NULL;
    s->n = 0;
    if (s->json)
        explicit_bzero(s->json, strlen(s->json));
    free(s->json);
    s->json = NULL;
}

void options_free(struct options *o)
{
    if (!o)
        return;
    for (size_t i = 0; i < o->n; i++) {
        free_items(&o->settings[i]);
        free(o->settings[i].key);
    }
    free(o->settings);
    free(o->rows);
    free(o->file);
    free(o->balancer);
    free(o);
}

static struct setting *find_other(const struct options *o, const char *key)
{
    for (size_t i = 0; i < o->n; i++)
        if (o->settings[i].row->type == OPTION_ANY && strcasecmp(o->settings[i].key, key) == 0)
            return &o->settings[i];
    return NULL;
}

struct setting *options_begin(struct options *o, const char *key, int line, int column,
                              struct error *err)
{
    const struct option *row = options_find(o, key);
    struct setting *s;

    assert(row);
    s = row->type == OPTION_ANY ? find_other(o, key) : options_setting(o, row->name);
    if (!s)
        s = add_setting(o, row, key);
    if (!s) {
        (void)error_set(err, ENOMEM, "out of memory");
        return NULL;
    }
    if (!s->written) {
        free_items(s);
        s->written = true;
        s->line = line;
        s->column = column;
    }
    return s;
}

bool options_is_written(const struct options *o, const char *key)
{
    const struct option *row = options_find(o, key);
    const struct setting *s;

    assert(row);
    s = row->type == OPTION_ANY ? find_other(o, key) : options_setting(o, row->name);
    return s && s->written;
}

int options_put(struct options *o, const char *key, const char *value, int line, int column,
                struct error *err)
{
    struct setting *s;

    if (options_find(o, key)->type == OPTION_ANY) {
        if (options_any_begin(o, key, line, column, err) == -1)
            return -1;
        options_any_scalar(o, value, false);
        return options_any_end(o, err);
    }
    if (options_is_written(o, key))
        return error_set(err, EINVAL, "%s is given twice", key);
    if (check_value(options_find(o, key), value, err) == -1)
        return -1;
    s = options_begin(o, key, line, column, err);
    if (!s)
        return -1;
    return add_item(s, value) ? 0 : error_set(err, ENOMEM, "out of memory");
}

int options_append(struct options *o, const char *key, const char *item, int line, int column,
                   struct error *err)
{
    const struct option *row = options_find(o, key);
    struct setting *s;

    assert(row);
    if (row->type != OPTION_LIST)
        return error_set(err, EINVAL, "%s must not be a list", key);
    s = options_begin(o, key, line, column, err);
    if (!s)
        return -1;
    return add_item(s, item) ? 0 : error_set(err, ENOMEM, "out of memory");
}

static struct item *map_item(struct setting *s, const char *name)
{
    for (size_t i = 0; i < s->n; i++)
        if (strcmp(s->items[i].text, name) == 0)
            return &s->items[i];
    return add_item(s, name);
}

int options_put_map(struct options *o, const char *key, const char *name, const char *item,
                    int line, int column, struct error *err)
{
    const struct option *row = options_find(o, key);
    struct setting *s;
    struct item *entry;
    char **subs;

    assert(row);
    if (row->type != OPTION_MAP)
        return error_set(err, EINVAL, "%s must not be a mapping", key);
    s = options_begin(o, key, line, column, err);
    if (!s)
        return -1;
    entry = map_item(s, name);
    if (!entry)
        return error_set(err, ENOMEM, "out of memory");
    if (!item)
        return 0;
    subs = reallocarray(entry->subs, entry->n_subs + 1, sizeof *subs);
    if (!subs)
        return error_set(err, ENOMEM, "out of memory");
    entry->subs = subs;
    subs[entry->n_subs] = strdup(item);
    return subs[entry->n_subs++] ? 0 : error_set(err, ENOMEM, "out of memory");
}

int options_put_section(struct options *o, const char *key, const struct driver *driver,
                        struct options *section, int line, int column, struct error *err)
{
    const struct option *row = options_find(o, key);
    struct setting *s;
    struct item *item;

    assert(row);
    if (row->type != OPTION_SECTIONS)
        return error_set(err, EINVAL, "%s must not be a list of balancers", key);
    s = options_begin(o, key, line, column, err);
    if (!s)
        return -1;
    item = add_item(s, NULL);
    if (!item)
        return error_set(err, ENOMEM, "out of memory");
    item->driver = driver;
    item->section = section;
    return 0;
}

int options_put_empty(struct options *o, const char *key, int line, int column, struct error *err)
{
    const struct option *row = options_find(o, key);

    assert(row);
    if (row->type == OPTION_ANY) {
        if (options_any_begin(o, key, line, column, err) == -1)
            return -1;
        options_any_scalar(o, "", true);
        return options_any_end(o, err);
    }
    if (options_is_written(o, key))
        return error_set(err, EINVAL, "%s is given twice", key);
    if (row->type != OPTION_LIST && row->type != OPTION_MAP && row->type != OPTION_SECTIONS)
        return error_set(err, EINVAL, "%s has no value", key);
    return options_begin(o, key, line, column, err) ? 0 : -1;
}
