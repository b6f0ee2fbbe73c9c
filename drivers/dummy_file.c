/* The dummy's pools as a YAML file: a mapping of pools to lists of nodes. */
#include "drivers/dummy_store.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <yaml.h>

/* ---- reading ------------------------------------------------------------------------------ */

static int bad_shape(const char *path, const yaml_node_t *node, const char *what, struct error *err)
{
    return error_set(err, EINVAL, "%s:%zu:%zu: %s", path, node->start_mark.line + 1,
                     node->start_mark.column + 1, what);
}

static int load_name(const char *path, const yaml_node_t *node, struct change *c, struct error *err)
{
    const char *text;
    struct error why;

    if (!node || node->type != YAML_SCALAR_NODE)
        return error_set(err, EINVAL, "%s: names of pools and nodes must be plain texts", path);
    text = (const char *)node->data.scalar.value;
    if (c->kind == CREATE_POOL ? pool_parse(&c->pool, text, &why) == -1
                               : node_parse(&c->node, text, &why) == -1)
        return bad_shape(path, node, why.text, err);
    return 0;
}

static int load_pool(struct store *s, const char *path, yaml_document_t *doc,
                     const yaml_node_pair_t *pair, struct error *err)
{
    const yaml_node_t *nodes = yaml_document_get_node(doc, pair->value);
    struct change c = {.kind = CREATE_POOL};

    if (load_name(path, yaml_document_get_node(doc, pair->key), &c, err) == -1 ||
        store_change(s, &c, err) == -1)
        return -1;
    c.kind = ADD_NODE;
    if (nodes->type == YAML_SCALAR_NODE && nodes->data.scalar.length == 0)
        return 0;
    if (nodes->type != YAML_SEQUENCE_NODE)
        return bad_shape(path, nodes, "a pool must be a list of nodes", err);
    for (yaml_node_item_t *i = nodes->data.sequence.items.start; i < nodes->data.sequence.items.top;
         i++)
        if (load_name(path, yaml_document_get_node(doc, *i), &c, err) == -1 ||
            store_change(s, &c, err) == -1)
            return -1;
    return 0;
}

static int load_document(struct store *s, const char *path, yaml_document_t *doc, struct error *err)
{
    const yaml_node_t *root = yaml_document_get_root_node(doc);

    if (!root || (root->type == YAML_SCALAR_NODE && root->data.scalar.length == 0))
        return 0;
    if (root->type != YAML_MAPPING_NODE)
        return bad_shape(path, root, "must be a mapping of pools to lists of nodes", err);
    for (yaml_node_pair_t *p = root->data.mapping.pairs.start; p < root->data.mapping.pairs.top;
         p++)
        if (load_pool(s, path, doc, p, err) == -1)
            return -1;
    return 0;
}

int store_load(struct store *s, const char *path, struct error *err)
{
    FILE *file = fopen(path, "re");
    yaml_parser_t parser;
    yaml_document_t doc;
    int rc = -1;

    if (!file)
        return error_set(err, errno, "%s: %s", path, strerror(errno));
    if (!yaml_parser_initialize(&parser)) {
        (void)fclose(file);
        return error_set(err, ENOMEM, "out of memory");
    }
    store_clear(s);
    yaml_parser_set_input_file(&parser, file);
    if (yaml_parser_load(&parser, &doc)) {
        rc = load_document(s, path, &doc, err);
        yaml_document_delete(&doc);
    } else {
        (void)error_set(err, EINVAL, "%s:%zu:%zu: %s", path, parser.problem_mark.line + 1,
                        parser.problem_mark.column + 1,
                        parser.problem ? parser.problem : "not YAML");
    }
    yaml_parser_delete(&parser);
    (void)fclose(file);
    return rc;
}

/* ---- writing ------------------------------------------------------------------------------ */

static int add_text(yaml_document_t *doc, const char *text)
{
    return yaml_document_add_scalar(doc, NULL, (const yaml_char_t *)text, (int)strlen(text),
                                    YAML_PLAIN_SCALAR_STYLE);
}

static bool add_pool(yaml_document_t *doc, int root, const struct store_pool *p)
{
    int list = yaml_document_add_sequence(
        doc, NULL, p->n ? YAML_BLOCK_SEQUENCE_STYLE : YAML_FLOW_SEQUENCE_STYLE);
    int name = add_text(doc, p->name);

    if (!list || !name || !yaml_document_append_mapping_pair(doc, root, name, list))
        return false;
    for (size_t i = 0; i < p->n; i++) {
        int node = add_text(doc, p->nodes[i]);

        if (!node || !yaml_document_append_sequence_item(doc, list, node))
            return false;
    }
    return true;
}

static bool write_yaml(const struct store *s, FILE *file)
{
    yaml_emitter_t emitter;
    yaml_document_t doc;
    bool ok;
    int root;

    if (!yaml_emitter_initialize(&emitter))
        return false;
    yaml_emitter_set_output_file(&emitter, file);
    ok = yaml_emitter_open(&emitter) && yaml_document_initialize(&doc, NULL, NULL, NULL, 1, 1);
    if (ok) {
        root = yaml_document_add_mapping(&doc, NULL, YAML_BLOCK_MAPPING_STYLE);
        ok = root != 0;
        for (size_t i = 0; ok && i < s->n; i++)
            ok = add_pool(&doc, root, &s->pools[i]);
        if (ok)
            ok = yaml_emitter_dump(&emitter, &doc) && yaml_emitter_close(&emitter);
        else
            yaml_document_delete(&doc);
    }
    yaml_emitter_delete(&emitter);
    return ok;
}

int store_save(const struct store *s, const char *path, struct error *err)
{
    char temporary[4096];
    FILE *file;
    bool ok;

    if ((size_t)snprintf(temporary, sizeof temporary, "%s.new", path) >= sizeof temporary)
        return error_set(err, ENAMETOOLONG, "%s: the name is too long", path);
    file = fopen(temporary, "we");
    if (!file)
        return error_set(err, errno, "%s: %s", temporary, strerror(errno));
    errno = EIO;
    ok = write_yaml(s, file) && fflush(file) == 0 && fsync(fileno(file)) == 0;
    ok = fclose(file) == 0 && ok;
    if (ok && rename(temporary, path) == 0)
        return 0;
    (void)error_set(err, errno, "%s: %s", path, strerror(errno));
    (void)unlink(temporary);
    return -1;
}
