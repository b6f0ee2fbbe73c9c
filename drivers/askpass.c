/* Both ends of the way on which ssh is told a password: askpass.h tells why so. */
#include "drivers/askpass.h"
#include "drivers/secret.h"
#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#define VARIABLE "BALANCERFS_ASKPASS"
#define PROMPT_MAX 1024
#define ANSWER_MAX 4096

static bool peer_is_us(int fd, pid_t *pid)
{
    struct ucred peer;
    socklen_t size = sizeof peer;

    if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) != 0 || peer.uid != geteuid())
        return false;
    *pid = peer.pid;
    return true;
}

static void be_patient(int fd, time_t seconds)
{
    const struct timeval patience = {.tv_sec = seconds};

    (void)setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    (void)setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
}

/* Until the other end says no more: the length, or -1. */
static ssize_t receive(int fd, char *data, size_t size)
{
    size_t len = 0;
    ssize_t n = 1;

    while (n != 0 && len < size) {
        n = recv(fd, data + len, size - len, 0);
        if (n < 0 && errno != EINTR)
            return -1;
        len += n > 0 ? (size_t)n : 0;
    }
    return (ssize_t)len;
}

/* ---- the helper --------------------------------------------------------------------------- */

static int helper_connect(const char *name)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    size_t len = strlen(name);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    pid_t ignored;

    if (fd < 0 || len >= sizeof address.sun_path)
        return -1;
    memcpy(address.sun_path + 1, name, len);
    if (connect(fd, (struct sockaddr *)&address,
                (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + len)) != 0 ||
        !peer_is_us(fd, &ignored))
        return -1;
    be_patient(fd, 60);
    return fd;
}

/* What ssh asks: its only argument. */
static size_t helper_prompt(char *prompt, size_t size)
{
    char line[PROMPT_MAX + 4096];
    int fd = open("/proc/self/cmdline", O_RDONLY | O_CLOEXEC);
    ssize_t n = fd < 0 ? 0 : read(fd, line, sizeof line - 1);
    size_t len, program;

    if (n <= 0)
        return 0;
    line[n] = '\0';
    program = strlen(line) + 1;
    if (program >= (size_t)n)
        return 0;
    len = strlen(line + program);
    len = len < size ? len : size;
    memcpy(prompt, line + program, len);
    return len;
}

static int helper_run(const char *name)
{
    char prompt[PROMPT_MAX], answer[ANSWER_MAX + 1];
    size_t len = helper_prompt(prompt, sizeof prompt);
    int fd = helper_connect(name);
    ssize_t n;

    if (fd < 0 || send(fd, prompt, len, MSG_NOSIGNAL) < 0 || shutdown(fd, SHUT_WR) != 0)
        return 1;
    n = receive(fd, answer, sizeof answer - 1);
    if (n > 0) {
        answer[n++] = '\n';
        if (write(STDOUT_FILENO, answer, (size_t)n) != n)
            n = 0;
    }
    explicit_bzero(answer, sizeof answer);
    return n > 0 ? 0 : 1;
}

/* Not called from main, so that no program with this transport in it can forget to. */
__attribute__((constructor)) static void helper_start(void)
{
    const char *name = secure_getenv(VARIABLE);

    if (name)
        _exit(helper_run(name));
}

/* ---- the one who knows -------------------------------------------------------------------- */

int askpass_open(struct askpass *a, struct error *err)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    socklen_t size = sizeof address;
    size_t len;

    *a = (struct askpass){.fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)};
    /* No name given: the kernel picks one that is free. */
    if (a->fd < 0 || bind(a->fd, (struct sockaddr *)&address, sizeof(sa_family_t)) != 0 ||
        listen(a->fd, 4) != 0 || getsockname(a->fd, (struct sockaddr *)&address, &size) != 0)
        return error_set(err, EHOSTUNREACH, "a socket for ssh's questions: %s", strerror(errno));
    len = size - offsetof(struct sockaddr_un, sun_path) - 1;
    if (len >= sizeof a->name)
        return error_set(err, EHOSTUNREACH, "a socket for ssh's questions has an odd name");
    memcpy(a->name, address.sun_path + 1, len);
    return 0;
}

static void helper_path(char *path, size_t size)
{
    static const char deleted[] = " (deleted)"; /* by an upgrade, which put a new one there */
    ssize_t n = readlink("/proc/self/exe", path, size - 1);
    size_t len = n > 0 ? (size_t)n : 0, tail = sizeof deleted - 1;

    path[len] = '\0';
    if (len > tail && strcmp(path + len - tail, deleted) == 0)
        path[len - tail] = '\0';
}

static bool is_ours(const char *pair)
{
    return strncmp(pair, "SSH_ASKPASS", 11) == 0 ||
           strncmp(pair, VARIABLE "=", sizeof VARIABLE) == 0;
}

char **askpass_environment(const struct askpass *a)
{
    char path[4096];
    size_t n = 0, kept = 0, room;
    char **all, *text;

    helper_path(path, sizeof path);
    while (environ[n])
        n++;
    room = sizeof path + sizeof a->name + 200;
    all = malloc((n + 4) * sizeof *all + room);
    if (!all)
        return NULL;
    for (size_t i = 0; i < n; i++)
        if (!is_ours(environ[i]))
            all[kept++] = environ[i];
    text = (char *)&all[n + 4];
    all[kept++] = text;
    text += snprintf(text, room, "SSH_ASKPASS=%s", path) + 1;
    all[kept++] = text;
    text += sprintf(text, "SSH_ASKPASS_REQUIRE=force") + 1;
    all[kept++] = text;
    (void)sprintf(text, VARIABLE "=%s", a->name);
    all[kept] = NULL;
    return all;
}

/* Of a process that is there: who started it; 0: it is gone. */
static pid_t parent_of(pid_t pid)
{
    char path[40], text[512];
    const char *name_end;
    int fd, parent = 0;
    ssize_t n;

    (void)snprintf(path, sizeof path, "/proc/%d/stat", (int)pid);
    fd = open(path, O_RDONLY | O_CLOEXEC);
    n = fd < 0 ? 0 : read(fd, text, sizeof text - 1);
    if (fd >= 0)
        (void)close(fd);
    text[n > 0 ? n : 0] = '\0';
    name_end = strrchr(text, ')');
    if (!name_end || sscanf(name_end, ") %*c %d", &parent) != 1)
        return 0;
    return parent;
}

/* May this question be answered? Each kind once. */
static bool question_fits(struct askpass *a, const char *prompt)
{
    static const char *const other[] = {"yes/no", "fingerprint", "new password", " PIN for "};
    bool *gave =
        strncmp(prompt, "Enter passphrase", 16) == 0 ? &a->gave_passphrase : &a->gave_password;

    for (size_t i = 0; i < sizeof other / sizeof *other; i++)
        if (strstr(prompt, other[i]))
            return false;
    if (*gave)
        return false;
    *gave = true;
    return true;
}

static int answer(struct askpass *a, int fd, const struct remote_config *c, int64_t deadline,
                  struct error *err)
{
    struct buf password = BUF_INIT;
    char prompt[PROMPT_MAX + 1];
    ssize_t n = receive(fd, prompt, PROMPT_MAX);
    int result = 0;

    if (n < 0)
        return 0;
    prompt[n] = '\0';
    if (question_fits(a, prompt)) {
        result = secret_read(c->options, c->home, deadline, &password, err);
        if (result != 0 && err->num == EINVAL)
            err->num = EACCES;
        if (result == 0 && password.len)
            (void)!send(fd, password.data, password.len, MSG_NOSIGNAL);
    }
    buf_wipe(&password);
    return result;
}

int askpass_serve(struct askpass *a, pid_t ssh, const struct remote_config *c, int64_t deadline,
                  struct error *err)
{
    int fd = accept4(a->fd, NULL, NULL, SOCK_CLOEXEC), result = 0;
    pid_t helper;

    if (fd < 0)
        return 0;
    be_patient(fd, 1);
    if (peer_is_us(fd, &helper) && parent_of(helper) == ssh)
        result = answer(a, fd, c, deadline, err);
    (void)close(fd);
    return result;
}

void askpass_close(struct askpass *a)
{
    if (a->fd >= 0)
        (void)close(a->fd);
    a->fd = -1;
}
