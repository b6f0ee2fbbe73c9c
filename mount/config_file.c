/* Reading a configuration's file, which may hold passwords: who may see it, how large it may be. */
#include "mount/config.h"
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define SIZE_MAX_MIB 16

static const struct place nowhere = {0, 0};

struct text {
    char *data;
    size_t len, size;
    struct stat st;
};

static int check_kind(const struct stat *st, struct problems *p)
{
    if (S_ISDIR(st->st_mode))
        problems_add(p, nowhere, "is a directory, not a configuration");
    else if (!S_ISREG(st->st_mode))
        problems_add(p, nowhere, "is not a regular file");
    else if (st->st_size > SIZE_MAX_MIB << 20)
        problems_add(p, nowhere, "is larger than %d MiB: not a configuration", SIZE_MAX_MIB);
    else
        return 0;
    return -1;
}

/* It may grow while it is read: what is beyond the size asked for is then a file too large. */
static int fill(struct text *t, int fd, struct problems *p)
{
    ssize_t n = 1;

    t->size = (size_t)t->st.st_size + 4096;
    t->data = malloc(t->size);
    if (!t->data) {
        problems_add(p, nowhere, "out of memory");
        return -1;
    }
    while (n && t->len < t->size) {
        n = read(fd, t->data + t->len, t->size - t->len);
        if (n < 0 && errno != EINTR) {
            problems_add(p, nowhere, "%s", strerror(errno));
            return -1;
        }
        t->len += n > 0 ? (size_t)n : 0;
    }
    if (!n)
        return 0;
    problems_add(p, nowhere, "grows while it is read");
    return -1;
}

static int text_read(struct text *t, struct problems *p)
{
    /* O_NONBLOCK: a fifo without a writer would wait for ever. */
    int fd = open(problems_file(p), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY), result = -1;

    if (fd < 0 || fstat(fd, &t->st) != 0)
        problems_add(p, nowhere, "%s", strerror(errno));
    else if (check_kind(&t->st, p) == 0)
        result = fill(t, fd, p);
    if (fd >= 0)
        (void)close(fd);
    return result;
}

static void text_wipe(struct text *t)
{
    if (t->data)
        explicit_bzero(t->data, t->size);
    free(t->data);
}

/* As OpenSSH does with a private key. Whoever may write the file may also read the passwords. */
static void check_owner(const struct stat *st, struct place password, struct problems *p)
{
    const char *file = problems_file(p);

    if (st->st_mode & 077)
        problems_add(p, password,
                     "a password is here, and group or others may read the file (mode %04o): "
                     "chmod 600 %s",
                     (unsigned)st->st_mode & 07777, file);
    if (st->st_uid != geteuid() && st->st_uid != 0)
        problems_add(p, password, "a password is here, and the file is uid %u's: chown %u %s",
                     (unsigned)st->st_uid, (unsigned)geteuid(), file);
}

void config_read(struct config *config, struct problems *problems)
{
    struct text t = {NULL};
    struct place password = nowhere;

    *config = (struct config){NULL, 0};
    if (text_read(&t, problems) == 0)
        password = config_parse(config, t.data, t.len, problems);
    if (password.line)
        check_owner(&t.st, password, problems);
    text_wipe(&t);
}
