/* One thread that waits for signals. */
#include "mount/signals.h"
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <unistd.h>

struct signals {
    pthread_t thread;
    int fd, end; /* signals; the wish to end */
    void (*hang_up)(void *);
    void (*stop)(void *);
    void *arg;
};

static void wanted(sigset_t *set)
{
    (void)sigemptyset(set);
    (void)sigaddset(set, SIGHUP);
    (void)sigaddset(set, SIGINT);
    (void)sigaddset(set, SIGTERM);
}

void signals_block(void)
{
    sigset_t set;

    wanted(&set);
    (void)sigprocmask(SIG_BLOCK, &set, NULL);
}

static void *signals_wait(void *arg)
{
    struct signals *s = arg;
    struct pollfd fds[] = {{s->fd, POLLIN, 0}, {s->end, POLLIN, 0}};
    struct signalfd_siginfo info;

    while (!fds[1].revents) {
        if (poll(fds, 2, -1) < 0 || fds[1].revents)
            continue;
        if (read(s->fd, &info, sizeof info) != sizeof info)
            continue;
        if (info.ssi_signo == SIGHUP)
            s->hang_up(s->arg);
        else
            s->stop(s->arg);
    }
    return NULL;
}

static void signals_free(struct signals *s)
{
    if (s->fd >= 0)
        (void)close(s->fd);
    if (s->end >= 0)
        (void)close(s->end);
    free(s);
}

struct signals *signals_start(void (*hang_up)(void *), void (*stop)(void *), void *arg,
                              struct error *err)
{
    struct signals *s = calloc(1, sizeof *s);
    sigset_t set;
    int failed;

    if (!s) {
        (void)error_set(err, ENOMEM, "out of memory");
        return NULL;
    }
    wanted(&set);
    s->hang_up = hang_up;
    s->stop = stop;
    s->arg = arg;
    s->fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
    s->end = eventfd(0, EFD_CLOEXEC);
    failed = s->fd < 0 || s->end < 0 ? errno : pthread_create(&s->thread, NULL, signals_wait, s);
    if (!failed)
        return s;
    (void)error_set(err, failed, "signals: %s", strerror(failed));
    signals_free(s);
    return NULL;
}

void signals_end(struct signals *s)
{
    (void)eventfd_write(s->end, 1);
    (void)pthread_join(s->thread, NULL);
    signals_free(s);
}
