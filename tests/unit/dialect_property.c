/* The promises of dialect_property.h, on texts that are like pool files.
 *
 *   dialect_property DIALECT FILENAME N TEXT...
 *
 * Each TEXT is a file. It is checked as it is; then N texts made of it and the others: pieces of
 * them are taken out, doubled, moved or exchanged at random places. Same arguments, same texts. */
#include "tests/unit/dialect_property.h"

struct texts {
    struct buf *at;
    size_t n;
    uint64_t seed;
};

static size_t pick(struct texts *t, size_t below)
{
    t->seed = t->seed * 6364136223846793005U + 1442695040888963407U;
    return below ? (size_t)(t->seed >> 33) % below : 0;
}

static void read_text(const char *path, struct buf *out)
{
    FILE *f = fopen(path, "rb");
    char part[65536];
    size_t n;

    while (f && (n = fread(part, 1, sizeof part, f)) > 0)
        buf_add(out, part, n);
    if (!f || fclose(f) != 0) {
        perror(path);
        exit(2);
    }
}

/* A place where a piece may begin: often the start of a line or of a word. */
static size_t place(struct texts *t, const struct buf *b)
{
    size_t at = pick(t, b->len + 1);
    char until = pick(t, 3) ? '\n' : ' ';

    if (pick(t, 4))
        while (at > 0 && b->data[at - 1] != until)
            at--;
    return at;
}

static void mutate(struct texts *t, struct buf *b)
{
    const struct buf *other = &t->at[pick(t, t->n)];
    struct buf new = BUF_INIT;
    size_t from = place(t, b), to = place(t, b), at = place(t, other), end = place(t, other);

    if (from > to) {
        size_t swap = from;

        from = to;
        to = pick(t, 2) ? swap : from;
    }
    buf_add(&new, b->data, from);
    if (end > at)
        buf_add(&new, other->data + at, end - at);
    buf_add(&new, b->data + to, b->len - to);
    buf_free(b);
    *b = new;
}

static void check_one(const struct dialect *d, const char *file, struct texts *t, size_t from)
{
    struct buf b = BUF_INIT;

    buf_add(&b, t->at[from].data, t->at[from].len);
    for (size_t i = 0, n = 1 + pick(t, 4); i < n && b.len < 20000; i++) {
        mutate(t, &b);
        if (!b.data)
            buf_str(&b, "");
    }
    property_check(d, file, buf_text(&b), b.len);
    buf_free(&b);
}

int main(int argc, char **argv)
{
    static const struct dialect *const all[] = {
        &apache_dialect,
        &haproxy_dialect,
        &nginx_dialect,
        &varnish_dialect,
    };
    struct texts t = {NULL, 0, 42};
    const struct dialect *d = NULL;

    for (size_t i = 0; argc > 4 && i < sizeof all / sizeof *all; i++)
        if (strcmp(all[i]->name, argv[1]) == 0)
            d = all[i];
    t.at = d ? calloc((size_t)argc, sizeof *t.at) : NULL;
    if (!t.at)
        return 2;
    for (int i = 4; i < argc; i++)
        read_text(argv[i], &t.at[t.n++]);
    for (size_t i = 0; i < t.n; i++) {
        property_check(d, argv[2], buf_text(&t.at[i]), t.at[i].len);
        for (int n = atoi(argv[3]); n > 0; n--)
            check_one(d, argv[2], &t, i);
    }
    for (size_t i = 0; i < t.n; i++)
        buf_free(&t.at[i]);
    free(t.at);
    return 0;
}
