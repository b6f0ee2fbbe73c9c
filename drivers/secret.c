/* Passwords out of files and commands. Every buffer that held one is overwritten. */
#include "drivers/secret.h"
#include "drivers/child.h"
#include "drivers/clock.h"
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

/* Longer than any password; what is read beyond the first line is ignored. */
#define SECRET_MAX 4096

/* The first line of text becomes out's. what names the source. */
static int first_line(const char *text, size_t len, const char *what, struct buf *out,
                      struct error *err)
{
    const char *end = memchr(text, '\n', len);
    size_t n = end ? (size_t)(end - text) : len;

    if (n && text[n - 1] == '\r')
        n--;
    if (!n)
        return error_set(err, EINVAL, "%s gives an empty password", what);
    if (memchr(text, '\0', n))
        return error_set(err, EINVAL, "%s gives a password with a NUL byte", what);
    if (len == SECRET_MAX && !end)
        return error_set(err, EINVAL, "%s gives a password of more than %d bytes", what,
                         SECRET_MAX - 1);
    buf_add(out, text, n);
    return buf_check(out, err);
}

/* "~/x", "$CREDENTIALS_DIRECTORY/x" and "${CREDENTIALS_DIRECTORY}/x". */
static int expand(const char *path, const char *home, struct buf *out, bool *is_credential,
                  struct error *err)
{
    static const char *const forms[] = {"$CREDENTIALS_DIRECTORY", "${CREDENTIALS_DIRECTORY}"};
    const char *dir = getenv("CREDENTIALS_DIRECTORY");

    *is_credential = false;
    if (path[0] == '~' && path[1] == '/') {
        buf_str(out, home);
        path++;
    }
    for (size_t i = 0; i < 2; i++) {
        size_t n = strlen(forms[i]);

        if (strncmp(path, forms[i], n) != 0 || (path[n] && path[n] != '/'))
            continue;
        if (!dir)
            return error_set(err, EINVAL,
                             "password_file %s: CREDENTIALS_DIRECTORY is not set (LoadCredential= "
                             "of systemd sets it)",
                             path);
        buf_str(out, dir);
        path += n;
        *is_credential = true;
        break;
    }
    buf_str(out, path);
    return buf_check(out, err);
}

static int read_file(int fd, const char *path, struct buf *out, struct error *err)
{
    char text[SECRET_MAX];
    size_t len = 0;
    ssize_t n;
    int result;

    while (len < sizeof text && (n = read(fd, text + len, sizeof text - len)) != 0) {
        if (n < 0 && errno != EINTR)
            return error_set(err, EACCES, "password_file %s: %s", path, strerror(errno));
        len += n > 0 ? (size_t)n : 0;
    }
    result = first_line(text, len, path, out, err);
    explicit_bzero(text, sizeof text);
    return result;
}

/* A credential of systemd is guarded by its directory. */
static int check_mode(int fd, const char *path, bool is_credential, struct error *err)
{
    struct stat st;

    if (fstat(fd, &st) != 0)
        return error_set(err, EACCES, "password_file %s: %s", path, strerror(errno));
    if (!S_ISREG(st.st_mode))
        return error_set(err, EACCES, "password_file %s is not a regular file", path);
    if (st.st_mode & 077 && !is_credential)
        return error_set(err, EACCES,
                         "password_file %s can be read by group or others: chmod 600 it", path);
    return 0;
}

static int from_file(const char *path, const char *home, struct buf *out, struct error *err)
{
    struct buf full = BUF_INIT;
    bool is_credential;
    int result = expand(path, home, &full, &is_credential, err), fd = -1;

    if (result == 0) {
        fd = open(full.data, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
        if (fd < 0)
            result = error_set(err, EACCES, "password_file %s: %s", full.data, strerror(errno));
    }
    if (result == 0)
        result = check_mode(fd, full.data, is_credential, err);
    if (result == 0)
        result = read_file(fd, full.data, out, err);
    if (fd >= 0)
        (void)close(fd);
    buf_free(&full);
    return result;
}

/* ---- a command ---------------------------------------------------------------------------- */

/* What it prints until its end, into text: the length, or -1. */
static ptrdiff_t read_output(struct child *c, char *text, int64_t deadline, struct error *err)
{
    char ignored[512];
    size_t len = 0;
    bool open[2] = {true, true};

    while (open[0] || open[1]) {
        struct pollfd fd = {c->any, POLLIN, 0};

        for (int i = 0; i < 2; i++) {
            bool wanted = i == 0 && len < SECRET_MAX;
            ptrdiff_t n = child_take(c, i, wanted ? text + len : ignored,
                                     wanted ? SECRET_MAX - len : sizeof ignored);

            open[i] = n > 0 || (n < 0 && errno == EAGAIN);
            len += wanted && n > 0 ? (size_t)n : 0;
        }
        explicit_bzero(ignored, sizeof ignored);
        if (clock_left_ms(deadline) == 0)
            return error_set(err, ETIMEDOUT, "password_command did not end in time");
        if (open[0] || open[1])
            (void)poll(&fd, 1, clock_left_ms(deadline));
    }
    return (ptrdiff_t)len;
}

static int from_command(const char *command, int64_t deadline, struct buf *out, struct error *err)
{
    const char *argv[] = {"sh", "-c", command, NULL};
    char text[SECRET_MAX];
    struct child c;
    ptrdiff_t len;
    int status, result = -1;

    if (child_spawn(&c, argv, NULL, err) != 0)
        return -1;
    (void)close(c.in);
    c.in = -1;
    len = read_output(&c, text, deadline, err);
    status = len < 0 ? -1 : child_wait(&c, deadline);
    child_kill(&c);
    child_hang_up(&c);
    /* What it said is not repeated: it may be the password. */
    if (len >= 0 && status == -1)
        (void)error_set(err, ETIMEDOUT, "password_command did not end in time");
    else if (len >= 0 && status != 0)
        (void)error_set(err, EACCES, "password_command has failed (status %d): try it by hand",
                        WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status));
    else if (len >= 0)
        result = first_line(text, (size_t)len, "password_command", out, err);
    explicit_bzero(text, sizeof text);
    return result;
}

/* ---- the three options -------------------------------------------------------------------- */

int secret_check(const struct options *o, struct error *err)
{
    static const char *const keys[] = {"password", "password_file", "password_command"};
    const char *first = NULL;

    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
        if (!options_has(o, keys[i]))
            continue;
        if (first)
            return options_error(o, keys[i], err, "%s stands beside %s: give one", keys[i], first);
        first = keys[i];
    }
    return 0;
}

int secret_read(const struct options *o, const char *home, int64_t deadline, struct buf *out,
                struct error *err)
{
    const char *text = options_string(o, "password");

    if (text) {
        buf_str(out, text);
        return buf_check(out, err);
    }
    text = options_string(o, "password_file");
    if (text)
        return from_file(text, home, out, err);
    text = options_string(o, "password_command");
    return text ? from_command(text, deadline, out, err) : 0;
}
