/* Reading a balancer's settings: what drivers see of them. */
#include "drivers/buf.h"
#include "drivers/options_impl.h"
#include <assert.h>
#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

int64_t duration_parse(const char *text)
{
    static const struct {
        const char *unit;
        double ms;
    } units[] = {{"ms", 1}, {"s", 1e3}, {"", 1e3}, {"m", 60e3}, {"h", 3600e3}};
    char *end;
    double value;

    if (*text < '0' || *text > '9' || strpbrk(text, "xXeEpP"))
        return -1;
    value = strtod(text, &end);
    for (size_t i = 0; i < sizeof units / sizeof *units; i++)
        if (strcmp(end, units[i].unit) == 0 && value * units[i].ms <= 1e12)
            return (int64_t)(value * units[i].ms + 0.5);
    return -1;
}

int bool_parse(const char *text)
{
    static const char *const words[] = {"false", "true", "no", "yes", "off", "on", "0", "1"};

    for (int i = 0; i < 8; i++)
        if (strcasecmp(text, words[i]) == 0)
            return i % 2;
    return -1;
}

int64_t number_parse(const char *text)
{
    char *end;
    long long value;

    if (*text < '0' || *text > '9')
        return -1;
    errno = 0;
    value = strtoll(text, &end, 10);
    return *end || errno ? -1 : value;
}

struct setting *options_setting(const struct options *o, const char *name)
{
    for (size_t i = 0; i < o->n; i++)
        if (o->settings[i].row->type != OPTION_ANY && strcmp(o->settings[i].row->name, name) == 0)
            return &o->settings[i];
    return NULL;
}

static const struct setting *get(const struct options *o, const char *name)
{
    const struct setting *s = options_setting(o, name);

    assert(s && "an option that is in no table");
    return s;
}

bool options_has(const struct options *o, const char *name)
{
    return get(o, name)->written;
}

const char *options_string(const struct options *o, const char *name)
{
    const struct setting *s = get(o, name);

    return s->n ? s->items[0].text : NULL;
}

int64_t options_number(const struct options *o, const char *name)
{
    const char *text = options_string(o, name);

    return text ? number_parse(text) : 0;
}

bool options_bool(const struct options *o, const char *name)
{
    const char *text = options_string(o, name);

    return text && bool_parse(text) == 1;
}

int64_t options_ms(const struct options *o, const char *name)
{
    const char *text = options_string(o, name);

    return text ? duration_parse(text) : 0;
}

size_t options_count(const struct options *o, const char *name)
{
    return get(o, name)->n;
}

const char *options_item(const struct options *o, const char *name, size_t i)
{
    return get(o, name)->items[i].text;
}

const char *options_key(const struct options *o, const char *name, size_t i)
{
    return get(o, name)->items[i].text;
}

size_t options_key_count(const struct options *o, const char *name, size_t i)
{
    return get(o, name)->items[i].n_subs;
}

const char *options_key_item(const struct options *o, const char *name, size_t i, size_t j)
{
    return get(o, name)->items[i].subs[j];
}

const struct driver *options_section_driver(const struct options *o, const char *name, size_t i)
{
    return get(o, name)->items[i].driver;
}

const struct options *options_section(const struct options *o, const char *name, size_t i)
{
    return get(o, name)->items[i].section;
}

static const struct setting *other(const struct options *o, size_t i)
{
    for (size_t k = 0; k < o->n; k++)
        if (o->settings[k].row->type == OPTION_ANY && i-- == 0)
            return &o->settings[k];
    return NULL;
}

size_t options_other_count(const struct options *o)
{
    size_t n = 0;

    while (other(o, n))
        n++;
    return n;
}

const char *options_other_key(const struct options *o, size_t i)
{
    return other(o, i)->key;
}

const char *options_other_value(const struct options *o, size_t i)
{
    const struct setting *s = other(o, i);

    return s->n ? s->items[0].text : "";
}

const char *options_other_json(const struct options *o, size_t i)
{
    return other(o, i)->json;
}

const char *options_balancer(const struct options *o)
{
    return o->balancer;
}

static int set_error(const struct options *o, const struct setting *s, struct error *err,
                     const char *text)
{
    if (s->written)
        return error_set(err, EINVAL, "%s:%d:%d: %s", o->file, s->line, s->column, text);
    return error_set(err, EINVAL, "%s: balancer %s: %s", o->file, o->balancer, text);
}

int options_error(const struct options *o, const char *name, struct error *err, const char *fmt,
                  ...)
{
    struct buf text = BUF_INIT;
    va_list ap;

    va_start(ap, fmt);
    buf_vprintf(&text, fmt, ap);
    va_end(ap);
    (void)set_error(o, get(o, name), err, buf_text(&text));
    buf_free(&text);
    return -1;
}

int options_other_error(const struct options *o, size_t i, struct error *err, const char *fmt, ...)
{
    struct buf text = BUF_INIT;
    va_list ap;

    va_start(ap, fmt);
    buf_vprintf(&text, fmt, ap);
    va_end(ap);
    (void)set_error(o, other(o, i), err, buf_text(&text));
    buf_free(&text);
    return -1;
}

bool options_hold_secret(const struct options *o)
{
    for (size_t k = 0; k < o->n; k++) {
        const struct setting *s = &o->settings[k];

        if (s->written && (s->row->type == OPTION_SECRET || s->secret))
            return true;
        for (size_t i = 0; i < s->n; i++)
            if (s->items[i].section && options_hold_secret(s->items[i].section))
                return true;
    }
    return false;
}

static bool same_text(const char *a, const char *b)
{
    return a && b ? strcmp(a, b) == 0 : a == b;
}

static bool same_item(const struct item *a, const struct item *b)
{
    if (!same_text(a->text, b->text) || a->n_subs != b->n_subs || a->driver != b->driver)
        return false;
    for (size_t i = 0; i < a->n_subs; i++)
        if (strcmp(a->subs[i], b->subs[i]) != 0)
            return false;
    return !a->section || options_equal(a->section, b->section);
}

static bool same_setting(const struct setting *a, const struct setting *b)
{
    if (a->row != b->row || strcasecmp(a->key, b->key) != 0 || a->n != b->n ||
        !same_text(a->json, b->json))
        return false;
    for (size_t i = 0; i < a->n; i++)
        if (!same_item(&a->items[i], &b->items[i]))
            return false;
    return a->written == b->written;
}

/* Rows are in the order of the tables; only other keys are in the order of the file. */
bool options_equal(const struct options *a, const struct options *b)
{
    if (strcmp(a->balancer, b->balancer) != 0 || a->n != b->n)
        return false;
    for (size_t i = 0; i < a->n; i++)
        if (!same_setting(&a->settings[i], &b->settings[i]))
            return false;
    return true;
}
