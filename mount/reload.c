/* SIGHUP: balancers appear, vanish and change while the others keep running.
 *
 * The settings of what runs belong to fs; `running` borrows them, to compare. */
#include "mount/reload.h"
#include "drivers/options.h"
#include "mount/log.h"
#include <stdio.h>

static void log_problem(const char *line, void *arg)
{
    (void)arg;
    log_line(LOG_ERR, line);
}

static bool is_same(const struct config_balancer *a, const struct config_balancer *b)
{
    return a->driver == b->driver && options_equal(a->options, b->options);
}

/* The name is copied: the settings that hold it are freed with the balancer. */
static void take_out(struct fs *fs, const struct config_balancer *b)
{
    struct pool name;
    struct error err;

    (void)snprintf(name.name, sizeof name.name, "%s", b->name);
    if (fs_remove(fs, name.name, &err) != 0)
        log_printf(LOG_ERR, "balancer %s: %s", name.name, err.text);
}

int reload_add(struct fs *fs, struct config_balancer *b, struct problems *problems)
{
    struct error err = {0};

    b->given = fs_add(fs, b->driver, b->options, &err) == 0;
    if (!b->given)
        problems_add_error(problems, b->place, &err);
    return b->given ? 0 : -1;
}

/* Whether all that is new would be accepted, before anything is changed. */
static bool is_good(const struct config *now, const struct config *running,
                    struct problems *problems)
{
    for (size_t i = 0; i < now->n; i++) {
        const struct config_balancer *old = config_find(running, now->balancers[i].name);

        if (!old || !is_same(old, &now->balancers[i]))
            config_try(&now->balancers[i], problems);
    }
    return problems_count(problems) == 0;
}

/* What is gone or has changed leaves fs, and running. */
static size_t remove_old(struct fs *fs, struct config *running, const struct config *now)
{
    size_t kept = 0, before = running->n;

    for (size_t i = 0; i < before; i++) {
        const struct config_balancer *b = config_find(now, running->balancers[i].name);

        if (b && is_same(b, &running->balancers[i]))
            running->balancers[kept++] = running->balancers[i];
        else
            take_out(fs, &running->balancers[i]);
    }
    running->n = kept;
    return before - kept;
}

/* What runs already moves from running to now, so that now says what is there. */
static size_t add_new(struct fs *fs, struct config *running, struct config *now,
                      struct problems *problems)
{
    size_t kept = 0, added = 0;

    for (size_t i = 0; i < now->n; i++) {
        struct config_balancer *b = &now->balancers[i], *old = config_find(running, b->name);

        if (old) {
            options_free(b->options);
            *b = *old;
        } else if (reload_add(fs, b, problems) == 0) {
            added++;
        } else {
            options_free(b->options);
            continue;
        }
        now->balancers[kept++] = *b;
    }
    now->n = kept;
    return added;
}

void reload_run(struct fs *fs, const char *file, struct config *running)
{
    struct problems *problems = problems_new(file);
    const char *outcome = "nothing was changed";
    size_t removed, added;
    struct config now;

    if (!problems) {
        log_line(LOG_ERR, "out of memory: the configuration is not read again");
        return;
    }
    config_read(&now, problems);
    if (is_good(&now, running, problems)) {
        fs_reloading(fs, true);
        removed = remove_old(fs, running, &now);
        added = add_new(fs, running, &now, problems);
        fs_reloading(fs, false);
        log_printf(LOG_NOTICE, "%s read again: %zu removed, %zu added, %zu in all", file, removed,
                   added, now.n);
        config_free(running);
        *running = now;
        outcome = "what they concern is not mounted";
    } else {
        config_free(&now);
    }
    if (problems_count(problems)) {
        problems_each(problems, log_problem, NULL);
        log_printf(LOG_ERR, "%s has errors: %s", file, outcome);
    }
    problems_free(problems);
}
