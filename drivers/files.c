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

bool files_has(const struct files *f, const char *name)
{
    for (size_t i = 0; i < f->n; i++)
        if (strcmp(f->at[i].name, name) == 0)
            return true;
    return false;
}

static void remove_at(struct files *f, size_t i)
{
    free(f->at[i].name);
    free(f->at[i].text);
    memmove(&f->at[i], &f->at[i + 1], (f->n - i - 1) * sizeof *f->at);
    f->n--;
}

static void newline_add(struct files *f, struct file *file)
{
    char *longer;

    if (!file->len || file->text[file->len - 1] == '\n')
        return;
    longer = realloc(file->text, file->len + 2);
    if (!longer) {
        f->failed = true;
        return;
    }
    memcpy(longer + file->len, "\n", 2);
    file->text = longer;
    file->len++;
}

void files_apply(struct files *f, const struct files *change)
{
    for (size_t i = 0; i < change->n; i++) {
        const struct file *c = &change->at[i], *old = files_find(f, c->name);

        if (old)
            remove_at(f, (size_t)(old - f->at));
        if (!c->text)
            continue;
        files_add(f, c->name, c->text, c->len, "");
        if (!f->failed)
            newline_add(f, &f->at[f->n - 1]);
        files_sort(f);
    }
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
