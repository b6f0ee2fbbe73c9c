/* HAProxy: a pool is a backend section that is alone in its file.
 *
 *   backend app
 *       balance roundrobin
 *       server 127.0.0.1:9001 127.0.0.1:9001 init-addr last,libc,none
 *
 * A node is a server's address; our servers are called like it, without brackets, which HAProxy
 * does not take in names. With that init-addr a name that does not resolve leaves one server down
 * instead of the whole configuration. An empty backend is one without servers: 503. */
#include "drivers/poolfile.h"
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#define INIT_ADDR "init-addr last,libc,none"
#define WORDS 3

enum flavour { INDENTED, UNDER_HEADING };

/* A line's first words, without quotes around them. */
struct line {
    size_t from, to;
    struct span word[WORDS];
    bool odd[WORDS]; /* quoted or escaped in parts, or unfinished */
    size_t n;        /* words in all */
};

static bool is_blank(char c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

/* The quoted part that begins at pos: after it; a missing quote ends with the line. */
static size_t quoted_end(const char *text, size_t end, size_t pos)
{
    char quote = text[pos++];

    for (; pos < end; pos++) {
        if (text[pos] == '\\' && quote == '"')
            pos++;
        else if (text[pos] == quote)
            return pos + 1;
    }
    return end;
}

/* The word at *pos, which goes to its end. */
static struct span word_read(const char *text, size_t end, size_t *pos, bool *odd)
{
    size_t from = *pos, to = from;
    bool quoted = text[from] == '"' || text[from] == '\'', parts = false;

    while (to < end && !is_blank(text[to]) && text[to] != '#') {
        if (text[to] == '"' || text[to] == '\'') {
            parts |= to > from;
            to = quoted_end(text, end, to);
        } else if (text[to] == '\\') {
            parts = true;
            to += 2;
        } else {
            parts |= quoted;
            to++;
        }
    }
    if (to > end)
        to = end;
    *pos = to;
    quoted = quoted && !parts && to - from >= 2 && text[to - 1] == text[from];
    *odd = parts || (!quoted && (text[from] == '"' || text[from] == '\'')) ||
           memchr(text + from, '\\', to - from);
    return (struct span){from + quoted, to - quoted};
}

static void line_read(const struct poolfile *p, size_t pos, struct line *l)
{
    size_t end;

    *l = (struct line){.from = pos, .to = text_next_line(p->text, p->len, pos)};
    for (end = l->to; end > pos && is_blank(p->text[end - 1]); end--)
        ;
    for (;;) {
        struct span word;
        bool odd;

        while (pos < end && is_blank(p->text[pos]))
            pos++;
        if (pos >= end || p->text[pos] == '#')
            return;
        word = word_read(p->text, end, &pos, &odd);
        if (l->n < WORDS) {
            l->word[l->n] = word;
            l->odd[l->n] = odd;
        }
        l->n++;
    }
}

static bool starts_section(const struct poolfile *p, const struct line *l)
{
    static const char *const sections[] = {
        "acme",        "backend", "cache",   "crt-store",   "defaults",    "fcgi-app", "frontend",
        "global",      "listen",  "mailers", "log-forward", "log-profile", "peers",    "program",
        "http-errors", "ring",    "traces",  "resolvers",   "userlist",
    };

    for (size_t i = 0; i < sizeof sections / sizeof *sections; i++)
        if (text_is(p->text, l->word[0], sections[i]))
            return true;
    return false;
}

/* ---- reading ------------------------------------------------------------------------------ */

/* HAProxy takes ::1:80 for [::1]:80, and a family before either. */
static void node_read(struct poolfile *p, struct span at, struct member m)
{
    const char *text = p->text + at.from, *end = p->text + at.to, *port;
    struct buf name = BUF_INIT;

    if (end - text > 5 && (strncmp(text, "ipv4@", 5) == 0 || strncmp(text, "ipv6@", 5) == 0))
        text += 5;
    port = memrchr(text, ':', (size_t)(end - text));
    if (port && *text != '[' && memchr(text, ':', (size_t)(port - text)))
        buf_printf(&name, "[%.*s]%.*s", (int)(port - text), text, (int)(end - port), port);
    else
        buf_add(&name, text, (size_t)(end - text));
    poolfile_node(p, buf_text(&name), name.len, m);
    p->failed |= name.failed;
    buf_free(&name);
}

static struct span indent_of(const struct poolfile *p, const struct line *l)
{
    return (struct span){l->from, text_skip_blanks(p->text, p->len, l->from)};
}

static void slot_after(struct poolfile *p, const struct line *l, enum flavour flavour)
{
    const char *eol = memchr(p->text, '\n', p->len);

    slot_line(&p->slot[0], p, l->to, indent_of(p, l));
    p->slot[0].crlf = eol && eol > p->text && eol[-1] == '\r';
    p->flavour = (int)flavour;
}

/* Under a condition a server is there or not: hidden. */
static void server_read(struct poolfile *p, const struct line *l, size_t depth)
{
    struct member m = {.kind = MEMBER_HIDDEN, .at = {{l->from, l->to}, {0, 0}}};

    if (depth || l->n < 3 || l->odd[2] || !text_is(p->text, l->word[0], "server"))
        poolfile_add(p, m);
    else
        node_read(p, l->word[2], m);
}

/* How deep in conditions the line leaves us; SIZE_MAX: one ends that did not begin. */
static size_t depth_after(const struct poolfile *p, const struct line *l, size_t depth)
{
    if (text_is(p->text, l->word[0], ".if"))
        return depth + 1;
    if (text_is(p->text, l->word[0], ".endif"))
        return depth - 1;
    return depth;
}

/* What follows the heading; new servers go after the last one, or after the last line. */
static bool section_read(struct poolfile *p, size_t pos)
{
    bool has_server = false;
    size_t depth = 0;
    struct line l;

    for (; pos < p->len; pos = l.to) {
        bool is_server;

        line_read(p, pos, &l);
        if (!l.n)
            continue;
        if (l.odd[0] || starts_section(p, &l))
            return false;
        is_server = text_is(p->text, l.word[0], "server");
        if (is_server || text_is(p->text, l.word[0], "server-template"))
            server_read(p, &l, depth);
        depth = depth_after(p, &l, depth);
        if (depth == SIZE_MAX)
            return false;
        if (depth == 0 && (is_server || !has_server))
            slot_after(p, &l, INDENTED);
        has_server |= is_server && depth == 0;
    }
    return depth == 0;
}

static bool haproxy_read(struct poolfile *p)
{
    size_t pos = 0;
    struct line l = {.n = 0};

    for (; pos < p->len && l.n == 0; pos = l.to)
        line_read(p, pos, &l);
    if (l.n < 2 || l.odd[0] || l.odd[1] || !text_is(p->text, l.word[0], "backend") ||
        !text_is(p->text, l.word[1], p->pool))
        return false;
    slot_after(p, &l, UNDER_HEADING);
    return section_read(p, l.to);
}

/* ---- writing ------------------------------------------------------------------------------ */

static const char *server_name(const struct node *node, char *name)
{
    struct node_address address;

    node_split(node, &address);
    (void)snprintf(name, sizeof node->name, "%s:%u", address.host, (unsigned)address.port);
    return name;
}

static void haproxy_create(const struct dialect_settings *s, const char *pool,
                           const struct nodes *nodes, struct buf *out)
{
    char name[sizeof nodes->at[0]->name];

    (void)s;
    buf_printf(out, "backend %s\n    balance roundrobin\n", pool);
    for (size_t i = 0; i < nodes->n; i++)
        buf_printf(out, "    server %s %s " INIT_ADDR "\n", server_name(nodes->at[i], name),
                   nodes->at[i]->name);
}

static bool cuts_the_end(const struct poolfile *p)
{
    for (size_t i = 0; i < p->n; i++)
        if (p->at[i].gone && p->at[i].at[0].to == p->len)
            return true;
    return false;
}

/* A file without a final newline is mended even when there is nothing to change: HAProxy takes it
 * for truncated and does not reload. */
static void haproxy_change(struct poolfile *p, const struct nodes *added, struct splice *out)
{
    struct slot *slot = &p->slot[0];
    bool unfinished = p->len && p->text[p->len - 1] != '\n' && !cuts_the_end(p);
    char name[sizeof added->at[0]->name];

    slot->needs_newline = slot->needs_newline && unfinished;
    for (size_t i = 0; i < added->n; i++)
        slot_printf(slot, p, out, "%sserver %s %s " INIT_ADDR,
                    p->flavour == UNDER_HEADING ? "    " : "", server_name(added->at[i], name),
                    added->at[i]->name);
    if (unfinished)
        splice_printf(out, p->len, "%s", slot->crlf ? "\r\n" : "\n");
}

static const struct grammar haproxy_grammar = {
    .suffix = ".cfg",
    .read = haproxy_read,
    .create = haproxy_create,
    .change = haproxy_change,
};

static void haproxy_list(const struct dialect_settings *s, const struct files *in,
                         struct listing *out)
{
    poolfile_list(&haproxy_grammar, s, in, out);
}

static int haproxy_edit(const struct dialect_settings *s, const struct files *in,
                        const struct change *changes, size_t n, struct files *out,
                        struct error *err)
{
    return poolfile_edit(&haproxy_grammar, s, in, changes, n, out, err);
}

/* Proxy 'www': unable to find required use_backend: 'app'. (or default_backend, or the like) */
static bool haproxy_in_use(const struct pool *pool, const char *said)
{
    char words[sizeof pool->name + 4];

    (void)snprintf(words, sizeof words, "'%s'", pool->name);
    while ((said = strstr(said, "unable to find ")) != NULL) {
        const char *found = strchr(said, '\'');

        if (found && strncmp(found, words, strlen(words)) == 0)
            return true;
        said++;
    }
    return false;
}

const struct dialect haproxy_dialect = {
    .name = "haproxy",
    .suffix = ".cfg",
    .list = haproxy_list,
    .edit = haproxy_edit,
    .in_use = haproxy_in_use,
};
