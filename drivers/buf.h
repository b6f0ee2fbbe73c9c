/* A growing text, with sticky failure: append fifty times, ask once.
 * Not for secrets, but for buf_wipe. No thread safety. */
#ifndef BALANCERFS_BUF_H
#define BALANCERFS_BUF_H

#include "drivers/driver.h"
#include <stdarg.h>

struct buf {
    char *data; /* NUL-terminated once anything was added; may be NULL while len is 0 */
    size_t len, size;
    bool failed; /* out of memory at some time; what is there is then not to be used */
};

#define BUF_INIT                                                                                   \
    {                                                                                              \
        NULL, 0, 0, false                                                                          \
    }

void buf_add(struct buf *b, const void *data, size_t len);
void buf_str(struct buf *b, const char *text);
void buf_printf(struct buf *b, const char *fmt, ...) BALANCERFS_PRINTF(2, 3);
void buf_vprintf(struct buf *b, const char *fmt, va_list ap) BALANCERFS_PRINTF(2, 0);
/* Room for n more bytes at data + len; NULL when failed. Then add to len what was used. */
char *buf_reserve(struct buf *b, size_t n);
void buf_drop_front(struct buf *b, size_t n);
void buf_clear(struct buf *b); /* empty, memory kept */
void buf_free(struct buf *b);
void buf_wipe(struct buf *b);              /* overwritten, then freed */
const char *buf_text(const struct buf *b); /* "" for an empty one */
/* 0, or -1 with ENOMEM when any append failed. */
int buf_check(const struct buf *b, struct error *err);

#endif
