/* How one server writes its pools in files: pure functions on text, no I/O, any thread.
 *
 * A dialect knows which files of include_dir are pools (exactly one pool, of the file's own name),
 * reads their nodes, and edits them so that what a person added (weights, comments, keepalive,
 * other servers' lines) survives a change of another node. confdir.c does all the rest. */
#ifndef BALANCERFS_DIALECT_H
#define BALANCERFS_DIALECT_H

#include "drivers/driver.h"
#include "drivers/files.h"

struct dialect_settings {
    const char *include_dir; /* absolute, ends with a slash */
    const char *prefix;      /* varnish: pool_file_prefix, "pool-" */
    const char *main_file;   /* varnish: main_pool_file, "pools.vcl" */
    int version;             /* varnish: vcl_version, 3 or 4 */
};

struct dialect {
    const char *name;   /* "nginx" */
    const char *suffix; /* ".conf": files without it are never read, written or removed */
    bool ignores_case;  /* the server takes App and app for one */

    /* Adds every pool in the files, with its nodes, to out (the listing is whole). */
    void (*list)(const struct dialect_settings *s, const struct files *in, struct listing *out);

    /* Adds to out the files that the changes make, alter or remove, in an order in which each can
     * be put in force by itself (an included file before its include, an include's line removed
     * before its file). No entry: nothing to change. Same input, same bytes. -1: ENOTEMPTY,
     * EEXIST (a name that differs only in case), EINVAL (a name the server cannot hold),
     * EREMOTEIO (a file of that name that is not ours to edit: says which). */
    int (*edit)(const struct dialect_settings *s, const struct files *in,
                const struct change *changes, size_t n, struct files *out, struct error *err);

    /* A change that removes this pool was refused with these words: do they say that the server's
     * own rules refer to it? NULL: the server does not notice. */
    bool (*in_use)(const struct pool *pool, const char *said);
};

extern const struct dialect nginx_dialect, varnish_dialect, haproxy_dialect, apache_dialect;

#endif
