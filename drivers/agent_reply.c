/* Reading what agent.sh answers. Whatever a host sends, it is taken as it should be or not at all.
 */
#include "drivers/agent_reply.h"
#include "drivers/missed.h"
#include <stdlib.h>
#include <string.h>

/* Digits up to end: their value, or -1. */
static ptrdiff_t number(const char *at, const char *end)
{
    size_t n = 0;

    if (at == end || end - at > 9)
        return -1;
    for (; at < end; at++) {
        if (*at < '0' || *at > '9')
            return -1;
        n = n * 10 + (size_t)(*at - '0');
    }
    return n > REPLY_MAX ? -1 : (ptrdiff_t)n;
}

static bool word_copy(char *out, size_t size, const char *from, const char *to)
{
    if (from == to || (size_t)(to - from) >= size)
        return false;
    for (; from < to; from++) {
        if (*from < 'a' || *from > 'z')
            return false;
        *out++ = *from;
    }
    *out = '\0';
    return true;
}

int reply_parse(struct reply *r, const char *nonce, const char *data, size_t len)
{
    const char *end = len ? memchr(data, '\n', len < 80 ? len : 80) : NULL;
    const char *word = data + REPLY_NONCE + 1, *blank;
    ptrdiff_t n;

    if (!end)
        return len >= 80 || (len && memcmp(data, nonce, len < REPLY_NONCE ? len : REPLY_NONCE) != 0)
                   ? -1
                   : 0;
    if (end - data < REPLY_NONCE + 1 || memcmp(data, nonce, REPLY_NONCE) != 0 || word[-1] != ' ')
        return -1;
    blank = memchr(word, ' ', (size_t)(end - word));
    if (!blank || !word_copy(r->word, sizeof r->word, word, blank))
        return -1;
    n = number(blank + 1, end);
    if (n < 0)
        return -1;
    r->len = (size_t)n;
    r->head = (size_t)(end - data) + 1;
    return 1;
}

size_t reply_noise(const char *nonce, const char *data, size_t len)
{
    size_t at = 0;

    while (at < len) {
        size_t left = len - at;
        const char *end;

        if (memcmp(data + at, nonce, left < REPLY_NONCE ? left : REPLY_NONCE) == 0)
            return at;
        /* A motd need not end with a newline. */
        end = memchr(data + at + 1, nonce[0], left - 1);
        at = end ? (size_t)(end - data) : len;
    }
    return len;
}

/* ---- the table ---------------------------------------------------------------------------- */

struct line {
    const char *at, *end;
};

static bool line_next(const char **text, const char *end, struct line *l)
{
    const char *newline = *text < end ? memchr(*text, '\n', (size_t)(end - *text)) : NULL;

    if (!newline)
        return false;
    *l = (struct line){*text, newline};
    *text = newline + 1;
    return true;
}

static bool name_copy(char *out, size_t size, const char *from, const char *to)
{
    size_t len = (size_t)(to - from);
    bool is_record = len == strlen(MISSED_FILE) && memcmp(from, MISSED_FILE, len) == 0;

    if (len == 0 || len >= size || ((*from == '.' || *from == '-') && !is_record))
        return false;
    for (const char *c = from; c < to; c++)
        if (!((*c >= 'a' && *c <= 'z') || (*c >= 'A' && *c <= 'Z') || (*c >= '0' && *c <= '9') ||
              *c == '_' || *c == '.' || *c == '-'))
            return false;
    memcpy(out, from, len);
    out[len] = '\0';
    return true;
}

static bool digest_line(const struct line *l, struct files *out)
{
    char digest[65], name[256];

    if (l->end - l->at < 67 || l->at[64] != ' ' || (l->at[65] != ' ' && l->at[65] != '*'))
        return false;
    for (int i = 0; i < 64; i++)
        if (!strchr("0123456789abcdef", l->at[i]) || l->at[i] == '\0')
            return false;
    memcpy(digest, l->at, 64);
    digest[64] = '\0';
    if (!name_copy(name, sizeof name, l->at + 66, l->end))
        return false;
    if (out->n && strcmp(out->at[out->n - 1].name, name) >= 0)
        return false;
    files_add(out, name, NULL, 0, digest);
    return !out->failed;
}

static ptrdiff_t size_line(const struct line *l, const char *name)
{
    const char *at = l->at, *blank;

    while (at < l->end && *at == ' ')
        at++;
    blank = memchr(at, ' ', (size_t)(l->end - at));
    if (!blank || (size_t)(l->end - blank - 1) != strlen(name) ||
        memcmp(blank + 1, name, strlen(name)) != 0)
        return -1;
    return number(at, blank);
}

ptrdiff_t reply_table(const char *text, size_t len, struct files *out)
{
    const char *end = text + len;
    struct line l = {NULL, NULL};
    size_t total = 0;
    ptrdiff_t size;

    if (len == 0)
        return 0;
    while (line_next(&text, end, &l) && digest_line(&l, out))
        ;
    if (out->failed || out->n == 0)
        return -1;
    for (size_t i = 0; i < out->n; i++) {
        size = size_line(&l, out->at[i].name);
        total += size < 0 ? REPLY_MAX : (size_t)size;
        if (size < 0 || total > REPLY_MAX)
            return -1;
        out->at[i].len = (size_t)size;
        if ((i + 1 < out->n || out->n > 1) && !line_next(&text, end, &l))
            return -1;
    }
    if (out->n > 1 && size_line(&l, "total") != (ptrdiff_t)total)
        return -1;
    return text == end ? (ptrdiff_t)total : -1;
}
