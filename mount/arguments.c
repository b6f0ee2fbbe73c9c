/* Parsing of the command line, by libfuse's fuse_opt. */
#define FUSE_USE_VERSION 314
#include "mount/arguments.h"
#include <errno.h>
#include <fuse_opt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* While it is parsed. */
struct parse {
    struct arguments *a;
    struct error *err;
    char *fsname;
    bool allows_others;
    bool debug;          /* libfuse prints what the kernel asks */
    bool is_helper;      /* called by mount(8) as mount.balancerfs, whose flags are others */
    bool takes_argument; /* the last flag's is next */
    bool action_given;
};

/* ---- -o ----------------------------------------------------------------------------------- */

static bool is_option(const struct mount_option *row, const char *text)
{
    size_t len = strlen(row->name);
    char last = row->name[len - 1];

    if (last == '*')
        return strncmp(text, row->name, len - 1) == 0;
    return last == '=' ? strncmp(text, row->name, len) == 0 : strcmp(text, row->name) == 0;
}

static const struct mount_option *option_find(const char *text)
{
    for (const struct mount_option *row = mount_options; row->name; row++)
        if (is_option(row, text))
            return row;
    return NULL;
}

static int read_id(const char *text, unsigned *out, struct error *err)
{
    const char *value = strchr(text, '=') + 1;
    unsigned long n;
    char *end;

    errno = 0;
    n = strtoul(value, &end, 10);
    if (*value < '0' || *value > '9' || *end || errno || n >= UINT32_MAX)
        return error_set(err, EINVAL, "option %s: not a number from 0 to %u", text, UINT32_MAX - 1);
    *out = (unsigned)n;
    return 0;
}

static int read_mask(const char *text, mode_t *out, struct error *err)
{
    const char *value = strchr(text, '=') + 1;
    char *end;

    *out = (mode_t)strtoul(value, &end, 8);
    if (*value < '0' || *value > '7' || *end || strlen(value) > 4 || *out > 0777)
        return error_set(err, EINVAL, "option %s: not an octal number from 0 to 777", text);
    return 0;
}

static int read_seconds(const char *text, double *out, struct error *err)
{
    const char *value = strchr(text, '=') + 1;
    char *end;

    *out = strtod(value, &end);
    if (*value < '0' || *value > '9' || *end || !(*out <= 1e9))
        return error_set(err, EINVAL, "option %s: not a number of seconds", text);
    return 0;
}

static int read_unlink(const char *text, enum fs_unlink *out, struct error *err)
{
    if (strcmp(text, "unlink=bounce") == 0)
        *out = FS_UNLINK_BOUNCE;
    else if (strcmp(text, "unlink=block") == 0)
        *out = FS_UNLINK_BLOCK;
    else
        return error_set(err, EINVAL, "option %s: must be unlink=bounce or unlink=block", text);
    return 0;
}

static int read_ours(struct parse *p, const char *text)
{
    struct fs_settings *s = &p->a->settings;
    int result = 0;

    if (strncmp(text, "uid=", 4) == 0) {
        result = read_id(text, &s->uid, p->err);
    } else if (strncmp(text, "gid=", 4) == 0) {
        result = read_id(text, &s->gid, p->err);
    } else if (strncmp(text, "umask=", 6) == 0) {
        result = read_mask(text, &s->umask, p->err);
    } else if (strncmp(text, "entry_timeout=", 14) == 0) {
        result = read_seconds(text, &s->entry_timeout, p->err);
    } else if (strncmp(text, "attr_timeout=", 13) == 0) {
        result = read_seconds(text, &s->attr_timeout, p->err);
    } else if (strncmp(text, "negative_timeout=", 17) == 0) {
        result = read_seconds(text, &s->negative_timeout, p->err);
    } else if (strncmp(text, "unlink=", 7) == 0) {
        result = read_unlink(text, &s->unlink, p->err);
    } else if (strncmp(text, "fsname=", 7) == 0) {
        free(p->fsname);
        p->fsname = strdup(text + 7);
    } else {
        p->debug = p->a->foreground = true;
    }
    return result;
}

/* 1: libfuse's, kept. */
static int read_option(struct parse *p, const char *text)
{
    const struct mount_option *row = option_find(text);

    if (!row)
        return error_set(p->err, EINVAL, "unknown option -o %s", text);
    p->a->settings.read_only |= strcmp(text, "ro") == 0;
    if (strcmp(text, "rw") == 0)
        p->a->settings.read_only = false;
    p->allows_others |= strncmp(text, "allow_", 6) == 0;
    if (row->use == MOUNT_OURS)
        return read_ours(p, text);
    return row->use == MOUNT_LIBFUSE;
}

/* ---- flags -------------------------------------------------------------------------------- */

static int read_action(struct parse *p, const char *text)
{
    static const struct {
        const char *flag;
        enum action action;
    } flags[] = {{"--check", ACTION_CHECK}, {"--probe", ACTION_PROBE},     {"--help", ACTION_HELP},
                 {"-h", ACTION_HELP},       {"--version", ACTION_VERSION}, {"-V", ACTION_VERSION}};

    for (size_t i = 0; i < sizeof flags / sizeof *flags; i++) {
        if (strcmp(text, flags[i].flag) != 0)
            continue;
        if (p->action_given)
            return error_set(p->err, EINVAL, "%s beside another such option", text);
        p->action_given = true;
        p->a->action = flags[i].action;
        return 0;
    }
    return error_set(p->err, EINVAL, "unknown option %s", text);
}

/* mount(8)'s: -f there is a dry run. */
static int read_helper_flag(struct parse *p, const char *text)
{
    if (strcmp(text, "-t") == 0 || strcmp(text, "-N") == 0)
        p->takes_argument = true;
    else if (strspn(text + 1, "fnsv") != strlen(text + 1))
        return error_set(p->err, EINVAL, "unknown option %s", text);
    p->a->fake |= strchr(text, 'f') != NULL;
    return 0;
}

static int read_flag(struct parse *p, const char *text)
{
    if (p->is_helper)
        return read_helper_flag(p, text);
    if (!text[1] || strspn(text + 1, "fd") != strlen(text + 1))
        return read_action(p, text);
    p->a->foreground = true;
    p->debug |= strchr(text, 'd') != NULL;
    return 0;
}

static int read_word(struct parse *p, const char *text)
{
    struct arguments *a = p->a;
    char **names;

    if (p->takes_argument) {
        p->takes_argument = false;
        return 0;
    }
    names = reallocarray(a->names, a->n_names + 2, sizeof *names);
    if (!names)
        return error_set(p->err, ENOMEM, "out of memory");
    a->names = names;
    names[a->n_names++] = strdup(text);
    names[a->n_names] = NULL;
    return names[a->n_names - 1] ? 0 : error_set(p->err, ENOMEM, "out of memory");
}

static int read_argument(void *data, const char *text, int key, struct fuse_args *ignored)
{
    struct parse *p = data;

    (void)ignored;
    if (key == FUSE_OPT_KEY_NONOPT)
        return read_word(p, text);
    return text[0] == '-' ? read_flag(p, text) : read_option(p, text);
}

/* ---- all of it ---------------------------------------------------------------------------- */

/* The first word is taken out of the names. */
static char *take_word(struct arguments *a)
{
    char *word = a->n_names ? a->names[0] : NULL;

    if (word)
        memmove(a->names, a->names + 1, a->n_names-- * sizeof *a->names);
    return word;
}

/* A daemon leaves the directory that a relative path begins in. */
static int take_config(struct arguments *a, struct error *err)
{
    char *given = take_word(a);

    if (!given)
        return error_set(err, EINVAL, "no configuration is named");
    a->config = realpath(given, NULL);
    if (!a->config)
        a->config = given;
    else
        free(given);
    return 0;
}

static int take_words(struct arguments *a, struct error *err)
{
    size_t allowed = 0;

    switch (a->action) {
    case ACTION_MOUNT:
        if (take_config(a, err) != 0)
            return -1;
        a->mountpoint = take_word(a);
        if (!a->mountpoint)
            return error_set(err, EINVAL, "no mount point is named");
        break;
    case ACTION_CHECK:
    case ACTION_PROBE:
        if (take_config(a, err) != 0)
            return -1;
        allowed = a->action == ACTION_PROBE ? a->n_names : 0;
        break;
    case ACTION_HELP:
        allowed = 1;
        break;
    case ACTION_VERSION:
        break;
    }
    if (a->n_names > allowed)
        return error_set(err, EINVAL, "one argument too many: %s", a->names[allowed]);
    return 0;
}

/* Whoever lets others in wants the kernel to ask who they are. A comma in a name is no separator.
 */
static int add_fuse_options(const struct parse *p, struct fuse_args *fuse)
{
    const char *source = p->fsname ? p->fsname : p->a->config;
    char *fsname = NULL, *list = NULL;
    int result = -1;

    if (asprintf(&fsname, "fsname=%s", source) >= 0 &&
        fuse_opt_add_opt(&list, "subtype=balancerfs") == 0)
        result = fuse_opt_add_opt_escaped(&list, fsname);
    if (result == 0 && p->allows_others)
        result = fuse_opt_add_opt(&list, "default_permissions");
    if (result == 0 && p->debug)
        result = fuse_opt_add_arg(fuse, "-d");
    if (result == 0)
        result = fuse_opt_add_arg(fuse, "-o");
    if (result == 0)
        result = fuse_opt_add_arg(fuse, list);
    free(fsname);
    free(list);
    return result;
}

static int parse_all(struct parse *p, struct fuse_args *fuse)
{
    /* fuse_opt says on stderr what it finds wrong itself, as an -o without anything behind it. */
    (void)error_set(p->err, EINVAL, "bad command line");
    if (fuse_opt_parse(fuse, p, NULL, read_argument) != 0)
        return -1;
    if (take_words(p->a, p->err) != 0)
        return -1;
    if (p->a->action == ACTION_MOUNT && add_fuse_options(p, fuse) != 0)
        return error_set(p->err, ENOMEM, "out of memory");
    return 0;
}

static bool is_helper(const char *program)
{
    const char *slash = strrchr(program, '/');

    return strncmp(slash ? slash + 1 : program, "mount.", 6) == 0;
}

int arguments_parse(struct arguments *a, int argc, char **argv, struct error *err)
{
    struct fuse_args fuse = FUSE_ARGS_INIT(0, NULL);
    struct parse p = {.a = a, .err = err, .is_helper = argc && is_helper(argv[0])};
    int result = 0;

    *a = (struct arguments){.settings = {.uid = geteuid(),
                                         .gid = getegid(),
                                         .umask = 0,
                                         .entry_timeout = 60,
                                         .attr_timeout = 60,
                                         .negative_timeout = 60}};
    for (int i = 0; i < argc && result == 0; i++)
        result = fuse_opt_add_arg(&fuse, argv[i]);
    result = result == 0 ? parse_all(&p, &fuse) : error_set(err, ENOMEM, "out of memory");
    free(p.fsname);
    a->fuse_argv = fuse.argv;
    return result;
}

void arguments_free(struct arguments *a)
{
    for (size_t i = 0; i < a->n_names; i++)
        free(a->names[i]);
    free(a->names);
    for (char **arg = a->fuse_argv; arg && *arg; arg++)
        free(*arg);
    free(a->fuse_argv);
    free(a->config);
    free(a->mountpoint);
}
