/* A value of no declared type, kept as the text that a shell wants and as JSON. */
#include "drivers/json.h"
#include "drivers/options_impl.h"
#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

bool any_is_secret(const char *key)
{
    static const char *const words[] = {"passw", "passphrase", "secret", "token", NULL};
    static const char *const places[] = {"_file", "_command", "_path", NULL};

    for (const char *const *place = places; *place; place++)
        if (strlen(key) > strlen(*place) &&
            strcasecmp(key + strlen(key) - strlen(*place), *place) == 0)
            return false;
    for (const char *const *word = words; *word; word++)
        if (strcasestr(key, *word))
            return true;
    return false;
}

static struct setting *its_setting(struct options *o)
{
    return &o->settings[o->n - 1];
}

int options_any_begin(struct options *o, const char *key, int line, int column, struct error *err)
{
    struct setting *s;

    assert(!o->any && options_find(o, key)->type == OPTION_ANY);
    if (options_is_written(o, key))
        return error_set(err, EINVAL, "%s is given twice", key);
    o->any = calloc(1, sizeof *o->any);
    s = o->any ? options_begin(o, key, line, column, err) : NULL;
    if (!s) {
        free(o->any);
        o->any = NULL;
        return error_set(err, ENOMEM, "out of memory");
    }
    o->any->flat = true;
    (void)buf_reserve(&o->any->text, 4096); /* so that a password is rarely copied */
    (void)buf_reserve(&o->any->json, 4096);
    s->secret = any_is_secret(key);
    return 0;
}

static bool is_key(const struct any *a)
{
    return a->depth && a->in_map[a->depth - 1] && a->at_key[a->depth - 1];
}

static void begin_value(struct any *a)
{
    char last = a->json.len ? a->json.data[a->json.len - 1] : '\0';

    if (a->depth && last != '[' && last != '{' && last != ':')
        buf_add(&a->json, ",", 1);
}

static void end_value(struct any *a)
{
    if (a->depth && a->in_map[a->depth - 1])
        a->at_key[a->depth - 1] = !a->at_key[a->depth - 1];
}

void options_any_open(struct options *o, bool is_mapping)
{
    struct any *a = o->any;

    if (a->err.num)
        return;
    if (a->depth == ANY_DEPTH || is_key(a)) {
        (void)error_set(&a->err, EINVAL,
                        a->depth == ANY_DEPTH ? "%s is nested too deeply"
                                              : "%s has a key that is no string",
                        its_setting(o)->key);
        return;
    }
    a->flat = a->flat && a->depth == 0 && !is_mapping;
    begin_value(a);
    buf_str(&a->json, is_mapping ? "{" : "[");
    a->in_map[a->depth] = a->at_key[a->depth] = is_mapping;
    a->depth++;
}

void options_any_scalar(struct options *o, const char *text, bool plain)
{
    struct any *a = o->any;

    if (a->err.num)
        return;
    begin_value(a);
    if (is_key(a)) {
        json_string(&a->json, text);
        buf_str(&a->json, ":");
        its_setting(o)->secret |= any_is_secret(text);
    } else if (plain) {
        json_plain(&a->json, text);
    } else {
        json_string(&a->json, text);
    }
    end_value(a);
    a->flat = a->flat && !(a->depth && strchr(text, '\n'));
    if (a->n_scalars++)
        buf_str(&a->text, "\n");
    buf_str(&a->text, text);
}

void options_any_close(struct options *o)
{
    struct any *a = o->any;

    if (a->err.num)
        return;
    assert(a->depth);
    a->depth--;
    buf_str(&a->json, a->in_map[a->depth] ? "}" : "]");
    end_value(a);
}

/* The setting owns both texts, or there is none. */
static int keep(struct options *o, struct any *a, struct error *err)
{
    struct setting *s = its_setting(o);
    struct item *item = calloc(1, sizeof *item);

    if (!item || a->text.failed || a->json.failed) {
        free(item);
        return error_set(err, ENOMEM, "out of memory");
    }
    item->text = strdup(a->flat ? buf_text(&a->text) : buf_text(&a->json));
    s->json = strdup(buf_text(&a->json));
    s->items = item;
    s->n = 1;
    return item->text && s->json ? 0 : error_set(err, ENOMEM, "out of memory");
}

int options_any_end(struct options *o, struct error *err)
{
    struct any *a = o->any;
    int result = -1;

    if (a->err.num)
        *err = a->err;
    else
        result = keep(o, a, err);
    buf_wipe(&a->text);
    buf_wipe(&a->json);
    free(a);
    o->any = NULL;
    if (result == -1)
        its_setting(o)->written = false;
    return result;
}
