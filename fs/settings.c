/* Reads timeout, cache_ttl, owner, mode and the like. guard.c reads the guard rails. */
#include "fs/settings.h"
#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <stdlib.h>

void settings_of_root(struct settings *s, const struct fs_settings *mount)
{
    *s = (struct settings){
        .uid = mount->uid,
        .gid = mount->gid,
        .dir_mode = 0755 & ~mount->umask,
        .file_mode = 0644 & ~mount->umask,
    };
}

static bool number(const char *text, int base, unsigned long max, unsigned long *out)
{
    char *end;

    errno = 0;
    *out = strtoul(text, &end, base);
    return *text >= '0' && *text <= '9' && !*end && errno == 0 && *out <= max;
}

static int read_owner(struct settings *s, const struct options *o, struct error *err)
{
    const char *name = options_string(o, "owner");
    char space[4096];
    struct passwd entry, *found = NULL;
    unsigned long id;

    if (!name)
        return 0;
    if (number(name, 10, UINT32_MAX - 1, &id)) {
        s->uid = (uid_t)id;
        return 0;
    }
    (void)getpwnam_r(name, &entry, space, sizeof space, &found);
    if (!found)
        return options_error(o, "owner", err, "owner: there is no user \"%s\"", name);
    s->uid = found->pw_uid;
    return 0;
}

static int read_group(struct settings *s, const struct options *o, struct error *err)
{
    const char *name = options_string(o, "group");
    char space[16384];
    struct group entry, *found = NULL;
    unsigned long id;

    if (!name)
        return 0;
    if (number(name, 10, UINT32_MAX - 1, &id)) {
        s->gid = (gid_t)id;
        return 0;
    }
    (void)getgrnam_r(name, &entry, space, sizeof space, &found);
    if (!found)
        return options_error(o, "group", err, "group: there is no group \"%s\"", name);
    s->gid = found->gr_gid;
    return 0;
}

static int read_mode(struct settings *s, const struct options *o, struct error *err)
{
    const char *text = options_string(o, "mode");
    unsigned long mode;

    if (!text)
        return 0;
    if (!number(text, 8, 0777, &mode))
        return options_error(o, "mode", err, "mode must be octal, from 0 to 0777: %s", text);
    s->dir_mode = (mode_t)mode;
    s->file_mode = (mode_t)mode & 0666;
    return 0;
}

static int read_times(struct settings *s, const struct options *o, struct error *err)
{
    s->timeout_ms = options_ms(o, "timeout");
    s->ttl_ms = options_ms(o, "cache_ttl");
    s->delay_ms = options_ms(o, "commit_delay");
    s->stale_ms = options_ms(o, "serve_stale");
    if (s->timeout_ms <= 0)
        return options_error(o, "timeout", err, "timeout must not be 0");
    return 0;
}

static int (*const readers[])(struct settings *s, const struct options *o,
                              struct error *err) = {read_times, read_owner, read_group, read_mode};
static const size_t n_readers = sizeof readers / sizeof *readers;

int settings_read(struct settings *s, const struct options *o, const struct fs_settings *mount,
                  struct error *err)
{
    settings_of_root(s, mount);
    s->auto_pools = options_bool(o, "auto_pools");
    for (size_t i = 0; i < n_readers; i++)
        if (readers[i](s, o, err) != 0)
            return -1;
    return 0;
}

void settings_check(const struct options *o, void (*tell)(const struct error *err, void *arg),
                    void *arg)
{
    struct settings s;
    struct error err;

    for (size_t i = 0; i < n_readers; i++)
        if (readers[i](&s, o, &err) != 0)
            tell(&err, arg);
}
