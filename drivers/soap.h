/* One SOAP 1.1 call at a time: a request out by libcurl, a reply back by libxml2.
 *
 * A request has the parts of the load balancer's WSDL: nothing, an array of names, or that and
 * an array of arrays beside it. It is typed in full and its parts stand in the WSDL's order, which
 * is what every server tried understands. A reply is read by local names and position, because
 * prefixes, item names and multiRef are each server's own.
 *
 * What is not done: redirects, proxies, .netrc, entities, a DOCTYPE, compressed replies, and
 * sending a request twice: libcurl repeats one when a kept connection dies, so what writes gets
 * a connection of its own. */
#ifndef BALANCERFS_SOAP_H
#define BALANCERFS_SOAP_H

#include "drivers/buf.h"

#define SOAP_REPLY_MAX (16 << 20) /* bytes of a reply */

/* Where, and as whom. Strings are borrowed. */
struct soap_server {
    const char *name;       /* for errors: HOST:PORT */
    const char *url;        /* http or https */
    const char *user;       /* no colon */
    const char *ca_file;    /* or NULL: the system's */
    const char *pinned_key; /* or NULL; checked also when verify is false */
    bool verify;
    const char *space; /* the operations' XML namespace, with a slash at its end */
};

struct soap_names {
    const char *const *at;
    size_t n;
};

enum soap_shape { SOAP_VOID, SOAP_NAMES, SOAP_ROWS };

struct soap_request {
    const char *operation;
    const struct soap_names *names; /* the part "names", or NULL */
    const char *rows_part;          /* the name of the part with rows, or NULL */
    const struct soap_names *rows;  /* names->n of them */
    enum soap_shape shape;          /* of the reply */
    bool writes;
};

struct soap_row {
    char **at;
    size_t n;
};

/* NAMES: one row. A string that came as base64, which is what some servers make of what is not
 * ASCII, has "base64 " in front and so passes no gate for names. */
struct soap_reply {
    struct soap_row *rows;
    size_t n;
    char fault[64]; /* SOAP_FAULTED: the type's local name, or "" when there is no detail */
    char text[512]; /* and the server's own words */
};

enum soap_result {
    SOAP_DONE,
    SOAP_FAULTED, /* a SOAP fault; *err is EREMOTEIO with its text */
    SOAP_FAILED,  /* the server has not begun with it; *err */
    SOAP_UNCLEAR  /* sent, and no answer that can be understood; *err */
};

/* The request's text, added to out. EINVAL: a name holds what XML cannot. */
int soap_request_write(const struct soap_request *q, const char *space, struct buf *out,
                       struct error *err);

/* Reads a reply to operation. DONE, FAULTED or UNCLEAR. out is to be freed in any case. */
enum soap_result soap_reply_read(const char *text, size_t len, const char *operation,
                                 enum soap_shape shape, struct soap_reply *out, struct error *err);
void soap_reply_free(struct soap_reply *reply);

/* A client: for one thread at a time. server is borrowed for good. Contacts nobody. */
struct soap *soap_new(const struct soap_server *server, struct error *err);
void soap_free(struct soap *s);

/* Blocks until the deadline at most. out is to be freed in any case. */
enum soap_result soap_call(struct soap *s, const struct soap_request *q, const char *password,
                           int64_t deadline, struct soap_reply *out, struct error *err);

/* Both libraries' global state, once per process. Any thread. */
void soap_init(void);

#endif
