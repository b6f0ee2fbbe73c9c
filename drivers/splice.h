/* A text with pieces cut out and pieces put in: every byte not named stays as it is.
 * Failure (no memory) is sticky and told by splice_make. */
#ifndef BALANCERFS_SPLICE_H
#define BALANCERFS_SPLICE_H

#include "drivers/buf.h"

struct splice_edit {
    size_t from, to;       /* what is cut; equal: nothing */
    size_t added, n_added; /* what is put at from, in the arena */
    size_t seq;
};

struct splice {
    const char *text; /* borrowed */
    size_t len;
    struct splice_edit *at;
    size_t n, size;
    struct buf arena;
};

void splice_start(struct splice *s, const char *text, size_t len);
void splice_cut(struct splice *s, size_t from, size_t to); /* cuts may overlap */
/* Texts put at one place stand in the order of the calls, also inside of a cut. */
void splice_put(struct splice *s, size_t at, const char *text, size_t len);
void splice_printf(struct splice *s, size_t at, const char *fmt, ...) BALANCERFS_PRINTF(3, 4);
/* Appends the new text to out; a failure becomes out's. */
void splice_make(struct splice *s, struct buf *out);
void splice_end(struct splice *s);

#endif
