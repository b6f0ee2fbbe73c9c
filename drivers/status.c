/* Collects what a driver says of itself; copies everything. */
#include "drivers/status.h"
#include "drivers/buf.h"
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

struct note {
    char *key, *value;
};

struct status {
    struct host_status *hosts;
    struct note *notes;
    struct status_row *steps;
    size_t n_hosts, n_notes, n_steps;
    bool failed;
};

struct status *status_new(void)
{
    return calloc(1, sizeof(struct status));
}

static void free_text(const char *text)
{
    free((void *)(uintptr_t)text);
}

void status_free(struct status *s)
{
    if (!s)
        return;
    for (size_t i = 0; i < s->n_hosts; i++) {
        free_text(s->hosts[i].name);
        free_text(s->hosts[i].state);
        free_text(s->hosts[i].error);
    }
    for (size_t i = 0; i < s->n_notes; i++) {
        free(s->notes[i].key);
        free(s->notes[i].value);
    }
    for (size_t i = 0; i < s->n_steps; i++) {
        free_text(s->steps[i].host);
        free_text(s->steps[i].step);
        free_text(s->steps[i].text);
    }
    free(s->hosts);
    free(s->notes);
    free(s->steps);
    free(s);
}

bool status_failed(const struct status *s)
{
    return s->failed;
}

/* A zeroed element at the end of *array, or NULL. */
static void *append(struct status *s, void *array, size_t *n, size_t size)
{
    void **base = array;
    char *bigger = reallocarray(*base, *n + 1, size);

    if (!bigger) {
        s->failed = true;
        return NULL;
    }
    *base = bigger;
    return memset(bigger + size * (*n)++, 0, size);
}

static char *copy(struct status *s, const char *text)
{
    char *new = strdup(text ? text : "");

    s->failed |= !new;
    return new;
}

void status_host(struct status *out, const struct host_status *host)
{
    struct host_status *h = append(out, &out->hosts, &out->n_hosts, sizeof *h);

    if (!h)
        return;
    *h = *host;
    h->name = copy(out, host->name);
    h->state = copy(out, host->state);
    h->error = host->error ? copy(out, host->error) : NULL;
}

void status_note(struct status *out, const char *key, const char *fmt, ...)
{
    struct note *note = append(out, &out->notes, &out->n_notes, sizeof *note);
    struct buf text = BUF_INIT;
    va_list ap;

    if (!note)
        return;
    va_start(ap, fmt);
    buf_vprintf(&text, fmt, ap);
    va_end(ap);
    note->key = copy(out, key);
    note->value = text.failed ? NULL : text.data;
    out->failed |= text.failed;
}

void status_step(struct status *out, const char *host, const char *step, bool passed,
                 const char *text)
{
    struct status_row *row = append(out, &out->steps, &out->n_steps, sizeof *row);

    if (row)
        *row = (struct status_row){copy(out, host), copy(out, step), copy(out, text), passed};
}

size_t status_host_count(const struct status *s)
{
    return s->n_hosts;
}

const struct host_status *status_host_at(const struct status *s, size_t i)
{
    return &s->hosts[i];
}

size_t status_note_count(const struct status *s)
{
    return s->n_notes;
}

void status_note_at(const struct status *s, size_t i, const char **key, const char **value)
{
    *key = s->notes[i].key ? s->notes[i].key : "";
    *value = s->notes[i].value ? s->notes[i].value : "";
}

size_t status_step_count(const struct status *s)
{
    return s->n_steps;
}

struct status_row status_step_at(const struct status *s, size_t i)
{
    return s->steps[i];
}
