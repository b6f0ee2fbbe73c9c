/* What decides about names, lists and removals, by hand: the pure modules of fs/.
 *
 *   control_cli scratch            names from standard input, each with "scratch" or "refused"
 *   control_cli nodes              the text of a .nodes from standard input: its nodes
 *   control_cli equals [NODE]...   does standard input mean these nodes (in order)?
 *   control_cli million N          a list of N nodes, backwards, each twice: how many they are
 *   control_cli options            the keys of every balancer: "NAME TYPE FALLBACK"
 *   control_cli guard [KEY=VALUE]...    with these settings, a line for each of standard input's:
 *                                  change POOL
 *                                  remove POOL N ADDED POOL_SIZE ALL_SIZE NOW
 *                                  refund POOL N COUNTED
 *
 * A refusal is printed as "ERRNO text", with exit status 1. 2: bad use. */
#include "drivers/options.h"
#include "fs/fs.h"
#include "fs/guard.h"
#include "fs/nodes_text.h"
#include "fs/scratch.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int fail(const struct error *err)
{
    printf("%s %s\n", strerrorname_np(err->num), err->text);
    return 1;
}

static void read_all(struct buf *out)
{
    char part[65536];
    size_t n;

    while ((n = fread(part, 1, sizeof part, stdin)) > 0)
        buf_add(out, part, n);
}

static int do_scratch(void)
{
    char line[4096];

    while (fgets(line, sizeof line, stdin)) {
        line[strcspn(line, "\n")] = '\0';
        printf("%s %s\n", scratch_is_name(line) ? "scratch" : "refused", line);
    }
    return 0;
}

static int do_nodes(void)
{
    struct buf text = BUF_INIT;
    struct node_set set;
    struct error err;
    int result = 0;

    read_all(&text);
    if (nodes_text_parse(buf_text(&text), text.len, &set, &err) == -1)
        result = fail(&err);
    for (size_t i = 0; i < set.n; i++)
        printf("%s\n", set.at[i].name);
    node_set_free(&set);
    buf_free(&text);
    return result;
}

static const char *word_at(const void *arg, size_t i)
{
    return ((char *const *)arg)[i];
}

static int do_equals(char **words, size_t n)
{
    struct buf text = BUF_INIT;
    struct node_set set;
    struct error err;
    int result = 0;

    read_all(&text);
    if (nodes_text_parse(buf_text(&text), text.len, &set, &err) == -1)
        result = fail(&err);
    else
        printf("%s\n", node_set_equals(&set, n, word_at, words) ? "equal" : "different");
    node_set_free(&set);
    buf_free(&text);
    return result;
}

static int do_million(unsigned n)
{
    struct buf text = BUF_INIT;
    struct node_set set;
    struct error err;
    int result = 0;

    for (unsigned i = 2 * n; i-- > 0;)
        buf_printf(&text, "10.%u.%u.%u:80\n", i / 2 >> 16 & 255, i / 2 >> 8 & 255, i / 2 & 255);
    if (nodes_text_parse(buf_text(&text), text.len, &set, &err) == -1)
        result = fail(&err);
    printf("%zu\n", set.n);
    node_set_free(&set);
    buf_free(&text);
    return result;
}

static int do_options(void)
{
    static const char *const types[] = {"string", "number", "bool",     "duration", "secret",
                                        "list",   "map",    "sections", "any"};

    for (const struct option *row = fs_options; row->name; row++)
        printf("%s %s %s\n", row->name, types[row->type], row->fallback ? row->fallback : "-");
    return 0;
}

static int put(struct options *o, char *word, struct error *err)
{
    char *value = strchr(word, '=');
    const struct option *row;

    if (!value)
        return error_set(err, EINVAL, "no KEY=VALUE: %s", word);
    *value++ = '\0';
    row = options_find(o, word);
    if (!row)
        return error_set(err, EINVAL, "unknown key %s", word);
    return row->type == OPTION_LIST ? options_append(o, word, value, 1, 1, err)
                                    : options_put(o, word, value, 1, 1, err);
}

static int guard_line(struct guard *g, const char *line, struct error *err)
{
    char command[16], pool[128];
    size_t n = 0, added = 0, size = 0, all = 0;
    long long now = 0;

    if (sscanf(line, "%15s %127s", command, pool) != 2)
        return error_set(err, EINVAL, "bad line");
    if (strcmp(command, "change") == 0)
        return guard_change(g, pool, err);
    if (sscanf(line, "remove %*s %zu %zu %zu %zu %lld", &n, &added, &size, &all, &now) == 5)
        return guard_remove(g, pool, n, added, size, all, now, err);
    if (sscanf(line, "refund %*s %zu %lld", &n, &now) != 2)
        return error_set(err, EINVAL, "bad line");
    guard_refund(g, pool, n, now);
    return 0;
}

static int do_guard(char **words, int n)
{
    const struct option *const tables[] = {fs_options};
    struct options *o = options_new("conf", "web", tables, 1);
    struct guard *g = NULL;
    struct error err = {0};
    char line[512];
    int rc = 0;

    for (int i = 0; o && i < n && rc == 0; i++)
        rc = put(o, words[i], &err);
    if (o && rc == 0)
        g = guard_new(o, &err);
    if (!g)
        rc = fail(&err);
    while (g && fgets(line, sizeof line, stdin))
        if (guard_line(g, line, &err) == 0)
            printf("ok\n");
        else
            (void)fail(&err);
    guard_free(g);
    options_free(o);
    return rc;
}

int main(int argc, char **argv)
{
    const char *command = argc > 1 ? argv[1] : "";

    if (strcmp(command, "scratch") == 0)
        return do_scratch();
    if (strcmp(command, "nodes") == 0)
        return do_nodes();
    if (strcmp(command, "equals") == 0)
        return do_equals(argv + 2, (size_t)argc - 2);
    if (strcmp(command, "million") == 0 && argc == 3)
        return do_million((unsigned)atoi(argv[2]));
    if (strcmp(command, "options") == 0)
        return do_options();
    if (strcmp(command, "guard") == 0)
        return do_guard(argv + 2, argc - 2);
    (void)fprintf(stderr, "control_cli: bad use\n");
    return 2;
}
