/* A program run to its end, bounded in time and in what it may say. For exec. */
#ifndef BALANCERFS_EXEC_RUN_H
#define BALANCERFS_EXEC_RUN_H

#include "drivers/buf.h"

struct run {
    const char *const *argv;
    char *const *environment;
    const void *input;
    size_t input_len;
    int64_t deadline;
    size_t max_output;
};

enum run_end {
    RUN_EXITED,   /* code: its exit status */
    RUN_SIGNAL,   /* code: the signal that ended it */
    RUN_TIMEOUT,  /* it did not end by the deadline, and was ended with its group */
    RUN_TOO_MUCH, /* it printed more than max_output, and was ended with its group */
};

struct run_result {
    enum run_end end;
    int code;
    struct buf output;
    char said[512]; /* the last line of standard error that is not blank; cut */
    bool unread;    /* it ended, or closed its standard input, before it had read all of it */
};

/* Ends when the program does, whatever holds its pipes then. -1 with *err set: it was not started.
 * The caller frees output, in any case. */
int exec_run(const struct run *run, struct run_result *result, struct error *err);

#endif
