/* The parts of the varnish dialect: names, the pools' files, the main file. For varnish*.c only. */
#ifndef BALANCERFS_VARNISH_H
#define BALANCERFS_VARNISH_H

#include "drivers/poolfile.h"

/* The director of a pool: the pool's own name where VCL allows it, else "pool__" and the name
 * with every byte but letters, digits and hyphens as _xx (hexadecimal). The way back is sure: a
 * name that holds two underscores in a row is never taken as it is. */
void varnish_director(const char *pool, struct buf *out);
bool varnish_is_director(const char *text, struct span name, const char *pool);
/* The backend of a node: the pool's part, two underscores, the node with every byte but small
 * letters, digits and hyphens as _xx. */
void varnish_backend(const char *pool, const char *node, struct buf *out);

extern const struct grammar varnish_grammar;

/* Is this file a pool in VCL 3, to be rewritten for a server that knows VCL 4? */
bool varnish_is_old(const struct dialect_settings *s, const struct pool *pool,
                    const struct file *file);

/* "{ .host = ...; .port = ...; }" of a node. */
void varnish_address(const struct node *node, struct buf *out);

/* A text in VCL 3 as VCL 4, with its comments and what a person gave a backend; marks placeholders
 * as gone. Only when the director is of a kind that VCL 4 has, too. */
struct vcl_pool;
bool varnish_can_convert(const struct poolfile *p, const struct vcl_pool *v);
void varnish_convert(struct poolfile *p, const struct vcl_pool *v, const struct nodes *added,
                     struct splice *out);

/* Is the main file to have an include of this pool's file? */
struct include {
    const char *file;
    bool wanted;
};
/* The main file's new text; main: as it is, or NULL. -1: EREMOTEIO, it cannot be read. */
int varnish_main_edit(const struct dialect_settings *s, const struct file *main,
                      const struct include *includes, size_t n, struct buf *out, struct error *err);

#endif
