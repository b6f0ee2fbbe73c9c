/* Balancers whose pools are files in a directory of one or several hosts: nginx, varnish, haproxy,
 * apache. A driver is its table of options, its dialect, and the functions below. */
#ifndef BALANCERFS_CONFDIR_H
#define BALANCERFS_CONFDIR_H

#include "drivers/dialect.h"
#include "drivers/remote.h"

/* Rows for the driver's table, besides include_dir, test_cmd and reload_cmd, whose fallbacks are
 * the server's. */
#define CONFDIR_OPTIONS                                                                            \
    REMOTE_OPTIONS, {"tmpdir", OPTION_STRING, "/tmp", false, "TMPDIR of the two commands"},        \
    {                                                                                              \
        "min_hosts", OPTION_STRING, "all", false, "hosts that must be up for a change; or all"     \
    }

struct confdir;

/* settings: NULL, or prefix, main_file and version, borrowed for good; include_dir is taken from
 * the options. */
struct confdir *confdir_open(const struct options *o, const struct dialect *dialect,
                             const struct dialect_settings *settings, struct error *err);

/* Programs in sh that run on the hosts in place of test_cmd and reload_cmd, for what differs from
 * server to server. Before each stand the settings that it names, as NAME='VALUE' lines; test_cmd,
 * reload_cmd and include_dir always do. Errors go on naming the command itself. agent.h tells
 * what they find and may say. */
struct confdir_program {
    const char *const *rows; /* NULL at the end; no rows: the command itself runs */
    const char *name;        /* of the command when the user gives none */
};

struct confdir_programs {
    struct confdir_program test, reload;
    const char *settings[4]; /* more options, of type string; NULL after the last */
};

struct confdir *confdir_open_programs(const struct options *o, const struct dialect *dialect,
                                      const struct dialect_settings *settings,
                                      const struct confdir_programs *programs, struct error *err);

/* For the driver's row; lb is a struct confdir. */
int confdir_get_pools(void *lb, struct listing *out, struct error *err);
int confdir_get_nodes(void *lb, const struct pool *pool, struct listing *out, struct error *err);
int confdir_apply(void *lb, const struct change *changes, size_t n, struct error *err);
void confdir_status(void *lb, struct status *out);
int confdir_probe(void *lb, struct status *out, struct error *err);
void confdir_close(void *lb);

#endif
