/* Several balancers as one: a listing is the union of theirs, a change is made on all of them.
 *
 * A member that cannot be asked fails the listing, since what only it has must not seem gone.
 * chained_apply.c makes the changes. */
#include "drivers/builtin.h"
#include "drivers/chained_impl.h"
#include "drivers/status.h"
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct option chained_options[] = {
    {"balancers", OPTION_SECTIONS, NULL, true, "sections, each with a BACKEND of its own"},
    {NULL, OPTION_STRING, NULL, false, NULL}};

/* ---- all at once -------------------------------------------------------------------------- */

struct job {
    struct member *member;
    const struct question *question;
    int (*work)(struct member *, const struct question *, struct error *);
    pthread_t thread;
    bool has_thread;
    int rc;
    struct error err;
};

static void *job_run(void *arg)
{
    struct job *job = arg;

    job->rc = job->work(job->member, job->question, &job->err);
    return NULL;
}

int chained_each(struct chained *c, const struct question *question,
                 int (*work)(struct member *, const struct question *, struct error *),
                 struct error *err)
{
    struct job *jobs = calloc(c->n, sizeof *jobs);
    int rc = 0;

    if (!jobs)
        return error_set(err, ENOMEM, "out of memory");
    for (size_t i = 0; i < c->n; i++) {
        jobs[i] = (struct job){.member = &c->members[i], .question = question, .work = work};
        jobs[i].has_thread = pthread_create(&jobs[i].thread, NULL, job_run, &jobs[i]) == 0;
    }
    for (size_t i = 0; i < c->n; i++) {
        if (jobs[i].has_thread)
            (void)pthread_join(jobs[i].thread, NULL);
        else
            (void)job_run(&jobs[i]);
        if (jobs[i].rc == -1 && rc == 0)
            rc = member_error(jobs[i].member, &jobs[i].err, err);
    }
    free(jobs);
    return rc;
}

int member_error(const struct member *m, const struct error *why, struct error *err)
{
    return error_set(err, why->num, "%s: %s", m->label, why->text);
}

int member_ask(struct member *m, const struct question *question, struct error *err)
{
    const struct pool *pool = question->pool;
    int rc;

    listing_free(m->seen);
    m->seen = listing_new(pool ? pool->name : NULL);
    if (!m->seen)
        return error_set(err, ENOMEM, "out of memory");
    rc = pool ? m->driver->get_nodes(m->lb, pool, m->seen, err)
              : m->driver->get_pools(m->lb, m->seen, err);
    return rc == 0 ? listing_finish(m->seen, err) : -1;
}

/* ---- the union ---------------------------------------------------------------------------- */

/* Is the name of len bytes one of hosts, with ", " between? NULL: all are. */
static bool has_host(const char *hosts, const char *name, size_t len)
{
    if (!hosts)
        return true;
    while (*hosts) {
        size_t n = strcspn(hosts, ",");

        if (n == len && strncmp(hosts, name, len) == 0)
            return true;
        hosts += n;
        hosts += strspn(hosts, ", ");
    }
    return false;
}

static void add_pool(struct listing *out, const struct listing *seen, size_t p, bool with_nodes,
                     const char *host, size_t len)
{
    if (!has_host(listing_pool_hosts(seen, p), host, len))
        return;
    listing_pool(out, listing_pool_name(seen, p));
    if (!with_nodes)
        return;
    for (size_t n = 0; n < listing_node_count(seen, p); n++)
        if (has_host(listing_node_hosts(seen, p, n), host, len))
            listing_node(out, listing_node_name(seen, p, n));
    for (size_t n = 0; n < listing_pool_hidden(seen, p); n++)
        listing_hidden(out);
}

/* What was seen on the member's host; len 0: on the member, which is one thing. */
static void add_host(struct listing *out, const struct member *m, const char *host, size_t len,
                     bool with_nodes)
{
    char name[512];

    (void)snprintf(name, sizeof name, "%s%s%.*s", m->label, len ? "/" : "", (int)len, host);
    listing_host(out, name);
    for (size_t p = 0; p < listing_pool_count(m->seen); p++)
        add_pool(out, m->seen, p, with_nodes, host, len);
}

static void add_member(struct listing *out, const struct member *m, bool with_nodes)
{
    const char *host = listing_all_hosts(m->seen);

    for (size_t i = 0; i < listing_refused(m->seen); i++)
        listing_pool(out, ""); /* a name that is refused again, and so counted */
    do {
        size_t len = strcspn(host, ",");

        add_host(out, m, host, len, with_nodes);
        host += len;
        host += strspn(host, ", ");
    } while (*host);
}

static int list(struct chained *c, const struct pool *pool, struct listing *out, struct error *err)
{
    const struct question question = {.pool = pool};
    int rc = chained_each(c, &question, member_ask, err);
    bool with_nodes = true;

    for (size_t i = 0; rc == 0 && i < c->n; i++)
        with_nodes &= pool || listing_whole(c->members[i].seen);
    for (size_t i = 0; rc == 0 && i < c->n; i++)
        add_member(out, &c->members[i], with_nodes);
    if (rc == 0 && !pool && with_nodes)
        listing_is_whole(out);
    for (size_t i = 0; i < c->n; i++) {
        listing_free(c->members[i].seen);
        c->members[i].seen = NULL;
    }
    return rc;
}

static int chained_get_pools(void *lb, struct listing *out, struct error *err)
{
    return list(lb, NULL, out, err);
}

static int chained_get_nodes(void *lb, const struct pool *pool, struct listing *out,
                             struct error *err)
{
    return list(lb, pool, out, err);
}

/* ---- the rest of the driver --------------------------------------------------------------- */

static void chained_close(void *lb)
{
    struct chained *c = lb;

    for (size_t i = 0; i < c->n; i++)
        if (c->members[i].lb)
            c->members[i].driver->close(c->members[i].lb);
    free(c);
}

static void pass_on(struct status *out, const struct member *m, const struct status *its)
{
    char name[512];

    for (size_t i = 0; i < status_host_count(its); i++) {
        struct host_status host = *status_host_at(its, i);

        (void)snprintf(name, sizeof name, "%s/%s", m->label, host.name);
        host.name = name;
        status_host(out, &host);
    }
    for (size_t i = 0; i < status_note_count(its); i++) {
        const char *key, *value;

        status_note_at(its, i, &key, &value);
        (void)snprintf(name, sizeof name, "%s %s", m->label, key);
        status_note(out, name, "%s", value);
    }
    for (size_t i = 0; i < status_step_count(its); i++) {
        struct status_row row = status_step_at(its, i);

        bool is_itself = strcmp(row.host, "-") == 0;

        (void)snprintf(name, sizeof name, "%s%s%s", m->label, is_itself ? "" : "/",
                       is_itself ? "" : row.host);
        status_step(out, name, row.step, row.passed, row.text);
    }
}

static void chained_status(void *lb, struct status *out)
{
    const struct chained *c = lb;

    for (size_t i = 0; i < c->n; i++) {
        const struct member *m = &c->members[i];
        struct status *its = m->driver->status ? status_new() : NULL;

        if (!its)
            continue;
        m->driver->status(m->lb, its);
        pass_on(out, m, its);
        status_free(its);
    }
}

/* A member that has no probe is asked for its pools. */
static int member_probe(struct member *m, struct status *out, struct error *err)
{
    const struct question question = {.pool = NULL};
    struct status *its;
    int rc;

    if (!m->driver->probe) {
        rc = member_ask(m, &question, err);
        status_step(out, m->label, "pools", rc == 0, rc == 0 ? "listed" : err->text);
        listing_free(m->seen);
        m->seen = NULL;
        return rc;
    }
    its = status_new();
    if (!its)
        return error_set(err, ENOMEM, "out of memory");
    rc = m->driver->probe(m->lb, its, err);
    pass_on(out, m, its);
    status_free(its);
    return rc;
}

static int chained_probe(void *lb, struct status *out, struct error *err)
{
    struct chained *c = lb;
    struct error why;
    int rc = 0;

    for (size_t i = 0; i < c->n; i++)
        if (member_probe(&c->members[i], out, &why) == -1)
            rc = rc == 0 ? member_error(&c->members[i], &why, err) : rc;
    return rc;
}

static void *chained_open(const struct options *o, struct error *err)
{
    size_t n = options_count(o, "balancers");
    struct chained *c;

    if (n == 0) {
        (void)options_error(o, "balancers", err, "balancers must have a section at least");
        return NULL;
    }
    c = calloc(1, sizeof *c + n * sizeof *c->members);
    if (!c) {
        (void)error_set(err, ENOMEM, "out of memory");
        return NULL;
    }
    for (size_t i = 0; i < n; i++) {
        struct member *m = &c->members[c->n++];

        m->driver = options_section_driver(o, "balancers", i);
        (void)snprintf(m->label, sizeof m->label, "%zu:%.60s", i + 1, m->driver->name);
        m->lb = m->driver->open(options_section(o, "balancers", i), err);
        if (!m->lb) {
            chained_close(c);
            return NULL;
        }
    }
    return c;
}

const struct driver chained_driver = {
    .abi = BALANCERFS_ABI,
    .name = "chained",
    .classes = "ChainedBalancer",
    .summary = "several balancers as one",
    .options = chained_options,
    .open = chained_open,
    .get_pools = chained_get_pools,
    .get_nodes = chained_get_nodes,
    .apply = chained_apply,
    .close = chained_close,
    .status = chained_status,
    .probe = chained_probe,
};
