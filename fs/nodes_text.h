/* The text of .nodes: what a person writes, and which nodes it means. Pure; any thread. */
#ifndef BALANCERFS_NODES_TEXT_H
#define BALANCERFS_NODES_TEXT_H

#include "drivers/buf.h"

#define NODES_TEXT_MAX ((size_t)64 << 20)

/* The nodes of a text, sorted by name, each once. at: malloc'd, or NULL when n is 0. */
struct node_set {
    struct node *at;
    size_t n;
};

/* Blank lines and lines whose first character that is no blank is # are skipped; blanks around a
 * name too, and a carriage return before the newline. A node twice is a node once. -1: EINVAL and
 * "line N: ..." of the first bad line (and how many more there are); ENOMEM; EFBIG. */
int nodes_text_parse(const char *text, size_t len, struct node_set *out, struct error *err);
void node_set_free(struct node_set *s);

/* Do the sets hold the same names? names: n sorted ones, by at(arg, i). */
bool node_set_equals(const struct node_set *s, size_t n, const char *(*at)(const void *arg, size_t),
                     const void *arg);

#endif
