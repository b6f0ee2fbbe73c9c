/* Names of pools and nodes as names of directors and backends. VCL takes letters, digits,
 * underscores and hyphens after a letter, does not tell capitals from small letters, and keeps
 * some words for itself. */
#include "drivers/buf.h"
#include "drivers/varnish.h"
#include <string.h>
#include <strings.h>

#define MARK "pool__"

/* What Varnish 7.1 refuses as the name of a director, and vmods (its own, and varnish-modules) that
 * a site may import. A word more here would rename directors that rules refer to. */
static const char *const reserved[] = {
    "acl",
    "backend",
    "ban",
    "bereq",
    "beresp",
    "call",
    "default",
    "directors",
    "false",
    "hash_data",
    "if",
    "import",
    "include",
    "new",
    "now",
    "probe",
    "req",
    "resp",
    "return",
    "set",
    "sub",
    "synthetic",
    "true",
    "unset",
    "vcl",
    /* vmods */
    "accept",
    "blob",
    "bodyaccess",
    "cookie",
    "debug",
    "header",
    "proxy",
    "purge",
    "saintmode",
    "std",
    "str",
    "tcp",
    "unix",
    "var",
    "vsthrottle",
    "vtc",
    "xkey",
};

static bool is_alpha(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static bool is_reserved(const char *name)
{
    for (size_t i = 0; i < sizeof reserved / sizeof *reserved; i++)
        if (strcasecmp(name, reserved[i]) == 0)
            return true;
    return strncasecmp(name, "vcl_", 4) == 0;
}

static bool is_legal(const char *pool)
{
    return is_alpha(pool[0]) && !strchr(pool, '.') && !strstr(pool, "__") && !is_reserved(pool);
}

static void encode(const char *text, const char *kept, struct buf *out)
{
    for (const char *c = text; *c; c++) {
        if (strchr(kept, *c))
            buf_add(out, c, 1);
        else
            buf_printf(out, "_%02x", (unsigned char)*c);
    }
}

#define DIGITS "-0123456789"
#define SMALL "abcdefghijklmnopqrstuvwxyz"
#define CAPITAL "ABCDEFGHIJKLMNOPQRSTUVWXYZ"

void varnish_director(const char *pool, struct buf *out)
{
    if (is_legal(pool)) {
        buf_str(out, pool);
        return;
    }
    buf_str(out, MARK);
    encode(pool, DIGITS SMALL CAPITAL, out);
}

bool varnish_is_director(const char *text, struct span name, const char *pool)
{
    struct buf director = BUF_INIT;
    bool is;

    if (text_is(text, name, pool))
        return true;
    varnish_director(pool, &director);
    is = !director.failed && text_is(text, name, buf_text(&director));
    buf_free(&director);
    return is;
}

void varnish_backend(const char *pool, const char *node, struct buf *out)
{
    if (!is_legal(pool))
        buf_str(out, MARK);
    encode(pool, DIGITS SMALL CAPITAL, out);
    buf_str(out, "__");
    encode(node, DIGITS SMALL, out);
}
