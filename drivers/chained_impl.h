/* The members of a chain, and how all of them are asked at once: for chained*.c only. */
#ifndef BALANCERFS_CHAINED_IMPL_H
#define BALANCERFS_CHAINED_IMPL_H

#include "drivers/listing.h"

struct member {
    const struct driver *driver;
    void *lb;
    char label[96];       /* "2:nginx" */
    struct listing *seen; /* what it was asked for last, or NULL */
    struct change *back;  /* what takes back the change that is under way, in order */
    size_t n_back;
};

struct chained {
    size_t n;
    struct member members[];
};

struct question {
    const struct pool *pool;      /* get_nodes of it; NULL: get_pools */
    const struct change *changes; /* of chained_plan */
    size_t n;
};

/* work for every member, each in a thread of its own. 0, or -1 with the error of the first member
 * that failed, as member_error says it. */
int chained_each(struct chained *c, const struct question *question,
                 int (*work)(struct member *, const struct question *, struct error *),
                 struct error *err);

/* A work: its listing, finished, into seen. */
int member_ask(struct member *m, const struct question *question, struct error *err);

/* "2:nginx: " in front of its text. Returns -1. */
int member_error(const struct member *m, const struct error *why, struct error *err);

int chained_apply(void *lb, const struct change *changes, size_t n, struct error *err);

#endif
