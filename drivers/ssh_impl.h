/* What the parts of transport "ssh" share. For ssh*.c only.
 *
 * An opening goes through: ssh_connect (a socket), the handshake (ssh.c), ssh_hostkey_prefer
 * before and ssh_hostkey_check after it, ssh_login, and a channel (ssh.c). All of it is
 * non-blocking, under s->deadline. Nothing secret is sent before the host's key was checked. */
#ifndef BALANCERFS_SSH_IMPL_H
#define BALANCERFS_SSH_IMPL_H

#include "drivers/remote_impl.h"
#include "drivers/ssh_memory.h"
#include <libssh2.h>

/* libssh2 keeps one half-sent packet; who left it must finish it before anything else is sent. */
enum ssh_half { SSH_HALF_NONE, SSH_HALF_TAKE, SSH_HALF_GIVE };

struct ssh {
    struct remote base;
    const struct remote_config *config;
    const struct remote_host *where;
    int64_t deadline; /* of the opening */
    int fd;
    struct ssh_memory memory;
    LIBSSH2_SESSION *session; /* whose abstract pointer is this struct */
    LIBSSH2_CHANNEL *channel;
    enum ssh_half half;
    struct login *login; /* ssh_login.c's, while it runs */
    bool busy;           /* the opening failed as it does when too many log in at once */
};

/* Until libssh2, which has just said EAGAIN, may go on. 0, or -1 with *err by s->deadline. */
int ssh_ready(struct ssh *s, struct error *err);

/* libssh2's last error as text. */
const char *ssh_text(const struct ssh *s);

/* libssh2 gives one and the same error for a refusal and for a connection that is gone. */
bool ssh_is_closed(const struct ssh *s);

/* A non-blocking socket to one of the host's addresses, or -1 with EHOSTUNREACH, ECONNREFUSED or
 * ETIMEDOUT. */
int ssh_connect(const struct ssh *s, struct error *err);

/* Of a comma list, what libssh2 has, in this order and nothing else; kind as LIBSSH2_METHOD_KEX. */
int ssh_prefer(struct ssh *s, int kind, const char *list, struct error *err);
int ssh_prefer_all(struct ssh *s, struct error *err); /* but the types of host keys */

/* Has libssh2 prefer the types of keys that are known for the host. */
int ssh_hostkey_prefer(struct ssh *s, struct error *err);
/* 0 when it is the right host; else -1 with EACCES. */
int ssh_hostkey_check(struct ssh *s, struct error *err);

/* 0 when logged in; else -1 with EACCES, or what the connection died of. */
int ssh_login(struct ssh *s, struct error *err);

/* What a private key file is, without its secret. */
struct keyfile {
    bool is_key, is_encrypted, is_rsa;
};
/* 0, or -1 with errno. */
int keyfile_look(const char *path, struct keyfile *out);

/* An agent's keys that libssh2 can use, and signatures by them; bounded by s->deadline. */
struct ssh_agent;
struct agent_key {
    unsigned char *blob; /* the public key */
    size_t len;
};
/* NULL: there is none, or it does not answer. *unusable: how many other keys it has. */
struct ssh_agent *ssh_agent_open(struct ssh *s, size_t *unusable);
const struct agent_key *ssh_agent_key(const struct ssh_agent *a, size_t i); /* NULL: no more */
/* libssh2's return value, EAGAIN among them, which ssh_ready waits for. */
int ssh_agent_try(struct ssh_agent *a, const struct agent_key *key);
void ssh_agent_close(struct ssh_agent *a);

#endif
