/* The drivers that there are. */
#include "drivers/registry.h"
#include "drivers/buf.h"
#include "drivers/builtin.h"
#include "drivers/shared.h"
#include <errno.h>
#include <string.h>
#include <strings.h>

/* clang-format off */
static const struct driver *const drivers[] = {
    &apache_driver,
    &chained_driver,
    &dummy_driver,
    &exec_driver,
    &haproxy_driver,
    &nginx_driver,
    &stingray_driver,
    &varnish_driver,
};
/* clang-format on */

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

static bool is_shared(const char *backend)
{
    size_t len = strlen(backend);

    return len > 3 && strcmp(backend + len - 3, ".so") == 0;
}

static const struct driver *find_shared(const char *backend, struct error *err)
{
    if (*backend == '/')
        return shared_load(backend, err);
    (void)error_set(err, EINVAL, "BACKEND must be the absolute path of a shared object: %s",
                    backend);
    return NULL;
}

/* Somebody's own class, and what to do with it. */
static const char *hint(const char *dot)
{
    return dot && dot[1] >= 'A' && dot[1] <= 'Z'
               ? "; a Velociraptor class of your own runs by exec, see balancerfs-driver(3)"
               : "";
}

const struct driver *registry_find(const char *backend, struct error *err)
{
    const char *dot = strrchr(backend, '.');
    struct buf known = BUF_INIT;
    const struct driver *d;

    if (is_shared(backend))
        return find_shared(backend, err);
    for (size_t i = 0; (d = registry_at(i)); i++) {
        if (!dot && strcasecmp(d->name, backend) == 0)
            return d;
        if (has_word(d->classes, dot ? dot + 1 : backend))
            return d;
    }
    for (size_t i = 0; (d = registry_at(i)); i++)
        buf_printf(&known, "%s%s", i ? ", " : "", d->name);
    (void)error_set(err, EINVAL, "unknown BACKEND %s: known are %s%s", backend, buf_text(&known),
                    hint(dot));
    buf_free(&known);
    return NULL;
}
