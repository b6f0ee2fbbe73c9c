/* The one gate for names of pools and nodes. */
#include "drivers/driver.h"
#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

static bool is_alnum(char c)
{
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

int pool_parse(struct pool *pool, const char *text, struct error *err)
{
    size_t len = strlen(text);

    if (len == 0)
        return error_set(err, EINVAL, "a pool needs a name");
    if (len >= sizeof pool->name)
        return error_set(err, EINVAL, "pool name is longer than 63 bytes: %.80s", text);
    if (!is_alnum(text[0]))
        return error_set(err, EINVAL, "pool name must begin with a letter or digit: %s", text);
    for (const char *c = text; *c; c++)
        if (!is_alnum(*c) && !strchr("_.-", *c))
            return error_set(err, EINVAL, "pool name may hold letters, digits, _ . - only: %s",
                             text);
    memset(pool, 0, sizeof *pool);
    memcpy(pool->name, text, len);
    return 0;
}

static int check_port(const char *port, const char *text, struct error *err)
{
    size_t len = strlen(port);

    if (len == 0)
        return error_set(err, EINVAL, "node has no port (HOST:PORT): %s", text);
    for (const char *c = port; *c; c++)
        if (*c < '0' || *c > '9')
            return error_set(err, EINVAL, "port must be a number: %s", text);
    if (port[0] == '0')
        return error_set(err, EINVAL, "port must be 1 to 65535 without leading zeros: %s", text);
    if (len > 5 || strtol(port, NULL, 10) > 65535)
        return error_set(err, EINVAL, "port must be 1 to 65535: %s", text);
    return 0;
}

static int check_ipv6(const char *host, const char *text, struct error *err)
{
    struct in6_addr addr;
    char canonical[INET6_ADDRSTRLEN];

    if (inet_pton(AF_INET6, host, &addr) != 1)
        return error_set(err, EINVAL, "not an IPv6 address: %s", text);
    if (!inet_ntop(AF_INET6, &addr, canonical, sizeof canonical) || strcmp(canonical, host) != 0)
        return error_set(err, EINVAL, "IPv6 address must be written [%s]: %s", canonical, text);
    return 0;
}

static int check_label(const char *label, size_t len, const char *text, struct error *err)
{
    if (len == 0 || len > 63)
        return error_set(err, EINVAL, "parts of a host name have 1 to 63 bytes: %s", text);
    if (label[0] == '-' || label[len - 1] == '-')
        return error_set(err, EINVAL, "parts of a host name begin and end without -: %s", text);
    for (size_t i = 0; i < len; i++)
        if (!is_alnum(label[i]) && label[i] != '-')
            return error_set(err, EINVAL, "host name may hold letters, digits, - and . only: %s",
                             text);
    return 0;
}

/* A name whose last label is a number would be read as an IPv4 address somewhere: so it must be
 * one, in full. Hexadecimal counts as a number there. */
static bool looks_numeric(const char *label)
{
    size_t digits = strspn(label, "0123456789");

    if (label[digits] == '\0')
        return true;
    return label[0] == '0' && (label[1] == 'x' || label[1] == 'X') &&
           label[2 + strspn(label + 2, "0123456789abcdefABCDEF")] == '\0';
}

static int check_host(const char *host, const char *text, struct error *err)
{
    struct in_addr addr;
    const char *last = strrchr(host, '.');

    if (*host == '\0')
        return error_set(err, EINVAL, "node has no host (HOST:PORT): %s", text);
    if (strchr(host, ':'))
        return error_set(err, EINVAL, "IPv6 address must be in brackets ([ADDRESS]:PORT): %s",
                         text);
    if (strlen(host) > 253)
        return error_set(err, EINVAL, "host name is longer than 253 bytes");
    if (strcasecmp(host, "unix") == 0)
        return error_set(err, EINVAL, "unix is no host: %s", text);
    if (looks_numeric(last ? last + 1 : host)) {
        if (inet_pton(AF_INET, host, &addr) != 1)
            return error_set(err, EINVAL, "not an IPv4 address: %s", text);
        return 0;
    }
    for (const char *label = host;; label++) {
        size_t len = strcspn(label, ".");

        if (check_label(label, len, text, err) == -1)
            return -1;
        label += len;
        if (*label == '\0')
            return 0;
    }
}

int node_parse(struct node *node, const char *text, struct error *err)
{
    size_t len = strlen(text);
    const char *colon = strrchr(text, ':');
    char host[sizeof node->name];
    int rc;

    if (len >= sizeof node->name)
        return error_set(err, EINVAL, "node name is longer than 259 bytes: %.80s", text);
    if (!colon || (text[0] == '[' && colon[-1] != ']'))
        return error_set(err, EINVAL, "a node is HOST:PORT: %s", text);
    memcpy(host, text, (size_t)(colon - text));
    host[colon - text] = '\0';
    if (host[0] == '[') {
        host[colon - text - 1] = '\0';
        rc = check_ipv6(host + 1, text, err);
    } else {
        rc = check_host(host, text, err);
    }
    if (rc == -1 || check_port(colon + 1, text, err) == -1)
        return -1;
    memset(node, 0, sizeof *node);
    memcpy(node->name, text, len);
    return 0;
}

void node_split(const struct node *node, struct node_address *out)
{
    const char *colon = strrchr(node->name, ':');
    const char *from = node->name;
    size_t len = (size_t)(colon - from);
    struct in_addr addr;

    memset(out, 0, sizeof *out);
    out->is_ipv6 = *from == '[';
    if (out->is_ipv6) {
        from++;
        len -= 2;
    }
    memcpy(out->host, from, len);
    out->port = (uint16_t)strtoul(colon + 1, NULL, 10);
    out->is_ipv4 = inet_pton(AF_INET, out->host, &addr) == 1;
}
