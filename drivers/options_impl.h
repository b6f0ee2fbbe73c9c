/* What struct options holds: for options.c, options_build.c and options_any.c only. */
#ifndef BALANCERFS_OPTIONS_IMPL_H
#define BALANCERFS_OPTIONS_IMPL_H

#include "drivers/buf.h"
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
    char *json;   /* of ANY; items[0] is then its text */
    bool secret;  /* of ANY: named like one, or has something in it that is */
};

enum { ANY_DEPTH = 32 };

/* A value of ANY in the making. Its setting is the last one. */
struct any {
    struct buf text, json;
    size_t n_scalars;
    unsigned depth; /* 0: at the top */
    bool in_map[ANY_DEPTH], at_key[ANY_DEPTH];
    bool flat;        /* so far a scalar, or a list of scalars of one line */
    struct error err; /* the first; num 0: none */
};

struct options {
    char *file, *balancer;
    struct setting *settings;
    size_t n;
    const struct option **rows; /* all tables in one, "*" last */
    size_t n_rows;
    struct any *any; /* between options_any_begin and _end */
};

/* The row's setting, written or fallback; NULL: no such row. */
struct setting *options_setting(const struct options *o, const char *name);

/* The setting to put into: a new one, or one that was begun. */
struct setting *options_begin(struct options *o, const char *key, int line, int column,
                              struct error *err);
bool options_is_written(const struct options *o, const char *key);

/* A key that sounds like one of a password, not of where one is. */
bool any_is_secret(const char *key);

/* -1: not one. */
int64_t number_parse(const char *text);
int bool_parse(const char *text);

#endif
