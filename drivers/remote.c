/* The streams of remote.h: what is the same over every transport. */
#include "drivers/clock.h"
#include "drivers/remote_impl.h"
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* What a host may send while we write: far more than any answer, far less than memory. */
#define KEPT_MAX ((size_t)64 << 20)

void *remote_new(size_t size, const struct transport *t, const struct remote_host *host,
                 struct error *err)
{
    struct remote *r = calloc(1, size);

    if (!r) {
        (void)error_set(err, ENOMEM, "out of memory");
        return NULL;
    }
    r->transport = t;
    r->host = host->name;
    return r;
}

void remote_free(struct remote *r)
{
    for (int i = 0; i < 2; i++)
        buf_wipe(&r->kept[i]);
    free(r);
}

int remote_wait(const struct remote *r, struct pollfd *fds, nfds_t n, int64_t deadline,
                struct error *err)
{
    int ready;

    do
        ready = poll(fds, n, clock_left_ms(deadline));
    while (ready < 0 && errno == EINTR);
    if (ready < 0)
        return error_set(err, EIO, "poll: %s", strerror(errno));
    if (ready == 0 && clock_left_ms(deadline) == 0)
        return error_set(err, ETIMEDOUT, "%s did not answer in time", r->host);
    return 0;
}

int remote_pause(const struct remote *r, int64_t ms, int64_t deadline)
{
    struct error err;

    if (clock_left_ms(deadline) <= ms)
        return -1;
    return remote_wait(r, NULL, 0, clock_now_ms() + ms, &err) == 0 || err.num == ETIMEDOUT ? 0 : -1;
}

void remote_quote(struct buf *out, const char *command)
{
    buf_str(out, "'");
    for (const char *c = command; *c; c++)
        if (*c == '\'')
            buf_str(out, "'\\''");
        else
            buf_add(out, c, 1);
    buf_str(out, "'");
}

struct remote *remote_open(const struct remote_config *c, size_t host, const char *command,
                           int64_t deadline, struct error *err)
{
    return c->transport->open(c, &c->hosts[host], command, deadline, err);
}

/* ---- reading ------------------------------------------------------------------------------ */

static size_t kept_take(struct remote *r, enum remote_stream which, void *data, size_t size)
{
    struct buf *b = &r->kept[which];
    size_t n = b->len - r->used[which];

    if (n > size)
        n = size;
    if (n)
        memcpy(data, b->data + r->used[which], n);
    r->used[which] += n;
    if (r->used[which] == b->len) {
        buf_clear(b);
        r->used[which] = 0;
    }
    return n;
}

/* take, with the end remembered: bytes, REMOTE_AGAIN (also at the end), or -1. */
static ptrdiff_t stream_take(struct remote *r, enum remote_stream which, void *data, size_t size,
                             struct error *err)
{
    ptrdiff_t n;

    if (r->ended[which])
        return REMOTE_AGAIN;
    n = r->transport->take(r, which, data, size, err);
    if (n != 0)
        return n;
    r->ended[which] = true;
    return REMOTE_AGAIN;
}

/* What either stream has now: bytes, REMOTE_AGAIN, or -1. */
static ptrdiff_t either_take(struct remote *r, void *data, size_t size, bool *is_stderr,
                             struct error *err)
{
    for (int i = 0; i < 2; i++) {
        enum remote_stream which = r->next;
        size_t kept = kept_take(r, which, data, size);
        ptrdiff_t n = kept ? (ptrdiff_t)kept : stream_take(r, which, data, size, err);

        *is_stderr = which == REMOTE_ERR;
        r->next = which == REMOTE_OUT ? REMOTE_ERR : REMOTE_OUT;
        if (n != REMOTE_AGAIN)
            return n;
    }
    return REMOTE_AGAIN;
}

ptrdiff_t remote_read(struct remote *r, void *data, size_t size, bool *is_stderr, int64_t deadline,
                      struct error *err)
{
    ptrdiff_t n;

    if (size > INT_MAX)
        size = INT_MAX;
    while ((n = either_take(r, data, size, is_stderr, err)) == REMOTE_AGAIN) {
        if (r->ended[REMOTE_OUT] && r->ended[REMOTE_ERR])
            return 0;
        if (r->transport->wait(r, POLLIN, deadline, err) != 0)
            return -1;
    }
    return n;
}

int remote_poll_fd(const struct remote *r, bool *pending)
{
    *pending = r->kept[0].len || r->kept[1].len || (r->ended[0] && r->ended[1]) ||
               r->transport->pending(r);
    return r->transport->poll_fd(r);
}

/* ---- writing ------------------------------------------------------------------------------ */

/* Takes in what has come. 1: something; 0: nothing; -1. */
static int stream_keep(struct remote *r, enum remote_stream which, struct error *err)
{
    ptrdiff_t n;
    char *room = buf_reserve(&r->kept[which], 32768);

    if (!room)
        return buf_check(&r->kept[which], err);
    if (r->kept[which].len > KEPT_MAX)
        return error_set(err, EIO, "%s sends more than was asked for", r->host);
    n = stream_take(r, which, room, 32768, err);
    if (n == REMOTE_AGAIN)
        return 0;
    if (n < 0)
        return -1;
    r->kept[which].len += (size_t)n;
    r->kept[which].data[r->kept[which].len] = '\0';
    return 1;
}

static int both_keep(struct remote *r, struct error *err)
{
    int out = stream_keep(r, REMOTE_OUT, err);
    int errors = out < 0 ? -1 : stream_keep(r, REMOTE_ERR, err);

    return out < 0 || errors < 0 ? -1 : out | errors;
}

/* The command has ended under our hands: what it said last is why. Always -1. */
static int write_ended(struct remote *r, struct error *err)
{
    struct error ignored;
    const char *said, *line;
    size_t len;

    for (int i = 0; i < 64 && both_keep(r, &ignored) > 0; i++)
        ;
    said = buf_text(&r->kept[REMOTE_ERR]);
    len = strlen(said);
    while (len && said[len - 1] == '\n')
        len--;
    for (line = said + len; line > said && line[-1] != '\n'; line--)
        ;
    len = (size_t)(said + len - line);
    return error_set(err, EIO, "the command on %s has ended%s%.*s", r->host, len ? ": " : "",
                     len > 300 ? 300 : (int)len, line);
}

int remote_write(struct remote *r, const void *data, size_t len, int64_t deadline,
                 struct error *err)
{
    const char *at = data;

    while (len) {
        ptrdiff_t n = r->transport->give(r, at, len, err);

        if (n == -1)
            return err->num == EPIPE ? write_ended(r, err) : -1;
        if (n > 0) {
            at += n;
            len -= (size_t)n;
            continue;
        }
        /* First wait, then take: what take takes in may be what give waits for. */
        if (r->transport->wait(r, POLLIN | POLLOUT, deadline, err) != 0 || both_keep(r, err) < 0)
            return -1;
    }
    return 0;
}

/* ---- the end ------------------------------------------------------------------------------ */

void remote_close(struct remote *r)
{
    if (r)
        r->transport->close(r);
}
