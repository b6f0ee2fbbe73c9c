/* A driver by hand: what a mount does with one, without a mount.
 *
 *   driver_cli BACKEND [KEY=VALUE | KEY=[ BACKEND [KEY=VALUE]... ]]... -- COMMAND [ARGUMENT]...
 *
 * A key is given again for each item of a list, or each section in brackets, words of their own:
 * chained balancers=[ dummy pools=a ] balancers=[ dummy ] -- pools
 *
 *   pools             get_pools: "POOL", and "POOL/NODE" when the listing is whole
 *   nodes POOL        get_nodes
 *   apply CHANGE...   one transaction of add:POOL/NODE del:POOL/NODE create:POOL remove:POOL
 *   status            "HOST STATE ERROR" lines, of what happened before in this call; and "HOST
 *                     missed N" when it did
 *   probe             "HOST STEP ok|FAILED TEXT" lines
 *   wait              until a line comes on standard input
 *   serve             a command a line on standard input, each followed by "done STATUS"
 *   race SEED N       N random changes and listings of nodes n0 to n7 in pools p0 to p4, and a
 *                     line of each: history_cli.c tells which
 *   loop POOL NAME N  N transactions, each adds NAME-i.example:80; then deletes every second one
 *
 * Several commands with "," between are done in turn on one handle. A failure prints
 * "ERRNO text" and the next command is done; the exit status is then 1. 2: bad use. */
#include "drivers/listing.h"
#include "drivers/options.h"
#include "drivers/registry.h"
#include "drivers/status.h"
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static const struct option common[] = {
    {"timeout", OPTION_DURATION, "60s", false, "for one transaction"}, {NULL}};

static int fail(const struct error *err)
{
    printf("%s %s\n", strerrorname_np(err->num), err->text);
    return 1;
}

static int show(struct listing *l, const char *pool)
{
    struct error err;

    if (listing_finish(l, &err) != 0)
        return fail(&err);
    for (size_t p = 0; p < listing_pool_count(l); p++) {
        const char *hosts = listing_pool_hosts(l, p);

        if (!pool)
            printf("%s%s%s\n", listing_pool_name(l, p), hosts ? " only on " : "",
                   hosts ? hosts : "");
        for (size_t n = 0; n < listing_node_count(l, p); n++) {
            hosts = listing_node_hosts(l, p, n);
            printf("%s/%s%s%s\n", listing_pool_name(l, p), listing_node_name(l, p, n),
                   hosts ? " only on " : "", hosts ? hosts : "");
        }
    }
    if (listing_refused(l))
        printf("refused: %zu\n", listing_refused(l));
    return 0;
}

static int do_pools(const struct balancer *b)
{
    struct listing *l = listing_new(NULL);
    struct error err;
    int result = b->driver->get_pools(b->lb, l, &err) == 0 ? show(l, NULL) : fail(&err);

    listing_free(l);
    return result;
}

static int do_nodes(const struct balancer *b, const char *name)
{
    struct listing *l = listing_new(name);
    struct error err;
    struct pool pool;
    int result;

    if (pool_parse(&pool, name, &err) != 0 || b->driver->get_nodes(b->lb, &pool, l, &err) != 0)
        result = fail(&err);
    else
        result = show(l, name);
    listing_free(l);
    return result;
}

static int change_parse(struct change *c, char *text, struct error *err)
{
    static const char *const kinds[] = {"add:", "del:", "create:", "remove:"};
    char *slash;

    for (int i = 0; i < 4; i++) {
        if (strncmp(text, kinds[i], strlen(kinds[i])) != 0)
            continue;
        c->kind = (enum change_kind)i;
        text += strlen(kinds[i]);
        slash = strchr(text, '/');
        if (slash)
            *slash = '\0';
        if (pool_parse(&c->pool, text, err) != 0)
            return -1;
        return slash ? node_parse(&c->node, slash + 1, err) : 0;
    }
    fprintf(stderr, "driver_cli: %s is no change\n", text);
    exit(2);
}

static int do_apply(const struct balancer *b, char **words, int n)
{
    struct change *changes = calloc((size_t)n + 1, sizeof *changes);
    struct error err = {0};
    int result = changes ? 0 : -1;

    for (int i = 0; i < n && result == 0; i++)
        result = change_parse(&changes[i], words[i], &err);
    if (result == 0)
        result = b->driver->apply(b->lb, changes, (size_t)n, &err);
    free(changes);
    return result == 0 ? 0 : fail(&err);
}

static int do_loop(const struct balancer *b, char **words)
{
    int n = atoi(words[2]), failed = 0;

    for (int i = 0; i < 2 * n; i++) {
        char text[400];
        char *word = text;

        if (i >= n && i % 2)
            continue;
        (void)snprintf(text, sizeof text, "%s:%s/%s-%d.example:80", i < n ? "add" : "del", words[0],
                       words[1], i % n);
        failed |= do_apply(b, &word, 1);
    }
    return failed;
}

static int do_status(const struct balancer *b)
{
    struct status *s = status_new();

    b->driver->status(b->lb, s);
    for (size_t i = 0; i < status_host_count(s); i++) {
        const struct host_status *h = status_host_at(s, i);

        printf("%s %s %s\n", h->name, h->state, h->error ? h->error : "-");
        if (h->missed)
            printf("%s missed %ju\n", h->name, (uintmax_t)h->missed);
    }
    for (size_t i = 0; i < status_note_count(s); i++) {
        const char *key, *value;

        status_note_at(s, i, &key, &value);
        printf("%s: %s\n", key, value);
    }
    status_free(s);
    return 0;
}

static int do_probe(const struct balancer *b)
{
    struct status *s = status_new();
    struct error err;
    int result = b->driver->probe(b->lb, s, &err) == 0 ? 0 : fail(&err);

    for (size_t i = 0; i < status_step_count(s); i++) {
        struct status_row row = status_step_at(s, i);

        printf("%s %s %s %s\n", row.host, row.step, row.passed ? "ok" : "FAILED", row.text);
    }
    status_free(s);
    return result;
}

static int64_t now_us(void)
{
    struct timespec now;

    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * INT64_C(1000000) + now.tv_nsec / 1000;
}

/* -1: it could not be read. */
static int race_list(const struct balancer *b, const struct pool *pool, bool has[8])
{
    struct listing *l = listing_new(pool->name);
    struct error err;
    int result = b->driver->get_nodes(b->lb, pool, l, &err);

    if (result == 0)
        result = listing_finish(l, &err);
    for (size_t i = 0; result == 0 && i < listing_node_count(l, 0); i++)
        has[listing_node_name(l, 0, i)[7] - '0'] = true;
    listing_free(l);
    return result;
}

static void race_read(const struct balancer *b, const struct pool *pool)
{
    bool has[8] = {false};
    int64_t began = now_us();
    int result = race_list(b, pool, has);
    int64_t ended = now_us();

    for (int i = 0; result == 0 && i < 8; i++)
        printf("%jd %jd %s/n%d %s ok\n", (intmax_t)began, (intmax_t)ended, pool->name, i,
               has[i] ? "has" : "lacks");
}

static int do_race(const struct balancer *b, char **words)
{
    unsigned int seed = (unsigned int)atoi(words[0]);

    for (int n = atoi(words[1]); n > 0; n--) {
        int pool = rand_r(&seed) % 5, node = rand_r(&seed) % 8, kind = rand_r(&seed) % 9;
        struct change c = {.kind = kind < 5 ? ADD_NODE : DELETE_NODE};
        struct error err = {0};
        int64_t began;

        /* Now and then one is alone for a while, so that crossings begin anew. */
        if (rand_r(&seed) % 8 == 0)
            (void)poll(NULL, 0, rand_r(&seed) % 200);
        (void)snprintf(c.pool.name, sizeof c.pool.name, "p%d", pool);
        (void)snprintf(c.node.name, sizeof c.node.name, "10.0.0.%d:80", node);
        if (kind == 8) {
            race_read(b, &c.pool);
            continue;
        }
        began = now_us();
        (void)b->driver->apply(b->lb, &c, 1, &err);
        printf("%jd %jd p%d/n%d %s %s\n", (intmax_t)began, (intmax_t)now_us(), pool, node,
               c.kind == ADD_NODE ? "add" : "del",
               err.num == 0     ? "ok"
               : err.num == EIO ? "unknown"
                                : "no");
        if (err.num)
            (void)fprintf(stderr, "%s\n", err.text);
    }
    return 0;
}

static int commands(const struct balancer *b, char **words, int n);

static int do_serve(const struct balancer *b)
{
    char *line = NULL;
    size_t size = 0;

    while (getline(&line, &size, stdin) > 0) {
        char *words[64], *rest = NULL;
        int n = 0;

        for (char *w = strtok_r(line, " \n", &rest); w && n < 64; w = strtok_r(NULL, " \n", &rest))
            words[n++] = w;
        printf("done %d\n", commands(b, words, n));
        (void)fflush(stdout);
    }
    free(line);
    return 0;
}

static int command(const struct balancer *b, char **words, int n)
{
    if (strcmp(words[0], "pools") == 0)
        return do_pools(b);
    if (strcmp(words[0], "nodes") == 0 && n == 2)
        return do_nodes(b, words[1]);
    if (strcmp(words[0], "apply") == 0)
        return do_apply(b, words + 1, n - 1);
    if (strcmp(words[0], "status") == 0)
        return do_status(b);
    if (strcmp(words[0], "probe") == 0)
        return do_probe(b);
    if (strcmp(words[0], "loop") == 0 && n == 4)
        return do_loop(b, words + 1);
    if (strcmp(words[0], "race") == 0 && n == 3)
        return do_race(b, words + 1);
    if (strcmp(words[0], "serve") == 0)
        return do_serve(b);
    if (strcmp(words[0], "wait") == 0) {
        int c;

        while ((c = getchar()) != EOF && c != '\n')
            ;
        return 0;
    }
    fprintf(stderr, "driver_cli: bad command %s\n", words[0]);
    return 2;
}

static int commands(const struct balancer *b, char **words, int n)
{
    int result = 0;

    for (int from = 0, to; from < n; from = to + 1) {
        for (to = from; to < n && strcmp(words[to], ",") != 0; to++)
            ;
        if (to > from)
            result |= command(b, words + from, to - from);
        (void)fflush(stdout);
    }
    return result;
}

static int read_section(char ***words, const struct driver **driver, struct options **options);

/* Past the word, and what is in brackets behind it. */
static int put(struct options *o, char ***words)
{
    char *word = *(*words)++, *value = strchr(word, '=');
    const struct driver *inner_driver;
    struct options *inner = NULL;
    const struct option *row;
    struct error err;
    int result;

    if (!value)
        return 2;
    *value++ = '\0';
    row = options_find(o, word);
    if (!row) {
        fprintf(stderr, "driver_cli: unknown key %s\n", word);
        return 2;
    }
    if (strcmp(value, "[") == 0) {
        result = read_section(words, &inner_driver, &inner);
        if (result == 0)
            result = options_put_section(o, word, inner_driver, inner, 1, 1, &err);
        if (result != 0)
            options_free(inner);
        return result == -1 ? fail(&err) + 1 : result;
    }
    result = row->type == OPTION_LIST ? options_append(o, word, value, 1, 1, &err)
                                      : options_put(o, word, value, 1, 1, &err);
    return result == 0 ? 0 : fail(&err) + 1;
}

/* Up to and past "]" or "--". */
static int read_section(char ***words, const struct driver **driver, struct options **options)
{
    const char *backend = **words ? *(*words)++ : "";
    struct error err;
    int result = 0;

    *driver = registry_find(backend, &err);
    if (!*driver)
        return fail(&err) + 1;
    *options =
        options_new("options", "test", (const struct option *[]){(*driver)->options, common}, 2);
    while (result == 0 && **words && strcmp(**words, "]") != 0 && strcmp(**words, "--") != 0)
        result = put(*options, words);
    *words += **words != NULL;
    return result;
}

int main(int argc, char **argv)
{
    struct options *o = NULL;
    struct balancer b = {NULL, NULL};
    char **words = argv + 1;
    struct error err;
    int result = read_section(&words, &b.driver, &o);

    if (result == 0) {
        b.lb = b.driver->open(o, &err);
        result = b.lb ? commands(&b, words, argc - (int)(words - argv)) : fail(&err) + 1;
    }
    if (b.lb)
        b.driver->close(b.lb);
    options_free(o);
    return result;
}
