/* Reading one balancer's section: for config.c only. */
#ifndef BALANCERFS_SECTION_H
#define BALANCERFS_SECTION_H

#include "drivers/options.h"
#include "mount/document.h"

/* A file as it is read, and what was found so far. */
struct reader {
    struct document *document;
    struct problems *problems;
    struct place password; /* the first one */
};

/* One section while it is read. */
struct section {
    const char *name;   /* of the balancer */
    struct place place; /* where it begins: what is missing is missing there */
    const struct driver *driver;
    struct options *options;
    bool failed;
};

/* node: a mapping. 0: s has driver and options; -1: problems. The caller frees the options in
 * any case. */
int section_read(struct reader *r, struct section *s, int node);

#endif
