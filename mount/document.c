/* YAML by libyaml: one document, its aliases bounded, its texts wiped. */
#include "mount/document.h"
#include <assert.h>
#include <search.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <yaml.h>

/* An alias costs nothing in the file, so what is walked is counted, not what is written. */
#define VISITS_MAX 2000000
#define BYTES_MAX (64U << 20)
#define DEPTH_MAX 24

struct document {
    yaml_document_t yaml;
    struct problems *problems;
    size_t visits, bytes;
    int depth;
    bool refused;
};

/* ---- reading ------------------------------------------------------------------------------ */

/* libyaml has decoded the text into buffers of its own, which may hold passwords. */
static void parser_wipe(yaml_parser_t *parser)
{
    if (parser->raw_buffer.start)
        explicit_bzero(parser->raw_buffer.start,
                       (size_t)(parser->raw_buffer.end - parser->raw_buffer.start));
    if (parser->buffer.start)
        explicit_bzero(parser->buffer.start, (size_t)(parser->buffer.end - parser->buffer.start));
    yaml_parser_delete(parser);
}

static struct place place_of(const yaml_mark_t *mark)
{
    return (struct place){(int)mark->line + 1, (int)mark->column + 1};
}

/* A reader's error knows only how many bytes came before it. */
static struct place place_of_offset(const char *text, size_t len, size_t offset)
{
    struct place place = {1, 1};

    for (size_t i = 0; i < len && i < offset; i++) {
        if (text[i] == '\n')
            place = (struct place){place.line + 1, 1};
        else if (((unsigned char)text[i] & 0xc0) != 0x80)
            place.column++;
    }
    return place;
}

static void report(const yaml_parser_t *parser, const char *text, size_t len, struct problems *p)
{
    struct place at = place_of(&parser->problem_mark);
    struct place from = place_of(&parser->context_mark);

    if (parser->error == YAML_MEMORY_ERROR)
        problems_add(p, (struct place){0, 0}, "out of memory");
    else if (parser->error == YAML_READER_ERROR)
        problems_add(p, place_of_offset(text, len, parser->problem_offset), "not text: %s",
                     parser->problem);
    else if (parser->context)
        problems_add(p, at, "%s, %s that begins in line %d", parser->problem, parser->context,
                     from.line);
    else
        problems_add(p, at, "%s", parser->problem ? parser->problem : "not YAML");
}

/* A second document would be settings that nobody reads. */
static int refuse_second(yaml_parser_t *parser, const char *text, size_t len, struct problems *p)
{
    yaml_document_t second;
    yaml_node_t *root;

    if (!yaml_parser_load(parser, &second)) {
        report(parser, text, len, p);
        return -1;
    }
    root = yaml_document_get_root_node(&second);
    if (root)
        problems_add(p, place_of(&root->start_mark),
                     "a second YAML document begins here: only one can be read");
    yaml_document_delete(&second);
    return root ? -1 : 0;
}

struct document *document_parse(const char *text, size_t len, struct problems *problems)
{
    struct document *d = calloc(1, sizeof *d);
    yaml_parser_t parser;
    int result = -1;

    if (!d || !yaml_parser_initialize(&parser)) {
        problems_add(problems, (struct place){0, 0}, "out of memory");
        free(d);
        return NULL;
    }
    d->problems = problems;
    yaml_parser_set_input_string(&parser, (const unsigned char *)text, len);
    if (!yaml_parser_load(&parser, &d->yaml))
        report(&parser, text, len, problems);
    else
        result = refuse_second(&parser, text, len, problems);
    parser_wipe(&parser);
    if (result == 0)
        return d;
    document_free(d);
    return NULL;
}

void document_free(struct document *d)
{
    if (!d)
        return;
    for (yaml_node_t *n = d->yaml.nodes.start; n < d->yaml.nodes.top; n++)
        if (n->type == YAML_SCALAR_NODE)
            explicit_bzero(n->data.scalar.value, n->data.scalar.length);
    yaml_document_delete(&d->yaml);
    free(d);
}

/* ---- nodes -------------------------------------------------------------------------------- */

static yaml_node_t *get(const struct document *d, int node)
{
    yaml_node_t *first = d->yaml.nodes.start;

    assert(node > 0 && node <= d->yaml.nodes.top - first);
    return first + node - 1;
}

int document_root(const struct document *d)
{
    return d->yaml.nodes.top > d->yaml.nodes.start ? 1 : 0;
}

static bool is_plain(const yaml_node_t *n, const char *text)
{
    return n->data.scalar.style == YAML_PLAIN_SCALAR_STYLE &&
           strcmp((const char *)n->data.scalar.value, text) == 0;
}

enum node_kind document_kind(const struct document *d, int node)
{
    static const char *const nulls[] = {"", "~", "null", "Null", "NULL"};
    const yaml_node_t *n = get(d, node);

    if (n->type == YAML_SEQUENCE_NODE)
        return NODE_LIST;
    if (n->type == YAML_MAPPING_NODE)
        return NODE_MAP;
    for (size_t i = 0; i < sizeof nulls / sizeof *nulls; i++)
        if (is_plain(n, nulls[i]))
            return NODE_NULL;
    return NODE_TEXT;
}

struct place document_place(const struct document *d, int node)
{
    return place_of(&get(d, node)->start_mark);
}

/* !!binary or somebody's !vault would be taken for the text that it is not. */
static bool is_text(const char *tag)
{
    static const char *const known[] = {YAML_STR_TAG,  YAML_INT_TAG,  YAML_FLOAT_TAG,
                                        YAML_BOOL_TAG, YAML_NULL_TAG, YAML_TIMESTAMP_TAG};

    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (strcmp(tag, known[i]) == 0)
            return true;
    return false;
}

const char *document_text(struct document *d, int node)
{
    const yaml_node_t *n = get(d, node);
    const char *text = (const char *)n->data.scalar.value;

    assert(n->type == YAML_SCALAR_NODE);
    if (strlen(text) != n->data.scalar.length)
        problems_add(d->problems, place_of(&n->start_mark), "a value holds a NUL byte");
    else if (!is_text((const char *)n->tag))
        problems_add(d->problems, place_of(&n->start_mark), "the type %s is not understood",
                     (const char *)n->tag);
    else
        return text;
    return NULL;
}

bool document_is_plain(const struct document *d, int node)
{
    const yaml_node_t *n = get(d, node);

    return n->data.scalar.style == YAML_PLAIN_SCALAR_STYLE &&
           strcmp((const char *)n->tag, YAML_STR_TAG) == 0;
}

int document_item(const struct document *d, int node, size_t i)
{
    const yaml_node_t *n = get(d, node);

    assert(n->type == YAML_SEQUENCE_NODE);
    if (i >= (size_t)(n->data.sequence.items.top - n->data.sequence.items.start))
        return 0;
    return n->data.sequence.items.start[i];
}

int document_find(struct document *d, int node, const char *name)
{
    const yaml_node_t *map = get(d, node), *key;
    int found = 0;

    for (yaml_node_pair_t *y = map->data.mapping.pairs.start; y < map->data.mapping.pairs.top;
         y++) {
        key = get(d, y->key);
        if (key->type != YAML_SCALAR_NODE ||
            strcasecmp((const char *)key->data.scalar.value, name) != 0)
            continue;
        if (found)
            problems_add(d->problems, place_of(&key->start_mark), "a second %s", name);
        else
            found = y->value;
    }
    return found;
}

/* ---- walking ------------------------------------------------------------------------------ */

static void refuse(struct document *d, int node, const char *text)
{
    if (!d->refused)
        problems_add(d->problems, document_place(d, node), "%s", text);
    d->refused = true;
}

bool document_enter(struct document *d, int node)
{
    const yaml_node_t *n = get(d, node);

    d->depth++;
    d->visits++;
    if (n->type == YAML_SCALAR_NODE)
        d->bytes += n->data.scalar.length;
    if (d->depth > DEPTH_MAX)
        refuse(d, node, "nested too deeply: does an alias refer to what it is part of?");
    else if (d->visits > VISITS_MAX || d->bytes > BYTES_MAX)
        refuse(d, node, "aliases make this too large");
    return !d->refused;
}

void document_leave(struct document *d)
{
    assert(d->depth > 0);
    d->depth--;
}

/* A name that was met, and in which mapping (a serial number: one is met twice by two aliases). */
struct met {
    const char *name;
    int key;
    size_t map;
};

struct pairs {
    struct document *document;
    int (*same)(const char *, const char *);
    struct pair *at;
    size_t n, size, maps;
    void *met; /* a tree of struct met */
};

static int by_name(const void *a, const void *b)
{
    const struct met *x = a, *y = b;

    return strcmp(x->name, y->name);
}

static int by_name_in_any_case(const void *a, const void *b)
{
    const struct met *x = a, *y = b;

    return strcasecmp(x->name, y->name);
}

/* What stands under that name, now or since before; NULL: out of memory. */
static const struct met *pairs_meet(struct pairs *p, const struct pair *pair)
{
    struct met *met = malloc(sizeof *met), **found;

    if (!met)
        return NULL;
    *met = (struct met){pair->name, pair->key, p->maps};
    found = tsearch(met, &p->met, p->same == strcmp ? by_name : by_name_in_any_case);
    if (!found || *found != met)
        free(met);
    return found ? *found : NULL;
}

static bool pairs_add(struct pairs *p, struct pair pair)
{
    size_t size = p->n < p->size ? p->size : 2 * p->size + 16;
    struct pair *at = size == p->size ? p->at : reallocarray(p->at, size, sizeof *at);

    if (!at)
        return false;
    p->at = at;
    p->size = size;
    p->at[p->n++] = pair;
    return true;
}

static void pairs_put(struct pairs *p, struct pair pair)
{
    struct document *d = p->document;
    const struct met *met = pairs_meet(p, &pair);

    if (!met || (met->key == pair.key && met->map == p->maps && !pairs_add(p, pair)))
        refuse(d, pair.key, "out of memory");
    else if (met->map == p->maps && met->key != pair.key)
        problems_add(d->problems, document_place(d, pair.key), "%s is already in line %d",
                     pair.name, document_place(d, met->key).line);
}

/* The pairs that stand in the mapping itself. Those met in an earlier one win. */
static void pairs_add_own(struct pairs *p, const yaml_node_t *map)
{
    struct document *d = p->document;

    p->maps++;
    for (yaml_node_pair_t *y = map->data.mapping.pairs.start; y < map->data.mapping.pairs.top;
         y++) {
        const yaml_node_t *key = get(d, y->key);
        struct pair pair = {y->key, y->value, NULL};

        if (key->type != YAML_SCALAR_NODE) {
            problems_add(d->problems, place_of(&key->start_mark), "a key must be a text");
            continue;
        }
        if (!is_plain(key, "<<"))
            pair.name = document_text(d, y->key);
        if (pair.name)
            pairs_put(p, pair);
    }
}

static void pairs_add_map(struct pairs *p, int node);

/* The value of `<<`: a mapping, or a list of them, of which the first wins. */
static void pairs_merge(struct pairs *p, int node)
{
    struct document *d = p->document;
    int item;

    switch (document_kind(d, node)) {
    case NODE_MAP:
        pairs_add_map(p, node);
        return;
    case NODE_LIST:
        for (size_t i = 0; (item = document_item(d, node, i)); i++)
            if (document_kind(d, item) == NODE_MAP)
                pairs_add_map(p, item);
            else
                problems_add(d->problems, document_place(d, item), "<< takes mappings");
        return;
    case NODE_NULL:
    case NODE_TEXT:
        problems_add(d->problems, document_place(d, node), "<< takes a mapping");
    }
}

static void pairs_add_map(struct pairs *p, int node)
{
    struct document *d = p->document;
    const yaml_node_t *map = get(d, node);

    if (document_enter(d, node)) {
        pairs_add_own(p, map);
        for (yaml_node_pair_t *y = map->data.mapping.pairs.start;
             y < map->data.mapping.pairs.top && !d->refused; y++)
            if (get(d, y->key)->type == YAML_SCALAR_NODE && is_plain(get(d, y->key), "<<"))
                pairs_merge(p, y->value);
    }
    document_leave(d);
}

size_t document_pairs(struct document *d, int node, int (*same)(const char *, const char *),
                      struct pair **pairs)
{
    struct pairs p = {.document = d, .same = same};

    pairs_add_map(&p, node);
    tdestroy(p.met, free);
    *pairs = p.at;
    return p.n;
}
