/* Fuzzes the collector of listings: any calls in any order give a sorted listing of legal names. */
#include "drivers/listing.h"
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define CLAIM(what) ((what) ? (void)0 : abort())

/* A line is a call: its first letter says which. */
static void call(struct listing *l, const char *line)
{
    switch (line[0]) {
    case 'h':
        listing_host(l, line); /* never empty */
        break;
    case 'p':
        listing_pool(l, line + 1);
        break;
    case '-':
        listing_hidden(l);
        break;
    case 'w':
        listing_is_whole(l);
        break;
    default:
        listing_node(l, line);
    }
}

static void check_pool(const struct listing *l, size_t p)
{
    struct error err;
    struct pool pool;
    struct node node;

    CLAIM(pool_parse(&pool, listing_pool_name(l, p), &err) == 0);
    CLAIM(p == 0 || strcmp(listing_pool_name(l, p - 1), listing_pool_name(l, p)) < 0);
    for (size_t n = 0; n < listing_node_count(l, p); n++) {
        const char *name = listing_node_name(l, p, n);

        CLAIM(node_parse(&node, name, &err) == 0);
        CLAIM(n == 0 || strcmp(listing_node_name(l, p, n - 1), name) < 0);
        CLAIM(!listing_node_hosts(l, p, n) || *listing_node_hosts(l, p, n));
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct listing *l = listing_new(size && data[0] % 2 ? "app" : NULL);
    char *text = strndup((const char *)data, size), *rest = text, *line;
    struct error err;

    CLAIM(l && text);
    while ((line = strsep(&rest, "\n")))
        call(l, line);
    CLAIM(listing_finish(l, &err) == 0);
    for (size_t p = 0; p < listing_pool_count(l); p++)
        check_pool(l, p);
    listing_free(l);
    free(text);
    return 0;
}
