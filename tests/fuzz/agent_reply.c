/* Fuzzes what a host answers: the line, the noise before it, the table of files, and the record of
 * what hosts have missed, which comes back as it was read. */
#include "drivers/agent_reply.h"
#include "drivers/missed.h"
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define CLAIM(what) ((what) ? (void)0 : abort())

static const char nonce[] = "0123456789abcdef0123456789abcdef";

static void check_line(const char *text, size_t len)
{
    size_t noise = reply_noise(nonce, text, len);
    struct reply r;
    int found = reply_parse(&r, nonce, text, len);

    CLAIM(noise <= len);
    CLAIM(reply_noise(nonce, text + noise, len - noise) == 0);
    CLAIM(found >= -1 && found <= 1);
    if (found == 1) {
        CLAIM(noise == 0 && r.head <= len && text[r.head - 1] == '\n');
        CLAIM(r.word[0] && strlen(r.word) < sizeof r.word && r.len <= REPLY_MAX);
    }
    /* What was enough stays enough, what was wrong stays wrong. */
    if (found != 0 && len < 4096) {
        char longer[4096 + 1];

        memcpy(longer, text, len);
        longer[len] = 'x';
        CLAIM(reply_parse(&r, nonce, longer, len + 1) == found);
    }
}

static void check_table(const char *text, size_t len)
{
    struct files files = FILES_INIT;
    ptrdiff_t total = reply_table(text, len, &files);
    size_t sum = 0;

    for (size_t i = 0; total >= 0 && i < files.n; i++) {
        CLAIM(!strchr(files.at[i].name, '/') && files.at[i].name[0]);
        CLAIM(i == 0 || strcmp(files.at[i - 1].name, files.at[i].name) < 0);
        CLAIM(strlen(files.at[i].digest) == 64);
        sum += files.at[i].len;
    }
    CLAIM(total < 0 || ((size_t)total == sum && sum <= REPLY_MAX));
    files_clear(&files);
}

static void check_record(const char *text, size_t len)
{
    struct missed m = MISSED_INIT, again = MISSED_INIT;
    struct buf first = BUF_INIT, second = BUF_INIT;

    missed_read(&m, text, len);
    missed_settle(&m);
    missed_text(&m, &first);
    missed_read(&again, buf_text(&first), first.len);
    missed_settle(&again);
    missed_text(&again, &second);
    CLAIM(first.len == second.len && m.n == again.n);
    CLAIM(first.len == 0 || memcmp(first.data, second.data, first.len) == 0);
    for (size_t i = 0; i < m.n; i++) {
        struct change *changes;
        size_t n = missed_changes(&m, m.at[i].host, &changes);

        CLAIM(n == missed_count(&m, m.at[i].host));
        free(changes);
    }
    missed_clear(&m);
    missed_clear(&again);
    buf_free(&first);
    buf_free(&second);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *text = malloc(size + 1);

    if (!text || size == 0) {
        free(text);
        return 0;
    }
    memcpy(text, data + 1, size - 1);
    text[size - 1] = '\0';
    if (data[0] % 3 == 0)
        check_line(text, size - 1);
    else if (data[0] % 3 == 1)
        check_table(text, size - 1);
    else if (size < 20000)
        check_record(text, size - 1);
    free(text);
    return 0;
}
