/* What a host's thread does when it is told to: one step of a reading or a change. */
#include "drivers/clock.h"
#include "drivers/hosts.h"
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>

/* After a failed connection the same error is given so long, then longer. After a refused login
 * that whoever asks would try again, much longer: hosts lock out who tries too often. */
#define PAUSE_MS 1000
#define PAUSE_MAX_MS 5000
#define PAUSE_REFUSED_MS 30000
#define LOST_MS 1000   /* after its session was lost a host is tried for longer */
#define READ_WAIT_S 10 /* for another's change, before its files are shown as they are */

/* ---- the session -------------------------------------------------------------------------- */

static bool is_spare(const struct host *h)
{
    return h->hosts->quorum < h->hosts->n;
}

static void knows_set(struct host *h, bool knows)
{
    (void)pthread_mutex_lock(&h->hosts->lock);
    h->knows = knows;
    (void)pthread_mutex_unlock(&h->hosts->lock);
}

void session_end(struct host *h)
{
    if (h->agent)
        h->lost_at = clock_now_ms();
    agent_close(h->agent);
    h->agent = NULL;
    h->holding = false;
    knows_set(h, false);
}

static void failure_set(struct host *h, const struct error *err)
{
    int most = is_spare(h) || err->num != EACCES ? PAUSE_MAX_MS : PAUSE_REFUSED_MS;

    (void)pthread_mutex_lock(&h->hosts->lock);
    h->failure = *err;
    h->pause_ms = h->pause_ms ? 2 * h->pause_ms : PAUSE_MS;
    if (h->pause_ms > most)
        h->pause_ms = most;
    h->retry_at = clock_now_ms() + h->pause_ms;
    (void)pthread_mutex_unlock(&h->hosts->lock);
}

static void failure_clear(struct host *h)
{
    (void)pthread_mutex_lock(&h->hosts->lock);
    h->failure.num = 0;
    h->pause_ms = 0;
    h->retry_at = 0;
    (void)pthread_mutex_unlock(&h->hosts->lock);
}

enum agent_result session_open(struct host *h, int64_t deadline, struct error *err)
{
    int64_t end = clock_now_ms() + remote_connect_ms(h->hosts->config);

    if (end > deadline)
        end = deadline;
    h->agent = agent_open(h->hosts->config, h->index, &h->hosts->setup, end, err);
    if (h->agent) {
        h->was_up = true;
        failure_clear(h);
        return AGENT_OK;
    }
    failure_set(h, err);
    return AGENT_LOST;
}

/* An open session, or AGENT_LOST with h->err. Where others go on without this host nobody waits
 * for it twice: the thread tries by itself. */
static enum agent_result session_need(struct host *h)
{
    bool failed;

    if (h->agent)
        return AGENT_OK;
    (void)pthread_mutex_lock(&h->hosts->lock);
    failed = h->failure.num && (is_spare(h) || clock_now_ms() < h->retry_at);
    if (failed)
        h->err = h->failure;
    (void)pthread_mutex_unlock(&h->hosts->lock);
    return failed ? AGENT_LOST : session_open(h, h->deadline, &h->err);
}

/* ---- steps -------------------------------------------------------------------------------- */

static enum agent_result read_once(struct host *h)
{
    enum agent_result result = session_need(h);

    if (result != AGENT_OK)
        return result;
    result = agent_read(h->agent, host_knows(h), READ_WAIT_S, &h->files, &h->undecided, h->deadline,
                        &h->err);
    knows_set(h, result == AGENT_OK || result == AGENT_SAME);
    return result == AGENT_SAME ? AGENT_OK : result;
}

static enum agent_result lock_once(struct host *h)
{
    enum agent_result result = session_need(h);

    if (result == AGENT_OK)
        result = agent_lock(h->agent, h->wait_s, h->deadline, &h->err);
    h->holding = result == AGENT_OK;
    return result;
}

/* A session that was open before may have died unnoticed, as when sshd was started anew: that is
 * no error yet. */
static enum agent_result patiently(struct host *h, enum agent_result once(struct host *))
{
    bool was_open = !h->holding && (h->agent || clock_now_ms() - h->lost_at < LOST_MS);
    enum agent_result result = once(h);

    for (int i = 0; i < 3 && was_open && result == AGENT_LOST && h->err.num != ETIMEDOUT; i++) {
        session_end(h);
        failure_clear(h);
        (void)poll(NULL, 0, i * LOST_MS / 3);
        result = once(h);
    }
    return result;
}

static enum agent_result test_once(struct host *h)
{
    struct error ignored;
    enum agent_result result;

    h->wait_s = READ_WAIT_S;
    result = lock_once(h);
    if (result == AGENT_BUSY)
        (void)error_set(&h->err, EBUSY, "%s: another one's change holds the lock", h->name);
    if (result != AGENT_OK)
        return result;
    h->holding = false;
    result = agent_test(h->agent, h->deadline, &h->err);
    if (result != AGENT_LOST &&
        agent_abort(h->agent, clock_now_ms() + SETTLE_MS, &ignored) != AGENT_OK)
        session_end(h);
    return result;
}

static enum agent_result do_prepare(struct host *h)
{
    enum agent_result result;

    if (!h->agent || !host_knows(h))
        return AGENT_STALE;
    result = agent_prepare(h->agent, &h->change, &h->sees, h->wait_s, h->deadline, &h->err);
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
    result = agent_commit(h->agent, h->deadline, &h->err);
    h->holding = result == AGENT_OK;
    note_take(h, agent_note(h->agent));
    return result;
}

static enum agent_result lost(struct host *h)
{
    h->holding = false;
    (void)error_set(&h->err, EIO, "%s: the session was lost", h->name);
    return AGENT_LOST;
}

static enum agent_result do_rollback(struct host *h)
{
    if (!h->agent)
        return lost(h);
    h->holding = false;
    return agent_rollback(h->agent, h->deadline, &h->err);
}

/* Without a session it has put the old files back, or will. */
static enum agent_result do_abort(struct host *h)
{
    if (!h->agent)
        return AGENT_OK;
    h->holding = false;
    return agent_abort(h->agent, h->deadline, &h->err);
}

static enum agent_result do_forget(struct host *h)
{
    enum agent_result result;
    bool known;

    if (!h->agent)
        return lost(h);
    h->holding = false;
    result = agent_forget(h->agent, &known, h->deadline, &h->err);
    if (known)
        files_apply(&h->files, &h->change);
    knows_set(h, known && !h->files.failed);
    return result;
}

/* ---- after a commit that was lost --------------------------------------------------------- */

static bool same_text(const struct file *want, const struct file *have)
{
    size_t len = want->len;

    if (have->len != len && (have->len != len + 1 || have->text[len] != '\n'))
        return false;
    return memcmp(want->text, have->text, len) == 0;
}

static const struct file *named(const struct files *f, const char *name)
{
    for (size_t i = 0; i < f->n; i++)
        if (strcmp(f->at[i].name, name) == 0)
            return &f->at[i];
    return NULL;
}

/* Are the files of the change as these? What is not among them is not to be there. */
static bool is_as(const struct host *h, const struct files *these)
{
    for (size_t i = 0; i < h->change.n; i++) {
        const struct file *want = named(these, h->change.at[i].name);
        const struct file *have = files_find(&h->files, h->change.at[i].name);

        if (want && want->text ? !have || !same_text(want, have) : have != NULL)
            return false;
    }
    return true;
}

static void old_take(const struct host *h, struct files *old)
{
    for (size_t i = 0; i < h->change.n; i++) {
        const struct file *f = files_find(&h->files, h->change.at[i].name);

        if (f)
            files_add(old, f->name, f->text, f->len, "");
    }
}

/* With its lock, which the lost loop gives up within its patience, a host tells what is so. */
static enum agent_result settle_once(struct host *h)
{
    enum agent_result result;

    failure_clear(h);
    h->wait_s = 1 + agent_beat_ms() / 1000;
    result = lock_once(h);
    if (result == AGENT_OK)
        result = read_once(h);
    if (result == AGENT_OK)
        result = agent_abort(h->agent, h->deadline, &h->err);
    h->holding = false;
    return result;
}

/* One that answers but is still busy with it is waited for longer than one that is away. */
static enum agent_result settle(struct host *h)
{
    enum agent_result result;
    int64_t away = clock_now_ms() + SETTLE_MS;

    while ((result = settle_once(h)) != AGENT_OK && clock_left_ms(h->deadline) > 0 &&
           clock_left_ms(away) > 0) {
        if (result == AGENT_BUSY)
            away = clock_now_ms() + SETTLE_MS;
        session_end(h);
        (void)poll(NULL, 0, 200);
    }
    return result;
}

/* Neither new nor old: somebody else has come in between, and on what his change rests is not
 * known. */
static enum agent_result do_settle(struct host *h)
{
    struct error why = h->err;
    struct files old = FILES_INIT;
    enum agent_result result = AGENT_LOST;

    old_take(h, &old);
    if (settle(h) == AGENT_OK) {
        if (is_as(h, &h->change))
            result = AGENT_OK;
        else if (!old.failed && is_as(h, &old))
            result = AGENT_REFUSED;
    }
    h->err = why;
    files_clear(&old);
    return result;
}

enum agent_result step_do(struct host *h, enum step step)
{
    switch (step) {
    case STEP_READ:
        return patiently(h, read_once);
    case STEP_LOCK:
        return patiently(h, lock_once);
    case STEP_TEST:
        return patiently(h, test_once);
    case STEP_PREPARE:
        return do_prepare(h);
    case STEP_COMMIT:
        return do_commit(h);
    case STEP_SETTLE:
        return do_settle(h);
    case STEP_ROLLBACK:
        return do_rollback(h);
    case STEP_ABORT:
        return do_abort(h);
    case STEP_FORGET:
        return do_forget(h);
    case STEP_NONE:
    case STEP_QUIT:
        break;
    }
    return AGENT_OK;
}
