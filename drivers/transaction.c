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

static bool is_up(const struct host *h)
{
    return h->up;
}

static bool is_unread(const struct host *h)
{
    return h->up && !h->is_read;
}

static bool is_ready(const struct host *h)
{
    return h->up && h->result == AGENT_OK;
}

static bool is_lost(const struct host *h)
{
    return h->up && h->result == AGENT_LOST;
}

static bool was_refused(const struct host *h)
{
    return h->up && h->result == AGENT_REFUSED;
}

static const struct host *first(const struct hosts *hs, bool wanted(const struct host *))
{
    for (size_t i = 0; i < hs->n; i++)
        if (wanted(&hs->at[i]))
            return &hs->at[i];
    return NULL;
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

int host_error(const struct host *h, struct error *err)
{
    *err = h->err;
    if (err->num == EIO)
        err->num = EHOSTUNREACH;
    return -1;
}

int quorum_check(struct hosts *hs, struct error *err)
{
    const struct host *down = NULL;
    size_t up = 0;

    for (size_t i = hs->n; i-- > 0;)
        if (hs->at[i].up)
            up++;
        else
            down = &hs->at[i];
    return up < hs->needed && down ? host_error(down, err) : 0;
}

/* ---- reading ------------------------------------------------------------------------------ */

/* Hosts that are not known not to be of use. */
static void all_up(struct hosts *hs)
{
    hosts_wait(hs);
    for (size_t i = 0; i < hs->n; i++) {
        struct host *h = &hs->at[i];

        h->up = !h->given_up && h->behind_until <= clock_now_ms();
        if (!h->up && !h->given_up)
            h->err = h->why;
        h->is_read = false;
        h->result = AGENT_OK;
        files_clear(&h->change);
        files_clear(&h->sees);
    }
}

/* Those that are up and not read yet; known: but for those whose files are known. */
static int read_rest(struct hosts *hs, bool known, int64_t deadline, struct error *err)
{
    struct error ignored;

    for (size_t i = 0; i < hs->n; i++) {
        struct host *h = &hs->at[i];

        h->asked = is_unread(h) && !(known && host_knows(h));
        if (h->asked)
            (void)host_begin(h, STEP_READ, deadline, &ignored);
    }
    hosts_wait(hs);
    for (size_t i = 0; i < hs->n; i++) {
        struct host *h = &hs->at[i];

        if (h->asked)
            h->up = h->is_read = h->result == AGENT_OK;
    }
    return quorum_check(hs, err);
}

int hosts_read(struct hosts *hs, int64_t deadline, struct error *err)
{
    enum outcome outcome = AGAIN;

    for (int round = 0; round < ROUNDS && outcome == AGAIN; round++) {
        all_up(hs);
        if (read_rest(hs, false, deadline, err) != 0)
            return -1;
        outcome = make_up(hs, deadline, err);
    }
    return outcome == FAILED ? -1 : 0;
}

static bool was_read(const struct host *h)
{
    return h->up && h->is_read;
}

void hosts_test(struct hosts *hs, int64_t deadline)
{
    each(hs, was_read, STEP_TEST, deadline);
}

/* ---- one change, prepared on all ---------------------------------------------------------- */

/* Every host rests on the files that any of them changes. */
static void sees_fill(struct hosts *hs, struct host *h)
{
    const char *main_file = hs->dialect.main_file;

    files_clear(&h->sees);
    for (size_t i = 0; i < hs->n; i++)
        for (size_t j = 0; hs->at[i].up && &hs->at[i] != h && j < hs->at[i].change.n; j++) {
            const char *name = hs->at[i].change.at[j].name;

            if (!files_has(&h->change, name) && !files_has(&h->sees, name))
                files_add(&h->sees, name, NULL, 0, "");
        }
    if (main_file && !files_has(&h->change, main_file) && !files_has(&h->sees, main_file))
        files_add(&h->sees, main_file, NULL, 0, "");
}

/* What hosts made of prepare. A refusal is no news when others were overtaken: then all is read
 * again anyway. One that was lost there is seen by that. */
static enum outcome prepared(struct hosts *hs, struct error *err)
{
    const struct host *refused = first(hs, was_refused), *lost = first(hs, is_lost);

    for (size_t i = 0; i < hs->n; i++) {
        const struct host *h = &hs->at[i];

        if (h->up && (h->result == AGENT_STALE || h->result == AGENT_BUSY))
            return AGAIN;
    }
    if (refused || lost)
        (void)host_error(refused ? refused : lost, err);
    return refused ? FAILED : lost ? AGAIN : DONE;
}

/* Not all is as it was. */
static void add_doubt(const struct host *h, struct error *err)
{
    char why[sizeof err->text];

    memcpy(why, err->text, sizeof why);
    if (is_lost(h))
        (void)error_set(err, EIO, "%s; and it is unknown what %s has", why, h->name);
    else
        (void)error_set(err, EIO, "%s; and %s may still use the new files: %s", why, h->name,
                        h->err.text);
}

/* A host would not: the others go back to old, in force too. */
static enum outcome roll_back(struct hosts *hs, const struct host *culprit, int64_t deadline,
                              struct error *err)
{
    (void)host_error(culprit, err);
    for (size_t i = 0; i < hs->n; i++)
        hs->at[i].asked = is_ready(&hs->at[i]);
    each(hs, is_ready, STEP_ROLLBACK, deadline);
    for (size_t i = 0; i < hs->n; i++) {
        const struct host *h = &hs->at[i];

        if (is_lost(h) || (h->asked && was_refused(h)))
            add_doubt(h, err);
    }
    return FAILED;
}

static enum outcome commit(struct hosts *hs, int64_t deadline, struct error *err)
{
    int64_t settle = clock_now_ms() + SETTLE_MS, later = deadline > settle ? deadline : settle;
    const struct host *refused, *lost;
    struct error ignored;

    each(hs, is_up, STEP_COMMIT, deadline);
    if (first(hs, is_lost))
        each(hs, is_lost, STEP_SETTLE, later);
    refused = first(hs, was_refused);
    lost = first(hs, is_lost);
    if (refused)
        return roll_back(hs, refused, later, err);
    if (lost)
        (void)error_set(err, EIO, "it is unknown whether the change is in force: %s",
                        lost->err.text);
    for (size_t i = 0; i < hs->n; i++) {
        hs->at[i].given_up = is_lost(&hs->at[i]);
        if (is_ready(&hs->at[i]))
            (void)host_begin(&hs->at[i], STEP_FORGET, clock_now_ms() + SETTLE_MS, &ignored);
    }
    return lost ? PARTLY : DONE;
}

enum outcome phases(struct hosts *hs, int64_t deadline, struct error *err)
{
    enum outcome outcome;

    for (size_t i = 0; i < hs->n; i++)
        sees_fill(hs, &hs->at[i]);
    each(hs, is_up, STEP_PREPARE, deadline);
    outcome = prepared(hs, err);
    if (outcome == DONE)
        return commit(hs, deadline, err);
    each(hs, is_ready, STEP_ABORT, clock_now_ms() + SETTLE_MS);
    return outcome;
}

/* ---- what is to be changed ---------------------------------------------------------------- */

struct job {
    const struct change *changes;
    size_t n;
    bool only_record; /* hosts that are not up have missed it: that alone is written */
};

static int edit_all(struct hosts *hs, const struct change *changes, size_t n, struct error *err)
{
    for (size_t i = 0; i < hs->n; i++) {
        struct host *h = &hs->at[i];
        const struct files pools = host_pools(h);

        if (!h->up)
            continue;
        files_clear(&h->change);
        if (hs->dialect.edit(hs->dialect.arg, &pools, changes, n, &h->change, err) != 0)
            return -1;
        if (h->change.failed)
            return error_set(err, ENOMEM, "out of memory");
    }
    return 0;
}

static bool same_file(const struct host *a, const struct host *b, const char *name)
{
    const struct file *x = files_find(&a->files, name), *y = files_find(&b->files, name);

    if (!x || !y)
        return x == y;
    return x->len == y->len && memcmp(x->text, y->text, x->len) == 0;
}

/* In what the changes touch. */
static bool hosts_differ(const struct hosts *hs)
{
    const struct host *a = first(hs, is_up);

    for (size_t i = 0; i < hs->n; i++)
        for (size_t j = 0; hs->at[i].up && j < hs->at[i].change.n; j++)
            for (size_t k = 0; k < hs->n; k++)
                if (hs->at[k].up && !same_file(a, &hs->at[k], hs->at[i].change.at[j].name))
                    return true;
    return false;
}

/* Where hosts differ in a pool, those that lack nodes get them before the changes are made. */
static int edit_mended(struct hosts *hs, const struct job *job, struct error *err)
{
    struct change *mend = NULL, *all;
    size_t n = 0;
    int result;

    if (mend_changes(hs, job->changes, job->n, &mend, &n, err) != 0)
        return -1;
    all = n ? reallocarray(mend, n + job->n, sizeof *all) : NULL;
    if (!all) {
        free(mend);
        return n ? error_set(err, ENOMEM, "out of memory") : 0;
    }
    memcpy(all + n, job->changes, job->n * sizeof *all);
    result = edit_all(hs, all, n + job->n, err);
    free(all);
    return result;
}

static int record_add(struct hosts *hs, const struct job *job, struct error *err)
{
    struct missed m = MISSED_INIT;
    int result = 0;

    record_collect(hs, &m);
    for (size_t i = 0; i < hs->n; i++)
        if (!hs->at[i].up)
            missed_add(&m, hs->at[i].name, job->changes, job->n, 1000 * clock_real_ms());
    missed_settle(&m);
    result = record_put(hs, &m, err);
    missed_clear(&m);
    return result;
}

static int plan(struct hosts *hs, const struct job *job, struct error *err)
{
    int result = job->only_record ? 0 : edit_all(hs, job->changes, job->n, err);

    if (result == 0 && hosts_differ(hs))
        result = edit_mended(hs, job, err);
    return result == 0 && first(hs, is_up) ? record_add(hs, job, err) : result;
}

static bool changes_nothing(const struct hosts *hs)
{
    for (size_t i = 0; i < hs->n; i++)
        if (hs->at[i].up && hs->at[i].change.n)
            return false;
    return true;
}

static bool is_undecided(const struct host *h)
{
    return h->up && h->is_read && h->undecided;
}

/* That there is nothing to do, or that it cannot be done, is not said from memory. */
static enum outcome plan_and_do(struct hosts *hs, const struct job *job, int64_t deadline,
                                struct error *err)
{
    int result = plan(hs, job, err);

    if ((result != 0 || changes_nothing(hs)) && first(hs, is_unread)) {
        if (read_rest(hs, false, deadline, err) != 0)
            return FAILED;
        result = plan(hs, job, err);
    }
    if (result == 0 && !changes_nothing(hs))
        return phases(hs, deadline, err);
    if (first(hs, is_undecided))
        return AGAIN;
    return result == 0 ? DONE : FAILED;
}

/* ---- rounds ------------------------------------------------------------------------------- */

/* The lock of the first host that is up: whoever holds it, no other can prepare everywhere. */
static enum outcome gate_take(struct hosts *hs, struct host **gate, int64_t deadline,
                              struct error *err)
{
    for (size_t i = 0; i < hs->n; i++) {
        struct host *h = &hs->at[hs->order[i]];

        if (!h->up)
            continue;
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

static enum outcome change_once(struct hosts *hs, const struct job *job, bool gated,
                                int64_t deadline, struct error *err)
{
    struct host *gate = NULL;
    struct error ignored;
    enum outcome outcome = gated ? gate_take(hs, &gate, deadline, err) : DONE;

    if (outcome != DONE)
        return outcome;
    outcome = read_rest(hs, !gated, deadline, err) == 0 ? DONE : FAILED;
    for (size_t i = 0; i < hs->n; i++)
        hs->at[i].wait_s = gated ? 5 : 0;
    if (outcome == DONE)
        outcome = make_up(hs, deadline, err);
    if (outcome == DONE)
        outcome = plan_and_do(hs, job, deadline, err);
    /* When it took part its lock went with that; then this is nothing. */
    if (gate)
        (void)host_begin(gate, STEP_ABORT, clock_now_ms() + SETTLE_MS, &ignored);
    return outcome;
}

static enum outcome change_run(struct hosts *hs, const struct job *job, int64_t deadline,
                               struct error *err)
{
    err->num = 0;
    for (int round = 0; round < ROUNDS && clock_left_ms(deadline) > 0; round++) {
        enum outcome outcome;

        if (round > 0)
            (void)poll(NULL, 0, rand_r(&hs->seed) % (10 * round + 10));
        all_up(hs);
        err->num = 0;
        outcome = change_once(hs, job, round > 0, deadline, err);
        if (outcome != AGAIN)
            return outcome;
    }
    if (!err->num)
        (void)error_set(err, ETIMEDOUT, "others were changing the same files all the time");
    return FAILED;
}

/* Hosts that were lost after the commit count as having missed it, and are brought to it when they
 * are back. With a quorum of others that is a success. */
static int commit_rest(struct hosts *hs, const struct job *job)
{
    const struct job rest = {job->changes, job->n, true};
    struct error ignored;
    enum outcome outcome;
    size_t done = 0;

    for (size_t i = 0; i < hs->n; i++)
        done += hs->at[i].up && !hs->at[i].given_up;
    hs->needed = 1;
    outcome = done ? change_run(hs, &rest, clock_now_ms() + SETTLE_MS, &ignored) : FAILED;
    hs->needed = hs->quorum;
    for (size_t i = 0; i < hs->n; i++)
        hs->at[i].given_up = false;
    return outcome == DONE && done >= hs->quorum ? 0 : -1;
}

int hosts_change(struct hosts *hs, const struct change *changes, size_t n, int64_t deadline,
                 struct error *err)
{
    const struct job job = {changes, n, false};
    enum outcome outcome = change_run(hs, &job, deadline, err);

    if (outcome == PARTLY)
        return commit_rest(hs, &job);
    return outcome == DONE ? 0 : -1;
}
