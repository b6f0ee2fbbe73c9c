/* One pool in a transaction: what it was, what it is, what it is to be, and the calls that lead
 * there. For stingray_pool.c and stingray_apply.c only. */
#ifndef BALANCERFS_STINGRAY_POOL_H
#define BALANCERFS_STINGRAY_POOL_H

#include "drivers/stingray.h"
#include <uthash.h>

enum member_state { STATE_ABSENT, STATE_ACTIVE, STATE_DISABLED };
enum member_wish { WISH_NONE, WISH_ACTIVE, WISH_DISABLED, WISH_ABSENT };

struct member {
    UT_hash_handle hh;
    enum member_state before, now;
    enum member_wish wish;
    bool deleted;      /* asked to be, by the transaction */
    bool waiting;      /* in its grace period already, when the transaction began */
    bool was_draining; /* before it was disabled */
    char *text;        /* as the server writes it, or else as the user did */
    char key[];
};

enum pool_wish { POOL_KEEP, POOL_THERE, POOL_GONE };

struct pool_work {
    UT_hash_handle hh;
    const char *shown; /* without the prefix; borrowed */
    bool existed, exists;
    bool touched; /* something that writes was sent */
    bool undoing;
    bool careful;     /* other steps may follow: what undoing needs is asked for */
    bool empty_first; /* the server does not delete it with nodes in it */
    enum pool_wish wish;
    struct member *members;
    char name[]; /* as the server calls it */
};

/* name is copied. NULL: no memory. */
struct pool_work *pool_work_new(const char *prefix, const char *shown);
void pool_work_free(struct pool_work *p);

/* The member with that name, made (absent) if there is none; NULL: no memory. */
struct member *pool_member(struct pool_work *p, const char *text);

/* Asks the server. The first time, what is becomes what was. */
int pool_read(const struct caller *c, struct pool_work *p, bool first, struct error *err);

/* Adds come before removals, and those before the deletion of pools, over all pools. */
enum phase { PHASE_ADD, PHASE_REMOVE, PHASE_DELETE, N_PHASES };

/* Makes the calls of the phase. spare: a later deadline, for reading again after an unclear
 * answer. -1 with EIO: what the pool is now cannot be known. */
int pool_drive(const struct caller *c, struct pool_work *p, enum phase phase, int64_t spare,
               struct error *err);

#endif
