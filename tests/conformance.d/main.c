/* Whether a driver keeps what driver.h promises of it: a line for each promise.
 *
 *   conformance_cli CONFIG BALANCER   0: all are kept; 1: some are not; 2: it could not be tried */
#include "mount/config.h"
#include "promises.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void show_problem(const char *line, void *arg)
{
    (void)arg;
    fprintf(stderr, "%s\n", line);
}

static int complain(const struct error *err)
{
    fprintf(stderr, "%s\n", err->text);
    return 2;
}

static void show(const char *word, const char *text, const struct buf *more)
{
    printf("%-5s %s\n", word, text);
    if (more->len)
        printf("      %s\n", more->data);
    (void)fflush(stdout);
}

/* 0: kept; 1: not; -1: not, and there is no going on. */
static int check(struct suite *s, size_t i)
{
    bool kept;

    buf_clear(&s->why);
    buf_clear(&s->note);
    memset(s->used, 0, sizeof s->used);
    kept = promise_check(i, s);
    show(kept ? "ok" : "FAIL", promise_text(i), kept ? &s->note : &s->why);
    buf_clear(&s->why);
    memset(s->used, 0, sizeof s->used); /* that a missing pool is no error was a promise */
    if (suite_clean(s) && suite_has(s, ""))
        return !kept;
    show("FAIL", "what was made here can be taken away again", &s->why);
    return -1;
}

static int check_all(struct suite *s)
{
    size_t broken = 0, i;
    int rc = 0;

    for (i = 0; promise_text(i) && rc != -1; i++) {
        rc = check(s, i);
        broken += rc != 0;
    }
    if (rc == -1)
        printf("the rest was not tried\n");
    printf("%zu promises kept, %zu broken\n", i - broken, broken);
    return broken ? 1 : 0;
}

/* What a run that was stopped has left is taken away; what is not ours is not. */
static int begin(struct suite *s)
{
    for (const char *letter = SUITE_POOLS; *letter; letter++) {
        struct pool pool = suite_pool(*letter);
        struct listing *l = suite_list(s, &s->b, &pool);

        for (size_t n = 0; l && n < listing_node_count(l, 0); n++)
            if (strncmp(listing_node_name(l, 0, n), "192.0.2.", 8) != 0)
                (void)suite_fail(s, "pool %s has %s, which is not of this suite: delete the pool",
                                 pool.name, listing_node_name(l, 0, n));
        listing_free(l);
    }
    /* That a missing pool is no error is a promise of its own. */
    if (s->why.len && strstr(s->why.data, "not of this suite")) {
        fprintf(stderr, "%s\n", s->why.data);
        return 2;
    }
    buf_clear(&s->why);
    memset(s->used, 0, sizeof s->used); /* that a missing pool is no error was a promise */
    if (suite_clean(s) && suite_others(s, &s->others))
        return 0;
    fprintf(stderr, "%s\n", s->why.data);
    return 2;
}

static int run(const struct config_balancer *balancer)
{
    struct suite s = {.b = {balancer->driver, NULL}, .options = balancer->options};
    struct error err = {0};
    int rc;

    s.b.lb = balancer->driver->open(balancer->options, &err);
    if (!s.b.lb)
        return complain(&err);
    rc = begin(&s);
    if (rc == 0)
        rc = check_all(&s);
    balancer->driver->close(s.b.lb);
    buf_free(&s.others);
    buf_free(&s.why);
    buf_free(&s.note);
    return rc;
}

int main(int argc, char **argv)
{
    struct problems *problems = argc == 3 ? problems_new(argv[1]) : NULL;
    const struct config_balancer *balancer;
    struct config config;
    int rc = 2;

    if (!problems) {
        fprintf(stderr, "usage: conformance CONFIG BALANCER\n");
        return 2;
    }
    config_read(&config, problems);
    balancer = config_find(&config, argv[2]);
    if (problems_count(problems))
        problems_each(problems, show_problem, NULL);
    else if (balancer)
        rc = run(balancer);
    else
        fprintf(stderr, "%s has no balancer %s\n", argv[1], argv[2]);
    config_free(&config);
    problems_free(problems);
    return rc;
}
