/* Telling what a login prints from what the command prints. */
#include "drivers/greeting.h"
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>

#define NONCE (sizeof((struct greeting *)0)->nonce - 1)
#define NOISE_MAX 65536

int greeting_init(struct greeting *g, struct error *err)
{
    unsigned char bytes[NONCE / 2];

    *g = (struct greeting){.out = BUF_INIT, .err = BUF_INIT};
    if (getrandom(bytes, sizeof bytes, 0) != (ssize_t)sizeof bytes)
        return error_set(err, EHOSTUNREACH, "getrandom: %s", strerror(errno));
    for (size_t i = 0; i < sizeof bytes; i++)
        (void)snprintf(g->nonce + 2 * i, 3, "%02x", bytes[i]);
    return 0;
}

void greeting_free(struct greeting *g)
{
    buf_free(&g->out);
    buf_free(&g->err);
}

void greeting_command(const struct greeting *g, const char *command, struct buf *out)
{
    buf_printf(out, "exec sh -c 'echo %s; eval \"$1\"' - ", g->nonce);
    remote_quote(out, command);
}

/* What a stream has now, up to NOISE_MAX: WAIT, ENDED or FAILED. */
static enum greeting_result drain(struct greeting *g, struct remote *r, enum remote_stream which,
                                  struct error *err)
{
    struct buf *b = which == REMOTE_OUT ? &g->out : &g->err;

    while (b->len < NOISE_MAX) {
        char *room = buf_reserve(b, 4096);
        ptrdiff_t n = room ? r->transport->take(r, which, room, 4096, err) : buf_check(b, err);

        if (n == REMOTE_AGAIN)
            return GREETING_WAIT;
        if (n < 0)
            return GREETING_FAILED;
        b->len += (size_t)n;
        b->data[b->len] = '\0';
        if (n == 0)
            return GREETING_ENDED;
    }
    return GREETING_WAIT;
}

/* The login may have said something without a newline before it. */
static bool is_through(struct greeting *g, struct remote *r)
{
    char *at = g->out.data ? memmem(g->out.data, g->out.len, g->nonce, NONCE) : NULL;

    if (!at || at[NONCE] != '\n')
        return false;
    at += NONCE + 1;
    buf_add(&r->kept[REMOTE_OUT], at, (size_t)(g->out.data + g->out.len - at));
    buf_add(&r->kept[REMOTE_ERR], buf_text(&g->err), g->err.len);
    return true;
}

/* Errors first: those of the command come behind the greeting, which is then there to be seen. */
enum greeting_result greeting_look(struct greeting *g, struct remote *r, struct error *err)
{
    enum greeting_result errors = drain(g, r, REMOTE_ERR, err);
    enum greeting_result out = errors == GREETING_FAILED ? errors : drain(g, r, REMOTE_OUT, err);

    if (out == GREETING_FAILED)
        return out;
    if (is_through(g, r))
        return GREETING_THROUGH;
    if (out == GREETING_ENDED && errors == GREETING_ENDED)
        return GREETING_ENDED;
    if (g->out.len < NOISE_MAX && g->err.len < NOISE_MAX)
        return GREETING_WAIT;
    (void)error_set(err, EACCES, "%s: the login says too much before any command is run", r->host);
    return GREETING_FAILED;
}

int greeting_ended(const struct greeting *g, const struct remote *r, struct error *err)
{
    const struct buf *said = g->err.len ? &g->err : &g->out;

    return error_set(err, EACCES, "%s: the login passes, but runs no command: %.500s", r->host,
                     said->len ? buf_text(said) : "it says nothing");
}
