/* Fuzzes the reader of .nodes: what it accepts is sorted, distinct, valid, and reads back as the
 * same; what it refuses has a line. */
#include "fs/nodes_text.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define CLAIM(what) ((what) ? (void)0 : abort())

static const char *name_at(const void *arg, size_t i)
{
    return ((const struct node *)arg)[i].name;
}

static void read_again(const struct node_set *set)
{
    struct buf text = BUF_INIT;
    struct node_set again;
    struct error err;

    for (size_t i = set->n; i-- > 0;)
        buf_printf(&text, "%s\t %s\r\n#%s\n", i % 2 ? " " : "", set->at[i].name, set->at[i].name);
    CLAIM(nodes_text_parse(buf_text(&text), text.len, &again, &err) == 0);
    CLAIM(node_set_equals(&again, set->n, name_at, set->at));
    node_set_free(&again);
    buf_free(&text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct node_set set;
    struct error err = {0};
    struct node node;

    if (nodes_text_parse((const char *)data, size, &set, &err) == -1) {
        CLAIM(err.num == EINVAL && strncmp(err.text, "line ", 5) == 0 && !set.at && !set.n);
        return 0;
    }
    CLAIM((set.at == NULL) == (set.n == 0));
    for (size_t i = 0; i < set.n; i++) {
        CLAIM(node_parse(&node, set.at[i].name, &err) == 0);
        CLAIM(i == 0 || strcmp(set.at[i - 1].name, set.at[i].name) < 0);
    }
    read_again(&set);
    node_set_free(&set);
    return 0;
}
