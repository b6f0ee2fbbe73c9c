/* Transport "openssh": the system's ssh program, with its configuration in charge.
 *
 * Its command line has what the user wrote and no more, so that ssh_config decides the rest. That
 * the login is through is told by the greeting alone. */
#include "drivers/askpass.h"
#include "drivers/clock.h"
#include "drivers/greeting.h"
#include "drivers/openssh_said.h"
#include "drivers/piped.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define CLOSE_MS 500

struct opening {
    struct piped *piped;
    const struct remote_config *config;
    const struct remote_host *host;
    int64_t deadline;
    bool has_password;
    struct askpass askpass;
    struct greeting greeting;
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
    greeting_command(&o->greeting, command, &w->text);
    word_end(w);
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

/* ---- until the login is through ----------------------------------------------------------- */

/* It has ended before: why. Always -1. */
static int ended(struct opening *o, struct error *err)
{
    int status = child_wait(&o->piped->child, o->deadline);

    if (WIFEXITED(status) && WEXITSTATUS(status) != 255)
        return greeting_ended(&o->greeting, &o->piped->base, err);
    o->busy = openssh_said(o->host->name, buf_text(&o->greeting.err), err);
    return -1;
}

/* Its words are worth more than that it was too slow. */
static int too_late(struct opening *o, struct error *err)
{
    if (err->num == ETIMEDOUT && o->greeting.err.len)
        (void)error_set(err, ETIMEDOUT, "%s did not answer in time: ssh: %.300s", o->host->name,
                        buf_text(&o->greeting.err));
    return -1;
}

static int wait_through(struct opening *o, struct error *err)
{
    struct piped *p = o->piped;

    for (;;) {
        struct pollfd fds[2] = {{p->child.any, POLLIN, 0}, {o->askpass.fd, POLLIN, 0}};
        enum greeting_result result = greeting_look(&o->greeting, &p->base, err);

        if (result == GREETING_ENDED)
            return ended(o, err);
        if (result != GREETING_WAIT)
            return result == GREETING_THROUGH ? 0 : -1;
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
    buf_clear(&o->greeting.out);
    buf_clear(&o->greeting.err);
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
    result = greeting_init(&o.greeting, err);
    if (result == 0)
        result = open_patiently(&o, command, err);
    greeting_free(&o.greeting);
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
