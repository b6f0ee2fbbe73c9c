/* How the ssh program gets a password that is in no argument, no environment and no file.
 *
 * ssh runs a helper when it wants one (SSH_ASKPASS). The helper is this very program, started
 * again: before main it sees BALANCERFS_ASKPASS, connects to the socket named there, says what
 * ssh asks, prints the answer and ends. The socket has no file (it is abstract), so nothing can
 * be left behind. Either side checks the other: the helper that it talks to its own user, we that
 * the helper is a child of the very ssh we started; so neither another program of this user nor
 * the ssh that goes through a jump host is told the password.
 * It is given at most once to ssh's question for a passphrase, and once to another one; never
 * where ssh asks for a yes, a new password or the PIN of a hardware key. */
#ifndef BALANCERFS_ASKPASS_H
#define BALANCERFS_ASKPASS_H

#include "drivers/remote_impl.h"
#include <sys/types.h>

struct askpass {
    int fd; /* listens; -1: not open */
    char name[16];
    bool gave_passphrase, gave_password;
};

int askpass_open(struct askpass *a, struct error *err);
/* Ours and what ssh needs to find the helper; malloced at once, free is enough. NULL: no memory. */
char **askpass_environment(const struct askpass *a);
/* When fd is readable: one question, answered or refused. -1 with *err when there is a password
 * but it cannot be had. */
int askpass_serve(struct askpass *a, pid_t ssh, const struct remote_config *c, int64_t deadline,
                  struct error *err);
void askpass_close(struct askpass *a);

#endif
