/* What a host answers, as agent_reply.c and missed.c take it, for 20-replies.bats.
 *
 *   reply_cli line            "WORD LENGTH HEAD", "more" or "wrong"
 *   reply_cli noise           how many bytes of noise
 *   reply_cli table           "NAME LENGTH" lines and the total, or "wrong"
 *   reply_cli missed [HOST]   the record as it is written again; with HOST what makes up for it
 *
 * Of standard input; the nonce is 0123456789abcdef twice. */
#include "drivers/agent_reply.h"
#include "drivers/missed.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char nonce[] = "0123456789abcdef0123456789abcdef";

static void do_line(const struct buf *in)
{
    struct reply r;
    int found = reply_parse(&r, nonce, buf_text(in), in->len);

    if (found == 1)
        printf("%s %zu %zu\n", r.word, r.len, r.head);
    else
        puts(found == 0 ? "more" : "wrong");
}

static void do_table(const struct buf *in)
{
    struct files files = FILES_INIT;
    ptrdiff_t total = reply_table(buf_text(in), in->len, &files);

    for (size_t i = 0; total >= 0 && i < files.n; i++)
        printf("%s %zu\n", files.at[i].name, files.at[i].len);
    if (total >= 0)
        printf("%zd\n", (ssize_t)total);
    else
        puts("wrong");
    files_clear(&files);
}

static void do_missed(const struct buf *in, const char *host)
{
    static const char *const kinds[] = {"add", "delete", "create", "remove"};
    struct missed m = MISSED_INIT;
    struct buf text = BUF_INIT;
    struct change *changes = NULL;
    size_t n;

    missed_read(&m, buf_text(in), in->len);
    missed_settle(&m);
    missed_text(&m, &text);
    if (!host)
        (void)fputs(buf_text(&text), stdout);
    n = host ? missed_changes(&m, host, &changes) : 0;
    for (size_t i = 0; i < n; i++)
        printf("%s %s %s\n", kinds[changes[i].kind], changes[i].pool.name, changes[i].node.name);
    free(changes);
    buf_free(&text);
    missed_clear(&m);
}

int main(int argc, char **argv)
{
    struct buf in = BUF_INIT;
    const char *what = argc > 1 ? argv[1] : "";
    char data[65536];
    size_t n;

    while ((n = fread(data, 1, sizeof data, stdin)) > 0)
        buf_add(&in, data, n);
    if (strcmp(what, "line") == 0)
        do_line(&in);
    else if (strcmp(what, "noise") == 0)
        printf("%zu\n", reply_noise(nonce, buf_text(&in), in.len));
    else if (strcmp(what, "table") == 0)
        do_table(&in);
    else if (strcmp(what, "missed") == 0)
        do_missed(&in, argc > 2 ? argv[2] : NULL);
    buf_free(&in);
    return 0;
}
