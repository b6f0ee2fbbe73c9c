/* What a known_hosts file says of a host. */
#include "drivers/known_hosts.h"
#include <ctype.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SHA1_LEN 20

/* A part of a text, not terminated. */
struct span {
    const char *at;
    size_t len;
};

struct line {
    enum { LINE_KEY, LINE_REVOKED, LINE_AUTHORITY } kind;
    struct span names, type;
    unsigned char *key; /* malloced */
    size_t key_len;
};

static bool span_is(struct span s, const char *text)
{
    return s.len == strlen(text) && memcmp(s.at, text, s.len) == 0;
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r';
}

static struct span word_next(struct span *rest)
{
    struct span word;

    while (rest->len && is_blank(*rest->at))
        rest->at++, rest->len--;
    word = (struct span){rest->at, 0};
    while (rest->len && !is_blank(*rest->at))
        rest->at++, rest->len--, word.len++;
    return word;
}

/* ---- keys --------------------------------------------------------------------------------- */

/* Malloced, or NULL when it is not base64. */
static unsigned char *base64_decode(struct span text, size_t *len)
{
    unsigned char *out;
    int padding = 0, n;

    if (!text.len || text.len % 4 || text.len > 1 << 20)
        return NULL;
    while (padding < 2 && text.at[text.len - 1 - (size_t)padding] == '=')
        padding++;
    out = malloc(text.len / 4 * 3 + 1);
    n = out ? EVP_DecodeBlock(out, (const unsigned char *)text.at, (int)text.len) : -1;
    if (n < padding) {
        free(out);
        return NULL;
    }
    *len = (size_t)(n - padding);
    return out;
}

static struct span key_type(const unsigned char *key, size_t len)
{
    size_t n;

    if (len < 4)
        return (struct span){NULL, 0};
    n = (size_t)key[0] << 24 | (size_t)key[1] << 16 | (size_t)key[2] << 8 | key[3];
    return n && n <= len - 4 ? (struct span){(const char *)key + 4, n} : (struct span){NULL, 0};
}

bool known_key_type(const void *key, size_t key_len, char *type, size_t size)
{
    struct span s = key_type(key, key_len);

    if (!s.len || s.len >= size || memchr(s.at, '\0', s.len))
        return false;
    memcpy(type, s.at, s.len);
    type[s.len] = '\0';
    return true;
}

char *known_hosts_line(const struct known_name *name, const void *key, size_t key_len)
{
    char type[64], *base64, *line = NULL;

    if (!known_key_type(key, key_len, type, sizeof type) || key_len > 1 << 16)
        return NULL;
    base64 = malloc(key_len / 3 * 4 + 5);
    if (base64) {
        (void)EVP_EncodeBlock((unsigned char *)base64, key, (int)key_len);
        if (asprintf(&line, "%s %s %s\n", name->exact, type, base64) < 0)
            line = NULL;
    }
    free(base64);
    return line;
}

/* ---- names -------------------------------------------------------------------------------- */

void known_name_make(struct known_name *name, const char *host, uint16_t port)
{
    (void)snprintf(name->bare, sizeof name->bare, "%s", host);
    for (char *c = name->bare; *c; c++)
        *c = (char)tolower((unsigned char)*c);
    if (port == 22) {
        (void)snprintf(name->exact, sizeof name->exact, "%s", name->bare);
        name->bare[0] = '\0';
    } else {
        (void)snprintf(name->exact, sizeof name->exact, "[%s]:%u", name->bare, (unsigned)port);
    }
}

/* "|1|SALT|HASH": HMAC-SHA1 of the name, keyed with the salt. */
static bool hashed_match(struct span names, const char *name)
{
    struct span salt64 = {names.at + 3, 0}, hash64;
    unsigned char *salt, *hash, mac[EVP_MAX_MD_SIZE];
    size_t salt_len = 0, hash_len = 0;
    unsigned int mac_len = 0;
    const char *bar;
    bool same;

    if (names.len < 4 || memcmp(names.at, "|1|", 3) != 0)
        return false;
    bar = memchr(salt64.at, '|', names.len - 3);
    if (!bar)
        return false;
    salt64.len = (size_t)(bar - salt64.at);
    hash64 = (struct span){bar + 1, (size_t)(names.at + names.len - bar - 1)};
    salt = base64_decode(salt64, &salt_len);
    hash = base64_decode(hash64, &hash_len);
    same = salt && hash && hash_len == SHA1_LEN &&
           HMAC(EVP_sha1(), salt, (int)salt_len, (const unsigned char *)name, strlen(name), mac,
                &mac_len) &&
           mac_len == SHA1_LEN && memcmp(mac, hash, SHA1_LEN) == 0;
    free(salt);
    free(hash);
    return same;
}

/* With * and ?; no backtracking beyond the last star, so a long pattern costs no more than its
 * length times the name's. name is in lower case. */
static bool pattern_match(struct span pattern, const char *name)
{
    const char *p = pattern.at, *end = p + pattern.len, *star = NULL, *retry = NULL;

    while (*name) {
        if (p < end && *p == '*') {
            star = p++;
            retry = name;
        } else if (p < end && (*p == '?' || tolower((unsigned char)*p) == *name)) {
            p++;
            name++;
        } else if (star) {
            p = star + 1;
            name = ++retry;
        } else {
            return false;
        }
    }
    while (p < end && *p == '*')
        p++;
    return p == end;
}

/* A comma list of patterns; one that matches behind a ! outweighs all others. */
static bool names_match(struct span names, const char *name)
{
    bool found = false;

    if (!*name)
        return false;
    if (*names.at == '|')
        return hashed_match(names, name);
    while (names.len) {
        const char *comma = memchr(names.at, ',', names.len);
        size_t n = comma ? (size_t)(comma - names.at) : names.len;
        bool negated = n && *names.at == '!';
        struct span pattern = {names.at + negated, n - negated};

        if (pattern.len && pattern_match(pattern, name)) {
            if (negated)
                return false;
            found = true;
        }
        n += comma != NULL;
        names.at += n;
        names.len -= n;
    }
    return found;
}

/* ---- lines -------------------------------------------------------------------------------- */

/* The next line of text, without its newline, in *l; false at the end. */
static bool line_next(struct span *text, struct span *l)
{
    const char *newline;

    if (!text->len)
        return false;
    newline = memchr(text->at, '\n', text->len);
    *l = (struct span){text->at, newline ? (size_t)(newline - text->at) : text->len};
    text->at += l->len + (newline != NULL);
    text->len -= l->len + (newline != NULL);
    return true;
}

/* The names and the kind; false for what is no line of this kind. Its key is left to line_key,
 * since most lines are of other hosts. */
static bool line_parse(struct span text, struct line *l, struct span *key64)
{
    struct span marker;

    if (memchr(text.at, '\0', text.len))
        return false;
    *l = (struct line){.kind = LINE_KEY};
    l->names = word_next(&text);
    if (!l->names.len || *l->names.at == '#')
        return false;
    if (*l->names.at == '@') {
        marker = l->names;
        l->names = word_next(&text);
        if (span_is(marker, "@revoked"))
            l->kind = LINE_REVOKED;
        else if (span_is(marker, "@cert-authority"))
            l->kind = LINE_AUTHORITY;
        else
            return false;
    }
    l->type = word_next(&text);
    *key64 = word_next(&text);
    return l->names.len && l->type.len && key64->len;
}

/* The key itself, if it is of the type that the line says. */
static bool line_key(struct line *l, struct span key64)
{
    struct span inner;

    l->key = base64_decode(key64, &l->key_len);
    if (!l->key)
        return false;
    inner = key_type(l->key, l->key_len);
    if (inner.len && inner.len == l->type.len && memcmp(inner.at, l->type.at, inner.len) == 0)
        return true;
    free(l->key);
    l->key = NULL;
    return false;
}

/* The next line that is of this host, with its number. Free its key. */
static bool line_of_host(struct span *text, size_t *number, const struct known_name *name,
                         struct line *l, bool *is_exact)
{
    struct span raw, key64;

    while (line_next(text, &raw)) {
        ++*number;
        if (!line_parse(raw, l, &key64))
            continue;
        *is_exact = names_match(l->names, name->exact);
        if ((*is_exact || names_match(l->names, name->bare)) && line_key(l, key64))
            return true;
    }
    return false;
}

/* ---- what they say ------------------------------------------------------------------------ */

static enum known_verdict line_verdict(const struct line *l, bool is_exact, const void *key,
                                       size_t key_len)
{
    bool same = l->key_len == key_len && memcmp(l->key, key, key_len) == 0;
    struct span type = key_type(key, key_len);

    if (l->kind == LINE_REVOKED)
        return same ? KNOWN_REVOKED : KNOWN_NOTHING;
    if (l->kind == LINE_AUTHORITY)
        return KNOWN_AUTHORITY;
    if (!is_exact)
        return same ? KNOWN_BARE : KNOWN_NOTHING;
    if (same)
        return KNOWN_MATCH;
    return type.len == l->type.len && memcmp(type.at, l->type.at, type.len) == 0 ? KNOWN_CHANGED
                                                                                 : KNOWN_OTHER_TYPE;
}

void known_hosts_check(const char *file, const char *text, size_t len,
                       const struct known_name *name, const void *key, size_t key_len,
                       struct known_found *found)
{
    struct span rest = {text, len};
    struct line l;
    size_t number = 0;
    bool is_exact;

    while (line_of_host(&rest, &number, name, &l, &is_exact)) {
        enum known_verdict verdict = line_verdict(&l, is_exact, key, key_len);

        if (verdict > found->verdict)
            *found = (struct known_found){verdict, file, number};
        free(l.key);
    }
}

static unsigned int type_bit(struct span type)
{
    static const char *const names[] = {"ssh-ed25519", "ecdsa-sha2-nistp256", "ecdsa-sha2-nistp384",
                                        "ecdsa-sha2-nistp521", "ssh-rsa"};

    for (unsigned int i = 0; i < sizeof names / sizeof *names; i++)
        if (span_is(type, names[i]))
            return 1U << i;
    return KNOWN_UNUSUAL;
}

unsigned int known_hosts_types(const char *text, size_t len, const struct known_name *name)
{
    struct span rest = {text, len};
    struct line l;
    size_t number = 0;
    unsigned int types = 0;
    bool is_exact;

    while (line_of_host(&rest, &number, name, &l, &is_exact)) {
        if (l.kind == LINE_KEY)
            types |= type_bit(l.type);
        free(l.key);
    }
    return types;
}
