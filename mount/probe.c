/* --probe: several balancers at a time, each in a thread of its own; then one table. */
#include "mount/probe.h"
#include "drivers/listing.h"
#include "drivers/status.h"
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Each balancer has its hosts in parallel already. */
#define THREADS_MAX 16
#define COLUMNS 5

struct probe {
    const struct config_balancer *balancer;
    struct status *status;
    bool failed;
};

struct round {
    struct probe *probes;
    size_t n;
    atomic_size_t next;
};

/* ---- asking ------------------------------------------------------------------------------- */

/* A driver that has no probe is asked for its pools. */
static int list_pools(const struct driver *driver, void *lb, struct status *out, struct error *err)
{
    struct listing *l = listing_new(NULL);
    char text[64] = "";
    int result;

    if (!l)
        return error_set(err, ENOMEM, "out of memory");
    result = driver->get_pools(lb, l, err);
    if (result == 0)
        result = listing_finish(l, err);
    if (result == 0)
        (void)snprintf(text, sizeof text, "%zu", listing_pool_count(l));
    status_step(out, "-", "pools", result == 0, result == 0 ? text : err->text);
    listing_free(l);
    return result;
}

static bool has_failed_step(const struct status *s)
{
    for (size_t i = 0; i < status_step_count(s); i++)
        if (!status_step_at(s, i).passed)
            return true;
    return false;
}

static void probe_run(struct probe *p)
{
    const struct driver *d = p->balancer->driver;
    struct error err = {0};
    void *lb = d->open(p->balancer->options, &err);
    int result = -1;

    if (lb)
        result = d->probe ? d->probe(lb, p->status, &err) : list_pools(d, lb, p->status, &err);
    if (lb)
        d->close(lb);
    if (result != 0 && !has_failed_step(p->status))
        status_step(p->status, "-", lb ? "probe" : "open", false, err.text);
    p->failed = result != 0 || has_failed_step(p->status) || status_failed(p->status);
}

static void *round_run(void *arg)
{
    struct round *r = arg;
    size_t i;

    while ((i = atomic_fetch_add(&r->next, 1)) < r->n)
        probe_run(&r->probes[i]);
    return NULL;
}

/* This thread takes part, so that it goes on where no other can be made. */
static void round_run_all(struct round *r)
{
    pthread_t threads[THREADS_MAX];
    size_t n = 0;

    while (n + 1 < r->n && n < THREADS_MAX && pthread_create(&threads[n], NULL, round_run, r) == 0)
        n++;
    (void)round_run(r);
    while (n)
        (void)pthread_join(threads[--n], NULL);
}

/* ---- the table ---------------------------------------------------------------------------- */

/* What a remote host says is shown as text, whatever it is. */
static void clean(char *text)
{
    for (char *c = text; *c; c++)
        if ((unsigned char)*c < ' ' || *c == 127)
            *c = ' ';
}

static void widen(size_t widths[COLUMNS], const char *const row[COLUMNS])
{
    for (size_t i = 0; i < COLUMNS; i++)
        if (strlen(row[i]) > widths[i])
            widths[i] = strlen(row[i]);
}

static void print(size_t widths[COLUMNS], const char *const row[COLUMNS])
{
    char *text = strdup(row[COLUMNS - 1]);

    for (size_t i = 0; i + 1 < COLUMNS; i++)
        printf("%-*s  ", (int)widths[i], row[i]);
    if (text)
        clean(text);
    printf("%s\n", text ? text : "");
    free(text);
}

static void each_row(const struct round *r, size_t widths[COLUMNS],
                     void (*show)(size_t widths[COLUMNS], const char *const row[COLUMNS]))
{
    static const char *const head[COLUMNS] = {"BALANCER", "HOST", "STEP", "RESULT", "FOUND"};

    show(widths, head);
    for (size_t i = 0; i < r->n; i++)
        for (size_t k = 0; k < status_step_count(r->probes[i].status); k++) {
            struct status_row step = status_step_at(r->probes[i].status, k);
            const char *row[COLUMNS] = {r->probes[i].balancer->name, step.host, step.step,
                                        step.passed ? "ok" : "FAILED", step.text};

            show(widths, row);
        }
}

/* ---- which -------------------------------------------------------------------------------- */

static int choose(struct round *r, const struct config *config, char *const names[], size_t n_names,
                  struct error *err)
{
    size_t n = n_names ? n_names : config->n;

    r->probes = calloc(n + 1, sizeof *r->probes);
    if (!r->probes)
        return error_set(err, ENOMEM, "out of memory");
    for (; r->n < n; r->n++) {
        struct probe *p = &r->probes[r->n];

        p->balancer = n_names ? config_find(config, names[r->n]) : &config->balancers[r->n];
        if (!p->balancer)
            return error_set(err, ENOENT, "there is no balancer %s", names[r->n]);
        p->status = status_new();
        if (!p->status)
            return error_set(err, ENOMEM, "out of memory");
    }
    return 0;
}

int probe_print(const struct config *config, char *const names[], size_t n_names, struct error *err)
{
    struct round r = {NULL};
    size_t widths[COLUMNS] = {0};
    int result = choose(&r, config, names, n_names, err) == 0 ? 0 : 2;

    if (result == 0) {
        round_run_all(&r);
        each_row(&r, widths, widen);
        each_row(&r, widths, print);
    }
    for (size_t i = 0; i < r.n; i++) {
        result |= r.probes[i].failed;
        status_free(r.probes[i].status);
    }
    free(r.probes);
    return result;
}
