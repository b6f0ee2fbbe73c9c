/* Apache httpd: a pool is a <Proxy> section for a balancer, alone in its file.
 *
 *   <Proxy "balancer://app">
 *     BalancerMember "http://127.0.0.1:9001"
 *   </Proxy>
 *
 * An empty section is a balancer without members, which Apache answers for with 503.
 * Lines are Apache's: one that ends with a backslash goes on, a comment's too. */
#include "drivers/poolfile.h"
#include <stdio.h>
#include <string.h>
#include <strings.h>

/* A line with its continuations: the first word in name, the rest in args. */
struct line {
    size_t from, to;
    struct span name; /* empty: a blank line or a comment */
    struct span args; /* up to the line end; blanks around are cut */
};

/* The bytes of a continuation's mark at pos, or 0. */
static size_t continuation(const struct poolfile *p, size_t pos)
{
    if (p->text[pos] != '\\')
        return 0;
    if (pos + 1 < p->len && p->text[pos + 1] == '\n')
        return 2;
    return pos + 2 < p->len && p->text[pos + 1] == '\r' && p->text[pos + 2] == '\n' ? 3 : 0;
}

static size_t line_end(const struct poolfile *p, size_t pos)
{
    while (pos < p->len && p->text[pos] != '\n') {
        size_t mark = continuation(p, pos);

        pos += mark ? mark : 1;
    }
    return pos < p->len ? pos + 1 : pos;
}

static bool is_blank(const struct poolfile *p, size_t pos)
{
    return p->text[pos] == ' ' || p->text[pos] == '\t' || p->text[pos] == '\r' ||
           p->text[pos] == '\n';
}

/* Past blanks and continuations. */
static size_t skip(const struct poolfile *p, size_t pos, size_t end)
{
    while (pos < end) {
        size_t mark = continuation(p, pos);

        if (!mark && !is_blank(p, pos))
            break;
        pos += mark ? mark : 1;
    }
    return pos < end ? pos : end;
}

/* The line at pos; false: there is none, or one whose first word a continuation divides. */
static bool line_read(const struct poolfile *p, size_t pos, struct line *l)
{
    size_t end;

    if (pos >= p->len)
        return false;
    *l = (struct line){.from = pos, .to = line_end(p, pos)};
    for (end = l->to; end > pos && is_blank(p, end - 1); end--)
        ;
    pos = skip(p, pos, end);
    l->name = (struct span){pos, pos};
    if (pos < end && p->text[pos] == '#')
        return true;
    for (; l->name.to < end && !is_blank(p, l->name.to); l->name.to++)
        if (continuation(p, l->name.to))
            return false;
    l->args = (struct span){skip(p, l->name.to, end), end};
    return true;
}

static bool name_is(const struct poolfile *p, const struct line *l, const char *name)
{
    size_t len = l->name.to - l->name.from;

    return strlen(name) == len && strncasecmp(p->text + l->name.from, name, len) == 0;
}

/* The word at args->from, without quotes; args goes on after it. An unfinished or divided one is
 * taken as it stands: no address looks like that. */
static struct span word_read(const struct poolfile *p, struct span *args)
{
    size_t pos = args->from, from = pos;
    char quote = pos < args->to ? p->text[pos] : '\0';
    struct span word;

    if (quote == '"' || quote == '\'') {
        for (from = ++pos; pos < args->to && p->text[pos] != quote; pos++)
            if (p->text[pos] == '\\')
                pos++;
    } else {
        while (pos < args->to && !is_blank(p, pos))
            pos++;
    }
    if (pos > args->to)
        pos = args->to;
    word = (struct span){from, pos};
    args->from = skip(p, pos < args->to ? pos + 1 : pos, args->to);
    return word;
}

/* ---- reading ------------------------------------------------------------------------------ */

/* Host and port of "scheme://host:port/path"; what has none is hidden. */
static void member_read(struct poolfile *p, const struct line *l)
{
    static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";
    struct member m = {.kind = MEMBER_HIDDEN, .at = {{l->from, l->to}, {0, 0}}};
    struct span args = l->args, url;
    const char *at, *end;

    do
        url = word_read(p, &args);
    while (memchr(p->text + url.from, '=', url.to - url.from) && args.from < args.to);
    end = p->text + url.to;
    at = p->text + url.from + strspn(p->text + url.from, letters);
    if (end - at < 3 || strncmp(at, "://", 3) != 0) {
        poolfile_add(p, m);
        return;
    }
    at += 3;
    for (url.to = url.from = (size_t)(at - p->text); p->text + url.to < end; url.to++)
        if (p->text[url.to] == '/')
            break;
    poolfile_node(p, at, url.to - url.from, m);
}

/* "<Proxy", and balancer://POOL up to the last ">". */
static bool is_open(const struct poolfile *p, const struct line *l)
{
    struct span args = l->args, word;
    size_t len = strlen("balancer://");

    if (!name_is(p, l, "<Proxy") || args.from == args.to || p->text[args.to - 1] != '>')
        return false;
    args.to--;
    word = word_read(p, &args);
    if (args.from != args.to || word.to - word.from < len ||
        strncasecmp(p->text + word.from, "balancer://", len) != 0)
        return false;
    word.from += len;
    if (word.to > word.from && p->text[word.to - 1] == '/')
        word.to--;
    return text_is(p->text, word, p->pool);
}

static bool is_include(const struct poolfile *p, const struct line *l)
{
    return name_is(p, l, "Include") || name_is(p, l, "IncludeOptional") || name_is(p, l, "Use");
}

static struct span indent_of(const struct poolfile *p, size_t line)
{
    return (struct span){line, text_skip_blanks(p->text, p->len, line)};
}

/* A line of the section. Members under a condition are there or not: hidden. */
static void inner_read(struct poolfile *p, const struct line *l, size_t depth)
{
    if (is_include(p, l)) {
        poolfile_add(p, (struct member){.kind = MEMBER_HIDDEN});
    } else if (name_is(p, l, "BalancerMember") && depth) {
        poolfile_add(p, (struct member){.kind = MEMBER_HIDDEN});
    } else if (name_is(p, l, "BalancerMember")) {
        member_read(p, l);
        slot_line(&p->slot[0], p, l->to, indent_of(p, l->from));
    }
}

/* Up to the line that closes the section: its end, or 0. */
static size_t section_read(struct poolfile *p, size_t pos)
{
    size_t depth = 0;
    struct line l;

    for (; line_read(p, pos, &l); pos = l.to) {
        if (l.name.from == l.name.to)
            continue;
        if (depth == 0 && name_is(p, &l, "</Proxy>"))
            break;
        if (p->text[l.name.from] == '<' && p->text[l.name.from + 1] != '/')
            depth++;
        else if (p->text[l.name.from] == '<' && depth-- == 0)
            return 0;
        else
            inner_read(p, &l, depth);
    }
    if (pos >= p->len || !name_is(p, &l, "</Proxy>") || l.args.from != l.args.to)
        return 0;
    if (!p->slot[0].at) {
        slot_line(&p->slot[0], p, l.from, indent_of(p, l.from));
        p->slot[0].deeper = true;
    }
    return l.to;
}

/* The first line at or after pos that says something; false: one that cannot be read. */
static bool next_said(const struct poolfile *p, size_t pos, struct line *l)
{
    *l = (struct line){.from = pos, .to = pos};
    while (pos < p->len && l->name.from == l->name.to) {
        if (!line_read(p, pos, l))
            return false;
        pos = l->to;
    }
    return true;
}

static bool apache_read(struct poolfile *p)
{
    struct line l;
    size_t end;

    if (!next_said(p, 0, &l) || !is_open(p, &l))
        return false;
    end = section_read(p, l.to);
    return end && next_said(p, end, &l) && l.name.from == l.name.to;
}

/* ---- writing ------------------------------------------------------------------------------ */

static void apache_create(const struct dialect_settings *s, const char *pool,
                          const struct nodes *nodes, struct buf *out)
{
    (void)s;
    buf_printf(out, "<Proxy \"balancer://%s\">\n", pool);
    for (size_t i = 0; i < nodes->n; i++)
        buf_printf(out, "  BalancerMember \"http://%s\"\n", nodes->at[i]->name);
    buf_str(out, "</Proxy>\n");
}

static void apache_change(struct poolfile *p, const struct nodes *added, struct splice *out)
{
    for (size_t i = 0; i < added->n; i++)
        slot_printf(&p->slot[0], p, out, "BalancerMember \"http://%s\"", added->at[i]->name);
}

static const struct grammar apache_grammar = {
    .suffix = ".conf",
    .ignores_case = true,
    .read = apache_read,
    .create = apache_create,
    .change = apache_change,
};

static void apache_list(const struct dialect_settings *s, const struct files *in,
                        struct listing *out)
{
    poolfile_list(&apache_grammar, s, in, out);
}

static int apache_edit(const struct dialect_settings *s, const struct files *in,
                       const struct change *changes, size_t n, struct files *out, struct error *err)
{
    return poolfile_edit(&apache_grammar, s, in, changes, n, out, err);
}

/* apache_test.sh found a line, by "pool app is used by FILE:LINE: ..." */
static bool apache_in_use(const struct pool *pool, const char *said)
{
    char words[sizeof pool->name + 20];

    (void)snprintf(words, sizeof words, "pool %s is used by ", pool->name);
    return strstr(said, words) != NULL;
}

const struct dialect apache_dialect = {
    .name = "apache",
    .suffix = ".conf",
    .ignores_case = true,
    .list = apache_list,
    .edit = apache_edit,
    .in_use = apache_in_use,
};
