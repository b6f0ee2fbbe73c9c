/* The known_hosts reader by hand, for 21-known-hosts.bats.
 *
 *   known_hosts_cli HOST PORT KEY.PUB FILE...    prints "VERDICT FILE:LINE" and "types TYPE..."
 *   known_hosts_cli HOST PORT KEY.PUB            prints the line that accept-new would write
 *   known_hosts_cli said FILE                    prints "ERRNO busy|final TEXT" of what ssh said */
#include "drivers/buf.h"
#include "drivers/known_hosts.h"
#include "drivers/openssh_said.h"
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void read_file(const char *path, struct buf *out)
{
    FILE *f = fopen(path, "r");
    size_t n;

    if (!f) {
        perror(path);
        exit(2);
    }
    do {
        n = fread(buf_reserve(out, 65536), 1, 65536, f);
        out->len += n;
        out->data[out->len] = '\0';
    } while (n);
    (void)fclose(f);
}

static size_t read_key(const char *path, unsigned char *key, size_t size)
{
    struct buf text = BUF_INIT;
    char *base64;
    size_t len, padding = 0;

    read_file(path, &text);
    base64 = strchr(text.data, ' ') + 1;
    len = strcspn(base64, " \n");
    while (base64[len - 1 - padding] == '=')
        padding++;
    if (len > size)
        exit(2);
    len = (size_t)EVP_DecodeBlock(key, (unsigned char *)base64, (int)len) - padding;
    buf_free(&text);
    return len;
}

static int said(const char *path)
{
    struct buf text = BUF_INIT;
    struct error err;
    bool busy;

    read_file(path, &text);
    busy = openssh_said("web1", buf_text(&text), &err);
    printf("%s %s %s\n", strerrorname_np(err.num), busy ? "busy" : "final", err.text);
    buf_free(&text);
    return 0;
}

static void check(const struct known_name *name, const void *key, size_t len, char **files)
{
    static const char *const verdicts[] = {"nothing", "authority", "bare",   "other-type",
                                           "changed", "match",     "revoked"};
    static const char *const types[] = {"ed25519",  "nistp256", "nistp384",
                                        "nistp521", "rsa",      "unusual"};
    struct known_found found = {.verdict = KNOWN_NOTHING};
    unsigned int set = 0;

    for (; *files; files++) {
        struct buf text = BUF_INIT;

        read_file(*files, &text);
        known_hosts_check(*files, buf_text(&text), text.len, name, key, len, &found);
        set |= known_hosts_types(buf_text(&text), text.len, name);
        buf_free(&text);
    }
    printf("%s", verdicts[found.verdict]);
    if (found.file)
        printf(" %s:%zu", found.file, found.line);
    printf("\ntypes");
    for (size_t i = 0; i < sizeof types / sizeof *types; i++)
        if (set & 1U << i)
            printf(" %s", types[i]);
    printf("\n");
}

int main(int argc, char **argv)
{
    unsigned char key[4096];
    struct known_name name;
    size_t len;

    if (argc == 3 && strcmp(argv[1], "said") == 0)
        return said(argv[2]);
    if (argc < 4)
        return 2;
    known_name_make(&name, argv[1], (uint16_t)atoi(argv[2]));
    len = read_key(argv[3], key, sizeof key);
    if (argc == 4) {
        char *line = known_hosts_line(&name, key, len);

        printf("%s", line);
        free(line);
    } else {
        check(&name, key, len, argv + 4);
    }
    return 0;
}
