/* Memory for one session of libssh2, which frees passwords and keys as they are, and forgets some
 * of its own at a change of keys: all of it is wiped when it is freed, and freed at the end. */
#ifndef BALANCERFS_SSH_MEMORY_H
#define BALANCERFS_SSH_MEMORY_H

#include <stddef.h>

struct ssh_memory {
    struct ssh_block *first;
};

void *ssh_memory_get(struct ssh_memory *m, size_t size); /* NULL: there is none */
void *ssh_memory_resize(struct ssh_memory *m, void *at, size_t size);
void ssh_memory_put(struct ssh_memory *m, void *at); /* NULL is fine */
void ssh_memory_put_all(struct ssh_memory *m);

#endif
