/* Keys in an ssh-agent. libssh2's own client of agents waits for them without bound (for one that
 * asks its user, say) on a socket that it does not show; so only the signing is done here.
 *
 *   question                                  answer (each: length, then this)
 *   11                                        12, count, (public key, comment) of each
 *   13, public key, what to sign, flags 0     14, (type, signature) as one string */
#include "drivers/clock.h"
#include "drivers/known_hosts.h"
#include "drivers/ssh_impl.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define ANSWER_MAX ((size_t)1 << 20)

struct ssh_agent {
    struct ssh *ssh;
    int fd;
    int64_t deadline;
    struct buf identities; /* keys point into it */
    struct agent_key *keys;
    size_t n;
    void *self; /* of which libssh2 gets the address */
};

/* ---- bytes -------------------------------------------------------------------------------- */

static int wait_for(const struct ssh_agent *a, short events)
{
    struct pollfd fds[1] = {{a->fd, events, 0}};
    struct error ignored;

    return remote_wait(&a->ssh->base, fds, 1, a->deadline, &ignored);
}

static int send_all(const struct ssh_agent *a, const struct buf *b)
{
    size_t sent = 0;

    while (!b->failed && sent < b->len) {
        ssize_t n = send(a->fd, b->data + sent, b->len - sent, MSG_NOSIGNAL);

        if (n < 0 && errno != EAGAIN && errno != EINTR)
            return -1;
        if (n < 0 && wait_for(a, POLLOUT) != 0)
            return -1;
        sent += n > 0 ? (size_t)n : 0;
    }
    return b->failed ? -1 : 0;
}

static int receive(const struct ssh_agent *a, struct buf *b, size_t want)
{
    while (b->len < want) {
        char *room = buf_reserve(b, want - b->len);
        ssize_t n = room ? recv(a->fd, room, want - b->len, 0) : 0;

        if (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR))
            return -1;
        if (n < 0 && wait_for(a, POLLIN) != 0)
            return -1;
        b->len += n > 0 ? (size_t)n : 0;
    }
    return 0;
}

static void put_u32(struct buf *b, size_t n)
{
    const unsigned char bytes[4] = {(unsigned char)(n >> 24), (unsigned char)(n >> 16),
                                    (unsigned char)(n >> 8), (unsigned char)n};

    buf_add(b, bytes, 4);
}

static void put_string(struct buf *b, const void *data, size_t len)
{
    put_u32(b, len);
    buf_add(b, data, len);
}

/* An answer, or part of one. */
struct view {
    const unsigned char *at;
    size_t left;
};

static bool get_u32(struct view *v, size_t *n)
{
    if (v->left < 4)
        return false;
    *n = (size_t)v->at[0] << 24 | (size_t)v->at[1] << 16 | (size_t)v->at[2] << 8 | v->at[3];
    v->at += 4;
    v->left -= 4;
    return true;
}

static bool get_string(struct view *v, struct view *out)
{
    size_t n;

    if (!get_u32(v, &n) || n > v->left)
        return false;
    *out = (struct view){v->at, n};
    v->at += n;
    v->left -= n;
    return true;
}

/* One question, one answer of the kind wanted; *v is what follows its kind. */
static int ask(const struct ssh_agent *a, const struct buf *question, unsigned char want,
               struct buf *answer, struct view *v)
{
    size_t len;

    if (send_all(a, question) != 0 || receive(a, answer, 4) != 0)
        return -1;
    *v = (struct view){(unsigned char *)answer->data, 4};
    if (!get_u32(v, &len) || len < 1 || len > ANSWER_MAX || receive(a, answer, 4 + len) != 0)
        return -1;
    *v = (struct view){(unsigned char *)answer->data + 5, len - 1};
    return (unsigned char)answer->data[4] == want ? 0 : -1;
}

/* ---- keys --------------------------------------------------------------------------------- */

/* Neither certificates nor hardware keys, nor RSA, which libssh2 1.10 signs with SHA-1. */
static bool is_usable(const struct agent_key *key)
{
    char type[32];

    return known_key_type(key->blob, key->len, type, sizeof type) &&
           (strcmp(type, "ssh-ed25519") == 0 || strcmp(type, "ecdsa-sha2-nistp256") == 0 ||
            strcmp(type, "ecdsa-sha2-nistp384") == 0 || strcmp(type, "ecdsa-sha2-nistp521") == 0);
}

static int identities_parse(struct ssh_agent *a, struct view v, size_t *unusable)
{
    size_t count;

    if (!get_u32(&v, &count) || count > ANSWER_MAX / 8)
        return -1;
    a->keys = calloc(count + 1, sizeof *a->keys);
    for (size_t i = 0; a->keys && i < count; i++) {
        struct view blob, comment;
        struct agent_key key;

        if (!get_string(&v, &blob) || !get_string(&v, &comment))
            return -1;
        key = (struct agent_key){(unsigned char *)blob.at, blob.left};
        if (is_usable(&key))
            a->keys[a->n++] = key;
        else
            ++*unusable;
    }
    return a->keys ? 0 : -1;
}

static int identities_get(struct ssh_agent *a, size_t *unusable)
{
    struct buf question = BUF_INIT;
    struct view v;
    int result;

    put_string(&question, "\x0b", 1);
    result = ask(a, &question, 12, &a->identities, &v);
    buf_free(&question);
    return result == 0 ? identities_parse(a, v, unusable) : -1;
}

static int connect_to(struct ssh_agent *a, const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};

    if (strlen(path) >= sizeof address.sun_path)
        return -1;
    memcpy(address.sun_path, path, strlen(path));
    a->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    return a->fd < 0 ? -1 : connect(a->fd, (struct sockaddr *)&address, sizeof address);
}

struct ssh_agent *ssh_agent_open(struct ssh *s, size_t *unusable)
{
    const char *path = getenv("SSH_AUTH_SOCK");
    struct ssh_agent *a = path && *path ? calloc(1, sizeof *a) : NULL;

    *unusable = 0;
    if (!a)
        return NULL;
    a->ssh = s;
    a->self = a;
    a->fd = -1;
    /* Half of the time, so that one that does not answer leaves some for other ways in. */
    a->deadline = clock_now_ms() + clock_left_ms(s->deadline) / 2;
    if (connect_to(a, path) == 0 && identities_get(a, unusable) == 0)
        return a;
    ssh_agent_close(a);
    return NULL;
}

const struct agent_key *ssh_agent_key(const struct ssh_agent *a, size_t i)
{
    return i < a->n ? &a->keys[i] : NULL;
}

void ssh_agent_close(struct ssh_agent *a)
{
    if (!a)
        return;
    if (a->fd >= 0)
        (void)close(a->fd);
    buf_free(&a->identities);
    free(a->keys);
    free(a);
}

/* ---- signatures --------------------------------------------------------------------------- */

/* The key that is to sign is in what is to be signed: session, 50, user, service, method, 1,
 * type, public key. */
static bool key_of(const unsigned char *data, size_t len, struct view *key)
{
    struct view v = {data, len}, skipped;

    if (!get_string(&v, &skipped) || v.left < 1)
        return false;
    v.at++, v.left--;
    for (int i = 0; i < 3; i++)
        if (!get_string(&v, &skipped))
            return false;
    if (v.left < 1)
        return false;
    v.at++, v.left--;
    return get_string(&v, &skipped) && get_string(&v, key);
}

static int signature_take(struct ssh_memory *m, struct view v, unsigned char **sig, size_t *sig_len)
{
    struct view whole, type, inner;

    if (!get_string(&v, &whole) || !get_string(&whole, &type) || !get_string(&whole, &inner))
        return -1;
    *sig = ssh_memory_get(m, inner.left + 1);
    if (!*sig)
        return -1;
    memcpy(*sig, inner.at, inner.left);
    *sig_len = inner.left;
    return 0;
}

static int sign(LIBSSH2_SESSION *session, unsigned char **sig, size_t *sig_len,
                const unsigned char *data, size_t data_len, void **abstract)
{
    const struct ssh_agent *a = *abstract;
    struct buf body = BUF_INIT, question = BUF_INIT, answer = BUF_INIT;
    struct view key, v;
    int result = -1;

    (void)session;
    if (key_of(data, data_len, &key)) {
        buf_add(&body, "\x0d", 1);
        put_string(&body, key.at, key.left);
        put_string(&body, data, data_len);
        put_u32(&body, 0);
        put_string(&question, buf_text(&body), body.len);
        result = ask(a, &question, 14, &answer, &v);
        if (result == 0)
            result = signature_take(&a->ssh->memory, v, sig, sig_len);
    }
    buf_free(&body);
    buf_free(&question);
    buf_free(&answer);
    return result;
}

int ssh_agent_try(struct ssh_agent *a, const struct agent_key *key)
{
    return libssh2_userauth_publickey(a->ssh->session, a->ssh->config->user, key->blob, key->len,
                                      sign, &a->self);
}
