/* Varnish's language as text: its words, and what of it makes a pool. Pure, no I/O, any thread.
 *
 * Versions 3 and 4 are read by the same code: version 3 has
 *   director app round-robin { { .backend = { .host = "10.0.0.1"; .port = "80"; } } }
 * and version 4, which 4.0 and 4.1 are,
 *   backend b { .host = "10.0.0.1"; .port = "80"; }
 *   sub vcl_init { new app = directors.round_robin(); app.add_backend(b); } */
#ifndef BALANCERFS_VCL_H
#define BALANCERFS_VCL_H

#include "drivers/poolfile.h"

/* ---- words (vcl.c) ------------------------------------------------------------------------ */

enum vcl_kind {
    VCL_WORD,   /* letters, digits, _ - and dots: app.add_backend, .host, 1.5s */
    VCL_STRING, /* "a", {"a"} or three quotes */
    VCL_MARK,   /* any other byte; 'C' for a whole C{ }C */
    VCL_END,
    VCL_BAD /* a string or comment without an end, or a NUL byte */
};

struct vcl_token {
    enum vcl_kind kind;
    char mark;
    struct span at;    /* with quotes */
    struct span value; /* without */
    size_t line;       /* where its line begins */
    size_t after;      /* the end of the word or comment before it */
    bool first;        /* nothing but blanks before it on that line */
};

struct vcl_lexer {
    const char *text;
    size_t len, pos, line, after;
    bool first;
};

void vcl_start(struct vcl_lexer *l, const char *text, size_t len);
struct vcl_token vcl_next(struct vcl_lexer *l);
bool vcl_is_mark(const struct vcl_token *t, char mark);
bool vcl_is_word(const struct vcl_lexer *l, const struct vcl_token *t, const char *word);
/* t is a '{': the token after its '}'. VCL_BAD when there is none. *end: where that '}' ends. */
struct vcl_token vcl_skip_block(struct vcl_lexer *l, const struct vcl_token *t, size_t *end);

/* Does the statement from this token to end have its lines for itself? */
bool vcl_has_lines(const struct vcl_lexer *l, const struct vcl_token *first, size_t end);
/* What to cut of it: those lines, or else itself. */
struct span vcl_cut(const struct vcl_lexer *l, const struct vcl_token *first, size_t end);
/* The place after a statement whose first token is t; open: the '{' it is in, or NULL. */
void vcl_slot_after(struct slot *s, const struct poolfile *p, const struct vcl_token *t, size_t end,
                    const struct vcl_token *open);
/* The place before a token; deeper: it closes a block, which is indented. */
void vcl_slot_before(struct slot *s, const struct poolfile *p, const struct vcl_token *t);

/* ---- pools (vcl_pool.c, vcl_read.c) ------------------------------------------------------- */

struct vcl_backend {
    struct span name;       /* empty: has none, being written where it is used */
    struct span body;       /* with its braces; empty: there is none */
    struct span cut;        /* of its declaration */
    struct span host, port; /* port may be missing (empty) */
    struct span probe;      /* the name of one that stands elsewhere; or empty */
    bool is_plain;          /* a host once, a port once at most, and no path */
    bool is_gone;           /* the caller's */
};

struct vcl_probe {
    struct span name;
    struct span cut;
    bool has_lines; /* of its own */
};

struct vcl_member {
    struct vcl_backend own; /* version 3: written here, when name is empty */
    struct span name;       /* of a backend that stands elsewhere */
    struct span weight;     /* version 3; may be empty */
    struct span entry;      /* from its first byte to its last */
    struct span cut;
    bool is_option; /* version 3: of the director as a whole (.retries) */
};

struct vcl_pool {
    int version;                  /* of how the director is written: 3, 4 */
    size_t directors;             /* a pool has one; what follows is the last one's */
    struct span name;             /* of the director */
    struct span type;             /* "round-robin", "directors.round_robin" */
    struct span opening;          /* version 3: up to its '{' */
    struct vcl_token close;       /* version 3: its '}' */
    size_t others;                /* things that are no part of a pool: rules, lists, includes */
    bool has_list;                /* version 3: one of those is a list of addresses */
    struct vcl_backend *backends; /* sorted by name, without regard to case */
    size_t n_backends, backends_size;
    struct vcl_member *members; /* as they stand in the text */
    size_t n_members, members_size;
    struct vcl_probe *probes;
    size_t n_probes, probes_size;
    struct slot backend_slot, member_slot;
    bool failed; /* out of memory */
};

void vcl_pool_add_backend(struct vcl_pool *v, const struct vcl_backend *b);
void vcl_pool_add_member(struct vcl_pool *v, const struct vcl_member *m);
void vcl_pool_add_probe(struct vcl_pool *v, const struct vcl_probe *p);
/* Once all are there; false: two backends have one name. */
bool vcl_pool_sort(struct vcl_pool *v, const char *text);

/* false: not VCL as we know it; free it all the same. */
bool vcl_pool_read(struct vcl_pool *v, const struct poolfile *p);
void vcl_pool_free(struct vcl_pool *v);
/* By name; NULL: none is declared here. */
struct vcl_backend *vcl_pool_backend(const struct vcl_pool *v, const char *text, const char *name,
                                     size_t len);

#endif
