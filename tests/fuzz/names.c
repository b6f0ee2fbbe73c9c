/* Fuzzes the gate for names: what passes is as driver.h says, and passes again as it is. */
#include "drivers/driver.h"
#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define CLAIM(what) ((what) ? (void)0 : abort())

static const char alnum[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";

static void claim_error(const struct error *err)
{
    CLAIM(err->num == EINVAL && err->text[0]);
    for (const char *c = err->text; *c; c++)
        CLAIM((unsigned char)*c >= ' ' && *c != 127);
}

static void check_pool(const char *text)
{
    struct error err = {0};
    struct pool pool;

    if (pool_parse(&pool, text, &err) != 0) {
        claim_error(&err);
        return;
    }
    CLAIM(strcmp(pool.name, text) == 0);
    CLAIM(strspn(text, alnum) > 0 && strlen(text) <= 63);
    for (const char *c = text; *c; c++)
        CLAIM(strchr(alnum, *c) || strchr("_.-", *c));
}

/* Put together again from its parts it is the same, and the address is one. */
static void check_parts(const struct node *node)
{
    struct node_address parts;
    struct in6_addr address;
    char again[sizeof node->name + 8], canonical[INET6_ADDRSTRLEN];

    node_split(node, &parts);
    CLAIM(parts.port > 0 && parts.host[0]);
    (void)snprintf(again, sizeof again, parts.is_ipv6 ? "[%s]:%u" : "%s:%u", parts.host,
                   (unsigned)parts.port);
    CLAIM(strcmp(again, node->name) == 0);
    CLAIM(!(parts.is_ipv4 && parts.is_ipv6));
    if (parts.is_ipv6) {
        CLAIM(inet_pton(AF_INET6, parts.host, &address) == 1);
        CLAIM(strcmp(inet_ntop(AF_INET6, &address, canonical, sizeof canonical), parts.host) == 0);
    } else {
        CLAIM(strspn(parts.host, alnum) && !strpbrk(parts.host, " /:[]_'\"\\;{}$"));
        CLAIM(strcasecmp(parts.host, "unix") != 0);
    }
}

static void check_node(const char *text)
{
    struct error err = {0};
    struct node node;

    if (node_parse(&node, text, &err) != 0) {
        claim_error(&err);
        return;
    }
    CLAIM(strcmp(node.name, text) == 0);
    check_parts(&node);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *text = strndup((const char *)data, size);

    CLAIM(text);
    check_pool(text);
    check_node(text);
    free(text);
    return 0;
}
