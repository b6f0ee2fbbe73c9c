/* A session's memory, as a list of blocks. */
#include "drivers/ssh_memory.h"
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

struct ssh_block {
    struct ssh_block *next, **link; /* what points here */
    size_t size;
    _Alignas(max_align_t) unsigned char data[];
};

static struct ssh_block *block_of(void *at)
{
    return (struct ssh_block *)((unsigned char *)at - offsetof(struct ssh_block, data));
}

void *ssh_memory_get(struct ssh_memory *m, size_t size)
{
    struct ssh_block *b = size < SIZE_MAX / 2 ? malloc(sizeof *b + size) : NULL;

    if (!b)
        return NULL;
    b->size = size;
    b->next = m->first;
    b->link = &m->first;
    if (b->next)
        b->next->link = &b->next;
    m->first = b;
    return b->data;
}

void ssh_memory_put(struct ssh_memory *m, void *at)
{
    struct ssh_block *b = at ? block_of(at) : NULL;

    (void)m;
    if (!b)
        return;
    *b->link = b->next;
    if (b->next)
        b->next->link = b->link;
    explicit_bzero(b->data, b->size);
    free(b);
}

void *ssh_memory_resize(struct ssh_memory *m, void *at, size_t size)
{
    void *to = ssh_memory_get(m, size);

    if (!to || !at)
        return to;
    memcpy(to, at, size < block_of(at)->size ? size : block_of(at)->size);
    ssh_memory_put(m, at);
    return to;
}

void ssh_memory_put_all(struct ssh_memory *m)
{
    while (m->first)
        ssh_memory_put(m, m->first->data);
}
