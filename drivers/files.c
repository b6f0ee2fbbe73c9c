/* Names and texts of the files of one directory. */
#include "drivers/files.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool grow(struct files *f)
{
    size_t size = f->size ? f->size * 2 : 16;
    struct file *at;

    if (f->n < f->size)
        return true;
    at = reallocarray(f->at, size, sizeof *at);
    if (!at)
        return false;
    f->at = at;
    f->size = size;
    return true;
}

void files_add(struct files *f, const char *name, const char *text, size_t len, const char *digest)
{
    struct file file = {.name = strdup(name), .text = NULL, .len = text ? len : 0};

    if (text)
        file.text = malloc(len + 1);
    if (f->failed || !file.name || (text && !file.text) || !grow(f)) {
        f->failed = true;
        free(file.name);
        free(file.text);
        return;
    }
    if (text) {
        memcpy(file.text, text, len);
        file.text[len] = '\0';
    }
    (void)snprintf(file.digest, sizeof file.digest, "%s", digest ? digest : "");
    f->at[f->n++] = file;
}

static int by_name(const void *a, const void *b)
{
    return strcmp(((const struct file *)a)->name, ((const struct file *)b)->name);
}

void files_sort(struct files *f)
{
    if (f->n)
        qsort(f->at, f->n, sizeof *f->at, by_name);
}

const struct file *files_find(const struct files *f, const char *name)
{
    char *borrowed = (char *)(uintptr_t)name; /* only compared */
    struct file key = {.name = borrowed};

    return f->n ? bsearch(&key, f->at, f->n, sizeof *f->at, by_name) : NULL;
}

void files_clear(struct files *f)
{
    for (size_t i = 0; i < f->n; i++) {
        free(f->at[i].name);
        free(f->at[i].text);
    }
    free(f->at);
    *f = (struct files)FILES_INIT;
}
