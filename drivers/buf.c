/* A growing text with sticky failure. */
#include "drivers/buf.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

char *buf_reserve(struct buf *b, size_t n)
{
    size_t need, size = b->size ? b->size : 64;
    char *data;

    if (b->failed || __builtin_add_overflow(b->len, n + 1, &need) || n + 1 == 0) {
        b->failed = true;
        return NULL;
    }
    if (need <= b->size)
        return b->data + b->len;
    while (size < need)
        size = size > need / 2 ? need : size * 2;
    if (size < need + need / 2 && b->size)
        size = need + need / 2;
    data = realloc(b->data, size);
    if (!data) {
        b->failed = true;
        return NULL;
    }
    b->data = data;
    b->size = size;
    return b->data + b->len;
}

void buf_add(struct buf *b, const void *data, size_t len)
{
    char *at = buf_reserve(b, len);

    if (!at)
        return;
    if (len)
        memcpy(at, data, len);
    b->len += len;
    b->data[b->len] = '\0';
}

void buf_str(struct buf *b, const char *text)
{
    buf_add(b, text, strlen(text));
}

void buf_vprintf(struct buf *b, const char *fmt, va_list ap)
{
    va_list again;
    int len;
    char *at;

    va_copy(again, ap);
    len = vsnprintf(NULL, 0, fmt, again);
    va_end(again);
    if (len < 0) {
        b->failed = true;
        return;
    }
    at = buf_reserve(b, (size_t)len);
    if (!at)
        return;
    (void)vsnprintf(at, (size_t)len + 1, fmt, ap);
    b->len += (size_t)len;
}

void buf_printf(struct buf *b, const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    buf_vprintf(b, fmt, ap);
    va_end(ap);
}

void buf_drop_front(struct buf *b, size_t n)
{
    if (n > b->len)
        n = b->len;
    b->len -= n;
    if (b->data) {
        memmove(b->data, b->data + n, b->len);
        b->data[b->len] = '\0';
    }
}

void buf_clear(struct buf *b)
{
    b->len = 0;
    if (b->data)
        b->data[0] = '\0';
}

void buf_free(struct buf *b)
{
    free(b->data);
    *b = (struct buf)BUF_INIT;
}

void buf_wipe(struct buf *b)
{
    if (b->data)
        explicit_bzero(b->data, b->size);
    buf_free(b);
}

const char *buf_text(const struct buf *b)
{
    return b->data ? b->data : "";
}

int buf_check(const struct buf *b, struct error *err)
{
    return b->failed ? error_set(err, ENOMEM, "out of memory") : 0;
}
