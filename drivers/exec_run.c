/* Feeds a program, takes what it says, and sees to its end.
 *
 * Nothing here waits for a pipe: a program may not read, may write without end, may leave
 * something behind that holds the pipes. What ends the call is the end of the program itself, or
 * the deadline. */
#include "drivers/exec_run.h"
#include "drivers/child.h"
#include "drivers/clock.h"
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
    CHUNK = 65536,
    ERRORS_KEPT = 4096, /* of standard error, the end */
    TERM_MS = 2000,     /* from SIGTERM to SIGKILL */
    KILL_MS = 1000,     /* then one that cannot even be killed is left to itself */
    DRAIN_ROUNDS = 1024 /* after its end, of CHUNK each: what others hold open may go on */
};

struct running {
    const struct run *run;
    struct run_result *result;
    struct child child;
    int end; /* readable once the program has ended */
    size_t given;
    bool shut;
    struct buf errors;
};

/* ---- the streams -------------------------------------------------------------------------- */

static void give(struct running *r)
{
    ptrdiff_t n = 0;

    while (!r->shut && r->given < r->run->input_len && n >= 0) {
        n = child_give(&r->child, (const char *)r->run->input + r->given,
                       r->run->input_len - r->given);
        if (n > 0)
            r->given += (size_t)n;
    }
    if (n < 0 && errno != EAGAIN)
        r->result->unread = r->shut = true;
    if (!r->shut && r->given == r->run->input_len) {
        r->shut = true;
        (void)shutdown(r->child.in, SHUT_WR);
    }
}

/* One chunk of each stream. false: there is no more now. */
static bool take(struct running *r)
{
    char chunk[CHUNK];
    ptrdiff_t n[2];

    for (int i = 0; i < 2; i++) {
        n[i] = child_take(&r->child, i, chunk, sizeof chunk);
        if (n[i] > 0)
            buf_add(i == 0 ? &r->result->output : &r->errors, chunk, (size_t)n[i]);
    }
    if (r->errors.len > ERRORS_KEPT)
        buf_drop_front(&r->errors, r->errors.len - ERRORS_KEPT);
    return n[0] > 0 || n[1] > 0;
}

static bool is_too_much(const struct running *r)
{
    return r->result->output.len > r->run->max_output || r->result->output.failed;
}

/* Until it has ended (true), has said too much, or the deadline. */
static bool pump(struct running *r, int64_t deadline)
{
    while (!is_too_much(r)) {
        struct pollfd fds[3] = {
            {r->child.any, POLLIN, 0}, {r->end, POLLIN, 0}, {r->child.in, POLLOUT, 0}};
        bool gives = !r->shut;

        if (poll(fds, gives ? 3 : 2, clock_left_ms(deadline)) < 0 && errno != EINTR)
            return false;
        if (gives)
            give(r);
        if (fds[1].revents)
            return true;
        (void)take(r);
        if (clock_left_ms(deadline) == 0)
            return false;
    }
    return false;
}

/* What was said before the end is all in the pipes by now. */
static void drain(struct running *r)
{
    char byte;

    for (int i = 0; i < DRAIN_ROUNDS && !is_too_much(r) && take(r); i++)
        ;
    /* The other end was closed with something unread in it: this socket says so, once. */
    if (recv(r->child.in, &byte, 1, MSG_DONTWAIT) < 0 && errno == ECONNRESET)
        r->result->unread = true;
}

/* ---- the end ------------------------------------------------------------------------------ */

static void end_by_force(struct running *r)
{
    child_signal(&r->child, SIGTERM);
    (void)pump(r, clock_now_ms() + TERM_MS);
    child_signal(&r->child, SIGKILL);
    if (child_wait(&r->child, clock_now_ms() + KILL_MS) == -1)
        child_abandon(&r->child);
}

static void note_end(struct running *r)
{
    int status = child_wait(&r->child, INT64_MAX);

    if (WIFSIGNALED(status)) {
        r->result->end = RUN_SIGNAL;
        r->result->code = WTERMSIG(status);
    } else {
        r->result->end = RUN_EXITED;
        r->result->code = WEXITSTATUS(status);
    }
}

static void note_last_line(struct running *r)
{
    const char *text = buf_text(&r->errors);
    size_t to = r->errors.len, from, len;

    while (to > 0 && strchr("\n\r \t", text[to - 1]))
        to--;
    for (from = to; from > 0 && text[from - 1] != '\n'; from--)
        ;
    len = to - from < sizeof r->result->said - 1 ? to - from : sizeof r->result->said - 1;
    if (len)
        memcpy(r->result->said, text + from, len);
    r->result->said[len] = '\0';
}

static int start(struct running *r, struct error *err)
{
    if (child_spawn(&r->child, r->run->argv, r->run->environment, err) == -1)
        return -1;
    r->end = child_end_fd(&r->child);
    if (r->end >= 0)
        return 0;
    (void)error_set(err, errno, "cannot watch %s: %s", r->run->argv[0], strerror(errno));
    child_kill(&r->child);
    child_hang_up(&r->child);
    return -1;
}

int exec_run(const struct run *run, struct run_result *result, struct error *err)
{
    struct running r = {.run = run, .result = result, .errors = BUF_INIT};

    *result = (struct run_result){.output = BUF_INIT};
    if (start(&r, err) == -1)
        return -1;
    if (pump(&r, run->deadline)) {
        drain(&r);
        note_end(&r);
    } else {
        result->end = is_too_much(&r) ? RUN_TOO_MUCH : RUN_TIMEOUT;
        end_by_force(&r);
    }
    if (is_too_much(&r) && result->end == RUN_EXITED)
        result->end = RUN_TOO_MUCH;
    note_last_line(&r);
    (void)close(r.end);
    child_hang_up(&r.child);
    buf_free(&r.errors);
    return 0;
}
