/* What is wrong with a configuration: collected, so that all of it is reported at once. */
#ifndef BALANCERFS_PROBLEMS_H
#define BALANCERFS_PROBLEMS_H

#include "drivers/driver.h"
#include <stdio.h>

/* Where something stands in the file, from 1; line 0: nowhere, it concerns the file as a whole. */
struct place {
    int line, column;
};

struct problems;

struct problems *problems_new(const char *file); /* NULL when out of memory */
void problems_free(struct problems *p);

void problems_add(struct problems *p, struct place place, const char *fmt, ...)
    BALANCERFS_PRINTF(3, 4);
/* A driver's own words. They may begin with "FILE:LINE:COLUMN: "; otherwise they get the place. */
void problems_add_error(struct problems *p, struct place place, const struct error *err);

size_t problems_count(const struct problems *p);
const char *problems_file(const struct problems *p);
/* Calls show for each, by position, without repetitions, as "FILE:LINE:COLUMN: text". */
void problems_each(struct problems *p, void (*show)(const char *line, void *arg), void *arg);

#endif
