/* What struct options holds: for options.c and options_build.c only. */
#ifndef BALANCERFS_OPTIONS_IMPL_H
#define BALANCERFS_OPTIONS_IMPL_H

#include "drivers/options.h"

struct item {
    char *text;  /* a scalar, a list's item, or a map's key */
    char **subs; /* a map's list */
    size_t n_subs;
    const struct driver *driver; /* of a section */
    struct options *section;
};

struct setting {
    const struct option *row;
    char *key; /* as written */
    struct item *items;
    size_t n;
    int line, column;
    bool written; /* by the user, not a fallback */
};

struct options {
    char *file, *balancer;
    struct setting *settings;
    size_t n;
    const struct option **rows; /* all tables in one, "*" last */
    size_t n_rows;
};

/* The row's setting, written or fallback; NULL: no such row. */
struct setting *options_setting(const struct options *o, const char *name);

/* -1: not one. */
int64_t number_parse(const char *text);
int bool_parse(const char *text);

#endif
