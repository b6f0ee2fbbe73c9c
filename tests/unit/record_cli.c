/* What tells people what happened, by hand: lines of .log, and .status.
 *
 *   record_cli audit {WHEN UID LOGIN PID COMMAND OP POOL CHANGES ERRNO TEXT MS HOSTS}...
 *                            entries of balancer web; CHANGES: "+POOL/NODE -POOL/NODE +POOL/"
 *                            Prints what is logged ("<PRIORITY> LINE"), then the text of .log,
 *                            then the last success, with "--" between
 *   record_cli ring N        .log after N entries, whose ms are 1 to N
 *   record_cli threads       eight threads write and read at once
 *   record_cli who PID       what is known of a process: uid, gid, login, pid, command
 *   record_cli status TEXT   .status of a balancer that has the text wherever one can be
 *   record_cli plain         .status of one that is new
 *   record_cli all TEXT      of all: of none, and of two, one of them with the text as its driver
 *   record_cli long N        .status with a text of N bytes */
#include "fs/audit.h"
#include "fs/status_text.h"
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define WORDS 12

static _Noreturn void die(const char *what)
{
    (void)fprintf(stderr, "record_cli: %s\n", what);
    exit(2);
}

static int print(struct buf *text)
{
    if (text->failed)
        die("out of memory");
    (void)fwrite(buf_text(text), 1, text->len, stdout);
    buf_free(text);
    return 0;
}

/* ---- the log ------------------------------------------------------------------------------ */

static void log_line(int priority, const char *line)
{
    printf("<%d> %s\n", priority, line);
}

static int errno_named(const char *name)
{
    for (int i = 1; i < 134; i++)
        if (strerrorname_np(i) && strcmp(strerrorname_np(i), name) == 0)
            return i;
    return atoi(name);
}

static void change_parse(struct change *c, char *word)
{
    char *slash = strchr(word, '/');
    struct error err;
    bool adds = *word == '+';

    if (!slash)
        die("a change without /");
    *slash = '\0';
    if (pool_parse(&c->pool, word + 1, &err) == -1)
        die(err.text);
    if (slash[1] && node_parse(&c->node, slash + 1, &err) == -1)
        die(err.text);
    if (slash[1])
        c->kind = adds ? ADD_NODE : DELETE_NODE;
    else
        c->kind = adds ? CREATE_POOL : DELETE_POOL;
}

static size_t changes_parse(struct change *out, size_t max, char *words)
{
    size_t n = 0;

    for (char *word = strtok(words, " "); word; word = strtok(NULL, " ")) {
        if (n == max)
            die("too many changes");
        change_parse(&out[n++], word);
    }
    return n;
}

static void add_entry(struct audit *a, char **w)
{
    static struct change changes[200];
    struct audit_entry e = {.when_ms = atoll(w[0]), .operation = w[5], .pool = w[6]};

    e.who = (struct who){.uid = (uid_t)atoll(w[1]), .loginuid = atoll(w[2]), .pid = atoi(w[3])};
    (void)snprintf(e.who.command, sizeof e.who.command, "%s", w[4]);
    memset(changes, 0, sizeof changes);
    e.changes = changes;
    e.n = changes_parse(changes, 200, w[7]);
    e.err.num = errno_named(w[8]);
    (void)snprintf(e.err.text, sizeof e.err.text, "%s", w[9]);
    e.took_ms = atoll(w[10]);
    e.hosts = w[11];
    audit_add(a, &e);
}

static int do_audit(char **words, int n)
{
    struct audit *a = audit_new("web", log_line);
    struct buf text = BUF_INIT, last = BUF_INIT;

    if (!a || n % WORDS)
        die("bad use");
    for (int i = 0; i < n; i += WORDS)
        add_entry(a, words + i);
    printf("--\n");
    audit_text(a, &text);
    (void)print(&text);
    printf("--\n");
    audit_last(a, &last);
    (void)print(&last);
    audit_free(a);
    return 0;
}

static void add_numbered(struct audit *a, int i)
{
    struct audit_entry e = {.operation = "touch", .pool = "app", .took_ms = i, .hosts = ""};

    audit_add(a, &e);
}

static int do_ring(int n)
{
    struct audit *a = audit_new("web", NULL);
    struct buf text = BUF_INIT;

    for (int i = 1; a && i <= n; i++)
        add_numbered(a, i);
    audit_text(a, &text);
    audit_free(a);
    return print(&text);
}

static void *write_and_read(void *arg)
{
    struct audit *a = arg;

    for (int i = 0; i < 500; i++) {
        struct buf text = BUF_INIT;

        add_numbered(a, i);
        if (i % 10 == 0)
            audit_text(a, &text);
        audit_last(a, &text);
        buf_free(&text);
    }
    return NULL;
}

static int do_threads(void)
{
    struct audit *a = audit_new("web", NULL);
    struct buf text = BUF_INIT;
    pthread_t threads[8];

    for (int i = 0; i < 8; i++)
        if (pthread_create(&threads[i], NULL, write_and_read, a) != 0)
            die("no thread");
    for (int i = 0; i < 8; i++)
        (void)pthread_join(threads[i], NULL);
    audit_text(a, &text);
    audit_free(a);
    return print(&text);
}

static int do_who(int pid)
{
    struct who who = who_get(1234, 5678, pid);

    printf("%u %u %lld %d %s\n", who.uid, who.gid, (long long)who.loginuid, (int)who.pid,
           who.command);
    return 0;
}

/* ---- the status --------------------------------------------------------------------------- */

static int print_status(const struct balancer_status *b)
{
    struct buf out = BUF_INIT;
    struct error err;

    if (status_text_balancer(b, &out, &err) == -1)
        die(err.text);
    return print(&out);
}

static struct status *driver_says(const char *text)
{
    struct status *s = status_new();
    struct host_status up = {text, "up", 1795563481007, 12034, NULL, 0, 0};
    struct host_status down = {"fe2", "down", 1795563481123, 0, text, 1795563482000, 3};

    status_host(s, &up);
    status_host(s, &down);
    status_note(s, "reads", "12");
    status_note(s, text, "%s", text);
    status_note(s, "way", "%s", text);
    status_note(s, "way", "socat");
    status_note(s, "way", "0123");
    return s;
}

static int do_status(const char *text)
{
    struct status *s = driver_says(text);
    const struct status_difference differences[] = {{"app", "10.0.0.1:80", "fe1, fe2"},
                                                    {"123", NULL, text}};
    const struct status_pool hidden[] = {{"app", 2}, {"no", 1}};
    struct balancer_status b = {"web", "nginx", "up", true, 1795563480999, true, 3, 120, 1, 2, 4};
    int result;

    b.last_change_ms = 1795563481000;
    b.last_change = text;
    b.last_error_ms = 1795563482000;
    b.last_error = text;
    b.last_errno = "EREMOTEIO";
    b.of = s;
    b.differences = differences;
    b.n_differences = 2;
    b.all_differences = 102;
    b.hidden = hidden;
    b.n_hidden = 2;
    result = print_status(&b);
    status_free(s);
    return result;
}

static int do_plain(void)
{
    const struct balancer_status b = {.name = "web", .driver = "dummy", .state = "unknown"};

    return print_status(&b);
}

static int do_all(const char *text)
{
    const struct balancer_status all[] = {
        {.name = "web", .driver = "dummy", .state = "unknown"},
        {.name = "no", .driver = text, .state = "up", .pools = 2, .nodes = 5}};
    struct buf out = BUF_INIT;
    struct error err;

    if (status_text_all("0.1.0", all, 0, &out, &err) == -1)
        die(err.text);
    buf_str(&out, "---\n");
    if (status_text_all("0.1.0", all, 2, &out, &err) == -1)
        die(err.text);
    return print(&out);
}

static int do_long(size_t n)
{
    char *text = malloc(n + 1);
    struct balancer_status b = {.name = "web", .driver = "dummy", .state = "up"};
    int result;

    if (!text)
        die("out of memory");
    for (size_t i = 0; i < n; i++)
        text[i] = i % 7 == 6 ? ' ' : 'x';
    text[n] = '\0';
    b.last_error = text;
    b.last_errno = "EIO";
    result = print_status(&b);
    free(text);
    return result;
}

int main(int argc, char **argv)
{
    const char *command = argc > 1 ? argv[1] : "";

    if (strcmp(command, "audit") == 0)
        return do_audit(argv + 2, argc - 2);
    if (strcmp(command, "threads") == 0)
        return do_threads();
    if (strcmp(command, "plain") == 0)
        return do_plain();
    if (argc != 3)
        die("bad use");
    if (strcmp(command, "ring") == 0)
        return do_ring(atoi(argv[2]));
    if (strcmp(command, "who") == 0)
        return do_who(atoi(argv[2]));
    if (strcmp(command, "status") == 0)
        return do_status(argv[2]);
    if (strcmp(command, "all") == 0)
        return do_all(argv[2]);
    if (strcmp(command, "long") == 0)
        return do_long((size_t)atoll(argv[2]));
    die("bad use");
}
