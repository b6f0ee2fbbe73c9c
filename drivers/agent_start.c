/* From a stream to a host to a loop that runs there: the shell, sudo, the script. */
#include "drivers/agent_impl.h"
#include "drivers/remote_impl.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

static const char *const script[] = {
#include "drivers/agent_sh.h"
};

/* For tests: another sh, and less patience. */
static const char *tuned(const char *name, const char *fallback)
{
    const char *value = secure_getenv(name);

    return value && *value ? value : fallback;
}

int agent_beat_ms(void)
{
    int ms = 1000 * atoi(tuned("BALANCERFS_AGENT_BEAT", "10"));

    return ms > 0 ? ms : 10000;
}

int agent_ping_ms(void)
{
    int ms = 1000 * atoi(tuned("BALANCERFS_AGENT_PING", "20"));

    return ms > 0 ? ms : 20000;
}

/* ---- the start ---------------------------------------------------------------------------- */

static void setting(struct buf *out, const char *name, const char *value)
{
    buf_printf(out, "%s=", name);
    remote_quote(out, value);
    buf_str(out, "\n");
}

static void script_build(const struct agent *a, const struct agent_setup *s, struct buf *out)
{
    setting(out, "nonce", a->nonce);
    setting(out, "dir", s->dir);
    setting(out, "suffix", s->suffix);
    setting(out, "test_cmd", s->test_cmd);
    setting(out, "reload_cmd", s->reload_cmd);
    setting(out, "tmpdir", s->tmpdir);
    buf_printf(out, "beat=%d\n", agent_beat_ms() / 1000);
    for (size_t i = 0; i < sizeof script / sizeof *script; i++)
        buf_str(out, script[i]);
}

/* No newline and no "!": any login shell has to understand it. The script itself comes by standard
 * input, as sudo writes command lines to the log. Who is root there needs no sudo: ssh_config may
 * have chosen the user. */
static void command_build(const struct agent *a, bool sudo, size_t len, struct buf *out)
{
    buf_printf(out, "set -- %s -c 'echo \"%s hello 0\"; eval \"$(head -c %zu)\"'; ",
               tuned("BALANCERFS_AGENT_SHELL", "sh"), a->nonce, len);
    if (sudo)
        buf_printf(out, "[ \"$(id -u)\" = 0 ] || set -- sudo -k -S -p %s: \"$@\"; ", a->nonce);
    buf_str(out, "exec \"$@\"");
}

static enum agent_result password_send(struct agent *a, const struct remote_config *c,
                                       int64_t deadline, struct error *err)
{
    struct buf password = BUF_INIT;
    enum agent_result result = AGENT_LOST;

    if (remote_password(c, &password, err) == 0) {
        if (password.len == 0) {
            (void)error_set(err, EACCES, "%s: sudo wants a password: set password", a->host);
        } else {
            buf_str(&password, "\n");
            result = agent_request(a, &password, deadline, err);
        }
    }
    buf_wipe(&password);
    return result;
}

/* sudo's own words, without our prompts. */
static enum agent_result sudo_refused(struct agent *a, struct error *err)
{
    char *at;

    while ((at = strstr(a->said.data, a->nonce)))
        memset(at, ' ', REPLY_NONCE + (at[REPLY_NONCE] == ':'));
    (void)error_set(err, EACCES, "%s: sudo: %s", a->host,
                    buf_text(&a->said) + strspn(buf_text(&a->said), " \n"));
    return AGENT_LOST;
}

/* Until the shell says hello; the password when sudo asks, once. */
static enum agent_result hello(struct agent *a, const struct remote_config *c, int64_t deadline,
                               struct error *err)
{
    bool sudo = remote_wants_sudo(c), sent = false;
    const char *asked;

    for (;;) {
        buf_drop_front(&a->in, reply_noise(a->nonce, buf_text(&a->in), a->in.len));
        if (a->in.len > REPLY_NONCE && memchr(a->in.data, '\n', a->in.len))
            break;
        if (agent_pull(a, deadline, err) != AGENT_OK)
            return sudo && a->said.len && err->num != ETIMEDOUT ? sudo_refused(a, err) : AGENT_LOST;
        asked = sudo ? strstr(buf_text(&a->said), a->nonce) : NULL;
        if (!asked || strlen(asked) <= REPLY_NONCE)
            continue;
        if (sent && strstr(asked + 1, a->nonce))
            return sudo_refused(a, err);
        if (!sent && password_send(a, c, deadline, err) != AGENT_OK)
            return AGENT_LOST;
        sent = true;
    }
    if (agent_answer(a, deadline, err) != AGENT_OK)
        return AGENT_LOST;
    buf_clear(&a->said);
    return agent_expect(a, "hello", "", err);
}

static enum agent_result agent_start(struct agent *a, const struct remote_config *c,
                                     const struct buf *text, int64_t deadline, struct error *err)
{
    if (hello(a, c, deadline, err) != AGENT_OK ||
        agent_request(a, text, deadline, err) != AGENT_OK ||
        agent_answer(a, deadline, err) != AGENT_OK)
        return AGENT_LOST;
    return agent_expect(a, "ready", "", err);
}

static int nonce_make(char *nonce, struct error *err)
{
    unsigned char bytes[REPLY_NONCE / 2];

    if (getrandom(bytes, sizeof bytes, 0) != (ssize_t)sizeof bytes)
        return error_set(err, EIO, "getrandom: %s", strerror(errno));
    for (size_t i = 0; i < sizeof bytes; i++)
        (void)snprintf(nonce + 2 * i, 3, "%02x", bytes[i]);
    return 0;
}

struct agent *agent_open(const struct remote_config *c, size_t host, const struct agent_setup *s,
                         int64_t deadline, struct error *err)
{
    struct agent *a = calloc(1, sizeof *a);
    struct buf text = BUF_INIT, command = BUF_INIT;
    bool opened = false;

    if (!a) {
        (void)error_set(err, ENOMEM, "out of memory");
        return NULL;
    }
    a->host = remote_host_name(c, host);
    a->patience_ms = remote_connect_ms(c);
    a->test_name = s->test_name ? s->test_name : s->test_cmd;
    a->reload_name = s->reload_name ? s->reload_name : s->reload_cmd;
    if (nonce_make(a->nonce, err) == 0) {
        script_build(a, s, &text);
        command_build(a, remote_wants_sudo(c), text.len, &command);
        if (buf_check(&text, err) == 0 && buf_check(&command, err) == 0)
            a->remote = remote_open(c, host, buf_text(&command), deadline, err);
        opened = a->remote && agent_start(a, c, &text, deadline, err) == AGENT_OK;
    }
    buf_free(&text);
    buf_free(&command);
    if (opened)
        return a;
    agent_close(a);
    return NULL;
}

void agent_close(struct agent *a)
{
    if (!a)
        return;
    remote_close(a->remote);
    buf_free(&a->in);
    buf_free(&a->said);
    free(a);
}
