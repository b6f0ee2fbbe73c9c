/* balancerfs(8): mounts load balancers as directories. */
#include "mount/arguments.h"
#include "mount/config.h"
#include "mount/help.h"
#include "mount/log.h"
#include "mount/probe.h"
#include "mount/serve.h"
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

enum { FAILED = 1, BAD_USE = 2 };

/* No core dump may hold a password, and a session takes several descriptors. */
static void set_limits(void)
{
    struct rlimit limit = {0, 0};

    (void)setrlimit(RLIMIT_CORE, &limit);
    (void)prctl(PR_SET_DUMPABLE, 0);
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
        limit.rlim_cur = limit.rlim_max;
        (void)setrlimit(RLIMIT_NOFILE, &limit);
    }
    (void)signal(SIGPIPE, SIG_IGN);
}

/* A daemon would keep open what its caller has forgotten: a pipe whose reader waits for the end. A
 * mount point may be such a descriptor. */
static void close_inherited(const struct arguments *a)
{
    if (a->mountpoint && !a->foreground && strncmp(a->mountpoint, "/dev/fd/", 8) != 0)
        (void)close_range(3, ~0U, 0);
}

static void show(const char *line, void *arg)
{
    (void)fprintf(arg, "%s\n", line);
}

/* 0, or BAD_USE after all errors were printed. */
static int load(const char *file, struct config *config)
{
    struct problems *problems = problems_new(file);
    int result = BAD_USE;

    if (!problems)
        return FAILED;
    config_read(config, problems);
    for (size_t i = 0; i < config->n; i++)
        config_try(&config->balancers[i], problems);
    if (problems_count(problems))
        problems_each(problems, show, stderr);
    else
        result = 0;
    problems_free(problems);
    return result;
}

static int probe(const struct arguments *a, const struct config *config)
{
    struct error err;
    int result = probe_print(config, a->names, a->n_names, &err);

    if (result == BAD_USE)
        (void)fprintf(stderr, "balancerfs: %s in %s\n", err.text, a->config);
    return result;
}

static int use_config(const struct arguments *a)
{
    struct config config = {NULL, 0};
    int result = load(a->config, &config);

    if (result == 0 && a->action == ACTION_PROBE)
        result = probe(a, &config);
    else if (result == 0 && a->action == ACTION_MOUNT && !a->fake)
        result = serve(a, &config);
    config_free(&config);
    return result;
}

static int help(const struct arguments *a)
{
    struct error err;

    if (!a->n_names) {
        help_print();
        return 0;
    }
    if (help_print_driver(a->names[0], &err) == 0)
        return 0;
    (void)fprintf(stderr, "balancerfs: %s\n", err.text);
    return BAD_USE;
}

static int run(const struct arguments *a)
{
    switch (a->action) {
    case ACTION_HELP:
        return help(a);
    case ACTION_VERSION:
        printf("balancerfs %s\n", BALANCERFS_VERSION);
        return 0;
    case ACTION_CHECK:
    case ACTION_PROBE:
    case ACTION_MOUNT:
        break;
    }
    return use_config(a);
}

int main(int argc, char **argv)
{
    struct arguments a;
    struct error err;
    int result = BAD_USE;

    set_limits();
    if (arguments_parse(&a, argc, argv, &err) == 0) {
        a.settings.log = log_line;
        close_inherited(&a);
        result = run(&a);
    } else {
        (void)fprintf(stderr, "balancerfs: %s (balancerfs --help tells more)\n", err.text);
    }
    arguments_free(&a);
    if (fflush(stdout) != 0 && result == 0)
        result = FAILED;
    return result;
}
