/* The log of a balancer: its line is described in balancerfs(8), hidden files. */
#include "fs/audit.h"
#include "fs/rfc3339.h"
#include "fs/utf8.h"
#include <inttypes.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <syslog.h>

/* Changes of one entry that are written out. */
#define SHOWN 8

struct audit {
    pthread_mutex_t lock;
    char *balancer;
    void (*log)(int priority, const char *line);
    char *lines[AUDIT_LINES]; /* a ring */
    size_t oldest, n;
    char *success; /* a copy of the last line of a change that succeeded, or NULL */
};

/* ---- the line ----------------------------------------------------------------------------- */

/* A value that needs no quotes, and is not the - that stands for none. */
static bool is_bare(const char *text)
{
    if (*text == '\0' || strcmp(text, "-") == 0)
        return false;
    for (; *text; text++)
        if (*text <= ' ' || *text > '~' || strchr("\"\\=", *text))
            return false;
    return true;
}

static void add_quoted(struct buf *out, const char *text)
{
    buf_str(out, "\"");
    while (*text) {
        uint32_t c;
        size_t len = utf8_next(text, &c);

        if (len == 0 || (c < 0x80 && utf8_is_control(c)))
            buf_printf(out, "\\x%02" PRIx32, c);
        else if (utf8_is_control(c))
            buf_printf(out, "\\u%04" PRIx32, c);
        else if (c == '"' || c == '\\')
            buf_printf(out, "\\%c", (int)c);
        else
            buf_add(out, text, len);
        text += len ? len : 1;
    }
    buf_str(out, "\"");
}

/* " key=value"; value NULL: none. */
static void add_text(struct buf *out, const char *key, const char *value)
{
    buf_printf(out, " %s=", key);
    if (!value)
        buf_str(out, "-");
    else if (is_bare(value))
        buf_str(out, value);
    else
        add_quoted(out, value);
}

static void add_who(struct buf *out, const struct who *who)
{
    buf_printf(out, " uid=%" PRIu32, (uint32_t)who->uid);
    if (who->loginuid < 0)
        buf_str(out, " login=-");
    else
        buf_printf(out, " login=%" PRId64, who->loginuid);
    if (who->pid)
        buf_printf(out, " pid=%d", (int)who->pid);
    else
        buf_str(out, " pid=-");
    add_text(out, "command", who->command[0] ? who->command : NULL);
}

/* +h:80 -h:80, of another pool +q/h:80; a pool itself +q/ or -q/. */
static void add_change(struct buf *out, const struct change *c, const char *pool)
{
    bool is_pool = c->kind == CREATE_POOL || c->kind == DELETE_POOL;

    buf_str(out, c->kind == ADD_NODE || c->kind == CREATE_POOL ? "+" : "-");
    if (is_pool || !pool || strcmp(pool, c->pool.name) != 0)
        buf_printf(out, "%s/", c->pool.name);
    if (!is_pool)
        buf_str(out, c->node.name);
}

static void add_changes(struct buf *out, const struct audit_entry *e)
{
    size_t n = e->n < SHOWN + 2 ? e->n : SHOWN;

    buf_str(out, e->n ? " nodes=" : " nodes=-");
    for (size_t i = 0; i < n; i++) {
        buf_str(out, i ? "," : "");
        add_change(out, &e->changes[i], e->pool);
    }
    if (e->n > n)
        buf_printf(out, ",+%zu", e->n - n);
}

static void add_result(struct buf *out, const struct error *err)
{
    const char *name = err->num ? strerrorname_np(err->num) : "ok";

    if (name)
        add_text(out, "result", name);
    else
        buf_printf(out, " result=%d", err->num);
}

/* "a, b" as a,b */
static void add_hosts(struct buf *out, const char *hosts)
{
    struct buf joined = BUF_INIT;

    for (const char *at = hosts; at && *at; at++)
        if (*at != ' ' || at == hosts || at[-1] != ',')
            buf_add(&joined, at, 1);
    out->failed |= joined.failed;
    add_text(out, "hosts", joined.len ? buf_text(&joined) : NULL);
    buf_free(&joined);
}

static void add_line(struct buf *out, const struct audit_entry *e)
{
    rfc3339_add(out, e->when_ms);
    add_who(out, &e->who);
    add_text(out, "op", e->operation);
    add_text(out, "pool", e->pool);
    add_changes(out, e);
    add_result(out, &e->err);
    buf_printf(out, " ms=%" PRId64, e->took_ms);
    add_hosts(out, e->hosts);
    if (e->err.num)
        add_text(out, "error", e->err.text);
}

/* ---- the ring ----------------------------------------------------------------------------- */

struct audit *audit_new(const char *balancer, void (*log)(int priority, const char *line))
{
    struct audit *a = calloc(1, sizeof *a);

    if (!a)
        return NULL;
    a->balancer = strdup(balancer);
    a->log = log;
    if (a->balancer && pthread_mutex_init(&a->lock, NULL) == 0)
        return a;
    free(a->balancer);
    free(a);
    return NULL;
}

void audit_free(struct audit *a)
{
    if (!a)
        return;
    for (size_t i = 0; i < AUDIT_LINES; i++)
        free(a->lines[i]);
    (void)pthread_mutex_destroy(&a->lock);
    free(a->success);
    free(a->balancer);
    free(a);
}

/* Takes over line, and success if there is one. */
static void keep(struct audit *a, char *line, char *success)
{
    size_t at;

    (void)pthread_mutex_lock(&a->lock);
    at = (a->oldest + a->n) % AUDIT_LINES;
    if (a->n == AUDIT_LINES)
        a->oldest = (a->oldest + 1) % AUDIT_LINES;
    else
        a->n++;
    free(a->lines[at]);
    a->lines[at] = line;
    if (success) {
        free(a->success);
        a->success = success;
    }
    (void)pthread_mutex_unlock(&a->lock);
}

void audit_add(struct audit *a, const struct audit_entry *e)
{
    struct buf line = BUF_INIT, logged = BUF_INIT;
    char *kept;

    add_line(&line, e);
    buf_printf(&logged, "%s: %s", a->balancer, buf_text(&line));
    if (a->log)
        a->log(e->err.num ? LOG_WARNING : LOG_NOTICE, logged.failed || line.failed
                                                          ? "out of memory for a line of the log"
                                                          : buf_text(&logged));
    kept = line.failed ? NULL : strdup(buf_text(&line));
    if (kept)
        keep(a, kept, e->err.num ? NULL : strdup(kept));
    buf_free(&line);
    buf_free(&logged);
}

void audit_text(struct audit *a, struct buf *out)
{
    (void)pthread_mutex_lock(&a->lock);
    for (size_t i = 0; i < a->n; i++) {
        buf_str(out, a->lines[(a->oldest + i) % AUDIT_LINES]);
        buf_str(out, "\n");
    }
    (void)pthread_mutex_unlock(&a->lock);
}

void audit_last(struct audit *a, struct buf *out)
{
    (void)pthread_mutex_lock(&a->lock);
    if (a->success)
        buf_str(out, a->success);
    (void)pthread_mutex_unlock(&a->lock);
}
