/* A remote by hand: opens one from options and runs a command on it, for 21-ssh.bats.
 *
 *   remote_cli [-n TIMES] [-t MS] [-o] KEY=VALUE... -- COMMAND
 *
 * Standard input goes to the command (its end is not passed on before everything was read back:
 * a remote has no half-close), its two outputs come here. Ends with 0 when the command has ended,
 * else prints "ERRNO text" and ends with 1; bad use and bad options end with 2.
 * LIST options are KEY=VALUE again and again. All hosts are asked, one after the other.
 * -n: opens, runs and closes so many times. -t: the deadline of every step. -o: only opens. */
#include "drivers/buf.h"
#include "drivers/clock.h"
#include "drivers/options.h"
#include "drivers/remote.h"
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct job {
    struct remote_config *config;
    const char *command;
    int64_t ms; /* 0: connect_timeout for the login, a minute for a step */
    long times;
    bool open_only;
};

static int fail(const struct error *err)
{
    const char *name = strerrorname_np(err->num);

    (void)fflush(stdout);
    (void)fprintf(stderr, "%s %s\n", name ? name : "?", err->text);
    return 1;
}

static int put_all(int fd, const char *data, size_t len)
{
    while (len) {
        ssize_t n = write(fd, data, len);

        if (n < 0)
            return -1;
        data += n;
        len -= (size_t)n;
    }
    return 0;
}

/* 1: more may come, also when nothing did within ms; 0: the command has ended; -1. */
static int copy_output(struct remote *r, int64_t ms, struct error *err)
{
    char data[65536];
    bool is_stderr;
    ptrdiff_t n = remote_read(r, data, sizeof data, &is_stderr, clock_now_ms() + ms, err);

    if (n < 0 && err->num == ETIMEDOUT && ms == 0)
        return 1;
    if (n <= 0)
        return (int)n;
    if (put_all(is_stderr ? 2 : 1, data, (size_t)n) != 0)
        return error_set(err, errno, "write: %s", strerror(errno));
    return 1;
}

/* 1: copied; 0: the end of our input; -1. */
static int copy_input(struct remote *r, int64_t ms, struct error *err)
{
    char data[65536];
    ssize_t n = read(0, data, sizeof data);

    if (n <= 0)
        return 0;
    return remote_write(r, data, (size_t)n, clock_now_ms() + ms, err) == 0 ? 1 : -1;
}

static int copy_both(struct remote *r, int64_t ms, struct error *err)
{
    bool input = true;
    int left = 1;

    while (left > 0) {
        bool pending;
        struct pollfd fds[2] = {{remote_poll_fd(r, &pending), POLLIN, 0}, {0, POLLIN, 0}};
        int ready = poll(fds, input ? 2 : 1, pending ? 0 : (int)ms);

        if (ready == 0 && !pending)
            return error_set(err, ETIMEDOUT, "nothing to read for %d ms", (int)ms);
        if (input && fds[1].revents) {
            int copied = copy_input(r, ms, err);

            if (copied < 0)
                return -1;
            input = copied > 0;
        }
        /* What has come may be for the connection itself, which waits for what we have to send. */
        if (pending || fds[0].revents)
            left = copy_output(r, input ? 0 : ms, err);
    }
    return left;
}

static int run(const struct job *job, size_t host)
{
    struct error err = {0};
    int64_t connect_ms = job->ms ? job->ms : remote_connect_ms(job->config);
    struct remote *r =
        remote_open(job->config, host, job->command, clock_now_ms() + connect_ms, &err);
    int result;

    if (!r)
        return fail(&err);
    result = job->open_only ? 0 : copy_both(r, job->ms ? job->ms : 60000, &err);
    remote_close(r);
    return result == 0 ? 0 : fail(&err);
}

static int put(struct options *o, char *pair)
{
    struct error err = {0};
    char *value = strchr(pair, '=');
    const struct option *row;
    int result;

    if (!value) {
        (void)fprintf(stderr, "remote_cli: %s: not KEY=VALUE\n", pair);
        return 2;
    }
    *value++ = '\0';
    row = options_find(o, pair);
    if (!row)
        result = error_set(&err, EINVAL, "no option %s", pair);
    else if (row->type == OPTION_LIST)
        result = options_append(o, pair, value, 1, 1, &err);
    else
        result = options_put(o, pair, value, 1, 1, &err);
    if (result == 0)
        return 0;
    (void)fail(&err);
    return 2;
}

static int run_all(struct job *job, struct options *o)
{
    struct error err = {0};
    int result = 0;

    job->config = remote_config_new(o, &err);
    if (!job->config) {
        (void)fail(&err);
        return 2;
    }
    for (long n = 0; n < job->times && result == 0; n++)
        for (size_t i = 0; i < remote_host_count(job->config) && result == 0; i++)
            result = run(job, i);
    remote_config_free(job->config);
    return result;
}

int main(int argc, char **argv)
{
    static const struct option table[] = {REMOTE_OPTIONS, {NULL}};
    const struct option *const tables[] = {table};
    struct options *o = options_new("options", "test", tables, 1);
    struct job job = {.times = 1};
    int result = 0, c;

    while ((c = getopt(argc, argv, "+n:t:o")) != -1) {
        if (c == 'n')
            job.times = atol(optarg);
        else if (c == 't')
            job.ms = atol(optarg);
        else if (c == 'o')
            job.open_only = true;
        else
            return 2;
    }
    for (; optind < argc && strchr(argv[optind], '=') && result == 0; optind++)
        result = put(o, argv[optind]);
    if (optind < argc && strcmp(argv[optind], "--") == 0)
        optind++;
    job.command = optind < argc ? argv[optind] : "true";
    if (result == 0)
        result = run_all(&job, o);
    options_free(o);
    return result;
}
