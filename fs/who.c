/* Who asks: what /proc says of a process that waits for our answer. */
#include "fs/audit.h"
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* The first size - 1 bytes of a file in a directory, without a newline at the end; "": none. */
static void read_text(int dir, const char *name, char *out, size_t size)
{
    int fd = openat(dir, name, O_RDONLY | O_CLOEXEC);
    ssize_t n = fd == -1 ? 0 : read(fd, out, size - 1);

    if (n > 0 && out[n - 1] == '\n')
        n--;
    out[n > 0 ? n : 0] = '\0';
    if (fd != -1)
        (void)close(fd);
}

struct who who_get(uid_t uid, gid_t gid, pid_t pid)
{
    struct who who = {.uid = uid, .gid = gid, .pid = pid, .loginuid = -1};
    char path[32], text[32];
    int dir;

    if (pid <= 0)
        return who;
    (void)snprintf(path, sizeof path, "/proc/%d", (int)pid);
    dir = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (dir == -1)
        return who;
    read_text(dir, "comm", text, sizeof text);
    (void)snprintf(who.command, sizeof who.command, "%.15s", text);
    read_text(dir, "loginuid", text, sizeof text);
    if (text[0] && strcmp(text, "4294967295") != 0)
        who.loginuid = strtoll(text, NULL, 10);
    (void)close(dir);
    return who;
}
