/* A balancer that a program knows how to handle, in any language: run once for each call.
 *
 * balancerfs-driver(3) has the protocol. Here nothing is believed: a name passes the gate of the
 * listing, an errno must be one that driver.h allows, and a program that was ended in the middle
 * of a change leaves an outcome that is unknown. */
#include "drivers/builtin.h"
#include "drivers/clock.h"
#include "drivers/exec_environment.h"
#include "drivers/exec_run.h"
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { LISTING_MAX_BYTES = 64 << 20 };

struct exec {
    const char *program;
    const char **argv; /* the command, then room for the call, a pool and NULL */
    size_t n_argv;
    char **environment;
    int64_t timeout_ms;
    pthread_mutex_t lock; /* of what follows: status is asked beside a call */
    struct host_status last;
    char last_error[sizeof((struct error *)0)->text];
    uint64_t calls;
};

static const struct option exec_options[] = {
    {"command", OPTION_LIST, NULL, true, "the program and its first arguments"},
    {"*", OPTION_ANY, NULL, false, "any other key is handed to the program"},
    {NULL, OPTION_STRING, NULL, false, NULL}};

/* ---- what a run meant --------------------------------------------------------------------- */

static int errno_named(const char *name, size_t len)
{
    static const int allowed[] = {EACCES,    EBUSY, ECONNREFUSED, EEXIST,    EHOSTUNREACH,
                                  EINVAL,    EIO,   ENOSPC,       ENOTEMPTY, EPERM,
                                  EREMOTEIO, EROFS, ETIMEDOUT};

    for (size_t i = 0; i < sizeof allowed / sizeof *allowed; i++) {
        const char *known = strerrorname_np(allowed[i]);

        if (strlen(known) == len && strncmp(known, name, len) == 0)
            return allowed[i];
    }
    return 0;
}

/* "EBUSY pool app is used", or a line without such a name. */
static int set_said(const char *what, const struct run_result *r, struct error *err)
{
    size_t len = strcspn(r->said, " ");
    int num = errno_named(r->said, len);
    const char *sentence = num ? r->said + len + strspn(r->said + len, " ") : r->said;

    if (*sentence)
        return error_set(err, num ? num : EREMOTEIO, "%s", sentence);
    if (num)
        return error_set(err, num, "%s: %s", what, strerror(num));
    return error_set(err, EREMOTEIO, "%s ended with status %d and said nothing on standard error",
                     what, r->code);
}

/* unknown: what a program that did not come to its own end leaves behind. */
static int set_cut_off(const struct exec *e, const char *what, const struct run_result *r,
                       int unknown, struct error *err)
{
    const char *colon = *r->said ? ": " : "";

    switch (r->end) {
    case RUN_TIMEOUT:
        return error_set(err, unknown, "%s did not end within %g s and was ended%s%s", what,
                         (double)e->timeout_ms / 1e3, colon, r->said);
    case RUN_SIGNAL:
        return error_set(err, unknown == EIO ? EIO : EREMOTEIO, "%s was ended by SIG%s%s%s", what,
                         sigabbrev_np(r->code) ? sigabbrev_np(r->code) : "?", colon, r->said);
    case RUN_TOO_MUCH:
        return error_set(err, unknown == EIO ? EIO : EREMOTEIO,
                         "%s printed more than %d megabytes and was ended", what,
                         LISTING_MAX_BYTES >> 20);
    case RUN_EXITED:
        break;
    }
    return 0;
}

static int judge(const struct exec *e, const char *what, const struct run_result *r, bool is_change,
                 struct error *err)
{
    if (r->end != RUN_EXITED)
        return set_cut_off(e, what, r, is_change ? EIO : ETIMEDOUT, err);
    if (r->code != 0)
        return set_said(what, r, err);
    if (is_change && r->unread)
        return error_set(err, EIO, "%s ended without having read all changes", what);
    return 0;
}

/* The kernel's word for it, which for a script can mean its interpreter. */
static int set_not_started(const char *program, struct error *err)
{
    const char *hint = "";

    if (err->num == ENOENT && *program == '/' && access(program, F_OK) == 0)
        hint = " (it is there: the interpreter in its first line is not)";
    else if (err->num == ENOEXEC)
        hint = " (a script needs #! and its interpreter in its first line)";
    return error_set(err, EREMOTEIO, "cannot start %s: %s%s", program, strerror(err->num), hint);
}

/* ---- a call ------------------------------------------------------------------------------- */

static void note(struct exec *e, int64_t began_ms, const struct error *err)
{
    const char *state = err ? "down" : "up";

    (void)pthread_mutex_lock(&e->lock);
    e->calls++;
    if (strcmp(state, e->last.state) != 0)
        e->last.since_ms = clock_real_ms();
    e->last.state = state;
    e->last.latency_us = (clock_now_ms() - began_ms) * 1000;
    if (err) {
        (void)snprintf(e->last_error, sizeof e->last_error, "%s", err->text);
        e->last.error = e->last_error;
        e->last.error_ms = clock_real_ms();
    }
    (void)pthread_mutex_unlock(&e->lock);
}

static int call(struct exec *e, const char *verb, const char *pool, const struct buf *input,
                struct buf *output, struct error *err)
{
    struct run run = {.argv = e->argv,
                      .environment = e->environment,
                      .input = input ? input->data : NULL,
                      .input_len = input ? input->len : 0,
                      .deadline = clock_now_ms() + e->timeout_ms,
                      .max_output = LISTING_MAX_BYTES};
    struct run_result result;
    int64_t began = clock_now_ms();
    char what[300];
    int rc;

    (void)snprintf(what, sizeof what, "%.200s %s", e->program, verb);
    e->argv[e->n_argv] = verb;
    e->argv[e->n_argv + 1] = pool;
    rc = exec_run(&run, &result, err);
    if (rc == -1)
        (void)set_not_started(e->program, err);
    else
        rc = judge(e, what, &result, input != NULL, err);
    note(e, began, rc == -1 ? err : NULL);
    if (rc == -1)
        buf_free(&result.output);
    else
        *output = result.output;
    return rc;
}

/* Each line of text that is not empty. A line with a NUL in it is no name, not its beginning. */
static void each_line(struct buf *text, struct listing *out,
                      void (*add)(struct listing *, const char *))
{
    char *line = text->data, *end;

    for (size_t left = text->len; left; left -= (size_t)(end - line), line = end) {
        char *newline = memchr(line, '\n', left);

        end = newline ? newline + 1 : line + left;
        if (newline)
            *newline = '\0';
        if (line + strlen(line) < (newline ? newline : end))
            add(out, "");
        else if (*line)
            add(out, line);
    }
}

static int list(struct exec *e, const char *verb, const char *pool, struct listing *out,
                void (*add)(struct listing *, const char *), struct error *err)
{
    struct buf text = BUF_INIT;

    if (call(e, verb, pool, NULL, &text, err) == -1)
        return -1;
    each_line(&text, out, add);
    buf_free(&text);
    return 0;
}

/* ---- the driver --------------------------------------------------------------------------- */

static int exec_get_pools(void *lb, struct listing *out, struct error *err)
{
    return list(lb, "get_pools", NULL, out, listing_pool, err);
}

static int exec_get_nodes(void *lb, const struct pool *pool, struct listing *out, struct error *err)
{
    return list(lb, "get_nodes", pool->name, out, listing_node, err);
}

static int exec_apply(void *lb, const struct change *changes, size_t n, struct error *err)
{
    static const char *const verbs[] = {"add_node", "delete_node", "create_pool", "delete_pool"};
    struct buf input = BUF_INIT, output = BUF_INIT;
    int rc;

    for (size_t i = 0; i < n; i++) {
        const struct change *c = &changes[i];
        bool has_node = c->kind == ADD_NODE || c->kind == DELETE_NODE;

        buf_printf(&input, "%s %s%s%s\n", verbs[c->kind], c->pool.name, has_node ? " " : "",
                   has_node ? c->node.name : "");
    }
    rc = buf_check(&input, err);
    if (rc == 0)
        rc = call(lb, "apply", NULL, &input, &output, err);
    buf_free(&input);
    buf_free(&output);
    return rc;
}

static void exec_close(void *lb)
{
    struct exec *e = lb;

    exec_environment_free(e->environment);
    free(e->argv);
    (void)pthread_mutex_destroy(&e->lock);
    free(e);
}

static void exec_status(void *lb, struct status *out)
{
    struct exec *e = lb;

    (void)pthread_mutex_lock(&e->lock);
    status_host(out, &e->last);
    status_note(out, "calls", "%llu", (unsigned long long)e->calls);
    (void)pthread_mutex_unlock(&e->lock);
}

static size_t count_lines(const struct buf *text)
{
    size_t n = 0;

    for (size_t i = 0; i < text->len; i++)
        n += text->data[i] != '\n' && (i == 0 || text->data[i - 1] == '\n');
    return n;
}

static int exec_probe(void *lb, struct status *out, struct error *err)
{
    struct exec *e = lb;
    struct buf text = BUF_INIT;
    char found[64];
    int rc = call(e, "get_pools", NULL, NULL, &text, err);

    (void)snprintf(found, sizeof found, "%zu pools", count_lines(&text));
    status_step(out, e->program, "get_pools", rc == 0, rc == 0 ? found : err->text);
    buf_free(&text);
    return rc;
}

/* ---- opening ------------------------------------------------------------------------------ */

static bool is_program(const char *path)
{
    struct stat st;

    return stat(path, &st) == 0 && S_ISREG(st.st_mode) && access(path, X_OK) == 0;
}

static bool is_in_path(const char *name)
{
    const char *at = getenv("PATH"), *end;

    for (at = at ? at : "/bin:/usr/bin"; at; at = *end ? end + 1 : NULL) {
        struct buf path = BUF_INIT;
        bool found;

        end = at + strcspn(at, ":");
        buf_printf(&path, "%.*s/%s", (int)(end - at), at, name);
        found = !path.failed && is_program(path.data);
        buf_free(&path);
        if (found)
            return true;
    }
    return false;
}

static int check_program(const struct options *o, const char *program, struct error *err)
{
    struct stat st;

    if (*program == '/') {
        if (stat(program, &st) == -1)
            return options_error(o, "command", err, "%s: %s", program, strerror(errno));
        return is_program(program)
                   ? 0
                   : options_error(o, "command", err, "%s is no program: chmod 755 it", program);
    }
    if (strchr(program, '/'))
        return options_error(o, "command", err,
                             "%s must be an absolute path, or a name to be found in PATH", program);
    return *program && is_in_path(program)
               ? 0
               : options_error(o, "command", err, "no program %s in PATH", program);
}

static int fill(struct exec *e, const struct options *o, struct error *err)
{
    size_t n = options_count(o, "command");

    if (n == 0)
        return options_error(o, "command", err, "command must name a program");
    e->program = options_item(o, "command", 0);
    e->last = (struct host_status){.name = e->program, .state = "unknown"};
    if (check_program(o, e->program, err) == -1)
        return -1;
    e->n_argv = n;
    e->timeout_ms = options_ms(o, "timeout");
    e->argv = calloc(n + 3, sizeof *e->argv);
    if (!e->argv)
        return error_set(err, ENOMEM, "out of memory");
    for (size_t i = 0; i < n; i++)
        e->argv[i] = options_item(o, "command", i);
    e->environment = exec_environment(o, err);
    return e->environment ? 0 : -1;
}

static void *exec_open(const struct options *o, struct error *err)
{
    struct exec *e = calloc(1, sizeof *e);

    if (!e) {
        (void)error_set(err, ENOMEM, "out of memory");
        return NULL;
    }
    (void)pthread_mutex_init(&e->lock, NULL);
    if (fill(e, o, err) == 0)
        return e;
    exec_close(e);
    return NULL;
}

const struct driver exec_driver = {
    .abi = BALANCERFS_ABI,
    .name = "exec",
    .summary = "a program in any language",
    .options = exec_options,
    .open = exec_open,
    .get_pools = exec_get_pools,
    .get_nodes = exec_get_nodes,
    .apply = exec_apply,
    .close = exec_close,
    .status = exec_status,
    .probe = exec_probe,
};
