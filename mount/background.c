/* A daemon whose start is answered for by its parent.
 *
 * fs_serve's ready has no argument, and there is one parent: hence the static variable. */
#include "mount/background.h"
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static int parent = -1; /* the writing end of the pipe to it */

static _Noreturn void wait_for(pid_t child, int fd)
{
    int status = 0;
    char byte;
    sigset_t none;
    ssize_t n;

    /* The child has the signals blocked; this one only waits, and may be interrupted. */
    (void)sigemptyset(&none);
    (void)sigprocmask(SIG_SETMASK, &none, NULL);
    while ((n = read(fd, &byte, 1)) == -1 && errno == EINTR)
        ;
    if (n == 1)
        _exit(0);
    while (waitpid(child, &status, 0) == -1 && errno == EINTR)
        ;
    _exit(WIFEXITED(status) && WEXITSTATUS(status) ? WEXITSTATUS(status) : 1);
}

int background_start(struct error *err)
{
    int fds[2];
    pid_t child;

    if (pipe2(fds, O_CLOEXEC) != 0)
        return error_set(err, errno, "pipe: %s", strerror(errno));
    child = fork();
    if (child == -1) {
        int why = errno;

        (void)close(fds[0]);
        (void)close(fds[1]);
        return error_set(err, why, "fork: %s", strerror(why));
    }
    if (child)
        wait_for(child, fds[0]);
    (void)close(fds[0]);
    parent = fds[1];
    (void)setsid();
    return chdir("/") == 0 ? 0 : error_set(err, errno, "/: %s", strerror(errno));
}

void background_ready(void)
{
    int null;

    if (parent == -1)
        return;
    null = open("/dev/null", O_RDWR | O_CLOEXEC);
    for (int fd = 0; fd <= 2 && null != -1; fd++)
        (void)dup2(null, fd);
    if (null > 2)
        (void)close(null);
    /* It may have been interrupted; SIGPIPE is ignored. */
    if (write(parent, "", 1) == -1)
        errno = 0;
    (void)close(parent);
    parent = -1;
}
