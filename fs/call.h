/* A question of the kernel: answered exactly once, at once or when what it waits for has come.
 *
 * An op (ops_*.c) gets a struct call on the reader's stack. If it has to wait it is done again
 * from its beginning on a copy that lasts, on the worker's thread once the wait is over; so what
 * an op does before its first wait must be without effect, or begin with call_keep.
 *
 *   state    where                       who may answer
 *   NEW      in the hands of an op       the op
 *   WAITING  in a list of the balancer   worker, interrupt or watchdog (takes it out)
 *   TAKEN    out of it, being answered   who took it
 *
 * From its first wait to its end it is also in the balancer's line of those who have waited, oldest
 * first: who has waited for longer than twice the timeout and ten seconds gets ETIMEDOUT; and who
 * asks when the driver has been at work for that long, at once.
 *
 * state, lists and interrupted are under the balancer's lock. The reply functions are called
 * without it; each ends the call. */
#ifndef BALANCERFS_CALL_H
#define BALANCERFS_CALL_H

#include "fs/audit.h"
#include "fs/fuse.h"

/* A node's name is at most 259 bytes; the kernel lets 1024 through. */
#define CALL_NAME_MAX 264

struct fs;
struct fs_balancer;
struct work;

enum call_state { CALL_NEW, CALL_WAITING, CALL_TAKEN };

struct call {
    fuse_req_t req;
    struct fs_balancer *b;
    void (*op)(struct call *c);
    struct call *next, *prev;
    struct call_list *in; /* where it is WAITING */
    struct call *younger, *older;
    int64_t until_ms; /* monotonic; 0: it has not waited yet */
    enum call_state state;
    bool lasts;        /* not on the stack */
    bool interrupted;  /* before it could wait */
    bool own;          /* work is what this call asked for, not one that was in its way */
    bool pools_listed; /* while it waited: what is missing still is the listing of its pool */
    bool refreshed;    /* has waited for a listing: this one is fresh enough */
    bool failed;       /* err is the answer */
    bool withdrew;     /* and its work was taken back */
    struct error err;
    uint32_t pool;     /* the listing that it waits for: a pool's, 0: of the pools */
    uint64_t came;     /* how many listings had begun when it came to wait */
    struct work *work; /* the change that it waits for; held */

    /* The question. */
    uint32_t slot, to_slot;
    struct fs_balancer *to;
    char name[CALL_NAME_MAX], to_name[CALL_NAME_MAX];
    struct fuse_file_info fi;
    struct handle *handle;
    mode_t mode;
    unsigned int flags;
    size_t size;
    off_t offset;
};

struct call_list {
    struct call *first, *last;
    size_t n;
};

/* Those who wait or have waited, oldest first. */
struct call_line {
    struct call *oldest, *youngest;
};

/* Runs c->op(c). */
void call_run(struct call *c);
/* Makes the call last. false: the op goes on later with another struct call, or was answered:
 * return at once. Without the lock. */
bool call_keep(struct call *c);
/* With the lock; releases it. The op is run again, on a call that lasts, when a listing of the
 * pool (0: of the pools) has come, or the change has ended. Return at once. */
void call_wait_listing(struct call *c, uint32_t pool);
void call_wait_work(struct call *c, struct work *w);

/* Takes all out of the list into another. With the lock. */
void call_take_all(struct call_list *from, struct call_list *to);
void call_take(struct call *c, struct call_list *to);
/* Answers those who have waited for too long; takes back their work unless it runs. When the next
 * will have, or INT64_MAX. Without the lock. */
int64_t call_expire(struct fs_balancer *b, int64_t now_ms);
/* Runs every op of the list again. Without the lock. */
void call_resume_all(struct call_list *list);
/* Sets the answer. */
void call_fail(struct call *c, const struct error *err);

/* ---- answers; without the lock ------------------------------------------------------------ */

void reply_err(struct call *c, int num);
void reply_entry(struct call *c, const struct fuse_entry_param *e);
void reply_attr(struct call *c, const struct stat *st, double timeout);
void reply_open(struct call *c);
void reply_buf(struct call *c, const char *data, size_t len);
void reply_xattr(struct call *c, size_t n);

#endif
