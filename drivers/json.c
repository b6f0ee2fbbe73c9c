/* Scalars as JSON has them. */
#include "drivers/json.h"
#include <string.h>

void json_string(struct buf *out, const char *text)
{
    buf_add(out, "\"", 1);
    for (const char *c = text; *c; c++) {
        if (*c == '"' || *c == '\\')
            buf_printf(out, "\\%c", *c);
        else if ((unsigned char)*c < ' ' || *c == 127)
            buf_printf(out, "\\u%04x", (unsigned)(unsigned char)*c);
        else
            buf_add(out, c, 1);
    }
    buf_add(out, "\"", 1);
}

static bool one_of(const char *text, const char *const words[])
{
    for (; *words; words++)
        if (strcmp(text, *words) == 0)
            return true;
    return false;
}

/* As JSON writes them, which YAML reads alike; a leading zero is octal in one YAML and not in the
 * next, so that such a thing stays a string. */
static bool is_number(const char *text)
{
    static const char digits[] = "0123456789";
    size_t n;

    text += *text == '-';
    n = strspn(text, digits);
    if (n == 0 || n > 18 || (n > 1 && *text == '0'))
        return false;
    text += n;
    if (*text == '.') {
        n = strspn(++text, digits);
        if (n == 0 || n > 18)
            return false;
        text += n;
    }
    return *text == '\0';
}

void json_plain(struct buf *out, const char *text)
{
    static const char *const nothing[] = {"", "~", "null", "Null", "NULL", NULL};
    static const char *const yes[] = {"true", "True", "TRUE", "yes", "Yes",
                                      "YES",  "on",   "On",   "ON",  NULL};
    static const char *const no[] = {"false", "False", "FALSE", "no",  "No",
                                     "NO",    "off",   "Off",   "OFF", NULL};

    if (one_of(text, nothing))
        buf_str(out, "null");
    else if (one_of(text, yes))
        buf_str(out, "true");
    else if (one_of(text, no))
        buf_str(out, "false");
    else if (is_number(text))
        buf_str(out, text);
    else
        json_string(out, text);
}
