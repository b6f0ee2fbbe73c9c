/* Reads what of a VCL text makes a pool: the director, its members, and their backends. */
#include "drivers/vcl.h"
#include <string.h>
#include <strings.h>

struct reader {
    struct vcl_lexer l;
    struct vcl_token t; /* the next one */
    size_t end;         /* of the last one */
    const struct poolfile *p;
    struct vcl_pool *v;
};

static void step(struct reader *r)
{
    r->end = r->t.at.to;
    r->t = vcl_next(&r->l);
}

static bool is_word(const struct reader *r, const char *word)
{
    return vcl_is_word(&r->l, &r->t, word);
}

static bool is_mark(const struct reader *r, char mark)
{
    return vcl_is_mark(&r->t, mark);
}

static bool take_mark(struct reader *r, char mark)
{
    if (!is_mark(r, mark))
        return false;
    step(r);
    return true;
}

static bool take_word(struct reader *r, struct span *word)
{
    if (r->t.kind != VCL_WORD)
        return false;
    *word = r->t.at;
    step(r);
    return true;
}

static bool is_over(const struct reader *r)
{
    return r->t.kind == VCL_END || r->t.kind == VCL_BAD;
}

/* Past a block, and the semicolon that may be behind it. */
static bool skip_block(struct reader *r)
{
    r->t = vcl_skip_block(&r->l, &r->t, &r->end);
    if (r->t.kind == VCL_BAD)
        return false;
    (void)take_mark(r, ';');
    return true;
}

/* Past what remains of a statement: up to its semicolon, or its block. */
static bool skip_statement(struct reader *r)
{
    while (!is_over(r) && !is_mark(r, '}')) {
        if (is_mark(r, '{'))
            return skip_block(r);
        if (take_mark(r, ';'))
            return true;
        step(r);
    }
    return false;
}

/* ---- backends ----------------------------------------------------------------------------- */

/* "= VALUE ;" or "= { ... }": the value when it is one word or string alone, else empty. */
static bool read_value(struct reader *r, struct span *value)
{
    size_t n = 0;

    *value = (struct span){0, 0};
    if (!take_mark(r, '='))
        return false;
    for (; !is_mark(r, ';'); step(r)) {
        if (is_over(r) || is_mark(r, '}'))
            return false;
        if (is_mark(r, '{'))
            return skip_block(r);
        *value = r->t.value;
        n++;
    }
    if (n != 1)
        *value = (struct span){0, 0};
    step(r);
    return true;
}

static void note_field(const struct reader *r, struct vcl_backend *b, struct span field,
                       struct span value)
{
    const char *text = r->l.text;
    bool is_host = text_is(text, field, ".host"), is_port = text_is(text, field, ".port");
    struct span *to = is_host ? &b->host : &b->port;

    b->is_plain &= !text_is(text, field, ".path");
    if (text_is(text, field, ".probe"))
        b->probe = value;
    if (!is_host && !is_port)
        return;
    b->is_plain &= to->to == 0 && value.from < value.to;
    *to = value;
}

/* "{ .host = ...; ... }" */
static bool read_body(struct reader *r, struct vcl_backend *b)
{
    struct span field, value;

    b->is_plain = true;
    b->body.from = r->t.at.from;
    if (!take_mark(r, '{'))
        return false;
    while (!is_mark(r, '}')) {
        if (!take_word(r, &field) || r->l.text[field.from] != '.' || !read_value(r, &value))
            return false;
        note_field(r, b, field, value);
    }
    step(r);
    b->body.to = r->end;
    b->is_plain &= b->host.from < b->host.to;
    return true;
}

/* "backend NAME { ... }" or "backend NAME none;" */
static bool read_backend(struct reader *r)
{
    struct vcl_backend b = {.is_plain = false};
    struct vcl_token first = r->t;

    step(r);
    if (!take_word(r, &b.name))
        return false;
    if (is_word(r, "none"))
        step(r);
    else if (!read_body(r, &b))
        return false;
    if (b.body.to == 0 && !take_mark(r, ';'))
        return false;
    b.cut = vcl_cut(&r->l, &first, r->end);
    vcl_pool_add_backend(r->v, &b);
    vcl_slot_after(&r->v->backend_slot, r->p, &first, r->end, NULL);
    return true;
}

/* "probe NAME { ... }" */
static bool read_probe(struct reader *r)
{
    struct vcl_probe probe = {.has_lines = false};
    struct vcl_token first = r->t;

    step(r);
    if (!take_word(r, &probe.name) || !is_mark(r, '{') || !skip_block(r))
        return false;
    probe.cut = vcl_cut(&r->l, &first, r->end);
    probe.has_lines = vcl_has_lines(&r->l, &first, r->end);
    vcl_pool_add_probe(r->v, &probe);
    return true;
}

/* ---- version 4: sub vcl_init -------------------------------------------------------------- */

/* The rest of "(...);" behind its '('. */
static bool skip_arguments(struct reader *r)
{
    for (size_t depth = 1; depth; step(r)) {
        if (is_over(r) || is_mark(r, ';') || is_mark(r, '{') || is_mark(r, '}'))
            return false;
        depth += is_mark(r, '(');
        depth -= is_mark(r, ')');
    }
    return take_mark(r, ';');
}

/* "new NAME = directors.TYPE(...);" A vmod's object that is no director is nobody's business. */
static bool read_new(struct reader *r, const struct vcl_token *open)
{
    struct vcl_token first = r->t;
    struct span name, type;

    step(r);
    if (!take_word(r, &name) || !take_mark(r, '=') || !take_word(r, &type) || !take_mark(r, '(') ||
        !skip_arguments(r))
        return false;
    if (strncasecmp(r->l.text + type.from, "directors.", 10) != 0)
        return true;
    r->v->directors++;
    r->v->version = 4;
    r->v->name = name;
    r->v->type = type;
    vcl_slot_after(&r->v->member_slot, r->p, &first, r->end, open);
    return true;
}

static const char method[] = ".add_backend";

static bool is_adding(const struct reader *r)
{
    size_t len = r->t.at.to - r->t.at.from;

    return r->t.kind == VCL_WORD && len > sizeof method - 1 &&
           memcmp(r->l.text + r->t.at.to - (sizeof method - 1), method, sizeof method - 1) == 0;
}

static bool is_of_director(const struct reader *r, const struct vcl_token *adding)
{
    size_t len = adding->at.to - adding->at.from - (sizeof method - 1);

    return r->v->version == 4 && len == r->v->name.to - r->v->name.from &&
           strncasecmp(r->l.text + adding->at.from, r->l.text + r->v->name.from, len) == 0;
}

/* "NAME.add_backend(BACKEND, ...);" */
static bool read_adding(struct reader *r, const struct vcl_token *open)
{
    struct vcl_member m = {.name = {0, 0}};
    struct vcl_token first = r->t;

    step(r);
    if (!is_of_director(r, &first))
        return r->v->version != 3 && skip_statement(r);
    if (!take_mark(r, '(') || !take_word(r, &m.name) || !skip_arguments(r))
        return false;
    m.entry = (struct span){first.at.from, r->end};
    m.cut = vcl_cut(&r->l, &first, r->end);
    vcl_pool_add_member(r->v, &m);
    vcl_slot_after(&r->v->member_slot, r->p, &first, r->end, open);
    return true;
}

/* At '{' of a vcl_init. What is within ifs is there for reasons of its own. */
static bool read_init(struct reader *r)
{
    struct vcl_token open = r->t;
    size_t depth = 1;
    bool begins = true;

    for (step(r); depth;) {
        bool fresh = begins;

        if (is_over(r))
            return false;
        begins = is_mark(r, ';') || is_mark(r, '{') || is_mark(r, '}');
        depth += is_mark(r, '{');
        depth -= is_mark(r, '}');
        r->v->others += depth > 1 && is_adding(r);
        if (depth == 1 && fresh && is_word(r, "new")) {
            if (!read_new(r, &open))
                return false;
            begins = true;
        } else if (depth == 1 && fresh && is_adding(r)) {
            if (!read_adding(r, &open))
                return false;
            begins = true;
        } else {
            step(r);
        }
    }
    return true;
}

/* ---- version 3: director ------------------------------------------------------------------ */

/* ".backend = NAME;" ".backend = { ... }" ".weight = 5;" within a member's braces. */
static bool read_entry_field(struct reader *r, struct vcl_member *m)
{
    struct span field;

    if (!take_word(r, &field))
        return false;
    if (text_is(r->l.text, field, ".weight"))
        return read_value(r, &m->weight);
    if (!text_is(r->l.text, field, ".backend") || m->own.body.to || m->name.to ||
        !take_mark(r, '='))
        return false;
    if (is_mark(r, '{')) {
        if (!read_body(r, &m->own))
            return false;
        (void)take_mark(r, ';');
        return true;
    }
    return take_word(r, &m->name) && take_mark(r, ';');
}

static bool read_entry(struct reader *r, const struct vcl_token *open)
{
    struct vcl_member m = {.name = {0, 0}};
    struct vcl_token first = r->t;

    for (step(r); !is_mark(r, '}');)
        if (!read_entry_field(r, &m))
            return false;
    if (!m.own.body.to && !m.name.to)
        return false;
    step(r);
    m.entry = (struct span){first.at.from, r->end};
    m.cut = vcl_cut(&r->l, &first, r->end);
    vcl_pool_add_member(r->v, &m);
    vcl_slot_after(&r->v->member_slot, r->p, &first, r->end, open);
    return true;
}

/* ".retries = 5;" ".list = { ... }": the latter's members cannot be told. */
static bool read_option(struct reader *r)
{
    struct vcl_member m = {.is_option = true};
    struct vcl_token first = r->t;
    struct span value;

    if (is_word(r, ".list")) {
        r->v->has_list = true;
        r->v->others++;
    }
    step(r);
    if (!read_value(r, &value))
        return false;
    m.entry = (struct span){first.at.from, r->end};
    m.cut = vcl_cut(&r->l, &first, r->end);
    vcl_pool_add_member(r->v, &m);
    return true;
}

/* "director NAME TYPE { ... }" */
static bool read_director(struct reader *r)
{
    struct vcl_pool *v = r->v;
    size_t from = r->t.at.from;
    struct vcl_token open;
    bool empty = true;

    step(r);
    if (!take_word(r, &v->name) || !take_word(r, &v->type) || !is_mark(r, '{'))
        return false;
    v->directors++;
    v->version = 3;
    open = r->t;
    v->opening = (struct span){from, open.at.to};
    for (step(r); !is_mark(r, '}');) {
        empty &= !is_mark(r, '{');
        if (is_mark(r, '{') ? !read_entry(r, &open) : !(r->t.kind == VCL_WORD && read_option(r)))
            return false;
    }
    v->close = r->t;
    if (empty)
        vcl_slot_before(&v->member_slot, r->p, &v->close);
    step(r);
    return true;
}

/* ---- the text ----------------------------------------------------------------------------- */

static bool read_sub(struct reader *r)
{
    struct vcl_token first = r->t;
    size_t directors = r->v->directors;
    struct span name;

    step(r);
    if (!take_word(r, &name) || !is_mark(r, '{'))
        return false;
    if (!text_is(r->l.text, name, "vcl_init")) {
        r->v->others++;
        return skip_block(r);
    }
    if (!read_init(r))
        return false;
    if (r->v->directors > directors && r->v->n_backends == 0)
        vcl_slot_before(&r->v->backend_slot, r->p, &first);
    return true;
}

static bool read_statement(struct reader *r)
{
    if (take_mark(r, ';'))
        return true;
    if (is_word(r, "backend"))
        return read_backend(r);
    if (is_word(r, "director"))
        return read_director(r);
    if (is_word(r, "sub"))
        return read_sub(r);
    if (is_word(r, "probe"))
        return read_probe(r);
    r->v->others += !is_word(r, "import") && !is_word(r, "vcl");
    return !is_mark(r, '}') && skip_statement(r);
}

bool vcl_pool_read(struct vcl_pool *v, const struct poolfile *p)
{
    struct reader r = {.p = p, .v = v};

    *v = (struct vcl_pool){.version = 0};
    vcl_start(&r.l, p->text, p->len);
    step(&r);
    while (r.t.kind != VCL_END)
        if (r.t.kind == VCL_BAD || !read_statement(&r))
            return false;
    return vcl_pool_sort(v, p->text);
}
