/* Transport "openssh": the system's ssh program, with its configuration in charge.
 *
 * Its command line has what the user wrote and no more, so that ssh_config decides the rest. The
 * command on the host says a nonce first: only that tells that the login is through. */
#include "drivers/askpass.h"
#include "drivers/clock.h"
#include "drivers/openssh_said.h"
#include "drivers/piped.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/wait.h>
#include <unistd.h>

#define SAID_MAX 65536 /* of what comes before the nonce */
#define CLOSE_MS 500
#define NONCE 16

struct opening {
    struct piped *piped;
    const struct remote_config *config;
    const struct remote_host *host;
    int64_t deadline;
    bool has_password;
    struct askpass askpass;
    char nonce[2 * NONCE + 1];
    struct buf out, err; /* what came so far */
    bool busy;
};

/* ---- the command line --------------------------------------------------------------------- */

/* Words one after the other in one text; argv is made when all are there. */
struct words {
    struct buf text;
    size_t n;
};

static void word_end(struct words *w)
{
    buf_add(&w->text, "", 1);
    w->n++;
}

static void word_add(struct words *w, const char *word)
{
    buf_str(&w->text, word);
    word_end(w);
}

static void option_add(struct words *w, const char *option)
{
    word_add(w, "-o");
    word_add(w, option);
}

/* ssh expands %. */
static void add_plain(struct buf *out, const char *path, const char *escaped)
{
    for (; *path; path++) {
        if (*path == '%')
            buf_str(out, "%");
        else if (strchr(escaped, *path))
            buf_str(out, "\\");
        buf_add(out, path, 1);
    }
}

static void add_known_hosts(struct words *w, const struct remote_config *c)
{
    if (!c->has_known_hosts)
        return;
    word_add(w, "-o");
    buf_str(&w->text, "UserKnownHostsFile=");
    for (size_t i = 0; i < c->known_hosts.n; i++) {
        buf_str(&w->text, i ? " \"" : "\"");
        add_plain(&w->text, c->known_hosts.at[i], "\"\\");
        buf_str(&w->text, "\"");
    }
    word_end(w);
    option_add(w, "GlobalKnownHostsFile=/dev/null");
}

static void add_identities(struct words *w, const struct remote_config *c)
{
    for (size_t i = 0; c->has_identities && i < c->identities.n; i++) {
        word_add(w, "-i");
        add_plain(&w->text, c->identities.at[i], "");
        word_end(w);
    }
}

static void add_written(struct words *w, const struct opening *o)
{
    const struct remote_config *c = o->config;

    if (c->has_user) {
        word_add(w, "-l");
        word_add(w, c->user);
    }
    if (o->host->has_port || c->has_port) {
        word_add(w, "-p");
        buf_printf(&w->text, "%u", (unsigned)o->host->port);
        word_end(w);
    }
    if (options_has(c->options, "host_key_check"))
        option_add(w, c->accept_new ? "StrictHostKeyChecking=accept-new"
                                    : "StrictHostKeyChecking=yes");
    add_known_hosts(w, c);
    add_identities(w, c);
}

/* What a login shell runs; none but "exec", quotes and $1 within them, which every shell has. */
static void add_command(struct words *w, const struct opening *o, const char *command)
{
    buf_printf(&w->text, "exec sh -c 'echo %s; eval \"$1\"' - ", o->nonce);
    remote_quote(&w->text, command);
    word_end(w);
}

static void words_build(struct words *w, const struct opening *o, const char *command)
{
    int seconds = clock_left_ms(o->deadline) / 1000 + 1;

    word_add(w, "ssh");
    word_add(w, "-Tax");
    option_add(w, o->has_password ? "BatchMode=no" : "BatchMode=yes");
    option_add(w, "NumberOfPasswordPrompts=1");
    option_add(w, "LogLevel=ERROR");
    option_add(w, "ClearAllForwardings=yes");
    option_add(w, "RemoteCommand=none");
    option_add(w, "PermitLocalCommand=no");
    option_add(w, "ServerAliveInterval=10");
    word_add(w, "-o");
    buf_printf(&w->text, "ConnectTimeout=%d", seconds);
    word_end(w);
    add_written(w, o);
    word_add(w, "--");
    word_add(w, o->host->address);
    add_command(w, o, command);
}

/* Ended by NULL, pointing into w. NULL: no memory. */
static const char **words_argv(const struct words *w)
{
    const char **argv = w->text.failed ? NULL : calloc(w->n + 1, sizeof *argv);
    const char *at = w->text.data;

    for (size_t i = 0; argv && i < w->n; i++, at += strlen(at) + 1)
        argv[i] = at;
    return argv;
}

/* ---- starting it -------------------------------------------------------------------------- */

static int spawn(struct opening *o, const char *command, struct error *err)
{
    struct words w = {BUF_INIT, 0};
    char **environment = NULL;
    const char **argv;
    int result = -1;

    words_build(&w, o, command);
    argv = words_argv(&w);
    if (argv && o->has_password)
        environment = askpass_environment(&o->askpass);
    if (argv && (environment || !o->has_password))
        result = child_spawn(&o->piped->child, argv, environment, err);
    else
        (void)error_set(err, ENOMEM, "out of memory");
    if (result != 0 && err->num != ENOMEM)
        (void)error_set(err, EHOSTUNREACH,
                        "%s: the ssh program does not start (package openssh-client): %s",
                        o->host->name, strerror(err->num));
    free(environment);
    free(argv);
    buf_free(&w.text);
    return result;
}

static int nonce_make(struct opening *o, struct error *err)
{
    unsigned char bytes[NONCE];

    if (getrandom(bytes, sizeof bytes, 0) != (ssize_t)sizeof bytes)
        return error_set(err, EHOSTUNREACH, "getrandom: %s", strerror(errno));
    for (size_t i = 0; i < NONCE; i++)
        (void)snprintf(o->nonce + 2 * i, 3, "%02x", bytes[i]);
    return 0;
}

/* ---- until the login is through ----------------------------------------------------------- */

/* All that one of its outputs has now. 1: it has ended; 0: not yet; -1. */
static int drain(struct opening *o, enum remote_stream which, struct error *err)
{
    struct buf *b = which == REMOTE_OUT ? &o->out : &o->err;
    ptrdiff_t n;

    do {
        char *room = buf_reserve(b, 4096);

        if (!room)
            return buf_check(b, err);
        n = child_take(&o->piped->child, which, room, 4096);
        b->len += n > 0 ? (size_t)n : 0;
        b->data[b->len] = '\0';
    } while (n > 0 && b->len < SAID_MAX);
    if (b->len >= SAID_MAX)
        return error_set(err, EACCES, "%s: its login says too much before any command is run",
                         o->host->name);
    return n == 0;
}

/* The nonce on a line of its own: what follows it is the command's. */
static bool is_through(struct opening *o)
{
    char *at = o->out.data ? memmem(o->out.data, o->out.len, o->nonce, 2 * NONCE) : NULL;

    if (!at || at[2 * NONCE] != '\n')
        return false;
    at += 2 * NONCE + 1;
    buf_add(&o->piped->base.kept[REMOTE_OUT], at, (size_t)(o->out.data + o->out.len - at));
    buf_add(&o->piped->base.kept[REMOTE_ERR], buf_text(&o->err), o->err.len);
    return true;
}

/* It has ended before: why. Always -1. */
static int ended(struct opening *o, struct error *err)
{
    int status = child_wait(&o->piped->child, o->deadline);
    int code = WIFEXITED(status) ? WEXITSTATUS(status) : 255;

    if (code != 255)
        return error_set(err, EACCES,
                         "%s: the login passes, but runs no command (status %d): %.300s",
                         o->host->name, code, o->err.len ? buf_text(&o->err) : buf_text(&o->out));
    o->busy = openssh_said(o->host->name, buf_text(&o->err), err);
    return -1;
}

/* Its words are worth more than that it was too slow. */
static int too_late(struct opening *o, struct error *err)
{
    if (err->num == ETIMEDOUT && o->err.len)
        (void)error_set(err, ETIMEDOUT, "%s did not answer in time: ssh: %.300s", o->host->name,
                        buf_text(&o->err));
    return -1;
}

static int wait_through(struct opening *o, struct error *err)
{
    struct piped *p = o->piped;

    for (;;) {
        struct pollfd fds[3] = {{p->child.any, POLLIN, 0}, {o->askpass.fd, POLLIN, 0}};
        int out = drain(o, REMOTE_OUT, err), errors = drain(o, REMOTE_ERR, err);

        if (out < 0 || errors < 0)
            return -1;
        if (is_through(o))
            return 0;
        if (out && errors)
            return ended(o, err);
        if (remote_wait(&p->base, fds, 2, o->deadline, err) != 0)
            return too_late(o, err);
        if (fds[1].revents &&
            askpass_serve(&o->askpass, p->child.pid, o->config, o->deadline, err) != 0)
            return -1;
    }
}

/* ---- opening and closing ------------------------------------------------------------------ */

static int open_once(struct opening *o, const char *command, struct error *err)
{
    int result;

    o->busy = false;
    o->askpass.fd = -1;
    buf_clear(&o->out);
    buf_clear(&o->err);
    if (o->has_password && askpass_open(&o->askpass, err) != 0)
        return -1;
    result = spawn(o, command, err);
    if (result == 0)
        result = wait_through(o, err);
    askpass_close(&o->askpass);
    if (result == 0)
        return 0;
    child_kill(&o->piped->child);
    child_hang_up(&o->piped->child);
    return -1;
}

static int open_patiently(struct opening *o, const char *command, struct error *err)
{
    for (int64_t pause_ms = 100;; pause_ms = pause_ms < 1000 ? pause_ms * 2 : pause_ms) {
        struct error now;

        if (open_once(o, command, &now) == 0)
            return 0;
        if (now.num != ETIMEDOUT || pause_ms == 100)
            *err = now;
        if (!o->busy || remote_pause(&o->piped->base, pause_ms, o->deadline) != 0)
            return -1;
    }
}

static struct remote *openssh_open(const struct remote_config *c, const struct remote_host *host,
                                   const char *command, int64_t deadline, struct error *err)
{
    struct opening o = {.config = c, .host = host, .deadline = deadline};
    int result;

    o.piped = remote_new(sizeof *o.piped, &transport_openssh, host, err);
    if (!o.piped)
        return NULL;
    o.has_password = options_has(c->options, "password") ||
                     options_has(c->options, "password_file") ||
                     options_has(c->options, "password_command");
    result = nonce_make(&o, err);
    if (result == 0)
        result = open_patiently(&o, command, err);
    buf_free(&o.out);
    buf_free(&o.err);
    if (result == 0)
        return &o.piped->base;
    remote_free(&o.piped->base);
    return NULL;
}

/* The command there sees the end of its input whether ssh ends by itself or not. */
static void openssh_close(struct remote *r)
{
    struct piped *p = (struct piped *)r;

    child_hang_up(&p->child);
    if (child_wait(&p->child, clock_now_ms() + CLOSE_MS) == -1)
        child_kill(&p->child);
    remote_free(r);
}

const struct transport transport_openssh = {
    .name = "openssh",
    .open = openssh_open,
    .take = piped_take,
    .give = piped_give,
    .wait = piped_wait,
    .poll_fd = piped_poll_fd,
    .pending = piped_pending,
    .close = openssh_close,
};
