/* One thread and one session per host, which do what transaction.c tells them. */
#include "drivers/hosts.h"
#include "drivers/clock.h"
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#define RETRY_MS 2000  /* after a failed connection the same error is given so long */
#define PING_MS 20000  /* an idle session is asked so often: only that finds a frozen host */
#define ANSWER_MS 5000 /* for an answer to it */

/* ---- the session -------------------------------------------------------------------------- */

static void session_end(struct host *h)
{
    agent_close(h->agent);
    h->agent = NULL;
    h->knows = h->holding = false;
}

static void session_failed(struct host *h, const struct error *err)
{
    h->failure = *err;
    h->retry_at = clock_now_ms() + RETRY_MS;
}

/* An open session, or AGENT_LOST with h->err. */
static enum agent_result session_need(struct host *h)
{
    int64_t deadline = clock_now_ms() + remote_connect_ms(h->hosts->config);

    if (h->agent)
        return AGENT_OK;
    if (clock_now_ms() < h->retry_at) {
        h->err = h->failure;
        return AGENT_LOST;
    }
    if (deadline > h->deadline)
        deadline = h->deadline;
    h->agent = agent_open(h->hosts->config, h->index, &h->hosts->setup, deadline, &h->err);
    if (h->agent)
        return AGENT_OK;
    session_failed(h, &h->err);
    return AGENT_LOST;
}

/* ---- steps -------------------------------------------------------------------------------- */

static enum agent_result read_once(struct host *h)
{
    enum agent_result result = session_need(h);

    if (result != AGENT_OK)
        return result;
    result = agent_read(h->agent, h->knows, &h->files, h->deadline, &h->err);
    h->knows = result == AGENT_OK || result == AGENT_SAME;
    return h->knows ? AGENT_OK : result;
}

static enum agent_result lock_once(struct host *h)
{
    enum agent_result result = session_need(h);

    if (result == AGENT_OK)
        result = agent_lock(h->agent, h->wait_s, h->deadline, &h->err);
    h->holding = result == AGENT_OK;
    return result;
}

/* A session that was open before may have died unnoticed: that is no error yet. */
static enum agent_result twice(struct host *h, enum agent_result once(struct host *))
{
    bool was_open = h->agent && !h->holding;
    enum agent_result result = once(h);

    if (result != AGENT_LOST || !was_open || h->err.num == ETIMEDOUT)
        return result;
    session_end(h);
    return once(h);
}

static enum agent_result do_prepare(struct host *h)
{
    enum agent_result result;

    if (!h->agent || !h->knows)
        return AGENT_STALE;
    result = agent_prepare(h->agent, &h->change, h->wait_s, h->deadline, &h->err);
    h->holding = result == AGENT_OK;
    return result;
}

/* How the host took its last change, if it tells. */
static void note_take(struct host *h, const char *note)
{
    if (!*note)
        return;
    (void)pthread_mutex_lock(&h->hosts->lock);
    (void)snprintf(h->note, sizeof h->note, "%s", note);
    (void)pthread_mutex_unlock(&h->hosts->lock);
}

/* Without a session there is nothing to commit: the loop has put the old files back, or will. */
static enum agent_result do_commit(struct host *h)
{
    enum agent_result result;

    if (!h->agent) {
        (void)error_set(&h->err, EHOSTUNREACH, "%s: the session was lost before the reload",
                        h->name);
        return AGENT_REFUSED;
    }
    h->knows = false;
    result = agent_commit(h->agent, h->deadline, &h->err);
    h->holding = result == AGENT_OK;
    note_take(h, agent_note(h->agent));
    return result;
}

static enum agent_result do_end(struct host *h,
                                enum agent_result end(struct agent *, int64_t, struct error *))
{
    enum agent_result result;

    h->holding = false;
    if (!h->agent) {
        (void)error_set(&h->err, EIO, "%s: the session was lost", h->name);
        return AGENT_LOST;
    }
    h->knows = false;
    result = end(h->agent, h->deadline, &h->err);
    return result;
}

static bool same_text(const struct file *want, const struct file *have)
{
    size_t len = want->len;

    if (have->len != len && (have->len != len + 1 || have->text[len] != '\n'))
        return false;
    return memcmp(want->text, have->text, len) == 0;
}

static bool in_force(const struct host *h)
{
    for (size_t i = 0; i < h->change.n; i++) {
        const struct file *want = &h->change.at[i];
        const struct file *have = files_find(&h->files, want->name);

        if (want->text ? !have || !same_text(want, have) : have != NULL)
            return false;
    }
    return true;
}

/* With its lock, which the lost loop gives up within its patience, a host tells what is so. */
static enum agent_result settle_once(struct host *h)
{
    enum agent_result result;

    h->retry_at = 0;
    h->wait_s = 1 + agent_beat_ms() / 1000;
    result = lock_once(h);
    if (result == AGENT_OK)
        result = read_once(h);
    if (result == AGENT_OK)
        result = agent_abort(h->agent, h->deadline, &h->err);
    h->holding = false;
    return result;
}

static enum agent_result do_settle(struct host *h)
{
    struct error lost = h->err;
    enum agent_result result;

    while ((result = settle_once(h)) != AGENT_OK && clock_left_ms(h->deadline) > 0) {
        session_end(h);
        (void)poll(NULL, 0, 200);
    }
    h->err = lost;
    if (result == AGENT_OK)
        return in_force(h) ? AGENT_OK : AGENT_REFUSED;
    return AGENT_LOST;
}

static enum agent_result step_do(struct host *h, enum step step)
{
    switch (step) {
    case STEP_READ:
        return twice(h, read_once);
    case STEP_LOCK:
        return twice(h, lock_once);
    case STEP_PREPARE:
        return do_prepare(h);
    case STEP_COMMIT:
        return do_commit(h);
    case STEP_SETTLE:
        return do_settle(h);
    case STEP_ROLLBACK:
        return do_end(h, agent_rollback);
    case STEP_ABORT:
        return do_end(h, agent_abort);
    case STEP_FORGET:
        return do_end(h, agent_forget);
    case STEP_NONE:
    case STEP_QUIT:
        break;
    }
    return AGENT_OK;
}

/* ---- status ------------------------------------------------------------------------------- */

static void status_set(struct host *h, const char *state)
{
    if (strcmp(h->status.state, state) != 0)
        h->status.since_ms = clock_real_ms();
    h->status.state = state;
}

/* With the lock. */
static void status_note_result(struct host *h, int64_t began_ms)
{
    bool failed = h->result == AGENT_LOST || h->result == AGENT_REFUSED;

    status_set(h, h->result == AGENT_LOST ? "down" : "up");
    if (h->result != AGENT_LOST)
        h->status.latency_us = (clock_now_ms() - began_ms) * 1000;
    if (!failed)
        return;
    free(h->last_error);
    h->last_error = strdup(h->err.text);
    h->status.error_ms = clock_real_ms();
}

/* ---- the thread --------------------------------------------------------------------------- */

static enum step step_get(struct host *h)
{
    enum step step;

    (void)pthread_mutex_lock(&h->hosts->lock);
    step = h->step;
    (void)pthread_mutex_unlock(&h->hosts->lock);
    return step;
}

static void step_run(struct host *h, enum step step)
{
    int64_t began = clock_now_ms();
    enum agent_result result = step_do(h, step);

    if (result == AGENT_LOST)
        session_end(h);
    (void)pthread_mutex_lock(&h->hosts->lock);
    h->result = result;
    status_note_result(h, began);
    h->step = STEP_NONE;
    (void)pthread_cond_broadcast(&h->hosts->done);
    (void)pthread_mutex_unlock(&h->hosts->lock);
}

static void idle_lost(struct host *h, const char *why)
{
    session_end(h);
    (void)pthread_mutex_lock(&h->hosts->lock);
    status_set(h, "unknown");
    free(h->last_error);
    h->last_error = strdup(why);
    h->status.error_ms = clock_real_ms();
    (void)pthread_mutex_unlock(&h->hosts->lock);
}

static void ping(struct host *h)
{
    struct error err;

    if (agent_ping(h->agent, clock_now_ms() + ANSWER_MS, &err) != AGENT_OK)
        idle_lost(h, err.text);
}

/* Until there may be a step; keeps the session alive, or notices that it is dead. */
static void idle(struct host *h)
{
    bool pending = false;
    struct pollfd fds[2] = {{h->wake, POLLIN, 0}, {-1, POLLIN, 0}};
    int ready, patience = h->holding ? agent_beat_ms() / 4 : PING_MS;
    uint64_t count;

    if (h->agent)
        fds[1].fd = agent_poll_fd(h->agent, &pending);
    ready = poll(fds, 2, pending ? 0 : h->agent ? patience : -1);
    if (fds[0].revents)
        (void)!read(h->wake, &count, sizeof count);
    else if (h->agent && (fds[1].revents || pending) && !agent_idle(h->agent))
        idle_lost(h, "the session was closed");
    else if (h->agent && ready == 0 && !pending)
        ping(h);
}

static void *host_main(void *arg)
{
    struct host *h = arg;
    enum step step;

    while ((step = step_get(h)) != STEP_QUIT)
        if (step == STEP_NONE)
            idle(h);
        else
            step_run(h, step);
    session_end(h);
    return NULL;
}

/* ---- for the caller ----------------------------------------------------------------------- */

static int host_start(struct host *h, struct error *err)
{
    int failed;

    if (h->started)
        return 0;
    failed = pthread_create(&h->thread, NULL, host_main, h);
    if (failed)
        return error_set(err, failed, "cannot start a thread for %s", h->name);
    h->started = true;
    return 0;
}

int host_begin(struct host *h, enum step step, int64_t deadline, struct error *err)
{
    const uint64_t one = 1;

    (void)pthread_mutex_lock(&h->hosts->lock);
    while (h->step != STEP_NONE)
        (void)pthread_cond_wait(&h->hosts->done, &h->hosts->lock);
    h->step = step;
    h->deadline = deadline;
    (void)pthread_mutex_unlock(&h->hosts->lock);
    if (host_start(h, err) != 0) {
        h->step = STEP_NONE;
        h->result = AGENT_LOST;
        h->err = *err;
        return -1;
    }
    (void)!write(h->wake, &one, sizeof one);
    return 0;
}

void hosts_wait(struct hosts *hs)
{
    (void)pthread_mutex_lock(&hs->lock);
    for (size_t i = 0; i < hs->n; i++)
        while (hs->at[i].step != STEP_NONE)
            (void)pthread_cond_wait(&hs->done, &hs->lock);
    (void)pthread_mutex_unlock(&hs->lock);
}

static int host_init(struct hosts *hs, size_t i)
{
    struct host *h = &hs->at[i];

    h->hosts = hs;
    h->index = i;
    h->name = remote_host_name(hs->config, i);
    h->status = (struct host_status){.name = h->name, .state = "unknown"};
    h->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    return h->wake < 0 ? -1 : 0;
}

static void order_by_name(struct hosts *hs)
{
    for (size_t i = 0; i < hs->n; i++) {
        size_t at = i;

        for (; at > 0 && strcmp(hs->at[hs->order[at - 1]].name, hs->at[i].name) > 0; at--)
            hs->order[at] = hs->order[at - 1];
        hs->order[at] = i;
    }
}

struct hosts *hosts_new(const struct remote_config *c, const struct agent_setup *setup,
                        size_t quorum, struct error *err)
{
    struct hosts *hs = calloc(1, sizeof *hs);
    size_t n = remote_host_count(c);

    if (hs) {
        hs->at = calloc(n ? n : 1, sizeof *hs->at);
        hs->order = calloc(n ? n : 1, sizeof *hs->order);
    }
    if (!hs || !hs->at || !hs->order) {
        hosts_free(hs);
        (void)error_set(err, ENOMEM, "out of memory");
        return NULL;
    }
    hs->config = c;
    hs->setup = *setup;
    hs->quorum = quorum;
    hs->seed = (unsigned int)clock_real_ms() ^ (unsigned int)getpid();
    (void)pthread_mutex_init(&hs->lock, NULL);
    (void)pthread_cond_init(&hs->done, NULL);
    for (; hs->n < n; hs->n++)
        if (host_init(hs, hs->n) != 0) {
            (void)error_set(err, errno, "eventfd: %s", strerror(errno));
            hosts_free(hs);
            return NULL;
        }
    order_by_name(hs);
    return hs;
}

static void host_free(struct host *h)
{
    struct error ignored;

    if (h->started && host_begin(h, STEP_QUIT, 0, &ignored) == 0)
        (void)pthread_join(h->thread, NULL);
    files_clear(&h->files);
    files_clear(&h->change);
    free(h->last_error);
    (void)close(h->wake);
}

void hosts_free(struct hosts *hs)
{
    if (!hs)
        return;
    for (size_t i = 0; i < hs->n; i++)
        host_free(&hs->at[i]);
    free(hs->at);
    free(hs->order);
    free(hs);
}

size_t hosts_count(const struct hosts *hs)
{
    return hs->n;
}

const struct files *hosts_files(const struct hosts *hs, size_t host)
{
    return hs->at[host].is_read ? &hs->at[host].files : NULL;
}

int hosts_failure(const struct hosts *hs, size_t host, struct error *err)
{
    if (hs->at[host].is_read)
        return 0;
    *err = hs->at[host].err;
    return -1;
}

static void notes_tell(const struct hosts *hs, struct status *out)
{
    for (size_t i = 0; i < hs->n; i++) {
        char key[300];

        if (!hs->at[i].note[0])
            continue;
        (void)snprintf(key, sizeof key, "changes on %s", hs->at[i].name);
        status_note(out, key, "%s", hs->at[i].note);
    }
}

void hosts_status(struct hosts *hs, struct status *out)
{
    (void)pthread_mutex_lock(&hs->lock);
    for (size_t i = 0; i < hs->n; i++) {
        struct host_status s = hs->at[i].status;

        s.error = hs->at[i].last_error;
        status_host(out, &s);
    }
    notes_tell(hs, out);
    (void)pthread_mutex_unlock(&hs->lock);
}
