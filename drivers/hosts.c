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

#define PING_MS 20000    /* an idle session is asked so often: only that finds a frozen host */
#define ANSWER_MS 5000   /* for an answer to a ping */
#define MAKE_UP_MS 20000 /* for a host that is back, and between two tries */

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

void host_error_note(struct host *h, const char *text)
{
    (void)pthread_mutex_lock(&h->hosts->lock);
    free(h->last_error);
    h->last_error = strdup(text);
    h->status.error_ms = clock_real_ms();
    (void)pthread_mutex_unlock(&h->hosts->lock);
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
    (void)pthread_mutex_unlock(&h->hosts->lock);
    host_error_note(h, why);
}

static void ping(struct host *h)
{
    struct error err;

    if (agent_ping(h->agent, clock_now_ms() + ANSWER_MS, &err) != AGENT_OK)
        idle_lost(h, err.text);
}

/* Of itself, so that a host that is back is used within seconds, and what it missed is made up
 * for, or its files put right, before anybody asks. */
static void come_back(struct host *h)
{
    struct hosts *hs = h->hosts;
    struct error err;
    enum agent_result result;

    (void)pthread_mutex_lock(&hs->lock);
    h->connecting = h->step == STEP_NONE;
    (void)pthread_mutex_unlock(&hs->lock);
    if (!h->connecting)
        return;
    result = session_open(h, INT64_MAX, &err);
    (void)pthread_mutex_lock(&hs->lock);
    h->connecting = false;
    status_set(h, result == AGENT_OK ? "up" : "down");
    hs->returned |= result == AGENT_OK;
    (void)pthread_cond_broadcast(&hs->done);
    (void)pthread_mutex_unlock(&hs->lock);
    if (result != AGENT_OK)
        host_error_note(h, err.text);
}

/* For poll(2): how long there is nothing to do but to listen. */
static int idle_ms(const struct host *h, bool pending)
{
    int left;

    if (pending)
        return 0;
    if (h->agent)
        return h->holding ? agent_beat_ms() / 4 : agent_ping_ms();
    if (!h->was_up && h->hosts->quorum == h->hosts->n)
        return -1;
    (void)pthread_mutex_lock(&h->hosts->lock);
    left = clock_left_ms(h->retry_at);
    (void)pthread_mutex_unlock(&h->hosts->lock);
    return left;
}

/* Until there may be a step; keeps the session alive, or notices that it is dead. */
static void idle(struct host *h)
{
    bool pending = false;
    struct pollfd fds[2] = {{h->wake, POLLIN, 0}, {-1, POLLIN, 0}};
    int ready;
    uint64_t count;

    if (h->agent)
        fds[1].fd = agent_poll_fd(h->agent, &pending);
    ready = poll(fds, 2, idle_ms(h, pending));
    if (fds[0].revents)
        (void)!read(h->wake, &count, sizeof count);
    else if (h->agent && (fds[1].revents || pending) && !agent_idle(h->agent))
        idle_lost(h, "the session was closed");
    else if (h->agent && ready == 0 && !pending)
        ping(h);
    else if (!h->agent && ready == 0)
        come_back(h);
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

/* ---- the watch ---------------------------------------------------------------------------- */

static bool is_behind(const struct hosts *hs)
{
    for (size_t i = 0; i < hs->n; i++)
        if (hs->at[i].status.missed && strcmp(hs->at[i].status.state, "up") == 0)
            return true;
    return false;
}

/* True when hosts have to be looked after; false: the end. */
static bool watch_wait(struct hosts *hs)
{
    struct timespec end;
    bool quit;

    (void)pthread_mutex_lock(&hs->lock);
    (void)clock_gettime(CLOCK_MONOTONIC, &end);
    end.tv_sec += MAKE_UP_MS / 1000;
    while (!hs->returned && !hs->quit)
        if (!is_behind(hs))
            (void)pthread_cond_wait(&hs->done, &hs->lock);
        else if (pthread_cond_timedwait(&hs->done, &hs->lock, &end) == ETIMEDOUT)
            break;
    hs->returned = false;
    quit = hs->quit;
    (void)pthread_mutex_unlock(&hs->lock);
    return !quit;
}

static void *watch_main(void *arg)
{
    struct hosts *hs = arg;
    struct error ignored;

    while (watch_wait(hs)) {
        hosts_take(hs);
        (void)hosts_read(hs, clock_now_ms() + MAKE_UP_MS, &ignored);
        hosts_give(hs);
    }
    return NULL;
}

static void watch_end(struct hosts *hs)
{
    (void)pthread_mutex_lock(&hs->lock);
    hs->quit = true;
    (void)pthread_cond_broadcast(&hs->done);
    (void)pthread_mutex_unlock(&hs->lock);
    if (hs->watched)
        (void)pthread_join(hs->watch, NULL);
}

/* ---- for whose turn it is ----------------------------------------------------------------- */

static int host_start(struct host *h, struct error *err)
{
    struct hosts *hs = h->hosts;
    int failed = 0;

    if (!hs->watched && hs->n > 1)
        failed = pthread_create(&hs->watch, NULL, watch_main, hs);
    hs->watched |= hs->n > 1 && !failed;
    if (!failed && !h->started)
        failed = pthread_create(&h->thread, NULL, host_main, h);
    if (failed)
        return error_set(err, failed, "cannot start a thread for %s", h->name);
    h->started = true;
    return 0;
}

/* Where others go on without a host that is tried right now, nobody waits for that. */
static bool is_down(const struct host *h, enum step step)
{
    return h->connecting && h->failure.num && h->hosts->quorum < h->hosts->n &&
           (step == STEP_READ || step == STEP_LOCK);
}

int host_begin(struct host *h, enum step step, int64_t deadline, struct error *err)
{
    const uint64_t one = 1;
    bool down;

    (void)pthread_mutex_lock(&h->hosts->lock);
    while (h->step != STEP_NONE)
        (void)pthread_cond_wait(&h->hosts->done, &h->hosts->lock);
    down = is_down(h, step);
    if (down) {
        h->result = AGENT_LOST;
        h->err = h->failure;
    } else {
        h->step = step;
        h->deadline = deadline;
    }
    (void)pthread_mutex_unlock(&h->hosts->lock);
    if (down)
        return 0;
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

bool host_knows(struct host *h)
{
    bool knows;

    (void)pthread_mutex_lock(&h->hosts->lock);
    knows = h->knows;
    (void)pthread_mutex_unlock(&h->hosts->lock);
    return knows;
}

void hosts_take(struct hosts *hs)
{
    (void)pthread_mutex_lock(&hs->turn);
}

void hosts_give(struct hosts *hs)
{
    (void)pthread_mutex_unlock(&hs->turn);
}

/* ---- opening and closing ------------------------------------------------------------------ */

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

static void locks_init(struct hosts *hs)
{
    pthread_condattr_t attributes;

    (void)pthread_condattr_init(&attributes);
    (void)pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    (void)pthread_cond_init(&hs->done, &attributes);
    (void)pthread_condattr_destroy(&attributes);
    (void)pthread_mutex_init(&hs->lock, NULL);
    (void)pthread_mutex_init(&hs->turn, NULL);
}

struct hosts *hosts_new(const struct remote_config *c, const struct agent_setup *setup,
                        const struct hosts_dialect *dialect, size_t quorum, struct error *err)
{
    struct hosts *hs = calloc(1, sizeof *hs);
    size_t n = remote_host_count(c);

    if (hs) {
        hs->at = calloc(n ? n : 1, sizeof *hs->at);
        hs->order = calloc(n ? n : 1, sizeof *hs->order);
    }
    if (hs)
        locks_init(hs);
    if (!hs || !hs->at || !hs->order) {
        hosts_free(hs);
        (void)error_set(err, ENOMEM, "out of memory");
        return NULL;
    }
    hs->config = c;
    hs->setup = *setup;
    hs->dialect = *dialect;
    hs->quorum = hs->needed = quorum;
    hs->seed = (unsigned int)clock_real_ms() ^ (unsigned int)getpid();
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
    files_clear(&h->sees);
    free(h->last_error);
    (void)close(h->wake);
}

void hosts_free(struct hosts *hs)
{
    if (!hs)
        return;
    watch_end(hs);
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

bool hosts_files(const struct hosts *hs, size_t host, struct files *out)
{
    if (hs->at[host].is_read)
        *out = host_pools(&hs->at[host]);
    return hs->at[host].is_read;
}

int hosts_failure(const struct hosts *hs, size_t host, struct error *err)
{
    if (hs->at[host].is_read)
        return 0;
    *err = hs->at[host].err;
    return -1;
}

int hosts_tested(const struct hosts *hs, size_t host, struct error *err)
{
    if (hs->at[host].result == AGENT_OK)
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
