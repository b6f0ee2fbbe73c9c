/* A directory of pool files on several hosts: a dialect's pure functions over a transaction. */
#include "drivers/confdir.h"
#include "drivers/buf.h"
#include "drivers/clock.h"
#include "drivers/listing.h"
#include "drivers/remote_impl.h"
#include "drivers/transaction.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct confdir {
    const struct options *options;
    const struct dialect *dialect;
    struct dialect_settings settings;
    struct buf dir;
    struct buf test, reload; /* programs, if there are any */
    struct remote_config *remote;
    struct hosts *hosts;
};

/* ---- opening ------------------------------------------------------------------------------ */

static int dir_set(struct confdir *c, struct error *err)
{
    const char *dir = options_string(c->options, "include_dir");

    if (dir[0] != '/')
        return options_error(c->options, "include_dir", err, "include_dir %s: not an absolute path",
                             dir);
    buf_str(&c->dir, dir);
    if (dir[strlen(dir) - 1] != '/')
        buf_str(&c->dir, "/");
    c->settings.include_dir = buf_text(&c->dir);
    return buf_check(&c->dir, err);
}

/* 0: not a number from 1 to the number of hosts, and not "all". */
static size_t quorum_get(const struct confdir *c)
{
    const char *text = options_string(c->options, "min_hosts");
    size_t all = remote_host_count(c->remote);
    unsigned long n;
    char *end;

    if (strcmp(text, "all") == 0)
        return all;
    n = strtoul(text, &end, 10);
    return *text < '0' || *text > '9' || *end || n > all ? 0 : n;
}

static const char *text_option(const struct confdir *c, const char *name)
{
    const char *text = options_string(c->options, name);

    return text ? text : "";
}

static int edit(const void *arg, const struct files *in, const struct change *changes, size_t n,
                struct files *out, struct error *err)
{
    const struct confdir *c = arg;

    return c->dialect->edit(&c->settings, in, changes, n, out, err);
}

static void list(const void *arg, const struct files *in, struct listing *out)
{
    const struct confdir *c = arg;

    c->dialect->list(&c->settings, in, out);
}

static void setting_add(struct buf *out, const char *name, const char *value)
{
    buf_printf(out, "%s=", name);
    remote_quote(out, value);
    buf_str(out, "\n");
}

static void program_build(const struct confdir *c, const struct confdir_programs *programs,
                          const struct confdir_program *program, struct buf *out)
{
    if (!program->rows)
        return;
    setting_add(out, "include_dir", c->settings.include_dir);
    setting_add(out, "test_cmd", text_option(c, "test_cmd"));
    setting_add(out, "reload_cmd", text_option(c, "reload_cmd"));
    for (size_t i = 0; i < 4 && programs->settings[i]; i++)
        setting_add(out, programs->settings[i], text_option(c, programs->settings[i]));
    for (size_t i = 0; program->rows[i]; i++)
        buf_str(out, program->rows[i]);
}

static int programs_build(struct confdir *c, const struct confdir_programs *programs,
                          struct error *err)
{
    if (programs) {
        program_build(c, programs, &programs->test, &c->test);
        program_build(c, programs, &programs->reload, &c->reload);
    }
    return buf_check(&c->test, err) != 0 ? -1 : buf_check(&c->reload, err);
}

static const char *shown(const char *command, const char *name)
{
    return *command || !name ? command : name;
}

static int hosts_open(struct confdir *c, const struct confdir_programs *programs, struct error *err)
{
    const struct hosts_dialect dialect = {edit, list, c, c->settings.main_file};
    const char *test = text_option(c, "test_cmd"), *reload = text_option(c, "reload_cmd");
    const struct agent_setup setup = {
        .dir = c->settings.include_dir,
        .suffix = c->dialect->suffix,
        .test_cmd = c->test.len ? buf_text(&c->test) : test,
        .reload_cmd = c->reload.len ? buf_text(&c->reload) : reload,
        .test_name = shown(test, programs ? programs->test.name : NULL),
        .reload_name = shown(reload, programs ? programs->reload.name : NULL),
        .tmpdir = text_option(c, "tmpdir"),
    };
    size_t quorum;

    c->remote = remote_config_new(c->options, err);
    if (!c->remote)
        return -1;
    quorum = quorum_get(c);
    if (quorum == 0)
        return options_error(c->options, "min_hosts", err,
                             "min_hosts: all, or a number from 1 to "
                             "%zu",
                             remote_host_count(c->remote));
    c->hosts = hosts_new(c->remote, &setup, &dialect, quorum, err);
    return c->hosts ? 0 : -1;
}

struct confdir *confdir_open_programs(const struct options *o, const struct dialect *dialect,
                                      const struct dialect_settings *settings,
                                      const struct confdir_programs *programs, struct error *err)
{
    struct confdir *c = calloc(1, sizeof *c);

    if (!c) {
        (void)error_set(err, ENOMEM, "out of memory");
        return NULL;
    }
    c->options = o;
    c->dialect = dialect;
    if (settings)
        c->settings = *settings;
    if (dir_set(c, err) == 0 && programs_build(c, programs, err) == 0 &&
        hosts_open(c, programs, err) == 0)
        return c;
    confdir_close(c);
    return NULL;
}

struct confdir *confdir_open(const struct options *o, const struct dialect *dialect,
                             const struct dialect_settings *settings, struct error *err)
{
    return confdir_open_programs(o, dialect, settings, NULL, err);
}

void confdir_close(void *lb)
{
    struct confdir *c = lb;

    hosts_free(c->hosts);
    remote_config_free(c->remote);
    buf_free(&c->dir);
    buf_free(&c->test);
    buf_free(&c->reload);
    free(c);
}

static int64_t deadline(const struct confdir *c)
{
    return clock_now_ms() + options_ms(c->options, "timeout");
}

/* ---- reading ------------------------------------------------------------------------------ */

static int pools_list(struct confdir *c, struct listing *out, struct error *err)
{
    if (hosts_read(c->hosts, deadline(c), err) != 0)
        return -1;
    listing_is_whole(out);
    for (size_t i = 0; i < hosts_count(c->hosts); i++) {
        struct files files;

        if (!hosts_files(c->hosts, i, &files))
            continue;
        listing_host(out, remote_host_name(c->remote, i));
        c->dialect->list(&c->settings, &files, out);
    }
    return 0;
}

int confdir_get_pools(void *lb, struct listing *out, struct error *err)
{
    struct confdir *c = lb;
    int result;

    hosts_take(c->hosts);
    result = pools_list(c, out, err);
    hosts_give(c->hosts);
    return result;
}

/* One pool of a listing into another. */
static void pool_copy(const struct listing *from, const char *pool, struct listing *out)
{
    for (size_t p = 0; p < listing_pool_count(from); p++) {
        if (strcmp(listing_pool_name(from, p), pool) != 0)
            continue;
        for (size_t n = 0; n < listing_node_count(from, p); n++)
            listing_node(out, listing_node_name(from, p, n));
        for (size_t n = 0; n < listing_pool_hidden(from, p); n++)
            listing_hidden(out);
    }
}

static int host_nodes(struct confdir *c, size_t host, const char *pool, struct listing *out,
                      struct error *err)
{
    struct files files;
    struct listing *all;
    int result;

    if (!hosts_files(c->hosts, host, &files))
        return 0;
    all = listing_new(NULL);
    if (!all)
        return error_set(err, ENOMEM, "out of memory");
    c->dialect->list(&c->settings, &files, all);
    result = listing_finish(all, err);
    if (result == 0) {
        listing_host(out, remote_host_name(c->remote, host));
        listing_pool(out, pool);
        pool_copy(all, pool, out);
    }
    listing_free(all);
    return result;
}

int confdir_get_nodes(void *lb, const struct pool *pool, struct listing *out, struct error *err)
{
    struct confdir *c = lb;
    int result;

    hosts_take(c->hosts);
    result = hosts_read(c->hosts, deadline(c), err);
    for (size_t i = 0; result == 0 && i < hosts_count(c->hosts); i++)
        result = host_nodes(c, i, pool->name, out, err);
    hosts_give(c->hosts);
    return result;
}

/* ---- changing ----------------------------------------------------------------------------- */

/* A server that refuses to be without a pool has rules that refer to it. */
static void tell_use(const struct dialect *d, const struct change *changes, size_t n,
                     struct error *err)
{
    char why[sizeof err->text];

    for (size_t i = 0; i < n && d->in_use; i++) {
        const struct change *c = &changes[i];

        if (c->kind != DELETE_POOL || !d->in_use(&c->pool, err->text))
            continue;
        memcpy(why, err->text, sizeof why);
        (void)error_set(err, EBUSY, "pool %s is in use: %s", c->pool.name, why);
        return;
    }
}

int confdir_apply(void *lb, const struct change *changes, size_t n, struct error *err)
{
    struct confdir *c = lb;
    int result;

    hosts_take(c->hosts);
    result = hosts_change(c->hosts, changes, n, deadline(c), err);
    hosts_give(c->hosts);
    if (result != 0 && err->num == EREMOTEIO)
        tell_use(c->dialect, changes, n, err);
    return result;
}

/* ---- status ------------------------------------------------------------------------------- */

void confdir_status(void *lb, struct status *out)
{
    hosts_status(((struct confdir *)lb)->hosts, out);
}

/* What of a host was tried, and what came of it. */
static int host_probe(struct confdir *c, size_t i, struct status *out, struct error *err)
{
    const char *name = remote_host_name(c->remote, i);
    const char *test = text_option(c, "test_cmd");
    struct files files;
    char text[64];

    if (hosts_failure(c->hosts, i, err) != 0 || !hosts_files(c->hosts, i, &files)) {
        status_step(out, name, "read", false, err->text);
        return -1;
    }
    (void)snprintf(text, sizeof text, "%zu files", files.n);
    status_step(out, name, "read", true, text);
    if (hosts_tested(c->hosts, i, err) != 0) {
        status_step(out, name, "test", false, err->text);
        return -1;
    }
    if (!*test && c->test.len)
        test = "the server's own";
    status_step(out, name, "test", true, *test ? test : "no test_cmd");
    return 0;
}

int confdir_probe(void *lb, struct status *out, struct error *err)
{
    struct confdir *c = lb;
    struct error why = {0};
    int result;

    hosts_take(c->hosts);
    result = hosts_read(c->hosts, deadline(c), err);
    hosts_test(c->hosts, deadline(c));
    for (size_t i = 0; i < hosts_count(c->hosts); i++)
        if (host_probe(c, i, out, &why) != 0 && result == 0) {
            *err = why;
            result = -1;
        }
    hosts_give(c->hosts);
    return result;
}
