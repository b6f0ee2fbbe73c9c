/* Starting and ending a program on this machine. */
#include "drivers/child.h"
#include "drivers/clock.h"
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <spawn.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/pidfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

static void close_fd(int *fd)
{
    if (*fd >= 0)
        (void)close(*fd);
    *fd = -1;
}

/* Our ends into c, the child's into theirs. */
static int make_streams(struct child *c, int theirs[3])
{
    int pair[2];

    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) != 0)
        return -1;
    c->in = pair[0];
    theirs[0] = pair[1];
    for (int i = 0; i < 2; i++) {
        struct epoll_event event = {.events = EPOLLIN, .data.fd = i};

        if (pipe2(pair, O_CLOEXEC) != 0)
            return -1;
        c->out[i] = pair[0];
        theirs[1 + i] = pair[1];
        if (fcntl(pair[0], F_SETFL, O_NONBLOCK) != 0 ||
            epoll_ctl(c->any, EPOLL_CTL_ADD, pair[0], &event) != 0)
            return -1;
    }
    return fcntl(c->in, F_SETFL, O_NONBLOCK);
}

static int start(struct child *c, const char *const argv[], char *const environment[],
                 const int theirs[3])
{
    posix_spawn_file_actions_t files;
    posix_spawnattr_t attributes;
    sigset_t all, none;
    int failed;

    (void)sigfillset(&all);
    (void)sigemptyset(&none);
    (void)posix_spawn_file_actions_init(&files);
    (void)posix_spawnattr_init(&attributes);
    for (int i = 0; i < 3; i++)
        (void)posix_spawn_file_actions_adddup2(&files, theirs[i], i);
    (void)posix_spawn_file_actions_addclosefrom_np(&files, 3);
    (void)posix_spawnattr_setsigdefault(&attributes, &all);
    (void)posix_spawnattr_setsigmask(&attributes, &none);
    (void)posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK |
                                                    POSIX_SPAWN_SETSID);
    failed = posix_spawnp(&c->pid, argv[0], &files, &attributes, (char *const *)argv,
                          environment ? environment : environ);
    (void)posix_spawn_file_actions_destroy(&files);
    (void)posix_spawnattr_destroy(&attributes);
    return failed;
}

/* The daemon may run with 0, 1 or 2 closed: their numbers must not become the child's streams. */
static void keep_above_stdio(int theirs[3])
{
    for (int i = 0; i < 3; i++) {
        int higher;

        if (theirs[i] < 0 || theirs[i] > 2)
            continue;
        higher = fcntl(theirs[i], F_DUPFD_CLOEXEC, 3);
        (void)close(theirs[i]);
        theirs[i] = higher;
    }
}

int child_spawn(struct child *c, const char *const argv[], char *const environment[],
                struct error *err)
{
    int theirs[3] = {-1, -1, -1}, failed;

    *c = (struct child){0, -1, {-1, -1}, epoll_create1(EPOLL_CLOEXEC)};
    failed = c->any < 0 || make_streams(c, theirs) != 0 ? errno : 0;
    keep_above_stdio(theirs);
    if (!failed)
        failed = start(c, argv, environment, theirs);
    for (int i = 0; i < 3; i++)
        close_fd(&theirs[i]);
    if (!failed)
        return 0;
    c->pid = 0;
    child_hang_up(c);
    return error_set(err, failed, "cannot start %s: %s", argv[0], strerror(failed));
}

ptrdiff_t child_take(struct child *c, int which, void *data, size_t size)
{
    ssize_t n;

    if (c->out[which] < 0)
        return 0;
    do
        n = read(c->out[which], data, size);
    while (n < 0 && errno == EINTR);
    if (n == 0)
        close_fd(&c->out[which]);
    return n;
}

ptrdiff_t child_give(struct child *c, const void *data, size_t len)
{
    ssize_t n;

    do
        n = send(c->in, data, len, MSG_NOSIGNAL);
    while (n < 0 && errno == EINTR);
    return n;
}

void child_hang_up(struct child *c)
{
    close_fd(&c->in);
    close_fd(&c->out[0]);
    close_fd(&c->out[1]);
    close_fd(&c->any);
}

int child_wait(struct child *c, int64_t deadline)
{
    int status = 0, pause_ms = 1;

    while (c->pid) {
        pid_t ended = waitpid(c->pid, &status, WNOHANG);

        if (ended == c->pid || (ended < 0 && errno != EINTR)) {
            c->pid = 0;
        } else if (clock_left_ms(deadline) == 0) {
            return -1;
        } else {
            (void)poll(NULL, 0, pause_ms);
            pause_ms = pause_ms < 16 ? pause_ms * 2 : pause_ms;
        }
    }
    return status;
}

int child_end_fd(const struct child *c)
{
    return pidfd_open(c->pid, 0);
}

void child_signal(const struct child *c, int signal)
{
    if (!c->pid)
        return;
    (void)kill(-c->pid, signal);
    (void)kill(c->pid, signal);
}

void child_kill(struct child *c)
{
    if (!c->pid)
        return;
    child_signal(c, SIGKILL);
    (void)child_wait(c, INT64_MAX);
}

static void *reap(void *pid)
{
    while (waitpid((pid_t)(intptr_t)pid, NULL, 0) < 0 && errno == EINTR)
        ;
    return NULL;
}

void child_abandon(struct child *c)
{
    pthread_attr_t attributes;
    pthread_t thread;

    if (!c->pid)
        return;
    (void)pthread_attr_init(&attributes);
    (void)pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
    (void)pthread_attr_setstacksize(&attributes, 65536);
    (void)pthread_create(&thread, &attributes, reap, (void *)(intptr_t)c->pid);
    (void)pthread_attr_destroy(&attributes);
    c->pid = 0;
}
