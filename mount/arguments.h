/* The command line, as balancerfs(8) has it. */
#ifndef BALANCERFS_ARGUMENTS_H
#define BALANCERFS_ARGUMENTS_H

#include "fs/fs.h"

enum action { ACTION_MOUNT, ACTION_CHECK, ACTION_PROBE, ACTION_HELP, ACTION_VERSION };

/* A row of the table of mount options. */
enum mount_option_use { MOUNT_OURS, MOUNT_LIBFUSE, MOUNT_IGNORED };

struct mount_option {
    const char *name; /* with "=" at its end when it takes a value, with "*" for any tail */
    enum mount_option_use use;
    const char *value; /* what the value is, for --help */
    const char *help;  /* NULL: not shown */
};

extern const struct mount_option mount_options[]; /* ends with a row whose name is NULL */

struct arguments {
    enum action action;
    char *config; /* absolute, but for what does not exist */
    char *mountpoint;
    char **names; /* balancers to probe, or the driver to tell of; NULL at the end */
    size_t n_names;
    bool foreground, fake;
    struct fs_settings settings;
    char **fuse_argv; /* for libfuse, NULL at the end */
};

/* -1: *err says what is wrong with it. Free it in any case. */
int arguments_parse(struct arguments *a, int argc, char **argv, struct error *err);
void arguments_free(struct arguments *a);

#endif
