/* Names that tools give to temporaries, told apart from names that somebody mistyped.
 *
 *   .*  #*  *~                   rsync, Ansible, Chef, rex, unison, vim, emacs, backups
 *   NODE.*  NODE-*  NODE~*       CFEngine, cdist, rclone, nano, rsync --suffix
 *   NODE + date-pid-random...    Puppet (and its directory + .lock), Ruby's Tempfile
 *   NODE + 8 random characters   Salt
 *   sed + 6, XX + 6, tmp + 8     sed -i, perl -i, Python's tempfile
 *   4913                         vim, to see whether it may create files here
 *
 * NODE is always a whole, valid name: that is what a typo of one is not. Where a tail could be part
 * of a mistyped port, it is taken for that: more digits (99999), or a range (80-90). */
#include "fs/scratch.h"
#include "drivers/driver.h"
#include <string.h>
#include <strings.h>

#define DIGITS "0123456789"
#define LOWER "abcdefghijklmnopqrstuvwxyz"
#define UPPER "ABCDEFGHIJKLMNOPQRSTUVWXYZ"

static bool all_of(const char *text, const char *set)
{
    return text[strspn(text, set)] == '\0';
}

/* prefix, and behind it exactly n characters of the set. */
static bool is_random(const char *name, const char *prefix, size_t n, const char *set)
{
    size_t len = strlen(prefix);

    return strncmp(name, prefix, len) == 0 && strlen(name + len) == n && all_of(name + len, set);
}

static bool is_node(const char *name, size_t len)
{
    char text[sizeof((struct node *)0)->name];
    struct node node;
    struct error err;

    if (len >= sizeof text)
        return false;
    memcpy(text, name, len);
    text[len] = '\0';
    return node_parse(&node, text, &err) == 0;
}

/* Where the port begins: a host holds no colon, unless in brackets. NULL: there is none. */
static const char *find_port(const char *name)
{
    const char *colon = name[0] == '[' ? strstr(name, "]:") : strchr(name, ':');

    if (!colon)
        return NULL;
    return name[0] == '[' ? colon + 2 : colon + 1;
}

/* "20261124", as a date. */
static bool is_date(const char *text)
{
    int month = (text[4] - '0') * 10 + text[5] - '0', day = (text[6] - '0') * 10 + text[7] - '0';

    return (text[0] == '1' || text[0] == '2') && month >= 1 && month <= 12 && day >= 1 && day <= 31;
}

/* "-4711-1ab2c3d", and whatever behind a dot or hyphen. */
static bool is_pid_and_random(const char *text)
{
    size_t n = *text == '-' ? strspn(text + 1, DIGITS) : 0;

    if (n == 0 || text[n + 1] != '-')
        return false;
    text += n + 2;
    n = strspn(text, DIGITS LOWER);
    return n > 0 && (text[n] == '\0' || text[n] == '.' || text[n] == '-');
}

/* Something appended to a node's name, with a character between that no port has. */
static bool is_marked(const char *tail)
{
    if (*tail == '~')
        return true;
    if ((*tail != '.' && *tail != '-') || tail[1] == '\0')
        return false;
    return *tail == '.' || strlen(tail) > 6 || !all_of(tail + 1, DIGITS);
}

/* A node's name with a tail. How far the port reaches shows only once the tail is known. */
static bool is_beside_node(const char *name)
{
    const char *port = find_port(name);
    size_t digits, len, head;

    if (!port)
        return false;
    digits = strspn(port, DIGITS);
    len = strlen(port);
    head = (size_t)(port - name);
    if (is_marked(port + digits) && is_node(name, head + digits))
        return true;
    if (digits > 8 && is_date(port + digits - 8) && is_pid_and_random(port + digits) &&
        is_node(name, head + digits - 8))
        return true;
    return len > 8 && digits < len && all_of(port + len - 8, DIGITS LOWER UPPER "_") &&
           is_node(name, head + len - 8);
}

bool scratch_is_name(const char *name)
{
    size_t len = strlen(name);

    if (len < 2 || strcmp(name, "..") == 0)
        return false;
    /* What somebody who means .nodes may write. */
    if (strcasecmp(name, ".nodes") == 0 || strcasecmp(name, ".node") == 0)
        return false;
    if (name[0] == '.' || name[0] == '#' || name[len - 1] == '~')
        return true;
    return is_beside_node(name) || is_random(name, "sed", 6, DIGITS LOWER UPPER) ||
           is_random(name, "XX", 6, DIGITS LOWER UPPER) ||
           is_random(name, "tmp", 8, DIGITS LOWER "_") || strcmp(name, "4913") == 0;
}
