/* The drivers that there are. */
#include "drivers/registry.h"
#include "drivers/buf.h"
#include "drivers/builtin.h"
#include <errno.h>
#include <string.h>
#include <strings.h>

static const struct driver *const drivers[] = {
    &chained_driver,
    &dummy_driver,
    &exec_driver,
    &nginx_driver,
    &stingray_driver,
};

const struct driver *registry_at(size_t i)
{
    return i < sizeof drivers / sizeof *drivers ? drivers[i] : NULL;
}

static bool has_word(const char *words, const char *word)
{
    size_t len = strlen(word);

    while (words && *words) {
        size_t n = strcspn(words, " ");

        if (n == len && strncmp(words, word, len) == 0)
            return true;
        words += n + (words[n] == ' ');
    }
    return false;
}

const struct driver *registry_find(const char *backend, struct error *err)
{
    const char *dot = strrchr(backend, '.');
    struct buf known = BUF_INIT;
    const struct driver *d;

    for (size_t i = 0; (d = registry_at(i)); i++) {
        if (!dot && strcasecmp(d->name, backend) == 0)
            return d;
        if (has_word(d->classes, dot ? dot + 1 : backend))
            return d;
        buf_printf(&known, "%s%s", i ? ", " : "", d->name);
    }
    (void)error_set(err, EINVAL, "unknown BACKEND %s: known are %s", backend, buf_text(&known));
    buf_free(&known);
    return NULL;
}
