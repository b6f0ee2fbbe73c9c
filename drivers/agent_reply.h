/* Reading what agent.sh answers: pure functions on bytes, for agent.c and its tests. */
#ifndef BALANCERFS_AGENT_REPLY_H
#define BALANCERFS_AGENT_REPLY_H

#include "drivers/buf.h"
#include "drivers/files.h"

/* More than any balancer's pools, less than memory. */
#define REPLY_MAX ((size_t)64 << 20)
#define REPLY_NONCE 32

struct reply {
    char word[16]; /* [a-z]+ */
    size_t head;   /* bytes of the line, with its newline */
    size_t len;    /* of the text after it */
};

/* The answer at the beginning of data. 1: the whole line is there; 0: more is needed; -1: that is
 * no answer. nonce: REPLY_NONCE characters. */
int reply_parse(struct reply *r, const char *nonce, const char *data, size_t len);

/* Bytes of noise before the first line that begins with the nonce: all but what may become one. */
size_t reply_noise(const char *nonce, const char *data, size_t len);

/* The table that comes before the files' contents: "DIGEST  NAME" lines, then "SIZE NAME" lines
 * (and a total when there are several), the same names in the same order.
 * Adds the files without their contents to out, sizes in len: the sum, or -1 (then out is of no
 * use): not such a table, or more than REPLY_MAX. */
ptrdiff_t reply_table(const char *text, size_t len, struct files *out);

#endif
