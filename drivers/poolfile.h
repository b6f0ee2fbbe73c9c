/* A file that holds one pool, as one server's grammar reads it: its members, where each stands,
 * and where a new one belongs. What the four dialects share; pure, no I/O, any thread.
 *
 * A dialect is a grammar: it reads a text into a struct poolfile and says how a new file, and a
 * new member in an old one, are written. Which files there are, which changes come to what, and
 * all errors are here (poolfile.c, pooledit.c), once for all. */
#ifndef BALANCERFS_POOLFILE_H
#define BALANCERFS_POOLFILE_H

#include "drivers/dialect.h"
#include "drivers/splice.h"

enum member_kind {
    MEMBER_NODE,       /* shown and edited */
    MEMBER_HIDDEN,     /* no file name can show it: stays */
    MEMBER_PLACEHOLDER /* ours, where the server wants a member and there is none */
};

struct span {
    size_t from, to;
};

struct member {
    enum member_kind kind;
    bool spare;        /* does not count as a server for the server (nginx: backup) */
    bool gone;         /* is to be cut */
    struct span at[2]; /* what to cut then; the second may be empty */
    struct node node;  /* of MEMBER_NODE */
};

/* Where new members are put. */
struct slot {
    size_t at;
    struct span indent; /* the blanks that a new line begins with */
    bool deeper;        /* and two more */
    bool in_line;       /* between others on one line: no line of its own */
    bool crlf;
    bool needs_newline; /* the line before it has none: the file ends there */
};

struct poolfile {
    const struct dialect_settings *settings;
    const char *pool; /* the name it has to hold */
    const char *text;
    size_t len;
    struct member *at;
    size_t n, size;
    bool failed;
    struct slot slot[2];
    int flavour; /* the grammar's own: which way of writing this file uses */
};

/* The nodes to write, in order. */
struct nodes {
    const struct node **at;
    size_t n, size;
};

struct grammar {
    const char *suffix;
    bool has_prefix; /* settings.prefix stands before the pool's name */
    bool ignores_case;

    /* Fills members and slots of p (pool, text, len and settings are set). false: this file does
     * not hold exactly that pool, and nothing else; leave it alone. */
    bool (*read)(struct poolfile *p);

    /* The whole text of a new pool. */
    void (*create)(const struct dialect_settings *s, const char *pool, const struct nodes *nodes,
                   struct buf *out);

    /* Puts added into out, and may mark members (placeholders) as gone. What is gone is cut
     * afterwards. Without anything to add or mend: puts nothing. */
    void (*change)(struct poolfile *p, const struct nodes *added, struct splice *out);

    /* Why the server cannot hold a pool of this name, or NULL. May be NULL itself. */
    const char *(*refuses)(const char *pool);
};

/* What dialect.list and dialect.edit are. */
void poolfile_list(const struct grammar *g, const struct dialect_settings *s,
                   const struct files *in, struct listing *out);
int poolfile_edit(const struct grammar *g, const struct dialect_settings *s, const struct files *in,
                  const struct change *changes, size_t n, struct files *out, struct error *err);

/* The pool that a file of this name would hold; -1: none. */
int poolfile_pool(const struct grammar *g, const struct dialect_settings *s, const char *file,
                  struct pool *pool);
/* p is filled anew; false: not a pool (and nothing to free). */
bool poolfile_read(const struct grammar *g, const struct dialect_settings *s,
                   const struct pool *pool, const struct file *file, struct poolfile *p);
void poolfile_free(struct poolfile *p);

/* ---- for grammars ------------------------------------------------------------------------- */

/* Adds m; as a node when text passes the gate, else hidden. */
void poolfile_node(struct poolfile *p, const char *text, size_t len, struct member m);
void poolfile_add(struct poolfile *p, struct member m); /* of m.kind */

/* Is [from, to) exactly this word? */
bool text_is(const char *text, struct span at, const char *word);
/* The first byte at or after pos that is no space and no tab. */
size_t text_skip_blanks(const char *text, size_t len, size_t pos);
/* The byte after the newline that ends pos's line, or len. */
size_t text_next_line(const char *text, size_t len, size_t pos);
/* Makes *s a line of its own that begins at the line start at; indent as in [from, to). */
void slot_line(struct slot *s, const struct poolfile *p, size_t at, struct span indent);
/* Puts a member: fmt without indentation and line end. */
void slot_printf(const struct slot *s, const struct poolfile *p, struct splice *out,
                 const char *fmt, ...) BALANCERFS_PRINTF(4, 5);

#endif
