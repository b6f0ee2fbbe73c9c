/* The ssh program fails with 255 whatever it was; its words, which are never translated, tell. */
#include "drivers/openssh_said.h"
#include "drivers/buf.h"
#include <errno.h>
#include <string.h>

#define SAID_MAX 900

/* In this order, since a text may have several: the last cause is often only "Connection closed".
 */
static const struct {
    const char *words;
    int num;
    bool busy;
    const char *remedy;
} causes[] = {
    {"REMOTE HOST IDENTIFICATION HAS CHANGED", EACCES, false},
    {"Host key verification failed", EACCES, false,
     " (is its key unknown? ssh-keyscan shows it; or set host_key_check: accept-new)"},
    {"Permission denied", EACCES, false},
    {"Too many authentication failures", EACCES, false},
    {"Unable to negotiate", EACCES, false},
    {"Could not resolve hostname", EHOSTUNREACH, false},
    {"Connection refused", ECONNREFUSED, false},
    {"No route to host", EHOSTUNREACH, false},
    {"unreachable", EHOSTUNREACH, false},
    {"timed out", ETIMEDOUT, false},
    {"not responding", ETIMEDOUT, false},
    {"Exceeded MaxStartups", ECONNREFUSED, true},
    {"kex_exchange_identification", ECONNREFUSED, true},
    {"banner exchange", ECONNREFUSED, true},
    {"Connection closed by", EHOSTUNREACH, true},
    {"Connection reset by", EHOSTUNREACH, true},
};

/* Frames of @ are for terminals. */
static void line_add(struct buf *out, const char *line, size_t len)
{
    while (len && strchr("\r @", line[len - 1]))
        len--;
    while (len && strchr(" @", *line))
        line++, len--;
    if (len > 5 && memcmp(line, "ssh: ", 5) == 0)
        line += 5, len -= 5;
    if (!len)
        return;
    if (out->len)
        buf_str(out, " / ");
    buf_add(out, line, len);
}

bool openssh_said(const char *host, const char *text, struct error *err)
{
    struct buf line = BUF_INIT;
    size_t i = 0, n = sizeof causes / sizeof *causes;

    while (i < n && !strstr(text, causes[i].words))
        i++;
    for (const char *at = text, *end; *at; at = *end ? end + 1 : end) {
        end = at + strcspn(at, "\n");
        line_add(&line, at, (size_t)(end - at));
    }
    (void)error_set(err, i < n ? causes[i].num : EHOSTUNREACH, "%s: ssh: %.*s%s", host, SAID_MAX,
                    line.len ? buf_text(&line) : "it ended without a word",
                    i < n && causes[i].remedy ? causes[i].remedy : "");
    buf_free(&line);
    return i < n && causes[i].busy;
}
