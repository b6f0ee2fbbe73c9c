/* The balancer's keys as variables, and as one JSON object. */
#include "drivers/exec_environment.h"
#include "drivers/buf.h"
#include "drivers/json.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#define PREFIX "BALANCERFS_"

/* The kernel's limit for one string of an environment: 32 pages (execve(2)). */
enum { STRING_MAX_BYTES = 32 * 4096 };

static bool has_prefix(const char *text, const char *prefix)
{
    return strncmp(text, prefix, strlen(prefix)) == 0;
}

/* What speaks to systemd in our name, and what an outer balancerfs may have left. */
static bool is_ours_alone(const char *variable)
{
    static const char *const prefixes[] = {PREFIX, "NOTIFY_SOCKET=", "WATCHDOG_", "LISTEN_"};

    for (size_t i = 0; i < sizeof prefixes / sizeof *prefixes; i++)
        if (has_prefix(variable, prefixes[i]))
            return true;
    return false;
}

/* "BALANCERFS_KEY=" */
static void add_name(struct buf *out, const char *key)
{
    buf_str(out, PREFIX);
    for (const char *c = key; *c; c++) {
        char upper = *c >= 'a' && *c <= 'z' ? (char)(*c - 'a' + 'A') : *c;
        bool legal = (upper >= 'A' && upper <= 'Z') || (upper >= '0' && upper <= '9');

        buf_add(out, legal ? &upper : "_", 1);
    }
    buf_str(out, "=");
}

/* Takes the text over. 0, or -1 with ENOMEM. */
static int keep(char **environment, size_t *n, struct buf *text, struct error *err)
{
    if (text->failed) {
        buf_wipe(text);
        return error_set(err, ENOMEM, "out of memory");
    }
    environment[(*n)++] = text->data;
    environment[*n] = NULL;
    return 0;
}

static int add_key(char **environment, size_t *n, const struct options *o, size_t i,
                   struct error *err)
{
    const char *key = options_other_key(o, i), *value = options_other_value(o, i);
    struct buf text = BUF_INIT;

    (void)buf_reserve(&text, strlen(key) + strlen(value) + sizeof PREFIX + 2);
    add_name(&text, key);
    for (size_t k = 0; k < *n && !text.failed; k++)
        if (has_prefix(environment[k], text.data)) {
            (void)options_other_error(o, i, err, "%s would be a second %.*s", key,
                                      (int)text.len - 1, text.data);
            buf_wipe(&text);
            return -1;
        }
    buf_str(&text, value);
    if (text.len < STRING_MAX_BYTES)
        return keep(environment, n, &text, err);
    buf_wipe(&text);
    return options_other_error(o, i, err,
                               "%s is longer than 128 kilobytes, the most that a program's "
                               "environment takes: put it into a file",
                               key);
}

static int add_section(char **environment, size_t *n, const struct options *o, struct error *err)
{
    struct buf text = BUF_INIT;

    (void)buf_reserve(&text, 4096); /* so that a password is rarely copied */
    buf_str(&text, PREFIX "SECTION={");
    for (size_t i = 0; i < options_other_count(o); i++) {
        buf_str(&text, i ? "," : "");
        json_string(&text, options_other_key(o, i));
        buf_str(&text, ":");
        buf_str(&text, options_other_json(o, i));
    }
    buf_str(&text, "}");
    if (text.len < STRING_MAX_BYTES)
        return keep(environment, n, &text, err);
    buf_wipe(&text);
    return options_error(o, "command", err,
                         "its keys together are longer than 128 kilobytes, the most that a "
                         "program's environment takes: put some into a file");
}

static int fill(char **environment, const struct options *o, struct error *err)
{
    struct buf text = BUF_INIT;
    size_t n = 0;

    for (char **v = environ; v && *v; v++) {
        text = (struct buf)BUF_INIT;
        if (is_ours_alone(*v))
            continue;
        buf_str(&text, *v);
        if (keep(environment, &n, &text, err) == -1)
            return -1;
    }
    text = (struct buf)BUF_INIT;
    buf_printf(&text, PREFIX "BALANCER=%s", options_balancer(o));
    if (keep(environment, &n, &text, err) == -1)
        return -1;
    for (size_t i = 0; i < options_other_count(o); i++) {
        if (strcasecmp(options_other_key(o, i), "section") == 0)
            return options_other_error(o, i, err, "section is a name that " PREFIX "SECTION needs");
        if (add_key(environment, &n, o, i, err) == -1)
            return -1;
    }
    return add_section(environment, &n, o, err);
}

char **exec_environment(const struct options *o, struct error *err)
{
    size_t n = 0;
    char **environment;

    while (environ && environ[n])
        n++;
    environment = calloc(n + options_other_count(o) + 3, sizeof *environment);
    if (!environment) {
        (void)error_set(err, ENOMEM, "out of memory");
        return NULL;
    }
    if (fill(environment, o, err) == 0)
        return environment;
    exec_environment_free(environment);
    return NULL;
}

void exec_environment_free(char **environment)
{
    for (char **v = environment; v && *v; v++) {
        explicit_bzero(*v, strlen(*v));
        free(*v);
    }
    free(environment);
}
