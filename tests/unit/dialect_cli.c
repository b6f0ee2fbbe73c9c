/* A dialect on files of a directory, for the golden cases of 03-dialects.bats.
 *
 *   dialect_cli [-v VERSION] DIALECT CASE OUT    runs CASE/changes on CASE/in: the directory as it
 *                                                is afterwards into OUT, a transcript to stdout
 *   dialect_cli -g N DIALECT OUT                 a pool of N nodes is made, then each is replaced
 *
 * The transcript: the listing before, what was written in which order or the error, the listing
 * after. The changes are made a second time, too: that must not change anything. */
#include "drivers/buf.h"
#include "drivers/dialect.h"
#include "drivers/listing.h"
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct script {
    struct change *at;
    size_t n;
};

static _Noreturn void die(const char *what, const char *which)
{
    (void)fprintf(stderr, "dialect_cli: %s: %s\n", what, which);
    exit(2);
}

static const struct dialect *find_dialect(const char *name)
{
    static const struct dialect *const all[] = {
        &apache_dialect,
        &haproxy_dialect,
        &nginx_dialect,
        &varnish_dialect,
    };

    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        if (strcmp(all[i]->name, name) == 0)
            return all[i];
    die("no such dialect", name);
}

/* ---- files -------------------------------------------------------------------------------- */

static bool read_file(const char *path, struct buf *out)
{
    FILE *f = fopen(path, "rb");
    char part[65536];
    size_t n;

    if (!f)
        return false;
    while ((n = fread(part, 1, sizeof part, f)) > 0)
        buf_add(out, part, n);
    (void)fclose(f);
    return true;
}

static void read_files(const char *dir, struct files *out)
{
    DIR *d = opendir(dir);
    const struct dirent *e;

    while (d && (e = readdir(d))) {
        struct buf path = BUF_INIT, text = BUF_INIT;

        if (e->d_name[0] == '.')
            continue;
        buf_printf(&path, "%s/%s", dir, e->d_name);
        if (!read_file(buf_text(&path), &text))
            die("cannot read", buf_text(&path));
        files_add(out, e->d_name, buf_text(&text), text.len, NULL);
        buf_free(&path);
        buf_free(&text);
    }
    if (d)
        (void)closedir(d);
    files_sort(out);
}

static void write_files(const char *dir, const struct files *files)
{
    for (size_t i = 0; i < files->n; i++) {
        struct buf path = BUF_INIT;
        FILE *f;

        buf_printf(&path, "%s/%s", dir, files->at[i].name);
        f = fopen(buf_text(&path), "wb");
        if (!f || fwrite(files->at[i].text, 1, files->at[i].len, f) != files->at[i].len ||
            fclose(f) != 0)
            die("cannot write", buf_text(&path));
        buf_free(&path);
    }
}

/* What the directory holds after the edit. */
static void put_in_force(const struct files *in, const struct files *edited, struct files *out)
{
    for (size_t i = 0; i < edited->n; i++)
        if (edited->at[i].text)
            files_add(out, edited->at[i].name, edited->at[i].text, edited->at[i].len, NULL);
    for (size_t i = 0; i < in->n; i++) {
        size_t j = 0;

        while (j < edited->n && strcmp(edited->at[j].name, in->at[i].name) != 0)
            j++;
        if (j == edited->n)
            files_add(out, in->at[i].name, in->at[i].text, in->at[i].len, NULL);
    }
    files_sort(out);
}

/* ---- changes ------------------------------------------------------------------------------ */

static void add_change(struct script *s, const char *kind, const char *pool, const char *node)
{
    static const char *const kinds[] = {"add", "delete", "create", "remove"};
    struct change c = {.kind = ADD_NODE};
    struct error err = {.num = 0};
    size_t k = 0;

    while (k < 4 && strcmp(kinds[k], kind) != 0)
        k++;
    if (k == 4)
        die("no such change", kind);
    c.kind = (enum change_kind)k;
    if (pool_parse(&c.pool, pool, &err) == -1 || (k < 2 && node_parse(&c.node, node, &err) == -1))
        die("bad change", err.text);
    s->at = reallocarray(s->at, s->n + 1, sizeof *s->at);
    if (!s->at)
        die("out of memory", kind);
    s->at[s->n++] = c;
}

static void read_changes(const char *path, struct script *out)
{
    char kind[16], pool[128], node[512], line[1024];
    FILE *f = fopen(path, "r");

    while (f && fgets(line, sizeof line, f)) {
        int n = sscanf(line, "%15s %127s %511s", kind, pool, node);

        if (n >= 2)
            add_change(out, kind, pool, n == 3 ? node : "");
    }
    if (f)
        (void)fclose(f);
}

/* ---- the transcript ----------------------------------------------------------------------- */

static void print_list(const struct dialect *d, const struct dialect_settings *s,
                       const struct files *files)
{
    struct listing *l = listing_new(NULL);
    struct error err;

    d->list(s, files, l);
    if (listing_finish(l, &err) == -1)
        die("listing", err.text);
    for (size_t i = 0; i < listing_pool_count(l); i++) {
        (void)printf("  %s", listing_pool_name(l, i));
        if (listing_pool_hidden(l, i))
            (void)printf(" (%zu hidden)", listing_pool_hidden(l, i));
        (void)printf("\n");
        for (size_t j = 0; j < listing_node_count(l, i); j++)
            (void)printf("    %s\n", listing_node_name(l, i, j));
    }
    if (listing_refused(l))
        (void)printf("  %zu refused\n", listing_refused(l));
    listing_free(l);
}

static void print_edit(const struct files *edited)
{
    for (size_t i = 0; i < edited->n; i++)
        (void)printf("  %s %s\n", edited->at[i].text ? "write" : "remove", edited->at[i].name);
}

static void run_case(const struct dialect *d, const struct dialect_settings *s, const char *dir,
                     const char *out_dir)
{
    struct files in = FILES_INIT, edited = FILES_INIT, after = FILES_INIT, again = FILES_INIT;
    struct buf path = BUF_INIT;
    struct script script = {NULL, 0};
    struct error err = {.num = 0};

    buf_printf(&path, "%s/in", dir);
    read_files(buf_text(&path), &in);
    buf_clear(&path);
    buf_printf(&path, "%s/changes", dir);
    read_changes(buf_text(&path), &script);
    (void)printf("before:\n");
    print_list(d, s, &in);
    (void)printf("edit:\n");
    if (d->edit(s, &in, script.at, script.n, &edited, &err) == -1) {
        (void)printf("  %s: %s\n", strerrorname_np(err.num), err.text);
        files_clear(&edited);
    }
    print_edit(&edited);
    put_in_force(&in, &edited, &after);
    write_files(out_dir, &after);
    (void)printf("after:\n");
    print_list(d, s, &after);
    if (err.num == 0 && d->edit(s, &after, script.at, script.n, &again, &err) == -1)
        (void)printf("again:\n  %s: %s\n", strerrorname_np(err.num), err.text);
    if (again.n) {
        (void)printf("again:\n");
        print_edit(&again);
    }
    files_clear(&in);
    files_clear(&edited);
    files_clear(&after);
    files_clear(&again);
    buf_free(&path);
    free(script.at);
}

static void run_edit(const struct dialect *d, const struct dialect_settings *s, struct files *files,
                     const struct script *script)
{
    struct files edited = FILES_INIT, after = FILES_INIT;
    struct error err;

    if (d->edit(s, files, script->at, script->n, &edited, &err) == -1)
        die("edit", err.text);
    put_in_force(files, &edited, &after);
    files_clear(files);
    files_clear(&edited);
    *files = after;
}

static void node_name(char *name, size_t size, unsigned i)
{
    (void)snprintf(name, size, "10.%u.%u.%u:80", i >> 16 & 255, i >> 8 & 255, i & 255);
}

static void run_generated(const struct dialect *d, const struct dialect_settings *s, unsigned n,
                          const char *out_dir)
{
    struct files files = FILES_INIT;
    struct script script = {NULL, 0};
    char name[64];

    for (unsigned i = 0; i < n; i++) {
        node_name(name, sizeof name, i);
        add_change(&script, "add", "big", name);
    }
    run_edit(d, s, &files, &script);
    script.n = 0;
    for (unsigned i = 0; i < n; i++) {
        node_name(name, sizeof name, i);
        add_change(&script, "delete", "big", name);
        node_name(name, sizeof name, n + i);
        add_change(&script, "add", "big", name);
    }
    run_edit(d, s, &files, &script);
    write_files(out_dir, &files);
    print_list(d, s, &files);
    files_clear(&files);
    free(script.at);
}

int main(int argc, char **argv)
{
    struct dialect_settings s = {"/etc/lb/", "pool-", "pools.vcl", 4};
    unsigned generate = 0;
    int c;

    while ((c = getopt(argc, argv, "v:g:")) != -1) {
        if (c == 'v')
            s.version = atoi(optarg);
        else if (c == 'g')
            generate = (unsigned)atoi(optarg);
        else
            return 2;
    }
    if (argc - optind != (generate ? 2 : 3))
        die("usage", "[-v VERSION] DIALECT CASE OUT, or -g N DIALECT OUT");
    if (generate)
        run_generated(find_dialect(argv[optind]), &s, generate, argv[optind + 1]);
    else
        run_case(find_dialect(argv[optind]), &s, argv[optind + 1], argv[optind + 2]);
    return 0;
}
