/* Building a balancer's options: the configuration reader's side of struct options. */
#ifndef BALANCERFS_OPTIONS_H
#define BALANCERFS_OPTIONS_H

#include "drivers/driver.h"

/* file and balancer are copied. tables: arrays of rows, each ended by a NULL name (the driver's
 * own, and those of every balancer). NULL when out of memory. */
struct options *options_new(const char *file, const char *balancer,
                            const struct option *const tables[], size_t n_tables);
void options_free(struct options *o); /* wipes secrets */

/* The row that a key means (case ignored), or NULL: unknown. With a "*" row: that row. */
const struct option *options_find(const struct options *o, const char *key);

/* Puts a value where it stands in the file. -1 with EINVAL: it does not fit the row's type (the
 * text has no position; the caller adds it), or the key was put before. */
int options_put(struct options *o, const char *key, const char *value, int line, int column,
                struct error *err); /* all scalar types; LIST of one */
int options_append(struct options *o, const char *key, const char *item, int line, int column,
                   struct error *err); /* LIST */
int options_put_map(struct options *o, const char *key, const char *name, const char *item,
                    int line, int column, struct error *err); /* MAP; item NULL: an empty list */
/* Takes over section. */
int options_put_section(struct options *o, const char *key, const struct driver *driver,
                        struct options *section, int line, int column, struct error *err);
/* ANY ("*", as exec has): what stands behind the key, in whatever shape. Begin, then what the file
 * has, in its order (a mapping's keys are scalars, as its values are), then end:
 *
 *     begin(o, "hosts"), open(o, false), scalar(o, "web1", true), close(o), end(o)
 *
 * plain: not quoted and without a tag, so that 22, true and ~ are no strings. What is wrong (too
 * deep, a key that is a list, no memory) is told by end, which also drops the value then.
 * options_put and options_put_empty do for a string and for nothing. */
int options_any_begin(struct options *o, const char *key, int line, int column, struct error *err);
void options_any_open(struct options *o, bool is_mapping);
void options_any_scalar(struct options *o, const char *text, bool plain);
void options_any_close(struct options *o);
int options_any_end(struct options *o, struct error *err);

/* Has the user written a password: a SECRET, or an ANY that is named like one? Sections too. */
bool options_hold_secret(const struct options *o);

/* An empty list, map or section list: the key is there, with nothing in it. */
int options_put_empty(struct options *o, const char *key, int line, int column, struct error *err);

/* Whether both say the same, wherever it stands in the file. */
bool options_equal(const struct options *a, const struct options *b);

/* "200ms", "10s", "2m", "1h", "1.5" (seconds) as milliseconds; -1: not a duration. */
int64_t duration_parse(const char *text);

#endif
