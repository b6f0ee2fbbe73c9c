/* The words of VCL, and where statements can be cut out and put in. */
#include "drivers/vcl.h"
#include <string.h>

void vcl_start(struct vcl_lexer *l, const char *text, size_t len)
{
    *l = (struct vcl_lexer){.text = text, .len = len, .first = true};
}

static bool is_word_byte(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
           c == '.' || c == '-';
}

static bool starts(const struct vcl_lexer *l, size_t pos, const char *mark)
{
    size_t n = strlen(mark);

    return l->len - pos >= n && memcmp(l->text + pos, mark, n) == 0;
}

/* Where mark ends that is searched from pos on; 0: there is none. */
static size_t end_of(const struct vcl_lexer *l, size_t pos, const char *mark)
{
    const char *at = memmem(l->text + pos, l->len - pos, mark, strlen(mark));

    return at ? (size_t)(at - l->text) + strlen(mark) : 0;
}

/* What was passed may hold line ends. */
static void pass(struct vcl_lexer *l, size_t end)
{
    for (size_t i = l->pos; i < end; i++)
        if (l->text[i] == '\n')
            l->line = i + 1;
    l->pos = l->after = end;
    l->first = false;
}

/* At a comment: passes it. false: it has no end. */
static bool pass_comment(struct vcl_lexer *l)
{
    size_t end;

    if (starts(l, l->pos, "/*")) {
        end = end_of(l, l->pos + 2, "*/");
        if (!end)
            return false;
    } else {
        const char *newline = memchr(l->text + l->pos, '\n', l->len - l->pos);

        end = newline ? (size_t)(newline - l->text) : l->len;
    }
    pass(l, end);
    return true;
}

/* false: a comment without an end. */
static bool skip_space(struct vcl_lexer *l)
{
    while (l->pos < l->len) {
        char c = l->text[l->pos];

        if (c == '#' || starts(l, l->pos, "//") || starts(l, l->pos, "/*")) {
            if (!pass_comment(l))
                return false;
            continue;
        }
        if (c != ' ' && c != '\t' && c != '\r' && c != '\n')
            return true;
        l->pos++;
        if (c == '\n') {
            l->line = l->pos;
            l->first = true;
        }
    }
    return true;
}

static void read_string(const struct vcl_lexer *l, struct vcl_token *t, const char *open,
                        const char *close)
{
    size_t from = l->pos + strlen(open), end = end_of(l, from, close);

    t->kind = VCL_BAD;
    if (!end || (close[1] == '\0' && memchr(l->text + from, '\n', end - from)))
        return;
    t->kind = VCL_STRING;
    t->at.to = end;
    t->value = (struct span){from, end - strlen(close)};
}

static void read_mark(const struct vcl_lexer *l, struct vcl_token *t)
{
    size_t end = l->pos + 1;

    t->kind = l->text[l->pos] ? VCL_MARK : VCL_BAD;
    t->mark = l->text[l->pos];
    if (t->mark == 'C')
        end = end_of(l, end, "}C");
    if (!end)
        t->kind = VCL_BAD;
    t->at.to = t->value.to = end ? end : l->len;
}

static void read_word(const struct vcl_lexer *l, struct vcl_token *t)
{
    size_t end = l->pos;

    while (end < l->len && is_word_byte(l->text[end]))
        end++;
    t->kind = VCL_WORD;
    t->at.to = t->value.to = end;
}

struct vcl_token vcl_next(struct vcl_lexer *l)
{
    bool good = skip_space(l);
    struct vcl_token t = {.kind = VCL_END, .line = l->line, .after = l->after, .first = l->first};

    t.at = t.value = (struct span){l->pos, l->pos};
    if (!good)
        t.kind = VCL_BAD;
    else if (l->pos >= l->len)
        return t;
    else if (starts(l, l->pos, "\"\"\""))
        read_string(l, &t, "\"\"\"", "\"\"\"");
    else if (starts(l, l->pos, "{\""))
        read_string(l, &t, "{\"", "\"}");
    else if (l->text[l->pos] == '"')
        read_string(l, &t, "\"", "\"");
    else if (is_word_byte(l->text[l->pos]) && !starts(l, l->pos, "C{"))
        read_word(l, &t);
    else
        read_mark(l, &t);
    if (t.kind != VCL_BAD)
        pass(l, t.at.to);
    return t;
}

bool vcl_is_mark(const struct vcl_token *t, char mark)
{
    return t->kind == VCL_MARK && t->mark == mark;
}

bool vcl_is_word(const struct vcl_lexer *l, const struct vcl_token *t, const char *word)
{
    return t->kind == VCL_WORD && text_is(l->text, t->at, word);
}

struct vcl_token vcl_skip_block(struct vcl_lexer *l, const struct vcl_token *t, size_t *end)
{
    struct vcl_token at = *t;

    for (size_t depth = 0; at.kind != VCL_END && at.kind != VCL_BAD; at = vcl_next(l)) {
        if (vcl_is_mark(&at, '{'))
            depth++;
        else if (vcl_is_mark(&at, '}') && --depth == 0)
            break;
    }
    *end = at.at.to;
    if (at.kind != VCL_MARK)
        at.kind = VCL_BAD;
    return at.kind == VCL_BAD ? at : vcl_next(l);
}

/* ---- places ------------------------------------------------------------------------------- */

/* Does the line end after pos, but for a comment? */
static bool ends_line(const char *text, size_t len, size_t pos)
{
    pos = text_skip_blanks(text, len, pos);
    if (pos + 1 < len && text[pos] == '\r')
        return text[pos + 1] == '\n';
    return pos >= len || text[pos] == '\n' || text[pos] == '#' ||
           (text[pos] == '/' && pos + 1 < len && text[pos + 1] == '/');
}

static struct span indent_of(const struct poolfile *p, size_t line)
{
    return (struct span){line, text_skip_blanks(p->text, p->len, line)};
}

bool vcl_has_lines(const struct vcl_lexer *l, const struct vcl_token *first, size_t end)
{
    return first->first && ends_line(l->text, l->len, end);
}

struct span vcl_cut(const struct vcl_lexer *l, const struct vcl_token *first, size_t end)
{
    if (vcl_has_lines(l, first, end))
        return (struct span){first->line, text_next_line(l->text, l->len, end)};
    if (first->first)
        return (struct span){first->at.from, text_skip_blanks(l->text, l->len, end)};
    return (struct span){first->after, end};
}

void vcl_slot_after(struct slot *s, const struct poolfile *p, const struct vcl_token *t, size_t end,
                    const struct vcl_token *open)
{
    if (!ends_line(p->text, p->len, end)) {
        *s = (struct slot){.at = end, .in_line = true};
        return;
    }
    slot_line(s, p, text_next_line(p->text, p->len, end), indent_of(p, t->line));
    s->deeper = open && t->line == open->line;
}

void vcl_slot_before(struct slot *s, const struct poolfile *p, const struct vcl_token *t)
{
    if (!t->first) {
        *s = (struct slot){.at = t->after, .in_line = true};
        return;
    }
    slot_line(s, p, t->line, indent_of(p, t->line));
    s->deeper = vcl_is_mark(t, '}');
}
