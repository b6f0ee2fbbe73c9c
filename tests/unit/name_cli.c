/* The gate for names by hand: a line of standard input each, "pool NAME" or "node NAME".
 *
 * Prints "ok", for a node also "HOST PORT KIND"; or "EINVAL text". */
#include "drivers/driver.h"
#include <stdio.h>
#include <string.h>

static void show_node(const struct node *node)
{
    struct node_address a;

    node_split(node, &a);
    printf("ok %s %u %s\n", a.host, (unsigned)a.port,
           a.is_ipv6   ? "ipv6"
           : a.is_ipv4 ? "ipv4"
                       : "name");
}

static void judge(const char *kind, const char *name)
{
    struct error err;
    struct pool pool;
    struct node node;
    int result =
        strcmp(kind, "pool") == 0 ? pool_parse(&pool, name, &err) : node_parse(&node, name, &err);

    if (result != 0)
        printf("%s %s\n", strerrorname_np(err.num), err.text);
    else if (strcmp(kind, "pool") == 0)
        printf("ok\n");
    else
        show_node(&node);
}

int main(void)
{
    char line[4096];

    while (fgets(line, sizeof line, stdin)) {
        char *space = strchr(line, ' ');

        line[strcspn(line, "\n")] = '\0';
        if (!space)
            return 2;
        *space = '\0';
        judge(line, space + 1);
    }
    return 0;
}
