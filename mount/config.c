/* From a configuration's text to its balancers. */
#include "mount/config.h"
#include "fs/fs.h"
#include "mount/section.h"
#include <stdlib.h>
#include <string.h>

static void add_balancer(struct config *config, struct reader *r, struct section *s,
                         struct place place)
{
    struct config_balancer *bigger = reallocarray(config->balancers, config->n + 1, sizeof *bigger);

    if (!bigger) {
        problems_add(r->problems, place, "out of memory");
        return;
    }
    config->balancers = bigger;
    bigger[config->n++] = (struct config_balancer){
        .name = options_balancer(s->options),
        .driver = s->driver,
        .options = s->options,
        .place = place,
    };
    s->options = NULL;
}

static void read_balancer(struct config *config, struct reader *r, const struct pair *pair)
{
    struct document *d = r->document;
    struct place place = document_place(d, pair->key);
    struct section s = {.name = pair->name, .place = place};
    struct error err;
    struct pool name;

    /* A balancer is named as a pool is. */
    if (pool_parse(&name, pair->name, &err) != 0) {
        problems_add(
            r->problems, place,
            "\"%s\" cannot be a balancer's name: 1 to 63 letters, digits, _ . -, beginning "
            "with a letter or digit",
            pair->name);
        s.failed = true;
    }
    if (!document_enter(d, pair->value))
        s.failed = true;
    else if (document_kind(d, pair->value) != NODE_MAP)
        problems_add(r->problems, document_place(d, pair->value),
                     "balancer %s must be a mapping of keys, as BACKEND: nginx", pair->name);
    else if (section_read(r, &s, pair->value) == 0)
        add_balancer(config, r, &s, place);
    document_leave(d);
    options_free(s.options);
}

static void read_balancers(struct config *config, struct reader *r, int node)
{
    struct pair *pairs;
    size_t n;

    if (document_kind(r->document, node) != NODE_MAP) {
        problems_add(r->problems, document_place(r->document, node),
                     "BALANCERS must be a mapping of names to balancers%s",
                     document_kind(r->document, node) == NODE_NULL ? " ({} for none)" : "");
        return;
    }
    n = document_pairs(r->document, node, strcmp, &pairs);
    for (size_t i = 0; i < n; i++)
        read_balancer(config, r, &pairs[i]);
    free(pairs);
}

/* Other keys beside it are somebody else's, and may be repeated there as they like. */
static void read_top(struct config *config, struct reader *r)
{
    int root = document_root(r->document), balancers;

    if (!root || document_kind(r->document, root) == NODE_NULL) {
        problems_add(r->problems, (struct place){0, 0}, "is empty: BALANCERS is missing");
        return;
    }
    if (document_kind(r->document, root) != NODE_MAP) {
        problems_add(r->problems, document_place(r->document, root),
                     "must be a mapping with the key BALANCERS");
        return;
    }
    balancers = document_find(r->document, root, "BALANCERS");
    if (balancers)
        read_balancers(config, r, balancers);
    else
        problems_add(r->problems, document_place(r->document, root), "BALANCERS is missing");
}

struct place config_parse(struct config *config, const char *text, size_t len,
                          struct problems *problems)
{
    struct reader r = {.problems = problems};

    *config = (struct config){NULL, 0};
    r.document = document_parse(text, len, problems);
    if (r.document)
        read_top(config, &r);
    document_free(r.document);
    return r.password;
}

/* Where the error of a balancer goes. */
struct trial {
    const struct config_balancer *balancer;
    struct problems *problems;
};

static void tell(const struct error *err, void *arg)
{
    struct trial *t = arg;

    problems_add_error(t->problems, t->balancer->place, err);
}

void config_try(const struct config_balancer *b, struct problems *problems)
{
    struct trial t = {b, problems};
    struct error err = {0};
    void *lb = b->driver->open(b->options, &err);

    if (lb)
        b->driver->close(lb);
    else
        tell(&err, &t);
    fs_check(b->options, tell, &t);
}

struct config_balancer *config_find(const struct config *config, const char *name)
{
    for (size_t i = 0; i < config->n; i++)
        if (strcmp(config->balancers[i].name, name) == 0)
            return &config->balancers[i];
    return NULL;
}

void config_free(struct config *config)
{
    for (size_t i = 0; i < config->n; i++)
        if (!config->balancers[i].given)
            options_free(config->balancers[i].options);
    free(config->balancers);
    *config = (struct config){NULL, 0};
}
