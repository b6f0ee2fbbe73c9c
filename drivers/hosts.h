/* The threads and sessions under transaction.c, one of each per host; for hosts.c, host_steps.c,
 * transaction.c and makeup.c only.
 *
 * Whose turn it is gives every host a step and waits until all are through. While a host has a
 * step, result, err, files, change and sees are its thread's; else whose turn it is. A thread
 * without a step keeps the session alive, or, when it was lost, opens it again. */
#ifndef BALANCERFS_HOSTS_H
#define BALANCERFS_HOSTS_H

#include "drivers/missed.h"
#include "drivers/transaction.h"
#include <pthread.h>

enum step {
    STEP_NONE,
    STEP_READ,
    STEP_LOCK,
    STEP_TEST, /* of what is there; takes the lock for it */
    STEP_PREPARE,
    STEP_COMMIT,
    STEP_SETTLE, /* after a commit that was lost: is change in force? OK, REFUSED: no, LOST: ? */
    STEP_ROLLBACK,
    STEP_ABORT,
    STEP_FORGET,
    STEP_QUIT
};

struct host {
    struct hosts *hosts;
    size_t index;
    const char *name;
    pthread_t thread;
    bool started;
    int wake; /* eventfd: there is a step */

    enum step step;   /* under hosts->lock */
    int64_t deadline; /* of the step; with it */
    int wait_s;       /* for others' locks */

    enum agent_result result;
    struct error err;
    struct files files;  /* as the session knows them */
    struct files change; /* for prepare */
    struct files sees;   /* names; for prepare */
    bool undecided;      /* files hold another's change that may be gone again */

    /* Whose turn it is: in this reading or change. */
    bool up, is_read, asked;
    bool given_up;        /* lost in this change: not asked again */
    int64_t behind_until; /* it cannot make up for what it missed, for why; not asked until then */
    struct error why;

    /* The thread's own. */
    struct agent *agent;
    bool holding; /* locked, prepared or committed: it has to be heard of */
    bool was_up;
    int64_t lost_at; /* when the last session ended under our hands */

    /* Under hosts->lock. */
    bool knows;      /* there is a session, and files are what is there unless others changed it */
    bool connecting; /* of itself */
    int64_t retry_at;
    int pause_ms;
    struct error failure;      /* of connecting, until retry_at */
    struct host_status status; /* error is last_error */
    char *last_error;
    char note[200]; /* of the last commit */
};

struct hosts {
    const struct remote_config *config;
    struct agent_setup setup;
    struct hosts_dialect dialect;
    pthread_mutex_t turn; /* one reading or change at a time */
    pthread_mutex_t lock;
    pthread_cond_t done; /* a step, or something for the watch */
    size_t n, quorum;
    size_t needed; /* by this change: the quorum, or 1 */
    struct host *at;
    size_t *order; /* by name: whose lock comes first */
    unsigned int seed;

    pthread_t watch; /* makes up for what hosts have missed once they are back */
    bool watched, returned, quit;
};

/* Waits for what is under way, then gives host the step. Starts its thread. */
int host_begin(struct host *h, enum step step, int64_t deadline, struct error *err);
void hosts_wait(struct hosts *hs);
bool host_knows(struct host *h);
void host_error_note(struct host *h, const char *text);

/* ---- host_steps.c: on the host's thread --------------------------------------------------- */

enum agent_result step_do(struct host *h, enum step step);
/* Opens a session; AGENT_LOST with *err and h->failure. */
enum agent_result session_open(struct host *h, int64_t deadline, struct error *err);
void session_end(struct host *h);

/* ---- transaction.c: whose turn it is ------------------------------------------------------ */

/* PARTLY: hosts that are given_up were lost after the commit; *err is EIO. */
enum outcome { DONE, FAILED, AGAIN, PARTLY };

/* For what follows a decision; longer than a loop that lost its client takes to give up. */
#define SETTLE_MS (agent_beat_ms() + 5000)

/* One change on all hosts that are up, as their change and sees say. */
enum outcome phases(struct hosts *hs, int64_t deadline, struct error *err);
int quorum_check(struct hosts *hs, struct error *err);
/* EIO is kept for an unknown outcome; before the commit nothing is unknown. -1. */
int host_error(const struct host *h, struct error *err);

/* ---- makeup.c: what hosts have missed, and how they differ -------------------------------- */

/* Its files without the record. */
struct files host_pools(const struct host *h);
/* What the hosts that are up have on record; h->status.missed of all hosts is set. */
void record_collect(struct hosts *hs, struct missed *m);
/* Adds the record to the changes of those hosts that are up and have another one. */
int record_put(struct hosts *hs, const struct missed *m, struct error *err);
/* The first host that is up and has missed something, makes up for it: AGAIN; DONE: there is none.
 * One that cannot is not up any more. */
enum outcome make_up(struct hosts *hs, int64_t deadline, struct error *err);
/* The pools of the changes, where hosts differ in them, on all hosts as on any: changes that come
 * before the others; *out by malloc, or NULL. */
int mend_changes(struct hosts *hs, const struct change *changes, size_t n, struct change **out,
                 size_t *n_out, struct error *err);

#endif
