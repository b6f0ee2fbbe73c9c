/* Mounts, goes into the background, serves, obeys signals. */
#include "mount/serve.h"
#include "mount/background.h"
#include "mount/log.h"
#include "mount/mountpoint.h"
#include "mount/notify.h"
#include "mount/reload.h"
#include "mount/signals.h"
#include <errno.h>
#include <stdlib.h>

struct service {
    const struct arguments *arguments;
    struct config *config;
    struct fs *fs;
};

static void show(const char *line, void *arg)
{
    (void)arg;
    log_line(LOG_ERR, line);
}

static void hang_up(void *arg)
{
    struct service *s = arg;

    notify_reloading();
    reload_run(s->fs, s->arguments->config, s->config);
    notify_ready();
}

static void stop(void *arg)
{
    struct service *s = arg;

    notify_stopping();
    fs_stop(s->fs);
}

static void ready_in_foreground(void)
{
    notify_ready();
}

static void ready_in_background(void)
{
    log_to_syslog();
    background_ready();
    notify_ready();
}

/* 2: the drivers refused something in the configuration. */
static int add_balancers(struct service *s)
{
    struct problems *problems = problems_new(s->arguments->config);
    int result = 2;

    if (!problems)
        return 1;
    for (size_t i = 0; i < s->config->n; i++)
        (void)reload_add(s->fs, &s->config->balancers[i], problems);
    if (problems_count(problems))
        problems_each(problems, show, NULL);
    else
        result = 0;
    problems_free(problems);
    return result;
}

static int serve_mounted(struct service *s, struct error *err)
{
    bool foreground = s->arguments->foreground;
    struct signals *signals;
    int result;

    if (!foreground && background_start(err) != 0)
        return -1;
    signals = signals_start(hang_up, stop, s, err);
    if (!signals)
        return -1;
    result = fs_serve(s->fs, foreground ? ready_in_foreground : ready_in_background, err);
    signals_end(signals);
    return result;
}

static int serve_at(struct service *s, const char *mountpoint)
{
    struct error err = {0};
    int result;

    s->fs = fs_new(&s->arguments->settings, &err);
    result = s->fs ? add_balancers(s) : 1;
    if (result == 0) {
        signals_block();
        if (fs_mount(s->fs, mountpoint, s->arguments->fuse_argv, &err) != 0 ||
            serve_mounted(s, &err) != 0)
            result = 1;
    }
    if (err.num)
        log_line(LOG_ERR, err.text);
    if (s->fs)
        fs_free(s->fs);
    return result;
}

int serve(const struct arguments *a, struct config *config)
{
    struct service s = {a, config, NULL};
    struct error err;
    char *mountpoint = mountpoint_prepare(a->mountpoint, &err);
    int result = 1;

    if (mountpoint)
        result = serve_at(&s, mountpoint);
    else
        log_line(LOG_ERR, err.text);
    free(mountpoint);
    return result;
}
