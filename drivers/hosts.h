/* The threads and sessions under transaction.c, one of each per host; for transaction.c only.
 *
 * The caller's thread gives every host a step and waits until all are through. While a host has
 * a step, result, err, files and change are its thread's; else the caller's. */
#ifndef BALANCERFS_HOSTS_H
#define BALANCERFS_HOSTS_H

#include "drivers/transaction.h"
#include <pthread.h>

enum step {
    STEP_NONE,
    STEP_READ,
    STEP_LOCK,
    STEP_PREPARE,
    STEP_COMMIT,
    STEP_SETTLE, /* after a commit that was lost: is change in force? OK, REFUSED: no, LOST */
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
    int wait_s;

    enum agent_result result;
    struct error err;
    struct files files;  /* as read last */
    struct files change; /* for prepare */
    bool up, is_read;    /* the caller's: in this reading or change */

    /* The thread's own. */
    struct agent *agent;
    bool knows;   /* files are what the session read last */
    bool holding; /* locked, prepared or committed: it has to be heard of */
    int64_t retry_at;
    struct error failure; /* of connecting, until retry_at */

    struct host_status status; /* under hosts->lock; error is last_error */
    char *last_error;
    char note[200]; /* of the last commit; under hosts->lock */
};

struct hosts {
    const struct remote_config *config;
    struct agent_setup setup;
    pthread_mutex_t lock;
    pthread_cond_t done;
    size_t n, quorum;
    struct host *at;
    size_t *order; /* by name: whose lock comes first */
    unsigned int seed;
};

/* Waits for what is under way, then gives host the step. Starts its thread. */
int host_begin(struct host *h, enum step step, int64_t deadline, struct error *err);
void hosts_wait(struct hosts *hs);

#endif
