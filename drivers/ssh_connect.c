/* A TCP connection to a host by name: looking it up, and trying all of its addresses. */
#include "drivers/clock.h"
#include "drivers/ssh_impl.h"
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#define TRIES_MAX 16
/* An address gets so long before the next one is tried beside it. */
#define HEAD_START_MS 300

/* ---- names -------------------------------------------------------------------------------- */

/* getaddrinfo cannot be told when to give up: it runs in a thread of its own, and is left alone
 * when it takes too long. The last one to leave frees. */
struct lookup {
    atomic_int users;
    int done; /* eventfd */
    int failed;
    struct addrinfo *found;
    char port[8];
    char host[]; /* copied: the asker may be gone */
};

static void lookup_leave(struct lookup *l)
{
    if (atomic_fetch_sub(&l->users, 1) > 1)
        return;
    if (l->found)
        freeaddrinfo(l->found);
    (void)close(l->done);
    free(l);
}

static void *lookup_main(void *arg)
{
    const struct addrinfo hints = {.ai_socktype = SOCK_STREAM};
    const uint64_t one = 1;
    struct lookup *l = arg;

    l->failed = getaddrinfo(l->host, l->port, &hints, &l->found);
    (void)!write(l->done, &one, sizeof one);
    lookup_leave(l);
    return NULL;
}

static struct lookup *lookup_new(const struct remote_host *h)
{
    size_t len = strlen(h->address) + 1;
    struct lookup *l = calloc(1, sizeof *l + len);

    if (!l)
        return NULL;
    l->users = 1;
    memcpy(l->host, h->address, len);
    (void)snprintf(l->port, sizeof l->port, "%u", (unsigned)h->port);
    l->done = eventfd(0, EFD_CLOEXEC);
    if (l->done >= 0)
        return l;
    free(l);
    return NULL;
}

static int lookup_start(struct lookup *l)
{
    const struct addrinfo numeric = {.ai_flags = AI_NUMERICHOST, .ai_socktype = SOCK_STREAM};
    pthread_attr_t attributes;
    pthread_t thread;
    int failed;

    l->users = 2;
    if (getaddrinfo(l->host, l->port, &numeric, &l->found) == 0) {
        const uint64_t one = 1;

        (void)!write(l->done, &one, sizeof one);
        l->users = 1;
        return 0;
    }
    (void)pthread_attr_init(&attributes);
    (void)pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
    failed = pthread_create(&thread, &attributes, lookup_main, l);
    (void)pthread_attr_destroy(&attributes);
    if (failed)
        l->users = 1;
    return failed;
}

/* The addresses, which lookup_leave frees; or NULL with *err. */
static const struct addrinfo *lookup_wait(const struct ssh *s, struct lookup *l, struct error *err)
{
    struct pollfd fds[1] = {{l->done, POLLIN, 0}};
    uint64_t one;

    if (remote_wait(&s->base, fds, 1, s->deadline, err) != 0) {
        if (err->num == ETIMEDOUT)
            (void)error_set(err, ETIMEDOUT, "%s: looking up the name %s took too long",
                            s->base.host, l->host);
        return NULL;
    }
    /* What the thread wrote before is seen after this. */
    (void)!read(l->done, &one, sizeof one);
    if (l->failed)
        (void)error_set(err, EHOSTUNREACH, "%s: no address for %s: %s", s->base.host, l->host,
                        gai_strerror(l->failed));
    return l->failed ? NULL : l->found;
}

/* ---- connections -------------------------------------------------------------------------- */

/* A peer that is gone is noticed within half a minute, idle or not. */
static void socket_tune(int fd)
{
    const int on = 1, idle_s = 10, interval_s = 5, count = 3, unanswered_ms = 20000;

    (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    (void)setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof on);
    (void)setsockopt(fd, IPPROTO_TCP, TCP_KEEPIDLE, &idle_s, sizeof idle_s);
    (void)setsockopt(fd, IPPROTO_TCP, TCP_KEEPINTVL, &interval_s, sizeof interval_s);
    (void)setsockopt(fd, IPPROTO_TCP, TCP_KEEPCNT, &count, sizeof count);
    (void)setsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &unanswered_ms, sizeof unanswered_ms);
}

struct attempts {
    struct pollfd fds[TRIES_MAX]; /* fd -1: it has failed */
    nfds_t n;
    int failed; /* the most telling errno so far */
};

/* Refused tells more than silence, and that more than no route. */
static void attempt_failed(struct attempts *a, int number)
{
    if (number == ECONNREFUSED || (number == ETIMEDOUT && a->failed != ECONNREFUSED) || !a->failed)
        a->failed = number;
}

static void attempt_start(struct attempts *a, const struct addrinfo *address)
{
    int fd = socket(address->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

    a->fds[a->n] = (struct pollfd){fd, POLLOUT, 0};
    if (fd < 0) {
        attempt_failed(a, errno);
        return;
    }
    socket_tune(fd);
    if (connect(fd, address->ai_addr, address->ai_addrlen) == 0 || errno == EINPROGRESS) {
        a->n++;
        return;
    }
    attempt_failed(a, errno);
    (void)close(fd);
}

/* One that is through, taken out of a; -1: none yet. */
static int attempt_done(struct attempts *a)
{
    for (nfds_t i = 0; i < a->n; i++) {
        int fd = a->fds[i].fd, number = 0;
        socklen_t size = sizeof number;

        if (fd < 0 || !a->fds[i].revents)
            continue;
        a->fds[i].fd = -1;
        if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &number, &size) == 0 && number == 0)
            return fd;
        attempt_failed(a, number ? number : errno);
        (void)close(fd);
    }
    return -1;
}

static bool attempts_pending(const struct attempts *a)
{
    for (nfds_t i = 0; i < a->n; i++)
        if (a->fds[i].fd >= 0)
            return true;
    return false;
}

/* All addresses in their order, each with a head start; the first that answers. */
static int attempts_run(const struct ssh *s, struct attempts *a, const struct addrinfo *next,
                        struct error *err)
{
    int fd;

    while (next || attempts_pending(a)) {
        int64_t until = s->deadline;

        if (next && a->n < TRIES_MAX)
            attempt_start(a, next);
        next = next && a->n < TRIES_MAX ? next->ai_next : NULL;
        if (next && until > clock_now_ms() + HEAD_START_MS)
            until = clock_now_ms() + HEAD_START_MS;
        if (!attempts_pending(a))
            continue;
        if (remote_wait(&s->base, a->fds, a->n, until, err) != 0) {
            if (err->num != ETIMEDOUT || clock_left_ms(s->deadline) == 0)
                return -1;
            continue;
        }
        fd = attempt_done(a);
        if (fd >= 0)
            return fd;
    }
    return error_set(err,
                     a->failed == ECONNREFUSED || a->failed == ETIMEDOUT ? a->failed : EHOSTUNREACH,
                     "%s: cannot connect to port %u: %s", s->base.host, (unsigned)s->where->port,
                     strerror(a->failed));
}

int ssh_connect(const struct ssh *s, struct error *err)
{
    struct attempts a = {.n = 0};
    struct lookup *l = lookup_new(s->where);
    const struct addrinfo *addresses;
    int fd = -1;

    if (!l || lookup_start(l) != 0) {
        (void)error_set(err, EHOSTUNREACH, "%s: out of memory, threads or descriptors",
                        s->base.host);
        addresses = NULL;
    } else {
        addresses = lookup_wait(s, l, err);
    }
    if (addresses)
        fd = attempts_run(s, &a, addresses, err);
    for (nfds_t i = 0; i < a.n; i++)
        if (a.fds[i].fd >= 0)
            (void)close(a.fds[i].fd);
    if (l)
        lookup_leave(l);
    return fd;
}
