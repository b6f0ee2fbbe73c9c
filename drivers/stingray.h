/* The parts of the Stingray driver among themselves: for stingray*.c only.
 *
 * Two threads use a handle: the balancer's worker, and a timer that removes nodes whose grace
 * period is over (stingray_grace.c). Each has a connection of its own. What changes pools is done
 * in turns: grace_turn and grace_turn_end. */
#ifndef BALANCERFS_STINGRAY_H
#define BALANCERFS_STINGRAY_H

#include "drivers/soap.h"
#include <pthread.h>

struct grace;

struct stingray {
    const struct options *options;
    struct soap_server server;
    char *name; /* HOST:PORT of url */
    const char *prefix;
    int64_t timeout_ms, grace_ms;
    struct soap *soap; /* the worker's */
    struct grace *grace;

    pthread_mutex_t lock; /* for what follows */
    struct buf password;  /* as last read; empty: to be read */
    struct host_status seen;
    char *last_error;
};

/* ---- calls (stingray_call.c) -------------------------------------------------------------- */

enum operation {
    GET_POOL_NAMES,
    GET_NODES, /* active and draining ones, not the disabled */
    GET_DISABLED_NODES,
    GET_DRAINING_NODES,
    ADD_POOL,
    POOL_DELETE,
    ADD_NODES,
    REMOVE_NODES,
    ENABLE_NODES,
    DISABLE_NODES,
    ADD_DRAINING_NODES
};

enum answer {
    ANSWER_DONE,
    ANSWER_MISSING,    /* ObjectDoesNotExist */
    ANSWER_EXISTS,     /* ObjectAlreadyExists */
    ANSWER_IN_USE,     /* ObjectInUse */
    ANSWER_INVALID,    /* InvalidInput, InvalidOperation */
    ANSWER_UNDEPLOYED, /* DeploymentError: stored perhaps, not in force */
    ANSWER_REFUSED,    /* any other fault */
    ANSWER_FAILED,     /* not begun */
    ANSWER_UNCLEAR     /* begun, and no usable answer */
};

/* Who calls, and how long he can wait. */
struct caller {
    struct stingray *lb;
    struct soap *soap;
    int64_t deadline;
};

/* names: pools as the server calls them. rows: names->n lists of nodes, or NULL. All but DONE set
 * *err. The caller frees *out in any case. */
enum answer stingray_call(const struct caller *c, enum operation op, const struct soap_names *names,
                          const struct soap_names *rows, struct soap_reply *out, struct error *err);
/* The same about one pool; a list of one row must come back where one is due. */
enum answer stingray_call_pool(const struct caller *c, enum operation op, const char *pool,
                               const struct soap_names *nodes, struct soap_reply *out,
                               struct error *err);
bool operation_writes(enum operation op);

/* Remembers how a whole operation ended, for status. Returns result. Any thread. */
int stingray_note(struct stingray *lb, int result, const struct error *err);

/* A node's name by which names are compared: IPv6 in its canonical form. malloc; NULL: no memory.*/
char *stingray_key(const char *text);

/* ---- grace periods (stingray_grace.c) ----------------------------------------------------- */

struct grace *grace_new(struct stingray *lb, struct error *err);
/* Finishes what is waiting, within seconds. NULL is fine. */
void grace_free(struct grace *g);

/* The right to change pools, until grace_turn_end. -1 with ETIMEDOUT. */
int grace_turn(struct grace *g, int64_t deadline, struct error *err);
void grace_turn_end(struct grace *g);

/* The timer runs: from here on grace_add cannot fail but for memory. */
int grace_start(struct grace *g, struct error *err);
/* The node was disabled: it is to be removed when the grace period is over. With the turn. */
int grace_add(struct grace *g, const char *pool, const char *node, struct error *err);
/* It is not to be removed. key NULL: no node of the pool. */
void grace_drop(struct grace *g, const char *pool, const char *key);
bool grace_has(struct grace *g, const char *pool, const char *key);
size_t grace_count(struct grace *g);

/* ---- transactions (stingray_apply.c) ------------------------------------------------------ */

int stingray_apply(struct stingray *lb, const struct change *changes, size_t n, struct error *err);

#endif
