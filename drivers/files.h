/* The pool files of one directory on one host: names and texts, sorted by name.
 * As read from a host it is the whole directory; as made by an edit, only what changes. */
#ifndef BALANCERFS_FILES_H
#define BALANCERFS_FILES_H

#include "drivers/driver.h"

struct file {
    char *name; /* without a slash */
    char *text; /* NUL-terminated; NULL: the file is to be removed */
    size_t len;
    char digest[65]; /* sha256 in hex as the host computed it, "" when not from a host */
};

struct files {
    struct file *at; /* in the order of adding until files_sort */
    size_t n, size;
    bool failed; /* out of memory; sticky */
};

#define FILES_INIT                                                                                 \
    {                                                                                              \
        NULL, 0, 0, false                                                                          \
    }

/* Copies all. text NULL: a removal. */
void files_add(struct files *f, const char *name, const char *text, size_t len, const char *digest);
void files_sort(struct files *f);                                       /* by strcmp of names */
const struct file *files_find(const struct files *f, const char *name); /* sorted only; or NULL */
bool files_has(const struct files *f, const char *name);                /* sorted or not */
/* What f (sorted) is once change was made there: texts get a final newline. */
void files_apply(struct files *f, const struct files *change);
void files_clear(struct files *f);

#endif
