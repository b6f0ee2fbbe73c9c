/* A program on this machine with its three streams in our hands, none of which ever blocks us.
 * It gets no other descriptor of ours, default signals, and a session of its own. */
#ifndef BALANCERFS_CHILD_H
#define BALANCERFS_CHILD_H

#include "drivers/driver.h"
#include <sys/types.h>

struct child {
    pid_t pid;  /* 0: none, or ended and waited for */
    int in;     /* a socket, so that writing raises no SIGPIPE; -1: closed */
    int out[2]; /* standard output and standard error; -1: closed */
    int any;    /* epoll: readable when one of out is */
};

/* environment NULL: ours. -1 with *err set: nothing runs then. */
int child_spawn(struct child *c, const char *const argv[], char *const environment[],
                struct error *err);

/* Bytes; 0: ended; -1: errno, EAGAIN among them. */
ptrdiff_t child_take(struct child *c, int which, void *data, size_t size);
ptrdiff_t child_give(struct child *c, const void *data, size_t len);

/* Closes our ends: the program sees the end of its input. */
void child_hang_up(struct child *c);

/* Until it has ended: its status as of wait(2). -1: not by the deadline. */
int child_wait(struct child *c, int64_t deadline);

/* A descriptor that is readable once it has ended and before it is waited for; the caller closes
 * it. -1 with errno. */
int child_end_fd(const struct child *c);

/* To it and to all in its session's group. Not after it was waited for. */
void child_signal(const struct child *c, int signal);

void child_kill(struct child *c);    /* SIGKILL to it and to all in its session's group; waits */
void child_abandon(struct child *c); /* it may run on as long as it wants, and is reaped */

#endif
