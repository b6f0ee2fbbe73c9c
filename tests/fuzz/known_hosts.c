/* Fuzzes the reader of known_hosts: a line of ours behind any text is still found, whatever that
 * text is, unless it revokes the key; and what is found has a place in the text. */
#include "drivers/known_hosts.h"
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define CLAIM(what) ((what) ? (void)0 : abort())

static const unsigned char key[] = "\0\0\0\x0bssh-ed25519\0\0\0\x20"
                                   "0123456789abcdef0123456789abcdef";
#define KEY_LEN (sizeof key - 1)

static size_t lines_in(const char *text, size_t size)
{
    size_t n = 1;

    for (size_t i = 0; i < size; i++)
        n += text[i] == '\n';
    return n;
}

static void look(const char *text, size_t size, const struct known_name *name)
{
    struct known_found found = {.verdict = KNOWN_NOTHING};

    known_hosts_check("f", text, size, name, key, KEY_LEN, &found);
    CLAIM((found.verdict == KNOWN_NOTHING) == (found.file == NULL));
    CLAIM(!found.file || (found.line >= 1 && found.line <= lines_in(text, size)));
    if (found.verdict == KNOWN_MATCH)
        CLAIM(known_hosts_types(text, size, name) & KNOWN_ED25519);
}

static void look_with_ours(const char *text, size_t size, const struct known_name *name)
{
    char *line = known_hosts_line(name, key, KEY_LEN), *all;
    struct known_found found = {.verdict = KNOWN_NOTHING};

    CLAIM(line);
    all = malloc(size + 1 + strlen(line));
    CLAIM(all);
    if (size)
        memcpy(all, text, size);
    all[size] = '\n';
    memcpy(all + size + 1, line, strlen(line));
    known_hosts_check("f", all, size + 1 + strlen(line), name, key, KEY_LEN, &found);
    CLAIM(found.verdict == KNOWN_MATCH || found.verdict == KNOWN_REVOKED);
    free(all);
    free(line);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct {
        const char *host;
        uint16_t port;
    } hosts[] = {{"web1.example.com", 22}, {"web1.example.com", 2222}, {"fd77::1", 22}};
    const char *text = (const char *)data;
    char type[20];

    for (size_t i = 0; i < sizeof hosts / sizeof *hosts; i++) {
        struct known_name name;

        known_name_make(&name, hosts[i].host, hosts[i].port);
        look(text, size, &name);
        look_with_ours(text, size, &name);
    }
    if (known_key_type(data, size, type, sizeof type))
        CLAIM(strlen(type) < sizeof type);
    return 0;
}
