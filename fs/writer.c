/* The process behind an open .nodes. The kernel announces every close of every descriptor, and
 * shells close many: `exec 3> .nodes; echo a:80 >&3; echo b:80 >&3` has closed one of its
 * descriptors twice before the list is complete, and a list that is cut short removes nodes. */
#include "fs/writer.h"
#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Of who has more open than this nothing is known. */
#define DESCRIPTORS_MAX 4096

/* Fields of /proc/PID/stat behind the name of the command. */
#define EXIT_CODE_FIELD 50

pid_t writer_process(pid_t tid)
{
    char path[64], line[128];
    pid_t pid = 0;
    FILE *file;

    if (!tid)
        return 0;
    (void)snprintf(path, sizeof path, "/proc/%d/status", (int)tid);
    file = fopen(path, "re");
    if (!file)
        return 0;
    while (!pid && fgets(line, sizeof line, file))
        if (strncmp(line, "Tgid:", 5) == 0)
            pid = (pid_t)atol(line + 5);
    (void)fclose(file);
    return pid;
}

/* The exit status is there before the files are closed; 0 for who lives, or is not ours to see. */
static bool is_killed(pid_t tid)
{
    char path[64], text[2048], *at;
    size_t n;
    FILE *file;

    (void)snprintf(path, sizeof path, "/proc/%d/stat", (int)tid);
    file = fopen(path, "re");
    if (!file)
        return false;
    n = fread(text, 1, sizeof text - 1, file);
    (void)fclose(file);
    text[n] = '\0';
    at = strrchr(text, ')');
    for (int field = 0; at && field < EXIT_CODE_FIELD; field++)
        at = strchr(at + 1, ' ');
    return at && (atol(at) & 0x7f) != 0;
}

static bool is_writable(pid_t pid, const char *fd)
{
    char path[64], line[128];
    unsigned long flags = O_RDONLY;
    FILE *file;

    (void)snprintf(path, sizeof path, "/proc/%d/fdinfo/%.20s", (int)pid, fd);
    file = fopen(path, "re");
    if (!file)
        return false;
    while (fgets(line, sizeof line, file))
        if (strncmp(line, "flags:", 6) == 0)
            flags = strtoul(line + 6, NULL, 8);
    (void)fclose(file);
    return (flags & O_ACCMODE) != O_RDONLY;
}

/* The path may have " (deleted)" behind it: the kernel forgets names whenever it is told to. */
static bool ends_with(const char *path, const char *tail)
{
    const char *at = strstr(path, tail);

    return at && (at[strlen(tail)] == '\0' || at[strlen(tail)] == ' ');
}

/* Has the process the file open by yet another descriptor? The one that is being closed is none of
 * its descriptors any more. */
static bool has_another(pid_t pid, const char *tail)
{
    char path[PATH_MAX];
    const struct dirent *entry;
    bool found = false;
    DIR *fds;

    (void)snprintf(path, sizeof path, "/proc/%d/fd", (int)pid);
    fds = opendir(path);
    for (int n = 0; fds && !found && n < DESCRIPTORS_MAX && (entry = readdir(fds)); n++) {
        ssize_t len = readlinkat(dirfd(fds), entry->d_name, path, sizeof path - 1);

        path[len > 0 ? len : 0] = '\0';
        found = ends_with(path, tail) && is_writable(pid, entry->d_name);
    }
    if (fds)
        (void)closedir(fds);
    return found;
}

enum writer writer_closes(pid_t opener, pid_t tid, const char *tail)
{
    pid_t pid = opener ? writer_process(tid) : 0;

    if (!pid)
        return WRITER_DONE;
    if (pid != opener)
        return WRITER_GOES_ON;
    if (is_killed(tid))
        return WRITER_KILLED;
    return has_another(pid, tail) ? WRITER_GOES_ON : WRITER_DONE;
}
