/* nginx: a pool is an upstream block that is alone in its file.
 *
 *   upstream app {
 *     server 127.0.0.1:9001;
 *   }
 *
 * nginx refuses an upstream without servers, hence the placeholder in an empty one. It has to be
 * harmless to readers that know "server ...;" only: a server that is down, never looked up. */
#include "drivers/poolfile.h"
#include <string.h>
#include <strings.h>

#define PLACEHOLDER "server 127.0.0.1:1 down;"

enum token_kind { WORD, SEMICOLON, OPEN, CLOSE, END, BAD };

struct token {
    enum token_kind kind;
    struct span at;    /* with quotes */
    struct span value; /* without */
    size_t line;       /* where its line begins */
    bool first;        /* nothing but blanks before it on that line */
};

struct lexer {
    const char *text;
    size_t len, pos, line;
    bool first;
};

static bool is_space(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

static void skip_space(struct lexer *l)
{
    for (; l->pos < l->len; l->pos++) {
        if (l->text[l->pos] == '#')
            l->pos = text_next_line(l->text, l->len, l->pos) - 1;
        else if (!is_space(l->text[l->pos]))
            return;
        if (l->pos < l->len && l->text[l->pos] == '\n') {
            l->line = l->pos + 1;
            l->first = true;
        }
    }
}

/* Lines inside of a quoted word count as well. */
static void note_lines(struct lexer *l, struct span at)
{
    for (size_t i = at.from; i < at.to; i++)
        if (l->text[i] == '\n')
            l->line = i + 1;
}

static size_t quoted_end(const struct lexer *l)
{
    char quote = l->text[l->pos];

    for (size_t i = l->pos + 1; i < l->len; i++) {
        if (l->text[i] == '\\')
            i++;
        else if (l->text[i] == quote)
            return i + 1;
    }
    return l->len + 1;
}

/* A brace is part of a word after a dollar, and a closing one anywhere within. */
static size_t plain_end(const struct lexer *l)
{
    size_t i = l->pos;

    for (; i < l->len; i++) {
        char c = l->text[i];

        if (is_space(c) || c == ';' || (c == '{' && !(i > l->pos && l->text[i - 1] == '$')))
            break;
        if (c == '\\')
            i++;
    }
    return i < l->len ? i : l->len;
}

static void read_word(struct lexer *l, struct token *t)
{
    char c = l->text[l->pos];
    bool quoted = c == '"' || c == '\'';
    size_t end = quoted ? quoted_end(l) : plain_end(l);

    if (end > l->len || (quoted && end < l->len && !is_space(l->text[end]) && l->text[end] != ';' &&
                         l->text[end] != '{')) {
        t->kind = BAD;
        return;
    }
    t->kind = WORD;
    t->at = (struct span){l->pos, end};
    t->value = (struct span){l->pos + quoted, end - quoted};
}

static struct token next_token(struct lexer *l)
{
    struct token t = {.kind = END};
    const char *marks = ";{}", *mark;

    skip_space(l);
    t.line = l->line;
    t.first = l->first;
    l->first = false;
    t.at = t.value = (struct span){l->pos, l->pos};
    if (l->pos >= l->len)
        return t;
    mark = strchr(marks, l->text[l->pos]);
    if (mark) {
        t.kind = *mark == ';' ? SEMICOLON : *mark == '{' ? OPEN : CLOSE;
        t.at.to = l->pos + 1;
    } else {
        read_word(l, &t);
        note_lines(l, t.at);
    }
    l->pos = t.at.to;
    return t;
}

/* ---- reading ------------------------------------------------------------------------------ */

/* A directive up to its semicolon; of its words, the first four. */
struct directive {
    struct token word[4];
    size_t n;
    bool spare;
    size_t before; /* the end of what precedes it */
    size_t end;
};

static bool read_directive(struct lexer *l, struct token first, size_t before, struct directive *d)
{
    struct token t = first;

    *d = (struct directive){.before = before};
    for (; t.kind == WORD; t = next_token(l)) {
        if (d->n < 4)
            d->word[d->n] = t;
        d->n++;
        d->spare |= text_is(l->text, t.value, "backup");
    }
    d->end = t.at.to;
    return d->n && t.kind == SEMICOLON;
}

/* Does the line end after pos, but for a comment? */
static bool ends_line(const char *text, size_t len, size_t pos)
{
    pos = text_skip_blanks(text, len, pos);
    if (pos + 1 < len && text[pos] == '\r' && text[pos + 1] == '\n')
        pos++;
    return pos < len && (text[pos] == '\n' || text[pos] == '#');
}

static struct span directive_cut(const struct lexer *l, const struct directive *d)
{
    const struct token *t = &d->word[0];

    if (t->first && ends_line(l->text, l->len, d->end))
        return (struct span){t->line, text_next_line(l->text, l->len, d->end)};
    if (t->first)
        return (struct span){t->at.from, text_skip_blanks(l->text, l->len, d->end)};
    return (struct span){d->before > t->line ? d->before : t->line, d->end};
}

static void read_server(struct poolfile *p, struct lexer *l, const struct directive *d)
{
    struct member m = {.kind = MEMBER_HIDDEN, .spare = d->spare};
    struct span address = d->word[1].value;

    m.at[0] = directive_cut(l, d);
    if (d->n == 3 && text_is(p->text, address, "127.0.0.1:1") &&
        text_is(p->text, d->word[2].value, "down")) {
        m.kind = MEMBER_PLACEHOLDER;
        poolfile_add(p, m);
    } else if (d->n < 2) {
        poolfile_add(p, m);
    } else {
        poolfile_node(p, p->text + address.from, address.to - address.from, m);
    }
}

static struct span indent_of(const struct poolfile *p, size_t line)
{
    return (struct span){line, text_skip_blanks(p->text, p->len, line)};
}

/* After the server that stands last. */
static void slot_after(struct poolfile *p, const struct lexer *l, const struct directive *d,
                       const struct token *open)
{
    const struct token *t = &d->word[0];

    if (!ends_line(p->text, p->len, d->end)) {
        p->slot[0] = (struct slot){.at = d->end, .in_line = true};
        return;
    }
    slot_line(&p->slot[0], p, text_next_line(p->text, l->len, d->end), indent_of(p, t->line));
    p->slot[0].deeper = t->line == open->line;
}

static void slot_before(struct poolfile *p, const struct token *close, size_t before)
{
    if (!close->first) {
        p->slot[0] = (struct slot){.at = before, .in_line = true};
        return;
    }
    slot_line(&p->slot[0], p, close->line, indent_of(p, close->line));
    p->slot[0].deeper = true;
}

static bool read_block(struct poolfile *p, struct lexer *l, const struct token *open)
{
    struct directive d = {.end = open->at.to}, last = {.n = 0};
    struct token t;

    for (t = next_token(l); t.kind != CLOSE; t = next_token(l)) {
        if (!read_directive(l, t, d.end, &d))
            return false;
        if (text_is(p->text, d.word[0].value, "server")) {
            read_server(p, l, &d);
            last = d;
        } else if (text_is(p->text, d.word[0].value, "include")) {
            poolfile_add(p, (struct member){.kind = MEMBER_HIDDEN});
        }
    }
    if (last.n)
        slot_after(p, l, &last, open);
    else
        slot_before(p, &t, d.end);
    return true;
}

static bool nginx_read(struct poolfile *p)
{
    struct lexer l = {.text = p->text, .len = p->len, .first = true};
    struct token word = next_token(&l), name, open;

    if (word.kind != WORD || !text_is(p->text, word.value, "upstream"))
        return false;
    name = next_token(&l);
    if (name.kind != WORD || !text_is(p->text, name.value, p->pool))
        return false;
    open = next_token(&l);
    if (open.kind != OPEN || !read_block(p, &l, &open))
        return false;
    return next_token(&l).kind == END;
}

/* ---- writing ------------------------------------------------------------------------------ */

static void nginx_create(const struct dialect_settings *s, const char *pool,
                         const struct nodes *nodes, struct buf *out)
{
    (void)s;
    buf_printf(out, "upstream %s {\n", pool);
    for (size_t i = 0; i < nodes->n; i++)
        buf_printf(out, "  server %s;\n", nodes->at[i]->name);
    if (!nodes->n)
        buf_str(out, "  " PLACEHOLDER " # pool is empty\n");
    buf_str(out, "}\n");
}

/* What the members of a file come to when the gone ones are gone. */
struct tally {
    size_t servers, spares, placeholders, gone;
};

static struct tally count_members(const struct poolfile *p)
{
    struct tally n = {0};

    for (size_t i = 0; i < p->n; i++) {
        const struct member *m = &p->at[i];

        n.placeholders += m->kind == MEMBER_PLACEHOLDER;
        n.gone += m->gone;
        if (m->kind == MEMBER_PLACEHOLDER || m->gone)
            continue;
        n.servers += !m->spare;
        n.spares += m->spare;
    }
    return n;
}

/* An upstream that nothing but spare servers are in needs the placeholder, too. One without any
 * is mended even when there is nothing to change: it stops every reload of that nginx. */
static void nginx_change(struct poolfile *p, const struct nodes *added, struct splice *out)
{
    const struct slot *slot = &p->slot[0];
    struct tally n = count_members(p);
    bool empty = added->n == 0 && n.servers == 0;

    for (size_t i = 0; i < p->n; i++)
        if (p->at[i].kind == MEMBER_PLACEHOLDER)
            p->at[i].gone = !empty && added->n + n.gone > 0;
    for (size_t i = 0; i < added->n; i++)
        slot_printf(slot, p, out, "server %s;", added->at[i]->name);
    if (empty && n.placeholders == 0)
        slot_printf(slot, p, out, PLACEHOLDER "%s",
                    slot->in_line || n.spares ? "" : " # pool is empty");
}

/* An upstream shadows the host of its name in every proxy_pass. */
static const char *nginx_refuses(const char *pool)
{
    if (strcasecmp(pool, "localhost") == 0)
        return "nginx would take it for every proxy_pass to that host";
    if (strchr(pool, '.') && pool[strspn(pool, "0123456789.")] == '\0')
        return "nginx would take it for every proxy_pass to that address";
    return NULL;
}

static const struct grammar nginx_grammar = {
    .suffix = ".conf",
    .ignores_case = true,
    .read = nginx_read,
    .create = nginx_create,
    .change = nginx_change,
    .refuses = nginx_refuses,
};

static void nginx_list(const struct dialect_settings *s, const struct files *in,
                       struct listing *out)
{
    poolfile_list(&nginx_grammar, s, in, out);
}

static int nginx_edit(const struct dialect_settings *s, const struct files *in,
                      const struct change *changes, size_t n, struct files *out, struct error *err)
{
    return poolfile_edit(&nginx_grammar, s, in, changes, n, out, err);
}

/* Without its upstream, a pool's name is a host's: host not found in upstream "app" */
static bool nginx_in_use(const struct pool *pool, const char *said)
{
    static const char missing[] = "host not found in upstream \"";
    size_t len = strlen(pool->name);

    while ((said = strstr(said, missing))) {
        said += sizeof missing - 1;
        if (strncasecmp(said, pool->name, len) == 0 && strchr("\":/", said[len]))
            return true;
    }
    return false;
}

const struct dialect nginx_dialect = {
    .name = "nginx",
    .suffix = ".conf",
    .ignores_case = true,
    .list = nginx_list,
    .edit = nginx_edit,
    .in_use = nginx_in_use,
};
