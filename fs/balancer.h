/* One balancer of the mount: its view, its queue, and the one thread that calls its driver.
 *
 * Threads: the reader (ops) takes the lock, looks, and either answers or leaves a call or a work
 * behind; it never waits. The worker alone calls the driver, without the lock, and answers who
 * waits. The notifier alone tells the kernel of changes, holding nothing. Anybody may be blocked
 * by the driver of one balancer but the worker of that one: nobody else.
 *
 * The worker, over and over:
 *   somebody waits for a listing   get_pools (and get_nodes where that is not all); merge; answer
 *   changes are due                all of them as one apply; refused and more than one: one by one
 * After an error of the connection the next calls get the same answer for FAIL_FAST_MS. */
#ifndef BALANCERFS_BALANCER_H
#define BALANCERFS_BALANCER_H

#include "fs/call.h"
#include "fs/guard.h"
#include "fs/nodes_text.h"
#include "fs/notify.h"
#include "fs/view.h"
#include <pthread.h>
#include <uthash.h>

#define FAIL_FAST_MS 3000

/* The keys of every balancer (options.c), read once. */
struct settings {
    int64_t timeout_ms, ttl_ms, delay_ms, stale_ms;
    bool auto_pools;
    uid_t uid;
    gid_t gid;
    mode_t dir_mode, file_mode;
};

enum work_kind { WORK_ADD, WORK_DELETE, WORK_MKDIR, WORK_RMDIR, WORK_RENAME, WORK_NODES };
enum work_state { WORK_QUEUED, WORK_RUNNING, WORK_DONE };

/* A change on its way, from the system call that asks for it to its end. Under the lock, but
 * that the worker reads changes while it is RUNNING. */
struct work {
    struct work *next;
    enum work_kind kind;
    enum work_state state;
    struct who who;
    const char *operation;
    struct pool pool;
    struct change one[2], *changes; /* changes: one, or malloc'd (of WORK_NODES) */
    size_t n;
    uint32_t slot;   /* the node's; pinned. 0: none */
    uint32_t dir;    /* the pool's; pinned. 0: none */
    uint32_t to_dir; /* of a rename; pinned */
    char to_name[CALL_NAME_MAX];
    bool accepted;  /* with commit_delay: nobody waits */
    bool unasked;   /* who asked for it waits for it no more */
    bool silent;    /* nothing to be done after all: no audit */
    size_t guarded; /* removals counted by the guard, at guarded_ms */
    int64_t guarded_ms;
    struct pool guarded_pool;
    struct node_set wanted; /* of WORK_NODES */
    struct buf text;
    /* Of WORK_NODES: the scratch file that becomes .nodes, to_name now; pinned. 0: none. */
    uint32_t replacing;
    int64_t queued_ms; /* monotonic */
    int64_t began_ms;  /* real */
    int64_t ended_ms;  /* monotonic; once DONE */
    struct call_list waiting;
    int refs;
    struct error err;  /* once DONE; num 0: success */
    UT_hash_handle hh; /* by slot, in adding or deleting */
};

/* rm's first UNLINK was answered by ESTALE; its thread comes again (ops_unlink.c). */
struct bounce {
    pid_t tid;
    uint32_t dir, slot; /* slot is pinned */
    struct work *work;  /* held */
    int64_t seen_ms;    /* monotonic: when its thread was last heard of */
    bool walked;        /* it has looked the node up again: what comes now is the second UNLINK */
    bool overdue;       /* it is not waited for any more */
    UT_hash_handle hh;
};

/* An open was answered by ESTALE, since its node was gone; its thread looks it up again (bounce.c).
 */
struct retry {
    pid_t tid;
    uint32_t slot;   /* what it has found since; 0: nothing. Only compared */
    int64_t when_ms; /* monotonic */
    UT_hash_handle hh;
};

struct fs_balancer {
    struct fs *fs;
    uint32_t serial; /* 0: the root, which has no driver */
    char name[64];
    const struct driver *driver;
    struct options *options; /* owned */
    void *lb;
    struct settings set;
    struct guard *guard;
    struct audit *audit;
    struct notifier *notifier;

    pthread_mutex_t lock;
    pthread_cond_t wake; /* of the worker, and of whoever waits for its end */
    bool finished;       /* the worker has come to its end */
    pthread_t thread;
    bool started, ending; /* ending: answers ESHUTDOWN from now on */
    bool closed;          /* the driver's handle is gone */
    bool abandoned;       /* its thread did not come back; of who ends it */

    struct view view;
    struct call_list waiting; /* for a listing */
    uint64_t listings;        /* begun for them */
    struct call_line line;
    int64_t calling_ms; /* monotonic; since when the driver is at work; 0: it is not */
    struct work *queue, **queue_end;
    size_t queued, running;
    struct work *adding, *deleting; /* by slot; deleting: of rename too, whose entry moves */
    struct bounce *bounces;
    struct retry *retries;
    int64_t last_queued_ms, first_queued_ms; /* of those accepted; monotonic */
    bool hurry;                              /* somebody waits for what was accepted */

    int64_t read_fails_until, change_fails_until; /* monotonic */
    struct error read_failure, change_failure;
    bool stale;    /* the last listing failed, and serve_stale is at work */
    bool was_up;   /* the last listing came */
    bool was_down; /* it failed */
    struct error last_error;
    int64_t last_error_ms, last_change_ms; /* real */
    char *last_change;
};

/* NULL with *err. Opens the driver; takes over options on success. driver NULL: the root. */
struct fs_balancer *balancer_new(struct fs *fs, uint32_t serial, const struct driver *driver,
                                 struct options *options, struct error *err);
/* From now on every question is answered with ESTALE; waits for the running call, closes the
 * driver. The struct stays for the inodes that the kernel knows. false: the driver does not come
 * back, in a time in which it should have twice; then its thread still uses all of this. */
bool balancer_end(struct fs_balancer *b);
/* How long a question may wait. */
int64_t balancer_patience_ms(const struct fs_balancer *b);
void balancer_free(struct fs_balancer *b);

/* All below: with the lock. */

/* Starts the worker if need be and wakes it. false: there is none, and none can be started now. */
bool balancer_wake(struct fs_balancer *b);

/* Is what is known of the pools (pool 0), or of that pool's nodes, fresh enough for the call?
 * false: it is parked or answered, and the lock released: return at once. */
bool balancer_fresh(struct fs_balancer *b, struct call *c, uint32_t pool);
/* Milliseconds for which it still is. */
int64_t balancer_fresh_ms(const struct fs_balancer *b, uint32_t pool);

int64_t now_ns(void); /* real */

/* work.c */
/* In the queue from now on, with one reference that is the worker's. Pins what it names. */
struct work *work_new(struct fs_balancer *b, const struct call *c, enum work_kind kind,
                      const char *operation, uint32_t dir, uint32_t slot);
void work_queue(struct fs_balancer *b, struct work *w);
void work_unref(struct fs_balancer *b, struct work *w);
/* The opposite was asked for before it was made. */
extern const struct error work_cancelled;
/* It has not begun, and nobody waits for it: it may be taken out of the queue. Then it ends with
 * that error, and without a line in .log. */
bool work_may_withdraw(const struct work *w);
void work_withdraw(struct fs_balancer *b, struct work *w, const struct error *why);
struct work *work_adding(const struct fs_balancer *b, uint32_t slot);
struct work *work_deleting(const struct fs_balancer *b, uint32_t slot);
/* May this be done at all? -1: EROFS, EPERM, with *err. */
int work_allowed(struct fs_balancer *b, const char *pool, struct error *err);
/* Counts the removal of n nodes, or refuses. */
int work_guard(struct fs_balancer *b, struct work *w, uint32_t dir, size_t n, size_t added,
               struct error *err);

/* The end of a work: puts it into the view, or takes back what was shown; moves who waits for it
 * to out. */
void work_end(struct fs_balancer *b, struct work *w, const struct error *err,
              struct call_list *out);
/* work_view.c: of a work that has just ended; also notes its error. */
void work_into_view(struct fs_balancer *b, struct work *w);
/* One line for .log. Without the lock; hosts: those that it has reached. */
void work_audit(struct fs_balancer *b, const struct work *w, const char *hosts);

/* An error that no work has: into .status. */
void balancer_note_error(struct fs_balancer *b, const struct error *err);

/* batch.c, on the worker. */
void batch_run(struct fs_balancer *b);

/* listing of the pools, or of one pool; merges. With the lock, which is released meanwhile. */
int balancer_list(struct fs_balancer *b, uint32_t pool, struct error *err);
/* The error is the one of the way to the balancer: the next call will get it too. */
bool balancer_is_away(const struct error *err);

#endif
