/* The promises of driver.h: most are a few changes, and what is there after each. */
#include "promises.h"
#include "drivers/status.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct step {
    const char *changes; /* NULL: the end */
    const char *state;   /* after it */
    int error;           /* it is refused so */
};

struct promise {
    const char *text;
    struct step steps[6];
    bool (*check)(struct suite *s); /* after the steps, if not NULL */
};

/* ---- those that are no few changes -------------------------------------------------------- */

static bool check_missing(struct suite *s)
{
    struct pool pool = suite_pool('a');
    struct listing *l = suite_list(s, &s->b, &pool);
    bool ok = l != NULL;

    if (ok && listing_node_count(l, 0))
        ok = suite_fail(s, "it has %zu nodes", listing_node_count(l, 0));
    listing_free(l);
    return ok;
}

/* Sorted nodes, added in one transaction: exactly these are then there, spelled so. */
static bool check_nodes(struct suite *s, const struct node *nodes, size_t n)
{
    struct pool pool = suite_pool('a');
    struct error err = {0};
    struct listing *l;
    bool ok;

    if (balancer_add_nodes(&s->b, &pool, nodes, n, &err) == -1)
        return suite_fail(s, "add_nodes fails: %s", err.text);
    l = suite_list(s, &s->b, &pool);
    ok = l != NULL;
    if (ok && listing_node_count(l, 0) != n)
        ok = suite_fail(s, "%zu nodes were added, %zu are there", n, listing_node_count(l, 0));
    for (size_t i = 0; ok && i < n; i++)
        if (strcmp(listing_node_name(l, 0, i), nodes[i].name) != 0)
            ok = suite_fail(s, "%s was added, %s is there", nodes[i].name,
                            listing_node_name(l, 0, i));
    listing_free(l);
    if (ok && balancer_delete_nodes(&s->b, &pool, nodes, n, &err) == -1)
        ok = suite_fail(s, "delete_nodes fails: %s", err.text);
    return ok && suite_has(s, "a");
}

static bool check_spellings(struct suite *s)
{
    static const char *const names[] = {"192.0.2.1:1",      "192.0.2.1:65535", "192.0.2.1:80",
                                        "[2001:db8::1]:80", "[::1]:8080",      "localhost:8080"};
    struct node nodes[sizeof names / sizeof *names];
    struct error err;
    size_t n = sizeof names / sizeof *names;

    for (size_t i = 0; i < n; i++)
        (void)node_parse(&nodes[i], names[i], &err);
    return check_nodes(s, nodes, n);
}

static bool check_many(struct suite *s)
{
    enum { MANY = 200 };
    struct node *nodes = calloc(MANY, sizeof *nodes);
    struct error err;
    char name[32];
    bool ok;

    for (int i = 0; nodes && i < MANY; i++) {
        (void)snprintf(name, sizeof name, "192.0.2.77:%d", 8000 + i);
        (void)node_parse(&nodes[i], name, &err);
    }
    ok = nodes ? check_nodes(s, nodes, MANY) : suite_fail(s, "out of memory");
    free(nodes);
    return ok;
}

static bool has_pool(struct suite *s, const char *name)
{
    struct listing *l = suite_list(s, &s->b, NULL);
    bool has = false;

    for (size_t p = 0; l && p < listing_pool_count(l); p++)
        has |= strcmp(listing_pool_name(l, p), name) == 0;
    listing_free(l);
    return has;
}

/* A driver may be narrower than the file system, but then says EINVAL; or cannot have two names
 * that differ in case, and then says EEXIST. */
static bool check_name(struct suite *s, const char *name)
{
    struct change c = {.kind = CREATE_POOL};
    struct error err = {0};

    (void)pool_parse(&c.pool, name, &err);
    if (has_pool(s, name)) {
        suite_note(s, "%s is there already and was not tried", name);
        return true;
    }
    if (s->b.driver->apply(s->b.lb, &c, 1, &err) == -1) {
        suite_note(s, "%s is refused", name);
        return (err.num == EINVAL || err.num == EEXIST) ||
               suite_fail(s, "%s is refused, and not by EINVAL or EEXIST: %s", name, err.text);
    }
    if (!has_pool(s, name))
        (void)suite_fail(s, "%s was created and is not listed by this name", name);
    c.kind = DELETE_POOL;
    if (s->b.driver->apply(s->b.lb, &c, 1, &err) == -1)
        (void)suite_fail(s, "%s cannot be deleted again: %s", name, err.text);
    else if (has_pool(s, name))
        (void)suite_fail(s, "%s was deleted and is still listed", name);
    return s->why.len == 0;
}

static bool check_names(struct suite *s)
{
    static const char *const names[] = {
        "conformance-Aa.b_c-9", "CONFORMANCE-A", "9conformance", "conformance.default",
        "conformance-long-long-long-long-long-long-long-long-long-long-1"};
    bool ok = true;

    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        ok = check_name(s, names[i]) && ok;
    return ok;
}

/* What is only in memory is gone for a second handle: that is not promised, but to be known. */
static bool check_handles(struct suite *s)
{
    struct suite other = {.b = s->b};
    struct error err = {0};
    bool ok;

    other.b.lb = s->b.driver->open(s->options, &err);
    if (!other.b.lb)
        return suite_fail(s, "it cannot be opened a second time: %s", err.text);
    ok = suite_has(&other, "a1");
    if (!ok && suite_has(&other, ""))
        suite_note(s, "another handle sees nothing of it: the pools will not outlive a mount");
    else if (!ok)
        (void)suite_fail(s, "another handle: %s", buf_text(&other.why));
    s->b.driver->close(other.b.lb);
    buf_free(&other.why);
    return s->why.len == 0 && suite_has(s, "a1");
}

static bool check_status(struct suite *s)
{
    struct status *status = status_new();
    struct error err = {0};

    if (!status)
        return suite_fail(s, "out of memory");
    if (s->b.driver->status)
        s->b.driver->status(s->b.lb, status);
    if (s->b.driver->probe && s->b.driver->probe(s->b.lb, status, &err) == -1)
        (void)suite_fail(s, "probe fails: %s", err.text);
    if (s->b.driver->probe && status_step_count(status) == 0)
        (void)suite_fail(s, "probe does not say what it tried");
    for (size_t i = 0; i < status_host_count(status); i++) {
        const char *state = status_host_at(status, i)->state;

        if (strcmp(state, "up") != 0 && strcmp(state, "down") != 0 && strcmp(state, "unknown") != 0)
            (void)suite_fail(s, "a host is \"%s\", not up, down or unknown", state);
    }
    status_free(status);
    return s->why.len == 0 && suite_has(s, "a1");
}

static bool check_others(struct suite *s)
{
    struct buf now = BUF_INIT;
    bool ok = suite_others(s, &now);

    if (ok && strcmp(buf_text(&now), buf_text(&s->others)) != 0)
        ok = suite_fail(s, "there were\n%sand now are\n%s", buf_text(&s->others), buf_text(&now));
    buf_free(&now);
    return ok;
}

/* ---- all of them -------------------------------------------------------------------------- */

static const struct promise promises[] = {
    {"get_nodes of a pool that does not exist gives an empty list", {{0}}, check_missing},
    {"add_nodes creates the pool when it is missing", {{"+a1", "a1", 0}}, NULL},
    {"add_nodes adds several nodes at once", {{"+a1 +a2 +a3", "a123", 0}}, NULL},
    {"adding what is there succeeds and changes nothing",
     {{"+a1 +a2", "a12", 0}, {"+a1", "a12", 0}, {"+a1 +a2", "a12", 0}},
     NULL},
    {"adding what is there in part adds the rest",
     {{"+a1 +a2", "a12", 0}, {"+a2 +a3", "a123", 0}},
     NULL},
    {"a node given twice is one node",
     {{"+a1 +a1", "a1", 0}, {"+a1 +a2 +a2", "a12", 0}, {"-a1 -a1", "a2", 0}},
     NULL},
    {"delete_nodes deletes these nodes and no others",
     {{"+a1 +a2 +a3", "a123", 0}, {"+b1", "a123 b1", 0}, {"-a1 -a3", "a2 b1", 0}},
     NULL},
    {"deleting a node that is not there succeeds and changes nothing",
     {{"+a1", "a1", 0}, {"-a2", "a1", 0}, {"-a2 -a1", "a", 0}, {"-a1", "a", 0}},
     NULL},
    {"deleting from a pool that does not exist succeeds and does not make it",
     {{"-a1", "", 0}},
     NULL},
    {"deleting the last node leaves an empty pool, which takes nodes again",
     {{"+a1", "a1", 0}, {"-a1", "a", 0}, {"+a2", "a2", 0}},
     NULL},
    {"a pool can be created empty, and deleted", {{"+a", "a", 0}, {"-a", "", 0}}, NULL},
    {"creating a pool that exists succeeds and changes nothing",
     {{"+a", "a", 0}, {"+a", "a", 0}, {"+a1", "a1", 0}, {"+a", "a1", 0}},
     NULL},
    {"deleting a pool that does not exist succeeds", {{"-a", "", 0}}, NULL},
    {"deleting a pool with nodes is ENOTEMPTY and changes nothing",
     {{"+a1", "a1", 0}, {"-a", "a1", ENOTEMPTY}, {"-a1", "a", 0}, {"-a", "", 0}},
     NULL},
    {"changes over several pools are one transaction",
     {{"+a1 +b2 +c", "a1 b2 c", 0}, {"-a1 +b1 -c +d3", "a b12 d3", 0}},
     NULL},
    {"a node moves from pool to pool in one transaction",
     {{"+a1 +b2", "a1 b2", 0}, {"+b1 -a1", "a b12", 0}},
     NULL},
    {"changes are made in their order",
     {{"+a1 -a1", "a", 0}, {"-a2 +a2", "a2", 0}, {"-a2 -a", "", 0}, {"+a -a +a1", "a1", 0}},
     NULL},
    {"a set of changes that is refused at its end changes nothing",
     {{"+a1 +b1 +d", "a1 b1 d", 0}, {"-a1 +a2 +c3 -d +e -b", "a1 b1 d", ENOTEMPTY}},
     NULL},
    {"a set of changes that is refused at its beginning changes nothing",
     {{"+a1 +b1", "a1 b1", 0}, {"-b +a2 +c3 -a1", "a1 b1", ENOTEMPTY}},
     NULL},
    {"after a refusal it works on",
     {{"+a1", "a1", 0}, {"+b1 -a", "a1", ENOTEMPTY}, {"+b1 -a1 -a", "b1", 0}},
     NULL},
    {"IPv4, IPv6 and names, the same host on several ports: listed as they were added",
     {{"+a", "a", 0}},
     check_spellings},
    {"200 nodes in one transaction", {{"+a", "a", 0}}, check_many},
    {"names of pools are listed as they were given", {{0}}, check_names},
    {"a second handle can be opened beside the first", {{"+a1", "a1", 0}}, check_handles},
    {"status and probe, where there are any, tell and change nothing",
     {{"+a1", "a1", 0}},
     check_status},
    {"what else the balancer has was not touched", {{0}}, check_others},
};

const char *promise_text(size_t i)
{
    return i < sizeof promises / sizeof *promises ? promises[i].text : NULL;
}

static bool check_step(struct suite *s, const struct step *step)
{
    bool ok =
        step->error ? suite_refused(s, step->changes, step->error) : suite_do(s, step->changes);

    if (suite_has(s, step->state))
        return ok;
    buf_printf(&s->why, " after %s", step->changes);
    return false;
}

bool promise_check(size_t i, struct suite *s)
{
    const struct promise *p = &promises[i];

    for (const struct step *step = p->steps; step->changes; step++)
        if (!check_step(s, step))
            return false;
    return !p->check || p->check(s);
}
