/* Leads one pool to what is wished, call by call.
 *
 * Each step compares wish and state and makes one call:
 *
 *   answer                 then
 *   done                   the state is what the call makes of it; the next step
 *   in use                 EBUSY
 *   undeployed, not begun  the end: whoever asked undoes what was done
 *   unclear                the pool is read again: done after all? else EIO
 *   any other fault        the pool is read again: somebody else was faster if the next step is
 *                          now another one; refused if it is the same
 *
 * Nothing is sent twice unless the state has changed in between. */
#include "drivers/stingray_pool.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define MAX_RACES 5 /* somebody else is always faster: given up */

struct pool_work *pool_work_new(const char *prefix, const char *shown)
{
    size_t before = strlen(prefix), len = strlen(shown);
    struct pool_work *p = calloc(1, sizeof *p + before + len + 1);

    if (!p)
        return NULL;
    p->shown = shown;
    memcpy(p->name, prefix, before);
    memcpy(p->name + before, shown, len);
    return p;
}

void pool_work_free(struct pool_work *p)
{
    struct member *m, *next;

    HASH_ITER(hh, p->members, m, next)
    {
        HASH_DEL(p->members, m);
        free(m->text);
        free(m);
    }
    free(p);
}

struct member *pool_member(struct pool_work *p, const char *text)
{
    char *key = stingray_key(text);
    struct member *m = NULL;

    if (key)
        HASH_FIND_STR(p->members, key, m);
    if (m || !key) {
        free(key);
        return m;
    }
    m = calloc(1, sizeof *m + strlen(key) + 1);
    if (m) {
        strcpy(m->key, key);
        m->text = strdup(text);
        if (m->text)
            HASH_ADD_STR(p->members, key, m);
    }
    free(key);
    if (!m || m->text)
        return m;
    free(m);
    return NULL;
}

/* ---- reading ------------------------------------------------------------------------------ */

static int take_states(struct pool_work *p, const struct soap_row *row, enum member_state state,
                       struct error *err)
{
    for (size_t i = 0; i < row->n; i++) {
        struct member *m = pool_member(p, row->at[i]);
        char *text = m ? strdup(row->at[i]) : NULL;

        if (!text)
            return error_set(err, ENOMEM, "out of memory");
        free(m->text);
        m->text = text;
        m->now = state;
    }
    return 0;
}

static int read_states(const struct caller *c, struct pool_work *p, enum operation op,
                       enum member_state state, struct error *err)
{
    struct soap_reply reply;
    enum answer answer = stingray_call_pool(c, op, p->name, NULL, &reply, err);
    int result = -1;

    if (answer == ANSWER_DONE)
        result = take_states(p, &reply.rows[0], state, err);
    else if (answer == ANSWER_MISSING) {
        p->exists = false;
        result = 0;
    }
    soap_reply_free(&reply);
    return result;
}

static void forget_states(struct pool_work *p)
{
    for (struct member *m = p->members; m; m = m->hh.next)
        m->now = STATE_ABSENT;
}

int pool_read(const struct caller *c, struct pool_work *p, bool first, struct error *err)
{
    p->exists = true;
    forget_states(p);
    if (read_states(c, p, GET_NODES, STATE_ACTIVE, err) == -1 ||
        (p->exists && read_states(c, p, GET_DISABLED_NODES, STATE_DISABLED, err) == -1))
        return -1;
    if (!p->exists)
        forget_states(p);
    if (!first)
        return 0;
    p->existed = p->exists;
    for (struct member *m = p->members; m; m = m->hh.next)
        m->before = m->now;
    return 0;
}

/* Only undoing needs to know, so a failure is not one. */
static void read_draining(const struct caller *c, struct pool_work *p)
{
    struct soap_reply reply;
    struct error ignored;

    if (stingray_call_pool(c, GET_DRAINING_NODES, p->name, NULL, &reply, &ignored) == ANSWER_DONE)
        for (size_t i = 0; i < reply.rows[0].n; i++) {
            struct member *m = pool_member(p, reply.rows[0].at[i]);

            if (m)
                m->was_draining = true;
        }
    soap_reply_free(&reply);
}

/* ---- steps -------------------------------------------------------------------------------- */

struct step {
    enum operation op;
    struct soap_names nodes;
    const char **at;
    bool needed;
};

static bool concerns(const struct pool_work *p, const struct member *m, enum operation op)
{
    bool to_be_there = m->wish == WISH_ACTIVE || (p->undoing && m->wish == WISH_DISABLED);

    switch (op) {
    case ADD_POOL:
    case ADD_NODES:
        return to_be_there && m->now == STATE_ABSENT;
    case ENABLE_NODES:
        return m->wish == WISH_ACTIVE && m->now == STATE_DISABLED;
    case ADD_DRAINING_NODES:
        return p->undoing && m->was_draining && m->wish == WISH_ACTIVE && m->now == STATE_ACTIVE;
    case DISABLE_NODES:
        return m->wish == WISH_DISABLED && m->now == STATE_ACTIVE;
    case REMOVE_NODES:
        return m->now != STATE_ABSENT &&
               (m->wish == WISH_ABSENT || (p->empty_first && m->now == STATE_DISABLED));
    default:
        return false;
    }
}

/* The nodes that op is to be done to. */
static int collect(const struct pool_work *p, enum operation op, struct step *s, struct error *err)
{
    s->op = op;
    s->nodes.n = 0;
    for (const struct member *m = p->members; m; m = m->hh.next)
        s->nodes.n += concerns(p, m, op);
    free(s->at);
    s->at = calloc(s->nodes.n + 1, sizeof *s->at);
    if (!s->at)
        return error_set(err, ENOMEM, "out of memory");
    s->needed = s->nodes.n > 0;
    s->nodes.at = s->at;
    s->nodes.n = 0;
    for (const struct member *m = p->members; m; m = m->hh.next)
        if (concerns(p, m, op))
            s->at[s->nodes.n++] = m->text;
    return 0;
}

static bool pool_wanted(const struct pool_work *p)
{
    bool wanted = p->wish == POOL_THERE;

    for (const struct member *m = p->members; m && !wanted; m = m->hh.next)
        wanted = concerns(p, m, ADD_POOL);
    return wanted;
}

/* Somebody else's, in a pool that we made. */
static bool has_nodes(const struct pool_work *p)
{
    const struct member *m = p->members;

    while (m && m->now == STATE_ABSENT)
        m = m->hh.next;
    return m != NULL;
}

static int next_step(const struct pool_work *p, enum phase phase, struct step *s, struct error *err)
{
    static const enum operation node_steps[N_PHASES][4] = {
        [PHASE_ADD] = {ADD_NODES, ENABLE_NODES, ADD_DRAINING_NODES, GET_NODES},
        [PHASE_REMOVE] = {DISABLE_NODES, REMOVE_NODES, GET_NODES},
        [PHASE_DELETE] = {GET_NODES}};
    const enum operation *op = node_steps[phase];

    s->needed = false;
    s->nodes.n = 0;
    if (!p->exists) {
        if (phase != PHASE_ADD || !pool_wanted(p))
            return 0;
        if (collect(p, ADD_POOL, s, err) == -1)
            return -1;
        s->needed = true;
        return 0;
    }
    for (; *op != GET_NODES; op++)
        if (collect(p, *op, s, err) == -1 || s->needed)
            return s->needed ? 0 : -1;
    if (phase != PHASE_DELETE || p->wish != POOL_GONE || (p->undoing && has_nodes(p)))
        return 0;
    if (p->empty_first && (collect(p, REMOVE_NODES, s, err) == -1 || s->needed))
        return s->needed ? 0 : -1;
    s->op = POOL_DELETE;
    s->needed = true;
    return 0;
}

/* What a call that was done makes of the state. */
static void step_done(struct pool_work *p, enum operation op)
{
    for (struct member *m = p->members; m; m = m->hh.next) {
        if (op == POOL_DELETE)
            m->now = STATE_ABSENT;
        if (!concerns(p, m, op))
            continue;
        if (op == ADD_DRAINING_NODES)
            m->was_draining = false;
        else
            m->now = op == REMOVE_NODES    ? STATE_ABSENT
                     : op == DISABLE_NODES ? STATE_DISABLED
                                           : STATE_ACTIVE;
    }
    if (op == ADD_POOL || op == POOL_DELETE)
        p->exists = op == ADD_POOL;
}

/* Without a grace period it has to do, as for the last node of a pool; for that the fault need not
 * have a type. If it was refused for another reason, so is the removal. */
static bool step_has_other_way(struct pool_work *p, const struct step *s, enum answer answer)
{
    bool refused = answer == ANSWER_INVALID || answer == ANSWER_REFUSED;

    if (s->op == DISABLE_NODES && refused && !p->undoing) {
        for (struct member *m = p->members; m; m = m->hh.next)
            if (concerns(p, m, DISABLE_NODES))
                m->wish = WISH_ABSENT;
        return true;
    }
    if (s->op != POOL_DELETE || p->empty_first)
        return false;
    for (struct member *m = p->members; m; m = m->hh.next)
        p->empty_first |= m->now == STATE_DISABLED;
    return p->empty_first;
}

/* ---- driving ------------------------------------------------------------------------------ */

static int in_use(const struct pool_work *p, struct error *err)
{
    struct error inner = *err;

    return error_set(err, EBUSY, "pool %s is in use: %s", p->shown, inner.text);
}

static int unknown(const struct pool_work *p, const struct error *cause, const char *what,
                   struct error *err)
{
    struct error inner = *cause;

    return error_set(err, EIO, "pool %s: %s; %s", p->shown, inner.text, what);
}

/* After an answer that is not DONE. 0: go on with the next step. */
static int look_again(const struct caller *c, struct pool_work *p, enum phase phase,
                      const struct step *s, enum answer answer, struct error *err)
{
    struct step after = {0};
    struct error why;
    bool same;

    if (answer == ANSWER_IN_USE)
        return in_use(p, err);
    if (answer == ANSWER_FAILED || answer == ANSWER_UNDEPLOYED)
        return -1;
    if (pool_read(c, p, false, &why) == -1)
        return answer == ANSWER_UNCLEAR ? unknown(p, err, "what has become of it is unknown", err)
                                        : -1;
    if (next_step(p, phase, &after, &why) == -1) {
        *err = why;
        free(after.at);
        return -1;
    }
    same = after.needed && after.op == s->op && after.nodes.n >= s->nodes.n;
    free(after.at);
    if (!same)
        return 0;
    if (answer == ANSWER_UNCLEAR)
        return unknown(p, err, "it is not done now, and may yet be", err);
    return step_has_other_way(p, s, answer) ? 0 : -1;
}

static int drive(const struct caller *c, struct pool_work *p, enum phase phase, int64_t spare,
                 struct step *s, struct error *err)
{
    const struct caller patient = {c->lb, c->soap, spare};

    for (int races = 0; races < MAX_RACES;) {
        struct soap_reply nothing;
        enum answer answer;

        if (next_step(p, phase, s, err) == -1)
            return -1;
        if (!s->needed)
            return 0;
        if (s->op == DISABLE_NODES && p->careful && !p->undoing)
            read_draining(c, p);
        answer = stingray_call_pool(c, s->op, p->name, s->op == POOL_DELETE ? NULL : &s->nodes,
                                    &nothing, err);
        soap_reply_free(&nothing);
        p->touched |= answer != ANSWER_FAILED;
        if (answer == ANSWER_DONE) {
            step_done(p, s->op);
            continue;
        }
        races++;
        if (look_again(&patient, p, phase, s, answer, err) == -1)
            return -1;
    }
    return -1;
}

int pool_drive(const struct caller *c, struct pool_work *p, enum phase phase, int64_t spare,
               struct error *err)
{
    struct step s = {0};
    int result = drive(c, p, phase, spare, &s, err);

    free(s.at);
    return result;
}
