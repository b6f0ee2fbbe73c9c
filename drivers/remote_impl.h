/* What a transport supplies, and what remote.c gives it. For remote*.c and the transports only.
 *
 * A transport does what can be done without waiting; remote.c has the loops, the deadlines and
 * what was taken in early. All descriptors are non-blocking and close-on-exec. */
#ifndef BALANCERFS_REMOTE_IMPL_H
#define BALANCERFS_REMOTE_IMPL_H

#include "drivers/buf.h"
#include "drivers/remote.h"
#include <poll.h>

struct remote_host {
    char *name;    /* as written */
    char *address; /* without brackets and port */
    uint16_t port;
    bool has_port; /* written with the host */
};

struct strings {
    char **at;
    size_t n;
};

struct remote_config {
    const struct options *options; /* for what is secret: never copied before it is needed */
    const struct transport *transport;
    char *user, *home;
    struct remote_host *hosts;
    size_t n_hosts;
    struct strings identities, known_hosts;                   /* paths, ~ expanded */
    bool has_user, has_port, has_identities, has_known_hosts; /* written by the user */
    bool accept_new, sudo;
    int64_t connect_ms;
};

enum remote_stream { REMOTE_OUT, REMOTE_ERR };
#define REMOTE_AGAIN (-2)

struct transport {
    const char *name;
    struct remote *(*open)(const struct remote_config *c, const struct remote_host *host,
                           const char *command, int64_t deadline, struct error *err);
    /* Bytes; 0: the stream has ended; REMOTE_AGAIN; -1 with *err set. */
    ptrdiff_t (*take)(struct remote *r, enum remote_stream which, void *data, size_t size,
                      struct error *err);
    /* Bytes, REMOTE_AGAIN, or -1 with *err set: EPIPE when the command reads no more. */
    ptrdiff_t (*give)(struct remote *r, const void *data, size_t len, struct error *err);
    /* Until take or (with POLLOUT among events) give may do more: remote_wait with its own. */
    int (*wait)(struct remote *r, short events, int64_t deadline, struct error *err);
    int (*poll_fd)(const struct remote *r);
    bool (*pending)(const struct remote *r); /* take has something that poll_fd does not tell */
    void (*close)(struct remote *r);         /* frees its own, ends with remote_free */
};

extern const struct transport transport_ssh, transport_openssh, transport_local;

/* The head of every transport's own struct. */
struct remote {
    const struct transport *transport;
    const char *host; /* its name, of the configuration */
    struct buf kept[2];
    size_t used[2]; /* of kept, by remote_read */
    bool ended[2];
    enum remote_stream next; /* whose turn it is, so that neither starves the other */
};

/* Zeroed, size bytes, which begin with a struct remote. NULL with *err set. */
void *remote_new(size_t size, const struct transport *t, const struct remote_host *host,
                 struct error *err);
void remote_free(struct remote *r);

/* poll(2) on fds. 0: something is ready. -1: ETIMEDOUT, or EIO. */
int remote_wait(const struct remote *r, struct pollfd *fds, nfds_t n, int64_t deadline,
                struct error *err);

/* Before another try at something: 0 after the pause, -1 when there is no time for it. */
int remote_pause(const struct remote *r, int64_t ms, int64_t deadline);

/* The command as one word of a POSIX shell, within "sh -c ". */
void remote_quote(struct buf *out, const char *command);

/* Leading ~/ becomes home. NULL: no memory. */
char *remote_expand(const char *home, const char *path);

#endif
