/* The two phases: who is told what, and what is made of the answers. transaction.h has the plan. */
#include "drivers/transaction.h"
#include "drivers/clock.h"
#include "drivers/hosts.h"
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>

/* Rounds of being overtaken by others: with the first host's lock each is the last, unless people
 * edit the files by hand all the time or hosts are named differently elsewhere. */
#define ROUNDS 30
#define SETTLE_MS 15000

enum outcome { DONE, FAILED, AGAIN };

static bool takes_part(const struct host *h)
{
    return h->up && h->change.n > 0;
}

static bool took_part_well(const struct host *h)
{
    return takes_part(h) && h->result == AGENT_OK;
}

static bool is_lost(const struct host *h)
{
    return takes_part(h) && h->result == AGENT_LOST;
}

static bool is_up(const struct host *h)
{
    return h->up;
}

/* The step, on all hosts that are wanted at the same time; then all have answered. */
static void each(struct hosts *hs, bool wanted(const struct host *), enum step step,
                 int64_t deadline)
{
    struct error ignored;

    for (size_t i = 0; i < hs->n; i++)
        if (wanted(&hs->at[i]))
            (void)host_begin(&hs->at[i], step, deadline, &ignored);
    hosts_wait(hs);
}

/* EIO is kept for an unknown outcome; before the commit nothing is unknown. */
static int host_error(const struct host *h, struct error *err)
{
    *err = h->err;
    if (err->num == EIO)
        err->num = EHOSTUNREACH;
    return -1;
}

static int quorum_check(struct hosts *hs, struct error *err)
{
    const struct host *down = NULL;
    size_t up = 0;

    for (size_t i = hs->n; i-- > 0;)
        if (hs->at[i].up)
            up++;
        else
            down = &hs->at[i];
    /* What hosts that are down miss would be remembered from here on. */
    return up < hs->quorum && down ? host_error(down, err) : 0;
}

static int read_up(struct hosts *hs, int64_t deadline, struct error *err)
{
    each(hs, is_up, STEP_READ, deadline);
    for (size_t i = 0; i < hs->n; i++) {
        struct host *h = &hs->at[i];

        h->up = h->is_read = h->up && h->result == AGENT_OK;
    }
    return quorum_check(hs, err);
}

static void all_up(struct hosts *hs)
{
    hosts_wait(hs);
    for (size_t i = 0; i < hs->n; i++) {
        hs->at[i].up = true;
        hs->at[i].is_read = false;
        hs->at[i].result = AGENT_OK;
        files_clear(&hs->at[i].change);
    }
}

int hosts_read(struct hosts *hs, int64_t deadline, struct error *err)
{
    all_up(hs);
    return read_up(hs, deadline, err);
}

/* ---- one round of a change ---------------------------------------------------------------- */

/* The lock of the first host that is up: whoever holds it, no other can prepare everywhere. */
static enum outcome gate_take(struct hosts *hs, struct host **gate, int64_t deadline,
                              struct error *err)
{
    for (size_t i = 0; i < hs->n; i++) {
        struct host *h = &hs->at[hs->order[i]];

        h->wait_s = 1 + clock_left_ms(deadline) / 4000;
        if (host_begin(h, STEP_LOCK, deadline, err) != 0)
            return FAILED;
        hosts_wait(hs);
        if (h->result == AGENT_OK)
            *gate = h;
        if (h->result == AGENT_OK || h->result == AGENT_BUSY)
            return h->result == AGENT_OK ? DONE : AGAIN;
        h->up = false;
        if (quorum_check(hs, err) != 0)
            return FAILED;
    }
    return FAILED;
}

static void gate_give(struct hosts *hs, struct host *gate, int64_t deadline)
{
    struct error ignored;

    if (gate && !takes_part(gate))
        (void)host_begin(gate, STEP_ABORT, deadline, &ignored);
    (void)hs;
}

static int edit_all(struct hosts *hs, hosts_edit *edit, const void *arg, struct error *err)
{
    for (size_t i = 0; i < hs->n; i++) {
        struct host *h = &hs->at[i];

        if (!h->up)
            continue;
        if (edit(arg, &h->files, &h->change, err) != 0) {
            for (size_t j = 0; j < hs->n; j++)
                files_clear(&hs->at[j].change);
            return -1;
        }
        if (h->change.failed)
            return error_set(err, ENOMEM, "out of memory");
    }
    return 0;
}

/* What hosts made of prepare. A refusal is no news when others were overtaken: then all is read
 * again anyway. */
static enum outcome prepared(struct hosts *hs, struct error *err)
{
    enum outcome outcome = DONE;

    for (size_t i = 0; i < hs->n; i++) {
        const struct host *h = &hs->at[i];

        if (!takes_part(h) || h->result == AGENT_OK)
            continue;
        if (h->result == AGENT_STALE || h->result == AGENT_BUSY)
            return AGAIN;
        if (outcome == DONE)
            (void)host_error(h, err);
        outcome = FAILED;
    }
    return outcome;
}

static bool was_refused(const struct host *h)
{
    return takes_part(h) && h->result == AGENT_REFUSED;
}

static const struct host *first(const struct hosts *hs, bool wanted(const struct host *))
{
    for (size_t i = 0; i < hs->n; i++)
        if (wanted(&hs->at[i]))
            return &hs->at[i];
    return NULL;
}

/* A host would not: the others go back to old, in force too. */
static enum outcome roll_back(struct hosts *hs, const struct host *culprit, const struct host *lost,
                              struct error *err)
{
    const struct host *h;
    char why[sizeof err->text];

    (void)host_error(culprit, err);
    memcpy(why, err->text, sizeof why);
    each(hs, took_part_well, STEP_ROLLBACK, clock_now_ms() + SETTLE_MS);
    if (lost)
        (void)error_set(err, EIO, "%s; and it is unknown what %s has", why, lost->name);
    for (size_t i = 0; i < hs->n; i++) {
        h = &hs->at[i];
        if (h != culprit && h != lost && takes_part(h) && h->result != AGENT_OK &&
            h->result != AGENT_REFUSED)
            (void)error_set(err, EIO, "%s; and it is unknown what %s has", why, h->name);
    }
    return FAILED;
}

static enum outcome commit(struct hosts *hs, int64_t deadline, struct error *err)
{
    int64_t settle = clock_now_ms() + SETTLE_MS;
    const struct host *refused, *lost;

    each(hs, takes_part, STEP_COMMIT, deadline);
    if (first(hs, is_lost))
        each(hs, is_lost, STEP_SETTLE, deadline > settle ? deadline : settle);
    refused = first(hs, was_refused);
    lost = first(hs, is_lost);
    if (refused)
        return roll_back(hs, refused, lost, err);
    for (size_t i = 0; i < hs->n; i++)
        if (took_part_well(&hs->at[i]))
            (void)host_begin(&hs->at[i], STEP_FORGET, clock_now_ms() + SETTLE_MS, err);
    if (!lost)
        return DONE;
    (void)error_set(err, EIO, "it is unknown whether the change is in force: %s", lost->err.text);
    return FAILED;
}

static enum outcome change_once(struct hosts *hs, hosts_edit *edit, const void *arg, bool gated,
                                int64_t deadline, struct error *err)
{
    struct host *gate = NULL;
    enum outcome outcome = gated ? gate_take(hs, &gate, deadline, err) : DONE;

    if (outcome != DONE)
        return outcome;
    if (read_up(hs, deadline, err) != 0 || edit_all(hs, edit, arg, err) != 0) {
        gate_give(hs, gate, clock_now_ms() + SETTLE_MS);
        return FAILED;
    }
    for (size_t i = 0; i < hs->n; i++)
        hs->at[i].wait_s = gated ? 5 : 0;
    each(hs, takes_part, STEP_PREPARE, deadline);
    outcome = prepared(hs, err);
    if (outcome == DONE)
        outcome = commit(hs, deadline, err);
    else
        each(hs, took_part_well, STEP_ABORT, clock_now_ms() + SETTLE_MS);
    gate_give(hs, gate, clock_now_ms() + SETTLE_MS);
    return outcome;
}

int hosts_change(struct hosts *hs, hosts_edit *edit, const void *arg, int64_t deadline,
                 struct error *err)
{
    for (int round = 0; round < ROUNDS && clock_left_ms(deadline) > 0; round++) {
        enum outcome outcome;

        if (round > 0)
            (void)poll(NULL, 0, rand_r(&hs->seed) % (10 * round + 10));
        all_up(hs);
        outcome = change_once(hs, edit, arg, round > 0, deadline, err);
        if (outcome != AGAIN)
            return outcome == DONE ? 0 : -1;
    }
    return error_set(err, ETIMEDOUT, "others were changing the same files all the time");
}
