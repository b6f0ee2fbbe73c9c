/* What a load balancer is. The one header a driver needs.
 *
 * A driver tells which pools a balancer has, which nodes are in them, and makes changes to both.
 * It is a const struct driver: a name, a table of options and a few functions. The manual page
 * balancerfs-driver(3) ends with a complete one; drivers/dummy.c is another.
 *
 *   call       thread                     may block          may be NULL
 *   open       main, before the mount     no network         no
 *   get_pools  the balancer's worker      until its timeout  no
 *   get_nodes  the balancer's worker      until its timeout  no
 *   apply      the balancer's worker      until its timeout  no
 *   status     any, beside another call   no                 yes
 *   probe      main, without a mount      until its timeout  yes
 *   close      after the last call        until its timeout  no
 *
 * Calls on one handle never overlap, but for status, for which a driver guards its own state.
 * Two handles of one driver are used from two threads at once: no globals.
 * All memory belongs to the caller, unless a comment says otherwise. What a callee is given it
 * borrows until it returns. */
#ifndef BALANCERFS_DRIVER_H
#define BALANCERFS_DRIVER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define BALANCERFS_ABI 1

/* ---- errors ------------------------------------------------------------------------------- */

/* An errno for the user of a system call, and a sentence for the log: one line, lower case, no
 * full stop, names the thing and, where there is one, the remedy.
 *
 *   EINVAL        a bad name or setting           EHOSTUNREACH  the host cannot be reached
 *   ECONNREFUSED  it refuses the connection       ETIMEDOUT     it did not answer in time
 *   EACCES        login, sudo, host key or certificate refused
 *   EREMOTEIO     the balancer refused the change; everything was put back
 *   EIO           the outcome of a change is unknown; the caller lists again before it goes on
 *   EBUSY         the pool is used by the balancer's own rules
 *   EEXIST        a name that differs from an existing one only in case, where case is ignored
 *   EPERM, EROFS, ENOSPC, ENOTEMPTY: as in system calls */
struct error {
    int num;
    char text[1024];
};

#if defined(__GNUC__)
#define BALANCERFS_PRINTF(f, a) __attribute__((format(printf, f, a)))
#else
#define BALANCERFS_PRINTF(f, a)
#endif

/* Fills *err and returns -1, so that a failure is one line: return error_set(err, ENOENT, ...).
 * Control characters become spaces; a text too long is cut. Any thread. */
int error_set(struct error *err, int num, const char *fmt, ...) BALANCERFS_PRINTF(3, 4);

/* ---- names -------------------------------------------------------------------------------- */

/* A checked name. Only pool_parse and node_parse make one; who holds one need not check again. */
struct pool {
    char name[64]; /* [A-Za-z0-9][A-Za-z0-9_.-]{0,62} */
};

struct node {
    char name[260]; /* HOST:PORT; HOST an IPv4 address, [IPv6 in canonical form] or a DNS name */
};

/* 0, or -1 with EINVAL and what is wrong with the text. Nothing is repaired. Any thread. */
int pool_parse(struct pool *pool, const char *text, struct error *err);
int node_parse(struct node *node, const char *text, struct error *err);

/* The host of a node without brackets, at most 253 bytes and a NUL, and the port. */
struct node_address {
    char host[254];
    uint16_t port;
    bool is_ipv6;
    bool is_ipv4;
};
void node_split(const struct node *node, struct node_address *out);

/* ---- listings ----------------------------------------------------------------------------- */

/* Collects what a balancer has. A driver only adds; adding twice is adding once. Names pass the
 * gate of pool_parse and node_parse; one that does not pass is counted and left out, as is what
 * a driver reports by listing_hidden (a unix socket, a server without a port).
 * Failure (no memory) is remembered and asked once, by the caller. */
struct listing;

/* What follows was seen on this host, until the next listing_host. A driver whose balancer is
 * one thing never calls it. */
void listing_host(struct listing *out, const char *host);
/* The pool exists, and what follows is in it. In get_nodes the pool asked for is preset. */
void listing_pool(struct listing *out, const char *name);
void listing_node(struct listing *out, const char *name);
/* The current pool has a member that no file name can show. */
void listing_hidden(struct listing *out);
/* In get_pools: the nodes of every pool are in this listing too; nobody need ask get_nodes. */
void listing_is_whole(struct listing *out);

/* ---- options ------------------------------------------------------------------------------ */

enum option_type {
    OPTION_STRING,
    OPTION_NUMBER,   /* 0 and up */
    OPTION_BOOL,     /* true false yes no on off */
    OPTION_DURATION, /* 200ms 10s 2m 1h; a number alone is seconds, 0.5 too */
    OPTION_SECRET,   /* a string that no log, status or core dump may show */
    OPTION_LIST,     /* strings; a single string is a list of one */
    OPTION_MAP,      /* names, each with a list of strings */
    OPTION_SECTIONS, /* a list of whole balancers */
    OPTION_ANY       /* name "*": every other key is accepted, whatever stands there (exec) */
};

/* A row of a driver's table. It checks the configuration, prints --help DRIVER and is compared
 * with balancerfs.conf(5). Ends with a row whose name is NULL. */
struct option {
    const char *name; /* lower case; matched without regard to case */
    enum option_type type;
    const char *fallback; /* the value when the key is absent; NULL: none */
    bool required;
    const char *help; /* one line, lower case */
};

/* A balancer's settings, checked against the tables. Valid as long as the handle. A name that
 * is in no table of the balancer is a programming error (assert). */
struct options;

bool options_has(const struct options *o, const char *name);           /* written by the user */
const char *options_string(const struct options *o, const char *name); /* or NULL; SECRET too */
int64_t options_number(const struct options *o, const char *name);
bool options_bool(const struct options *o, const char *name);
int64_t options_ms(const struct options *o, const char *name);
/* LIST: count and item. MAP: count, key, and the n-th key's own list. */
size_t options_count(const struct options *o, const char *name);
const char *options_item(const struct options *o, const char *name, size_t i);
const char *options_key(const struct options *o, const char *name, size_t i);
size_t options_key_count(const struct options *o, const char *name, size_t i);
const char *options_key_item(const struct options *o, const char *name, size_t i, size_t j);
/* SECTIONS: each is a balancer of its own. */
struct driver;
const struct driver *options_section_driver(const struct options *o, const char *name, size_t i);
const struct options *options_section(const struct options *o, const char *name, size_t i);
/* ANY: the keys that no row names, in the order of the file. The value of a scalar is its text,
 * that of a list its items, one a line; of all else, and of a list that would not fit that, it
 * is the JSON. In the JSON, plain numbers, true, false and ~ have their type, as in YAML. */
size_t options_other_count(const struct options *o);
const char *options_other_key(const struct options *o, size_t i);
const char *options_other_value(const struct options *o, size_t i);
const char *options_other_json(const struct options *o, size_t i);
/* The balancer's name in the configuration. */
const char *options_balancer(const struct options *o);
/* error_set(EINVAL) with "FILE:LINE:COLUMN: " of that key in front: for open to refuse a value. */
int options_error(const struct options *o, const char *name, struct error *err, const char *fmt,
                  ...) BALANCERFS_PRINTF(4, 5);
int options_other_error(const struct options *o, size_t i, struct error *err, const char *fmt, ...)
    BALANCERFS_PRINTF(4, 5);

/* ---- status ------------------------------------------------------------------------------- */

/* Collects what .status and --probe show. Text may hold anything; it is quoted where needed. */
struct status;

struct host_status {
    const char *name;
    const char *state;  /* "up", "down", "unknown" (not asked yet) */
    int64_t since_ms;   /* real time of the last change of state, ms since 1970; 0: never */
    int64_t latency_us; /* of the last answer; 0: none yet */
    const char *error;  /* the last error in full, or NULL */
    int64_t error_ms;   /* when that was */
    uint64_t missed;    /* changes kept for its return */
};
void status_host(struct status *out, const struct host_status *host);
/* A line "key: value" of the balancer. */
void status_note(struct status *out, const char *key, const char *fmt, ...) BALANCERFS_PRINTF(3, 4);
/* A row of the --probe table: text is what was found, or the error. */
void status_step(struct status *out, const char *host, const char *step, bool passed,
                 const char *text);

/* ---- the driver --------------------------------------------------------------------------- */

enum change_kind { ADD_NODE, DELETE_NODE, CREATE_POOL, DELETE_POOL };

struct change {
    enum change_kind kind;
    struct pool pool;
    struct node node; /* of ADD_NODE and DELETE_NODE */
};

struct driver {
    int abi;             /* BALANCERFS_ABI */
    const char *name;    /* BACKEND: name */
    const char *classes; /* last parts of dotted paths that mean this driver too, space between */
    const char *summary; /* a line for --help */
    const struct option *options;

    /* A handle, or NULL with *err set. Contacts nobody: a dead balancer must not stop a mount. */
    void *(*open)(const struct options *options, struct error *err);

    /* Adds every pool to out; with listing_is_whole, every node too. */
    int (*get_pools)(void *lb, struct listing *out, struct error *err);

    /* Adds the pool's nodes to out. A pool that does not exist has none: no error. */
    int (*get_nodes)(void *lb, const struct pool *pool, struct listing *out, struct error *err);

    /* Makes all n changes, in order, as one transaction: all are in force when it returns 0; none
     * is when it returns -1, unless errno is EIO. Sets: adding what is there and deleting what
     * is not are no change and no error. ADD_NODE creates a missing pool. DELETE_NODE of the
     * last node leaves an empty pool. CREATE_POOL of an existing one is no change. DELETE_POOL
     * of a missing one likewise; of one with nodes: ENOTEMPTY; of one in use: EBUSY. */
    int (*apply)(void *lb, const struct change *changes, size_t n, struct error *err);

    void (*close)(void *lb);

    /* Optional; new fields come after these. */
    void (*status)(void *lb, struct status *out);
    int (*probe)(void *lb, struct status *out, struct error *err);
};

/* An out-of-tree driver is a shared object that exports this. */
#define BALANCERFS_DRIVER_SYMBOL "balancerfs_driver"

/* The seed's interface, for callers: the same promises, in the words of Velociraptor. */
struct balancer {
    const struct driver *driver;
    void *lb;
};
int balancer_get_nodes(const struct balancer *b, const struct pool *pool, struct listing *out,
                       struct error *err);
int balancer_add_nodes(const struct balancer *b, const struct pool *pool, const struct node *nodes,
                       size_t n, struct error *err);
int balancer_delete_nodes(const struct balancer *b, const struct pool *pool,
                          const struct node *nodes, size_t n, struct error *err);

#ifdef __cplusplus
}
#endif

#endif
