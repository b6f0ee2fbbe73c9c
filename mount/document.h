/* A YAML document as a tree of places and texts, whose aliases cannot make it endless.
 *
 * Nodes are numbers, 0 is none. Texts belong to the document, and are overwritten when it is
 * freed, since any of them may be a password. One thread. */
#ifndef BALANCERFS_DOCUMENT_H
#define BALANCERFS_DOCUMENT_H

#include "mount/problems.h"

enum node_kind { NODE_NULL, NODE_TEXT, NODE_LIST, NODE_MAP };

struct document;

/* text is read, not kept. NULL: what is wrong is in problems. */
struct document *document_parse(const char *text, size_t len, struct problems *problems);
void document_free(struct document *d);

int document_root(const struct document *d);
enum node_kind document_kind(const struct document *d, int node);
struct place document_place(const struct document *d, int node);

/* Of NODE_TEXT and NODE_NULL. NULL, and a problem: it holds a NUL byte or has a type that is no
 * text. */
const char *document_text(struct document *d, int node);

/* Of NODE_TEXT and NODE_NULL: not quoted and without a tag, so that it may be a number. */
bool document_is_plain(const struct document *d, int node);

/* Of NODE_LIST; the last one is followed by 0. */
int document_item(const struct document *d, int node, size_t i);

struct pair {
    int key, value;
    const char *name; /* the key's text */
};

/* The pairs of a NODE_MAP, merged with those of its `<<`, without the ones repeated in it (by
 * same: strcmp or strcasecmp), of which each is a problem. Free *pairs. */
size_t document_pairs(struct document *d, int node, int (*same)(const char *, const char *),
                      struct pair **pairs);

/* The value of a key of a NODE_MAP, in any case, or 0. A second one is a problem; what else the
 * mapping holds is not looked at. */
int document_find(struct document *d, int node, const char *name);

/* False, and a problem: the document has been walked for longer than an honest one takes. Ask
 * it in each walk that aliases could make endless. */
bool document_enter(struct document *d, int node);
void document_leave(struct document *d);

#endif
