/* A two-way byte stream to a command that runs on a host.
 *
 * Three ways give it: "ssh" (ssh.c, libssh2), "openssh" (openssh.c, the system's ssh program) and
 * "local" (local.c, a child on this machine). Everything above it, the agent, is the same.
 * A stream is used by one thread at a time; two streams by two threads at once. Every call has a
 * deadline of its own and returns by then, whatever the host does; after a failure only
 * remote_close may follow. */
#ifndef BALANCERFS_REMOTE_H
#define BALANCERFS_REMOTE_H

#include "drivers/driver.h"

/* Rows for the table of a driver that uses hosts: { REMOTE_OPTIONS, {"include_dir", ...}, ... } */
#define REMOTE_OPTIONS                                                                             \
    {"hosts", OPTION_LIST, "localhost", false, "host, host:port or [v6]:port of each server"},     \
        {"user", OPTION_STRING, NULL, false, "login name; default: the mounting user"},            \
        {"password", OPTION_SECRET, NULL, false, "password of the login and of sudo"},             \
        {"password_file", OPTION_STRING, NULL, false, "file whose first line is the password"},    \
        {"password_command", OPTION_STRING, NULL, false,                                           \
         "shell command that prints the password"},                                                \
        {"identity_file", OPTION_LIST, NULL, false, "private keys to log in with"},                \
        {"port", OPTION_NUMBER, "22", false, "SSH port of hosts that name none"},                  \
        {"known_hosts", OPTION_LIST, "~/.ssh/known_hosts, /etc/ssh/ssh_known_hosts", false,        \
         "files with the hosts' keys"},                                                            \
        {"host_key_check", OPTION_STRING, "strict", false, "strict or accept-new"},                \
        {"sudo", OPTION_STRING, "auto", false, "auto (unless the user is root), yes or no"},       \
        {"transport", OPTION_STRING, "ssh", false, "ssh, openssh or local"},                       \
    {                                                                                              \
        "connect_timeout", OPTION_DURATION, "10s", false, "until a login must be through"          \
    }

/* What all hosts of one balancer share, read from its options. Immutable; any thread. */
struct remote_config;

/* NULL with *err set (options_error) when a value is not one of those possible. No network. */
struct remote_config *remote_config_new(const struct options *o, struct error *err);
void remote_config_free(struct remote_config *c);
size_t remote_host_count(const struct remote_config *c);
/* As written by the user: "web1", "web1:2222", "[::1]:22". */
const char *remote_host_name(const struct remote_config *c, size_t host);
int64_t remote_connect_ms(const struct remote_config *c);
/* Does a command on this host have to go through sudo? */
bool remote_wants_sudo(const struct remote_config *c);

struct remote;

/* Connects, checks the host's key, logs in and starts "sh -c COMMAND". deadline: as from
 * clock_now_ms(). NULL with *err: EHOSTUNREACH, ECONNREFUSED, ETIMEDOUT, EACCES. */
struct remote *remote_open(const struct remote_config *c, size_t host, const char *command,
                           int64_t deadline, struct error *err);

/* Writes all, or -1. What arrives meanwhile is kept for remote_read, so neither side blocks. */
int remote_write(struct remote *r, const void *data, size_t len, int64_t deadline,
                 struct error *err);

/* At least one byte of standard output or of standard error (then *is_stderr): their number.
 * 0: the command has ended and all was read. -1: ETIMEDOUT, or the connection is lost (EIO). */
ptrdiff_t remote_read(struct remote *r, void *data, size_t size, bool *is_stderr, int64_t deadline,
                      struct error *err);

/* A descriptor that is readable when remote_read may have something, to wait on while idle; data
 * already taken in is told by *pending. For keep-alive: remote_read is what answers the peer. */
int remote_poll_fd(const struct remote *r, bool *pending);

/* Ends the command's input and frees everything; bounded by a second. NULL is fine. */
void remote_close(struct remote *r);

/* The login's password for sudo, or an empty buf: from password, password_file or
 * password_command, asked anew each time; buf_wipe it at once after use. */
struct buf;
int remote_password(const struct remote_config *c, struct buf *out, struct error *err);

#endif
