/* Transport "ssh": a channel of libssh2, from the handshake to the last byte. */
#include "drivers/clock.h"
#include "drivers/greeting.h"
#include "drivers/ssh_impl.h"
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define WINDOW (64u << 20) /* bytes of each stream that may be under way */
#define GOODBYE_MS 200

/* ---- sessions ----------------------------------------------------------------------------- */

static void *session_alloc(size_t size, void **abstract)
{
    return ssh_memory_get(&((struct ssh *)*abstract)->memory, size);
}

static void *session_realloc(void *at, size_t size, void **abstract)
{
    return ssh_memory_resize(&((struct ssh *)*abstract)->memory, at, size);
}

static void session_release(void *at, void **abstract)
{
    ssh_memory_put(&((struct ssh *)*abstract)->memory, at);
}

static void library_init(void)
{
    (void)libssh2_init(0);
}

const char *ssh_text(const struct ssh *s)
{
    char *text = NULL;

    (void)libssh2_session_last_error(s->session, &text, NULL, 0);
    return text && *text ? text : "the connection was closed";
}

bool ssh_is_closed(const struct ssh *s)
{
    char c;
    ssize_t n = recv(s->fd, &c, 1, MSG_PEEK | MSG_DONTWAIT);

    return n == 0 || (n < 0 && errno != EAGAIN);
}

static short wanted(const struct ssh *s)
{
    int directions = libssh2_session_block_directions(s->session);

    return directions & LIBSSH2_SESSION_BLOCK_OUTBOUND
               ? POLLOUT | (directions & LIBSSH2_SESSION_BLOCK_INBOUND ? POLLIN : 0)
               : POLLIN;
}

int ssh_ready(struct ssh *s, struct error *err)
{
    struct pollfd fds[1] = {{s->fd, wanted(s), 0}};

    return remote_wait(&s->base, fds, 1, s->deadline, err);
}

static int session_new(struct ssh *s, struct error *err)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;

    (void)pthread_once(&once, library_init);
    s->session = libssh2_session_init_ex(session_alloc, session_release, session_realloc, s);
    if (!s->session)
        return error_set(err, ENOMEM, "out of memory");
    libssh2_session_set_blocking(s->session, 0);
    return ssh_prefer_all(s, err) != 0 ? -1 : ssh_hostkey_prefer(s, err);
}

/* ---- the handshake ------------------------------------------------------------------------ */

/* Closed before or within the handshake: that is what a busy sshd does (MaxStartups), or one that
 * is just being restarted. */
static int handshake_closed(struct ssh *s, struct error *err)
{
    const char *banner = libssh2_session_banner_get(s->session);

    if (banner && strncmp(banner, "SSH-", 4) == 0) {
        s->busy = true;
        return error_set(err, EHOSTUNREACH, "%s: it has hung up in the handshake: %s", s->base.host,
                         ssh_text(s));
    }
    s->busy = !banner || !*banner || strstr(banner, "MaxStartups") || strstr(banner, "allowed");
    if (s->busy)
        return error_set(err, ECONNREFUSED,
                         "%s: its sshd hangs up at once: too many logins at a time (MaxStartups), "
                         "or this address is not let in",
                         s->base.host);
    return error_set(err, ECONNREFUSED, "%s: there is no SSH server at port %u: it says \"%.60s\"",
                     s->base.host, (unsigned)s->where->port, banner);
}

static int handshake_failed(struct ssh *s, int code, struct error *err)
{
    switch (code) {
    case LIBSSH2_ERROR_KEX_FAILURE:
    case LIBSSH2_ERROR_METHOD_NONE:
        return error_set(err, EACCES,
                         "%s: libssh2 %s and the host have no algorithms in common (the host may "
                         "have only an RSA host key, only ETM or only GCM ciphers): set "
                         "transport: openssh",
                         s->base.host, libssh2_version(0));
    case LIBSSH2_ERROR_ALLOC:
        return error_set(err, ENOMEM, "out of memory");
    case LIBSSH2_ERROR_KEY_EXCHANGE_FAILURE: /* of the connection, or of what came over it */
    case LIBSSH2_ERROR_HOSTKEY_INIT:
    case LIBSSH2_ERROR_HOSTKEY_SIGN:
        if (!ssh_is_closed(s))
            return error_set(err, EACCES, "%s: the key exchange failed: %s", s->base.host,
                             ssh_text(s));
        return handshake_closed(s, err);
    case LIBSSH2_ERROR_SOCKET_NONE:
    case LIBSSH2_ERROR_BANNER_RECV:
    case LIBSSH2_ERROR_BANNER_SEND:
    case LIBSSH2_ERROR_SOCKET_SEND:
    case LIBSSH2_ERROR_SOCKET_DISCONNECT:
    case LIBSSH2_ERROR_SOCKET_RECV:
        return handshake_closed(s, err);
    default:
        return error_set(err, EHOSTUNREACH, "%s: the handshake failed: %s (%d)", s->base.host,
                         ssh_text(s), code);
    }
}

static int handshake(struct ssh *s, struct error *err)
{
    int code;

    while ((code = libssh2_session_handshake(s->session, s->fd)) == LIBSSH2_ERROR_EAGAIN)
        if (ssh_ready(s, err) != 0)
            return -1;
    return code == 0 ? 0 : handshake_failed(s, code, err);
}

/* ---- the channel -------------------------------------------------------------------------- */

static int channel_failed(struct ssh *s, const char *what, struct error *err)
{
    int code = libssh2_session_last_errno(s->session);

    if (code == LIBSSH2_ERROR_CHANNEL_FAILURE || code == LIBSSH2_ERROR_CHANNEL_REQUEST_DENIED)
        return error_set(err, EACCES, "%s: %s lets %s log in, but %s: %s", s->base.host,
                         s->base.host, s->config->user, what, ssh_text(s));
    s->busy = true;
    return error_set(err, EHOSTUNREACH, "%s: the connection was lost: %s", s->base.host,
                     ssh_text(s));
}

/* A window so wide that it is seldom widened: when libssh2 1.10 does that while keys are changed it
 * may lose what arrives. (A lost piece is noticed: the agent knows how much it was promised.) */
static int channel_open(struct ssh *s, struct error *err)
{
    while (!(s->channel = libssh2_channel_open_ex(s->session, "session", 7, WINDOW,
                                                  LIBSSH2_CHANNEL_PACKET_DEFAULT, NULL, 0)) &&
           libssh2_session_last_errno(s->session) == LIBSSH2_ERROR_EAGAIN)
        if (ssh_ready(s, err) != 0)
            return -1;
    return s->channel ? 0 : channel_failed(s, "opens no session (MaxSessions)", err);
}

static int channel_exec(struct ssh *s, const struct greeting *g, const char *command,
                        struct error *err)
{
    struct buf line = BUF_INIT;
    int code = 0, late = 0;

    greeting_command(g, command, &line);
    if (buf_check(&line, err) != 0) {
        buf_free(&line);
        return -1;
    }
    while (!late && (code = libssh2_channel_exec(s->channel, line.data)) == LIBSSH2_ERROR_EAGAIN)
        late = ssh_ready(s, err);
    buf_free(&line);
    if (late)
        return -1;
    return code == 0 ? 0 : channel_failed(s, "runs no command", err);
}

static int channel_greeting(struct ssh *s, struct greeting *g, struct error *err)
{
    enum greeting_result result;

    while ((result = greeting_look(g, &s->base, err)) == GREETING_WAIT)
        if (s->base.transport->wait(&s->base, POLLIN, s->deadline, err) != 0)
            return -1;
    if (result == GREETING_ENDED)
        return greeting_ended(g, &s->base, err);
    if (result == GREETING_FAILED && err->num == EIO)
        err->num = EHOSTUNREACH;
    return result == GREETING_THROUGH ? 0 : -1;
}

static int channel_start(struct ssh *s, const char *command, struct error *err)
{
    struct greeting g;
    int result = greeting_init(&g, err);

    if (result == 0)
        result = channel_open(s, err);
    if (result == 0)
        result = channel_exec(s, &g, command, err);
    if (result == 0)
        result = channel_greeting(s, &g, err);
    greeting_free(&g);
    return result;
}

/* ---- opening and closing ------------------------------------------------------------------ */

/* Also of what is half open. shutdown first: libssh2 would else wait for a host that is gone. */
static void session_end(struct ssh *s)
{
    if (s->fd >= 0)
        (void)shutdown(s->fd, SHUT_RDWR);
    for (int i = 0; s->session && i < 10; i++)
        if (libssh2_session_free(s->session) != LIBSSH2_ERROR_EAGAIN)
            break;
    if (s->fd >= 0)
        (void)close(s->fd);
    ssh_memory_put_all(&s->memory);
    s->session = NULL;
    s->channel = NULL;
    s->fd = -1;
}

/* What can be said without waiting for an answer is said. */
static void say_goodbye(struct ssh *s)
{
    int64_t until = clock_now_ms() + GOODBYE_MS;
    struct pollfd fd = {s->fd, POLLOUT, 0};

    while (libssh2_channel_send_eof(s->channel) == LIBSSH2_ERROR_EAGAIN && clock_left_ms(until))
        (void)poll(&fd, 1, clock_left_ms(until));
    while (libssh2_session_disconnect(s->session, "bye") == LIBSSH2_ERROR_EAGAIN &&
           clock_left_ms(until))
        (void)poll(&fd, 1, clock_left_ms(until));
}

static void ssh_close(struct remote *r)
{
    struct ssh *s = (struct ssh *)r;

    if (s->channel && s->half == SSH_HALF_NONE)
        say_goodbye(s);
    session_end(s);
    remote_free(r);
}

static int open_once(struct ssh *s, const char *command, struct error *err)
{
    s->busy = false;
    s->fd = ssh_connect(s, err);
    if (s->fd < 0 || session_new(s, err) != 0 || handshake(s, err) != 0 ||
        ssh_hostkey_check(s, err) != 0 || ssh_login(s, err) != 0)
        return -1;
    return channel_start(s, command, err);
}

/* Again and again while the host is only busy; at the deadline it says what it was before. */
static int open_patiently(struct ssh *s, const char *command, struct error *err)
{
    for (int64_t pause_ms = 50;; pause_ms = pause_ms < 1000 ? pause_ms * 2 : pause_ms) {
        struct error now;

        if (open_once(s, command, &now) == 0)
            return 0;
        session_end(s);
        if (now.num != ETIMEDOUT || pause_ms == 50)
            *err = now;
        if (!s->busy || remote_pause(&s->base, pause_ms, s->deadline) != 0)
            return -1;
    }
}

static struct remote *ssh_open(const struct remote_config *c, const struct remote_host *host,
                               const char *command, int64_t deadline, struct error *err)
{
    struct ssh *s = remote_new(sizeof *s, &transport_ssh, host, err);

    if (!s)
        return NULL;
    s->config = c;
    s->where = host;
    s->deadline = deadline;
    s->fd = -1;
    if (open_patiently(s, command, err) == 0)
        return &s->base;
    ssh_close(&s->base);
    return NULL;
}

/* ---- the stream --------------------------------------------------------------------------- */

/* libssh2 has said EAGAIN: was a packet of ours left half-sent? */
static ptrdiff_t again(struct ssh *s, enum ssh_half mine)
{
    bool is_half = libssh2_session_block_directions(s->session) & LIBSSH2_SESSION_BLOCK_OUTBOUND;

    s->half = is_half ? mine : SSH_HALF_NONE;
    return REMOTE_AGAIN;
}

/* libssh2 may have read more than it has looked at: all of it goes to where ssh_pending sees it. */
static void look_at_all(struct ssh *s)
{
    char none[1];

    if (s->half == SSH_HALF_NONE &&
        libssh2_channel_read(s->channel, none, 0) == LIBSSH2_ERROR_EAGAIN)
        (void)again(s, SSH_HALF_TAKE);
}

static ptrdiff_t lost(struct ssh *s, struct error *err)
{
    return error_set(err, EIO, "the connection to %s is lost: %s", s->base.host, ssh_text(s));
}

static ptrdiff_t ssh_take(struct remote *r, enum remote_stream which, void *data, size_t size,
                          struct error *err)
{
    struct ssh *s = (struct ssh *)r;
    ssize_t n;

    if (s->half == SSH_HALF_GIVE)
        return REMOTE_AGAIN;
    n = libssh2_channel_read_ex(s->channel, which == REMOTE_ERR ? SSH_EXTENDED_DATA_STDERR : 0,
                                data, size);
    if (n == LIBSSH2_ERROR_EAGAIN)
        return again(s, SSH_HALF_TAKE);
    s->half = SSH_HALF_NONE;
    if (n < 0)
        return lost(s, err);
    if (n == 0 && !libssh2_channel_eof(s->channel))
        return REMOTE_AGAIN;
    return n;
}

static ptrdiff_t ssh_give(struct remote *r, const void *data, size_t len, struct error *err)
{
    struct ssh *s = (struct ssh *)r;
    ssize_t n;

    if (s->half == SSH_HALF_TAKE)
        return REMOTE_AGAIN;
    if (libssh2_channel_eof(s->channel))
        return error_set(err, EPIPE, "the command on %s has ended", s->base.host);
    n = libssh2_channel_write(s->channel, data, len);
    if (n == LIBSSH2_ERROR_EAGAIN)
        return again(s, SSH_HALF_GIVE);
    s->half = SSH_HALF_NONE;
    if (n == LIBSSH2_ERROR_CHANNEL_CLOSED || n == LIBSSH2_ERROR_CHANNEL_EOF_SENT)
        return error_set(err, EPIPE, "the command on %s has ended", s->base.host);
    if (n < 0)
        return lost(s, err);
    look_at_all(s);
    return n ? n : REMOTE_AGAIN;
}

static int ssh_poll_fd(const struct remote *r)
{
    return ((const struct ssh *)r)->fd;
}

static bool ssh_pending(const struct remote *r)
{
    const struct ssh *s = (const struct ssh *)r;

    return libssh2_poll_channel_read(s->channel, 0) == 1 ||
           libssh2_poll_channel_read(s->channel, 1) == 1 || libssh2_channel_eof(s->channel) == 1;
}

/* A half-sent packet comes first. Else no call of libssh2 is sure to have left nothing behind for
 * the other stream, so what is there already is looked for before anything is waited for. */
static int ssh_wait(struct remote *r, short events, int64_t deadline, struct error *err)
{
    const struct ssh *s = (struct ssh *)r;
    struct pollfd fds[1] = {{s->fd, s->half == SSH_HALF_NONE ? POLLIN : POLLOUT, 0}};

    (void)events;
    if (s->half == SSH_HALF_NONE && ssh_pending(r))
        return 0;
    return remote_wait(r, fds, 1, deadline, err);
}

const struct transport transport_ssh = {
    .name = "ssh",
    .open = ssh_open,
    .take = ssh_take,
    .give = ssh_give,
    .wait = ssh_wait,
    .poll_fd = ssh_poll_fd,
    .pending = ssh_pending,
    .close = ssh_close,
};
