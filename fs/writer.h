/* Whether a close of an open .nodes ends a list, by what /proc tells of who closes. Any thread. */
#ifndef BALANCERFS_WRITER_H
#define BALANCERFS_WRITER_H

#include <sys/types.h>

enum writer {
    WRITER_DONE,    /* the list is complete; also when it cannot be told */
    WRITER_GOES_ON, /* a child that only inherited the file, or one of several descriptors */
    WRITER_KILLED   /* by a signal, in the middle of its list */
};

/* A thread's process; 0: it cannot be told. */
pid_t writer_process(pid_t tid);

/* The thread tid closes a file that the process opener has opened (0: unknown). tail: the end of
 * the file's path, by which other descriptors of it are known. */
enum writer writer_closes(pid_t opener, pid_t tid, const char *tail);

#endif
